"""The tables an evaluation is made from, and those it makes: with both in the run folder it can be made again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.impact.group_time import NEVER
from geo.errors import InputError, Problem, QualityGateError, reason
from geo.files import write_text
from monitor.tables import unstamped, write_csv

if TYPE_CHECKING:
    from aoi.impact.evaluation import Evaluation, Row
    from aoi.impact.panel import Panel
    from aoi.impact.study import Settings

__all__ = [
    "ImpactTables",
    "evaluation_of",
    "evaluation_tables",
    "programme_cost",
    "read_impact_csv",
    "read_impact_tables",
    "refusal_reasons",
    "refusal_table",
    "write_impact_tables",
]

TEXT = ("unit", "name", "cluster", "region", "site", "zone", "arm", "role", "reason", "label")
"""Columns that are text whatever they look like."""

ROLES = {"outcome_error": "outcome_se", "eradication": "eradicated", "placebo": "placebo"}
"""Role of a series to its column in ``panel.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactTables:
    """What an evaluation is made from."""

    panel: pd.DataFrame
    """unit, year, outcome, and further series."""
    units: pd.DataFrame
    """One row a unit: places, dates, kinds and traits."""
    sites: pd.DataFrame
    """One row a unit with the programme, whether it has an outcome or not."""
    distances: pd.DataFrame
    """unit, site, distance_km, as far as it matters."""
    settings: Mapping[str, Any]
    """How: `Settings` as numbers and texts, names of outcome and unit, and the seed."""


def read_impact_csv(path: Path) -> pd.DataFrame:
    """Read a table of the folder ``impact``: codes are text, and only an empty cell is missing."""
    header = path.read_text(encoding="utf-8").split("\n", 1)[0].strip().split(",")
    text = {name: str for name in header if name in TEXT or name.startswith("exact_")}
    return unstamped(pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""]))


def write_impact_tables(tables: ImpactTables, folder: Path) -> None:
    """Write what an evaluation is made from."""
    for name in ("panel", "units", "sites", "distances"):
        write_csv(getattr(tables, name), folder / f"{name}.csv")
    write_text(folder / "settings.json", json.dumps(tables.settings, indent=1, ensure_ascii=False) + "\n")


def read_impact_tables(folder: Path) -> ImpactTables:
    """Read what an evaluation is made from."""
    read = {name: read_impact_csv(folder / f"{name}.csv") for name in ("panel", "units", "sites", "distances")}
    return ImpactTables(**read, settings=json.loads((folder / "settings.json").read_text(encoding="utf-8")))


def evaluation_of(tables: ImpactTables) -> Evaluation:
    """Evaluate the programme that the tables describe.

    Raises
    ------
    QualityGateError
        If no effect may be told.
    """
    from aoi.impact.evaluation import evaluate

    seed = np.random.SeedSequence([int(tables.settings["seed"]), zlib.crc32(b"impact")])
    return evaluate(_panel(tables), _settings(tables.settings), rng=np.random.default_rng(seed))


def refusal_table(error: QualityGateError) -> pd.DataFrame:
    """Return why an evaluation was refused: where, found, expected, remedy."""
    return pd.DataFrame([asdict(problem) for problem in error.problems])


def refusal_reasons(table: pd.DataFrame) -> list[str]:
    """Return what was found, one line a problem."""
    return [
        " ".join(f"{where}: {found}".split()) for where, found in zip(table["where"], table["found"], strict=True)
    ]


def programme_cost(
    funding: Any, projects: Sequence[str], last_year: int, *, most_left_out: float
) -> dict[str, Any]:
    """Return what the projects of a programme spent, as it stands in ``settings.json``.

    Parameters
    ----------
    funding
        Rows of the programme's table funding.
    projects
        Codes of the projects.
    last_year
        Last year of the panel.
    most_left_out
        Share of the programme's units that may have no effect of their own.
    """
    from aoi.project.money import spent_usd

    found: dict[str, Any] = {"projects": list(projects), "usd": None, "base_year": None, "reason": ""}
    try:
        found["usd"], found["base_year"] = spent_usd(funding, projects, last_year)
    except QualityGateError as error:
        found["reason"] = reason(error)
    return found | {"most_left_out": most_left_out}


def _settings(told: Mapping[str, Any]) -> Settings:
    from aoi.impact.study import Settings

    known = {field.name: told[field.name] for field in fields(Settings) if field.name in told}
    known["calipers"] = tuple((str(name), float(width)) for name, width in told["calipers"].items())
    known["radii_km"] = tuple(float(radius) for radius in told["radii_km"])
    return Settings(**known)


def _panel(tables: ImpactTables) -> Panel:
    from aoi.impact.displacement import Sites
    from aoi.impact.panel import Panel

    units, sites = tables.units, tables.sites
    codes = units["unit"].tolist()
    years = np.sort(tables.panel["year"].unique()).astype(np.int64)
    wide = {
        name: _wide(tables.panel, name, codes, years)
        for name in tables.panel.columns
        if name not in ("unit", "year")
    }
    cluster, region = (pd.factorize(units[key], sort=True) for key in ("cluster", "region"))
    return Panel(
        units=tuple(codes),
        years=years,
        outcome=wide.pop("outcome"),
        start=units["start"].to_numpy(dtype=np.int64),
        baseline=units["baseline"].to_numpy(dtype=np.int64),
        cluster=cluster[0].astype(np.int64),
        region=region[0].astype(np.int64),
        region_names=tuple(map(str, region[1])),
        exact={
            name.removeprefix("exact_"): units[name].to_numpy(dtype=str)
            for name in units.columns
            if name.startswith("exact_")
        },
        traits={
            **{
                name.removeprefix("trait_"): units[name].to_numpy(dtype=float)
                for name in units.columns
                if name.startswith("trait_")
            },
            **{
                name.removeprefix("trait_"): _before(values, int(tables.settings["window"]))
                for name, values in wide.items()
                if name.startswith("trait_")
            },
        },
        xy_km=units[["x_km", "y_km"]].to_numpy(dtype=float),
        sites=Sites(
            start=sites["start"].to_numpy(dtype=np.int64),
            baseline=sites["baseline"].to_numpy(dtype=np.int64),
            distance_km=_distances(tables, codes),
        ),
        other_km=units["other_km"].fillna(np.inf).to_numpy(dtype=float),
        **{key: wide.get(key) for key in ROLES.values()},
    )


def _wide(panel: pd.DataFrame, name: str, codes: list[str], years: NDArray[np.int64]) -> NDArray[np.float64]:
    table = panel.pivot(index="unit", columns="year", values=name).reindex(index=codes, columns=years)
    return np.asarray(table.to_numpy(dtype=float))


def _before(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean over the last years up to each year, shape (n, T)."""
    columns = range(values.shape[1])
    return np.column_stack([values[:, max(last + 1 - window, 0) : last + 1].mean(axis=1) for last in columns])


def _distances(tables: ImpactTables, codes: list[str]) -> NDArray[np.float64]:
    found = np.full((len(codes), len(tables.sites)), np.inf)
    row = pd.Index(codes).get_indexer(tables.distances["unit"])
    column = pd.Index(tables.sites["site"]).get_indexer(tables.distances["site"])
    if (row < 0).any() or (column < 0).any():
        raise InputError(
            Problem("impact/distances.csv", "a unit that the other tables do not have", "the run's own")
        )
    found[row, column] = tables.distances["distance_km"].to_numpy(dtype=float)
    return found


def evaluation_tables(tables: ImpactTables, found: Evaluation) -> dict[str, pd.DataFrame]:
    """Return the tables an evaluation is published as, by file name."""
    from aoi.impact.evaluation import Row

    names = dict(zip(tables.units["unit"], tables.units["name"], strict=True))
    codes = tables.units["unit"].tolist()
    effects = pd.DataFrame([asdict(row) for row in found.rows], columns=[field.name for field in fields(Row)])
    effects.insert(2, "outcome", str(tables.settings["outcome"]))
    effects.insert(3, "unit_of_measure", [_unit(row, str(tables.settings["unit"])) for row in found.rows])
    return {
        "effects": effects,
        "balance": pd.DataFrame(
            [
                {
                    "arm": arm,
                    "trait": row.covariate,
                    "treated_mean": row.treated_mean,
                    "control_mean": row.control_mean,
                    "smd_before": row.smd_before,
                    "smd": row.smd,
                    "balance": row.verdict,
                }
                for arm, row in found.balance
            ]
        ),
        "match": pd.DataFrame(
            list(_match_rows(found, codes, names)), columns=["arm", "unit", "name", "role", "weight", "reason"]
        ),
        "zones": pd.DataFrame({"unit": codes, "name": [names[code] for code in codes], "zone": found.zone}),
        "comparisons": pd.DataFrame(
            [asdict(one) for one in found.comparisons], columns=["kind", "treated", "control", "weight", "value"]
        ).rename(columns={"treated": "treated_start", "control": "control_start"}),
        "series": pd.DataFrame(found.series, columns=["year", "treated_mean", "control_mean"]),
    }


def _unit(row: Row, unit: str) -> str:
    return {"level": unit, "total": unit, "log1p": "log", "asinh": "log"}.get(row.scale, "")


def _match_rows(found: Evaluation, codes: list[str], names: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    study = found.study
    for unit in np.flatnonzero(study.treated).tolist():
        yield "programme", codes[unit], names[codes[unit]], "treated", 1.0, ""
    for unit in np.flatnonzero(study.control_weight > 0).tolist():
        yield "programme", codes[unit], names[codes[unit]], "control", float(study.control_weight[unit]), ""
    for arm, unit, why in found.unmatched:
        yield arm, codes[unit], names[codes[unit]], "unmatched", 0.0, why


def never(years: Any) -> NDArray[np.int64]:
    """Return years as whole numbers, `NEVER` where they are missing."""
    return np.asarray(pd.to_numeric(pd.Series(years), errors="coerce").fillna(NEVER).to_numpy(dtype=np.int64))
