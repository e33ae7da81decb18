"""Several interpreters in table mode: agreement, the label that counts, misreading carried into the interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.estimate import Estimate
from aoi.survey.interpretation import Adjudication, Agreement, Misreading, adjudicate, agreement, corrected_area
from aoi.survey.table import TableResult
from geo.errors import InputError, Problem, SurveyFileError
from monitor.tabular.rows import EMPTY, Rows, lines_of
from monitor.tabular.words import figure_words

__all__ = [
    "Corrected",
    "Readers",
    "Settled",
    "correct",
    "frame_ha",
    "reader_lines",
    "reader_rows",
    "settle",
    "table_readers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Who labelled the sample, and what is known of how they read."""

    interpreters: tuple[str, ...]
    """Columns of labels; empty where the sample has one column ``reference``."""
    senior: str | None
    """Column of the interpreter who decides."""
    known: Path | None
    """CSV with ``read`` and ``known``: units of known label, apart from the sample."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settled:
    """A sample whose labels are settled."""

    sample: pd.DataFrame
    """The sample with its column ``reference``."""
    classes: tuple[str, ...]
    """Labels given."""
    agreement: Agreement | None
    """Agreement of the interpreters; None where no unit has two labels."""
    decided: Adjudication
    """Who decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """One class, corrected for misreading."""

    name: str
    """Class."""
    rates: Misreading
    """Rates of reading."""
    estimate: Estimate
    """Corrected area."""


def table_readers(*, interpreters: str | None, senior: str | None, known: Path | None) -> Readers:
    """Return what the command line tells of interpreters.

    Raises
    ------
    SurveyFileError
        If a name is empty or stands twice, or a senior is named without interpreters.
    """
    names = () if interpreters is None else tuple(name.strip() for name in interpreters.split(","))
    every = [*names, *([senior] if senior is not None else [])]
    if "" in every or len(set(every)) < len(every):
        raise SurveyFileError(Problem("--interpreters", repr(interpreters), "names of columns, each once"))
    if senior is not None and not names:
        raise SurveyFileError(Problem("--senior", repr(senior), "--interpreters beside it"))
    return Readers(interpreters=names, senior=senior, known=known)


def settle(sample: pd.DataFrame, readers: Readers) -> Settled:
    """Settle one label for each unit of a sample.

    Parameters
    ----------
    sample
        Table with a column for each interpreter; an empty cell is a unit that one did not label.
    readers
        The columns.

    Raises
    ------
    InputError
        If a column is missing or ``reference`` is there too, or interpreters differ on a unit that nobody decides.
    """
    rows = Rows(table=sample, name="sample table")
    columns = [*readers.interpreters, *([readers.senior] if readers.senior is not None else [])]
    labels = [rows.optional_labels(name) for name in columns]
    if rows.has("reference"):
        rows.note("column 'reference'", "labels settled already", "the interpreters' columns", "take one out")
    rows.require_sound()
    there = [np.array([label.lower() not in EMPTY for label in column.tolist()], dtype=bool) for column in labels]
    classes = sorted({str(label) for column, given in zip(labels, there, strict=True) for label in column[given]})
    code = {name: number for number, name in enumerate(classes)}
    votes = np.stack([np.array([code.get(label, -1) for label in column.tolist()]) for column in labels], axis=1)
    votes[~np.stack(there, axis=1)] = -1
    ordinary = votes[:, : len(readers.interpreters)].astype(np.int64)
    senior = votes[:, -1].astype(np.int64) if readers.senior is not None else None
    decided = adjudicate(ordinary, n_classes=len(classes), senior=senior)
    if decided.open.size:
        at = np.isin(np.arange(len(sample)), decided.open)
        found = f"{decided.open.size} units without a majority or a deciding label"
        remedy = "have a senior interpreter decide them (--senior)"
        raise InputError(Problem(f"sample table, {lines_of(at)}", found, "a settled label", remedy))
    paired = bool(((ordinary >= 0).sum(axis=1) > 1).any())
    settled = sample.drop(columns=columns).assign(reference=np.array(classes, dtype=object)[decided.label])
    return Settled(
        sample=settled,
        classes=tuple(classes),
        agreement=agreement(ordinary, len(classes)) if paired else None,
        decided=decided,
    )


def frame_ha(strata: pd.DataFrame, unit_area_ha: float) -> float:
    """Return the hectares of checked strata."""
    if "area_ha" in strata:
        return float(pd.to_numeric(strata["area_ha"]).sum())
    return float(pd.to_numeric(strata["size"]).sum()) * unit_area_ha


def correct(result: TableResult, readers: Readers, area_ha: float) -> tuple[Corrected, ...]:
    """Correct the frame's figure of each class that known units tell of.

    Raises
    ------
    InputError
        If the table of known units has labels that are no classes.
    QualityGateError
        If a class is read no better than by chance.
    """
    if readers.known is None:
        return ()
    rows = Rows.read(readers.known)
    read, known = rows.labels("read"), rows.labels("known")
    classes = list(dict.fromkeys(area.name for area in result.areas))
    strange = sorted({str(label) for label in (*read, *known) if label not in classes})
    if strange and not rows.problems:
        rows.note("columns 'read' and 'known'", "label " + ", ".join(map(repr, strange[:5])), ", ".join(classes))
    rows.require_sound()
    code = {name: number for number, name in enumerate(classes)}
    pairs = [np.array([code[str(label)] for label in column], dtype=np.int64) for column in (read, known)]
    return tuple(
        _one(area.name, area.estimate, Misreading.of_labels(pairs[0], pairs[1], code[area.name]), area_ha)
        for area in result.areas
        if area.domain is None and (known == area.name).any() and (known != area.name).any()
    )


def _one(name: str, estimate: Estimate, rates: Misreading, area_ha: float) -> Corrected:
    return Corrected(name=name, rates=rates, estimate=corrected_area(estimate, area_ha, rates))


def reader_rows(settled: Settled | None, corrected: Sequence[Corrected]) -> Mapping[str, Any]:
    """Return agreement and corrected figures as plain values; nothing where neither was asked for."""
    content: dict[str, Any] = {}
    if settled is not None:
        found = settled.agreement
        content["interpretation"] = {
            "observed_agreement": None if found is None else found.observed,
            "kappa": None if found is None else _finite(found.kappa),
            "by_class": {}
            if found is None
            else {name: _finite(float(x)) for name, x in zip(settled.classes, found.by_class, strict=True)},
            "pairs": 0 if found is None else found.n,
            "by_majority": int(settled.decided.by_majority.size),
            "by_senior": int(settled.decided.by_senior.size),
        }
    if corrected:
        content["corrected_for_misreading"] = [
            {
                "class": one.name,
                "value_ha": one.estimate.value,
                "se_ha": one.estimate.se,
                "lo_ha": one.estimate.lo,
                "hi_ha": one.estimate.hi,
                "sensitivity": one.rates.sensitivity,
                "specificity": one.rates.specificity,
                "known_units": one.rates.n_class + one.rates.n_other,
                "flags": list(one.estimate.flags),
            }
            for one in corrected
        ]
    return content


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def reader_lines(settled: Settled | None, corrected: Sequence[Corrected]) -> Iterator[str]:
    """Return agreement and corrected figures in words."""
    if settled is not None and settled.agreement is not None:
        found = settled.agreement
        kappa = "" if not math.isfinite(found.kappa) else f", kappa {found.kappa:.3f}"
        yield (
            f"interpreters agreed on {100 * found.observed:.1f} % of {found.n} pairs of labels{kappa}; "
            f"{settled.decided.by_senior.size} units decided by the senior interpreter"
        )
    for one in corrected:
        yield (
            f"{one.name}, corrected for misreading (sensitivity {one.rates.sensitivity:.3f}, specificity "
            f"{one.rates.specificity:.3f}): {figure_words(one.estimate)}"
        )
