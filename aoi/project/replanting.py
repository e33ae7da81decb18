"""Indicator A4: hectares planted again within some years of those eradicated, by a validated sample of lots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas

from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent, facts_of
from aoi.survey.cluster import LonelyUnit
from aoi.survey.estimate import Estimate
from aoi.survey.validation import Lots, found_share, found_total, lot_strata
from geo.errors import QualityGateError

__all__ = ["lots_of", "replanting_rows", "validation_table"]

VALIDATION = (
    "measure", "domain", "lots", "drawn", "reported_ha", "share", "share_lo", "share_hi", "value_ha", "se_ha",
    "lo_ha", "hi_ha", "level", "method", "flags",
)  # fmt: skip
WHOLE = "all"
"""Domain of all lots together."""


def lots_of(events: Any, cuts_ha: Sequence[float]) -> Lots:
    """Return the operations as lots, their claim as the area reported, in strata of nucleus and size.

    Raises
    ------
    QualityGateError
        If a stratum has no lot drawn.
    """
    reported = events["claimed_ha"].to_numpy(dtype=float)
    return Lots(
        reported_ha=reported,
        stratum=lot_strata(list(events["nucleus"]), reported, cuts_ha),
        drawn=(events["in_sample"] == "yes").to_numpy(dtype=bool),
    )


def validation_table(
    events: Any, *, cuts_ha: Sequence[float] = (), lonely: LonelyUnit = "refuse", level: float = 0.95
) -> Any:
    """Expand validated and replanted hectares to all lots, by phase and administrative unit.

    Parameters
    ----------
    events
        Rows of the table eradication.
    cuts_ha, lonely, level
        As in `aoi.survey.validation`.

    Returns
    -------
    DataFrame
        One row a measure (``validated``, ``replanted``) and domain (``all``, ``phase NAME``, ``adm CODE``); empty
        where no lot was drawn. A domain without a lot drawn has no figure.
    """
    rows: list[dict[str, Any]] = []
    if len(events) and (events["in_sample"] == "yes").any():
        lots = lots_of(events, cuts_ha)
        for measure, column in (("validated", "validated_ha"), ("replanted", "replanted_ha")):
            found = events[column].to_numpy(dtype=float)
            known = lots.drawn & ~pandas.isna(found)
            if not known.any() or (measure == "replanted" and (lots.drawn & ~known).any()):
                continue
            for name, inside in _domains(events):
                head = {
                    "measure": measure,
                    "domain": name,
                    "lots": int(inside.sum()),
                    "drawn": int((inside & lots.drawn).sum()),
                    "reported_ha": float(lots.reported_ha[inside].sum()),
                }
                if head["drawn"]:
                    share = found_share(lots, found, domain=inside, lonely=lonely, level=level)
                    total = found_total(lots, found, domain=inside, lonely=lonely, level=level)
                    rows.append(head | _figure(share, total))
    return pandas.DataFrame(rows, columns=list(VALIDATION))


def _domains(events: Any) -> Iterator[tuple[str, Any]]:
    yield WHOLE, (events["event_id"] != "").to_numpy(dtype=bool)
    for word, column in (("phase", "phase"), ("adm", "adm_code")):
        for name in sorted(set(events[column]) - {""}):
            yield f"{word} {name}", (events[column] == name).to_numpy(dtype=bool)


def _figure(share: Estimate, total: Estimate) -> dict[str, Any]:
    return {
        "share": share.value, "share_lo": share.lo, "share_hi": share.hi, "value_ha": total.value,
        "se_ha": total.se, "lo_ha": total.lo, "hi_ha": total.hi, "level": total.level, "method": total.method,
        "flags": ";".join(total.flags),
    }  # fmt: skip


def replanting_rows(
    tables: Mapping[str, Any],
    *,
    years: float,
    cuts_ha: Sequence[float] = (),
    lonely: LonelyUnit = "refuse",
    level: float = 0.95,
) -> Iterator[Indicator | FactSheet]:
    """Yield A4: the share of eradicated hectares that was planted again within some years.

    Only lots looked at within the years count, and only lots that were drawn; the ratio is that of hectares planted
    again to hectares found destroyed.
    """
    events = tables["eradication"]
    if not len(events):
        return
    drawn = events[events["in_sample"] == "yes"]
    late = (drawn["replanting_date"] - drawn["date"]).dt.days > years * 365.25
    group = f"within {years:g} years"
    head = ("A4", PROGRAMME, "all", "%")
    if not len(drawn) or drawn["replanted_ha"].isna().any() or late.any():
        reason = f"every lot drawn has to be looked at again within {years:g} years"
        yield absent(*head, reason, group=group)
        return
    try:
        lots = lots_of(events, cuts_ha)
        destroyed = Lots(
            reported_ha=events["validated_ha"].fillna(0.0).to_numpy(), stratum=lots.stratum, drawn=lots.drawn
        )
        share = found_share(destroyed, events["replanted_ha"].to_numpy(dtype=float), lonely=lonely, level=level)
    except QualityGateError as error:
        yield absent(*head, str(error).split("\n")[0], group=group, state="not_estimable")
        return
    yield Indicator(
        indicator="A4", domain=PROGRAMME, period="all",
        value=100 * share.value, lo=100 * share.lo, hi=100 * share.hi,
        unit="%", level=level, method=share.method, grade="A", n=float(share.n), group=group,
        flags=";".join(share.flags),
    )  # fmt: skip
    yield facts_of("A4", PROGRAMME, drawn, table="eradication, lots drawn")
