"""The stages of a draw and their counted form: which unit each row is in, and what fraction was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, raise_all
from geo.errors import Problem

__all__ = ["Level", "Stage", "build_levels"]

NAMED = 5
"""How many strata or units a message names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """One stage of a draw. The population is stated at each stage, or its absence is."""

    unit: npt.ArrayLike
    """Label of the unit each row lies in, shape (n,)."""
    population: npt.ArrayLike | None
    """Units of this stage in the row's stratum (of its parent unit), one number or shape (n,), in the same
    units as are drawn: segments where segments are drawn, never hectares. None: drawn with replacement, or
    the correction is knowingly left out; later stages then add no term (ultimate clusters)."""
    stratum: npt.ArrayLike | None = None
    """Stratum of this stage, shape (n,); None for one stratum in each parent unit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """A stage, counted. Groups are the strata from which units were drawn."""

    name: str
    """Name of the stage in messages."""
    row_unit: IntArray
    """Unit of each row, shape (n,)."""
    group: IntArray
    """Stratum of each unit, shape (units,)."""
    count: IntArray
    """Units drawn from each stratum, shape (groups,)."""
    fraction: FloatArray
    """Sampling fraction of each stratum, shape (groups,); 0 where there is no correction."""
    carry: FloatArray
    """Product of the sampling fractions of the stages before, shape (groups,)."""
    df: int
    """Degrees of freedom this stage brings."""
    finite: bool
    """Whether a population was stated."""
    group_label: npt.NDArray[np.str_]
    """Label of each stratum for messages, shape (groups,)."""

    @property
    def n_units(self) -> int:
        """Units drawn at this stage."""
        return int(self.group.size)

    @property
    def n_groups(self) -> int:
        """Strata of this stage."""
        return int(self.count.size)

    @property
    def is_lonely(self) -> npt.NDArray[np.bool_]:
        """Strata with one unit drawn though they hold more, shape (groups,)."""
        # A stage that adds no term (no sampling fraction before it) needs no policy
        lonely: npt.NDArray[np.bool_] = (self.count == 1) & (self.fraction < 1) & (self.carry > 0)
        return lonely

    @property
    def scale(self) -> FloatArray:
        """Factor of each stratum's sum of squares, shape (groups,): carry (1 - f) n / (n - 1)."""
        n = self.count
        return self.carry * (1 - self.fraction) * np.where(n > 1, n / np.maximum(n - 1, 1), 0.0)

    def unit_sums(self, rows: FloatArray) -> FloatArray:
        """Sum rows into their units, shape (units, k)."""
        columns = [np.bincount(self.row_unit, weights=column, minlength=self.n_units) for column in rows.T]
        return np.stack(columns, axis=1)

    def centred(self, rows: FloatArray) -> FloatArray:
        """Sum rows into units and take away the mean unit of their stratum, shape (units, k)."""
        totals = self.unit_sums(rows)
        sums = [np.bincount(self.group, weights=column, minlength=self.n_groups) for column in totals.T]
        means = np.stack(sums, axis=1) / self.count[:, None]
        return np.asarray(totals - means[self.group])

    def domain_variance(self, weighted: FloatArray, domain: IntArray) -> FloatArray:
        """Estimate this stage's variance of each domain's total, shape (domains,)."""
        n_domains = int(domain.max()) + 1
        # Only (unit, domain) pairs that occur are stored; the units a domain misses are zeros
        pairs, row_pair = np.unique(self.row_unit * n_domains + domain, return_inverse=True)
        totals = np.bincount(row_pair, weights=weighted)
        pair_domain, cell = pairs % n_domains, self.group[pairs // n_domains] * n_domains + pairs % n_domains
        size = self.n_groups * n_domains
        filled = np.bincount(cell, minlength=size).reshape(self.n_groups, n_domains)
        means = np.bincount(cell, weights=totals, minlength=size) / np.repeat(self.count, n_domains)
        squares = self.scale[cell // n_domains] * (totals - means[cell]) ** 2
        empty = (self.count[:, None] - filled) * means.reshape(filled.shape) ** 2
        inside = np.bincount(pair_domain, weights=squares, minlength=n_domains)
        return np.asarray(inside + (self.scale[:, None] * empty).sum(axis=0))

    def lonely_problems(self) -> list[Problem]:
        """Name the strata with one unit, at most five of them."""
        lonely = np.flatnonzero(self.is_lonely)
        if not lonely.size:
            return []
        named = ", ".join(str(label) for label in self.group_label[lonely[:NAMED]])
        return [
            Problem(
                f"{self.name}, {lonely.size} strata ({named})",
                "one unit drawn from each",
                "at least two, for a variance",
                "draw one more, merge it with a like stratum, or name a policy for lone units",
            )
        ]


def build_levels(stages: Sequence[Stage], n: int, *, certainty: bool = False) -> tuple[Level, ...]:
    """Count the stages of a draw, each inside the units of the one before.

    Parameters
    ----------
    stages
        First stage first.
    n
        Sample rows.
    certainty
        Take a stratum's lone unit as self-representing.

    Returns
    -------
    tuple of Level

    Raises
    ------
    InputError
        With every label or population that is wrong, at every stage.
    """
    problems = [problem for number, stage in enumerate(stages, 1) for problem in _problems(stage, number, n)]
    raise_all(problems)
    levels: list[Level] = []
    parent, carry, census = np.zeros(n, dtype=np.int64), np.ones(n), np.ones(n, dtype=bool)
    inside = np.full(n, "all")
    for number, stage in enumerate(stages, 1):
        level = _level(stage, f"stage {number}", inside, parent=parent, carry=carry, census=census)
        row_group = level.group[level.row_unit]
        whole = level.fraction >= 1
        if certainty:
            whole = whole | (level.count == 1)
        # The next stage's variance is carried by f of this one (Sarndal et al. 1992, result 4.3.1)
        carry = carry * np.where(whole, 1.0, level.fraction)[row_group]
        census = census & whole[row_group]
        parent, inside = level.row_unit, np.asarray(stage.unit).astype(str)
        levels.append(level)
    return tuple(levels)


def _level(
    stage: Stage,
    name: str,
    inside: npt.NDArray[np.str_],
    *,
    parent: IntArray,
    carry: FloatArray,
    census: npt.NDArray[np.bool_],
) -> Level:
    """Count one stage inside the units of its parent."""
    n = parent.size
    stratum = parent if stage.stratum is None else _number(parent, stage.stratum)
    row_group = _number(np.zeros(n, dtype=np.int64), stratum)
    row_unit = _number(row_group, stage.unit)
    first_row = np.unique(row_unit, return_index=True)[1]
    group = row_group[first_row]
    head = np.unique(row_group, return_index=True)[1]
    count = np.bincount(group).astype(np.int64)
    label = inside if stage.stratum is None else np.asarray(stage.stratum)
    raise_all(_crossing_problems(name, stage, parent=parent, n_units=group.size))
    fraction = np.zeros(count.size)
    if stage.population is not None:
        population = np.broadcast_to(np.asarray(stage.population, dtype=float), n)
        raise_all(_population_problems(name, population, row_group, count=count, head=head))
        fraction = count / population[head]
    own_df = np.where(census[head] & (fraction < 1), count - 1, 0)
    return Level(
        name=name,
        row_unit=row_unit,
        group=group,
        count=count,
        fraction=fraction,
        carry=carry[head],
        df=int(own_df.sum()),
        finite=stage.population is not None,
        group_label=label[head].astype(str),
    )


def _number(parent: IntArray, labels: npt.ArrayLike) -> IntArray:
    """Give the distinct (parent, label) pairs numbers from zero."""
    codes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    pair = parent * (codes.max() + 1) + codes
    return np.unique(pair, return_inverse=True)[1].astype(np.int64)


def _problems(stage: Stage, number: int, n: int) -> list[Problem]:
    """List what is wrong with the columns of a stage."""
    problems = []
    columns = {"unit": stage.unit, "stratum": stage.stratum}
    for column, labels in columns.items():
        if labels is None:
            continue
        array = np.asarray(labels)
        where = f"stage {number}, {column}"
        if array.shape != (n,):
            problems.append(Problem(where, f"shape {array.shape}", f"a label for each of {n} rows"))
        elif _is_missing(array).any():
            rows = np.flatnonzero(_is_missing(array))
            problems.append(
                Problem(where, f"{rows.size} rows without a label (first {rows[:5].tolist()})", "a label in each")
            )
    if stage.population is not None and np.ndim(stage.population) and np.shape(stage.population) != (n,):
        problems.append(
            Problem(f"stage {number}, population", f"shape {np.shape(stage.population)}", f"one number or {n}")
        )
    return problems


def _crossing_problems(name: str, stage: Stage, *, parent: IntArray, n_units: int) -> list[Problem]:
    """Find a unit whose rows lie in two strata: it would be counted as two independent units."""
    if stage.stratum is None:
        return []
    labelled = int(_number(parent, stage.unit).max()) + 1
    if labelled == n_units:
        return []
    return [
        Problem(
            f"{name}, unit",
            f"{n_units - labelled} units with rows in more than one stratum",
            "each unit in one stratum",
            "give units labels of their own in each stratum (A-1, B-1), or mend the stratum of their rows",
        )
    ]


def _is_missing(labels: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Say which labels are None, NaN or empty."""
    if labels.dtype.kind == "f":
        return np.asarray(np.isnan(labels))
    if labels.dtype.kind in "OU":
        return np.array([label is None or label != label or label == "" for label in labels.tolist()], dtype=bool)
    return np.zeros(labels.shape, dtype=bool)


def _population_problems(
    name: str, population: FloatArray, row_group: IntArray, *, count: IntArray, head: IntArray
) -> list[Problem]:
    """List populations that are no count, differ inside a stratum, or are smaller than their sample."""
    problems = []
    if not (np.isfinite(population) & (population > 0)).all():
        problems.append(Problem(f"{name}, population", "values not positive", "a count of units for each row"))
    elif (population != population[head][row_group]).any():
        problems.append(
            Problem(f"{name}, population", "two values in one stratum", "one count of units for each stratum")
        )
    elif (count > population[head]).any():
        worst = int(np.argmax(count / population[head]))
        problems.append(
            Problem(
                f"{name}, population",
                f"{population[head][worst]:g} for {count[worst]} drawn units",
                "at least as many as were drawn",
                "state the count of units in the frame, not a fraction, and look for duplicated units",
            )
        )
    return problems
