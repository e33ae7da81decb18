"""The text and number rules of six languages: text from data files that a translator can edit, rules from the CLDR.

Only English is authoritative; the others are unofficial until somebody clears them. The page carries the same
catalogue and the same rules in JavaScript, so that it prints a number as the tables do. A text that counts has a
form for each plural category of its language, such as ``count.units.few``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from geo.errors import Problem, SurveyFileError
from maps.cldr import rules

__all__ = ["LANGUAGES", "Language", "language"]

LANGUAGES = ("en", "fr", "es", "ar", "ru", "zh")
"""The official languages of the United Nations, as ISO 639-1 codes."""

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_OWN_DOMAINS = {
    "frame": "page.whole_area",
    "no_zone": "domain.no_zone",
    "programme": "domain.programme",
    "ad:programme": "domain.programme",
    "preventive": "domain.preventive",
}
_SIGNS = re.compile("[^a-z0-9]+")
_WHOLE = 1000.0  # a scale that asks for no digit after the sign
_LEFT, _RIGHT, _OWN, _END = "\u2066", "\u2067", "\u2068", "\u2069"  # isolates: left, right, by own text, end


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language of the catalogue.

    Examples
    --------
    >>> english, french = language("en"), language("fr")
    >>> english.number(12345.678), english.area(1234.5)
    ('12,346', '1,235 ha')
    >>> english.text("pattern.range", lo="1", hi="2")
    '1 to 2'
    >>> french.class_name("coca"), french.class_name("sugar_cane")
    ('Cocaïer', 'Sugar cane')
    >>> [english.counted("count.units", n) for n in (1, 2)], english.date("2024-12-31")
    (['1 unit', '2 units'], '31 December 2024')
    """

    code: str
    """ISO 639-1."""
    name: str
    """Its own name."""
    direction: str
    """``ltr`` or ``rtl``."""
    group: str
    """Sign between thousands."""
    decimal: str
    """Decimal sign."""
    group_from: int
    """Fewest digits that are grouped."""
    whole_hectares: bool = False
    """Whether hectares were rounded to whole ones before, so that no further digit is printed."""
    plural: Callable[[int], str]
    """Count to the plural form that it takes."""
    months: tuple[str, ...]
    """Names of the months, in the form that a date takes."""
    date_pattern: str
    """A date with places for day, month and year."""
    words: Mapping[str, str]
    """Key, such as ``verdict.increase``, to text with named places in braces."""

    def text(self, key: str, **places: str) -> str:
        """Return the text of a key with its places filled; KeyError when there is none."""
        filled = self.words[key]
        for place, value in places.items():
            # a date or a foreign name keeps its own direction inside Arabic text
            # and a phrase of isolated parts takes that of the text
            start = _RIGHT if value.startswith((_OWN, _RIGHT)) else _OWN
            kept = f"{start}{value}{_END}" if self.direction == "rtl" else value
            filled = filled.replace("{" + place + "}", kept)
        return filled

    def number(self, value: float, *, scale: float | None = None, signed: bool = False) -> str:
        """Return a number with no more digits than it can bear.

        Parameters
        ----------
        value
            The number.
        scale
            Largest of the numbers it stands beside, which decides the digits: none after the sign from 100
            on, one from 10 on, else two; `value` itself when None.
        signed
            Whether a rise gets its plus.
        """
        size = abs(value if scale is None else scale)
        # limits half a unit below 100 and 10, so that 99.96 prints as 100 and not as 100.0
        decimals = 0 if size >= 99.95 or size == 0 else 1 if size >= 9.995 else 2
        whole, _, fraction = _fixed(abs(value), decimals).partition(".")
        if len(whole) >= self.group_from:
            whole = self.group.join(_thousands(whole))
        digits = f"{whole}{self.decimal}{fraction}" if fraction else whole
        if not digits.strip("0.,"):
            digits, value = "0", 0.0
        sign = "\u2212" if value < 0 else "+" if signed and value > 0 else ""
        return self._isolated(sign + digits)

    def counted(self, key: str, count: int, **places: str) -> str:
        """Return the text of a key in the plural form that a count takes, with the count in its place.

        Parameters
        ----------
        key
            Key with plural forms.
        count
            Whole number of things.
        **places
            Further places to fill.
        """
        form = f"{key}.{self.plural(count)}"
        return self.text(
            form if form in self.words else f"{key}.other", count=self.number(count, scale=_WHOLE), **places
        )

    def date(self, date: str) -> str:
        """Return an ISO date written out, or any other text as it is."""
        found = _DATE.fullmatch(date)
        if found is None or not 1 <= int(found[2]) <= 12:
            return date
        year, month, day = found[1], int(found[2]), int(found[3])
        filled = self.date_pattern.replace("{month}", self.months[month - 1])
        for place, number in (("y", year), ("m", month), ("d", day)):
            filled = filled.replace("{" + place + "}", str(number))
        return filled

    def percent(self, share: float, decimals: int = 1) -> str:
        """Return a share between 0 and 1 as a percentage."""
        figure = _fixed(100 * share, decimals).replace(".", self.decimal)
        # one isolate, so that the sign stays to the right of Latin digits in Arabic too
        return self._isolated(self.words["pattern.percent"].replace("{value}", figure))

    def area(self, hectares: float, *, scale: float | None = None, signed: bool = False) -> str:
        """Return hectares with their unit."""
        digits = _WHOLE if self.whole_hectares else scale
        return self.text("pattern.ha", value=self.number(hectares, scale=digits, signed=signed))

    def interval(self, lo: float, hi: float, *, signed: bool = False) -> str:
        """Return two limits in hectares with their unit, in equal digits."""
        scale = _WHOLE if self.whole_hectares else max(abs(lo), abs(hi))
        ends = {
            "lo": self.number(lo, scale=scale, signed=signed),
            "hi": self.number(hi, scale=scale, signed=signed),
        }
        return self.text("pattern.ha", value=self.text("pattern.range", **ends))

    def note(self, note: str) -> str:
        """Return a note in this language where it is a key of the catalogue, else as it is."""
        return self.words.get(note, note)

    def method(self, method: str) -> str:
        """Return a method with each of its parts in words; a part that the catalogue does not have stays."""
        parts = (
            self.words.get(f"method.{_SIGNS.sub('_', part.lower()).strip('_')}", part)
            for part in method.split("; ")
        )
        return self.words["pattern.parts"].join(parts)

    def domain(self, code: str, name: str) -> str:
        """Return the name of a place that the program itself made, such as what lies outside zones, or `name`."""
        if code.startswith("border:"):
            return self.text("domain.border", name=code.removeprefix("border:"))
        key = _OWN_DOMAINS.get(code)
        return name if key is None else self.words[key]

    def class_name(self, name: str) -> str:
        """Return the name of a map class, or the data's own name in readable form."""
        return self.words.get(f"class.{name}") or name.replace("_", " ").capitalize()

    def _isolated(self, digits: str) -> str:
        return f"{_LEFT}{digits}{_END}" if self.direction == "rtl" else digits


@cache
def language(code: str) -> Language:
    """Return a language of the catalogue.

    Raises
    ------
    SurveyFileError
        If the code is none of `LANGUAGES`.
    """
    if code not in LANGUAGES:
        raise SurveyFileError(
            Problem("language", repr(code), f"one of {', '.join(LANGUAGES)}", "choose one with --lang")
        )
    raw = tomllib.loads((files("maps.catalogue") / f"{code}.toml").read_text(encoding="utf-8"))
    own, cldr = raw.pop("number"), rules(code)
    return Language(
        code=code,
        name=raw.pop("name"),
        direction=raw.pop("direction"),
        group=own.get("group", cldr.group),
        decimal=cldr.decimal,
        group_from=own["group_from"],
        plural=cldr.plural,
        months=cldr.months,
        date_pattern=cldr.date_pattern,
        words=MappingProxyType(dict(_flat(raw))),
    )


def _flat(tables: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tables.items():
        if isinstance(value, str):
            yield before + key, value
        else:
            yield from _flat(value, f"{before}{key}.")


def _fixed(value: float, decimals: int) -> str:
    """Round ties away from zero, as the browser does."""
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP):f}"


def _thousands(whole: str) -> list[str]:
    head = len(whole) % 3
    groups = [whole[start : start + 3] for start in range(head, len(whole), 3)]
    return [whole[:head], *groups] if head else groups
