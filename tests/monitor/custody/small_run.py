"""A run folder of a few small files of all three tiers, with its manifest and card: made here, not by a survey."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from monitor.manifest import FileRecord, Manifest, StepRecord, fingerprint
from monitor.run_card import run_id, write_run_card
from monitor.run_folder import RunFolder

STRICT = {
    "reference": {"frame/sample.csv": "unit,x,y\n1,712345.5,4012345.5\n", "frame/reference.csv": "1,coca\n"},
    "estimate": {"estimates/estimates.csv": "crop,value_ha,run_id\ncoca,12.5,RUN\n"},
    "map": {"products/0/index.html": "<p>712345.5 RUN</p>"},
}
SHARED = {
    "map:1": {"products/1/index.html": "<p>10 RUN</p>"},
    "export:2": {"products/2/estimates.csv": "coca,10,RUN\n"},
}
FINISHED = "2026-01-02T03:04:05+00:00"


def make_run(out: Path, *, finished: str = FINISHED, shared: Mapping[str, Mapping[str, str]] = SHARED) -> Manifest:
    """Write the folder, its identifier in the place of RUN, and return its manifest."""
    survey = {"name": "small", "title": "Small", "seed": 1, "settings_sha256": fingerprint("settings")}
    versions = {"altdev": "0"}
    survey["run_id"] = run_id(survey, versions, {})
    steps = {}
    for name, files in {**STRICT, **shared}.items():
        for file, text in files.items():
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            (out / file).write_text(text.replace("RUN", survey["run_id"]))
        records = {file: FileRecord.of(out / file) for file in files}
        facts = {"place": "712345.5 4012345.5"} if name in STRICT else {}
        told = {"facts": facts, "finished": finished, "run": "" if name == "reference" else survey["run_id"]}
        steps[name] = StepRecord(fingerprint=fingerprint(name), outputs=records, **told)
    manifest = Manifest(survey=survey, versions=versions, inputs={}, steps=steps)
    RunFolder(out).write_manifest(manifest)
    write_run_card(out, manifest)
    return manifest


def contents(out: Path) -> dict[str, str]:
    """Return the hash of every file but the lock."""
    files = (path for path in out.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
