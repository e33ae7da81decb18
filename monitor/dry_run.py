"""What a run would do: the steps, which of them are done, and what they would read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.config import Survey, load_survey
from monitor.engine import Step, foreseen
from monitor.manifest import read_manifest
from monitor.workflow import FETCH, RunOptions, base_manifest, chosen
from monitor.workflow import plan as steps_of

__all__ = ["describe"]


def describe(
    survey_path: Path, options: RunOptions, verb: str | None, *, probe: bool = False
) -> list[dict[str, Any]]:
    """Return one row for each step: name, state (see `foreseen`), input files and blocks; writes nothing.

    With `probe` a few blocks of imagery and maps are made and thrown away, where there are more than a few: their
    rows tell seconds, megabytes read and the peak of memory too.
    """
    survey = load_survey(survey_path)
    manifest = base_manifest(survey, survey_path)
    earlier = read_manifest(options.out) if options.resume else None
    if earlier is not None and earlier.survey.get("name") == survey.survey.name:
        manifest = replace(manifest, steps=earlier.steps, inputs=earlier.inputs)
    steps = chosen(steps_of(survey, survey_path, options), verb, options.tier)
    states = foreseen(steps, options.out, manifest, root=survey_path.resolve().parent)
    told = {}
    if probe:
        from monitor.context import Context
        from monitor.probing import FEWEST, probed

        context = Context(survey=survey, root=survey_path.resolve().parent, out=options.out, jobs=options.jobs)
        open_steps = [step for step in steps if states[step.name].startswith("to do")]
        told = probed(context, [step.name for step in open_steps if step.blocks >= FEWEST])
    rows = [_row(step, states[step.name]) | told.get(step.name, {}) for step in steps]
    return [*_fetch_row(survey, survey_path, options), *rows]


def _fetch_row(survey: Survey, survey_path: Path, options: RunOptions) -> list[dict[str, Any]]:
    """Return the row of the images on the web; how many there are is known when they are here."""
    from monitor.context import Context
    from monitor.steps.fetch import fetched_files, is_fetched

    if survey.imagery is None or survey.imagery.address is None:
        return []
    context = Context(survey=survey, root=survey_path.resolve().parent, out=options.out)
    files = fetched_files(context)
    return [
        {
            "step": FETCH,
            "state": "done" if is_fetched(context) else "to do",
            "inputs": len(files),
            "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
            "blocks": 1,
        }
    ]


def _row(step: Step, state: str) -> dict[str, Any]:
    files = [path for path in step.inputs if path.is_file()]
    return {
        "step": step.name,
        "state": state,
        "inputs": len(files),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "blocks": step.blocks,
    }
