"""The rules of each tier, read from data and changed only by the data owner, within a floor."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from geo.errors import Problem, SurveyFileError
from maps.disclosure.tier import Tier

__all__ = ["TierRules", "allowed_columns", "tier_rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRules:
    """What a tier asks of everything that is written for it."""

    k: int
    """Fewest mapped fields behind a figure."""
    largest: int
    """Number of largest fields that the dominance rule looks at."""
    dominance_percent: float
    """Most of a figure that they may hold, in per cent."""
    group_percent: float
    """Most fields per 100 households; 100 leaves the rule out."""
    least_field_ha: float
    """Smaller patches of the map do not count as fields."""
    cell_least_km: int
    """Side of the smallest cell."""
    cell_most_km: int
    """Side of the largest cell: a power of two times the smallest."""
    embargo_months: int
    """Months from the latest reference date until it may go out."""
    round_ha: float
    """Base that hectares are rounded to."""
    decimals: int
    """Decimals of shares and probabilities."""
    digits: int
    """Significant digits of harms and effects."""
    least_count: int
    """Fewest persons, households or compared units behind a count or an effect."""
    approvals: int
    """Persons who must have approved the very tables."""
    signed: bool
    """Whether it leaves only with a signature."""
    suffixes: tuple[str, ...]
    """Kinds of files that may leave."""

    def as_record(self) -> dict[str, Any]:
        """Return the rules as a JSON-able record."""
        return asdict(self) | {"suffixes": list(self.suffixes)}


def tier_rules(tier: Tier, given: Mapping[str, Any] | None = None) -> TierRules:
    """Return the rules of a tier, with the data owner's own in place of the shipped ones.

    Parameters
    ----------
    tier
        Programme or public.
    given
        Rules by name that the survey file sets.

    Raises
    ------
    SurveyFileError
        Naming every rule below its floor, and cells that do not nest.

    Examples
    --------
    >>> tier_rules(Tier.PUBLIC).k, tier_rules(Tier.PUBLIC, {"k": 15}).k
    (10, 15)
    """
    data = _data()
    shipped = data[tier.name.lower()]
    rules = TierRules(**{**shipped, "suffixes": tuple(shipped["suffixes"])})
    known = {field.name for field in fields(TierRules)}
    changed = {name: value for name, value in (given or {}).items() if value is not None and name in known}
    result = replace(rules, **changed)
    problems = list(_problems(tier, result, data["floor"]))
    if problems:
        raise SurveyFileError(problems)
    return result


def allowed_columns(tier: Tier, table: str) -> tuple[str, ...]:
    """Return the columns of a table that may leave at a tier; none where the table may not.

    Examples
    --------
    >>> "n" in allowed_columns(Tier.PROGRAMME, "estimates"), "n" in allowed_columns(Tier.PUBLIC, "estimates")
    (True, False)
    >>> allowed_columns(Tier.PUBLIC, "sample")
    ()
    """
    text = (files("maps.disclosure") / "allow.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)[tier.name.lower()].get(table, ()))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((files("maps.disclosure") / "rules.toml").read_text(encoding="utf-8"))


def _problems(tier: Tier, rules: TierRules, floor: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"[disclosure.{tier.name.lower()}]"
    if rules.k < floor["k"]:
        yield Problem(f"{where} k", str(rules.k), f"at least {floor['k']}", "raise it")
    if rules.least_count < floor["least_count"]:
        yield Problem(
            f"{where} least_count", str(rules.least_count), f"at least {floor['least_count']}", "raise it"
        )
    if tier is Tier.PUBLIC and rules.cell_least_km < floor["public_cell_km"]:
        expected = f"at least {floor['public_cell_km']} km"
        yield Problem(f"{where} cell_least_km", f"{rules.cell_least_km} km", expected, "raise it")
    if tier is Tier.PUBLIC and rules.approvals < floor["public_approvals"]:
        yield Problem(f"{where} approvals", str(rules.approvals), f"at least {floor['public_approvals']}")
    ratio = rules.cell_most_km / rules.cell_least_km
    if ratio < 1 or not math.log2(ratio).is_integer():
        yield Problem(
            where,
            f"cells of {rules.cell_least_km} to {rules.cell_most_km} km",
            "a largest side that is the smallest one doubled some times",
            "use 1, 2, 4, 8 or 16",
        )
