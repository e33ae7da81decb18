"""Step ``reference``: the reference labels of the sample, read back from interpreters or simulated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey.interpretation import adjudicate, agreement
from geo.errors import InputError, Problem
from geo.files import require_file
from geo.raster import read_on_grid
from geo.vector import read_layer
from maps.exchange.answers import labels_of_answers
from monitor.context import Context, Progress
from monitor.tables import read_csv, read_given_csv, write_csv

__all__ = ["COLUMNS", "label_problems", "read_known_labels", "read_label_file", "read_reference"]

COLUMNS = ("unit_id", "period", "interpreter", "label")
"""Columns of a file of reference labels."""

KNOWN_COLUMNS = ("period", "read", "known")
"""Columns of a file of readings of units whose label is known."""

SENIOR = "senior"
"""Interpreter whose label decides where the others differ."""

_SHOWN = 5


def read_reference(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``frame/interpretation.csv`` (every label) and ``frame/reference.csv`` (the label agreed on).

    Raises
    ------
    InputError
        If the labels are missing, or units, periods or labels are not those of the sample and the legend.
    """
    sample = read_csv(context.out / "frame" / "sample.csv")
    simulated = context.reference.simulated is not None
    labels = _simulated(context, sample) if simulated else _collected(context, sample)
    agreed, facts = agree(labels, context.profile.legend.names)
    folder = staging / "frame"
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(labels, folder / "interpretation.csv")
    write_csv(agreed, folder / "reference.csv")
    if context.reference.known is not None:
        write_csv(read_known_labels(context.reference.known, context), folder / "known_readings.csv")
    progress(1, 1)
    return {"units": int(agreed["unit_id"].nunique()), "simulated": simulated, **facts}


def read_known_labels(path: Path, context: Context) -> pd.DataFrame:
    """Read how units of known label were read.

    Raises
    ------
    InputError
        If the file is missing or is no table, lacks a column, or holds labels or periods that are none.
    """
    table = read_given_csv(require_file(path, where="[reference] known"))
    missing = [column for column in KNOWN_COLUMNS if column not in table.columns]
    if missing:
        expected = f"columns {', '.join(KNOWN_COLUMNS)}"
        raise InputError(Problem(path.name, f"no column {', '.join(missing)}", expected))
    legend, periods = context.profile.legend.names, [period.name for period in context.compared]
    problems = [
        *_strangers(table, "read", legend, path.name),
        *_strangers(table, "known", legend, path.name),
        *_strangers(table, "period", periods, path.name),
    ]
    if problems:
        raise InputError(problems)
    return table[list(KNOWN_COLUMNS)].sort_values(list(KNOWN_COLUMNS), ignore_index=True)


def read_label_file(path: Path) -> pd.DataFrame:
    """Read a file of labels as text.

    Raises
    ------
    InputError
        If the file is missing, is no table, or lacks a column.
    """
    if not path.is_file():
        raise InputError(
            Problem(
                f"{path}",
                "no reference labels yet",
                f"a CSV with columns {', '.join(COLUMNS)}",
                "interpret the units of frame/sample.gpkg, save their labels there, and run again",
            )
        )
    table = read_given_csv(path)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise InputError(Problem(f"{path}", f"no column {', '.join(missing)}", f"columns {', '.join(COLUMNS)}"))
    return table[list(COLUMNS)]


def label_problems(table: pd.DataFrame, name: str, context: Context) -> list[Problem]:
    """Return what is wrong with labels, whatever sample they belong to."""
    legend = context.profile.legend.names
    periods = [period.name for period in context.compared]
    return [
        *_strangers(table, "label", legend, name),
        *_strangers(table, "period", periods, name),
        *_repeated(table, name),
    ]


def _strangers(table: pd.DataFrame, column: str, allowed: Iterable[str], name: str) -> Iterator[Problem]:
    bad = table[~table[column].isin(list(allowed))]
    if len(bad):
        rows = ", ".join(str(row + 2) for row in bad.index[:_SHOWN])
        words = ", ".join(repr(word) for word in bad[column].unique()[:_SHOWN])
        yield Problem(f"{name} column {column}, rows {rows}", words, f"one of {', '.join(allowed)}", "correct them")


def _repeated(table: pd.DataFrame, name: str) -> Iterator[Problem]:
    twice = table[table.duplicated(["unit_id", "period", "interpreter"])]
    if len(twice):
        rows = ", ".join(str(row + 2) for row in twice.index[:_SHOWN])
        yield Problem(f"{name} rows {rows}", "a unit labelled twice by one interpreter", "once", "keep one")


def _answered(context: Context, sample: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the labels of a file, whatever form they were asked with."""
    form = context.reference.form
    if form == "table" or not path.is_file():
        return read_label_file(path)
    return labels_of_answers(
        read_given_csv(path),
        form,
        path.name,
        units=dict(zip(sample["unit_id"], zip(sample["longitude"], sample["latitude"], strict=True), strict=True)),
        periods=[period.name for period in context.compared],
        legend=context.profile.legend.names,
    )


def _collected(context: Context, sample: pd.DataFrame) -> pd.DataFrame:
    path = context.reference.labels
    if path is None:
        raise InputError(Problem("[reference]", "no labels", "a file of labels", "name it in [reference] labels"))
    table = _answered(context, sample, path)
    problems = label_problems(table, path.name, context)
    problems += _strangers(table, "unit_id", tuple(sample["unit_id"]), path.name) if not problems else []
    expected = pd.MultiIndex.from_product([sample["unit_id"], [period.name for period in context.compared]])
    missing = expected.difference(pd.MultiIndex.from_frame(table[["unit_id", "period"]]))
    if len(missing):
        shown = ", ".join(f"{unit} in {period}" for unit, period in missing[:_SHOWN])
        problems.append(
            Problem(path.name, f"{len(missing)} labels missing ({shown})", "a label of every unit in every period")
        )
    if problems:
        raise InputError(problems)
    return table.sort_values(["unit_id", "period", "interpreter"], ignore_index=True)


def agree(labels: pd.DataFrame, legend: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Settle one label for each unit and period.

    Parameters
    ----------
    labels
        Columns `COLUMNS`.
    legend
        Class names.

    Returns
    -------
    tuple
        Table unit_id, period, label, decided_by (``majority`` or ``senior``); and facts: interpreters, observed
        agreement and Cohen's kappa of the pairs, and how many units a senior settled.

    Raises
    ------
    InputError
        Naming units on which interpreters differ with neither a senior's label nor a majority.

    Examples
    --------
    >>> rows = [("u1", "24", "a", "coca"), ("u1", "24", "b", "forest"), ("u1", "24", "senior", "coca")]
    >>> agree(pd.DataFrame(rows, columns=COLUMNS), ("coca", "forest"))[0].values.tolist()
    [['u1', '24', 'coca', 'senior']]
    """
    code = {name: number for number, name in enumerate(legend)}
    wide = labels.assign(code=labels["label"].map(code)).pivot_table(
        index=["unit_id", "period"], columns="interpreter", values="code", aggfunc="first"
    )
    votes = wide.fillna(-1).astype(np.int64)
    ordinary = votes.drop(columns=SENIOR, errors="ignore").to_numpy()
    senior = votes[SENIOR].to_numpy() if SENIOR in votes else None
    settled = adjudicate(ordinary, n_classes=len(legend), senior=senior)
    _require_settled(votes.index[settled.open])
    decided = np.full(len(votes), "majority", dtype=object)
    decided[settled.by_senior] = SENIOR
    table = votes.index.to_frame(index=False)
    table["label"] = np.array(legend, dtype=object)[settled.label]
    return table.assign(decided_by=decided), _agreement_facts(ordinary, len(legend), len(settled.by_senior))


def _agreement_facts(votes: NDArray[np.int64], n_classes: int, by_senior: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"interpreters": votes.shape[1], "settled_by_senior": by_senior}
    if votes.shape[1] > 1 and ((votes >= 0).sum(axis=1) > 1).any():
        found = agreement(votes, n_classes)
        facts |= {"observed_agreement": found.observed, "kappa": found.kappa}
    return facts


def _require_settled(open_units: Any) -> None:
    if len(open_units):
        shown = ", ".join(f"{unit} in {period}" for unit, period in open_units[:_SHOWN])
        raise InputError(
            Problem(
                "reference labels",
                f"{len(open_units)} units on which interpreters differ ({shown})",
                f"a deciding label by interpreter {SENIOR!r}",
                "have a third person decide them",
            )
        )


def _simulated(context: Context, sample: pd.DataFrame) -> pd.DataFrame:
    """Let simulated interpreters label what truly grows at the units' centres."""
    from imagery.simulate.interpreter import interpret

    settings = context.reference.simulated
    if settings is None:
        raise InputError(Problem("[reference]", "no simulated interpreters", "[reference.simulated]"))
    fields = read_layer(settings.fields, columns=("class", "period"), geometry="polygon")
    points = geopandas.GeoSeries.from_xy(sample["x_m"], sample["y_m"], crs=str(context.frame.geobox.crs))
    tables = []
    for period in context.compared:
        truth = _true_classes(context, sample, points, fields[fields["period"].astype(str) == period.name])
        read = interpret(
            truth,
            context.profile,
            omission=settings.omission,
            commission=settings.commission,
            interpreters=settings.interpreters,
            rng=context.rng(f"interpreters-{period.name}"),
        )
        rows = pd.DataFrame(read.rows(), columns=["unit", "interpreter", "label"])
        units = sample["unit_id"].to_numpy()[rows["unit"]]
        tables.append(rows.assign(unit_id=units, period=period.name)[list(COLUMNS)])
    return pd.concat(tables).sort_values(["unit_id", "period", "interpreter"], ignore_index=True)


def _true_classes(context: Context, sample: pd.DataFrame, points: Any, fields: Any) -> NDArray[Any]:
    """Return the true class at each point: that of the field it lies in, else that of the ground."""
    settings, legend = context.reference.simulated, context.profile.legend
    truth = np.full(len(points), "", dtype=object)
    if settings is not None and settings.ground is not None:
        ground = read_on_grid(settings.ground, context.frame.geobox)
        truth = np.array([legend.name(int(code)) for code in ground[sample["row"], sample["col"]]], dtype=object)
    shapes = fields.geometry.to_crs(points.crs)
    point, field = shapes.sindex.query(points, predicate="intersects")
    truth[point] = fields["class"].to_numpy()[field]
    if (truth == "").any():
        raise InputError(
            Problem(
                "[reference.simulated]",
                f"{int((truth == '').sum())} units outside every true field",
                "the class of the ground between the fields",
                "name a raster of it in ground",
            )
        )
    return truth.astype(str)
