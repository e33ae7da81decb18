"""Rules of law: zone, crop, days, class and source of each; read from files, contradictions refused."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib import resources
from typing import Any

from geo.errors import InputError, Problem, SurveyFileError

__all__ = [
    "EVERYWHERE",
    "PRECEDENCE",
    "Law",
    "LegalClass",
    "LegalRule",
    "load_law",
    "parse_law",
    "shipped_laws",
    "valid_on",
]

EVERYWHERE = "everywhere"
"""Zone of a rule that holds wherever no other does."""


class LegalClass(StrEnum):
    """What the law says of a zone."""

    PROTECTED_NOT_PERMITTED = "PROTECTED_NOT_PERMITTED"
    LICENSED_FACILITY = "LICENSED_FACILITY"
    AUTHORISED = "AUTHORISED"
    AUTHORISED_CAPPED = "AUTHORISED_CAPPED"
    REGISTERED_GROWERS_ONLY = "REGISTERED_GROWERS_ONLY"
    TRADITIONAL_USE_REVIEW = "TRADITIONAL_USE_REVIEW"
    NOT_AUTHORISED = "NOT_AUTHORISED"


PRECEDENCE = tuple(LegalClass)
"""Whose ground shared ground is, the first owning it."""

_CAPPED = (LegalClass.AUTHORISED_CAPPED, LegalClass.LICENSED_FACILITY)
_MARKS = ("found", "unverified", "given")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalRule:
    """One rule."""

    zone: str
    """Name of the zone, or `EVERYWHERE`."""
    crop: str
    country: str
    """ISO 3166-1 alpha-3."""
    legal_class: LegalClass
    legal_basis: str
    valid_from: date
    valid_to: date | None = None
    """Last day; None where it still holds."""
    cap_ha: float | None = None
    """Hectares that the law allows in the whole zone."""
    registered_ha: float | None = None
    """Hectares on the roll of growers in the whole zone, where a roll with areas has been joined."""
    authority: str = ""
    source: str = ""
    mark: str = "unverified"

    def holds_on(self, day: date) -> bool:
        """Say whether the rule is in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The rules of one file."""

    title: str
    rules: tuple[LegalRule, ...]

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones that need a place, in order."""
        return tuple(dict.fromkeys(rule.zone for rule in self.rules if rule.zone != EVERYWHERE))


def shipped_laws() -> tuple[str, ...]:
    """Return the names of the laws that come with the program.

    Examples
    --------
    >>> shipped_laws()
    ('bolivia', 'colombia', 'morocco', 'peru')
    """
    folder = resources.files("aoi.legality.data")
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_law(name: str) -> Law:
    """Return a law that comes with the program.

    Raises
    ------
    SurveyFileError
        If there is none of that name.
    """
    if name not in shipped_laws():
        known = ", ".join(shipped_laws())
        raise SurveyFileError(Problem("[legality] law", repr(name), f"one of {known}, or a file", "correct it"))
    text = resources.files("aoi.legality.data").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse_law(text, where=f"{name}.toml")


def parse_law(text: str, *, where: str) -> Law:
    """Read a law.

    Parameters
    ----------
    text
        TOML with ``title``, ``country`` and ``[[rule]]`` tables.
    where
        Name of the file, for messages.

    Raises
    ------
    InputError
        Naming everything wrong: unknown keys and classes, missing sources, caps where there can be none, dates
        reversed, two rules for one zone and day.
    """
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            Problem(where, f"text that is not TOML ({error})", "a law with [[rule]] tables")
        ) from error
    entries = tree.get("rule")
    if not isinstance(entries, list) or not entries:
        raise InputError(Problem(where, "no [[rule]]", "at least one", "write the rules of the law"))
    problems: list[Problem] = []
    rules: list[LegalRule] = []
    for number, entry in enumerate(entries, start=1):
        place = f"{where} [[rule]] {number}"
        found = list(_entry_problems(place, entry))
        problems += found
        if not found:
            rules.append(_rule(entry, str(tree.get("country", ""))))
    problems += _contradictions(where, rules)
    if problems:
        raise InputError(problems)
    return Law(title=str(tree.get("title", where)), rules=tuple(rules))


def valid_on(rules: Sequence[LegalRule], crop: str, day: date) -> tuple[LegalRule, ...]:
    """Return the rules of a crop in force on a day, in order of precedence; `EVERYWHERE` comes last.

    Examples
    --------
    >>> rules = load_law("bolivia").rules
    >>> [rule.cap_ha for rule in valid_on(rules, "coca", date(2015, 12, 31)) if rule.cap_ha]
    [12000.0]
    >>> [rule.cap_ha for rule in valid_on(rules, "coca", date(2018, 12, 31)) if rule.cap_ha]
    [14300.0, 7700.0]
    """
    held = [rule for rule in rules if rule.crop == crop and rule.holds_on(day)]
    return tuple(sorted(held, key=lambda rule: (rule.zone == EVERYWHERE, PRECEDENCE.index(rule.legal_class))))


_KEYS = frozenset(
    ("zone", "crop", "country", "class", "legal_basis", "cap_ha", "registered_ha", "valid_from", "valid_to",
     "authority", "source", "mark")
)  # fmt: skip
_NEEDED = ("zone", "crop", "class", "legal_basis", "valid_from", "source")


def _entry_problems(place: str, entry: dict[str, Any]) -> Iterator[Problem]:
    for key in sorted(set(entry) - _KEYS):
        yield Problem(place, f"an unknown key {key!r}", f"one of {', '.join(sorted(_KEYS))}", "correct it")
    for key in _NEEDED:
        if not str(entry.get(key, "")).strip():
            yield Problem(place, f"no {key}", "a value (it is required)", "add it")
    name = entry.get("class")
    if name is not None and name not in list(LegalClass):
        yield Problem(f"{place} class", repr(name), f"one of {', '.join(LegalClass)}", "correct it")
    if entry.get("mark", "unverified") not in _MARKS:
        yield Problem(f"{place} mark", repr(entry["mark"]), f"one of {', '.join(_MARKS)}", "correct it")
    first, last = entry.get("valid_from"), entry.get("valid_to")
    for key, day in (("valid_from", first), ("valid_to", last)):
        if day is not None and type(day) is not date:
            yield Problem(f"{place} {key}", repr(day), "a day such as 2017-03-08", "write it without quotes")
    if type(first) is date and type(last) is date and last < first:
        yield Problem(
            f"{place} valid_to", f"{last}, before valid_from {first}", "a later day", "swap or correct them"
        )
    yield from _cap_problems(place, entry, name)


def _cap_problems(place: str, entry: dict[str, Any], name: Any) -> Iterator[Problem]:
    for key in ("cap_ha", "registered_ha"):
        value = entry.get(key)
        if value is not None and not (
            isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        ):
            yield Problem(f"{place} {key}", repr(value), "hectares, 0 or more", "correct it")
    if name == LegalClass.AUTHORISED_CAPPED and "cap_ha" not in entry:
        yield Problem(place, "no cap_ha", "the hectares that the law allows", "add it, or use AUTHORISED")
    if "cap_ha" in entry and name not in _CAPPED:
        yield Problem(f"{place} cap_ha", f"a cap in the class {name}", "AUTHORISED_CAPPED", "correct the class")
    if "registered_ha" in entry and name != LegalClass.REGISTERED_GROWERS_ONLY:
        yield Problem(
            f"{place} registered_ha", f"a roll in the class {name}", "REGISTERED_GROWERS_ONLY", "take it out"
        )


def _rule(entry: dict[str, Any], country: str) -> LegalRule:
    content = {key: value for key, value in entry.items() if key != "class"}
    return LegalRule(**{"country": country} | content, legal_class=LegalClass(entry["class"]))


def _contradictions(where: str, rules: Sequence[LegalRule]) -> Iterator[Problem]:
    """Yield pairs of rules that say two things of one zone and crop on one day."""
    for at, one in enumerate(rules):
        for other in rules[at + 1 :]:
            latest = max(one.valid_from, other.valid_from)
            if (one.zone, one.crop) == (other.zone, other.crop) and one.holds_on(latest) and other.holds_on(latest):
                yield Problem(
                    f"{where} zone {one.zone}",
                    f"two rules of {one.crop} in force on {latest} ({one.legal_class}, {other.legal_class})",
                    "one rule a day",
                    "end the earlier one with valid_to",
                )
