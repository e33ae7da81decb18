"""Which run this is: the settings and the bytes of every input, from which its identifier follows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from geo.errors import Problem, SurveyFileError
from monitor.engine import Step, shown
from monitor.manifest import FileRecord, Manifest, fingerprint
from monitor.run_card import licence_of, run_id

__all__ = ["identified", "identifier", "require_licences_used", "settings_sha256"]

_VIEW = ("language",)
"""Settings that change words and no number."""


def settings_sha256(steps: Sequence[Step]) -> str:
    """Return the hash of the settings of all steps of a survey, the language of its products aside."""
    return fingerprint(
        {step.name: {key: value for key, value in step.parameters.items() if key not in _VIEW} for step in steps}
    )


def identifier(
    steps: Sequence[Step],
    base: Manifest,
    *,
    root: Path,
    hashes: dict[Path, FileRecord],
    aside: Collection[Path] = (),
) -> Callable[[], str]:
    """Return a function that gives the run's identifier, reading inputs when it is first asked.

    Parameters
    ----------
    steps
        All steps of the survey.
    base
        Its manifest before anything is done.
    root
        Folder that input paths are told relative to.
    hashes
        Of inputs that were read already; filled with the others.
    aside
        Inputs that no number depends on.
    """

    @cache
    def carried() -> str:
        survey = {**base.survey, "settings_sha256": settings_sha256(steps)}
        return run_id(survey, base.versions, _inputs(steps, root, hashes, aside))

    return carried


def identified(
    manifest: Manifest,
    steps: Sequence[Step],
    *,
    root: Path,
    hashes: dict[Path, FileRecord],
    told: Mapping[str, Any],
    aside: Collection[Path] = (),
) -> Manifest:
    """Return the manifest of a run that has ended, with its identifier and all it was made from.

    Parameters
    ----------
    manifest
        As the steps left it.
    steps, root, hashes, aside
        As in `identifier`.
    told
        What else the run card says of the survey: licences and sources.
    """
    inputs = _inputs(steps, root, hashes, aside)
    survey = {**manifest.survey, **told, "settings_sha256": settings_sha256(steps)}
    survey["run_id"] = run_id(survey, manifest.versions, inputs)
    return Manifest(
        survey=survey, versions=manifest.versions, inputs=inputs, steps=manifest.steps, custody=manifest.custody
    )


def require_licences_used(licences: Mapping[str, str], steps: Sequence[Step], *, root: Path, where: str) -> None:
    """Refuse a pattern of ``[map.licences]`` that no input fits: a licence that is told of nothing is a slip.

    Raises
    ------
    SurveyFileError
        Naming each.
    """
    names = {shown(path, root) for step in steps for path in step.inputs}
    idle = [pattern for pattern in licences if not any(licence_of(name, [(pattern, "x")]) == "x" for name in names)]
    if idle:
        expected = "a path of the survey file, * standing for any part of it"
        raise SurveyFileError(
            [
                Problem(f"{where} [map.licences]", f"{one!r}, which no input fits", expected, "correct it")
                for one in idle
            ]
        )


def _inputs(
    steps: Sequence[Step], root: Path, hashes: dict[Path, FileRecord], aside: Collection[Path]
) -> dict[str, FileRecord]:
    """Return the records of every input that is there and decides numbers, by name."""
    found = {}
    for path in dict.fromkeys(path for step in steps for path in step.inputs):
        if path.is_file() and path not in aside:
            if path not in hashes:
                hashes[path] = FileRecord.of(path)
            found[shown(path, root)] = hashes[path]
    return dict(sorted(found.items()))
