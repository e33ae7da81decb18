"""Rows of erosion and of loads on water, from the table of draws that the step left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.harm.attribution import cover_before
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.result import HarmRow, absent_row
from aoi.harm.sampled_loss import FEWEST, SampledCrop, corrected, sampled_means
from monitor.harms.figures import Figures, Place
from monitor.harms.ground_water import ANOMALY, NEEDED, OPTIONAL, POTENTIAL, SOIL, lacking_inputs
from monitor.tables import read_csv

__all__ = ["contamination_rows", "erosion_rows", "read_draws", "table_name", "write_draws"]

_META = ("indicator", "domain", "part", "unit", "method", "grade", "mapped_ha", "scaled", "state", "reason")


def table_name(crop: str, period: str) -> str:
    """Return the name of the table of draws."""
    return f"water_{crop}_{period}.csv"


def erosion_rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield E1 to E3 of every crop and period."""
    yield from _rows(figures, ("E1", "E2", "E3"), {"E1": "t/yr", "E2": "t/yr", "E3": "percent"}, "C")


def contamination_rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield W1 to W7 of every crop and period."""
    units = {f"W{number}": "t/yr" for number in range(1, 5)}
    yield from _rows(figures, tuple(f"W{number}" for number in range(1, 8)), units, "D")


def _rows(figures: Figures, indicators: Sequence[str], units: dict[str, str], grade: Any) -> Iterator[HarmRow]:
    inputs = (*NEEDED, "erodibility_k", *SOIL, *OPTIONAL)
    for place in figures.places():
        missing = lacking_inputs(figures.has)
        path = figures.folder / table_name(place.crop, place.period)
        if missing or not path.is_file():
            told = f"no input {', '.join(missing)}" if missing else f"no cover factor c_{place.crop}"
            for indicator, unit in units.items():
                key = figures.key(indicator, place, unit, method="", grade=grade, inputs=inputs)
                yield absent_row(key, "not_computed", told)
            continue
        held = [one for one in read_draws(path) if one.indicator in indicators]
        if "E1" in indicators:
            held = _with_sample(figures, place, held)
        key = figures.key(indicators[0], place, "", method="", grade=grade, inputs=inputs)
        yield from rows_of_mapped(held, _areas(figures, place), key, seed=figures.seed)


def _with_sample(figures: Figures, place: Place, held: list[MappedFigure]) -> list[MappedFigure]:
    """Return the figures of erosion brought to the sample's mean, where enough of its units are crop."""
    sample = _sampled(figures, place)
    if sample is None:
        return held
    name = f"sampled_loss:{place.crop}:{place.period}"
    means = sampled_means(place.crop, sample, figures.factors, n=figures.n, seed=figures.seed, name=name)
    return corrected(held, *means)


def _sampled(figures: Figures, place: Place) -> SampledCrop | None:
    """Return the sample with what lies at its crop units; None where they are few or that is not known."""
    columns = [name for name in figures.units if str(name).startswith(POTENTIAL)]
    crop, covers = figures.crop_units(place), figures.covers
    if not columns or not covers or crop.sum() < FEWEST:
        return None
    potential = figures.units.loc[crop, columns].to_numpy(dtype=np.float64).T
    year = np.maximum(figures.first_year(place)[crop] - place.windows[0], min(covers))
    code = cover_before({when: values[crop] for when, values in covers.items()}, year)
    known = {int(number): str(name) for number, name in figures.settings["cover"].items()}
    if not np.isfinite(potential).all() or not np.isin(code, list(known)).all():
        return None
    return SampledCrop(
        stratum=figures.tables.stratum,
        sizes=figures.tables.design.sizes,
        found=crop,
        potential=potential,
        before=tuple(known[int(one)] for one in code),
        fresh=_fresh(figures, place)[crop] if figures.has_forest else None,
        anomaly=figures.total(place, ANOMALY) or 1.0,
    )


def _fresh(figures: Figures, place: Place) -> NDArray[np.bool_]:
    """Say which units are crop first seen in the year of the period on forest that was lost in that year."""
    lost = figures.units["loss_year"].to_numpy() >= place.year
    return np.asarray(figures.direct_units(place) & (figures.first_year(place) == place.year) & lost)


def _areas(figures: Figures, place: Place) -> dict[str, NDArray[np.float64]]:
    """Return draws of the crop's area by domain."""
    estimates = figures.areas(figures.crop_units(place), figures.domains)
    return {
        domain: figures.area_draws(estimate, f"area:{place.crop}:{place.period}:crop:{domain}")
        for domain, estimate in zip(figures.domains, estimates, strict=True)
    }


def write_draws(figures: Sequence[MappedFigure], path: Path, n: int) -> None:
    """Write figures, one a row, with a column for each draw; a figure that was not drawn has one number or none."""
    meta = pd.DataFrame([{name: getattr(one, name) for name in _META} for one in figures])
    values = np.full((len(figures), n), np.nan)
    for row, one in enumerate(figures):
        values[row, : one.draws.size] = one.draws
    drawn = pd.DataFrame(values, columns=[f"draw_{number}" for number in range(1, n + 1)])
    pd.concat([meta, drawn], axis=1).to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def read_draws(path: Path) -> Iterator[MappedFigure]:
    """Yield the figures of a table of draws."""
    table = read_csv(path)
    drawn = table[[name for name in table if str(name).startswith("draw_")]].to_numpy(dtype=np.float64)
    for number, row in enumerate(table.to_dict("records")):
        values = drawn[number]
        yield MappedFigure(
            indicator=str(row["indicator"]),
            domain=str(row["domain"]),
            part=_text(row["part"]),
            unit=str(row["unit"]),
            method=str(row["method"]),
            grade=row["grade"],
            mapped_ha=float(row["mapped_ha"]),
            scaled=str(row["scaled"]) == "True",
            draws=values[~np.isnan(values)],
            state=row["state"],
            reason=_text(row["reason"]),
        )


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
