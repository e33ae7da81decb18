"""The corrections ledger: from the interpreted area to the area at the reference date, one row per term.

A_ref = A_interpreted + gap + age - spray - manual + replanting + small lots. Interpreted and corrected
figures both stay, every term keeps its parameter and source, a term that was weighed and not applied keeps its
row, and no area is driven below zero. The terms themselves are made in `aoi.survey.correction_terms`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

from aoi.survey.addition import mover_limits, normal_quantile, sum_estimates
from aoi.survey.estimate import Estimate
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["COLUMNS", "Ledger", "Term", "TermName", "corrected_estimate", "parameter_errors"]

TermName = Literal["gap", "age", "spray", "manual", "replanting", "small_lots"]

COLUMNS = ("domain", "term", "value_ha", "se_ha", "parameter", "parameter_value", "source", "applied")
"""Columns of `estimates/corrections.csv`."""

_SLACK_HA = 1e-9
"""Rounding allowed before an area counts as negative, relative to the interpreted area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One correction of one domain, signed: what it adds to the interpreted area.

    Raises
    ------
    InputError
        If a number is not finite, the standard error is negative, or the term is not a known one.
    """

    domain: str
    """Code of the place."""
    term: TermName
    """Which correction."""
    value_ha: float
    """Hectares added; negative where area is taken away."""
    se_ha: float
    """Standard error that the term's own parameter brings, others held."""
    parameter: str
    """Name of the parameter behind the term."""
    parameter_value: float
    """Its value."""
    source: str
    """Where it comes from, or why the term was not applied."""
    applied: bool = True
    """Whether the term counts in the corrected figure."""

    def __post_init__(self) -> None:
        where, problems = f"correction {self.domain} {self.term}", []
        if self.term not in get_args(TermName):
            problems.append(Problem(where, "an unknown term", f"one of {get_args(TermName)}"))
        if not all(math.isfinite(x) for x in (self.value_ha, self.se_ha, self.parameter_value)):
            problems.append(Problem(where, "a number that is not finite", "finite hectares and parameter"))
        elif self.se_ha < 0:
            problems.append(Problem(where, f"se_ha {self.se_ha}", "0 or more"))
        if problems:
            raise InputError(problems)


def corrected_estimate(interpreted: Estimate, terms: Sequence[Term]) -> Estimate:
    """Return the interpreted figure with its applied terms added and their errors carried.

    Every correction scales with the interpreted area, so the interpretation error is scaled by corrected over
    interpreted; the parameters' errors are added in squares (linearly within one parameter). The limits are
    recovered from the interpreted figure's own limits, and none lies below zero.

    Parameters
    ----------
    interpreted : Estimate
        Area as interpreted, in hectares.
    terms : sequence of Term
        Corrections of this figure; those not applied are passed over.

    Raises
    ------
    QualityGateError
        If the corrections take away more than there is.

    Examples
    --------
    >>> seen = Estimate(value=1000.0, se=50.0, lo=902.0, hi=1098.0, n=300, method="stratified")
    >>> gone = Term(domain="05001", term="manual", value_ha=-100.0, se_ha=10.0, parameter="manual_effect",
    ...             parameter_value=1.0, source="dissolved polygons")
    >>> corrected = corrected_estimate(seen, [gone])
    >>> corrected.value, corrected.se
    (900.0, 46.097722)
    """
    applied = [term for term in terms if term.applied]
    value = math.fsum([interpreted.value, *(term.value_ha for term in applied)])
    _refuse_negative(value, interpreted, applied)
    scale = value / interpreted.value if interpreted.value else 1.0
    errors = parameter_errors(applied)
    z = normal_quantile(interpreted.level)
    halves = [z * error for error in errors]
    lo, hi = mover_limits(
        value,
        [scale * (interpreted.value - interpreted.lo), *halves],
        [scale * (interpreted.hi - interpreted.value), *halves],
    )
    names = ", ".join(dict.fromkeys(term.term for term in applied))
    return replace(
        interpreted,
        value=max(value, 0.0),
        se=math.hypot(scale * interpreted.se, *errors),
        lo=max(lo, 0.0),
        hi=max(hi, 0.0),
        method=f"{interpreted.method}; corrected for {names}" if names else interpreted.method,
    )


def _refuse_negative(value: float, interpreted: Estimate, applied: Sequence[Term]) -> None:
    """Refuse more eradication than interpreted fields, and corrections that leave less than nothing."""
    slack = _SLACK_HA * max(1.0, interpreted.value)
    eradicated = -math.fsum(term.value_ha for term in applied if term.term in ("spray", "manual"))
    if eradicated > interpreted.value + slack or value < -slack:
        where = f"corrections of {applied[0].domain}"
        found = f"{eradicated:g} ha eradicated of {interpreted.value:g} ha interpreted, leaving {value:g} ha"
        remedy = "dissolve overlapping polygons and intersect them with the interpreted fields"
        raise QualityGateError(Problem(where, found, "an area of 0 ha or more", remedy))


def parameter_errors(applied: Iterable[Term]) -> list[float]:
    """Return one standard error per parameter, ha: within a parameter errors are shared, so they add.

    Parameters
    ----------
    applied
        Terms that count in a figure.
    """
    shared: dict[tuple[str, float, str], float] = {}
    for term in applied:
        key = (term.parameter, term.parameter_value, term.source)
        shared[key] = shared.get(key, 0.0) + math.copysign(term.se_ha, term.value_ha)
    return [abs(error) for error in shared.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Interpreted figures by domain and every correction weighed for them.

    Raises
    ------
    InputError
        If a term names a domain that has no interpreted figure, or a figure does not say what it is of.
    QualityGateError
        If the corrections of a domain take away more than was interpreted.

    Examples
    --------
    >>> from aoi.survey.estimate import Quantity
    >>> coca = Quantity(crop="coca", kind="stock", reference="image dates")
    >>> seen = Estimate(value=10.0, se=1.0, lo=8.0, hi=12.0, n=50, method="census").of(coca)
    >>> ledger = Ledger(figures={"05001": seen}, terms=(), reference="2023-12-31")
    >>> ledger.corrected("05001").quantity.reference
    '2023-12-31'
    """

    figures: Mapping[str, Estimate]
    """Interpreted area by domain, in hectares."""
    terms: tuple[Term, ...]
    """Corrections, applied or not."""
    reference: str
    """Reference date (ISO) of the corrected figures."""
    _terms_of: Mapping[str, tuple[Term, ...]] = field(init=False, repr=False, compare=False)
    """The terms grouped by domain."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", MappingProxyType(dict(self.figures)))
        object.__setattr__(self, "_terms_of", _grouped(self.terms))
        strangers = sorted({term.domain for term in self.terms} - set(self.figures))
        nameless = sorted(domain for domain, figure in self.figures.items() if figure.quantity is None)
        problems = [Problem(f"correction of {one}", "no interpreted figure", "one") for one in strangers]
        problems += [Problem(f"interpreted {one}", "no quantity", "crop, kind, date") for one in nameless]
        if problems:
            raise InputError(problems)
        for domain in self.figures:
            self.corrected(domain)

    def of(self, domain: str) -> tuple[Term, ...]:
        """Return the terms of one domain, in the order they were made."""
        return self._terms_of.get(domain, ())

    def interpreted(self, domain: str) -> Estimate:
        """Return the figure as interpreted, at the dates of the images."""
        return self.figures[domain]

    def corrected(self, domain: str) -> Estimate:
        """Return the figure at the reference date."""
        return self._dated(corrected_estimate(self.figures[domain], self.of(domain)))

    def total(self, interpreted: Estimate | None = None) -> Estimate:
        """Return the corrected total of all domains.

        A parameter shared by domains is one number with one error: its errors add, they do not average out.

        Parameters
        ----------
        interpreted : Estimate, optional
            The interpreted total with its own standard error; by default the sum of independent domains.

        Raises
        ------
        QualityGateError
            If the total given is not the sum of the domains.
        """
        summed = sum_estimates(list(self.figures.values()))
        national = interpreted if interpreted is not None else summed
        if not math.isclose(national.value, summed.value, rel_tol=1e-9, abs_tol=_SLACK_HA):
            where = "interpreted total of the ledger"
            raise QualityGateError(Problem(where, f"{national.value} ha", f"the domains' sum {summed.value} ha"))
        return self._dated(corrected_estimate(national, self.terms))

    def _dated(self, estimate: Estimate) -> Estimate:
        quantity = estimate.quantity
        return estimate if quantity is None else estimate.of(replace(quantity, reference=self.reference))

    def rows(self) -> list[dict[str, str | float | bool]]:
        """Return the ledger as rows of `COLUMNS`: interpreted, each term, corrected, for each domain.

        In a domain the applied rows between them take the interpreted figure to the corrected one. The first and
        last row have no parameter; their source is the estimate's method.
        """
        rows: list[dict[str, str | float | bool]] = []
        for domain in self.figures:
            rows.append(_figure_row(domain, "interpreted", self.interpreted(domain)))
            rows += [{name: getattr(term, name) for name in COLUMNS} for term in self.of(domain)]
            rows.append(_figure_row(domain, "corrected", self.corrected(domain)))
        return rows


def _grouped(terms: Iterable[Term]) -> Mapping[str, tuple[Term, ...]]:
    groups: dict[str, list[Term]] = {}
    for term in terms:
        groups.setdefault(term.domain, []).append(term)
    return {domain: tuple(group) for domain, group in groups.items()}


def _figure_row(domain: str, term: str, estimate: Estimate) -> dict[str, str | float | bool]:
    values = (domain, term, estimate.value, estimate.se, "", "", estimate.method, True)
    return dict(zip(COLUMNS, values, strict=True))
