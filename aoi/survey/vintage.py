"""Vintages of published figures: what was known on a day, what was revised since, and no spliced series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

from aoi.survey.estimate import Quantity
from aoi.survey.figure import Figure
from geo.errors import Problem, QualityGateError

__all__ = ["Revision", "as_published_on", "require_one_series", "revisions"]

_Key = tuple[str, Quantity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of a figure that had already been published."""

    domain: str
    """Code of the place."""
    earlier: Figure
    """The figure as first known."""
    later: Figure
    """The figure that took its place."""

    @property
    def percent(self) -> float:
        """Change in per cent of the earlier figure; infinite where that was zero."""
        if self.earlier.value == 0:
            return float("inf")
        return 100 * (self.later.value - self.earlier.value) / self.earlier.value


def _key(figure: Figure) -> _Key:
    """Return what makes two figures vintages of one another: all of the quantity but the vintage."""
    return figure.domain, replace(figure.quantity, vintage="")


def _by_key(figures: Iterable[Figure]) -> dict[_Key, list[Figure]]:
    groups: dict[_Key, list[Figure]] = {}
    for figure in sorted(figures, key=lambda one: one.published):
        groups.setdefault(_key(figure), []).append(figure)
    return groups


def as_published_on(figures: Iterable[Figure], day: str) -> tuple[Figure, ...]:
    """Return the figures a reader had on `day`: for each, the last one published by then.

    Parameters
    ----------
    figures : iterable of Figure
        All vintages; each must carry its day of publication.
    day : str
        ISO day; a figure published on that day counts.

    Raises
    ------
    QualityGateError
        If a figure has no day of publication.
    """
    known = list(figures)
    undated = [
        Problem(f"figure {one.domain} {one.quantity.reference}", "no day of publication", "an ISO day")
        for one in known
        if not one.published
    ]
    if undated:
        raise QualityGateError(undated)
    groups = _by_key(one for one in known if one.published <= day)
    return tuple(group[-1] for group in groups.values())


def revisions(figures: Iterable[Figure]) -> tuple[Revision, ...]:
    """Return every change between successive vintages of the same figure, oldest first."""
    return tuple(
        Revision(domain=later.domain, earlier=earlier, later=later)
        for group in _by_key(figures).values()
        for earlier, later in pairwise(group)
        if (earlier.state, earlier.best) != (later.state, later.best)
    )


def require_one_series(figures: Sequence[Figure]) -> None:
    """Refuse a series spliced from different sources, frames, crops, kinds or units.

    Raises
    ------
    QualityGateError
        Naming each field that changes and from which reference on.
    """
    ordered = sorted(figures, key=lambda one: one.quantity.reference)
    problems = []
    for name in (field.name for field in fields(Quantity)):
        if name in ("reference", "vintage"):
            continue
        for before, after in pairwise(ordered):
            old, new = getattr(before.quantity, name), getattr(after.quantity, name)
            if old != new:
                where = f"series {after.domain} {after.quantity.reference} {name}"
                problems.append(Problem(where, repr(new), repr(old), "show the two series side by side"))
    if problems:
        raise QualityGateError(problems)
