"""Make what was derived from an authority's figures again: changes, readings, concentration, permanence."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.official import OfficialSeries
from aoi.survey.estimate import Quantity
from aoi.survey.permanence import PermanenceRule
from monitor.official_tables import change_rows, concentration_rows, permanence_rows, reading_rows
from monitor.tables import unstamped
from monitor.verify.compare import compare

__all__ = ["recompute_official"]

_TEXT = ("domain", "domain_name", "period", "from", "to", "source", "vintage", "flags", "verdict")


def recompute_official(out: Path) -> int:
    """Make changes and indicators again from the published figures; return the rows compared."""
    estimates = _read(out / "estimates" / "estimates.csv")
    series = _series(estimates)
    rows = 0
    if (out / "estimates" / "change.csv").is_file():
        published, readings = (_read(out / "estimates" / f"{name}.csv") for name in ("change", "readings"))
        before, after = (str(published[name].iloc[0]) for name in ("from", "to"))
        again = change_rows(series, before, after)
        compare(published, again, ["crop", "domain"], ("difference_ha",), "change.csv", ("verdict", "method"))
        made = reading_rows([series], before, after, rule=readings["percent_rule"].iloc[0])
        compare(
            readings, made, ["crop", "domain"], ("from_ha", "to_ha", "difference_ha", "percent"), "readings.csv"
        )
        rows += len(published) + len(readings)
    if (out / "indicators" / "permanence.csv").is_file():
        permanence, concentration = (_read(out / "indicators" / f"{one}.csv") for one in _BY_UNIT)
        # every unit of the authority's table, whether the boundaries have it or not
        single = _series(estimates[estimates["domain"].isin(set(permanence["domain"]))])
        compare(concentration, concentration_rows(single), ["period"], (), "concentration.csv")
        again = permanence_rows(single, _rule(permanence))
        compare(permanence, again, ["domain"], (), "permanence.csv", ("class",))
        rows += len(concentration) + len(permanence)
    return rows


_BY_UNIT = ("permanence", "concentration")


def _read(path: Path) -> pd.DataFrame:
    text = dict.fromkeys(_TEXT, str)
    return unstamped(pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""]))


def _series(estimates: pd.DataFrame) -> OfficialSeries:
    """Return published figures as the series they came of; who stands above whom is no part of them."""
    first = estimates.iloc[0]
    cells = estimates.rename(columns={"domain": "code", "domain_name": "name"})
    cells = cells[["code", "name", "period", "state", "value_ha"]].assign(parent="", parent_name="")
    quantity = Quantity(crop=str(first["crop"]), kind=first["kind"], reference="{period}", source="")
    return OfficialSeries(cells=cells.reset_index(drop=True), quantity=quantity)


def _rule(rows: pd.DataFrame) -> PermanenceRule:
    told: dict[str, Any] = {one.name: rows[f"rule_{one.name}"].iloc[0] for one in fields(PermanenceRule)}
    made: dict[str, Any] = {name: int(x) if name.endswith("_years") else float(x) for name, x in told.items()}
    return PermanenceRule(**made)
