"""Sourced parameters: a number that is not data, with where it comes from and whether that was seen.

No factor of a survey lives in code. Each stands in a data file of `aoi.survey.data` with its unit, its source
and a mark: `found` where the number stands in the named source, `unverified` where it is known practice that
nobody here has seen printed, `given` once a user has put a figure of their own in its place.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, get_args

from geo.errors import InputError, Problem

__all__ = ["Mark", "Parameter", "load_parameters", "override", "parse_parameters"]

Mark = Literal["found", "unverified", "given"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number, its unit, its error and its pedigree.

    Raises
    ------
    InputError
        If the value is not finite, the error is negative, or the source is empty.

    Examples
    --------
    >>> effect = Parameter(name="spray_effect", value=0.9, unit="share", source="field office, 2023")
    >>> effect.given(0.8, source="regional trial, 2024", se=0.05).mark
    'given'
    """

    name: str
    """Dotted key in the data file, such as ``eradication.spray_effect``."""
    value: float
    """The number, in `unit`."""
    unit: str
    """Unit; ``share`` for a fraction of one."""
    source: str
    """Publication, page or person that stands behind the number."""
    mark: Mark = "unverified"
    """Whether the number was found in that source."""
    se: float | None = None
    """Standard error in `unit`; None where the source gives none."""
    note: str = ""
    """What the number must not be used for."""

    def __post_init__(self) -> None:
        found = self._problems()
        if found:
            raise InputError(found)

    def _problems(self) -> list[Problem]:
        where, problems = f"parameter {self.name}", []
        if not math.isfinite(self.value):
            problems.append(Problem(where, f"value {self.value}", "a finite number"))
        if self.se is not None and not (math.isfinite(self.se) and self.se >= 0):
            problems.append(Problem(where, f"se {self.se}", "a standard error of 0 or more"))
        if not self.source.strip():
            problems.append(Problem(where, "no source", "where the number comes from", "name the source"))
        if self.mark not in get_args(Mark):
            problems.append(Problem(where, f"mark {self.mark!r}", f"one of {get_args(Mark)}"))
        return problems

    @property
    def error(self) -> float:
        """Standard error used in propagation; 0 where none is known."""
        return 0.0 if self.se is None else self.se

    def given(self, value: float, *, source: str, se: float | None = None) -> Parameter:
        """Return the parameter with a user's value, which must bring its own source."""
        return replace(self, value=value, source=source, se=se, mark="given")


def parse_parameters(tree: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return every parameter of a parsed TOML tree, keyed by its dotted path.

    Parameters
    ----------
    tree : mapping
        Nested tables; a table with the key ``value`` is one parameter. Arrays of tables are left alone.

    Raises
    ------
    InputError
        If a parameter lacks its unit or source, or has an unknown field; all are told at once.
    """
    found: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for key, table in _leaves(tree, ""):
        try:
            found[key] = Parameter(name=key, **table)
        except InputError as error:
            problems.extend(error.problems)
        except TypeError as error:
            problems.append(Problem(f"parameter {key}", str(error), "value, unit, source, mark, se, note"))
    if problems:
        raise InputError(problems)
    return found


def _leaves(tree: Mapping[str, Any], path: str) -> list[tuple[str, Mapping[str, Any]]]:
    leaves: list[tuple[str, Mapping[str, Any]]] = []
    for key, branch in tree.items():
        if isinstance(branch, Mapping):
            name = f"{path}{key}"
            leaves += [(name, branch)] if "value" in branch else _leaves(branch, f"{name}.")
    return leaves


@cache
def load_parameters(file: str) -> Mapping[str, Parameter]:
    """Return the parameters shipped in `aoi/survey/data/FILE.toml`, read-only.

    Examples
    --------
    >>> load_parameters("corrections")["eradication.spray_effect"].mark
    'unverified'
    """
    text = resources.files("aoi.survey.data").joinpath(f"{file}.toml").read_text(encoding="utf-8")
    return MappingProxyType(parse_parameters(tomllib.loads(text)))


def override(parameters: Mapping[str, Parameter], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Parameter]:
    """Return `parameters` with a user's values in place of some.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The shipped set; left as it is.
    changes : mapping of str to mapping
        Dotted key to ``value``, ``source`` and optionally ``se``.

    Raises
    ------
    InputError
        If a key is unknown, or a change brings no value or no source.
    """
    merged, problems = dict(parameters), []
    for key, change in changes.items():
        if key not in parameters:
            problems.append(Problem(f"parameter {key}", "an unknown key", f"one of {sorted(parameters)}"))
        elif not {"value", "source"} <= set(change):
            problems.append(Problem(f"parameter {key}", f"{sorted(change)}", "value and source"))
        else:
            merged[key] = parameters[key].given(
                float(change["value"]), source=str(change["source"]), se=change.get("se")
            )
    if problems:
        raise InputError(problems)
    return merged
