"""Palettes are told apart by every reader, and class limits are sound."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from maps.style import (
    CHANGE,
    CROPS,
    PROBABILITY,
    SEQUENCE,
    VISIONS,
    Vision,
    class_breaks,
    colour_difference,
    least_difference,
    ramp,
    simulate_vision,
)

LEAST = 10.0  # CIEDE2000; adjacent map classes below it are confused at a glance
ROUNDED = 5e-5  # the paper prints four decimals

# Sharma, Wu and Dalal 2005, table 1 (pairs 1, 7, 9, 17, 18, 19, 20, 23, 25, 31)
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((50.0, 2.5, 0.0), (50.0, 1.8634, 0.5757), 1.0000),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_colour_difference(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    """Published: the test pairs of Sharma, Wu and Dalal, both ways round."""
    one, two = np.array(first), np.array(second)
    assert colour_difference(one, two) == pytest.approx(expected, abs=ROUNDED)
    assert colour_difference(two, one) == pytest.approx(expected, abs=ROUNDED)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    "palette",
    [SEQUENCE, PROBABILITY, tuple(CHANGE.values()), tuple(CROPS.values())],
    ids=["hectares", "probability", "change", "crops"],
)
def test_palettes_differ(palette: tuple[str, ...], vision: Vision) -> None:
    """Law: no two colours of a palette come closer than the least difference, in any of four visions."""
    assert least_difference(palette, vision) >= LEAST


def test_red_to_green_is_caught() -> None:
    """Negative control: the common red-yellow-green ramp fails the rule for deutan readers."""
    assert least_difference(["#D7191C", "#FDAE61", "#FFFFBF", "#A6D96A", "#1A9641"], "deutan") < LEAST


@pytest.mark.parametrize("palette", [SEQUENCE, PROBABILITY])
def test_sequences_darken(palette: tuple[str, ...]) -> None:
    """Law: lightness falls from class to class, so that a grey copy keeps the order."""
    lightness = simulate_vision(palette, "normal")[:, 0]
    assert (np.diff(lightness) < -10).all()


@pytest.mark.parametrize("vision", VISIONS)
def test_greys_stay_grey(vision: Vision) -> None:
    """Law: a colour vision deficiency does not change greys (the rows of its matrix sum to one)."""
    lab = simulate_vision(["#000000", "#7F7F7F", "#FFFFFF"], vision)
    np.testing.assert_allclose(lab[:, 1:], 0, atol=0.05)


@given(st.lists(st.floats(0, 1e6), max_size=60), st.integers(2, 7))
def test_class_breaks(values: list[float], classes: int) -> None:
    """Law: limits rise, are positive, are fewer than the classes, and the last class is not empty."""
    limits = class_breaks(values, classes)
    assert len(limits) < classes
    assert list(limits) == sorted(set(limits))
    assert all(0 < limit <= max(values) for limit in limits)


def test_class_breaks_skip_missing() -> None:
    """Literal: cells without a figure do not move the limits."""
    assert class_breaks([1, 2, 3, 4, 5, float("nan")]) == class_breaks([1, 2, 3, 4, 5])


def test_ramp_keeps_its_anchors() -> None:
    """Law: a ramp of as many steps as anchors is the anchors."""
    assert ramp(SEQUENCE, len(SEQUENCE)) == SEQUENCE
