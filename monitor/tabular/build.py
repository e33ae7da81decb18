"""From a declared design and a sample table to the design object whose totals have a known variance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aoi.survey.cluster import ClusterDesign, Stage
from aoi.survey.linearised import SampleDesign
from aoi.survey.local_mean import AsIfRandom, Drawing, LocalMeanDesign
from aoi.survey.national import StackedDesign
from aoi.survey.nearest_pair import NearestPairDesign
from aoi.survey.spread import SpreadDesign
from aoi.survey.two_phase import ResponseDesign
from aoi.survey.unequal import UnequalDesign, UnequalVariance
from geo.errors import InputError, Problem, QualityGateError, SurveyFileError
from monitor.tabular.declaration import DesignSection, ResponseSection
from monitor.tabular.rows import NAMED, FloatArray, Rows, lines_of
from monitor.tabular.strata import StrataTable, read_strata

__all__ = ["Drawn", "IntArray", "build"]

IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.str_]

ROUNDING = 1e-6
"""What rounding may take from a weight of one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A sample with its design, rows in one order."""

    rows: Rows
    """The sample, ordered as the design's rows."""
    design: SampleDesign
    """What its totals' variance is."""
    unit: IntArray
    """Code of the first-stage unit of each row, shape (n,)."""
    stratum: TextArray
    """Stratum of each row; ``all`` where there are none, shape (n,)."""
    strata: StrataTable | None
    """The strata table."""
    units: int | None
    """Units in the frame; None where neither a number nor strata were given."""
    in_order: bool = False
    """Whether it is a systematic sample in frame order, without coordinates."""
    variance: str | None = None
    """Variance estimator asked for."""

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Rows with a value, shape (n,): all, except where units could not be seen."""
        rows = np.ones(len(self.rows), dtype=bool)
        if isinstance(self.design, ResponseDesign):
            rows[:] = False
            rows[self.design.seen] = True
        return rows


def build(section: DesignSection, rows: Rows, *, frame_ha: float, response: ResponseSection | None = None) -> Drawn:
    """Build a design from its declaration and the sample.

    Parameters
    ----------
    section
        The declaration.
    rows
        One row for each unit drawn (for each second-stage unit, where there are two stages).
    frame_ha
        Hectares of the frame.
    response
        Units that were not seen.

    Raises
    ------
    InputError
        Naming every cell at fault, units that stand twice, strata that are unknown.
    QualityGateError
        If a stratum was not sampled or has one unit, strata do not add up, or a variance does not exist.
    """
    strata = None
    if section.strata is not None:
        strata = read_strata(section.strata, frame_ha=frame_ha, units=section.units)
    units = int(strata.design.sizes.sum()) if strata is not None else section.units
    names = rows.labels(section.unit)
    stratum = np.full(len(rows), "all") if section.stratum is None else rows.labels(section.stratum)
    if section.second_stage is not None:
        pair = np.array([f"{a}\x1f{b}" for a, b in zip(names, rows.labels(section.second_stage.unit), strict=True)])
        rows.require_unique(pair, f"{section.unit}/{section.second_stage.unit}")
    elif not section.whole_units:
        rows.require_unique(names, section.unit)
    if section.order is not None:
        rows.require_unique(rows.labels(section.order), section.order)
    rows.require_sound()
    if strata is not None and section.strata is not None:
        _require_known(stratum, section, rows, strata)
    if section.order is not None:
        order = np.argsort(rows.numbers(section.order), kind="stable")
        rows.require_sound()
        rows = Rows(table=rows.table.iloc[order].reset_index(drop=True), name=rows.name)
        names = names[order]
    population = _population(section, names, stratum, strata)
    if strata is not None and section.method == "random" and response is None and section.lonely == "refuse":
        _require_several(population, strata)
    design = (
        _METHODS[section.method](section, rows, population)
        if response is None
        else _response(response, rows, population)
    )
    return Drawn(
        rows=rows,
        design=design,
        unit=population.unit,
        stratum=stratum,
        strata=strata,
        units=units,
        in_order=section.order is not None,
        variance=section.variance,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Population:
    """What is known of the units each row stands for."""

    unit: IntArray
    """Code of the first-stage unit, shape (n,)."""
    names: TextArray
    """Its name, shape (n,)."""
    stratum: TextArray
    """Name of the stratum, shape (n,)."""
    code: IntArray
    """Code of the stratum, shape (n,)."""
    size: FloatArray | None
    """Units in the row's stratum, shape (n,); None where no number was given."""
    drawn: FloatArray
    """Units drawn from it, shape (n,)."""


def _population(
    section: DesignSection, names: TextArray, stratum: TextArray, strata: StrataTable | None
) -> _Population:
    """Count the units drawn from each stratum, refusing strata that are unknown or not sampled."""
    unit = np.unique(names, return_inverse=True)[1].astype(np.int64)
    code = np.zeros(names.size, dtype=np.int64) if strata is None else strata.design.code_of(stratum)
    n_strata = 1 if strata is None else strata.design.n_strata
    first = np.unique(unit, return_index=True)[1]
    drawn = np.bincount(code[first], minlength=n_strata).astype(np.int64)
    if strata is not None:
        strata.design.check_counts(drawn)
        size: FloatArray | None = strata.design.sizes[code].astype(float)
    elif section.units is not None:
        if drawn[0] > section.units:
            found = f"{drawn[0]} units drawn from a frame of {section.units}"
            raise InputError(Problem("[design] units", found, "a frame at least as large as its sample"))
        size = np.full(names.size, float(section.units))
    else:
        size = None
    return _Population(
        unit=unit, names=names, stratum=stratum, code=code, size=size, drawn=drawn[code].astype(float)
    )


def _require_known(stratum: TextArray, section: DesignSection, rows: Rows, strata: StrataTable) -> None:
    """Refuse rows of strata that the strata table does not have."""
    unknown = ~np.isin(stratum, strata.design.names)
    if unknown.any():
        where = f"column {section.stratum!r}, {lines_of(unknown)}"
        expected = f"one of the strata of {strata.rows.name}: {', '.join(map(repr, strata.design.names[:NAMED]))}"
        rows.note(
            where, f"stratum {str(stratum[unknown][0])!r}", expected, "mend the name, or add the stratum there"
        )
        rows.require_sound()


def _require_several(population: _Population, strata: StrataTable) -> None:
    """Refuse strata with one unit drawn of several, by their names."""
    alone = np.unique(population.code[(population.drawn == 1) & (strata.design.sizes[population.code] > 1)])
    remedy = "draw one more, merge it with a like stratum, or name a policy for lone units ('lonely')"
    gates = [
        Problem(f"stratum {strata.design.names[code]!r}", "one unit drawn", "at least two, for a variance", remedy)
        for code in alone
    ]
    if gates:
        raise QualityGateError(gates)


def _random(section: DesignSection, rows: Rows, population: _Population) -> SampleDesign:
    """Return a random sample of one or two stages, in strata or not."""
    size = _sizes(population)
    stages = [Stage(unit=population.names, stratum=population.code, population=size)]
    weight = size / population.drawn
    if section.second_stage is not None:
        inside = np.bincount(population.unit)[population.unit].astype(float)
        whole = _inside(section.second_stage.units, rows)
        stages.append(Stage(unit=rows.labels(section.second_stage.unit), population=whole))
        weight = weight * whole / inside
    if section.weight is not None:
        weight = rows.numbers(section.weight, above=0.0, most=2.0**53)
        rows.require_sound()
        low = weight < 1 - ROUNDING
        if low.any():
            remedy = "give the inverse of the inclusion probability, or leave the column out"
            where = f"column {section.weight!r}, {lines_of(low)}"
            rows.note(where, f"weight {weight[low][0]:g}", "weights of 1 or more", remedy)
            rows.require_sound()
    return ClusterDesign(weight=weight, stages=stages, lonely=section.lonely)


def _inside(units: int | str, rows: Rows) -> FloatArray:
    """Return the second-stage units inside each row's unit, shape (n,)."""
    if isinstance(units, str):
        inside = rows.numbers(units, least=1.0)
        rows.require_sound()
        return inside
    if units < 1:
        raise SurveyFileError(Problem("[design] second_stage units", str(units), "1 or more"))
    return np.full(len(rows), float(units))


def _placed(section: DesignSection, rows: Rows, population: _Population) -> SampleDesign:
    """Return a systematic or spread sample."""
    drawing: Drawing = "systematic" if section.method == "systematic" else "spread"
    size = _sizes(population)
    if section.order is not None or section.variance == "simple-random":
        base = ClusterDesign(
            weight=size / population.drawn,
            stages=[Stage(unit=population.names, stratum=population.code, population=size)],
            lonely=section.lonely,
        )
        return AsIfRandom(base=base, drawing=drawing)
    xy = np.stack([rows.numbers(section.x), rows.numbers(section.y)], axis=1)
    own = rows.numbers(section.inclusion, above=0.0, most=1.0) if rows.has(section.inclusion) else None
    rows.require_sound()
    equal = population.drawn / size
    # A sample of unequal probabilities has no one fraction to correct with
    unequal = own is not None and not np.allclose(own, equal, rtol=1e-6)
    inclusion = equal if own is None or not unequal else own
    known = None if unequal else size
    if drawing == "systematic" or section.variance == "local-mean":
        return LocalMeanDesign(
            coordinates=xy, inclusion=inclusion, drawing=drawing, population=known, stratum=population.code
        )
    kind = NearestPairDesign if section.variance == "nearest-pair" else SpreadDesign
    return kind(coordinates=xy, inclusion=inclusion, population=known, stratum=population.code)


def _unequal(section: DesignSection, rows: Rows, population: _Population) -> SampleDesign:
    """Return a sample of unequal probabilities, its strata side by side."""
    inclusion = rows.numbers(section.inclusion, above=0.0, most=1.0)
    rows.require_sound()
    variance: UnequalVariance = "poisson" if section.draw == "poisson" else "sen-yates-grundy"
    if section.variance is not None:
        variance = section.variance  # type: ignore[assignment]
    joint = None if section.joint is None else _joint(section.joint, population.names)
    if not (np.diff(population.code) >= 0).all():
        raise InputError(
            Problem(rows.name, "rows of one stratum apart from each other", "rows in order of strata", "sort them")
        )
    parts = []
    for code in np.unique(population.code):
        at = np.flatnonzero(population.code == code)
        pairs = None if joint is None else joint[np.ix_(at, at)]
        parts.append(UnequalDesign(inclusion=inclusion[at], joint=pairs, variance=variance))
    return parts[0] if len(parts) == 1 else StackedDesign(tuple(parts))


def _joint(path: Path, names: TextArray) -> FloatArray:
    """Read joint inclusion probabilities and put them in the order of the sample."""
    table = Rows.read(path)
    first = str(table.table.columns[0])
    labels = table.labels(first).tolist()
    missing = [name for name in names.tolist() if name not in labels or not table.has(name)]
    if missing:
        found = f"no row and column for {len(missing)} drawn units ({', '.join(missing[:5])})"
        raise InputError(Problem(path.name, found, "one of each for every unit drawn"))
    drawn = set(names.tolist())
    lost = [name for name in labels if name not in drawn]
    if lost:
        found = f"{len(lost)} drawn units that the sample lacks ({', '.join(lost[:5])})"
        remedy = "put them back, since a total over fewer units is too low; give each province its own table"
        raise InputError(Problem(path.name, found, "the units of the sample", remedy))
    at = [labels.index(name) for name in names.tolist()]
    columns = [table.numbers(name, least=0.0, most=1.0)[at] for name in names.tolist()]
    table.require_sound()
    return np.stack(columns, axis=1)


def _response(section: ResponseSection, rows: Rows, population: _Population) -> SampleDesign:
    """Return a random sample of which some units were seen."""
    group, seen = rows.labels(section.group), rows.answers(section.seen)
    rows.require_sound()
    return ResponseDesign(stratum=population.stratum, population=_sizes(population), group=group, responded=seen)


def _sizes(population: _Population) -> FloatArray:
    """Return the units of each row's stratum."""
    if population.size is None:
        raise SurveyFileError(Problem("[design]", "no number of units", "units, or stratum and strata"))
    return population.size


_METHODS = {"random": _random, "systematic": _placed, "spread": _placed, "unequal": _unequal}
