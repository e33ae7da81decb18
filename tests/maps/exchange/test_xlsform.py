"""The ground-truth form: another program makes a form of it, and nothing in it names a person or runs."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from geo.legend import Legend, MapClass
from maps.exchange.xlsform import write_xlsform
from maps.language import LANGUAGES
from tests.maps.exchange.hostile import HOSTILE

LEGEND = Legend(
    (MapClass(code=1, name="coca", colour="#D55E00", crop=True), MapClass(code=2, name="forest", colour="#009E73"))
)


@pytest.fixture
def form(tmp_path: Path) -> Path:
    """Return a form with a hostile title."""
    path = tmp_path / "form.xlsx"
    write_xlsform(path, legend=LEGEND, periods=["2021", "2024"], title=HOSTILE, form_id="ground_truth_x")
    return path


def test_pyxform_converts_it_without_a_warning(form: Path) -> None:
    """Independent program (pyxform): the form converts, in six languages, with every class and season."""
    pyxform = pytest.importorskip("pyxform.xls2xform")
    result = pyxform.convert(str(form))
    assert result.warnings == []
    root = ET.fromstring(result.xform)
    languages = {element.get("lang") for element in root.iter("{http://www.w3.org/2002/xforms}translation")}
    assert len(languages) == len(LANGUAGES)
    for word in ("coca", "forest", "2021", "2024", "fairly_sure"):
        assert f">{word}<" in result.xform


def test_it_asks_for_no_person_and_no_device(form: Path) -> None:
    """Law: no question sends a name, number, device or track along."""
    sheet = openpyxl.load_workbook(form)["survey"]
    kinds = {str(row[0].value) for row in sheet.iter_rows(min_row=2)}
    assert not kinds & {
        "username",
        "deviceid",
        "phonenumber",
        "email",
        "audit",
        "start-geopoint",
        "background-geopoint",
    }
    assert "geopoint" in kinds
    assert "today" in kinds


def test_a_hostile_title_is_text(form: Path) -> None:
    """Attack: no cell is a formula, and no sign that turns text round is left."""
    for sheet in openpyxl.load_workbook(form):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n")
                assert "\u202e" not in str(cell.value)
                assert cell.hyperlink is None


def test_equal_forms_are_equal_bytes(form: Path, tmp_path: Path) -> None:
    """Law: the same form twice is the same file."""
    other = tmp_path / "other.xlsx"
    write_xlsform(other, legend=LEGEND, periods=["2021", "2024"], title=HOSTILE, form_id="ground_truth_x")
    assert other.read_bytes() == form.read_bytes()
