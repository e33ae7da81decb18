"""Rows G1 to G5: biomass, soil, fire and fertiliser, by pool and by gas; the two views of time kept apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aoi.harm.carbon import (
    CO2_PER_C,
    Gases,
    Pools,
    fertiliser_n2o_co2e,
    fire_gas_t,
    mineralisation_n2o_co2e,
    pools_t_c,
    soil_change_t_c,
)
from aoi.harm.draws import scaled_to_survey
from aoi.harm.result import HarmRow, absent_row, computed_row
from monitor.figures import FRAME
from monitor.harms.deforestation import cumulative, track_share
from monitor.harms.figures import Figures, Place
from monitor.harms.soil import MADE_OF, NITROGEN

__all__ = ["natural_area", "rows", "soil_factor_name", "soil_loss_t_c"]

FloatArray = NDArray[np.float64]
_UNIT, _YEARLY = "t CO2e", "t CO2e/yr"
_FOREST = ("hansen_treecover2000", "hansen_lossyear", "cci_agb", "cci_agb_sd")
_BIOMASS = "biomass before clearing on direct loss/1"
_TRACKS = "biomass before clearing under new access/1"
_SOIL = "reference stock times land-use factor, 20 years/1"
_PERIOD = 20


def rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield the rows of greenhouse gases."""
    for place in figures.places():
        yield from _rows_of(figures, place)


def _rows_of(figures: Figures, place: Place) -> Iterator[HarmRow]:
    gases: dict[str, Gases] = {}
    for name, maker in (("G1", _biomass), ("G2", _soil), ("G3", _fire)):
        made = maker(figures, place)
        if isinstance(made, HarmRow):
            yield made
            continue
        draws, lines = made
        gases[name] = draws
        yield from lines
        yield from _by_gas(figures, place, name, draws)
    yearly = _fertiliser(figures, place)
    if isinstance(yearly, HarmRow):
        yield yearly
    else:
        key = figures.key("G4", place, _YEARLY, method="nitrogen applied times emission factor/1", grade="D")
        yield _row(figures, key, yearly)
    yield from _tracks(figures, place)
    yield _processing(figures, place)
    yield from _views(figures, place, gases, None if isinstance(yearly, HarmRow) else yearly)


def _tracks(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield G1 of forest lost under new tracks, beside plots and in no sum; nothing where no access was given."""
    if not (figures.settings.get("access") and figures.has_forest and figures.has("cci_agb")):
        return
    key = figures.key("G1", place, _UNIT, method=_TRACKS, grade="C", part="tracks", inputs=_FOREST)
    lost, known = (figures.total(place, f"track_{part}_ha") for part in ("lost", "biomass"))
    if lost > 0 and known <= 0:
        yield absent_row(key, "not_computed", "no biomass is known of the forest lost under tracks")
        return
    error = 1 + figures.factors["biomass_relative_sd"].value * figures.noise(f"biomass:{place.crop}")
    scale = np.maximum(error, 0.0) * (lost / known if known > 0 else 0.0) * track_share(figures, place)
    low, high = (figures.total(place, f"track_biomass_{part}_t") * scale for part in ("low", "high"))
    yield _row(figures, key, _pools(figures, low, high).total * CO2_PER_C)


def _processing(figures: Figures, place: Place) -> HarmRow:
    """Return G5, what processing may emit at most by a published total for the world; it is in no sum."""
    key = figures.key(
        "G5", place, _YEARLY, method="published total for the world by hectare/1", grade="D", part="bound"
    )
    name = f"process_emissions_{place.crop}"
    if name not in figures.factors:
        return absent_row(key, "not_computed", f"no published total for processing of {place.crop}")
    crop = figures.areas(figures.crop_units(place), [FRAME])[0]
    area = figures.area_draws(crop, f"area:{place.crop}:{place.period}:crop:{FRAME}")
    return _row(figures, key, area * figures.draws_of(name))


def _row(figures: Figures, key: object, draws: FloatArray) -> HarmRow:
    return computed_row(key, draws, seed=figures.seed, level=figures.level)  # type: ignore[arg-type]


def _by_gas(figures: Figures, place: Place, name: str, gases: Gases) -> Iterator[HarmRow]:
    """Yield the total and each gas of it; in every draw the gases add up."""
    method = {"G1": _BIOMASS, "G2": _SOIL, "G3": "fuel burned times emission factor/1"}[name]
    names = _FOREST if name != "G2" else _soil_inputs(figures, place)
    for part, draws in (("", gases.total), ("gas:co2", gases.co2), ("gas:ch4", gases.ch4), ("gas:n2o", gases.n2o)):
        key = figures.key(name, place, _UNIT, method=method, grade="C", part=part, inputs=names)
        yield _row(figures, key, draws)


def _direct_draws(figures: Figures, place: Place) -> FloatArray:
    return figures.area_draws(cumulative(figures, place), f"area:{place.crop}:{place.period}:direct")


def _density(figures: Figures, place: Place) -> tuple[FloatArray, FloatArray] | None:
    """Return draws of biomass per hectare of direct loss, below and above the split of roots; None without any."""
    area = figures.total(place, "biomass_ha")
    if area <= 0:
        return None
    low, high = (figures.total(place, f"biomass_{part}_t") / area for part in ("low", "high"))
    mean = low + high
    se = figures.total(place, "biomass_se_t") / area if figures.has("cci_agb_sd") else 0.0
    if se == 0.0:
        se = mean * figures.factors["biomass_relative_sd"].value
    relative = (
        np.maximum(1 + se / mean * figures.noise(f"biomass:{place.crop}"), 0.0) if mean > 0 else np.zeros(figures.n)
    )
    return low * relative, high * relative


def _pools(figures: Figures, low: FloatArray, high: FloatArray) -> Pools:
    climate = figures.climate
    roots = low * figures.draws_of(f"root_shoot_low_{climate}") + high * figures.draws_of(
        f"root_shoot_high_{climate}"
    )
    return pools_t_c(
        low + high,
        roots,
        dead_wood=figures.draws_of(f"dead_wood_{climate}"),
        litter=figures.draws_of(f"litter_{climate}"),
        carbon_fraction=figures.draws_of("carbon_fraction"),
        carbon_fraction_litter=figures.draws_of("carbon_fraction_litter"),
    )


def _biomass(figures: Figures, place: Place) -> HarmRow | tuple[Gases, list[HarmRow]]:
    """Return G1 with its pools, and the carbon of the crop itself as a line apart that is taken off."""
    key = figures.key("G1", place, _UNIT, method=_BIOMASS, grade="C", inputs=_FOREST)
    if not (figures.has_forest and figures.has("cci_agb")):
        return figures.lacking(key, "hansen_treecover2000", "hansen_lossyear", "cci_agb")
    area = _direct_draws(figures, place)
    if not area.any():
        zero = np.zeros(figures.n)
        return Gases(zero, zero, zero), []
    density = _density(figures, place)
    if density is None:
        return absent_row(key, "not_computed", "the map holds no crop on forest whose biomass is known")
    pools = _pools(figures, *density)
    factor = f"crop_biomass_{place.crop}"
    if factor not in figures.factors:
        return absent_row(key, "not_computed", f"no factor {factor}")
    crop = figures.draws_of(factor) * figures.draws_of("carbon_fraction")
    shares = {
        "pool:above_ground": pools.above,
        "pool:roots": pools.below,
        "pool:dead_wood": pools.dead_wood,
        "pool:litter": pools.litter,
        "pool:crop_standing": -crop,
    }
    lines = [
        _row(
            figures,
            figures.key("G1", place, _UNIT, method=_BIOMASS, grade="C", part=part, inputs=_FOREST),
            area * one * CO2_PER_C,
        )
        for part, one in shares.items()
    ]
    zero = np.zeros(figures.n)
    return Gases(area * (pools.total - crop) * CO2_PER_C, zero, zero), lines


def natural_area(figures: Figures, place: Place) -> FloatArray:
    """Return draws of the crop's area on land that was natural cover, hectares."""
    estimate = figures.areas(figures.natural_units(place), ["frame"])[0]
    if not figures.natural_units(place).any() and figures.total(place, "natural_ha") == 0:
        return np.zeros(figures.n)  # neither sample nor map holds any
    return figures.area_draws(estimate, f"area:{place.crop}:{place.period}:natural")


def soil_factor_name(figures: Figures, place: Place) -> str:
    """Return the factor of soil carbon of a crop: its own, else that of annual crops in the climate."""
    own = f"soc_factor_{place.crop}"
    return own if own in figures.factors else f"soc_factor_annual_{figures.climate}"


def soil_loss_t_c(
    figures: Figures, place: Place, years: float, *, factor: FloatArray | None = None
) -> FloatArray | HarmRow:
    """Return draws of the soil carbon lost after some years, t C, or the row that says why there is none."""
    key = figures.key("S2", place, "t C", method=_SOIL, grade="C", inputs=figures.soil_inputs)
    if not figures.soil_inputs:
        return figures.lacking_soil(key)
    area, known = natural_area(figures, place), figures.total(place, "soil_ha")
    if not area.any():
        return np.zeros(figures.n)
    if known <= 0:
        return absent_row(
            key, "not_computed", "the map holds no crop on land whose soil and earlier cover are known"
        )
    stock = scaled_to_survey(figures.total(place, "soil_t"), known, area) * figures.draws_of("soil_stock_scale")
    share = figures.draws_of(soil_factor_name(figures, place)) if factor is None else factor
    return -soil_change_t_c(stock, share, years, period_years=_PERIOD)


def _soil(figures: Figures, place: Place) -> HarmRow | tuple[Gases, list[HarmRow]]:
    """Return G2, all of the twenty years: carbon dioxide, and nitrous oxide of the nitrogen freed."""
    lost = soil_loss_t_c(figures, place, _PERIOD)
    if isinstance(lost, HarmRow):
        key = figures.key("G2", place, _UNIT, method=_SOIL, grade="C", inputs=figures.soil_inputs)
        return absent_row(key, lost.state, lost.reason)
    oxide = mineralisation_n2o_co2e(
        lost,
        cn_ratio=_carbon_nitrogen(figures, place),
        ef1=figures.draws_of("n2o_ef1"),
        gwp_n2o=figures.draws_of("gwp_n2o"),
    )
    return Gases(lost * CO2_PER_C, np.zeros(figures.n), oxide), []


def _carbon_nitrogen(figures: Figures, place: Place) -> FloatArray:
    """Return draws of soil carbon over nitrogen: about the ratio of the maps where both are given, else the factor.

    The factor's own relative spread is kept, for the maps are no better known.
    """
    draws, nitrogen = figures.draws_of("soil_cn_ratio"), figures.total(place, "soil_nitrogen_t")
    if nitrogen <= 0:
        return draws
    mapped = figures.total(place, "soil_beside_nitrogen_t") / nitrogen
    return np.asarray(draws * mapped / figures.factors["soil_cn_ratio"].value)


def _soil_inputs(figures: Figures, place: Place) -> tuple[str, ...]:
    """Return what G2 rests on: the stock, and carbon and nitrogen where their ratio is read from maps."""
    beside = (MADE_OF[0], NITROGEN) if figures.total(place, "soil_nitrogen_t") > 0 else ()
    return tuple(dict.fromkeys((*figures.soil_inputs, *beside)))


def _fire(figures: Figures, place: Place) -> HarmRow | tuple[Gases, list[HarmRow]]:
    """Return G3, only where a burned-area map saw fire at the clearing; its carbon dioxide is in G1."""
    key = figures.key("G3", place, _UNIT, method="fuel burned times emission factor/1", grade="C")
    if not (figures.has_forest and figures.has("cci_agb") and figures.has("burned_year")):
        return figures.lacking(key, "hansen_treecover2000", "hansen_lossyear", "cci_agb", "burned_year")
    area, zero = _direct_draws(figures, place), np.zeros(figures.n)
    density = _density(figures, place)
    if not area.any():
        return Gases(zero, zero, zero), []
    if density is None:
        return absent_row(key, "not_computed", "the map holds no crop on forest whose biomass is known")
    mapped = figures.total(place, "biomass_low_t") + figures.total(place, "biomass_high_t")
    burned = figures.total(place, "burned_t") / mapped if mapped > 0 else 0.0
    fuel = area * (density[0] + density[1])
    gases = {
        gas: fire_gas_t(
            burned,
            fuel,
            combustion=figures.draws_of("combustion_other"),
            factor_g_per_kg=figures.draws_of(f"fire_{gas}"),
        )
        * figures.draws_of(f"gwp_{gas}")
        for gas in ("ch4", "n2o")
    }
    return Gases(zero, gases["ch4"], gases["n2o"]), []


def _fertiliser(figures: Figures, place: Place) -> HarmRow | FloatArray:
    """Return G4: nitrogen applied to land that was natural cover; on cropland licit crops would get it too."""
    key = figures.key("G4", place, _YEARLY, method="nitrogen applied times emission factor/1", grade="D")
    name = f"fertiliser_product_{place.crop}"
    if name not in figures.factors:
        return absent_row(key, "not_computed", f"no factor {name}: give one with its source")
    if not (figures.has_forest or figures.has("land_cover")):
        return figures.lacking(key, "land_cover")
    nitrogen = natural_area(figures, place) * figures.draws_of(name) * figures.draws_of("fertiliser_nitrogen_share")
    return fertiliser_n2o_co2e(nitrogen, ef1=figures.draws_of("n2o_ef1"), gwp_n2o=figures.draws_of("gwp_n2o"))


def _views(figures: Figures, place: Place, gases: dict[str, Gases], yearly: FloatArray | None) -> Iterator[HarmRow]:
    """Yield what clearing commits, and the same spread over twenty years with the yearly emissions: never added."""
    names = (*_FOREST, *_soil_inputs(figures, place))
    keys = {
        part: figures.key(
            "G", place, unit, method="G1 + G2 + G3" + more + "/1", grade="C", part=part, inputs=names
        )
        for part, unit, more in (
            ("view:year_of_clearing", _UNIT, ""),
            ("view:amortised_20_years", _YEARLY, " over 20 years + G4"),
        )
    }  # fmt: skip
    if "G1" not in gases:
        for key in keys.values():
            yield absent_row(key, "not_computed", "G1 was not computed")
        return
    committed = np.sum([one.total for one in gases.values()], axis=0)
    spread = committed / _PERIOD + (0.0 if yearly is None else yearly)
    yield _row(figures, keys["view:year_of_clearing"], committed)
    yield _row(figures, keys["view:amortised_20_years"], spread)
