"""Tables of other bodies and the IATI activity."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pandas as pd
import pytest
from lxml import etree

from geo.errors import SurveyFileError
from maps.exchange.iati import Activity, activity_text
from maps.exchange.standard_tables import arq_table, hxl_text, wdr_table, write_standard_tables
from tests.maps.exchange.hostile import HOSTILE

PERIODS = {
    "2021": {"role": "baseline", "start": "2021-01-01", "end": "2021-12-31", "reference_date": "2021-12-31"},
    "2024": {"role": "current", "start": "2024-01-01", "end": "2024-12-31", "reference_date": "2024-12-31"},
}

VENDOR = Path(__file__).parents[2] / "vendor"
XML_NAMES = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
  <xs:attribute name="lang" type="xs:language"/></xs:schema>"""
"""What the schema of activities imports of the XML namespace."""


class Beside(etree.Resolver):
    """Schemas beside the one that is read, and nothing from anywhere else."""

    def resolve(self, system_url: str | None, _public_id: str | None, context: Any) -> Any:
        """Return the file of that name."""
        name = str(system_url).rpartition("/")[2]
        told = XML_NAMES if name == "xml.xsd" else (VENDOR / name).read_bytes()
        return self.resolve_string(told, context, base_url=name)


def schema_errors(text: str) -> list[str]:
    """Return what the IATI 2.03 schema of activities says of a document."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Beside())
    schema = etree.XMLSchema(etree.parse(str(VENDOR / "iati-activities-schema.xsd"), parser))
    schema.validate(etree.fromstring(text.encode()))
    return [str(error.message) for error in schema.error_log]


def estimates(name: str = "Land") -> pd.DataFrame:
    """Return a frame in two years and a unit that is hidden in both."""

    def row(period: str, domain: str, value: float | None, state: str = "estimated") -> dict[str, object]:
        return {
            "crop": "coca", "period": period, "domain": domain, "domain_name": name, "state": state,
            "value_ha": value, "lo_ha": None if value is None else 0.9 * value,
            "hi_ha": None if value is None else 1.2 * value, "level": 0.95, "method": "stratified", "kind": "stock",
            "reference_date": f"{period}-12-31", "source": "", "vintage": "1", "flags": "",
        }  # fmt: skip

    return pd.DataFrame(
        [row("2021", "frame", 1000.0), row("2024", "frame", 1500.0), row("2021", "01", None, "suppressed"),
         row("2024", "01", None, "suppressed")]
    )  # fmt: skip


def test_minimum_best_and_maximum() -> None:
    """Literal: each year has three figures, and what is not there is two points, not zero."""
    table = wdr_table(estimates())
    assert table.iloc[0].tolist() == ["coca", "Land", "900", "1,000", "1,200", "1,350", "1,500", "1,800"]
    assert table.iloc[1].tolist()[2:] == [".."] * 6


def test_questionnaire_says_what_it_does_not_know() -> None:
    """Literal: eradication is not measured, an empty source is not known, and the form is not claimed."""
    row = arq_table(estimates()).iloc[1]
    assert (row["reporting_year"], row["area_cultivated_ha"], row["area_maximum_ha"]) == ("2024", "1500", "1800")
    assert (row["area_eradicated_ha"], row["source"]) == ("--", "not known")
    assert "not the official form" in row["note"]
    assert len(arq_table(estimates())) == 2


def test_workbook_is_text_alone(tmp_path: Path) -> None:
    """Attack: a hostile name is a text cell in every sheet, and equal tables are equal bytes."""
    paths = [tmp_path / "a.xlsx", tmp_path / "b.xlsx"]
    for path in paths:
        write_standard_tables(path, estimates(HOSTILE), title=HOSTILE)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    for sheet in openpyxl.load_workbook(paths[0]):
        for row in sheet.iter_rows():
            assert all(cell.data_type in ("s", "n") and "\u202e" not in str(cell.value) for cell in row)


def test_hxl_row_below_the_heading_and_no_formula() -> None:
    """Attack and law: tags stand in the second row; a name that starts a formula is defused."""
    rows = list(csv.reader(io.StringIO(hxl_text(estimates(HOSTILE)))))
    assert rows[1][rows[0].index("value_ha")] == "#indicator+value+area+ha"
    names = [row[rows[0].index("domain_name")] for row in rows[2:]]
    assert all(name.startswith("'=") for name in names)
    assert not any("\u202e" in name or "\n" in name for name in names)


def activity(title: str = "Programme", **sectors: float) -> Activity:
    """Return a programme."""
    return Activity(
        identifier="XM-1-A", organisation="XM-1", organisation_name=title, organisation_type="10", title=title,
        country="ZZ", sectors=sectors or {"31165": 100.0}, start="2021-01-01",
    )  # fmt: skip


def test_activity_has_the_order_of_the_standard() -> None:
    """Published (IATI 2.03 activity schema): elements of an activity stand in this order; values have intervals."""
    root = ET.fromstring(activity_text(activity(), estimates(), PERIODS))
    assert root.get("version") == "2.03"
    assert [child.tag for child in root[0]] == [
        "iati-identifier", "reporting-org", "title", "description", "participating-org", "activity-status",
        "activity-date", "recipient-country", "sector", "result",
    ]  # fmt: skip
    indicator = root[0].find("result/indicator")
    assert indicator is not None
    assert [child.tag for child in indicator] == ["title", "baseline", "period"]
    assert indicator.find("baseline").get("value") == "1000"  # type: ignore[union-attr]
    assert indicator.find("period/actual").get("value") == "1500"  # type: ignore[union-attr]
    assert "95 % interval 1350 to 1800 ha" in "".join(indicator.itertext())


@pytest.mark.parametrize("title", ["Slopes", HOSTILE])
def test_activity_is_valid(title: str) -> None:
    """Independent (IATI 2.03 schema, lxml): the activity is valid with any title; one without its period is not."""
    text = activity_text(activity(title), estimates(title), PERIODS)
    assert schema_errors(text) == []
    assert schema_errors(text.replace("<period-start", "<period-begin"))
    assert schema_errors(text.replace('iso-date="2021-12-31"', 'iso-date="end of 2021"'))


def test_every_value_of_the_activity_names_its_run() -> None:
    """Contract: where the estimates tell their run, so does the comment of each value."""
    root = ET.fromstring(activity_text(activity(), estimates().assign(run_id="bcdf"), PERIODS))
    comments = ["".join(one.itertext()).strip() for one in root.iter("comment")]
    assert len(comments) == sum(1 for tag in ("baseline", "actual") for _ in root.iter(tag)) > 0
    assert all(text.endswith("; run bcdf") for text in comments)


def test_a_hostile_title_is_text_in_the_activity() -> None:
    """Attack: the name comes back from the parsed XML as text, and adds no element."""
    root = ET.fromstring(activity_text(activity(HOSTILE), estimates(HOSTILE), PERIODS))
    assert root.find(".//script") is None
    title = root.find("iati-activity/title/narrative")
    assert title is not None
    assert "<script>" in str(title.text)
    assert "\u202e" not in str(title.text)


@pytest.mark.parametrize("sectors", [{"31165": 60.0}, {"99999": 100.0}])
def test_wrong_sectors_are_mistakes_of_the_survey_file(sectors: dict[str, float]) -> None:
    """Law: unknown codes and shares that do not add up to 100 are refused."""
    with pytest.raises(SurveyFileError, match="sectors"):
        activity_text(activity(**sectors), estimates(), PERIODS)
