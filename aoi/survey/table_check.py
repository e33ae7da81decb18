"""Reading the two tables of a statistician: every fault of both named at once, then arrays that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from aoi.survey.design import FloatArray, IntArray, Lonely, StratifiedDesign, raise_all
from geo.errors import InputError, Problem, is_hidden

__all__ = ["EARTH_HA", "SampleTable", "TableOptions", "read_tables"]

SAMPLE, STRATA = "sample table", "strata table"
REQUIRED = ("stratum", "map", "reference")
UNIT_KEYS: tuple[tuple[str, ...], ...] = (
    ("unit",),
    ("unit_id",),
    ("id",),
    ("sample_id",),
    ("plot_id",),
    ("x", "y"),
    ("lon", "lat"),
    ("longitude", "latitude"),
)
"""Columns by which a repeated unit is recognised, the first present counts."""
SAME_SHARE = 0.95
"""Share of rows mapped as their stratum from which the strata are taken for the map's classes."""
NAMED = 5
"""Rows or labels a message names."""
MOST = 2.0**53
"""Largest size or weight: whole numbers above it are no longer told apart."""
EARTH_HA = 5.1e10
"""Surface of the Earth; strata that cover more are a slip in the sizes or in the unit's area."""
LISTED = 12
"""Columns a message names."""


EMPTY = frozenset({"", "na", "n/a", "nan", "null", "<na>"})
"""What stands in a cell that holds nothing, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """What table mode may be told beyond its two tables."""

    fpc: bool | None = None
    """Whether the finite population correction is applied; None does as the papers do (`estimate_table`)."""
    legend: tuple[str, ...] | None = None
    """Classes allowed; None takes those of the map, or the strata's names where those are map classes."""
    lonely: Lonely = "refuse"
    """Policy for a stratum of one unit."""
    frame_area_ha: float | None = None
    """Area the strata must add up to; None when it is not known apart from them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleTable:
    """A checked sample with its strata, as codes."""

    design: StratifiedDesign
    """The strata."""
    classes: tuple[str, ...]
    """Legend."""
    stratum: IntArray
    """Stratum code of each row, shape (n,)."""
    mapped: IntArray
    """Class code on the map, shape (n,)."""
    reference: IntArray
    """Class code in the reference, shape (n,)."""
    weight: FloatArray | None
    """Design weight of each row; None without the column."""
    cluster: IntArray | None
    """Primary unit of each row, nested in strata; None without the column."""
    domains: tuple[str, ...]
    """Names of the domains; empty without a domain column."""
    domain: IntArray | None
    """Domain code of each row."""

    @property
    def strata_are_map_classes(self) -> bool:
        """Whether every row's stratum is its class on the map (Olofsson's case)."""
        names = np.array(self.design.names, dtype=str)[self.stratum]
        return bool((names == np.array(self.classes, dtype=str)[self.mapped]).all())


def read_tables(
    sample: pd.DataFrame,
    strata: pd.DataFrame,
    *,
    unit_area_ha: float,
    domain: str | None = None,
    options: TableOptions | None = None,
) -> SampleTable:
    """Check a sample and its strata and code them.

    Parameters
    ----------
    sample
        Columns ``stratum``, ``map``, ``reference``, and if wanted ``psu``, ``weight`` and `domain`.
    strata
        Columns ``stratum`` and ``size`` (units), and if known ``area_ha``.
    unit_area_ha
        Area of one unit, where `strata` has no ``area_ha``.
    domain
        Name of the domain column.
    options
        Legend, policy for lone units and area of the frame.

    Returns
    -------
    SampleTable
        Codes and the design.

    Raises
    ------
    InputError
        Naming every missing column, empty cell, unknown stratum, label outside the legend, repeated unit,
        size and weight that is not positive.
    QualityGateError
        If only the design is at fault: a stratum not sampled or of one unit, or strata that do not add up.
    """
    wanted = options or TableOptions()
    sample, strata = (table.rename(columns=lambda name: str(name).strip()) for table in (sample, strata))
    optional = [column for column in ("psu", "weight") if column in sample.columns]
    columns = [*REQUIRED, *optional, *([domain] if domain else [])]
    raise_all([*_column_problems(sample, columns, SAMPLE), *_column_problems(strata, ["stratum", "size"], STRATA)])
    coded = {column: Labels.of(sample[column]) for column in columns if column != "weight"}
    names = Labels.of(strata["stratum"])
    classes = wanted.legend or _legend(coded["stratum"], coded["map"], names.names)
    problems = [*_blank_problems(coded), *_repeated_problems(sample), *_strata_problems(strata, names)]
    problems += _hidden_problems(coded)
    problems += _area_problems(strata) if "area_ha" in strata else []
    problems += _weight_problems(sample) if "weight" in optional else []
    problems += _outside("stratum", coded["stratum"], names.names, "the strata table's strata")
    for column in ("map", "reference"):
        problems += _outside(column, coded[column], classes, "the legend")
    raise_all(problems)
    sizes = pd.to_numeric(strata["size"]).to_numpy(dtype=float)
    areas = pd.to_numeric(strata["area_ha"]).to_numpy(float) if "area_ha" in strata else sizes * unit_area_ha
    _require_on_earth(float(areas.sum()))
    design = StratifiedDesign(
        names=names.names,
        sizes=sizes,
        areas_ha=areas,
        frame_area_ha=wanted.frame_area_ha,
        lonely=wanted.lonely,
    )
    stratum = coded["stratum"].recoded(design.names)
    design.check_counts(np.bincount(stratum, minlength=design.n_strata).astype(np.int64))
    places = coded[domain] if domain else None
    return SampleTable(
        design=design,
        classes=classes,
        stratum=stratum,
        mapped=coded["map"].recoded(classes),
        reference=coded["reference"].recoded(classes),
        weight=pd.to_numeric(sample["weight"]).to_numpy(dtype=float) if "weight" in optional else None,
        cluster=_nested(stratum, coded["psu"].codes) if "psu" in optional else None,
        domains=tuple(sorted(places.names)) if places else (),
        domain=places.recoded(sorted(places.names)) if places else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """A column of labels as codes, so that a million rows are told apart once."""

    names: tuple[str, ...]
    """Labels, blanks around them cut; 1.0 and 1 are one label."""
    codes: IntArray
    """Position of each row's label in `names`, -1 for an empty cell."""

    @classmethod
    def of(cls, column: pd.Series) -> Labels:
        """Read a column."""
        codes, values = pd.factorize(column, use_na_sentinel=True)
        whole = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v).strip() for v in values]
        names = tuple(dict.fromkeys(name for name in whole if name.lower() not in EMPTY))
        place = {name: code for code, name in enumerate(names)}
        position = np.array([place.get(name, -1) for name in whole] + [-1], dtype=np.int64)
        return cls(names=names, codes=position[codes])

    def recoded(self, legend: Sequence[str]) -> IntArray:
        """Return each row's position in `legend`, which must hold every label."""
        where = {name: code for code, name in enumerate(legend)}
        return np.array([*(where[name] for name in self.names), -1], dtype=np.int64)[self.codes]


def _nested(stratum: IntArray, psu: IntArray) -> IntArray:
    """Code primary units 0.., a name that stands in two strata being two units."""
    pair = stratum * (int(psu.max()) + 1) + psu
    return np.asarray(np.unique(pair, return_inverse=True)[1], dtype=np.int64)


def _legend(stratum: Labels, mapped: Labels, strata: Sequence[str]) -> tuple[str, ...]:
    """Return the strata's names where the strata are map classes, else the map's classes.

    Strata are taken for map classes when all the map's labels are strata, or when nearly every row is mapped
    as its stratum: then another label is a slip, not a class.
    """
    every = (*strata, *stratum.names, *mapped.names)
    same = stratum.recoded(every) == mapped.recoded(every)
    if set(mapped.names) <= set(strata) or same.mean() >= SAME_SHARE:
        return tuple(strata)
    return tuple(sorted(mapped.names))


def _rows(mask: npt.NDArray[np.bool_]) -> str:
    """Name the first rows of a mask as lines of the file, the header being line 1."""
    lines = np.flatnonzero(mask) + 2
    more = f" and {lines.size - NAMED} more" if lines.size > NAMED else ""
    return ("row " if lines.size == 1 else "rows ") + ", ".join(map(str, lines[:NAMED].tolist())) + more


def _column_problems(table: pd.DataFrame, columns: Sequence[str], name: str) -> list[Problem]:
    """List columns that are missing, and a table without rows."""
    problems = [
        Problem(name, _shown_columns(table), f"a column {column!r}")
        for column in columns
        if column not in table.columns
    ]
    twice = dict.fromkeys(table.columns[table.columns.duplicated() & (table.columns != "")])
    problems += [
        Problem(name, f"a column {column!r} twice", "each column once", "take one out") for column in twice
    ]
    return problems or ([Problem(name, "no rows", "one row for each unit or stratum")] if table.empty else [])


def _shown_columns(table: pd.DataFrame) -> str:
    """Name a table's first columns, what does not show on a screen written out."""
    more = f" and {table.columns.size - LISTED} more" if table.columns.size > LISTED else ""
    return "columns " + ", ".join(ascii(name)[1:-1] for name in map(str, table.columns[:LISTED])) + more


def _hidden_problems(coded: dict[str, Labels]) -> list[Problem]:
    """List labels that would break or reorder the line they are printed on."""
    problems = []
    for column, labels in coded.items():
        bad = [code for code, name in enumerate(labels.names) if is_hidden(name)]
        if bad:
            where = f"{SAMPLE}, column {column!r}, {_rows(np.isin(labels.codes, bad))}"
            found = f"label {labels.names[bad[0]]!r}"
            problems.append(Problem(where, found, "a label without line ends and control characters", "rename it"))
    return problems


def _blank_problems(coded: dict[str, Labels]) -> list[Problem]:
    """List empty cells of the sample."""
    remedy = "fill the cell, or treat the unit as non-response; missing is not zero"
    return [
        Problem(
            f"{SAMPLE}, column {column!r}, {_rows(labels.codes < 0)}",
            "an empty cell (NA, NaN and null count as empty)",
            "a label in every row",
            remedy,
        )
        for column, labels in coded.items()
        if (labels.codes < 0).any()
    ]


def _repeated_problems(sample: pd.DataFrame) -> list[Problem]:
    """List units that stand in the sample twice, where a column tells units apart."""
    key = next((list(key) for key in UNIT_KEYS if set(key) <= set(sample.columns)), None)
    if key is None:
        return []
    scope = [*key, "psu"] if "psu" in sample.columns and len(key) == 1 else key
    twice = (sample.duplicated(subset=scope, keep="first") & ~sample[key].isna().any(axis=1)).to_numpy()
    if not twice.any():
        return []
    where = f"{SAMPLE}, column {'/'.join(key)!r}, {_rows(twice)}"
    remedy = "keep one row; several interpreters are adjudicated first"
    return [Problem(where, "a unit that stands above already", "each unit once", remedy)]


def _said(cell: object) -> str:
    """Return what stands in a cell, or that nothing does."""
    text = str(cell).strip()
    return "(an empty cell)" if text.lower() in EMPTY else text


def _weight_problems(sample: pd.DataFrame) -> list[Problem]:
    """List weights that are not positive numbers, or are probabilities in the place of weights."""
    weight = pd.to_numeric(sample["weight"], errors="coerce").to_numpy(dtype=float)
    bad = ~((weight > 0) & (weight <= MOST))
    if not bad.any() and weight.size and weight.max() < 1:
        # Weights on another scale of mean one have some above one; probabilities have none
        found, wanted = f"weights of at most {weight.max():g}, as probabilities are", "weights of 1 or more"
        return [
            Problem(f"{SAMPLE}, column 'weight'", found, wanted, "give the inverse of the inclusion probability")
        ]
    if not bad.any():
        return []
    found = f"weight {_said(sample['weight'].iloc[int(bad.argmax())])}"
    remedy = "the inverse of the unit's inclusion probability"
    return [Problem(f"{SAMPLE}, column 'weight', {_rows(bad)}", found, "a positive number", remedy)]


def _area_problems(strata: pd.DataFrame) -> list[Problem]:
    """List strata whose area is not a positive number."""
    area = pd.to_numeric(strata["area_ha"], errors="coerce").to_numpy(dtype=float)
    bad = ~((area > 0) & np.isfinite(area))
    if not bad.any():
        return []
    found = f"area {strata['area_ha'].iloc[int(bad.argmax())]!r}"
    return [Problem(f"{STRATA}, column 'area_ha', {_rows(bad)}", found, "a positive number of hectares")]


def _require_on_earth(total_ha: float) -> None:
    """Refuse strata that cover more than there is."""
    if total_ha > EARTH_HA:
        found, most = f"strata of {total_ha:g} ha in all", f"less than the Earth's surface, {EARTH_HA:g} ha"
        raise InputError(Problem(STRATA, found, most, "check the sizes and the area of a unit"))


def _strata_problems(strata: pd.DataFrame, names: Labels) -> list[Problem]:
    """List strata that are unnamed, repeated, or whose size is not a positive whole number."""
    size = pd.to_numeric(strata["size"], errors="coerce").to_numpy(dtype=float)
    bad = ~((size >= 1) & (size <= MOST) & (size == np.floor(size)))
    problems = []
    if bad.any():
        found = f"size {_said(strata['size'].iloc[int(bad.argmax())])}"
        where = f"{STRATA}, column 'size', {_rows(bad)}"
        remedy = "write it without separators; drop an empty stratum"
        problems.append(Problem(where, found, "a whole number of units, 1 or more", remedy))
    if (names.codes < 0).any():
        where = f"{STRATA}, column 'stratum', {_rows(names.codes < 0)}"
        problems.append(Problem(where, "an empty cell (NA, NaN and null count as empty)", "a name"))
    twice = pd.Series(names.codes).duplicated().to_numpy() & (names.codes >= 0)
    if twice.any():
        where = f"{STRATA}, column 'stratum', {_rows(twice)}"
        found = f"stratum {names.names[names.codes[twice][0]]!r} again"
        problems.append(Problem(where, found, "each stratum once", "add up its sizes"))
    return problems


def _outside(column: str, labels: Labels, allowed: Sequence[str], what: str) -> list[Problem]:
    """List labels of a column that are not among those allowed."""
    strangers = [name for name in labels.names if name not in allowed]
    if not strangers:
        return []
    rows = np.isin(labels.codes, [labels.names.index(name) for name in strangers])
    where = f"{SAMPLE}, column {column!r}, {_rows(rows)}"
    found = "label " + ", ".join(map(repr, strangers[:NAMED]))
    whole = "add the stratum to the strata table" if column == "stratum" else "give the whole legend ('legend')"
    remedy = f"mend the label, or {whole}"
    return [Problem(where, found, f"one of {what}: " + ", ".join(map(repr, allowed)), remedy)]
