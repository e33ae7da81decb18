"""Tables in the shapes that other bodies use: World Drug Report, annual report questionnaire, HXL.

The questionnaire's own form is behind a login: what is written here is a helper to copy from, and says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import xlsxwriter

from geo.files import atomic
from maps.column_names import HXL_TAGS
from maps.table import csv_text
from maps.text import plain

__all__ = ["arq_table", "hxl_text", "wdr_table", "write_standard_tables"]

NOT_AVAILABLE = ".."
"""What the World Drug Report prints where there is no figure."""

NO_FIGURE = "--"
NOT_KNOWN = "not known"
_FRAME = "frame"
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # fixed, so that equal tables are equal bytes


def wdr_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return one row a crop and area, with minimum, best and maximum of each period.

    Parameters
    ----------
    estimates
        Rows of ``estimates.csv`` of any tier.

    Returns
    -------
    pandas.DataFrame
        Text columns: `crop`, `area`, and ``PERIOD minimum``, ``PERIOD best``, ``PERIOD maximum`` in hectares;
        ``..`` where there is no figure. `run_id` at the end, where the estimates have one.

    Examples
    --------
    >>> row = {"crop": "coca", "period": "2024", "domain": "frame", "domain_name": "Land", "state": "estimated"}
    >>> wdr_table(pd.DataFrame([row | {"value_ha": 1542.4, "lo_ha": 1418.0, "hi_ha": 1683.2}])).to_numpy().tolist()
    [['coca', 'Land', '1,418', '1,542', '1,683']]
    """
    table = estimates.assign(period=estimates["period"].astype(str))
    periods = sorted(table["period"].unique())
    rows = []
    for (crop, _, name), group in table.groupby(["crop", "domain", "domain_name"], sort=False):
        row = {"crop": str(crop), "area": str(name)}
        by_period = {str(one["period"]): one for _, one in group.iterrows()}
        for period in periods:
            for title, column in (("minimum", "lo_ha"), ("best", "value_ha"), ("maximum", "hi_ha")):
                value = by_period[period][column] if period in by_period else None
                row[f"{period} {title}"] = NOT_AVAILABLE if pd.isna(value) else f"{float(str(value)):,.0f}"
        rows.append(row | _run(group.iloc[0]))
    return pd.DataFrame(rows)


def arq_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return what the annual report questionnaire asks of cultivation, one row a crop and reporting year.

    Parameters
    ----------
    estimates
        Rows of ``estimates.csv`` of any tier; those of the frame are used.

    Returns
    -------
    pandas.DataFrame
        Text columns; ``--`` where there is no figure, ``not known`` where the survey does not say. Eradication and
        seizures are not measured here.
    """
    rows = []
    for _, one in estimates[estimates["domain"] == _FRAME].iterrows():
        rows.append(
            {
                "reporting_year": str(one["reference_date"])[:4],
                "crop": str(one["crop"]),
                "area_cultivated_ha": _whole(one["value_ha"]),
                "area_minimum_ha": _whole(one["lo_ha"]),
                "area_maximum_ha": _whole(one["hi_ha"]),
                "reference_date": str(one["reference_date"]),
                "what_the_area_is": _word(one["kind"]),
                "method": _word(one["method"]),
                "source": _word(one["source"]),
                "area_eradicated_ha": NO_FIGURE,
                "eradication_method": NOT_KNOWN,
                "note": "helper table, not the official form",
            }
            | _run(one)
        )
    return pd.DataFrame(rows)


def write_standard_tables(path: Path, estimates: pd.DataFrame, *, title: str) -> None:
    """Write both tables as a workbook, every cell as text, with a sheet that says what they are.

    Parameters
    ----------
    path
        Final name, ``.xlsx``.
    estimates
        Rows of ``estimates.csv`` of any tier.
    title
        Title of the survey.
    """
    notes = pd.DataFrame(
        {
            "note": [
                plain(title),
                "Hectares are estimates; minimum and maximum are the limits of their intervals.",
                f"{NOT_AVAILABLE} no figure (World Drug Report); {NO_FIGURE} no figure (questionnaire).",
                f"{NOT_KNOWN}: the survey does not say. None of these is zero.",
                "The questionnaire sheet is a helper to copy from, not the official form.",
            ]
        }
    )
    sheets = {"WDR style": wdr_table(estimates), "ARQ helper": arq_table(estimates), "Notes": notes}
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with atomic(path) as part, xlsxwriter.Workbook(part, options) as book:
        book.set_properties({"title": plain(title), "author": "altdev", "created": _CREATED})
        for name, table in sheets.items():
            sheet = book.add_worksheet(name)
            for column, heading in enumerate(table.columns):
                sheet.write_string(0, column, str(heading))
                for row, value in enumerate(table[heading], start=1):
                    sheet.write_string(row, column, plain(value))
            sheet.freeze_panes(1, 0)


def hxl_text(table: pd.DataFrame) -> str:
    """Return a table as CSV with a row of HXL tags below its heading."""
    tags = pd.DataFrame([{column: HXL_TAGS.get(str(column), "") for column in table.columns}])
    return csv_text(pd.concat([tags, table.astype(object)], ignore_index=True))


def _run(row: pd.Series) -> dict[str, str]:
    """Return the run that a figure is of, where it is told."""
    return {"run_id": str(row["run_id"])} if "run_id" in row.index else {}


def _whole(value: object) -> str:
    return NO_FIGURE if pd.isna(value) else f"{float(str(value)):.0f}"


def _word(value: object) -> str:
    return NOT_KNOWN if pd.isna(value) or not str(value).strip() else str(value)
