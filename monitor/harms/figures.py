"""Figures of harm from tables of the run folder alone, so that a run and its verification make the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.harm.attribution import cover_before, direct_loss, first_use_year, forest_before
from aoi.harm.draws import interval_draws, stream
from aoi.harm.factor import Factor
from aoi.harm.result import Grade, HarmInput, HarmKey, HarmRow, Share, absent_row
from aoi.survey.domain import domain_areas
from aoi.survey.estimate import Estimate
from monitor.figures import FRAME
from monitor.harms.settings import factors_from
from monitor.harms.soil import stock_inputs, stock_lacking
from monitor.tables import SurveyTables, read_csv, read_tables

__all__ = ["Chapter", "Figures", "Place", "read_figures"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """One crop in one period: what a chapter makes its rows for."""

    crop: str
    period: str
    year: int
    since: int
    windows: tuple[int, ...]

    @property
    def years(self) -> int:
        """Years that the period reports on."""
        return self.year - self.since


@dataclass(eq=False)
class Figures:
    """The tables that harms are computed from."""

    tables: SurveyTables
    units: pd.DataFrame
    """One row a sample unit, in the order of the survey's, with what lies there."""
    totals: pd.DataFrame
    """Columns crop, period, quantity, domain, value: sums over the mapped footprint."""
    rings: pd.DataFrame
    """Matched rings by tile."""
    settings: Mapping[str, Any]
    folder: Path
    """Where further tables of single harms stand."""

    @cached_property
    def factors(self) -> dict[str, Factor]:
        """The factors, by name."""
        return factors_from(self.settings["factors"])

    @property
    def n(self) -> int:
        """Monte-Carlo draws."""
        return int(self.settings["draws"])

    @property
    def seed(self) -> int:
        """Seed of every draw."""
        return int(self.settings["seed"])

    @property
    def level(self) -> float:
        """Confidence level."""
        return float(self.settings["level"])

    @property
    def climate(self) -> str:
        """Climate of the carbon factors."""
        return str(self.settings["climate"])

    @property
    def domains(self) -> list[str]:
        """Domain codes, the frame first."""
        return [str(code) for code in self.settings["domains"]]

    def places(self) -> Iterator[Place]:
        """Yield every crop in every period."""
        for period in self.settings["periods"]:
            for crop in self.settings["crops"]:
                windows = tuple(self.settings["windows"][crop])
                yield Place(crop, str(period["name"]), int(period["year"]), int(period["since"]), windows)

    def has(self, name: str) -> bool:
        """Say whether an input was given."""
        return any(entry["id"] == name for entry in self.settings["inputs"])

    @property
    def has_forest(self) -> bool:
        """Whether forest before and its loss are known."""
        return self.has("hansen_treecover2000") and self.has("hansen_lossyear")

    @property
    def soil_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the stock of soil carbon comes from; none where it cannot be had."""
        return stock_inputs(self._depths)

    def lacking_soil(self, key: HarmKey) -> HarmRow:
        """Return the row of a figure that the stock of soil carbon is missing for."""
        return absent_row(key, "not_computed", stock_lacking(self._depths))

    @property
    def _depths(self) -> list[tuple[str, tuple[float, float] | None]]:
        held = [(entry["id"], entry.get("depth_cm")) for entry in self.settings["inputs"]]
        return [(name, None if depth is None else (float(depth[0]), float(depth[1]))) for name, depth in held]

    def inputs(self, *names: str) -> tuple[HarmInput, ...]:
        """Return the records of the inputs of a figure."""
        return tuple(
            HarmInput(entry["id"], str(entry["version"]), str(entry["checksum"]))
            for entry in self.settings["inputs"]
            if entry["id"] in names
        )

    @cached_property
    def _totals(self) -> dict[tuple[str, str, str, str], float]:
        columns = ["crop", "period", "quantity", "domain"]
        keys = zip(*(self.totals[column].astype(str) for column in columns), strict=True)
        return dict(zip(keys, self.totals["value"].astype(float), strict=True))

    def total(self, place: Place, quantity: str, domain: str = FRAME) -> float:
        """Return a sum over the mapped footprint; 0 where it was not made."""
        return self._totals.get((place.crop, place.period, quantity, domain), 0.0)

    def draws_of(self, name: str) -> FloatArray:
        """Return the draws of a factor, the same wherever it is used, shape (n,)."""
        return self.factors[name].draws(stream(self.seed, name), self.n)

    def noise(self, name: str) -> FloatArray:
        """Return standard normal draws of a named quantity, shape (n,)."""
        return np.asarray(stream(self.seed, name).standard_normal(self.n))

    def inside(self, domain: str) -> BoolArray:
        """Say which sample units lie in a domain."""
        return self._members[:, self.domains.index(domain)]

    @cached_property
    def _members(self) -> BoolArray:
        """Which domains each unit lies in, shape (units, domains)."""
        found = np.zeros((len(self.units), len(self.domains)), dtype=bool)
        for row, held in enumerate(self.units["domains"]):
            found[row, [int(place) for place in str(held).split(";")]] = True
        return found

    def crop_units(self, place: Place) -> BoolArray:
        """Say which sample units interpreters found under the crop."""
        return self.tables.member(place.period, place.crop) > 0

    def first_year(self, place: Place) -> NDArray[np.int64]:
        """Return the year in which each unit is first seen under the crop, 0 where never.

        Polygons of earlier surveys speak for their years; in a surveyed year the reference label does.
        """
        seen = self._seen(place)
        return first_use_year(np.stack(list(seen.values())), list(seen))

    def last_year(self, place: Place) -> NDArray[np.int64]:
        """Return the year in which each unit is last seen under the crop, 0 where never."""
        return np.asarray(np.max([np.where(held, year, 0) for year, held in self._seen(place).items()], axis=0))

    def _seen(self, place: Place) -> dict[int, BoolArray]:
        """Return which units are under the crop by year, in order."""
        head = f"seen_{place.crop}_"
        seen = {
            int(name.removeprefix(head)): self.units[name].to_numpy() > 0
            for name in self.units
            if name.startswith(head) and int(name.removeprefix(head)) <= place.year
        }
        for period in self.settings["periods"]:
            if int(period["year"]) <= place.year:
                seen[int(period["year"])] = self.tables.member(str(period["name"]), place.crop) > 0
        return dict(sorted(seen.items()))

    def direct_units(self, place: Place, window: int | None = None) -> BoolArray:
        """Say which sample units are crop on forest that was cleared for it."""
        years = place.windows[0] if window is None else window
        first, loss = self.first_year(place), self.units["loss_year"].to_numpy()
        before = forest_before(self.units["forest"].to_numpy(), loss, first - years)
        lag = int(self.settings["lag_years"])
        return self.crop_units(place) & direct_loss(first, before, loss, window_years=years, lag_years=lag)

    @property
    def covers(self) -> dict[int, NDArray[np.int64]]:
        """Land cover at each unit by the year of its map, below 0 where it is not known."""
        return {
            int(name.removeprefix("cover_")): self.units[name].to_numpy()
            for name in self.units
            if name.startswith("cover_")
        }

    def cover_units(self, place: Place) -> NDArray[np.int64]:
        """Return the cover code of each unit in the year before its window, -1 where it is not known."""
        return cover_before(self.covers, self.first_year(place) - place.windows[0])

    def natural_units(self, place: Place) -> BoolArray:
        """Say which units are crop on land that was natural cover."""
        natural = np.isin(self.cover_units(place), self.settings["natural_codes"])
        return self.crop_units(place) & (natural | self.direct_units(place))

    def areas(
        self, member: BoolArray, domains: Sequence[str], ceilings_ha: Sequence[float] | None = None
    ) -> list[Estimate]:
        """Return the survey's estimate of a class of units in domains, hectares.

        Parameters
        ----------
        member
            Units of the class.
        domains
            Domain codes.
        ceilings_ha
            Area that the class cannot exceed in each; the domain's own when None.
        """
        own = [self.domain_ha(domain) for domain in domains]
        most = own if ceilings_ha is None else [min(a, b) for a, b in zip(own, ceilings_ha, strict=True)]
        inside = np.column_stack([self.inside(domain) for domain in domains])
        figures = domain_areas(
            self.tables.stratum,
            member.astype(float),
            inside,
            self.tables.design,
            domain_area_ha=np.array(own),
            method=str(self.settings["interval"]),
            level=self.level,
        )
        return [_capped(figure, ceiling) for figure, ceiling in zip(figures, most, strict=True)]

    def domain_ha(self, domain: str) -> float:
        """Return the hectares of a domain's cells."""
        place = next(self.places())
        return self.total(place, "cells_ha", domain)

    def area_draws(self, figure: Estimate, name: str) -> FloatArray:
        """Return draws of an estimate that keep its interval, shape (n,)."""
        return interval_draws(
            figure.value,
            max(min(figure.lo, figure.value), 0.0),
            max(figure.hi, figure.value),
            level=figure.level,
            n=self.n,
            seed=self.seed,
            name=name,
        )

    def key(
        self,
        indicator: str,
        place: Place,
        unit: str,
        *,
        method: str,
        grade: Grade,
        share: Share = "direct",
        domain: str = FRAME,
        part: str = "",
        inputs: Sequence[str] = (),
    ) -> HarmKey:
        """Return what a row is about."""
        return HarmKey(
            indicator=indicator,
            domain=domain,
            period=place.period,
            unit=unit,
            share=share,
            grade=grade,
            method=method,
            inputs=self.inputs(*inputs),
            crop=place.crop,
            part=part,
        )

    def lacking(self, key: HarmKey, *names: str) -> HarmRow:
        """Return the row of a figure that inputs are missing for."""
        missing = [name for name in names if not self.has(name)]
        return absent_row(key, "not_computed", f"no input {', '.join(missing)}")


Chapter = Callable[[Figures], Iterator[HarmRow]]
"""Makes the rows of one harm from tables; `monitor.harms.chapters.CHAPTERS` lists them."""


def _capped(figure: Estimate, ceiling_ha: float) -> Estimate:
    """Keep the upper limit at what the class can hold at most, the figure itself inside it."""
    from dataclasses import replace

    return replace(figure, hi=max(figure.value, min(figure.hi, ceiling_ha)))


def read_figures(out: Path, folder: Path | None = None) -> Figures:
    """Return the tables of a run folder that harms are computed from.

    Parameters
    ----------
    out
        Run folder.
    folder
        Where the tables of the harms stand; ``indicators`` of the run folder when None.
    """
    folder = out / "indicators" if folder is None else folder
    tables = read_tables(out)
    units = read_csv(folder / "harm_units.csv").set_index("unit_id").loc[tables.units["unit_id"]].reset_index()
    return Figures(
        tables=tables,
        units=units,
        totals=read_csv(folder / "footprint.csv"),
        rings=read_csv(folder / "rings.csv"),
        settings=json.loads((folder / "harm_settings.json").read_text(encoding="utf-8")),
        folder=folder,
    )
