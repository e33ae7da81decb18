"""The map of the report: its legend."""

from __future__ import annotations

import pytest

from maps.language import language
from maps.report.unit_map import _legend


@pytest.mark.parametrize(
    ("breaks", "second"),
    [((2.0, 4.0, 8.0), "2 to 4"), ((0.5, 1.0, 2.0), "0.50 to 1.00"), ((100.0, 2000.0), "100 to 2")],
)
def test_round_limits_carry_no_empty_digits(breaks: tuple[float, ...], second: str) -> None:
    """By hand: whole limits as on the page, others with the digits of the largest."""
    texts = [label.text for label in _legend(breaks, language("en"))[1]]
    assert texts[2].startswith(second)
    assert texts[0] == "Hectares"
