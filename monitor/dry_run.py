"""What a run would do: the steps, which of them are done, and what they would read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monitor.config import load_survey
from monitor.engine import selected
from monitor.manifest import read_manifest
from monitor.workflow import RunOptions
from monitor.workflow import plan as steps_of

__all__ = ["describe"]


def describe(survey_path: Path, options: RunOptions, verb: str | None) -> list[dict[str, Any]]:
    """Return one row for each step: name, whether it has been done before, and its input files; writes nothing."""
    survey = load_survey(survey_path)
    manifest = read_manifest(options.out) if options.resume else None
    done = {name for name, step in manifest.steps.items() if step.is_done} if manifest is not None else set()
    rows = []
    for step in selected(steps_of(survey, survey_path, options), verb):
        files = [path for path in step.inputs if path.is_file()]
        rows.append(
            {
                "step": step.name,
                "state": "done before" if step.name in done else "to do",
                "inputs": len(files),
                "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
            }
        )
    return rows
