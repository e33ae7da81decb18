"""The agricultural-mask ratio estimator: poppy per hectare of mask in the cells drawn, times the mask.

The mask is drawn anew each year, and how far its edge is buffered moves the estimate; the sensitivity is part of
the result. Provinces with few cells share one ratio (`ratio.combined_ratio_total`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aoi.survey.cluster import simple_random
from aoi.survey.design import FloatArray, raise_all
from aoi.survey.linearised import Linearised, as_values, total
from aoi.survey.ratio import combined_ratio_total
from geo.errors import Problem

__all__ = [
    "BufferRow",
    "MaskForm",
    "buffer_sensitivity",
    "mask_expansion_total",
    "mask_rate",
    "mask_ratio_total",
]

MaskForm = Literal["mask", "cells"]
"""What scales the residuals: the known mask over the sample's mean, ``X / x-bar`` (g-weighted), or the number of
cells, N. They agree on average; the first follows the sample at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferRow:
    """The estimate under one buffer of the mask."""

    buffer_m: float
    """Distance by which the mask's edge was moved, metres; negative inward."""
    mask_ha: float
    """Area of the mask so buffered, hectares."""
    rate: float
    """Crop per hectare of mask."""
    value_ha: float
    """Estimated crop, hectares."""
    se_ha: float
    """Its standard error, hectares."""
    change: float
    """Relative change of the estimate from the base buffer's."""


def mask_rate(crop_ha: npt.ArrayLike, mask_ha: npt.ArrayLike) -> float:
    """Return crop per hectare of mask in the cells drawn with equal probabilities.

    Parameters
    ----------
    crop_ha, mask_ha
        Crop and mask in each cell, hectares, shape (n,).

    Returns
    -------
    float

    Examples
    --------
    >>> mask_rate([40, 300, 90, 700, 30, 330], [400, 1200, 800, 2500, 600, 1500])
    0.2128571
    """
    y, x = _checked(crop_ha, mask_ha)
    return float(y.sum() / x.sum())


def mask_ratio_total(
    crop_ha: npt.ArrayLike, mask_ha: npt.ArrayLike, *, cells: int, mask_total_ha: float, form: MaskForm = "mask"
) -> Linearised:
    """Estimate a province's crop from a simple random (or systematic) sample of cells.

    Parameters
    ----------
    crop_ha, mask_ha
        Crop and mask in each cell drawn, hectares, shape (n,).
    cells
        Cells in the province's frame, N.
    mask_total_ha
        Mask of the whole province, hectares, X.
    form
        Scale of the residuals.

    Returns
    -------
    Linearised

    Raises
    ------
    InputError
        If a cell holds more crop than mask, or the sample holds more mask than the province.

    Notes
    -----
    ``V = N^2 (1 - f) / n * s_e^2`` with ``s_e^2 = sum((y - R x)^2) / (n - 1)``, or with ``(X / x-bar)^2`` in the
    place of ``N^2``.

    References
    ----------
    Cochran (1977), section 6.4; Sarndal, Swensson and Wretman (1992), section 7.3 (the g-weighted form).

    Examples
    --------
    >>> found = mask_ratio_total([40, 300, 90, 700, 30, 330], [400, 1200, 800, 2500, 600, 1500],
    ...                          cells=40, mask_total_ha=46_000)
    >>> found.value, found.se
    (9791.43, 1458.73)
    """
    y, x = _checked(crop_ha, mask_ha)
    if form not in ("mask", "cells"):
        raise_all([Problem("form of the variance", repr(form), "mask or cells")])
    if not x.sum() <= mask_total_ha * (1 + 1e-9):
        found = f"{mask_total_ha:,.6g} ha in the province and {x.sum():,.6g} ha in the cells drawn"
        raise_all([Problem("agricultural mask", found, "at least the cells' own mask")])
    figure = combined_ratio_total(simple_random(y.size, cells), y, x, x_total=mask_total_ha)
    g = mask_total_ha / (cells * float(x.mean()))
    return Linearised(
        value=figure.value,
        variance=figure.variance if form == "mask" else figure.variance / g**2,
        df=figure.df,
        n=figure.n,
        method=f"agricultural-mask ratio ({form} form); linearised",
        reliability=figure.reliability,
        floor=figure.floor,
    )


def mask_expansion_total(crop_ha: npt.ArrayLike, *, cells: int) -> Linearised:
    """Estimate a province's crop without the mask, to show what the mask is worth.

    Parameters
    ----------
    crop_ha
        Crop in each cell drawn, hectares, shape (n,).
    cells
        Cells in the province's frame.

    Returns
    -------
    Linearised

    Examples
    --------
    >>> found = mask_expansion_total([40, 300, 90, 700, 30, 330], cells=40)
    >>> found.value, found.se
    (9933.33, 3864.79)
    """
    return total(simple_random(np.size(crop_ha), cells), crop_ha)


def buffer_sensitivity(
    buffers_m: Sequence[float],
    crop_ha: npt.ArrayLike,
    mask_ha: npt.ArrayLike,
    *,
    cells: int,
    mask_totals_ha: Sequence[float],
    base_m: float = 0.0,
) -> tuple[BufferRow, ...]:
    """Show how the estimate moves when the mask's edge is buffered inward or outward.

    Parameters
    ----------
    buffers_m
        Distances, metres, one of them `base_m`.
    crop_ha
        Crop inside the buffered mask in each cell, shape (buffers, n), or (n,) where no crop lies between.
    mask_ha
        Buffered mask in each cell, shape (buffers, n).
    cells
        Cells in the province's frame.
    mask_totals_ha
        Buffered mask of the province, shape (buffers,).
    base_m
        The buffer of the published estimate.

    Returns
    -------
    tuple of BufferRow
        In the order of `buffers_m`.

    Raises
    ------
    InputError
        If shapes differ, or the base buffer is not among them.

    Examples
    --------
    >>> rows = buffer_sensitivity([0, 30], [[10, 20], [10, 20]], [[100, 100], [110, 130]],
    ...                           cells=10, mask_totals_ha=[1000, 1300])
    >>> [round(row.change, 4) for row in rows]
    [0.0, 0.0833]
    """
    masks = np.asarray(mask_ha, dtype=float)
    if masks.shape[0] != len(buffers_m) or len(mask_totals_ha) != len(buffers_m) or base_m not in buffers_m:
        found = f"{len(buffers_m)} buffers, {masks.shape[0]} masks, {len(mask_totals_ha)} totals"
        raise_all([Problem("buffers of the mask", found, f"one of each, the base ({base_m:g} m) among them")])
    crops = np.broadcast_to(np.asarray(crop_ha, dtype=float), masks.shape)
    figures = [
        mask_ratio_total(crop, mask, cells=cells, mask_total_ha=known)
        for crop, mask, known in zip(crops, masks, mask_totals_ha, strict=True)
    ]
    base = figures[list(buffers_m).index(base_m)].value
    return tuple(
        BufferRow(
            buffer_m=float(distance),
            mask_ha=float(known),
            rate=figure.value / known,
            value_ha=figure.value,
            se_ha=figure.se,
            change=figure.value / base - 1 if base else math.nan,
        )
        for distance, known, figure in zip(buffers_m, mask_totals_ha, figures, strict=True)
    )


def _checked(crop_ha: npt.ArrayLike, mask_ha: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return crop and mask of each cell, refusing crop outside the mask."""
    x = as_values(mask_ha, np.size(mask_ha), name="mask_ha")
    y = as_values(crop_ha, x.size, name="crop_ha")
    outside = np.flatnonzero((y > x * (1 + 1e-9)) | (y < 0) | (x < 0))
    if outside.size:
        raise_all(
            [
                Problem(
                    "cells",
                    f"{outside.size} with more crop than mask, or less than none (first {outside[:5].tolist()})",
                    "0 <= crop <= mask",
                    "mend the mask where it leaves out crop, or estimate the rest as a stratum of its own",
                )
            ]
        )
    return y, x
