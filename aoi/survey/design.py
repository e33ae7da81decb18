"""The stratified frame of a survey as a record: strata, units, areas, and what to do with a lone unit.

Validated once, all problems in one error; the estimators below it may then trust every number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from geo.errors import InputError, Problem, QualityGateError

__all__ = ["FloatArray", "IntArray", "Lonely", "StratifiedDesign", "encode", "raise_all"]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

Lonely = Literal["refuse", "certainty", "adjust", "average", "collapse"]
"""Policy for a stratum with one sampled unit that is not a census of the stratum.

``refuse`` stops (the default); ``certainty`` gives it no variance; ``adjust`` takes its weighted value about
zero, never too small (the policy of that name in R's survey package); ``average`` gives it the mean variance
of the other strata; ``collapse`` pools it, for the variance only, with the stratum before it (Cochran 1977,
section 5A.12).
"""

LONELY_POLICIES: tuple[str, ...] = ("refuse", "certainty", "adjust", "average", "collapse")
FRAME_TOLERANCE = 1e-6
"""Relative slack when strata are added up against the frame: areas are sums of many floats."""


def raise_all(inputs: Sequence[Problem], gates: Sequence[Problem] = ()) -> None:
    """Raise one error naming every problem: a broken input outranks a refused design.

    Raises
    ------
    InputError
        If there is any input problem.
    QualityGateError
        If there are only design problems.
    """
    if inputs:
        raise InputError([*inputs, *gates])
    if gates:
        raise QualityGateError(list(gates))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StratifiedDesign:
    """Strata of an area frame: their names, their units and their hectares.

    Raises
    ------
    InputError
        If sizes or areas are missing, not finite or not positive, if names repeat, or lengths differ.
    QualityGateError
        If the strata do not add up to `frame_area_ha`.

    Examples
    --------
    >>> design = StratifiedDesign.of_units(["crop", "rest"], [200_000, 9_800_000], unit_area_ha=0.09)
    >>> design.total_area_ha
    900000.0
    """

    names: tuple[str, ...]
    """Name of each stratum, in code order."""
    sizes: IntArray
    """Units in each stratum, N_h, shape (H,)."""
    areas_ha: FloatArray
    """Area of each stratum in hectares, A_h, shape (H,): the sum of true ellipsoidal cell areas."""
    frame_area_ha: float | None = None
    """Area of the frame the strata must add up to; None when it is not known apart from them."""
    lonely: Lonely = "refuse"
    """What to do with a stratum of one sampled unit."""

    def __post_init__(self) -> None:
        sizes = np.array(self.sizes, dtype=float)
        areas = np.array(self.areas_ha, dtype=float)
        inputs = _table_problems(self.names, sizes, areas, self.lonely)
        gates = [] if inputs else _frame_problems(float(areas.sum()), self.frame_area_ha)
        raise_all(inputs, gates)
        object.__setattr__(self, "names", tuple(str(name) for name in self.names))
        object.__setattr__(self, "sizes", _frozen(np.rint(sizes).astype(np.int64)))
        object.__setattr__(self, "areas_ha", _frozen(areas))

    @classmethod
    def of_units(
        cls,
        names: Sequence[str],
        sizes: npt.ArrayLike,
        *,
        unit_area_ha: float,
        frame_area_ha: float | None = None,
        lonely: Lonely = "refuse",
    ) -> StratifiedDesign:
        """Make a design whose units all have the same area.

        Parameters
        ----------
        names, sizes
            Name and number of units of each stratum.
        unit_area_ha
            Area of one unit in hectares.
        frame_area_ha, lonely
            As in the record.

        Returns
        -------
        StratifiedDesign
            With ``areas_ha = sizes * unit_area_ha``.
        """
        if not (np.isfinite(unit_area_ha) and unit_area_ha > 0):
            raise InputError(Problem("unit area", f"{unit_area_ha} ha", "a positive number of hectares"))
        areas: FloatArray = np.asarray(sizes, dtype=float) * unit_area_ha
        return cls(
            names=tuple(names),
            sizes=np.asarray(sizes),
            areas_ha=areas,
            frame_area_ha=frame_area_ha,
            lonely=lonely,
        )

    @property
    def n_strata(self) -> int:
        """Number of strata, H."""
        return len(self.names)

    @property
    def total_area_ha(self) -> float:
        """Area of all strata together in hectares."""
        return float(self.areas_ha.sum())

    @property
    def shares(self) -> FloatArray:
        """Share of each stratum in the frame's area, W_h, shape (H,)."""
        shares: FloatArray = self.areas_ha / self.areas_ha.sum()
        return shares

    def code_of(self, labels: npt.ArrayLike) -> IntArray:
        """Return the stratum code of each label, refusing labels that are no stratum.

        Raises
        ------
        InputError
            Naming every label that is not in `names`.
        """
        return encode(labels, self.names, where="stratum")

    def sample_counts(self, stratum: npt.ArrayLike) -> IntArray:
        """Count the sampled units of each stratum and refuse a sample this design cannot carry.

        Parameters
        ----------
        stratum
            Stratum code of each sampled unit, shape (n,).

        Returns
        -------
        ndarray
            n_h, shape (H,).

        Raises
        ------
        InputError
            If a code is no stratum or a stratum has more sampled units than units.
        QualityGateError
            If a stratum is not sampled, or has one unit and `lonely` is ``refuse``.
        """
        codes = np.asarray(stratum)
        if codes.size and (codes.min() < 0 or codes.max() >= self.n_strata):
            raise InputError(
                Problem("sample", f"stratum codes {codes.min()}..{codes.max()}", f"0..{self.n_strata - 1}")
            )
        counts = np.bincount(codes, minlength=self.n_strata).astype(np.int64)
        self.check_counts(counts)
        return counts

    def check_counts(self, counts: IntArray) -> None:
        """Refuse sample sizes this design cannot carry; see `sample_counts`."""
        inputs, gates = [], []
        for name, size, count in zip(self.names, self.sizes, counts, strict=True):
            if count > size:
                inputs.append(
                    Problem(
                        f"stratum {name!r}",
                        f"{count} sampled units",
                        f"at most its {size} units",
                        "check for duplicated units, or the stratum's size",
                    )
                )
            elif count == 0:
                gates.append(
                    Problem(
                        f"stratum {name!r}",
                        "no sampled unit",
                        "at least two",
                        "sample it, or merge it with a like stratum in sample and strata alike",
                    )
                )
            elif count == 1 and size > 1 and self.lonely == "refuse":
                gates.append(
                    Problem(
                        f"stratum {name!r}",
                        "one sampled unit",
                        "at least two, for a variance",
                        "sample one more, merge it with a like stratum, or name a policy for lone units ('lonely')",
                    )
                )
        raise_all(inputs, gates)

    def certainty(self, counts: IntArray) -> npt.NDArray[np.bool_]:
        """Return which strata are wholly sampled (n_h = N_h), so that they carry no variance."""
        whole: npt.NDArray[np.bool_] = np.asarray(counts) == self.sizes
        return whole

    def merged(self, into: Mapping[str, str]) -> tuple[StratifiedDesign, IntArray]:
        """Merge strata into others, before the estimate, as a named decision of the user.

        Parameters
        ----------
        into
            Name of a stratum -> name of the stratum that takes it in.

        Returns
        -------
        tuple
            The merged design, and the new code of each old code, shape (H,).

        Examples
        --------
        >>> design = StratifiedDesign.of_units(["a", "b", "c"], [10, 20, 30], unit_area_ha=1.0)
        >>> merged, recode = design.merged({"b": "a"})
        >>> merged.names, merged.sizes.tolist(), recode.tolist()
        (('a', 'c'), [30, 30], [0, 0, 1])
        """
        unknown = [name for pair in into.items() for name in pair if name not in self.names]
        if unknown:
            raise InputError(Problem("strata to merge", ", ".join(map(repr, unknown)), "names of strata"))
        chained = [name for name in into.values() if name in into]
        if chained:
            raise InputError(Problem("strata to merge", f"{chained[0]!r} both merged and merged into", "one"))
        target = [into.get(name, name) for name in self.names]
        names = tuple(name for name in self.names if name in target)
        recode = np.array([names.index(name) for name in target], dtype=np.int64)
        merged = StratifiedDesign(
            names=names,
            sizes=np.bincount(recode, weights=self.sizes, minlength=len(names)).astype(np.int64),
            areas_ha=np.bincount(recode, weights=self.areas_ha, minlength=len(names)).astype(float),
            frame_area_ha=self.frame_area_ha,
            lonely=self.lonely,
        )
        return merged, recode


def encode(labels: npt.ArrayLike, legend: Sequence[str], *, where: str) -> IntArray:
    """Turn labels into codes of a legend, refusing every label outside it.

    Parameters
    ----------
    labels
        Labels, shape (n,).
    legend
        The labels allowed, in code order.
    where
        Name of the column, for the message.

    Returns
    -------
    ndarray of int64
        Code of each label.

    Raises
    ------
    InputError
        Naming the labels that are not in the legend.

    Examples
    --------
    >>> encode(["b", "a"], ["a", "b"], where="map").tolist()
    [1, 0]
    """
    values, inverse = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    position = {name: code for code, name in enumerate(legend)}
    strangers = [str(value) for value in values if value not in position]
    if strangers:
        raise InputError(
            Problem(
                f"column {where!r}",
                "label " + ", ".join(map(repr, strangers[:5])),
                "one of " + ", ".join(map(repr, legend)),
                "mend the label, or add it to the legend",
            )
        )
    codes: IntArray = np.array([position[str(value)] for value in values], dtype=np.int64)[inverse]
    return codes


def _frozen(array: Any) -> Any:
    """Return the array closed to writing, so that a design cannot change under an estimate."""
    array.setflags(write=False)
    return array


def _table_problems(names: Sequence[str], sizes: FloatArray, areas: FloatArray, lonely: str) -> list[Problem]:
    """List what is wrong with the columns of a stratum table."""
    if not names or not (len(names) == sizes.size == areas.size):
        found = f"{len(names)} names, {sizes.size} sizes, {areas.size} areas"
        return [Problem("strata", found, "one name, size and area for each stratum, and at least one stratum")]
    problems = [
        Problem(f"stratum {name!r}", f"size {size:g}", "a whole number of units, 1 or more", "drop or mend it")
        for name, size in zip(names, sizes, strict=True)
        if not (np.isfinite(size) and size >= 1 and abs(size - round(size)) < 1e-9 * max(size, 1))
    ]
    problems += [
        Problem(f"stratum {name!r}", f"area {area:g} ha", "a positive number of hectares")
        for name, area in zip(names, areas, strict=True)
        if not (np.isfinite(area) and area > 0)
    ]
    repeated = sorted({str(name) for name in names if list(names).count(name) > 1})
    problems += [Problem("strata", f"stratum {name!r} twice", "each stratum once") for name in repeated]
    if lonely not in LONELY_POLICIES:
        problems.append(Problem("policy for lone units", repr(lonely), "one of " + ", ".join(LONELY_POLICIES)))
    return problems


def _frame_problems(total_ha: float, frame_ha: float | None) -> list[Problem]:
    """List the problem of strata that do not add up to the frame, if any."""
    if frame_ha is None or abs(total_ha - frame_ha) <= FRAME_TOLERANCE * max(abs(frame_ha), 1.0):
        return []
    return [
        Problem(
            "strata",
            f"{total_ha:,.6g} ha in all",
            f"the frame's {frame_ha:,.6g} ha",
            "count the strata on the same grid and boundary as the frame",
        )
    ]
