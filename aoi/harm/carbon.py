"""Greenhouse gases: biomass pools, soil over twenty years, fire where it burned, nitrous oxide (G1 to G4).

Every function works on numbers, arrays of pixels or draws, per hectare or in total, as it is given them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = [
    "CO2_PER_C",
    "Gases",
    "Pools",
    "amortised",
    "conversion_change_t_c",
    "fertiliser_n2o_co2e",
    "fire_gas_t",
    "mineralisation_n2o_co2e",
    "mokany_root_t",
    "pools_t_c",
    "root_t",
    "soil_change_t_c",
    "soil_stock_t_c_ha",
]

CO2_PER_C = 44.0 / 12.0
"""Molar mass of carbon dioxide to that of carbon."""
N2O_PER_N = 44.0 / 28.0

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pools:
    """Carbon in biomass, t C per hectare or in total."""

    above: FloatArray
    below: FloatArray
    dead_wood: FloatArray
    litter: FloatArray

    @property
    def total(self) -> FloatArray:
        """The sum of the four pools."""
        return self.above + self.below + self.dead_wood + self.litter


@dataclass(frozen=True, slots=True)
class Gases:
    """Emissions in t CO2e; carbon dioxide of fire is in `co2` already and not counted again."""

    co2: FloatArray
    ch4: FloatArray
    n2o: FloatArray

    @property
    def total(self) -> FloatArray:
        """The sum of the three gases."""
        return self.co2 + self.ch4 + self.n2o


def _known(what: str, *values: ArrayLike) -> tuple[FloatArray, ...]:
    arrays = tuple(np.asarray(value, dtype=np.float64) for value in values)
    if any(np.any(~np.isfinite(array) | (array < 0)) for array in arrays):
        raise InputError(
            Problem(what, "a missing or negative number", "0 or more everywhere", "mask no-data first")
        )
    return arrays


def root_t(above_t: ArrayLike, *, low: ArrayLike, high: ArrayLike, split_t_ha: float = 125.0) -> FloatArray:
    """Return root biomass from above-ground biomass (t/ha) by ratio, `high` from the split upwards."""
    (above,) = _known("above-ground biomass", above_t)
    lower, higher = _known("root-to-shoot ratio", low, high)
    return np.asarray(above * np.where(above >= split_t_ha, higher, lower))


def mokany_root_t(above_t: ArrayLike) -> FloatArray:
    """Return root biomass ``0.489 B^0.89`` (t/ha; Mokany et al. 2006, as used by Trends.Earth)."""
    (above,) = _known("above-ground biomass", above_t)
    return np.asarray(0.489 * above**0.89)


def pools_t_c(
    above_t: ArrayLike,
    below_t: ArrayLike,
    *,
    dead_wood: ArrayLike,
    litter: ArrayLike,
    carbon_fraction: ArrayLike,
    carbon_fraction_litter: ArrayLike,
) -> Pools:
    """Return carbon pools from dry biomass.

    Parameters
    ----------
    above_t, below_t
        Above-ground biomass and roots, t dry matter. Satellite maps of biomass leave the roots out.
    dead_wood, litter
        As shares of above-ground biomass.
    carbon_fraction, carbon_fraction_litter
        t C per t dry matter.
    """
    above, below = _known("biomass", above_t, below_t)
    wood, fall, carbon, carbon_fall = _known(
        "carbon factors", dead_wood, litter, carbon_fraction, carbon_fraction_litter
    )
    return Pools(above * carbon, below * carbon, above * wood * carbon, above * fall * carbon_fall)


def conversion_change_t_c(
    area_ha: ArrayLike, before_t_ha: ArrayLike, after_t_ha: ArrayLike, carbon_fraction: ArrayLike
) -> FloatArray:
    """Return the carbon change of conversion, t C, a loss below zero (IPCC 2006 vol. 4 eq. 2.16)."""
    area, before, after, carbon = _known("conversion", area_ha, before_t_ha, after_t_ha, carbon_fraction)
    return np.asarray(area * (after - before) * carbon)


def soil_stock_t_c_ha(
    carbon_percent: ArrayLike, bulk_density_g_cm3: ArrayLike, depth_cm: float, stones: ArrayLike
) -> FloatArray:
    """Return the soil organic carbon of a layer, t C/ha, NaN where one of its numbers is (after IPCC 2003).

    Parameters
    ----------
    carbon_percent
        Of the fine earth, by weight.
    bulk_density_g_cm3
        Of the fine earth.
    depth_cm
        Thickness of the layer.
    stones
        Share of the volume.

    Examples
    --------
    >>> round(float(soil_stock_t_c_ha(3, 1.2, 30, 0.1)), 1)
    97.2
    """
    carbon, density, coarse = (
        np.asarray(one, dtype=np.float64) for one in (carbon_percent, bulk_density_g_cm3, stones)
    )
    return np.asarray(carbon * density * depth_cm * (1 - coarse))


def soil_change_t_c(
    stock_t_c: ArrayLike, factor: ArrayLike, years: ArrayLike, *, period_years: float = 20.0
) -> FloatArray:
    """Return soil carbon change after some years of use, t C, a loss below zero.

    Linear to the new balance ``SOC_ref F`` (IPCC 2006 vol. 4 eq. 2.25), from the reference stock and not the last
    one, so that clearing and leaving the same land again and again does not compound.
    """
    stock, share, time = _known("soil carbon", stock_t_c, factor, years)
    return np.asarray(stock * (share - 1) * np.minimum(time, period_years) / period_years)


def mineralisation_n2o_co2e(
    loss_t_c: ArrayLike, *, cn_ratio: ArrayLike, ef1: ArrayLike, gwp_n2o: ArrayLike
) -> FloatArray:
    """Return t CO2e of nitrous oxide from nitrogen freed with lost soil carbon; a gain of carbon frees none."""
    loss = np.maximum(np.asarray(loss_t_c, dtype=np.float64), 0.0)
    ratio, share, warming = _known("nitrous oxide", cn_ratio, ef1, gwp_n2o)
    return np.asarray(loss / ratio * share * N2O_PER_N * warming)


def fertiliser_n2o_co2e(nitrogen_t: ArrayLike, *, ef1: ArrayLike, gwp_n2o: ArrayLike) -> FloatArray:
    """Return t CO2e of direct nitrous oxide from nitrogen applied, tonnes of N (IPCC 2006 vol. 4 eq. 11.1)."""
    applied, share, warming = _known("fertiliser nitrogen", nitrogen_t, ef1, gwp_n2o)
    return np.asarray(applied * share * N2O_PER_N * warming)


def fire_gas_t(
    burned: ArrayLike, fuel_t: ArrayLike, *, combustion: ArrayLike, factor_g_per_kg: ArrayLike
) -> FloatArray:
    """Return tonnes of a gas from burning (IPCC 2006 vol. 4 eq. 2.27), zero where nothing burned.

    Parameters
    ----------
    burned
        Mask or share of the area that burned.
    fuel_t
        Dry matter of the area, t.
    combustion
        Share of the fuel that burns.
    factor_g_per_kg
        Grams of gas per kg of dry matter burned.
    """
    share, fuel = _known("fire", np.asarray(burned, dtype=np.float64), fuel_t)
    burnt, gas = _known("fire factors", combustion, factor_g_per_kg)
    return np.asarray(share * fuel * burnt * gas / 1000)


def amortised(total: float, clearing_year: int, year: int, *, period_years: int = 20) -> float:
    """Return the part of a committed emission that falls on a year when spread evenly, the clearing year first.

    This product-footprint view is never added to the view of the year of clearing.

    Examples
    --------
    >>> amortised(200.0, 2010, 2029), amortised(200.0, 2010, 2030)
    (10.0, 0.0)
    """
    return total / period_years if 0 <= year - clearing_year < period_years else 0.0
