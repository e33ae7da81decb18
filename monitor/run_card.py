"""The run card: what a run was made from and what it made, as an RO-Crate that other programs read.

``ro-crate-metadata.json`` in the run folder is a pure function of the manifest and of the tables of scenes, so that
`verify` can write it again. It holds the hash of the manifest, which holds the hash of every other file: a changed
byte of any of them shows.

References
----------
RO-Crate Metadata Specification 1.1, doi:10.5281/zenodo.4031327.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from geo.errors import Problem, QualityGateError
from geo.files import write_text
from monitor.manifest import MANIFEST, FileRecord, Manifest, fingerprint

__all__ = ["RUN_CARD", "licence_of", "require_run_card", "run_card", "run_id", "write_run_card"]

RUN_CARD = "ro-crate-metadata.json"
"""Its name in the run folder, which the specification sets."""

NOT_STATED = "not stated"
"""Licence of an input that the survey file says nothing of."""

_DIGITS = 12  # 48 bits: two runs of one office never share them by chance
_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjkmnpqrstv")
"""Hexadecimal digits to letters: a digit would make a table's reader, or the search for leaks, see a number."""
_MODEL = "class_map/model/"
_TYPES = {
    ".csv": "text/csv",
    ".gpkg": "application/geopackage+sqlite3",
    ".html": "text/html",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def run_id(survey: Mapping[str, Any], versions: Mapping[str, str], inputs: Mapping[str, FileRecord]) -> str:
    """Return the identifier that a run and all its published numbers carry.

    It follows from the survey's name and seed, its settings, the program's version and the bytes of the inputs:
    equal runs share it, and it is no count of tries. It is a hash, from which none of them can be read back.

    Parameters
    ----------
    survey
        Of the manifest: ``name``, ``seed`` and ``settings_sha256``.
    versions
        Of the manifest.
    inputs
        Of the manifest.

    Examples
    --------
    >>> run_id({"name": "a", "seed": 1, "settings_sha256": ""}, {"altdev": "1"}, {})
    'khkddjqcvftj'
    """
    content = {
        "survey": [survey.get("name"), survey.get("seed"), survey.get("settings_sha256")],
        "program": versions.get("altdev", ""),
        "inputs": {name: record.sha256 for name, record in inputs.items()},
    }
    return fingerprint(content)[:_DIGITS].translate(_LETTERS)


def licence_of(name: str, licences: Iterable[tuple[str, str]]) -> str:
    """Return the licence of an input: that of the first pattern its name fits.

    Examples
    --------
    >>> licence_of("inputs/dem.tif", [("inputs/*.tif", "CC-BY-4.0")]), licence_of("other.csv", [])
    ('CC-BY-4.0', 'not stated')
    """
    return next((text for pattern, text in licences if fnmatchcase(name, pattern)), NOT_STATED)


def write_run_card(out: Path, manifest: Manifest) -> None:
    """Write the card of a manifest that is about to be written: killed in between, whoever began ends it."""
    write_text(out / RUN_CARD, run_card(out, manifest, manifest.to_json().encode("utf-8")))


def require_run_card(out: Path, manifest: Manifest) -> str:
    """Return the run's identifier after holding the card to the manifest, and the identifier to what it is made of.

    Raises
    ------
    QualityGateError
        If the card is missing or another than the manifest makes, or the identifier does not follow.
    """
    path = out / RUN_CARD
    found = path.read_bytes() if path.is_file() else None
    if found != run_card(out, manifest, (out / MANIFEST).read_bytes()).encode("utf-8"):
        told = "no run card" if found is None else f"another run card than {MANIFEST} makes"
        expected = f"the card of this run, with the hash of {MANIFEST}"
        raise QualityGateError(Problem(str(path), told, expected, "one of the two was changed; run it again"))
    told_id = str(manifest.survey.get("run_id", ""))
    if told_id != run_id(manifest.survey, manifest.versions, manifest.inputs):
        held = f"run {told_id or 'without id'}"
        raise QualityGateError(Problem(str(out / MANIFEST), held, "the id that its inputs make", "run it again"))
    return told_id


def run_card(out: Path, manifest: Manifest, data: bytes) -> str:
    """Return the card as JSON; equal manifests give equal text.

    Parameters
    ----------
    out
        Run folder, whose tables of scenes are read.
    manifest
        Of the run.
    data
        The same as it stands in its file, which is hashed.
    """
    files = {name: record for step in manifest.steps.values() for name, record in step.outputs.items()}
    scenes = list(_scenes(out, files))
    graph = [
        _descriptor(),
        _root(manifest, files),
        _run(manifest, files, scenes),
        *_steps(manifest),
        *_software(manifest),
        *_properties(manifest),
        *_inputs(manifest),
        *scenes,
        *(_file(name, files[name]) for name in sorted(files)),
        _manifest_file(data),
    ]
    content = {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _descriptor() -> dict[str, Any]:
    return {
        "@id": RUN_CARD,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }


def _root(manifest: Manifest, files: Mapping[str, FileRecord]) -> dict[str, Any]:
    survey = manifest.survey
    ended = max((step.finished for step in manifest.steps.values()), default="")
    return {
        "@id": "./",
        "@type": "Dataset",
        "identifier": survey.get("run_id", ""),
        "name": survey.get("title", ""),
        "description": f"Run of the survey {survey.get('name')!r} with altdev {manifest.versions.get('altdev')}.",
        "datePublished": ended[:10] or "1970-01-01",  # the specification asks for one; an empty run has none
        "license": survey.get("licence") or NOT_STATED,
        "creditText": survey.get("sources", ""),
        "hasPart": _refs([*sorted(files), MANIFEST]),
        "mainEntity": {"@id": "#run"},
        "mentions": _refs(f"#step/{name}" for name in sorted(manifest.steps)),
    }


def _run(manifest: Manifest, files: Mapping[str, FileRecord], scenes: list[dict[str, Any]]) -> dict[str, Any]:
    ended = max((step.finished for step in manifest.steps.values()), default="")
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run {manifest.survey.get('run_id', '')}",
        "endTime": ended,
        "instrument": _refs(f"#software/{name}" for name in sorted(manifest.versions)),
        "object": _refs(
            [*(f"#input/{name}" for name in sorted(manifest.inputs)), *(entry["@id"] for entry in scenes)]
        ),
        "result": _refs(sorted(files)),
        "additionalProperty": _refs(entry["@id"] for entry in _properties(manifest)),
    }


def _steps(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for name, step in sorted(manifest.steps.items()):
        yield {
            "@id": f"#step/{name}",
            "@type": "CreateAction",
            "name": name,
            "identifier": step.fingerprint,
            "endTime": step.finished,
            "instrument": {"@id": "#software/altdev"},
            "result": _refs(sorted(step.outputs)),
        }


def _software(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for name, number in sorted(manifest.versions.items()):
        yield {
            "@id": f"#software/{name}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": number,
        }


def _properties(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Yield what else decides the numbers: the seed, the survey file and its settings, and what was done since."""
    for name in ("seed", "file", "file_sha256", "settings_sha256"):
        if name in manifest.survey:
            yield {"@id": f"#{name}", "@type": "PropertyValue", "name": name, "value": manifest.survey[name]}
    for number, act in enumerate(manifest.custody, start=1):
        yield {
            "@id": f"#custody/{number}",
            "@type": "PropertyValue",
            "name": "custody",
            "value": json.dumps(act, sort_keys=True),
        }


def _inputs(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Yield the inputs, which lie outside the folder and are known by their hashes."""
    licences = [(str(pattern), str(text)) for pattern, text in manifest.survey.get("licences", ())]
    for name, record in sorted(manifest.inputs.items()):
        yield {
            "@id": f"#input/{name}",
            "@type": "CreativeWork",
            "name": name,
            "license": licence_of(name, licences),
            "contentSize": str(record.bytes),
            "sha256": record.sha256,
        }


def _scenes(out: Path, files: Mapping[str, FileRecord]) -> Iterator[dict[str, Any]]:
    """Yield the scenes of every period by their identifiers, with what became of each."""
    for name in sorted(files):
        path = out / name
        if path.name != "scenes.csv" or not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield {
                    "@id": f"#scene/{path.parent.name}/{row.get('scene')}",
                    "@type": "CreativeWork",
                    "identifier": row.get("scene"),
                    "dateCreated": row.get("day"),
                    "creativeWorkStatus": row.get("state"),
                    "description": f"{row.get('platform')}, baseline {row.get('baseline') or 'not given'}",
                }


def _file(name: str, record: FileRecord) -> dict[str, Any]:
    entity = {
        "@id": name,
        "@type": "File",
        "contentSize": str(record.bytes),
        "sha256": record.sha256,
        "encodingFormat": _TYPES.get(Path(name).suffix, "application/octet-stream"),
    }
    return entity | ({"additionalType": "weights of the classifier"} if name.startswith(_MODEL) else {})


def _manifest_file(data: bytes) -> dict[str, Any]:
    return _file(MANIFEST, FileRecord(sha256=sha256(data).hexdigest(), bytes=len(data)))


def _refs(names: Any) -> list[dict[str, str]]:
    return [{"@id": name} for name in names]
