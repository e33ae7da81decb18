"""Arithmetic written as text, read without running it: numbers, names, ``+ - * / **`` and brackets.

A formula is data of a file that a user may replace. Nothing but the operations named here can come of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import Problem, SurveyFileError

__all__ = ["Formula", "read_formula"]

Plane = NDArray[np.float32]
Value = Plane | float

LONGEST = 500
"""Characters of the longest formula that is read."""
_LARGEST = 1e9
_DEEPEST = 40  # brackets within brackets; far below what would exhaust the stack


def _divided(above: Value, below: Value) -> Value:
    """Divide, with NaN where the divisor is 0."""
    zero = np.equal(below, 0)
    safe = np.where(zero, np.float32(1), below)
    return np.where(zero, np.float32(np.nan), above / safe)


def _power(base: Value, exponent: Value) -> Value:
    """Raise to a power, with NaN where that has no real value."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.asarray(np.power(base, exponent))


_TWO: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.Div: _divided,
    ast.Pow: _power,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read."""

    text: str
    """As it was written."""
    names: tuple[str, ...]
    """Names it takes, in order of appearance."""
    _tree: ast.expr

    def value(self, planes: Mapping[str, Plane]) -> Plane:
        """Return the value of every cell; NaN where it is not defined.

        Parameters
        ----------
        planes
            Name to values, any equal shapes.
        """
        found = np.asarray(_value(self._tree, planes), dtype=np.float32)
        return np.where(np.isfinite(found), found, np.float32(np.nan))

    @property
    def normalised_difference(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Names of both sums of ``(A - B) / (A + B)``, each a sum of names; None for another form.

        Examples
        --------
        >>> read_formula("((S1 + R) - (N + B)) / ((S1 + R) + (N + B))", where="BI").normalised_difference
        (('S1', 'R'), ('N', 'B'))
        """
        match self._tree:
            case ast.BinOp(ast.BinOp(one, ast.Sub(), other), ast.Div(), ast.BinOp(first, ast.Add(), second)) if (
                ast.dump(one) == ast.dump(first) and ast.dump(other) == ast.dump(second)
            ):
                sums = _summed(one), _summed(other)
                return (sums[0], sums[1]) if sums[0] and sums[1] else None
        return None


def _summed(node: ast.expr) -> tuple[str, ...]:
    """Return the names of a sum of names from left to right; none for anything else."""
    match node:
        case ast.Name(name):
            return (name,)
        case ast.BinOp(left, ast.Add(), ast.Name(name)):
            before = _summed(left)
            return (*before, name) if before else ()
    return ()


def read_formula(text: str, *, where: str) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text
        Such as ``2.5 * (N - R) / (N + 2.4 * R + 1)``.
    where
        Its place, for messages.

    Raises
    ------
    SurveyFileError
        If it is no arithmetic of numbers and names.

    Examples
    --------
    >>> formula = read_formula("(N - R) / (N + R)", where="NDVI")
    >>> formula.names, formula.value({"N": np.float32([0.5]), "R": np.float32([0.25])}).round(4).tolist()
    (('N', 'R'), [0.333299994468689])
    """
    try:
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} characters")
        tree = ast.parse(text.strip(), mode="eval").body
        names: dict[str, None] = {}
        _check(tree, names, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found = f"{text[:60]!r} ({error.msg if isinstance(error, SyntaxError) else error})"
        expected = "numbers and band letters with + - * / ** and brackets"
        raise SurveyFileError(Problem(where, found, expected, "correct the formula")) from None
    return Formula(text, tuple(names), tree)


def _check(node: ast.expr, names: dict[str, None], depth: int) -> None:
    """Refuse anything but arithmetic, and collect the names."""
    if depth > _DEEPEST:
        raise ValueError("too many brackets within brackets")
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _TWO:
            if isinstance(operator, ast.Pow) and not _is_number(right):
                raise ValueError("a power that is not a number")
            _check(left, names, depth + 1)
            _check(right, names, depth + 1)
        case ast.UnaryOp(ast.USub(), operand):
            _check(operand, names, depth + 1)
        case ast.Name(name):
            names.setdefault(name)
        case ast.Constant(value) if _is_plain(value):
            pass
        case _:
            raise ValueError(f"{type(node).__name__} is no arithmetic")


def _is_plain(value: object) -> bool:
    """Say whether a constant is a number of a size that formulas have; truth values are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_number(node: ast.expr) -> bool:
    """Say whether a power is a number or a quotient of two, such as 1 / 3; powers of powers are not."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Div) and _is_number(node.left) and _is_number(node.right)
    return isinstance(node, ast.Constant)


def _value(node: ast.expr, planes: Mapping[str, Plane]) -> Value:
    match node:
        case ast.BinOp(left, operator, right):
            return _TWO[type(operator)](_value(left, planes), _value(right, planes))
        case ast.UnaryOp(_, operand):
            return -_value(operand, planes)
        case ast.Name(name):
            return planes[name]
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
    raise AssertionError(node)
