"""Co-benefits of a programme for the environment (A17) from tables alone, so that a run and its verification agree.

Each harm is an outcome by cell and year in units of ground (hectares of forest, tonnes of biomass); factors, which
are the same everywhere and in every year, turn its effect into the unit of the harm and carry their error into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from aoi.harm.carbon import CO2_PER_C
from aoi.harm.draws import stream
from aoi.harm.factor import Factor
from aoi.harm.loads import ClassLoad, load_draws
from aoi.impact.benefit import Benefit, benefit
from aoi.impact.group_time import NEVER
from aoi.impact.panel import LEVEL, TREND, Panel, history
from aoi.impact.study import Settings
from aoi.project.indicator import PROGRAMME, FactSheet
from geo.errors import QualityGateError, reason
from monitor.harms.settings import factors_from
from monitor.indicators import indicator_table
from monitor.tables import unstamped

__all__ = ["HARMS", "Benefits", "Harm", "benefit_facts", "benefit_indicators", "read_benefits"]

FloatArray = NDArray[np.float64]
Draws = tuple[float, FloatArray]
"""A central number and draws of it."""

_WINDOW = 5
"""Years that level and trend before are taken over."""

MATCHED = ("forest_share", "elevation_m", "slope_deg")
"""Traits of a cell that have a caliper."""


@dataclass(eq=False)
class Benefits:
    """The tables that co-benefits are made of."""

    cells: pd.DataFrame
    """One row a cell: role, cluster, dates, ground, traits, place."""
    panel: pd.DataFrame
    """cell, year, outcomes; a cell and year that is not there has none of any."""
    crop: pd.DataFrame
    """cell, year, crop_ha: fields that earlier surveys drew."""
    settings: Mapping[str, Any]
    """Years, calipers, seed, factors, and why outcomes are not there."""

    def draws_of(self, name: str) -> Draws:
        """Return a factor and its draws."""
        factor = self._factors[name]
        return factor.value, factor.draws(stream(int(self.settings["seed"]), name), int(self.settings["draws"]))

    @property
    def _factors(self) -> dict[str, Factor]:
        return factors_from(self.settings["factors"])

    def lost(self, column: str) -> float:
        """Return the sum of an outcome over the programme's cells."""
        ours = self.cells.loc[self.cells["start"] != NEVER, "cell"]
        return float(self.panel.loc[self.panel["cell"].isin(ours), column].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """One harm as an outcome."""

    name: str
    """Group of its rows."""
    columns: tuple[str, ...]
    """Outcomes that are added up, each times its factor."""
    unit: str
    """Unit of a year, before it is by square kilometre."""
    grade: str
    factors: Callable[[Benefits], tuple[Draws, ...]]
    """Factor of each column."""


def _one(_: Benefits) -> tuple[Draws, ...]:
    return ((1.0, np.ones(1)),)


def _clearing(found: Benefits) -> tuple[Draws, ...]:
    """Return how much more soil newly cleared ground loses than forest, by ground of R K LS."""
    bare, forest = found.draws_of("c_new_clearing"), found.draws_of("c_primary_forest")
    return ((bare[0] - forest[0], bare[1] - forest[1]),)


def _soil(found: Benefits) -> tuple[Draws, ...]:
    share, drawn = found.draws_of(str(found.settings["soil_factor"]))
    _, scale = found.draws_of("soil_stock_scale")
    return ((1 - share, (1 - drawn) * scale),)


def _biomass(found: Benefits) -> tuple[Draws, ...]:
    """Return carbon dioxide by tonne of biomass above ground, below and above the split of roots."""
    climate = found.settings["climate"]
    wood, litter = found.draws_of(f"dead_wood_{climate}"), found.draws_of(f"litter_{climate}")
    carbon, of_litter = found.draws_of("carbon_fraction"), found.draws_of("carbon_fraction_litter")
    parts = []
    for kind in ("low", "high"):
        root = found.draws_of(f"root_shoot_{kind}_{climate}")
        central, drawn = (
            CO2_PER_C * (carbon[at] * (1 + root[at] + wood[at]) + of_litter[at] * litter[at]) for at in (0, 1)
        )
        parts.append((float(central), np.asarray(drawn)))
    return tuple(parts)


def _load(found: Benefits) -> tuple[Draws, ...]:
    """Return the fertiliser brought to a hectare of the crop, tonnes."""
    load = ClassLoad(**found.settings["load"])
    drawn = load_draws([load], n=int(found.settings["draws"]), seed=int(found.settings["seed"]))
    return ((load.mid, drawn[load.crop, load.substance]),)


HARMS: tuple[Harm, ...] = (
    Harm(name="deforestation", columns=("loss_ha",), unit="ha/yr", grade="B", factors=_one),
    Harm(name="soil erosion", columns=("potential_t",), unit="t/yr", grade="C", factors=_clearing),
    Harm(name="soil degradation", columns=("soil_t",), unit="t C/yr", grade="C", factors=_soil),
    Harm(name="species", columns=("habitat_ha",), unit="ha/yr", grade="B", factors=_one),
    Harm(name="contamination", columns=("crop_ha",), unit="t/yr", grade="D", factors=_load),
    Harm(
        name="greenhouse gases",
        columns=("biomass_low_t", "biomass_high_t"),
        unit="t CO2e/yr",
        grade="C",
        factors=_biomass,
    ),
)
"""The six harms, in the order of their chapters."""


def benefit_indicators(found: Benefits) -> pd.DataFrame:
    """Return A17 as rows of the tidy table: each harm by square kilometre and over the matched ground."""
    rows = [row for harm in HARMS for row in _rows(harm, found)]
    return indicator_table(rows)


def benefit_facts(found: Benefits, sources: str) -> Iterator[FactSheet]:
    """Yield the fact sheet of A17."""
    ours = found.cells[found.cells["start"] != NEVER]
    years = found.settings["years"]
    yield FactSheet(
        indicator="A17", domain=PROGRAMME, n=len(found.cells), unit=f"cells of {found.settings['cell_km']:g} km",
        first_date=f"{years[0]}-01-01", last_date=f"{years[-1]}-12-31",
        places="; ".join(sorted(set(ours["project"].astype(str)))), sources=sources,
        note=f"{len(ours)} cells in the areas, {int((found.cells['role'] == 'control').sum())} possible controls",
    )  # fmt: skip


def _rows(harm: Harm, found: Benefits) -> Iterator[dict[str, Any]]:
    lacking = found.settings["lacking"].get(harm.name, "")
    years = _years(harm, found)
    head = {
        "indicator": "A17",
        "domain": PROGRAMME,
        "period": f"{years[0]} to {years[-1]}" if years else "all",
        "group": harm.name,
        "grade": harm.grade,
        "direct_or_indirect": "direct",
        "seed": found.settings["seed"],
        "crop": found.settings["crop"] if harm.columns == ("crop_ha",) else "",
    }
    unit = f"{harm.unit}/km2"
    if lacking:
        told = {
            "unit": unit,
            "state": "not_computed",
            "reason": lacking,
            "method": "matched controls",
            "n_draws": 0,
        }
        yield head | told
        return
    try:
        effect, scale, draws = _effect(harm, found)
    except QualityGateError as error:
        yield head | _absent(unit, "not_estimable", " ".join(reason(error).split()))
        return
    area_km2 = float(found.cells["area_ha"].to_numpy()[effect.matched].sum()) / 100
    lo, hi = _limits(effect, scale, draws, found, harm.name)
    flags = [effect.finding, "moved apart before the announcement" if effect.moved_apart else ""]
    flags += [f"{effect.unmatched} cells without a control left out"] if effect.unmatched else []
    told = {
        "level": effect.level,
        "n": effect.n_treated,
        "method": f"cells against matched controls by cohort and year; {effect.method}",
        "state": "computed",
        "n_draws": draws.size if draws.size > 1 else 0,
        "inputs": f"{effect.n_treated} cells against {effect.n_control}",
        "flags": ";".join(flag for flag in flags if flag),
    }
    for shown, part, times in ((unit, "", 1.0), (harm.unit, "all matched ground", area_km2)):
        yield head | told | {
            "unit": shown, "part": part, "value": effect.value * scale * times, "lo": lo * times, "hi": hi * times
        }  # fmt: skip


def _absent(unit: str, state: str, why: str) -> dict[str, Any]:
    return {"unit": unit, "state": state, "reason": why, "method": "matched controls", "n_draws": 0}


def _years(harm: Harm, found: Benefits) -> list[int]:
    own = found.settings["crop_years"] if harm.columns == ("crop_ha",) else found.settings["years"]
    return [int(year) for year in own]


def _effect(harm: Harm, found: Benefits) -> tuple[Benefit, float, FloatArray]:
    """Return the effect of a harm, its factor at the central values, and draws of that factor.

    Several columns are added up at their central factors; the draws are of the mix that the programme's cells lost.
    """
    factors = harm.factors(found)
    table = found.crop if harm.columns == ("crop_ha",) else found.panel
    weights = [central for central, _ in factors] if len(factors) > 1 else [1.0]
    values = sum(weight * table[column] for weight, column in zip(weights, harm.columns, strict=True))
    panel = _panel(found, table.assign(outcome=values), _years(harm, found))
    told = found.settings
    settings = Settings(
        level=float(told["level"]),
        neighbours=int(told["neighbours"]),
        radii_km=(float(told["clear_km"]),),
        calipers=(
            *((str(name), float(width)) for name, width in told["calipers"].items()),
            *_before(panel, float(told["before_sd"])),
        ),
        window=_WINDOW,
    )
    effect = benefit(panel, settings)
    if len(factors) == 1:
        return effect, *factors[0]
    lost = [found.lost(column) for column in harm.columns]
    central = sum(weight * amount for (weight, _), amount in zip(factors, lost, strict=True))
    drawn = np.sum([draws * amount for (_, draws), amount in zip(factors, lost, strict=True)], axis=0)
    return effect, 1.0, np.asarray(drawn / central) if central > 0 else np.ones(1)


def _before(panel: Panel, width_sd: float) -> Iterator[tuple[str, float]]:
    """Yield calipers on the harm before and on its trend, as shares of their spread at the first baseline."""
    known = panel.baseline[panel.baseline != NEVER]
    if not known.size:
        return
    at = int(np.searchsorted(panel.years, known.min()))
    for name, values in zip((LEVEL, TREND), history(panel.outcome, panel.years, window=_WINDOW), strict=True):
        spread = float(values[:, at].std())
        if spread > 0:
            yield name, width_sd * spread


def _limits(effect: Benefit, scale: float, draws: FloatArray, found: Benefits, name: str) -> tuple[float, float]:
    """Return the limits of an effect times a factor: those of the effect where the factor has no error.

    The effect is drawn from two halves of a normal distribution, each as wide as its side of the interval.
    """
    if draws.size <= 1 or not np.ptp(draws) > 0:
        ends = sorted((effect.lo * scale, effect.hi * scale))
        return ends[0], ends[1]
    z = stream(int(found.settings["seed"]), f"benefit:{name}:effect").standard_normal(draws.size)
    side = np.where(z < 0, effect.value - effect.lo, effect.hi - effect.value)
    product = (effect.value + z * side / norm.ppf(0.5 + effect.level / 2)) * draws
    lo, hi = np.quantile(product, [(1 - effect.level) / 2, (1 + effect.level) / 2])
    point = effect.value * scale
    return min(float(lo), point), max(float(hi), point)


def _panel(found: Benefits, table: pd.DataFrame, years: list[int]) -> Panel:
    """Return a panel of an outcome by square kilometre of each cell's ground."""
    cells = found.cells
    wide = (
        table.pivot(index="cell", columns="year", values="outcome")
        .reindex(index=cells["cell"], columns=years)
        .fillna(0.0)
        .to_numpy(dtype=float)
    )
    km2 = cells["area_ha"].to_numpy(dtype=float) / 100
    span = np.array(years, dtype=np.int64)
    start = cells["start"].to_numpy(dtype=np.int64)
    before = cells["baseline"].to_numpy(dtype=np.int64)
    # the last year of the panel up to the baseline: fields are not drawn in every year
    known = np.array([span[span <= year].max(initial=NEVER) for year in before])
    cluster, region = (pd.factorize(cells[key].astype(str), sort=True)[0] for key in ("cluster", "project"))
    return Panel(
        units=tuple(cells["cell"].astype(str)),
        years=span,
        outcome=wide / km2[:, None],
        start=start,
        baseline=np.where(start == NEVER, NEVER, known),
        cluster=cluster.astype(np.int64),
        region=region.astype(np.int64),
        xy_km=cells[["x_km", "y_km"]].to_numpy(dtype=float),
        exact={"protected": cells["protected"].to_numpy()},
        traits={name: cells[name].to_numpy(dtype=float) for name in MATCHED if name in found.settings["calipers"]},
        other_km=cells["ad_km"].to_numpy(dtype=float),
    )


def read_benefits(folder: Path) -> Benefits:
    """Return the tables of ``indicators/`` that co-benefits are made of."""
    text = dict.fromkeys(("role", "cluster", "project", "protected"), str)
    cells, panel, crop = (
        unstamped(pd.read_csv(folder / f"benefit_{name}.csv", dtype=text, keep_default_na=False, na_values=[""]))
        for name in ("cells", "panel", "crop")
    )
    settings = json.loads((folder / "benefit.json").read_text(encoding="utf-8"))
    return Benefits(cells=cells, panel=panel, crop=crop, settings=settings)
