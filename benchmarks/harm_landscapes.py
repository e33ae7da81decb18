"""Do the intervals of the harms hold the truth? A hundred landscapes of each scenario, surveyed in memory.

    python -m benchmarks.harm_landscapes --seeds 100 --results benchmarks/results/harm_landscapes.csv

The whole job (`benchmarks.harm_coverage`) takes ten seconds a landscape, most of it imagery. Here the map is made
up from the true fields, with whole fields missed and others taken for the crop, and lone cells wrong; strata,
sample, estimates, draws and the equations are those of a run. Truth comes from polygons and parts of cells, with
cover factors, soil and rain of the landscape's own.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage

from aoi.harm.attribution import direct_loss, forest_before, windows_years
from aoi.harm.draws import interval_draws
from aoi.harm.erosion import FRESH, erosion_draws, erosion_figures
from aoi.harm.factor import load_factors
from aoi.harm.mapped import rows_of_mapped
from aoi.harm.result import HarmKey
from aoi.harm.sampled_loss import SampledCrop, corrected, sampled_means
from aoi.harm.slopes import Cover, Slopes, Soil, bare_ground, prepare_slopes
from aoi.survey.design import StratifiedDesign
from aoi.survey.domain import domain_areas
from aoi.survey.estimate import Estimate
from benchmarks.harm_coverage import COLUMNS, finished, table
from geo.areas import cell_areas_ha
from geo.flow import FlowNetwork, flow_network, upstream_cells
from geo.hillslope import stream_mask
from imagery.simulate.admin import admin_units
from imagery.simulate.harm_layers import COVERS, Origins, forest_2000, true_loss
from imagery.simulate.landscape import Landscape, build_landscape
from imagery.simulate.water_layers import codes_before, mapped_erosivity, soil_percent, true_added_erosion

SCENARIOS = ("andes-coca", "helmand-poppy", "rif-cannabis")
DRAWS, SERIES_BEGINS, LAG = 1000, 2019, 1
SAMPLE = {"crop": 250, "ring": 150, "rest": 200}
"""Stratum to the units drawn in it."""
FIELD_MISSED, FIELD_TAKEN, CELL_MISSED, CELL_TAKEN = 0.08, 0.02, 0.06, 0.002
"""Chances of a mistake of the map: user's and producer's accuracy come to 0.8 to 0.9, as the classifier's do."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Survey:
    """One landscape, its made-up map and its sample."""

    name: str
    seed: int
    size: int

    @cached_property
    def landscape(self) -> Landscape:
        """The landscape."""
        return build_landscape(self.name, self.seed, self.size)

    @cached_property
    def year(self) -> int:
        """Year of the survey."""
        return int(self.landscape.scenario.periods[1].year)

    @cached_property
    def inside(self) -> BoolArray:
        """Cells of the frame."""
        box = self.landscape.geobox
        whole = admin_units(self.landscape).union_all()
        return np.asarray(rasterize([(whole, 1)], out_shape=box.shape, transform=box.transform) == 1)

    @cached_property
    def crop(self) -> BoolArray:
        """Cells that truly hold the crop at their centre."""
        code = self.landscape.profile.legend.code(self.landscape.scenario.crop)
        return np.asarray((self.landscape.truth_at_centres(self.year) == code) & self.inside)

    @cached_property
    def mapped(self) -> BoolArray:
        """The made-up map of the crop."""
        rng = np.random.default_rng([self.seed, 1])
        field = Origins(self.landscape).field
        chance = rng.random(field.max() + 1)
        missed = (chance[field] < FIELD_MISSED) & (field > 0)
        taken = (chance[field] > 1 - FIELD_TAKEN) & (field > 0) & ~self.crop
        cell = rng.random(field.shape)
        lone = ndimage.binary_dilation(cell > 1 - CELL_TAKEN / 4)
        kept = self.crop & ~missed & (cell >= CELL_MISSED)
        return np.asarray((kept | taken | (lone & ~self.crop)) & self.inside)

    @cached_property
    def strata(self) -> NDArray[np.int64]:
        """Stratum of each cell: 0 mapped crop, 1 the ring around it, 2 the rest, -1 outside the frame."""
        ring = ndimage.binary_dilation(self.mapped, iterations=2)
        return np.where(self.inside, np.where(self.mapped, 0, np.where(ring, 1, 2)), -1)

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """Numbers of the sampled cells."""
        rng = np.random.default_rng([self.seed, 2])
        found = []
        for code, wanted in enumerate(SAMPLE.values()):
            cells = np.flatnonzero(self.strata == code)
            found.append(np.sort(rng.choice(cells, min(wanted, cells.size), replace=False)))
        return np.concatenate(found)

    @cached_property
    def design(self) -> StratifiedDesign:
        """The strata."""
        area = cell_areas_ha(self.landscape.geobox)
        codes = range(len(SAMPLE))
        return StratifiedDesign(
            names=tuple(SAMPLE),
            sizes=np.array([(self.strata == code).sum() for code in codes]),
            areas_ha=np.array([area[self.strata == code].sum() for code in codes]),
        )

    def at_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values of a grid at the sampled cells."""
        return np.asarray(values).reshape(-1)[self.units]

    def area(self, member: BoolArray, most_ha: float | None = None) -> tuple[Estimate, float]:
        """Return the estimate of a class of units, and its upper limit, which holds no more than there can be."""
        figure = domain_areas(
            self.at_units(self.strata),
            member.astype(float),
            np.ones((self.units.size, 1), dtype=bool),
            self.design,
            domain_area_ha=np.array([self.design.areas_ha.sum()]),
            method="default",
        )[0]
        return figure, max(figure.value, figure.hi if most_ha is None else min(figure.hi, most_ha))


def direct_loss_row(survey: Survey) -> dict[str, Any]:
    """Return direct forest loss (D1, cumulative) beside its truth."""
    origins, crop = Origins(survey.landscape), survey.landscape.scenario.crop
    first = np.maximum(origins.on_cells(origins.first_year), SERIES_BEGINS)
    loss, forest, window = origins.on_cells(origins.dated), forest_2000(origins), windows_years(crop)[0]
    before = forest_before(forest, loss, first - window)
    direct = survey.crop & direct_loss(first, before, loss, window_years=window, lag_years=LAG)
    lost = forest & (loss > 0) & (loss <= survey.year + LAG) & survey.inside
    figure, hi = survey.area(survey.at_units(direct), float(cell_areas_ha(survey.landscape.geobox)[lost].sum()))
    period = survey.landscape.scenario.periods[1].name
    true = true_loss(survey.landscape, admin_units(survey.landscape))[period]
    return {"indicator": "D1", "true": true, "value": figure.value, "lo": figure.lo, "hi": hi, "unit": "ha"}


def erosion_row(survey: Survey) -> dict[str, Any]:
    """Return added erosion (E1) beside its truth."""
    landscape, factors = survey.landscape, load_factors()
    crop, period = landscape.scenario.crop, landscape.scenario.periods[1].name
    names = (*COVERS.values(), FRESH, crop)
    fresh = _fresh(survey)
    codes = np.zeros(256, dtype=np.int16)
    codes[list(COVERS)] = range(len(COVERS))
    before = codes[codes_before(landscape)]
    elevation = np.round(landscape.ground.elevation_m, 1).astype(np.float32)
    network = flow_network(elevation, landscape.geobox)
    layers: dict[str, Any] = {
        "erosivity": mapped_erosivity(landscape),
        "soil": Soil(**soil_percent(landscape)),
        "factors": factors,
    }
    slopes = prepare_slopes(
        network,
        stream_mask(network, least_m2=factors["stream_area"].value * 1e4),
        elevation,
        Cover(
            names=names,
            crop=crop,
            observed=np.where(survey.mapped, np.where(fresh, len(COVERS), len(names) - 1), before),
            counterfactual=before,
            fresh=FRESH,
        ),
        cell_areas_ha(landscape.geobox),
        **layers,
    )
    figures = erosion_figures(_drawn(slopes, survey, factors))
    units = _sampled(survey, network, elevation, before, layers)
    means = sampled_means(crop, units, factors, n=DRAWS, seed=survey.seed, name="sampled_loss")
    figure, hi = survey.area(survey.at_units(survey.crop))
    area = interval_draws(figure.value, figure.lo, hi, level=0.95, n=DRAWS, seed=survey.seed, name="area")
    key = HarmKey("E1", "frame", period, "t/yr", "direct", "C", "", crop=crop)
    added = [one for one in corrected(figures, *means) if one.indicator == "E1" and not one.part]
    row = next(iter(rows_of_mapped(added, {"frame": area}, key, seed=survey.seed)))
    true = true_added_erosion(landscape, admin_units(landscape))[period]
    return {"indicator": "E1", "true": true, "value": row.value, "lo": row.lo, "hi": row.hi, "unit": "t/yr"}


def _drawn(slopes: Slopes, survey: Survey, factors: Any) -> Any:
    basin = np.ones(survey.strata.size, dtype=np.int32)
    domains = {"frame": np.ones(slopes.plots.size, dtype=bool)}
    return erosion_draws(slopes, basin, domains, factors, n=DRAWS, seed=survey.seed)


def _sampled(
    survey: Survey, network: FlowNetwork, elevation: NDArray[np.float32], before: NDArray[Any], layers: Any
) -> SampledCrop:
    found = survey.at_units(survey.crop)
    cells = survey.units[found].astype(np.int32)
    bare = bare_ground(network, elevation, cells, upstream_cells(network)[cells], **layers)
    covers = tuple(COVERS.values())
    return SampledCrop(
        stratum=survey.at_units(survey.strata),
        sizes=survey.design.sizes,
        found=found,
        potential=bare.potential.astype(np.float64),
        before=tuple(covers[code] for code in before.reshape(-1)[cells]),
        fresh=_fresh(survey).reshape(-1)[cells],
    )


def _fresh(survey: Survey) -> BoolArray:
    """Return cells whose first crop is of the survey's year, on forest that is dated as lost in it or after."""
    origins = Origins(survey.landscape)
    first, loss = (origins.on_cells(values) for values in (origins.first_year, origins.dated))
    now = survey.year
    return np.asarray((first == now) & forest_2000(origins) & (loss >= now) & (loss <= now + LAG))


def survey_once(name: str, seed: int, size: int) -> Iterator[dict[str, Any]]:
    """Yield the figures of one landscape beside their truths."""
    survey = Survey(name, seed, size)
    for row in (direct_loss_row(survey), erosion_row(survey)):
        yield {"scenario": name, "seed": seed, "size": size} | row


def main() -> None:
    """Survey what is missing, append each result as it comes, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/harm_landscapes.csv"))
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    new, rows = not chosen.results.is_file(), finished(chosen.results)
    done = set(zip(rows["scenario"], rows["seed"].astype(int), rows["size"].astype(int), strict=True))
    with chosen.results.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        for seed in range(1, chosen.seeds + 1):
            for name in SCENARIOS:
                if (name, seed, chosen.size) not in done:
                    writer.writerows(survey_once(name, seed, chosen.size))
                    stream.flush()
            print(f"{seed} of {chosen.seeds}", end="\r", file=sys.stderr)
    print(table(chosen.results))


if __name__ == "__main__":
    main()
