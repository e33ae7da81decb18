"""Colours that stay apart for every reader: palettes, class breaks, and the test that they do stay apart.

Hatching, not colour, carries what must survive a grey printer: intervals wider than their figure, empty cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHANGE",
    "CROPS",
    "PROBABILITY",
    "SEQUENCE",
    "VISIONS",
    "Vision",
    "class_breaks",
    "colour_difference",
    "least_difference",
    "ramp",
    "simulate_vision",
]

Vision = Literal["normal", "deutan", "protan", "tritan"]
VISIONS: tuple[Vision, ...] = ("normal", "deutan", "protan", "tritan")

SEQUENCE = ("#FFF6D6", "#F9CF72", "#EC8F38", "#B8481B", "#5E1A12")
"""Hectares, from few to many; lightness falls at every step, so that order survives without hue."""

CHANGE = {"decrease": "#2C7FB8", "no_significant_change": "#E4E2DC", "increase": "#8C2D04"}
"""Verdicts of a comparison."""

CROPS = {"coca": "#D55E00", "opium_poppy": "#CC79A7", "cannabis": "#009E73"}
"""Crops under control (Okabe and Ito's colours)."""

PROBABILITY = ("#FDF3E7", "#F2C4A6", "#D9838A", "#97457F", "#3B1358")
"""Probability of a crop, from 0 to 1."""

_LEAST_HA = 0.01  # smaller areas are not told apart
_SKEWED = 4.0  # times the median: from here on even steps would leave most units in one class

# Machado, Oliveira and Fernandes 2009, table 1, severity 1.0; linear sRGB in, linear sRGB out.
_VISION_MATRIX: dict[Vision, tuple[tuple[float, float, float], ...]] = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# IEC 61966-2-1, linear sRGB to XYZ, white point D65.
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)


def simulate_vision(colours: Sequence[str], vision: Vision) -> NDArray[np.float64]:
    """Return colours as a reader with a colour vision deficiency sees them, in CIELAB.

    Parameters
    ----------
    colours
        ``#rrggbb``, n of them.
    vision
        ``normal``, or a dichromacy.

    Returns
    -------
    ndarray, shape (n, 3)
        L*, a*, b*.

    References
    ----------
    Machado, Oliveira, Fernandes (2009), IEEE Trans. Vis. Comput. Graph. 15(6), doi:10.1109/TVCG.2009.113.

    Examples
    --------
    >>> simulate_vision(["#FFFFFF"], "deutan").round(1).tolist()
    [[100.0, 0.0, 0.0]]
    """
    encoded = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(_VISION_MATRIX[vision]).T, 0, 1)
    return _lab(seen)


def colour_difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the CIEDE2000 difference of two CIELAB colours.

    References
    ----------
    Sharma, Wu, Dalal (2005), Color Res. Appl. 30(1), doi:10.1002/col.20070, eqs. 2-22.

    Examples
    --------
    >>> round(colour_difference(np.array([50.0, 2.5, 0.0]), np.array([73.0, 25.0, -18.0])), 4)
    27.1492
    """
    (l1, c1, h1), (l2, c2, h2) = _adjusted_polar(first, second)
    turn = h2 - h1
    if c1 * c2 == 0:
        turn = 0.0
    elif abs(turn) > 180:
        turn -= math.copysign(360, turn)  # eq. 10
    hue = _mean_hue(c1, h1, c2, h2)
    d_l, d_c, d_h = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))  # eqs. 8-11
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * math.cos(math.radians(hue - 30))
        + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6))
        - 0.20 * math.cos(math.radians(4 * hue - 63))
    )  # eq. 15
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / math.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = (
        -2
        * math.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
        * math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    )  # eqs. 16, 17, 21
    l_, c_, h_ = d_l / s_l, d_c / s_c, d_h / s_h
    return math.sqrt(l_**2 + c_**2 + h_**2 + rotation * c_ * h_)  # eq. 22


def least_difference(colours: Sequence[str], vision: Vision) -> float:
    """Return the difference of the two colours of a palette that are hardest to tell apart.

    Examples
    --------
    >>> least_difference(list(CROPS.values()), "deutan") > 10
    True
    """
    lab = simulate_vision(colours, vision)
    return min(colour_difference(lab[i], lab[j]) for i, j in combinations(range(len(lab)), 2))


def ramp(anchors: Sequence[str], steps: int) -> tuple[str, ...]:
    """Return `steps` colours evenly along a polyline of colours.

    Examples
    --------
    >>> ramp(("#000000", "#FFFFFF"), 3)
    ('#000000', '#808080', '#FFFFFF')
    """
    channels = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in anchors], dtype=float)
    at = np.linspace(0, len(anchors) - 1, steps)
    mixed = np.array([np.interp(at, np.arange(len(anchors)), channel) for channel in channels.T]).T
    return tuple("#" + "".join(f"{round(float(c)):02X}" for c in colour) for colour in mixed)


def class_breaks(values: Iterable[float], classes: int = 5) -> tuple[float, ...]:
    """Return inner class limits that are round numbers: even steps, or even counts where values are skewed.

    Parameters
    ----------
    values
        Hectares of all units and all periods, so that one legend serves every year.
    classes
        Most classes wanted.

    Returns
    -------
    tuple of float
        At most `classes - 1` rising limits; a value belongs to the class above a limit it equals.

    Examples
    --------
    >>> class_breaks([3, 8, 21, 47, 60, 95, 180, 400, 720])
    (15.0, 50.0, 80.0, 300.0)
    >>> class_breaks([2.2, 6.8, 4.2, 12, 14.2])
    (3.0, 6.0, 9.0, 12.0)
    """
    known = np.sort(np.array([value for value in values if math.isfinite(value)], dtype=float))
    if known.size == 0 or known[-1] < _LEAST_HA:
        return ()
    if known[-1] <= _SKEWED * np.median(known):
        step = _rounded(float(known[-1]) / classes)
        steps = (float(f"{step * number:.6g}") for number in range(1, classes))
        return tuple(limit for limit in steps if _LEAST_HA <= limit <= known[-1])
    shares = np.linspace(0, 1, classes + 1)[1:-1]
    limits = {_rounded(float(limit)) for limit in np.quantile(known, shares) if limit >= _LEAST_HA}
    return tuple(sorted(limit for limit in limits if _LEAST_HA <= limit <= known[-1]))


def _rounded(value: float) -> float:
    """Round to 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten, the nearest in ratio."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
    return min(steps, key=lambda step: abs(math.log(value / (step * power)))) * power


def _adjusted_polar(first: NDArray[np.float64], second: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Return lightness, chroma and hue in degrees after stretching a* (eqs. 2-7)."""
    mean = (math.hypot(*first[1:]) + math.hypot(*second[1:])) / 2
    stretch = 1.5 - 0.5 * math.sqrt(mean**7 / (mean**7 + 25.0**7))
    polar = []
    for lightness, a, b in (first.tolist(), second.tolist()):
        chroma = math.hypot(stretch * a, b)
        polar.append((lightness, chroma, math.degrees(math.atan2(b, stretch * a)) % 360 if chroma else 0.0))
    return polar


def _mean_hue(c1: float, h1: float, c2: float, h2: float) -> float:
    """Return the mean of two hues in degrees, the short way round (eq. 14)."""
    if c1 * c2 == 0:
        return h1 + h2
    if abs(h1 - h2) <= 180:
        return (h1 + h2) / 2
    return (h1 + h2 + 360) / 2 if h1 + h2 < 360 else (h1 + h2 - 360) / 2


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert linear sRGB to CIELAB (CIE 15:2004, section 8.2.1)."""
    relative = linear @ _TO_XYZ.T / _WHITE
    cubic = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = cubic.T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
