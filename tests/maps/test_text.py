"""Names from data cannot reorder text, start formulas or break old receivers."""

from __future__ import annotations

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import given

from maps.text import plain, short_names, spreadsheet_safe


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA])
def test_missing_is_empty(value: object) -> None:
    """Literal: a missing value prints as nothing, not as the word nan."""
    assert plain(value) == ""


@pytest.mark.parametrize("sign", ["\u202e", "\u202d", "\u2066", "\u200f", "\u0000", "\n", "\u2028", "\ufeff"])
def test_steering_signs_go(sign: str) -> None:
    """Literal: overrides, isolates, controls and line ends are taken out of a name."""
    assert plain(f"ab{sign}cd") == "ab cd"


def test_joiners_stay() -> None:
    """Literal: the joiners that Persian and Indic names need are kept."""
    assert plain("می\u200cخواهم") == "می\u200cخواهم"


@given(st.text())
def test_plain_is_settled(text: str) -> None:
    """Law: cleaning twice is cleaning once."""
    assert plain(plain(text)) == plain(text)


@given(st.text())
def test_no_formula_starts(text: str) -> None:
    """Law: nothing that leaves here starts like a formula."""
    assert not spreadsheet_safe(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.text(), max_size=40), st.integers(8, 20))
def test_short_names(texts: list[str], length: int) -> None:
    """Law: short names are unique, ASCII, not empty, and no longer than asked."""
    names = short_names(texts, length=length)
    assert len(set(names)) == len(texts)
    assert all(name.isascii() and 0 < len(name) <= length for name in names)
