"""Published figures: best, low and high kept apart, empty cells told apart, unlike never added.

A `Figure` is one cell of a published table, ours or somebody else's. An `Estimate` is what our own estimators
make; it becomes a `Figure` when it is printed beside others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aoi.survey.addition import common_quantity, mover_limits, normal_quantile, require_alike
from aoi.survey.estimate import CellState, Estimate, Quantity
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "CARRIED_FORWARD",
    "INCOMPLETE",
    "SYMBOLS",
    "Figure",
    "carry_forward",
    "figure_of",
    "read_cell",
    "subtotal",
]

CARRIED_FORWARD = "CARRIED_FORWARD"
"""Flag of a figure that is the last known one, not one of its own year, or that holds such a figure."""

INCOMPLETE = "INCOMPLETE"
"""Flag of a total from which empty cells were left out by name."""

SYMBOLS: Mapping[str, CellState] = {
    "": CellState.MISSING,
    "..": CellState.MISSING,
    "--": CellState.MISSING,
    "n/a": CellState.MISSING,
    "not known": CellState.MISSING,
    "not surveyed": CellState.NOT_SURVEYED,
    "suppressed": CellState.SUPPRESSED,
    "-": CellState.ZERO,
}
"""Symbols of the World Drug Report tables and of the annual report questionnaire."""

_SEPARATOR = "[, \u00a0\u202f]"
_NUMBER = re.compile(rf"\d+(\.\d+)?|\d{{1,3}}({_SEPARATOR}\d{{3}})+(\.\d+)?")
"""A decimal comma fails here rather than turn 12,5 into 125."""

_NUMBERED = (CellState.ESTIMATED, CellState.ZERO)
_FILLABLE = (CellState.MISSING, CellState.NOT_SURVEYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One cell of a published table.

    Raises
    ------
    InputError
        If an estimated cell has no best figure, an empty cell has one, or low <= best <= high fails.

    Examples
    --------
    >>> poppy = Quantity(crop="opium_poppy", kind="harvestable", reference="2014")
    >>> Figure(domain="MM", quantity=poppy, best=57_600, low=41_400, high=87_300).half_widths
    (16200, 29700)
    """

    domain: str
    """Code of the place."""
    quantity: Quantity
    """What the figure is of."""
    state: CellState = CellState.ESTIMATED
    """Whether there is a figure and, if not, why not."""
    best: float | None = None
    """Best estimate; None in an empty cell."""
    low: float | None = None
    """Lower limit as published."""
    high: float | None = None
    """Upper limit as published; not the mirror of `low`."""
    level: float | None = None
    """Confidence level of the limits; None where the publication does not say."""
    published: str = ""
    """Day of publication (ISO)."""
    carried_from: str = ""
    """Reference of the figure that stands in for this one; empty when it is its own."""
    flags: tuple[str, ...] = ()
    """Warnings that travel with the figure."""

    def __post_init__(self) -> None:
        where = f"figure {self.domain} {self.quantity.crop} {self.quantity.reference}"
        if self.state is CellState.ESTIMATED and (self.best is None or not math.isfinite(self.best)):
            raise InputError(Problem(where, f"best {self.best}", "a number", "or give the cell its state"))
        if self.state not in _NUMBERED and self.best is not None:
            raise InputError(Problem(where, f"{self.best} in a cell that is {self.state.value}", "no number"))
        if self.state is CellState.ZERO and self.best:
            raise InputError(Problem(where, f"{self.best} in a cell that is zero", "0"))
        limits = [x for x in (self.low, self.best, self.high) if x is not None]
        if limits != sorted(limits):
            raise InputError(Problem(where, f"low, best, high = {limits}", "them in this order"))

    @property
    def value(self) -> float:
        """The number to compute with; raises `QualityGateError` for a cell that holds none."""
        if self.state is CellState.ZERO:
            return 0.0
        if self.best is None:
            raise QualityGateError(f"{self.domain} {self.quantity.reference}: {self.state.value} is not a number")
        return self.best

    @property
    def half_widths(self) -> tuple[float, float]:
        """Distances from best to low and to high; raises `QualityGateError` where a limit is missing."""
        if self.state is CellState.ZERO and self.low is None and self.high is None:
            return 0.0, 0.0
        if self.low is None or self.high is None:
            raise QualityGateError(f"{self.domain} {self.quantity.reference}: published without limits")
        return self.value - self.low, self.high - self.value

    def standard_error(self, level: float | None = None) -> float:
        """Return (high - low) / 2z, taking the limits to be at `level` where the publication is silent.

        Raises
        ------
        QualityGateError
            If neither the figure nor the caller names a level, or a limit is missing.
        """
        known = self.level if self.level is not None else level
        if known is None:
            raise QualityGateError(f"{self.domain} {self.quantity.reference}: the limits have no stated level")
        return sum(self.half_widths) / (2 * normal_quantile(known))


def read_cell(text: str | None, symbols: Mapping[str, CellState] = SYMBOLS) -> tuple[CellState, float | None]:
    """Return the state and the number of a table cell as printed.

    Parameters
    ----------
    text : str or None
        None for a field that is absent from its record: missing, never zero. ``<100`` is below a threshold.
        Commas and spaces separate thousands, in threes; a decimal comma is refused, never read as thousands.
    symbols : mapping of str to CellState
        What the table's signs mean; lower case.

    Raises
    ------
    InputError
        If the text is neither a number nor one of the symbols.

    Examples
    --------
    >>> [read_cell(cell)[0].value for cell in (None, "..", "0.0", "<100", "1,230")]
    ['missing', 'missing', 'zero', 'below_threshold', 'estimated']
    """
    plain = "" if text is None else text.strip().lower()
    if plain in symbols:
        state = symbols[plain]
        return state, 0.0 if state is CellState.ZERO else None
    if plain.startswith("<"):
        return CellState.BELOW_THRESHOLD, None
    if not _NUMBER.fullmatch(plain):
        raise InputError(Problem("table cell", repr(text), f"a number like 1,230.5 or one of {sorted(symbols)}"))
    number = float(re.sub(_SEPARATOR, "", plain))
    return (CellState.ESTIMATED, number) if number else (CellState.ZERO, 0.0)


def figure_of(estimate: Estimate, domain: str, *, published: str = "") -> Figure:
    """Return the table cell that prints `estimate`.

    Raises
    ------
    QualityGateError
        If the estimate does not say what it is of.
    """
    if estimate.quantity is None:
        raise QualityGateError(f"{domain}: an estimate without its quantity cannot be published")
    return Figure(
        domain=domain,
        quantity=estimate.quantity,
        best=estimate.value,
        low=estimate.lo,
        high=estimate.hi,
        level=estimate.level,
        published=published,
        flags=estimate.flags,
    )


def carry_forward(figure: Figure, history: Iterable[Figure], *, oldest: str) -> Figure:
    """Fill a missing cell with the last known figure of the same place, and say so.

    Parameters
    ----------
    figure : Figure
        A cell that is missing or not surveyed. A suppressed cell or one below a threshold is never filled.
    history : iterable of Figure
        Figures of any place; those of this place, alike in all but reference and vintage, count.
    oldest : str
        Earliest reference that may still stand in.

    Returns
    -------
    Figure
        With `carried_from` set and the flag `CARRIED_FORWARD`; `figure` itself where nothing can stand in.
    """
    if figure.state not in _FILLABLE:
        return figure
    wanted = replace(figure.quantity, reference="", vintage="")
    known = [
        past
        for past in history
        if past.domain == figure.domain
        and past.state in _NUMBERED
        and not past.carried_from
        and replace(past.quantity, reference="", vintage="") == wanted
        and oldest <= past.quantity.reference < figure.quantity.reference
    ]
    if not known:
        return figure
    last = max(known, key=lambda past: (past.quantity.reference, past.published))
    return replace(
        last,
        quantity=figure.quantity,
        carried_from=last.quantity.reference,
        flags=(*last.flags, CARRIED_FORWARD),
    )


def subtotal(
    figures: Sequence[Figure],
    domain: str,
    *,
    empty: Literal["refuse", "omit"] = "refuse",
    across: Sequence[str] = (),
) -> Figure:
    """Return the sum of the best figures of a table's cells, with limits where every part has them.

    Parameters
    ----------
    figures : sequence of Figure
        The cells to add, independent of one another.
    domain : str
        Name of the total.
    empty : {"refuse", "omit"}
        What to do with a cell that holds no number: stop, or leave it out and flag the total `INCOMPLETE`.
    across : sequence of str
        Fields of `Quantity` that may differ, such as ``("source", "frame")`` for a subtotal of countries.

    Raises
    ------
    QualityGateError
        If quantities differ, a cell is empty under ``refuse``, or nothing is left.
    """
    require_alike([figure.quantity for figure in figures], across=across)
    held = [figure for figure in figures if figure.state in _NUMBERED]
    lost = [figure for figure in figures if figure.state not in _NUMBERED]
    if lost and (empty == "refuse" or not held):
        raise QualityGateError(
            Problem(f"total {domain}, cell {one.domain}", one.state.value, "a number", "carry forward or omit")
            for one in lost
        )
    if not held:
        raise QualityGateError(f"total {domain}: found no cell to add")
    flags = list(dict.fromkeys(flag for figure in held for flag in figure.flags))
    best = math.fsum(figure.value for figure in held)
    low, high, level = _limits_of_total(best, held)
    return Figure(
        domain=domain,
        quantity=common_quantity([figure.quantity for figure in held], across),
        best=best,
        low=low,
        high=high,
        level=level,
        published=max(figure.published for figure in held),
        flags=tuple([*flags, INCOMPLETE] if lost else flags),
    )


def _limits_of_total(best: float, held: Sequence[Figure]) -> tuple[float | None, float | None, float | None]:
    levels = {figure.level for figure in held if figure.state is CellState.ESTIMATED}
    try:
        widths = [figure.half_widths for figure in held]
    except QualityGateError:
        return None, None, None
    if len(levels) > 1:
        return None, None, None
    low, high = mover_limits(best, [width[0] for width in widths], [width[1] for width in widths])
    return low, high, levels.pop() if levels else None
