"""The one error tree of the program: what a user did or supplied, in one plain line each.

A bug is any other exception. Every class here carries the exit code the command line ends with.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "AltdevError",
    "DisclosureError",
    "InputError",
    "Problem",
    "QualityGateError",
    "SurveyFileError",
    "is_hidden",
    "reason",
]


_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input, told so that the reader can mend it.

    Examples
    --------
    >>> print(Problem("survey.toml [area] crs", "EPSG:4326 (degrees)", "a projected CRS", "use the UTM zone"))
    survey.toml [area] crs: found EPSG:4326 (degrees); expected a projected CRS; use the UTM zone
    """

    where: str
    """File, layer, row or key."""
    found: str
    """What stands there."""
    expected: str = ""
    """What should stand there."""
    remedy: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        parts = [f"found {self.found}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(self.remedy)
        return f"{self.where}: {'; '.join(parts)}"


class AltdevError(Exception):
    """Base of all errors that are the user's to mend; ends the program with `exit_code`."""

    exit_code = 1

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            text = problems
        else:
            self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
            text = "\n".join(str(problem) for problem in self.problems)
        super().__init__(text)


class SurveyFileError(AltdevError, ValueError):
    """The survey file or the usage is wrong (exit 2)."""

    exit_code = 2


class InputError(AltdevError, ValueError):
    """An input is missing, broken or not what it must be (exit 3)."""

    exit_code = 3


class DisclosureError(AltdevError, PermissionError):
    """A disclosure rule forbids this output (exit 4)."""

    exit_code = 4


class QualityGateError(AltdevError, ValueError):
    """A statistical or quality rule forbids this figure (exit 5)."""

    exit_code = 5


def is_hidden(text: str) -> bool:
    r"""Say whether a text holds line ends, control characters or marks that reorder the line it is printed on.

    Joiners that Persian or Hindi words are written with are no such marks.

    Examples
    --------
    >>> is_hidden("two\nlines"), is_hidden("\u0645\u06cc\u200c\u062e")
    (True, False)
    """
    return any(unicodedata.category(letter) == "Cc" or letter in _REORDERING for letter in text)


def reason(error: BaseException) -> str:
    """Return the first line of what a library said of an error, or of the error behind it where it says more.

    Examples
    --------
    >>> reason(OSError("no space left"))
    'no space left'
    """
    told = error.__cause__ if error.__cause__ is not None and str(error.__cause__) else error
    return str(told).split("\n")[0] or type(told).__name__
