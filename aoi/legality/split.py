"""Hectares of a zone split by its rule, and the four totals: authorised, not authorised, undetermined, all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aoi.legality.rule import LegalClass, LegalRule
from aoi.survey.addition import mover_limits
from geo.errors import Problem, QualityGateError

__all__ = ["PARTS", "Hectares", "Part", "split", "totals"]

Part = Literal["authorised", "not_authorised", "undetermined"]
PARTS: tuple[Part, ...] = ("authorised", "not_authorised", "undetermined")


@dataclass(frozen=True, slots=True)
class Hectares:
    """A figure with its limits, ha."""

    value: float
    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= self.value <= self.hi:
            raise QualityGateError(
                Problem(
                    "hectares of a legal zone",
                    f"{self.value} with limits {self.lo} and {self.hi}",
                    "limits around it",
                )
            )


def split(area: Hectares, rule: LegalRule | None) -> dict[Part, Hectares]:
    """Split the hectares of a zone by what the law says of it.

    Parameters
    ----------
    area
        Cultivation in the whole zone.
    rule
        The rule in force; None for ground that no rule speaks of.

    Returns
    -------
    dict of str to Hectares
        Parts that add up to the area; a part that cannot be is left out. Above a cap, ``min(A, cap)`` is authorised
        and ``max(0, A - cap)`` is excess. Both rise with A, so that their limits are those of A put through.

    Notes
    -----
    The excess is of the zone as a whole: which of its fields is beyond the cap has no answer.

    Examples
    --------
    >>> from datetime import date
    >>> from aoi.legality.rule import load_law, valid_on
    >>> rule = valid_on(load_law("bolivia").rules, "coca", date(2015, 12, 31))[1]
    >>> {part: one.value for part, one in split(Hectares(20200, 19000, 21400), rule).items()}
    {'authorised': 12000.0, 'not_authorised': 8200.0}
    """
    if rule is None:
        return {"undetermined": area}
    limit = _limit(rule)
    if limit is not None:
        within = Hectares(min(area.value, limit), min(area.lo, limit), min(area.hi, limit))
        beyond = Hectares(max(area.value - limit, 0.0), max(area.lo - limit, 0.0), max(area.hi - limit, 0.0))
        return {"authorised": within, "not_authorised": beyond}
    part: dict[LegalClass, Part] = {
        LegalClass.AUTHORISED: "authorised",
        LegalClass.LICENSED_FACILITY: "authorised",
        LegalClass.REGISTERED_GROWERS_ONLY: "undetermined",
        LegalClass.TRADITIONAL_USE_REVIEW: "undetermined",
        LegalClass.NOT_AUTHORISED: "not_authorised",
        LegalClass.PROTECTED_NOT_PERMITTED: "not_authorised",
    }
    return {part[rule.legal_class]: area}


def _limit(rule: LegalRule) -> float | None:
    """Return the hectares allowed in the zone as a whole, by the law or by a joined roll of growers."""
    return rule.cap_ha if rule.cap_ha is not None else rule.registered_ha


def totals(zones: Sequence[dict[Part, Hectares]], whole: Hectares) -> dict[str, Hectares]:
    """Return the four totals of zones that share no ground.

    Parameters
    ----------
    zones
        What `split` returned for each zone and for the ground in none.
    whole
        Cultivation in all of them, with its own interval.

    Returns
    -------
    dict of str to Hectares
        ``authorised``, ``not_authorised``, ``undetermined`` and ``total``; the three add up to the fourth. Limits
        of the three are recovered from those of the zones (Zou and Donner 2008), which takes zones for independent;
        zones of one stratified sample are negatively correlated, so that the limits are wide rather than narrow.

    Raises
    ------
    QualityGateError
        If the zones do not add up to the whole.
    """
    found: dict[str, Hectares] = {}
    for part in PARTS:
        own = [zone[part] for zone in zones if part in zone]
        value = math.fsum(one.value for one in own)
        lo, hi = mover_limits(value, [one.value - one.lo for one in own], [one.hi - one.value for one in own])
        found[part] = Hectares(value, max(lo, 0.0), min(max(hi, value), max(whole.hi, value)))
    added = math.fsum(one.value for one in found.values())
    if not math.isclose(added, whole.value, rel_tol=1e-9, abs_tol=1e-6):
        raise QualityGateError(
            Problem(
                "legal zones",
                f"{added:,.3f} ha in all",
                f"{whole.value:,.3f} ha, the whole",
                "zones that share no ground",
            )
        )
    return found | {"total": whole}
