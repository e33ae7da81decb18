"""One hostile project in every file that leaves: page, workbook, CSV, KML, GPX, PDF, and the others, together."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas
import openpyxl
import pandas as pd
import pytest

from maps.disclosure import Tier
from maps.disclosure.leak import opened
from maps.exchange.iati import Activity, activity_text
from maps.exchange.standard_tables import hxl_text, write_standard_tables
from maps.interactive import render
from maps.page import Page
from maps.report.content import build
from maps.report.html import html_report
from maps.report.pdf import pdf_report
from maps.table import csv_text, write_workbook
from maps.waypoint import Waypoint, gpx_text, kml_text
from monitor.steps.tier_products import geojson_text
from tests.maps import builders
from tests.maps.test_interactive import HOSTILE

OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
SCRIPT, BREAKOUT, FORMULA, OVERRIDE, PATH = HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3], HOSTILE[7]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return a programme page whose projects, units, layers and title are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    base = builders.product(folder, Tier.PROGRAMME)
    parts = base.parts
    projects = parts.portfolio.assign(title=[SCRIPT, FORMULA, OVERRIDE], project=[PATH, BREAKOUT, "P-3"])
    zones = parts.zones.assign(domain_name=[HOSTILE[n % len(HOSTILE)] for n in range(len(parts.zones))])
    frame = base.admin.frame.assign(name=[HOSTILE[n % len(HOSTILE)] for n in range(len(base.admin.frame))])
    names = dict(zip(frame["code"], frame["name"], strict=True))
    estimates = base.figures.estimates
    named = estimates.assign(domain_name=[names.get(code, FORMULA) for code in estimates["domain"]], source=FORMULA)
    extra = (("portfolio", projects), ("zones", zones), ("effects", parts.effects))
    return replace(
        base,
        about=builders.about(title=BREAKOUT, subtitle=SCRIPT, sources=FORMULA, notes=HOSTILE, tier=Tier.PROGRAMME),
        admin=replace(base.admin, frame=frame),
        figures=replace(base.figures, estimates=named, extra=extra),
        parts=replace(parts, portfolio=projects, zones=zones),
        elevation=None,
    )


@pytest.fixture(scope="module")
def files(hostile: Page, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return every kind of file, written of the hostile project."""
    folder = tmp_path_factory.mktemp("files")
    points = [
        Waypoint(name=name, longitude=-75.0 + n / 100, latitude=2.0 + n / 100) for n, name in enumerate(HOSTILE)
    ]
    estimates = hostile.figures.estimates
    periods = {
        p.name: {
            "role": p.role, "start": f"{p.name}-01-01", "end": f"{p.name}-12-31",
            "reference_date": p.reference_date,
        }
        for p in hostile.periods
    }  # fmt: skip
    activity = Activity(
        identifier="XX-1-P", organisation="XX-1", organisation_name=SCRIPT, organisation_type="10", title=FORMULA,
        country="CO", sectors={"31165": 100.0}, start="2022-01-01",
    )  # fmt: skip
    report = build(hostile)
    texts = {
        "index.html": render(hostile),
        "report.html": html_report(report),
        "estimates.csv": csv_text(estimates),
        "portfolio.csv": csv_text(hostile.parts.portfolio),
        "estimates_hxl.csv": hxl_text(estimates),
        "sample.kml": kml_text(points, BREAKOUT),
        "sample.gpx": gpx_text(points, BREAKOUT),
        "units.geojson": geojson_text(hostile.admin.frame),
        "iati.xml": activity_text(activity, estimates[estimates["domain"] == "frame"], periods),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "report.pdf").write_bytes(pdf_report(report))
    write_workbook(folder / "tables.xlsx", hostile.figures, hostile.about)
    write_standard_tables(folder / "standard_tables.xlsx", estimates, title=BREAKOUT)
    return {path.name: path for path in folder.iterdir()}


def test_no_sign_that_turns_text_around(files: dict[str, Path]) -> None:
    """Attack: an override in a name is in no byte of any file, unpacked."""
    for name, path in files.items():
        for where, blob in opened(name, path.read_bytes()):
            text = blob.decode("utf-8", errors="ignore")
            if name == "index.html" and where == name:
                text = text.split('id="words"')[0]  # the page's own Arabic isolates its numbers
            assert not OVERRIDES.search(text), where


def test_no_markup_becomes_markup(files: dict[str, Path]) -> None:
    """Attack: in HTML and XML a name opens no element; the documents parse and hold the elements they should."""
    for name in ("index.html", "report.html"):
        text = files[name].read_text(encoding="utf-8")
        visible = re.sub(r"<script type=\"application/json\".*?</script>", "", text, flags=re.S)
        assert "<img src=x" not in visible
        assert "<script>window.hacked" not in text
        assert text.count("</script>") == text.count("<script")
    for name in ("sample.kml", "sample.gpx", "iati.xml"):
        root = ET.fromstring(files[name].read_text(encoding="utf-8"))
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not tags & {"script", "img"}


def test_no_cell_is_a_formula(files: dict[str, Path]) -> None:
    """Attack: every cell of a workbook is text or number; a text cell of a CSV starts with no sign of a formula."""
    for name in ("tables.xlsx", "standard_tables.xlsx"):
        for sheet in openpyxl.load_workbook(files[name]):
            assert all(cell.data_type in ("s", "n") for row in sheet.iter_rows() for cell in row)
        with zipfile.ZipFile(files[name]) as archive:
            assert all(b"<f>" not in archive.read(part) for part in archive.namelist())
            assert not any(
                "hyperlink" in archive.read(part).decode("utf-8", "ignore") for part in archive.namelist()
            )
    for name in ("estimates.csv", "portfolio.csv", "estimates_hxl.csv"):
        for row in csv.reader(io.StringIO(files[name].read_text(encoding="utf-8"))):
            for cell in row:
                assert not cell.startswith(("=", "+", "@")), (name, cell)
                assert not cell.startswith("-") or re.fullmatch(r"-[\d.]+(e[-+]\d+)?", cell), (name, cell)
    assert "'=cmd" in files["portfolio.csv"].read_text(encoding="utf-8")


def test_receivers_get_short_plain_names(files: dict[str, Path]) -> None:
    """Law: names in the GPX are at most 20 plain letters, unique, and lead out of no folder."""
    root = ET.fromstring(files["sample.gpx"].read_text(encoding="utf-8"))
    names = [one.text or "" for one in root.iter("{http://www.topografix.com/GPX/1/1}name")][1:]
    assert len(set(names)) == len(HOSTILE)
    assert all(re.fullmatch(r"[A-Z0-9 _.~-]{1,20}", name) and ".." not in name for name in names), names


def test_pdf_prints_the_name_and_obeys_nothing(files: dict[str, Path]) -> None:
    """Attack: no action, script, link or attached file in the PDF; another program reads the name as text."""
    content = b"".join(blob for _, blob in opened("report.pdf", files["report.pdf"].read_bytes()))
    for action in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/EmbeddedFile", b"/OpenAction", b"/SubmitForm"):
        assert not re.search(action + rb"\b", content), action
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (poppler-utils)")
    text = subprocess.run(
        ["pdftotext", "-raw", files["report.pdf"], "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "window.hacked=2" in text.replace("\n", "")
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|\b49\b", text)[:1]


def test_names_come_back_from_the_map_layer(files: dict[str, Path], hostile: Page) -> None:
    """Independent program (GDAL): the GeoJSON opens, whole, with a row for each unit."""
    frame = geopandas.read_file(files["units.geojson"])
    assert len(frame) == len(hostile.admin.frame)
    assert json.loads(files["units.geojson"].read_text(encoding="utf-8"))["type"] == "FeatureCollection"
    assert frame.geometry.is_valid.all()


@pytest.mark.browser
def test_the_page_runs_nothing_of_it(files: dict[str, Path], browser: Any) -> None:
    """Attack: with every table open and every popup shown nothing of a name ran, and the names are read as text."""
    from tests.maps.test_browser import Opened

    page = Opened(browser, files["index.html"])
    page.tab.click("#toggle-table")
    text = page.text("#tables-body")
    for name in (SCRIPT, FORMULA, "San luaP", PATH, BREAKOUT):
        assert name in text
    page.tab.click("#close-table")
    page.tab.evaluate("() => page.show({ kind: 'cell', row: data.cellRows('coca', '2024')[0] })")
    assert page.tab.evaluate("() => window.hacked") is None
    for file in ("portfolio.csv", "zones.csv"):
        page.tab.click("#toggle-table")
        with page.tab.expect_download() as waiting:
            page.tab.get_by_role("button", name=f"Save {file}").click()
        read = pd.read_csv(waiting.value.path(), dtype=str)
        cells = [str(cell) for cell in read.to_numpy().ravel()]
        assert not [cell for cell in cells if cell.startswith(("=", "@"))]
        page.tab.click("#close-table")
    page.quiet()
