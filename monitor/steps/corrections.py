"""Step ``corrections``: the ledger from the interpreted figures to those at the reference date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.frame import AreaFrame
from monitor.context import Context, Progress
from monitor.correction_inputs import ledger_parameters, operations
from monitor.figures import FRAME
from monitor.kept_shapes import APPLIED, write_shapes
from monitor.ledger import LedgerInputs, group_state, ledger_rows, parameter_rows
from monitor.sections import CorrectionsSection, PeriodSection
from monitor.steps.estimate import admin_domains, interval_method
from monitor.tables import SurveyTables, read_csv, read_tables, write_csv

__all__ = [
    "correction_dates",
    "corrections",
    "operation_groups",
    "operations_of",
]

_GROUPS = ["period", "group", "method", "last_date", "verified", "domain", "area_ha"]


def corrections(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``estimates/corrections.csv`` and the tables it is made from."""
    tables, folder = read_tables(context.out), staging / "estimates"
    folder.mkdir(parents=True, exist_ok=True)
    dates = correction_dates(_section(context), context.compared)
    layer = _layer(context)
    if layer is not None:
        write_shapes(layer, staging, APPLIED)
    groups, units = operation_groups(context.frame, tables, dates, layer)
    inputs = LedgerInputs(groups=groups, units=units, dates=dates, parameters=ledger_parameters(_section(context)))
    published = read_csv(context.out / "estimates" / "estimates.csv")
    domains = admin_domains(context, tables)
    rows = ledger_rows(tables, published, domains, inputs, method=interval_method(context))
    write_csv(rows, folder / "corrections.csv")
    write_csv(groups, folder / "eradication_groups.csv")
    write_csv(units, folder / "eradication_units.csv")
    write_csv(dates, folder / "correction_dates.csv")
    write_csv(parameter_rows(inputs.parameters), folder / "correction_parameters.csv")
    progress(1, 1)
    return {"notes": list(_notes(rows))}


def operations_of(context: Context) -> Any:
    """Return the operations that the ledger knows, from the programme's table or from polygons; as `operations`."""
    section = _section(context)
    return _programme_operations(context) if section.from_programme else operations(section)


def _section(context: Context) -> CorrectionsSection:
    section = context.survey.corrections
    assert section is not None
    return section


def correction_dates(section: CorrectionsSection, periods: Iterable[PeriodSection]) -> pd.DataFrame:
    """Return the day that each period's images show, and the one its figure stands for."""
    given = section.image_date
    return pd.DataFrame(
        [
            {
                "period": period.name,
                "image_date": given.get(period.name, period.end).isoformat(),
                "reference_date": period.reference_date.isoformat(),
            }
            for period in periods
        ]
    )


def _layer(context: Context) -> Any:
    """Return the operations in the CRS of the frame; None where the survey names none."""
    section = _section(context)
    if section.eradication is None and not section.from_programme:
        return None
    return operations_of(context).to_crs(str(context.frame.geobox.crs))


def operation_groups(
    frame: AreaFrame, tables: SurveyTables, dates: pd.DataFrame, layer: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the operations by period, method and state with their ground by domain, and the units inside.

    Parameters
    ----------
    frame
        The area frame.
    tables
        The sample.
    dates
        Columns period, image_date, reference_date.
    layer
        Polygons in the CRS of the frame: day, method, verified; None for none.
    """
    if layer is None:
        return pd.DataFrame(columns=_GROUPS), pd.DataFrame(columns=["unit_id", "period", "group"])
    groups: list[dict[str, Any]] = []
    units: list[pd.DataFrame] = []
    for _, row in dates.iterrows():
        image, reference = (date.fromisoformat(row[name]) for name in ("image_date", "reference_date"))
        states = [
            group_state(day, image, reference, verified=bool(sure))
            for day, sure in zip(layer["day"], layer["verified"], strict=True)
        ]
        of_row = layer.assign(state=states)
        keys = list(dict.fromkeys(sorted(zip(of_row["method"], of_row["state"], strict=True))))
        of_row["group"] = [keys.index(key) + 1 for key in zip(of_row["method"], of_row["state"], strict=True)]
        cells = _cells(frame, of_row)
        groups += _ground(frame, row["period"], of_row, cells, len(keys))
        inside = cells[tables.units["row"], tables.units["col"]]
        found = pd.DataFrame({"unit_id": tables.units["unit_id"], "period": row["period"], "group": inside})
        units.append(found[found["group"] > 0])
    return pd.DataFrame(groups, columns=_GROUPS), pd.concat(units, ignore_index=True)


def _programme_operations(context: Context) -> Any:
    """Return the operations of the programme's own table; those with verified hectares are verified."""
    from monitor.programme_tables import programme_of

    events = programme_of(context).eradication
    return events[[events.geometry.name]].assign(
        day=events["date"].dt.date.to_numpy(),
        method=np.where(events["method"] == "spray", "spray", "manual"),
        verified=(events["verified_ha"] > 0).to_numpy(),
    )


def _cells(frame: AreaFrame, layer: Any) -> NDArray[np.int32]:
    """Return the group of each cell of the frame, 0 where none was; of overlapping polygons one counts.

    What counts in the figure goes before what does not, and an earlier operation before a later one.
    """
    from rasterio.features import rasterize

    order = layer.assign(rank=(layer["state"] != "applied").astype(int)).sort_values(["rank", "day"], kind="stable")
    shapes = [
        (shape, int(group))
        for shape, group in zip(order.geometry, order["group"], strict=True)
        if not shape.is_empty
    ]
    empty: NDArray[np.int32] = np.zeros(frame.geobox.shape, dtype=np.int32)
    if not shapes:
        return empty
    # later shapes are written over earlier ones, so the first in order comes last
    cells: NDArray[np.int32] = rasterize(
        shapes[::-1], out_shape=frame.geobox.shape, transform=frame.geobox.transform, dtype="int32"
    )
    return np.where(frame.inside, cells, empty)


def _ground(
    frame: AreaFrame, period: str, layer: Any, cells: NDArray[np.int32], n_groups: int
) -> Iterator[dict[str, Any]]:
    codes = list(frame.admin["code"])
    width = len(codes) + 1
    areas = frame.areas_by(cells.astype(np.int64) * width + frame.unit_of_cell, (n_groups + 1) * width)
    by_unit = np.asarray(areas).reshape(n_groups + 1, width)
    for group in range(1, n_groups + 1):
        of_group = layer[layer["group"] == group]
        head = {
            "period": period,
            "group": group,
            "method": of_group["method"].iloc[0],
            "last_date": max(of_group["day"]).isoformat(),
            "verified": bool(of_group["verified"].all()),
        }
        yield head | {"domain": FRAME, "area_ha": float(by_unit[group, 1:].sum())}
        for at, code in enumerate(codes, start=1):
            yield head | {"domain": code, "area_ha": float(by_unit[group, at])}


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    """Say the corrected figure of the frame beside the interpreted one, or that nothing was to correct."""
    whole = rows[rows["domain"] == FRAME]
    for (crop, period), ledger in whole.groupby(["crop", "period"], sort=False):
        last = ledger.iloc[-1]
        terms = ledger[ledger["applied"] & ~ledger["term"].isin(["interpreted", "corrected"])]
        told = ", ".join(dict.fromkeys(terms["term"]))
        yield (
            f"{crop} {period}, at {last['reference_date']}: {last['value_ha']:,.0f} ha ({100 * last['level']:g} % "
            f"interval {last['lo_ha']:,.0f} to {last['hi_ha']:,.0f} ha), "
            + (f"corrected for {told}" if told else "no correction applied; see estimates/corrections.csv")
        )
