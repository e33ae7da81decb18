"""Numbers as a table writes them: signs declared, never guessed, and what does not fit is refused.

One table may write 1,234.5 in one column and 1.234,5 in the next. ``2.468`` is two thousand in one and two
and a half in the other; only a declaration tells, so a text that fits the declared signs badly is an error
and not a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from geo.errors import Problem, SurveyFileError

__all__ = ["NumberFormat", "formats_that_read"]

_SPACES = "\u00a0\u202f\u2009"  # no-break, narrow no-break and thin space stand for a space between thousands


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """How a column writes its numbers.

    Raises
    ------
    SurveyFileError
        If both signs are the same.

    Examples
    --------
    >>> spanish = NumberFormat(decimal=",", thousands=".")
    >>> spanish.read("1.088,9"), spanish.read("2.468"), spanish.read("121")
    (1088.9, 2468.0, 121.0)
    >>> spanish.fault("1,088.9")
    "'.' after the decimal sign ','"
    """

    decimal: str = "."
    """Decimal sign, one character."""
    thousands: str = ""
    """Sign between groups of three digits; none when empty. A number may still be written without it."""
    decimals: int = 2
    """Most digits after the decimal sign. With fewer than three, three digits there are refused: they are more
    likely thousands."""

    def __post_init__(self) -> None:
        if self.decimal == self.thousands:
            where, sign = "number format", f"{self.decimal!r} for decimals and for thousands"
            raise SurveyFileError(Problem(where, sign, "two different signs"))

    def __str__(self) -> str:
        between = repr(self.thousands) if self.thousands else "nothing"
        return f"{self.decimal!r} before decimals and {between} between thousands"

    def read(self, text: str) -> float | None:
        """Return the number, or None where the text is not one (`fault` says why)."""
        plain = _plain(text)
        if self._pattern().fullmatch(plain) is None:
            return None
        digits = plain.replace(self.thousands, "") if self.thousands else plain
        return float(digits.replace(self.decimal, "."))

    def fault(self, text: str) -> str:
        """Return what keeps the text from being a number of this format; empty when nothing does."""
        plain = _plain(text)
        if self.read(text) is not None:
            return ""
        if re.fullmatch(r"[-\u2212]\s*\d.*", plain):
            return "a negative number"
        if not re.fullmatch(rf"[\d.,'\s{re.escape(self.decimal + self.thousands)}]*\d", plain):
            return "no number"
        before, sign, after = plain.partition(self.decimal)
        if not sign:
            return self._ungrouped(before)
        if not after.isdigit():
            return f"{next(c for c in after + ' ' if not c.isdigit())!r} after the decimal sign {self.decimal!r}"
        if len(after) > self.decimals:
            note = ": thousands or decimals?" if len(after) == 3 else ""
            return f"{len(after)} digits after the decimal sign {self.decimal!r}{note}"
        return self._ungrouped(before)

    def _ungrouped(self, whole: str) -> str:
        strange = [c for c in whole if not c.isdigit() and c != self.thousands]
        if strange:
            return f"the sign {strange[0]!r}"
        return f"{self.thousands!r} that does not part groups of three digits"

    def _pattern(self) -> re.Pattern[str]:
        # A group of thousands never begins with 0, so 0,123 is not read as 123
        grouped = rf"|[1-9]\d{{0,2}}(?:{re.escape(self.thousands)}\d{{3}})+" if self.thousands else ""
        fraction = rf"(?:{re.escape(self.decimal)}\d{{1,{self.decimals}}})?" if self.decimals else ""
        return re.compile(rf"(?:\d+{grouped}){fraction}")


def formats_that_read(texts: Iterable[str]) -> list[NumberFormat]:
    """Return the usual formats that read every text, for the remedy of a message; nothing is read with them.

    Examples
    --------
    >>> [str(form) for form in formats_that_read(["1.088,9", "148,5", "2.468"])]
    ["',' before decimals and '.' between thousands"]
    """
    known = list(texts)
    usual = [
        NumberFormat(decimal=decimal, thousands=thousands)
        for decimal, thousands in product(".,", ("", ",", ".", " ", "'"))
        if decimal != thousands
    ]
    return [form for form in usual if all(form.read(text) is not None for text in known)]


def _plain(text: str) -> str:
    return re.sub(f"[{_SPACES}]", " ", text).strip()
