"""The error tree: exit codes and one line for each problem."""

from __future__ import annotations

import pytest

from geo.errors import (
    AltdevError,
    DisclosureError,
    InputError,
    Problem,
    QualityGateError,
    SurveyFileError,
    reason,
)


@pytest.mark.parametrize(
    ("kind", "code", "also"),
    [
        (AltdevError, 1, Exception),
        (SurveyFileError, 2, ValueError),
        (InputError, 3, ValueError),
        (DisclosureError, 4, PermissionError),
        (QualityGateError, 5, ValueError),
    ],
)
def test_exit_codes(kind: type[AltdevError], code: int, also: type[Exception]) -> None:
    """Published: the exit codes of the command line's contract; ordinary code can catch each kind."""
    assert kind("x").exit_code == code
    assert issubclass(kind, also)


def test_problems_are_one_line_each() -> None:
    """Law: an error tells every problem on a line of its own, and keeps them apart."""
    problems = [Problem("a.gpkg", "no CRS", "one", "assign it"), Problem("b.tif", "no such file")]
    error = InputError(problems)
    assert str(error).splitlines() == ["a.gpkg: found no CRS; expected one; assign it", "b.tif: found no such file"]
    assert error.problems == tuple(problems)
    assert InputError(iter(problems)).problems == tuple(problems)
    assert InputError(problems[0]).problems == (problems[0],)
    assert InputError("plain words").problems == ()


def test_reason_takes_what_says_most() -> None:
    """Law: the error behind an error is told where there is one; a silent error by its kind."""
    error = RuntimeError("see above")
    error.__cause__ = OSError("the disk is full\nsecond line")
    assert reason(error) == "the disk is full"
    assert reason(KeyError()) == "KeyError"
    assert reason(ValueError("first\nsecond")) == "first"
