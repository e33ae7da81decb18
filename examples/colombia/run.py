"""Colombia: run the survey file, then hold the ministry's series beside a second source.

The survey file says everything about the first part. Two sources side by side it cannot say.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aoi.official import OfficialSeries, read_series, source_differences
from aoi.official_table import TableLayout, read_table
from examples.colombia.impact import report
from monitor.cli import cli
from monitor.config import load_survey
from monitor.official_inputs import read_inputs

SECOND = "municipios_coca_eradicacion_unodc_2001_2015.gpkg"
LAYOUT = TableLayout(code="COD_DANE", name="NOM_MPIO", periods=r"C_(20\d\d)", code_pattern=r"\d{5}")
ROUNDING_HA = 1.0


def main(survey: Path, out: Path) -> None:
    """Run the survey, and say where a second source disagrees."""
    cli(["run", str(survey), "--out", str(out)], standalone_mode=False)
    print(programmes(out))
    print(zones(out))
    print(second_source(survey))
    print(report(survey, out))


def programmes(out: Path) -> str:
    """Return the figures of the programmes in whole municipalities, baseline and current."""
    table = pd.read_csv(out / "overlay" / "zones.csv", dtype={"period": str})
    wide = table.pivot(index="domain_name", columns="period", values="value_ha")[["2013", "2023"]].round(0)
    return (
        "\ncoca by programme, each municipality counted once, in the order of the survey file\n"
        "(ha, published without interval; no cause is shown: programmes went where coca was):\n"
        + str(wide.to_string())
    )


def zones(out: Path) -> str:
    """Return the bounds of the coca inside the zones that cut through municipalities."""
    table = pd.read_csv(out / "overlay" / "bounds.csv", dtype={"period": str})
    current = table[table["period"] == "2023"].set_index("layer")[["least_ha", "most_ha"]].round(0)
    return "\ncoca that can lie inside zones in 2023 (ha, bounds; zones overlap, never add):\n" + str(
        current.to_string()
    )


def second_source(survey: Path) -> str:
    """Return in which years the polygons of UNODC hold other figures than the ministry's table."""
    settings = load_survey(survey)
    ministry = read_inputs(settings).series
    unodc = read_series(read_table(settings.area.admin.parent / SECOND), LAYOUT, ministry.quantity)
    apart = source_differences(ministry, unodc, tolerance_ha=ROUNDING_HA)
    sums = pd.DataFrame({"ministry": _sums(ministry), "unodc": _sums(unodc)}).dropna()
    sums["municipalities apart"] = apart["period"].value_counts().reindex(sums.index).fillna(0).astype(int)
    return "\ntwo sources, never spliced (ha, published without interval):\n" + str(sums.round(0).to_string())


def _sums(series: OfficialSeries) -> pd.Series:
    return series.cells.groupby("period")["value_ha"].sum()
