"""The workbook and the CSV say what the figures say, and run nothing."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from maps.column_names import HXL_TAGS
from maps.language import LANGUAGES
from maps.page import Figures, Page
from maps.remark import with_flags
from maps.table import csv_text, write_workbook
from tests.maps import builders
from tests.maps.test_interactive import HOSTILE


def test_workbook_holds_the_figures(example: Page, tmp_path: Path) -> None:
    """Independent program: openpyxl reads back every number, blank where a cell has none."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert book.sheetnames == ["Estimates", "Change", "Accuracy", "Counted on the map", "Notes"]
    rows = list(book["Estimates"].iter_rows(values_only=True))
    column = rows[1].index(HXL_TAGS["value_ha"])
    values = [row[column] for row in rows[2:]]
    expected = example.figures.estimates["value_ha"].tolist()
    assert len(values) == len(expected)
    for value, truth in zip(values, expected, strict=True):
        assert value is None if truth != truth else value == pytest.approx(truth)


def test_state_stands_beside_a_blank(example: Page, tmp_path: Path) -> None:
    """Law: no cell of hectares is blank without words for why."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about)
    rows = list(openpyxl.load_workbook(tmp_path / "t.xlsx")["Estimates"].iter_rows(values_only=True))
    value, state = (rows[1].index(HXL_TAGS[name]) for name in ("value_ha", "state"))
    blanks = [row[state] for row in rows[2:] if row[value] is None]
    assert set(blanks) == {"not shown, to protect people", "not surveyed"}


def test_counts_stand_beside_estimates(example: Page, tmp_path: Path) -> None:
    """Law: a count on the map is only printed in a row that also holds the estimate and its limits."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about)
    rows = list(openpyxl.load_workbook(tmp_path / "t.xlsx")["Counted on the map"].iter_rows(values_only=True))
    wanted = [rows[1].index(HXL_TAGS[name]) for name in ("mapped_ha", "value_ha", "lo_ha", "hi_ha")]
    assert all(row[index] is not None for row in rows[2:] for index in wanted)
    assert "biased" in rows[0][wanted[0]]


def test_second_row_is_hxl(example: Page, tmp_path: Path) -> None:
    """Published: tags are written as the HXL standard 1.1 has them: hash, name, plus attributes."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    for name in ("Estimates", "Change", "Accuracy"):
        tags = [cell.value for cell in book[name][2]]
        assert all(re.fullmatch(r"#[a-z][a-z0-9_]*(\+[a-z][a-z0-9_]*)*", tag) for tag in tags)
        assert book[name].freeze_panes == "A3"


def test_units_are_in_the_headings(example: Page, tmp_path: Path) -> None:
    """Literal: every column of hectares says so."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Estimates"]
    heads = [cell.value for cell in sheet[1]]
    assert heads.count("Hectares (ha)") == 1
    assert sum(head.endswith("(ha)") for head in heads) == 4


def test_codes_keep_their_zeros(example: Page, tmp_path: Path) -> None:
    """Literal: the code 05001 is text in the workbook, not the number 5001."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["Estimates"]
    assert {sheet.cell(row, 3).value for row in range(3, 6)} == {"05000", "05001", "05002"}


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_writes(code: str, example: Page, tmp_path: Path) -> None:
    """Law: the workbook opens in each language with as many sheets."""
    write_workbook(tmp_path / "t.xlsx", example.figures, example.about, language_code=code)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert len(book.sheetnames) == 5
    assert bool(book.worksheets[0].sheet_view.rightToLeft) == (code == "ar")


def test_equal_figures_equal_bytes(example: Page, tmp_path: Path) -> None:
    """Law: the workbook written twice is the same to the byte."""
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(tmp_path / name, example.figures, example.about)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def hostile_figures() -> Figures:
    """Return figures of units with hostile names, and an extra table of them."""
    admin = builders.units(len(HOSTILE), names=HOSTILE)
    extra = pd.DataFrame({"=1+1": list(HOSTILE), "n": range(len(HOSTILE))})
    return Figures(estimates=builders.estimates(admin), extra=(("a/b[c]:*?", extra), ("A/B[C]:*?", extra)))


def test_hostile_names_in_the_workbook(example: Page, tmp_path: Path) -> None:
    """Literal: no cell is a formula or a link; hostile sheet names are made fit and kept apart."""
    about = replace(example.about, title="=HYPERLINK(1)", sources="=1+1")
    write_workbook(tmp_path / "t.xlsx", hostile_figures(), about)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert len(book.sheetnames) == len(set(book.sheetnames)) == 4
    seen = set()
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert cell.hyperlink is None
                seen.add(cell.value)
    assert HOSTILE[2] in seen
    assert "San luaP" in seen


def test_hostile_names_in_csv() -> None:
    """Independent program: pandas reads the rows back; no text field starts a formula, numbers keep their sign."""
    table = pd.DataFrame({"name": list(HOSTILE), "ha": [-1.5] * len(HOSTILE)})
    text = csv_text(table)
    back = pd.read_csv(io.StringIO(text))
    assert back["ha"].tolist() == table["ha"].tolist()
    assert not back["name"].str.startswith(("=", "+", "-", "@")).any()
    assert back["name"][0] == HOSTILE[0]
    assert "\u202e" not in text


def test_csv_keeps_every_digit() -> None:
    """Law: a number read back from the CSV is the number written."""
    value = 1 / 3
    assert float(csv_text(pd.DataFrame({"ha": [value]})).split("\n")[1]) == value


def test_wide_flag() -> None:
    """Literal: an interval wider than its figure is flagged; a zero and a narrow one are not."""
    table = pd.DataFrame(
        {
            "value_ha": [10.0, 10.0, 0.0],
            "lo_ha": [1.0, 8.0, 0.0],
            "hi_ha": [12.0, 12.0, 3.0],
            "flags": ["", "LOW_COUNT", ""],
        }
    )
    assert with_flags(table)["flags"].tolist() == ["WIDE", "LOW_COUNT", ""]
