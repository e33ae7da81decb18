"""What is found in a programme's tables: errors that stop, warnings that do not, flags that stay open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from geo.errors import Problem

__all__ = ["Finding", "Severity", "by_row", "errors_of"]

Severity = Literal["error", "warning", "flag"]

_MOST = 20
"""Rows of one column told one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, and how much it weighs.

    An ``error`` stops the run. A ``warning`` may be right and is told. A ``flag`` is a conflict of rights or land
    that stays open until somebody resolves it.
    """

    severity: Severity
    rule: str
    """Short name of the rule, such as ``sexes_add_up``."""
    problem: Problem


def errors_of(findings: Iterable[Finding]) -> list[Problem]:
    """Return the problems that stop."""
    return [finding.problem for finding in findings if finding.severity == "error"]


def by_row(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings of one rule and column row by row, and the number of those left out where there are many."""
    yield from findings[:_MOST]
    if len(findings) > _MOST:
        last = findings[_MOST]
        more = Problem(last.problem.where, f"the same in this row and {len(findings) - _MOST - 1} more", "", "")
        yield Finding(last.severity, last.rule, more)
