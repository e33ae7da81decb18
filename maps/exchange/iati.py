"""An IATI 2.03 activity: what the programme is, and the estimated hectares as an indicator with their limits.

The standard knows single values alone, so that each value carries its interval in a comment; a period without a
figure has none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd

from geo.errors import Problem, SurveyFileError
from maps.text import plain

__all__ = ["Activity", "activity_text", "sector_problems"]

FRAME = "frame"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What the survey file says of the programme."""

    identifier: str
    """IATI identifier of the activity."""
    organisation: str
    """IATI identifier of the organisation that reports."""
    organisation_name: str
    """Its name."""
    organisation_type: str
    """Code of its kind, such as 10 for a government."""
    title: str
    """Title."""
    country: str
    """ISO 3166 alpha-2 code; empty where there is none."""
    sectors: Mapping[str, float]
    """DAC purpose code to its share in per cent; they add up to 100."""
    start: str
    """First day, ISO 8601."""


def sector_problems(sectors: Mapping[str, float]) -> Iterator[Problem]:
    """Yield sectors that are not in the list, and shares that do not add up."""
    for code in sectors:
        if code not in _sectors():
            yield Problem(f"[iati] sectors {code}", "a code that is not in the list", ", ".join(_sectors()))
    if abs(sum(sectors.values()) - 100.0) > 1e-6:
        yield Problem("[iati] sectors", f"shares that add up to {sum(sectors.values()):g}", "100", "correct them")


def activity_text(activity: Activity, estimates: pd.DataFrame, periods: Mapping[str, Mapping[str, str]]) -> str:
    """Return the activity as XML.

    Parameters
    ----------
    activity
        The programme.
    estimates
        Rows of ``estimates.csv``; those of the frame become indicators, and name their run where there is a
        column ``run_id``.
    periods
        Period to its ``role``, ``start``, ``end`` and ``reference_date``.

    Raises
    ------
    SurveyFileError
        If a sector is unknown, or the shares do not add up to 100.
    """
    problems = list(sector_problems(activity.sectors))
    if problems:
        raise SurveyFileError(problems)
    root = ET.Element("iati-activities", version="2.03")
    one = ET.SubElement(root, "iati-activity", {_XML_LANG: "en"})
    ET.SubElement(one, "iati-identifier").text = plain(activity.identifier)
    reporter = ET.SubElement(
        one, "reporting-org", ref=plain(activity.organisation), type=plain(activity.organisation_type)
    )
    _narrative(reporter, activity.organisation_name)
    _narrative(ET.SubElement(one, "title"), activity.title)
    about = f"Survey of illicit cultivation for the programme: {plain(activity.title)}"
    _narrative(ET.SubElement(one, "description", type="1"), about)
    partner = ET.SubElement(
        one, "participating-org", ref=plain(activity.organisation), role="4", type=plain(activity.organisation_type)
    )
    _narrative(partner, activity.organisation_name)
    ET.SubElement(one, "activity-status", code="2")
    ET.SubElement(one, "activity-date", {"type": "2", "iso-date": activity.start})
    if activity.country:
        ET.SubElement(one, "recipient-country", code=activity.country, percentage="100")
    for code, share in activity.sectors.items():
        sector = ET.SubElement(one, "sector", vocabulary="1", code=code, percentage=f"{share:g}")
        _narrative(sector, _sectors()[code]["name"])
    _result(one, estimates[estimates["domain"] == FRAME], periods)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


@cache
def _sectors() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((files("maps.exchange") / "sectors.toml").read_text(encoding="utf-8"))


def _narrative(parent: ET.Element, text: str) -> None:
    ET.SubElement(parent, "narrative").text = plain(text)


def _result(parent: ET.Element, rows: pd.DataFrame, periods: Mapping[str, Mapping[str, str]]) -> None:
    result = ET.SubElement(parent, "result", {"type": "2", "aggregation-status": "0"})
    _narrative(ET.SubElement(result, "title"), "Estimated illicit cultivation")
    for crop, figures in rows.groupby("crop", sort=False):
        indicator = ET.SubElement(result, "indicator", {"measure": "1", "ascending": "0"})
        _narrative(ET.SubElement(indicator, "title"), f"Area under {str(crop).replace('_', ' ')}, hectares")
        told = [
            (row, periods[str(row["period"])]) for _, row in figures.iterrows() if str(row["period"]) in periods
        ]
        for row, period in told:
            if period["role"] == "baseline" and not pd.isna(row["value_ha"]):
                day = period["reference_date"]
                baseline = ET.SubElement(
                    indicator, "baseline", {"year": day[:4], "iso-date": day, "value": f"{row['value_ha']:g}"}
                )
                _narrative(ET.SubElement(baseline, "comment"), _interval(row))
        for row, period in told:
            if period["role"] != "baseline":
                _period(indicator, row, period)


def _period(indicator: ET.Element, row: Mapping[str, Any], period: Mapping[str, str]) -> None:
    element = ET.SubElement(indicator, "period")
    ET.SubElement(element, "period-start", {"iso-date": period["start"]})
    ET.SubElement(element, "period-end", {"iso-date": period["end"]})
    if not pd.isna(row["value_ha"]):
        actual = ET.SubElement(element, "actual", value=f"{row['value_ha']:g}")
        _narrative(ET.SubElement(actual, "comment"), _interval(row))


def _interval(row: Mapping[str, Any]) -> str:
    run = f"; run {plain(row['run_id'])}" if "run_id" in row else ""
    if pd.isna(row["lo_ha"]):
        return f"Published without interval{run}"
    limits = f"{100 * float(row['level']):g} % interval {row['lo_ha']:g} to {row['hi_ha']:g} ha"
    return f"{limits}; {plain(row['method'])}{run}"
