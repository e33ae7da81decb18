"""Equations of soil loss typed again from their sources, for tests; numbers, no arrays."""

from __future__ import annotations

import math
from typing import Any

import pytest

from geo.errors import InputError

NAN = float("nan")


def refused(made: Any, *arguments: Any, told: str, **named: Any) -> None:
    """Assert that a call is refused in some words."""
    with pytest.raises(InputError, match=told):
        made(*arguments, **named)


def whole(soil: tuple[float, ...]) -> list[float]:
    """Return the parts of a soil brought to a hundred."""
    return [one * 100 / sum(soil[:3]) for one in soil[:3]]


def roemkens(diameter_mm: float) -> float:
    """Return K of a diameter (Roemkens et al. 1986)."""
    return 0.0034 + 0.0405 * math.exp(-0.5 * ((math.log10(diameter_mm) + 1.659) / 0.7101) ** 2)


def epic(soil: tuple[float, ...]) -> float:
    """Return K of clay, silt, sand and organic carbon (Williams 1995)."""
    (clay, silt, sand), carbon = whole(soil), soil[3]
    coarse = 0.2 + 0.3 * math.exp(-0.0256 * sand * (1 - silt / 100))
    fine = (silt / (clay + silt)) ** 0.3 if clay + silt else 0.0
    organic = 1 - 0.25 * carbon / (carbon + math.exp(3.72 - 2.95 * carbon))
    other = 1 - sand / 100
    return 0.1317 * coarse * fine * organic * (1 - 0.7 * other / (other + math.exp(-5.51 + 22.9 * other)))


def nomograph(fine: float, clay: float, humus: float, structure: float, permeability: float) -> float:
    """Return K of the nomograph (Wischmeier and Smith 1978)."""
    us = 2.1e-4 * (fine * (100 - clay)) ** 1.14 * (12 - min(humus, 4)) + 3.25 * (structure - 2)
    return 0.1317 * max(us + 2.5 * (permeability - 3), 0) / 100


def exponent(rise: float) -> float:
    """Return the exponent of slope length (McCool et al. 1989)."""
    sine = math.sin(math.atan(rise))
    beta = (sine / 0.0896) / (3 * sine**0.8 + 0.56)
    return beta / (1 + beta)


def steep(rise: float) -> float:
    """Return the steepness factor (McCool et al. 1987)."""
    sine = math.sin(math.atan(rise))
    return 10.8 * sine + 0.03 if rise < 0.09 else 16.8 * sine - 0.5
