"""What Unicode's Common Locale Data Repository says of a language, by Babel: signs of numbers, plurals, dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Rules", "rules"]

# The catalogue is in British English, as the United Nations write it; its dates then are as well
_LOCALES = {"en": "en_GB"}
_DATE_PART = re.compile(r"'([^']*)'|(MMMM|M|d|y)")
_PLACES = {"MMMM": "{month}", "M": "{m}", "d": "{d}", "y": "{y}"}
_YEAR = ("г.", "года")  # the abbreviation's point would meet that of the sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one language, with Latin digits.

    Examples
    --------
    >>> russian, arabic = rules("ru"), rules("ar")
    >>> [russian.plural(n) for n in (1, 2, 5, 11, 21)]
    ['one', 'few', 'many', 'many', 'one']
    >>> [arabic.plural(n) for n in (0, 1, 2, 3, 11, 100)]
    ['zero', 'one', 'two', 'few', 'many', 'other']
    >>> rules("es").date_pattern, rules("zh").date_pattern
    ('{d} de {month} de {y}', '{y}年{m}月{d}日')
    """

    decimal: str
    """Decimal sign."""
    group: str
    """Sign between thousands."""
    plural: Callable[[int], str]
    """Count to its plural form: ``zero``, ``one``, ``two``, ``few``, ``many`` or ``other``."""
    months: tuple[str, ...]
    """Twelve names, in the form that a date takes."""
    date_pattern: str
    """Long date, with places ``{d}``, ``{m}``, ``{month}`` and ``{y}``."""


def rules(code: str) -> Rules:
    """Return the rules of a language.

    Parameters
    ----------
    code
        ISO 639-1.
    """
    # A command that prints nothing in words need not wait for the locale data
    from babel import Locale

    locale = Locale.parse(_LOCALES.get(code, code))
    signs = locale.number_symbols["latn"]
    names = locale.months["format"]["wide"]
    return Rules(
        decimal=signs["decimal"],
        group=signs["group"],
        plural=locale.plural_form,
        months=tuple(names[month] for month in range(1, 13)),
        date_pattern=_DATE_PART.sub(_place, locale.date_formats["long"].pattern).replace(*_YEAR),
    )


def _place(found: re.Match[str]) -> str:
    """Return the place that a part of a date is filled into, or the text that stood in quotes."""
    return _PLACES[found[2]] if found[2] else found[1]
