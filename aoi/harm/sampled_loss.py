"""Soil loss of the crop as the sample sees it, against the map's: what the map takes for crop is not what is crop.

The map says what lies under all of the crop and errs about what is crop; the sample knows that, at few places. The
difference of the two means per hectare, drawn again with its sampling error, is added to what the map says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import resampled_weights, stream
from aoi.harm.erosion import FRAME, FRESH, TOLERABLE_T_HA, cover_draws, scale_draws
from aoi.harm.factor import Factor
from aoi.harm.mapped import MappedFigure

__all__ = ["FEWEST", "METHOD_SAMPLED", "SampledCrop", "corrected", "sampled_means"]

FEWEST = 10
"""Crop units of the sample below which the map alone speaks."""
METHOD_SAMPLED = "rusle-sdr-sample/3"

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledCrop:
    """The sample, and what lies at its units that were found under the crop."""

    stratum: NDArray[np.int64]
    """Stratum of every unit of the sample, shape (units,)."""
    sizes: NDArray[np.int64]
    """Units that each stratum holds in all, shape (strata,)."""
    found: NDArray[np.bool_]
    """Which units are crop, shape (units,); c of them."""
    potential: FloatArray
    """R K LS at those, t/ha/yr of bare ground, one row for each equation of K, shape (equations, c)."""
    before: tuple[str, ...]
    """Cover of each before it was opened, by name."""
    fresh: NDArray[np.bool_] | None = None
    """Which of those c were cleared in the year; None where that is not known."""
    anomaly: float = 1.0
    """As of `aoi.harm.slopes.Slopes`."""


def sampled_means(
    crop: str, sample: SampledCrop, factors: Mapping[str, Factor], *, n: int, seed: int, name: str
) -> tuple[FloatArray, FloatArray]:
    """Return what a hectare of sampled crop adds, and the share of it that loses more than each tolerable loss.

    The factors of each draw are those that the map is computed with, and the units are drawn again in each.

    Parameters
    ----------
    crop
        Cover that the factors of the crop are named by.
    sample
        The sample.
    factors
        Factors by name.
    n, seed
        As of `aoi.harm.erosion.erosion_draws`.
    name
        Of the stream that units are drawn from.

    Returns
    -------
    ndarray, shape (n,)
        Loss added, t/ha/yr.
    ndarray, shape (n, limits)
        Share of the crop, 0 to 1.
    """
    names = tuple(dict.fromkeys((*sample.before, FRESH, crop)))
    c, p = cover_draws(names, factors, n=n, seed=seed)
    cp = c * p * scale_draws(sample.anomaly, factors, n=n, seed=seed)[:, None]
    member = stream(seed, "erodibility_equation").integers(0, sample.potential.shape[0], n)
    code = np.array([names.index(one) for one in sample.before])
    weight = resampled_weights(sample.stratum, sample.sizes, sample.found, n=n, seed=seed, name=name)
    weight[weight.sum(axis=1) == 0] = 1.0  # a draw that met none of the crop units says nothing of their kind
    weight /= weight.sum(axis=1, keepdims=True)
    fresh = np.zeros(code.size, dtype=np.bool_) if sample.fresh is None else sample.fresh
    own = np.where(fresh, cp[:, [names.index(FRESH)]], cp[:, [names.index(crop)]])
    bare = sample.potential[member]
    added = (weight * bare * (own - cp[:, code])).sum(axis=1)
    above = [(weight * (bare * own > limit)).sum(axis=1) for limit in TOLERABLE_T_HA]
    return added, np.column_stack(above)


def corrected(figures: Iterable[MappedFigure], added_t_ha: FloatArray, above: FloatArray) -> list[MappedFigure]:
    """Return figures with E1 and E3 brought from the map's mean over the frame to the sample's.

    Every domain moves by as much a hectare as the frame does, so that the frame is the sample's own and a domain,
    which has few units or none, keeps what the map says of it beside the others.

    Parameters
    ----------
    figures
        As of `aoi.harm.erosion.erosion_figures`.
    added_t_ha, above
        As of `sampled_means`.
    """
    held = list(figures)
    mapped = {(one.indicator, one.part): one.draws for one in held if one.domain == FRAME and one.draws.size}
    if ("E1", "per_hectare") not in mapped:
        return held
    more = {"per_hectare": added_t_ha - mapped["E1", "per_hectare"]}
    for column, limit in enumerate(TOLERABLE_T_HA):
        part = f"above:{limit:g}"
        if ("E3", part) in mapped:
            more[part] = 100 * above[:, column] - mapped["E3", part]
    return [_moved(one, more) for one in held]


def _moved(one: MappedFigure, more: Mapping[str, FloatArray]) -> MappedFigure:
    if not one.draws.size:
        return one
    if one.indicator == "E1" and not one.part:
        return replace(one, draws=one.draws + more["per_hectare"] * one.mapped_ha, method=METHOD_SAMPLED)
    if one.indicator == "E1" and one.part in more:
        return replace(one, draws=one.draws + more[one.part], method=METHOD_SAMPLED)
    if one.indicator == "E3" and one.part in more:
        return replace(one, draws=np.clip(one.draws + more[one.part], 0.0, 100.0), method=METHOD_SAMPLED)
    return one
