"""Numbers as tables write them: declared signs, refusals with their reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.number_format import NumberFormat, formats_that_read
from geo.errors import SurveyFileError

ENGLISH = NumberFormat(decimal=".", thousands=",")
SPANISH = NumberFormat(decimal=",", thousands=".")
PLAIN = NumberFormat()
SIGNS = [(d, t) for d in ".," for t in ("", ",", ".", " ", "'") if d != t]


@pytest.mark.parametrize(
    ("form", "text", "number"),
    [
        (ENGLISH, "7,943.2", 7943.2),
        (ENGLISH, "12,345", 12345.0),
        (ENGLISH, "4846.0", 4846.0),
        (ENGLISH, " 0 ", 0.0),
        (SPANISH, "1.088,9", 1088.9),
        (SPANISH, "2.468", 2468.0),
        (SPANISH, "121", 121.0),
        (SPANISH, "5,5", 5.5),
        (PLAIN, "0.25", 0.25),
        (NumberFormat(decimal=",", thousands=" "), "12\u202f345,6", 12345.6),
        (NumberFormat(decimals=3), "2.468", 2.468),
    ],
)
def test_reads_what_is_declared(form: NumberFormat, text: str, number: float) -> None:
    """Literal: texts of the Colombian table and of French print."""
    assert form.read(text) == number
    assert form.fault(text) == ""


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        (ENGLISH, "1.088,9", "',' after the decimal sign"),
        (ENGLISH, "148,5", "groups of three"),
        (PLAIN, "2.468", "thousands or decimals"),
        (SPANISH, "7,943.2", "'.' after the decimal sign"),
        (ENGLISH, "0,123", "groups of three"),
        (ENGLISH, "1,23,456", "groups of three"),
        (PLAIN, "1,234", "the sign ','"),
        (ENGLISH, "- 5", "negative"),
        (ENGLISH, "n/a", "no number"),
        (ENGLISH, "", "no number"),
        (ENGLISH, "1e3", "no number"),
        (ENGLISH, "12.", "no number"),
    ],
)
def test_refuses_what_is_not(form: NumberFormat, text: str, reason: str) -> None:
    """Literal: an ambiguous or foreign text is no number, and the reason is told."""
    assert form.read(text) is None
    assert reason in form.fault(text)


def test_same_sign_twice_is_refused() -> None:
    """Literal: a sign cannot part decimals and thousands both."""
    with pytest.raises(SurveyFileError, match="for decimals and for thousands"):
        NumberFormat(decimal=",", thousands=",")


@given(
    tenths=st.integers(0, 10**9), signs=st.sampled_from(SIGNS), other=st.sampled_from(SIGNS), grouped=st.booleans()
)
def test_round_trip_and_no_silent_misreading(
    tenths: int, signs: tuple[str, str], other: tuple[str, str], grouped: bool
) -> None:
    """Law: a printed number comes back; a format with other signs gives the same number or none at all."""
    whole, tenth = divmod(tenths, 10)
    digits = f"{whole:,}".replace(",", signs[1]) if grouped else str(whole)
    text = f"{digits}{signs[0]}{tenth}"
    number = NumberFormat(decimal=signs[0], thousands=signs[1]).read(text)
    assert number == pytest.approx(tenths / 10, rel=1e-15)
    assert NumberFormat(decimal=other[0], thousands=other[1]).read(text) in (None, number)


def test_suggests_the_format_that_reads_a_whole_column() -> None:
    """Literal: the remedy names decimal comma and thousands point, and nothing where nothing fits."""
    assert formats_that_read(["1.088,9", "148,5", "2.468", "3"]) == [SPANISH]
    assert formats_that_read(["1,234.5", "1.234,5"]) == []
