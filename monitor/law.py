"""The law that a survey names, and whether its zones have places; without what estimates by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aoi.legality.rule import Law, load_law, parse_law
from geo.errors import InputError, Problem
from geo.files import read_utf8
from monitor.sections import LegalitySection, OverlayLayer

__all__ = ["read_law", "zone_problems"]


def read_law(section: LegalitySection) -> Law:
    """Return the law of a survey: one that comes with the program, or a file.

    Raises
    ------
    InputError, SurveyFileError
        If there is no such law or file, or naming what is wrong in it.
    """
    if not section.law.endswith(".toml"):
        return load_law(section.law)
    path = Path(section.law)
    if not path.is_file():
        raise InputError(Problem(str(path), "no such file", "a law", "correct [legality] law"))
    return parse_law(read_utf8(path), where=path.name)


def zone_problems(section: LegalitySection, law: Law, overlays: Sequence[OverlayLayer]) -> Iterator[Problem]:
    """Yield zones that the law does not have, and places that are no overlay."""
    names = [overlay.name for overlay in overlays]
    for zone, place in section.zones.items():
        if zone not in law.zones:
            known = ", ".join(law.zones)
            yield Problem(f"[legality.zones] {zone}", "no zone of this law", f"one of {known}", "correct it")
        if place.split(":", 1)[0] not in names:
            known = ", ".join(names) or "none is given"
            yield Problem(f"[legality.zones] {zone}", f"{place!r}", f"an [[overlay]]: {known}", "correct it")
