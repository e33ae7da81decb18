"""One thing changed in a module: where that can be done, and the changed module.

Comparisons, operations, conditions, numbers, least and greatest, ends of loops. What decides on no number is left
as it is: words of errors and warnings, annotations, decorators, assertions, f-strings, ``strict`` of a zip (an
assertion too) and ``copy`` of an array (speed only).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Place", "changes", "mutated", "places"]

_COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
_PAIRS = [
    ("min", "max"), ("any", "all"), ("minimum", "maximum"), ("fmin", "fmax"), ("argmin", "argmax"),
    ("nanmin", "nanmax"), ("floor", "ceil"), ("ones", "zeros"), ("cumsum", "cumprod"), ("sum", "prod"),
    ("logical_and", "logical_or"), ("tril", "triu"),
]  # fmt: skip
_CALLED = dict(_PAIRS) | {second: first for first, second in _PAIRS}
_UNTOUCHED = (
    "Problem", "InputError", "QualityGateError", "SurveyFileError", "DisclosureError", "Field", "field",
    "dataclass", "warn", "cast", "TypeVar", "NewType",
)  # fmt: skip
"""Calls whose words no test holds to the letter."""
_SPEED_OR_CHECK = ("strict", "copy", "stacklevel", "check_names")
"""Arguments that change no number of a sound input."""
_LEFT = ("annotation", "returns", "decorator_list", "type_comment", "type_params")


@dataclass(frozen=True)
class Place:
    """A thing that can be changed."""

    number: int
    """Order in the module."""
    line: int
    change: str
    """What is changed to what."""
    first: int
    last: int
    """Lines of the statement it stands in, without the statement's body."""
    inside: bool
    """Whether it stands in the body of a function, so that nothing happens before a call."""


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield each change of a node by itself, in words, with what is put in its place."""
    match node:
        case ast.Compare():
            for at, old in enumerate(node.ops):
                if type(old) in _COMPARED:
                    ops = [*node.ops[:at], _COMPARED[type(old)](), *node.ops[at + 1 :]]
                    yield f"{type(old).__name__} to {type(ops[at]).__name__}", _with(node, ops=ops)
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _COMPUTED:
            new = _COMPUTED[type(node.op)]()
            yield f"{type(node.op).__name__} to {type(new).__name__}", _with(node, op=new)
        case ast.BoolOp():
            new = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            yield f"{type(node.op).__name__} to {type(new).__name__}", _with(node, op=new)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield f"without {type(node.op).__name__}", node.operand
        case ast.Constant(value=bool() | int() | float()):
            new = (not node.value) if isinstance(node.value, bool) else node.value + 1
            yield f"{node.value!r} to {new!r}", _with(node, value=new)
        case ast.Break() | ast.Continue():
            new = ast.Continue if isinstance(node, ast.Break) else ast.Break
            yield f"{type(node).__name__} to {new.__name__}", ast.copy_location(new(), node)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _CALLED:
            named = {"id": _CALLED[name]} if isinstance(node.func, ast.Name) else {"attr": _CALLED[name]}
            yield f"{name} to {_CALLED[name]}", _with(node, func=_with(node.func, **named))
        case ast.If() | ast.While() | ast.IfExp() if _bare(node.test):
            yield "condition negated", _with(node, test=_negated(node.test))
        case ast.comprehension():
            for at, test in enumerate(node.ifs):
                if _bare(test):
                    ifs = [*node.ifs[:at], _negated(test), *node.ifs[at + 1 :]]
                    yield "condition negated", _with(node, ifs=ifs)


def _bare(test: ast.expr) -> bool:
    """Say whether a condition holds nothing that is changed by itself."""
    return not isinstance(test, ast.Compare | ast.BoolOp | ast.Constant) and not (
        isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    )


def _negated(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(op=ast.Not(), operand=test), test)


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


@dataclass(frozen=True)
class _Seen:
    """A node, how another is put in its place, and where it stands."""

    node: ast.AST
    put: Callable[[ast.AST], None]
    statement: ast.stmt
    inside: bool


def _walk(parent: ast.AST, statement: ast.stmt | None = None, inside: bool = False) -> Iterator[_Seen]:
    """Yield what may be changed below a node, in order."""
    for name, value in ast.iter_fields(parent):
        if name in _LEFT:
            continue
        within = inside or (name == "body" and isinstance(parent, ast.FunctionDef | ast.Lambda))
        for at, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _untouched(child):
                continue

            def put(new: ast.AST, at: int = at, name: str = name, value: Any = value) -> None:
                if isinstance(value, list):
                    value[at] = new
                else:
                    setattr(parent, name, new)

            around = child if isinstance(child, ast.stmt) else statement
            assert around is not None
            yield _Seen(child, put, around, within)
            yield from _walk(child, around, within)


def _untouched(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in _UNTOUCHED
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.dump(node.test)
    if isinstance(node, ast.keyword):
        return node.arg in _SPEED_OR_CHECK
    return isinstance(node, ast.JoinedStr | ast.Assert | ast.Raise)


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """Return first and last line of a statement, without its body."""
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if not isinstance(body, list):
        return statement.lineno, statement.end_lineno or statement.lineno
    below = getattr(body[0], "lineno", statement.lineno + 1)
    return statement.lineno, max(statement.lineno, below - 1)


def places(tree: ast.Module) -> list[Place]:
    """Return what can be changed in a module, in order."""
    return [place for place, _ in _changed(tree)]


def _changed(tree: ast.Module) -> Iterator[tuple[Place, Callable[[], None]]]:
    number = 0
    for seen in _walk(tree):
        for change, new in changes(seen.node):
            line = getattr(seen.node, "lineno", seen.statement.lineno)
            place = Place(number, line, change, *_lines(seen.statement), seen.inside)
            yield place, lambda put=seen.put, new=new: put(new)
            number += 1


def mutated(source: str, number: int) -> ast.Module:
    r"""Return a module with its numbered place changed; every line keeps its number.

    Examples
    --------
    >>> ast.unparse(mutated("def f(a, b):\n    return a + b", 0))
    'def f(a, b):\n    return a - b'
    """
    tree = ast.parse(source)
    change = next(change for place, change in _changed(tree) if place.number == number)
    change()
    return ast.fix_missing_locations(tree)
