"""Rows B1 to B5: habitat lost by species, STAR-like and LIFE-like scores, range rarity, overlap with sites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import scaled_to_survey
from aoi.harm.result import HarmRow, absent_row, computed_row, estimated_row
from aoi.harm.species import life_change
from monitor.harms.carbon import natural_area
from monitor.harms.deforestation import cumulative
from monitor.harms.figures import Figures, Place

__all__ = ["rows"]

FloatArray = NDArray[np.float64]
_INPUTS = ("land_cover", "hansen_treecover2000", "hansen_lossyear", "elevation")
_METHOD = "lost area of habitat, its share by the map and its area by the sample/1"


def rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield the rows of endemic species."""
    for place in figures.places():
        species = figures.settings["species"]
        if not species or not figures.has("land_cover"):
            why = "no [[harm.species]] in the survey file" if not species else "no input land_cover"
            for name, unit in (("B1", "ha"), ("B2", "STAR"), ("B3", "persistence"), ("B4", "range shares")):
                key = figures.key(name, place, unit, method="none", grade="B")
                yield absent_row(key, "not_computed", why)
        else:
            yield from _habitat(figures, place, species)
        yield from _sites(figures, place)


def _lost(figures: Figures, place: Place, quantity: str) -> FloatArray:
    """Return draws of lost habitat: the map's share of cleared natural land, of the survey's area of it."""
    natural = natural_area(figures, place)
    return scaled_to_survey(figures.total(place, quantity), figures.total(place, "natural_ha"), natural)


def _habitat(figures: Figures, place: Place, species: list[dict[str, Any]]) -> Iterator[HarmRow]:
    if figures.total(place, "natural_ha") <= 0 and natural_area(figures, place).any():
        key = figures.key("B1", place, "ha", method=_METHOD, grade="B")
        yield absent_row(key, "not_computed", "the map holds no crop on natural land")
        return
    strict: dict[str, FloatArray] = {}
    for number, one in enumerate(species, start=1):
        for part in ("strict", "broad"):
            lost = np.minimum(_lost(figures, place, f"species_{number}_{part}_ha"), float(one["habitat_ha"]))
            key = figures.key(
                "B1", place, "ha", method=_METHOD, grade="B", part=f"{one['name']}:{part}", inputs=_INPUTS
            )
            yield _row(figures, key, lost)
            if part == "strict":
                strict[str(one["name"])] = lost
        yield from _scores(figures, place, one, strict[str(one["name"])])
    yield from _sums(figures, place, species, strict)


def _scores(figures: Figures, place: Place, one: dict[str, Any], lost: FloatArray) -> Iterator[HarmRow]:
    """Yield the share of all habitat, and the LIFE-like change with several exponents."""
    key = figures.key(
        "B1", place, "percent", method=_METHOD, grade="B", part=f"{one['name']}:share_of_habitat", inputs=_INPUTS
    )
    yield _row(figures, key, 100 * lost / float(one["habitat_ha"]))
    historic = one["historic_ha"]
    for exponent in dict.fromkeys((figures.factors["life_exponent"].value, 0.1, 0.5, 1.0)):
        key = figures.key(
            "B3", place, "persistence", method="LIFE-like/1", grade="C", part=f"{one['name']}:z={exponent:g}",
            inputs=_INPUTS,
        )  # fmt: skip
        if historic is None:
            yield absent_row(key, "not_computed", f"no historic_ha of {one['name']}")
            continue
        now = float(one["habitat_ha"])
        yield _row(figures, key, life_change(now, now - lost, float(historic), exponent=exponent))


def _sums(
    figures: Figures, place: Place, species: list[dict[str, Any]], lost: dict[str, FloatArray]
) -> Iterator[HarmRow]:
    """Yield habitat of at least one species, each hectare once; STAR-like removal and range rarity over species."""
    key = figures.key("B1", place, "ha", method=_METHOD, grade="B", inputs=_INPUTS)
    yield _row(figures, key, _lost(figures, place, "species_any_ha"))
    weights = {one["name"]: figures.factors[f"star_weight_{str(one['category']).lower()}"].value for one in species}
    star = [
        lost[str(one["name"])] / float(one["habitat_ha"]) * weights[one["name"]] * float(one["threat_share"])
        for one in species
    ]
    key = figures.key(
        "B2", place, "STAR", method="STAR-like, from habitat at native resolution/1", grade="C", inputs=_INPUTS
    )
    yield _row(figures, key, np.sum(star, axis=0))
    rarity = [lost[str(one["name"])] / float(one["habitat_ha"]) for one in species if one["endemic"]]
    key = figures.key(
        "B4", place, "range shares", method="range rarity of endemic species/1", grade="B", inputs=_INPUTS
    )
    yield (
        _row(figures, key, np.sum(rarity, axis=0))
        if rarity
        else absent_row(key, "not_computed", "no species is said to be endemic")
    )


def _sites(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield B5: direct loss inside protected areas and other sites, each hectare once in a layer."""
    domains = list(figures.settings["site_domains"])
    key = figures.key("B5", place, "ha", method="direct loss in sites, area by the sample/1", grade="B")
    if not domains:
        yield absent_row(key, "not_computed", "no overlay of kind protected or forest_reserve")
        return
    if not figures.has_forest:
        yield figures.lacking(key, "hansen_treecover2000", "hansen_lossyear")
        return
    for domain in domains:
        whole = cumulative(figures, place, domain)
        row = figures.key(
            "B5", place, "ha", method="direct loss in sites, area by the sample/1", grade="B", domain=domain,
            inputs=_INPUTS,
        )  # fmt: skip
        yield estimated_row(row, whole.value, whole.lo, whole.hi)


def _row(figures: Figures, key: Any, draws: FloatArray) -> HarmRow:
    return computed_row(key, draws, seed=figures.seed, level=figures.level)
