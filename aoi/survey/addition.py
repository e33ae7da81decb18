"""Sums of estimates: like to like only, errors in squares, asymmetric limits recovered part by part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from statistics import NormalDist

from aoi.survey.estimate import Estimate, Quantity
from geo.errors import Problem, QualityGateError

__all__ = [
    "common_quantity",
    "estimate_with_interval",
    "mover_limits",
    "normal_quantile",
    "require_alike",
    "sum_estimates",
]


def normal_quantile(level: float) -> float:
    """Return z with P(|Z| <= z) = `level`.

    Examples
    --------
    >>> normal_quantile(0.95)
    1.959964
    """
    return NormalDist().inv_cdf(0.5 + level / 2)


def require_alike(quantities: Iterable[Quantity | None], *, across: Sequence[str] = ()) -> None:
    """Refuse to go on unless all quantities agree in every field not named in `across`.

    Parameters
    ----------
    quantities : iterable of Quantity or None
        None is a figure whose meaning was never set; it is unlike every other.
    across : sequence of str
        Fields of `Quantity` over which the caller means to add, such as ``source`` in a regional subtotal.

    Raises
    ------
    QualityGateError
        Naming every field that differs and its values.
    """
    seen = list(dict.fromkeys(quantities))
    known = [quantity for quantity in seen if quantity is not None]
    problems = []
    if len(known) < len(seen) and known:
        problems.append(Problem("quantity", "a figure that does not say what it is of", "crop, kind, date, unit"))
    for name in (field.name for field in fields(Quantity)):
        values = sorted({str(getattr(quantity, name)) for quantity in known})
        if len(values) > 1 and name not in across:
            problems.append(Problem(f"quantity.{name}", " and ".join(map(repr, values)), "one and the same"))
    if problems:
        raise QualityGateError(problems)


def common_quantity(quantities: Sequence[Quantity], across: Sequence[str]) -> Quantity:
    """Return the shared quantity of figures that add; a field named in `across` lists the values it held."""
    first = quantities[0]
    mixed = {name: " + ".join(dict.fromkeys(str(getattr(q, name)) for q in quantities)) for name in across}
    return replace(first, **mixed)  # type: ignore[arg-type]


def mover_limits(value: float, below: Sequence[float], above: Sequence[float]) -> tuple[float, float]:
    """Return the limits of a sum of independent figures from the half widths of its parts.

    Parameters
    ----------
    value : float
        The sum.
    below, above : sequence of float
        Distance of each part's lower and upper limit from its value.

    References
    ----------
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702, eq. 2: method of variance estimates recovery.

    Examples
    --------
    >>> mover_limits(10.0, [3.0, 4.0], [6.0, 8.0])
    (5.0, 20.0)
    """
    return value - math.hypot(*below), value + math.hypot(*above)


def estimate_with_interval(
    value: float,
    se: float,
    *,
    n: int,
    method: str,
    level: float = 0.95,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Return an estimate with a normal interval kept inside what is possible.

    Parameters
    ----------
    value, se : float
        Point estimate and standard error, same unit.
    n : int
        Sample units behind the figure.
    method : str
        Estimator; ``; normal`` is appended.
    level : float
        Nominal confidence level.
    within : tuple of float
        Least and largest possible value, such as (0, frame area).

    Raises
    ------
    QualityGateError
        If the value lies outside `within`, or a number is not finite.
    """
    floor, ceiling = within
    if not floor <= value <= ceiling:
        raise QualityGateError(f"{method}: found {value}, which cannot lie outside {floor} to {ceiling}")
    half = normal_quantile(level) * se
    lo, hi = max(value - half, floor), min(value + half, ceiling)
    return Estimate(value=value, se=se, lo=lo, hi=hi, n=n, method=f"{method}; normal", level=level)


def sum_estimates(estimates: Sequence[Estimate], *, across: Sequence[str] = ()) -> Estimate:
    """Return the sum of independent estimates of like quantities.

    The standard errors add in squares; the limits are recovered from the parts' own (asymmetric) limits.

    Parameters
    ----------
    estimates : sequence of Estimate
        Independent: parts of a stratified frame, provinces sampled apart. At least one.
    across : sequence of str
        Fields of `Quantity` that may differ.

    Raises
    ------
    QualityGateError
        If there is nothing to add, or the quantities or levels differ.

    Examples
    --------
    >>> part = Estimate(value=10.0, se=1.5, lo=7.0, hi=16.0, n=30, method="a")
    >>> total = sum_estimates([part, part])
    >>> total.value, total.lo, total.hi
    (20.0, 15.757359, 28.485281)
    """
    if not estimates:
        raise QualityGateError("there is nothing to add; found no estimate")
    require_alike([part.quantity for part in estimates], across=across)
    levels = {part.level for part in estimates}
    if len(levels) > 1:
        raise QualityGateError(f"limits at different levels cannot be combined; found {sorted(levels)}")
    value = math.fsum(part.value for part in estimates)
    lo, hi = mover_limits(
        value, [part.value - part.lo for part in estimates], [part.hi - part.value for part in estimates]
    )
    known = [part.quantity for part in estimates if part.quantity is not None]
    return Estimate(
        value=value,
        se=math.hypot(*(part.se for part in estimates)),
        lo=lo,
        hi=hi,
        n=sum(part.n for part in estimates),
        method="sum of independent estimates; mover",
        level=levels.pop(),
        flags=tuple(dict.fromkeys(flag for part in estimates for flag in part.flags)),
        quantity=common_quantity(known, across) if known else None,
    )
