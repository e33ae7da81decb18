"""Draws from a frame table by a declared design: sizes, allocation, inclusion probabilities, units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aoi.survey import allocation
from aoi.survey.design import StratifiedDesign
from aoi.survey.inclusion import multivariate_inclusion, proportional_inclusion, raised_to_whole
from aoi.survey.joint_inclusion import UnequalMethod, joint_inclusion
from aoi.survey.selection import draw_simple, draw_systematic
from aoi.survey.spatial_balance import draw_local_pivotal, draw_tessellation
from aoi.survey.unequal_draw import draw_unequal
from geo.errors import InputError, Problem, QualityGateError, SurveyFileError
from monitor.tabular.declaration import DesignFile, DesignSection, DrawSection
from monitor.tabular.rows import FloatArray, Rows
from monitor.tabular.strata import StrataTable, read_strata

__all__ = ["Draw", "draw_units"]

IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.str_]

PAIRWISE: tuple[str, ...] = ("sampford", "conditional-poisson", "tille", "midzuno")
"""Draws whose pairs all have a positive joint probability."""
MOST_CELLS = 50_000_000
"""Units times sample size, the cells of the tables behind a draw with joint probabilities."""
LEAST_SHARE = 0.002
"""Expected share that no stratum is trusted to be below, when units are shared out by deviations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """A drawn sample and what is needed to estimate from it."""

    sample: pd.DataFrame
    """The frame's columns for each unit drawn, with ``inclusion`` and ``weight``."""
    strata: pd.DataFrame | None
    """Strata with their units."""
    joint: pd.DataFrame | None
    """Joint inclusion probabilities of the units drawn."""
    facts: dict[str, Any]
    """Method, seed, size and allocation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frame:
    """The units that can be drawn, in the order the draw works in."""

    rows: Rows
    """The frame's table."""
    names: TextArray
    """Name of each unit, shape (N,)."""
    order: IntArray
    """Rows of the table in the order of the draw, shape (N,)."""
    stratum: TextArray
    """Stratum of each unit, in the table's order, shape (N,)."""
    design: StratifiedDesign
    """The strata; one stratum ``all`` where there are none."""
    table: StrataTable | None
    """The strata table."""

    def members(self, code: int) -> IntArray:
        """Return the rows of a stratum in the order of the draw."""
        return np.asarray(self.order[self.stratum[self.order] == self.design.names[code]])


def draw_units(file: DesignFile, rows: Rows) -> Draw:
    """Draw the declared sample from a frame.

    Parameters
    ----------
    file
        The design file, with ``[design]`` and ``[sample]``.
    rows
        The frame: one row for each first-stage unit.

    Raises
    ------
    SurveyFileError
        If the design file says too little to draw by.
    InputError
        Naming every cell at fault; strata or units that are not those of the frame.
    QualityGateError
        If sizes have no floor, or floors need more units than are drawn.
    """
    section, wanted = file.design, file.sample
    if section is None or wanted is None:
        expected = "[design] and [sample]; draw each province by a design file of its own"
        raise SurveyFileError(
            Problem("design file", "no [sample]" if section else "no [design]", expected, "add it")
        )
    frame = _frame(file, section, rows)
    rng = np.random.default_rng([file.seed, 0])
    if section.method == "unequal" or wanted.size_column:
        return _unequal(file, section, wanted, frame, rng)
    counts = _allocation(file, wanted, frame)
    parts, inclusion = [], np.zeros(len(rows))
    for code, (n, child) in enumerate(zip(counts.tolist(), rng.spawn(counts.size), strict=True)):
        members = frame.members(code)
        parts.append(members[_positions(section, frame, members, n, child)])
        inclusion[members] = n / members.size
    return _drawn(file, section, wanted, frame, np.concatenate(parts), inclusion, counts, rng)


def _frame(file: DesignFile, section: DesignSection, rows: Rows) -> _Frame:
    """Read the frame's units and strata."""
    names = rows.labels(section.unit)
    rows.require_unique(names, section.unit)
    stratum = np.full(len(rows), "all") if section.stratum is None else rows.labels(section.stratum)
    by_order = section.method == "systematic" or section.draw == "pps-systematic"
    if section.order is not None:
        rows.require_unique(rows.labels(section.order), section.order)
        place = rows.numbers(section.order)
    rows.require_sound()
    if section.order is not None:
        order = np.argsort(place, kind="stable")
    else:
        # The order of rows decides systematic draws only
        order = np.arange(len(rows)) if by_order else np.argsort(names, kind="stable")
    table = None
    if section.strata is not None and section.strata.is_file():
        table = read_strata(section.strata, frame_ha=file.frame_ha, units=section.units)
        design = table.design
    else:
        found = np.unique(stratum, return_counts=True)
        design = StratifiedDesign(
            names=tuple(found[0].tolist()),
            sizes=found[1].astype(np.int64),
            areas_ha=file.frame_ha * found[1] / found[1].sum(),
            lonely="certainty",
        )
    _require_same(section, rows, stratum, design)
    return _Frame(rows=rows, names=names, order=order.astype(np.int64), stratum=stratum, design=design, table=table)


def _require_same(section: DesignSection, rows: Rows, stratum: TextArray, design: StratifiedDesign) -> None:
    """Refuse a frame whose units are not those that the design file and the strata table count."""
    if section.units is not None and section.units != len(rows):
        found, expected = f"{len(rows):,} rows", f"the {section.units:,} units of the design file"
        raise QualityGateError(Problem(rows.name, found, expected, "count both in one frame"))
    codes = design.code_of(stratum)
    counted = np.bincount(codes, minlength=design.n_strata)
    problems = [
        Problem(f"{rows.name}, stratum {name!r}", f"{there:,} rows", f"{size:,}, as the strata table says")
        for name, there, size in zip(design.names, counted.tolist(), design.sizes.tolist(), strict=True)
        if there != size
    ]
    if problems:
        raise QualityGateError(problems)


def _allocation(file: DesignFile, wanted: DrawSection, frame: _Frame) -> IntArray:
    """Return the units to draw from each stratum."""
    design, sizes = frame.design, frame.design.sizes
    shares = _expected(wanted, frame)
    n = _size(file, wanted, design, shares)
    if wanted.allocation == "power":
        return allocation.power(n, sizes, exponent=wanted.exponent, floor=wanted.floor)
    if wanted.allocation == "proportional":
        return allocation.proportional(n, sizes, floor=wanted.floor)
    if shares is None:
        found = f"{wanted.allocation} and no expected shares"
        expected = "columns of the strata table in expected"
        raise SurveyFileError(Problem("[sample] allocation", found, expected, "add them, or use proportional"))
    if wanted.allocation == "rare-class-safe":
        return allocation.rare_class_safe(n, sizes, shares.max(axis=1), floor=wanted.floor)
    held = np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE)
    deviation = np.sqrt(held * (1 - held))
    return allocation.neyman(n, sizes, deviation.max(axis=1), floor=wanted.floor)


def _expected(wanted: DrawSection, frame: _Frame) -> FloatArray | None:
    """Return the expected shares of crop by stratum, shape (H, K); None where none are named."""
    if not wanted.expected:
        return None
    if frame.table is None:
        found = "expected without a strata table"
        raise SurveyFileError(Problem("[sample] expected", found, "strata, a CSV with these columns", "add it"))
    return np.stack([frame.table.expected(name) for name in wanted.expected], axis=1)


def _size(file: DesignFile, wanted: DrawSection, design: StratifiedDesign, shares: FloatArray | None) -> int:
    """Return the units to draw in all: as given, or as the wanted margins need."""
    if wanted.size is not None:
        if wanted.size > design.sizes.sum():
            found = f"{wanted.size:,} units"
            raise InputError(Problem("[sample] size", found, f"at most the frame's {design.sizes.sum():,} units"))
        return wanted.size
    if not wanted.margin_ha or shares is None or len(wanted.margin_ha) != shares.shape[1]:
        found = f"no size, {len(wanted.margin_ha)} margins and {len(wanted.expected)} expected columns"
        expected = "size, or margin_ha with one column of expected for each"
        raise SurveyFileError(Problem("[sample]", found, expected, "add one of them"))
    needed = allocation.sample_size_for_margin(design, shares, wanted.margin_ha, level=file.level)
    floors = int(np.minimum(design.sizes, wanted.floor).sum())
    return min(max(needed, floors), int(design.sizes.sum()))


def _positions(
    section: DesignSection, frame: _Frame, members: IntArray, n: int, rng: np.random.Generator
) -> IntArray:
    """Draw n of a stratum's members; positions among them."""
    if section.method == "random":
        return draw_simple(members.size, n, rng)
    if section.method == "systematic":
        return draw_systematic(members.size, n, rng)
    return _spread(section, frame, members, np.full(members.size, n / members.size), rng)


def _spread(
    section: DesignSection, frame: _Frame, members: IntArray, inclusion: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Draw a sample spread over the map."""
    xy = np.stack([frame.rows.numbers(section.x), frame.rows.numbers(section.y)], axis=1)
    frame.rows.require_sound()
    draw = draw_local_pivotal if section.draw == "local-pivotal" else draw_tessellation
    return draw(xy[members], inclusion, rng=rng)


def _unequal(
    file: DesignFile, section: DesignSection, wanted: DrawSection, frame: _Frame, rng: np.random.Generator
) -> Draw:
    """Draw with probabilities that follow one size or several."""
    if section.method not in ("unequal", "spread") or not wanted.size_column:
        found = f"method {section.method} and {len(wanted.size_column)} size columns"
        raise SurveyFileError(Problem("[sample] size_column", found, "one or more, with method unequal or spread"))
    sizes = np.stack([frame.rows.numbers(name, least=0.0) for name in wanted.size_column], axis=1)
    frame.rows.require_sound()
    several = len(wanted.size_column) > 1
    method = section.draw or "sampford"
    if several and (len(wanted.sizes) != sizes.shape[1] or frame.design.n_strata > 1):
        found = f"{frame.design.n_strata} strata, {len(wanted.sizes)} sizes for {sizes.shape[1]} size columns"
        raise SurveyFileError(Problem("[sample] sizes", found, "no strata, and sizes, one for each column"))
    counts = None if several else _allocation(file, wanted, frame)
    inclusion, parts, blocks = np.zeros(len(frame.rows)), [], []
    for code, child in enumerate(rng.spawn(frame.design.n_strata)):
        members = frame.members(code)
        if counts is None:
            pi = multivariate_inclusion(sizes[members], wanted.sizes, size_floor=wanted.size_floor)
            pi = pi if method == "poisson" else raised_to_whole(pi)
        else:
            pi = proportional_inclusion(sizes[members, 0], int(counts[code]), size_floor=wanted.size_floor)
        inclusion[members] = pi
        if method in PAIRWISE and section.method != "spread":
            _require_room(method, members.size, round(float(pi.sum())))
        if section.method == "spread":
            at = _spread(section, frame, members, pi, child)
        else:
            kind: UnequalMethod = "systematic" if method == "pps-systematic" else method  # type: ignore[assignment]
            at = draw_unequal(pi, kind, rng=child)
            if method in PAIRWISE:
                blocks.append((members[at], joint_inclusion(pi, kind, units=at)))
        parts.append(members[at])
    taken = np.concatenate(parts)
    if counts is None:
        counts = np.bincount(frame.design.code_of(frame.stratum[taken]), minlength=frame.design.n_strata)
    spread = section.method == "spread"
    facts: dict[str, Any] = {"draw": section.draw or "tessellation" if spread else method}
    if method == "poisson" and not spread:
        facts["expected_size"] = float(inclusion.sum())
    drawn = _drawn(file, section, wanted, frame, taken, inclusion, counts.astype(np.int64), rng, facts)
    joint = _joint_table(section, frame, blocks, inclusion) if blocks else None
    return Draw(sample=drawn.sample, strata=drawn.strata, joint=joint, facts=drawn.facts)


def _require_room(method: str, size: int, n: int) -> None:
    """Refuse draws whose tables of every unit by every size would not fit in memory."""
    if size * n > MOST_CELLS:
        found = f"{method}, {n:,} of {size:,} units"
        expected = f"units times sample of at most {MOST_CELLS:,}"
        remedy = 'use draw = "pps-systematic" with variance = "brewer", or strata'
        raise SurveyFileError(Problem("[design] draw", found, expected, remedy))


def _joint_table(
    section: DesignSection, frame: _Frame, blocks: list[tuple[IntArray, FloatArray]], inclusion: FloatArray
) -> pd.DataFrame:
    """Return the joint probabilities of the drawn units; those of two strata are independent."""
    at = np.concatenate([rows for rows, _ in blocks])
    joint = np.outer(inclusion[at], inclusion[at])
    start = 0
    for rows, pairs in blocks:
        joint[start : start + rows.size, start : start + rows.size] = pairs
        start += rows.size
    names = frame.names[at]
    table = pd.DataFrame(joint, columns=names)
    table.insert(0, section.unit, names)
    return table


def _drawn(
    file: DesignFile,
    section: DesignSection,
    wanted: DrawSection,
    frame: _Frame,
    taken: IntArray,
    inclusion: FloatArray,
    counts: IntArray,
    rng: np.random.Generator,
    further: dict[str, Any] | None = None,
) -> Draw:
    """Describe the units drawn, by strata and in the frame's order, with what is drawn inside them."""
    codes = frame.design.code_of(frame.stratum[taken])
    taken = taken[np.lexsort((taken, codes))]
    sample = frame.rows.table.iloc[taken].reset_index(drop=True)
    sample = sample.drop(columns=[name for name in ("inclusion", "weight") if name in sample])
    sample["inclusion"], sample["weight"] = inclusion[taken], 1 / inclusion[taken]
    if section.second_stage is not None:
        sample = _inside(section, wanted, sample, rng)
    strata = None
    if section.stratum is not None:
        strata = pd.DataFrame({"stratum": frame.design.names, "size": frame.design.sizes})
    facts = {
        "method": section.method,
        "seed": file.seed,
        "n": int(taken.size),
        "frame_units": len(frame.rows),
        "allocation": dict(zip(frame.design.names, counts.tolist(), strict=True)),
        **(further or {}),
    }
    return Draw(sample=sample, strata=strata, joint=None, facts=facts)


def _inside(
    section: DesignSection, wanted: DrawSection, sample: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw second-stage units by number, 1 to the units inside each first-stage unit."""
    stage = section.second_stage
    assert stage is not None  # asked for only then
    if wanted.within is None:
        found = "a second stage and no number to draw"
        raise SurveyFileError(Problem("[sample] within", found, "units drawn inside each unit", "add it"))
    inside = Rows(table=sample, name="frame")
    whole = (
        inside.numbers(stage.units, least=2.0)
        if isinstance(stage.units, str)
        else np.full(len(sample), stage.units)
    )
    inside.require_sound()
    few = np.flatnonzero(whole < wanted.within)
    if few.size:
        found = f"{wanted.within} units inside {sample[section.unit].iloc[few[0]]!r}, which has {whole[few[0]]:g}"
        raise InputError(Problem("[sample] within", found, "no more than every unit has"))
    numbers = [
        draw_simple(int(size), wanted.within, child) + 1
        for size, child in zip(whole, rng.spawn(len(sample)), strict=True)
    ]
    repeated = sample.loc[np.repeat(sample.index, wanted.within)].reset_index(drop=True)
    repeated[stage.unit] = np.concatenate(numbers)
    factor = np.repeat(whole / wanted.within, wanted.within)
    repeated["inclusion"] /= factor
    repeated["weight"] *= factor
    return repeated
