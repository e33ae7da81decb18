"""The six harms on the page and in the workbook: no figure without its interval, words for what is not there."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from PIL import Image

from geo.cog import RasterStyle, write_cog
from geo.errors import DisclosureError, InputError
from geo.raster import geobox_of
from maps.disclosure import Tier
from maps.harm_words import readings, sentence_key
from maps.interactive import render
from maps.language import LANGUAGES, language
from maps.overlay_image import code_image
from maps.page import HARMS, HarmFigure, HarmMap, Page
from maps.payload import payload
from maps.report.content import build
from maps.report.document import Paragraph
from maps.table import write_workbook
from tests.maps import builders
from tests.maps.test_browser import Opened

CLASSES = ((1, "#8FB996", "class_other_loss"), (2, "#E6B94A", "class_crop"), (3, "#A50F15", "class_direct"))


def six(period: str = "2024") -> tuple[HarmFigure, ...]:
    """Return the six harms: three figures, one of them of a millionth, and three that are not there."""
    head: dict[str, Any] = {"crop": "coca", "period": period, "claim": "at_most"}
    return (
        HarmFigure(
            harm="deforestation", state="computed", value=12.5, lo=8, hi=20, unit="ha/yr", grade="B", **head
        ),
        HarmFigure(harm="erosion", state="not_computed", **(head | {"claim": "potential"})),
        HarmFigure(harm="degradation", state="computed", value=40, lo=30, hi=55, unit="ha", grade="B", **head),
        HarmFigure(harm="species", state="not_resolvable", **head),
        HarmFigure(harm="contamination", state="not_estimable", **(head | {"claim": "potential"})),
        HarmFigure(
            harm="gases", state="computed", value=2.5e-6, lo=1e-6, hi=4e-6, unit="t CO2e", grade="C", **head
        ),
    )


@pytest.fixture
def harmed(example: Page, tmp_path: Path) -> Page:
    """Return the example page with the six harms and a map of one."""
    grid = geobox_of(example.rasters[0].path)
    codes = np.zeros(grid.shape, dtype=np.uint8)
    codes[:40, :40], codes[40:80, :40] = 3, 1
    write_cog(tmp_path / "loss.tif", codes, grid, style=RasterStyle(nodata=0))
    shown = HarmMap(
        harm="deforestation",
        crop="coca",
        period="2024",
        path=tmp_path / "loss.tif",
        classes=CLASSES,
        tier=Tier.PUBLIC,
    )
    return replace(example, figures=replace(example.figures, harms=six()), harm_maps=(shown,))


def test_a_figure_needs_its_interval() -> None:
    """Law: a harm has a figure inside its interval, or a state that says why not, never half of both."""
    head: dict[str, Any] = {"harm": "erosion", "crop": "coca", "period": "2024", "claim": "potential"}
    for wrong in (
        {"state": "computed", "value": 3.0},
        {"state": "not_computed", "value": 3.0, "lo": 1.0, "hi": 4.0},
    ):
        with pytest.raises(InputError, match="a figure with its interval"):
            HarmFigure(**head, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one of deforestation"):
        HarmFigure(harm="happiness", crop="coca", period="2024", claim="potential", state="not_computed")


def test_payload_holds_six_and_a_missing_figure_is_no_zero(harmed: Page) -> None:
    """Law: six harms by name, numbers only where computed, a map with the classes of its legend."""
    content = payload(harmed)
    assert [one["harm"] for one in content["harms"]] == list(HARMS)
    assert [one["value"] is None for one in content["harms"]] == [False, True, False, True, True, False]
    (drawn,) = [one for one in content["rasters"] if one["kind"] == "harm_deforestation"]
    assert [entry["key"] for entry in drawn["classes"]] == [f"harms.{name}" for _, _, name in CLASSES]


def test_amounts_are_drawn_in_classes(example: Page, tmp_path: Path) -> None:
    """Literal raster: amounts below the first limit and no-data are clear, others coloured by class."""
    grid = geobox_of(example.rasters[0].path)
    amounts = np.full(grid.shape, -9999.0, dtype=np.float32)
    amounts[: grid.shape[0] // 2], amounts[: grid.shape[0] // 4] = 0.5, 60.0
    write_cog(tmp_path / "added.tif", amounts, grid, style=RasterStyle(nodata=-9999.0))
    drawn = code_image(tmp_path / "added.tif", {1: "#FEE0B6", 2: "#7F3B08"}, limits=(1.0, 50.0))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn.uri.split(",")[1]))).convert("RGBA"))
    seen = picture[..., 3] > 0
    assert 0.15 < seen.mean() < 0.3
    assert np.abs(picture[seen][:, :3].astype(int) - (0x7F, 0x3B, 0x08)).max() <= 3


def test_a_map_of_plots_is_for_the_field_alone(harmed: Page) -> None:
    """Law: a map of harm shows plots and is of the field unless said otherwise; a public page refuses it."""
    plots = HarmMap(harm="gases", crop="coca", period="2024", path=harmed.harm_maps[0].path, classes=CLASSES)
    with pytest.raises(DisclosureError, match="map of harm gases"):
        replace(harmed, about=replace(harmed.about, tier=Tier.PUBLIC), harm_maps=(plots,))


@pytest.mark.parametrize("code", LANGUAGES)
def test_workbook_tells_the_harms_in_words(code: str, harmed: Page, tmp_path: Path) -> None:
    """Law: one row a harm, figure between its limits, states as words of the language, blanks where none."""
    words = language(code)
    write_workbook(tmp_path / "book.xlsx", harmed.figures, harmed.about, language_code=code)
    sheet = openpyxl.load_workbook(tmp_path / "book.xlsx")[words.text("harms.sheet")]
    rows = list(sheet.iter_rows(min_row=3, values_only=True))
    assert [row[0] for row in rows] == [words.text(f"harms.{harm}") for harm in HARMS]
    assert rows[1][3] == words.text("harms.not_computed")
    assert rows[1][4] is None
    assert rows[0][5] <= rows[0][4] <= rows[0][6]


def test_words_of_every_harm_in_every_language() -> None:
    """Law: each language names the harms, their states and sentences, and keeps their places."""
    english = language("en").words
    for code in LANGUAGES:
        words = language(code).words
        for harm in HARMS:
            assert words[f"harms.{harm}"]
            assert "{figure}" in words[f"harms.read_{harm}"], (code, harm)
        assert {key for key in words if key.startswith("harms.")} == {
            key for key in english if key.startswith("harms.")
        }


@pytest.mark.browser
def test_page_reads_the_harms(browser: Any, harmed: Page, tmp_path: Path) -> None:
    """Law: the page shows figure, interval, grade and claim, words for the rest, and the map with its legend."""
    path = tmp_path / "index.html"
    path.write_text(render(harmed), encoding="utf-8")
    page = Opened(browser, path)
    told = page.text("#harms")
    for part in ("12.5", "8.0 to 20.0", "attributable at most", "grade B", "not computed", "not estimable"):
        assert part in told, part
    assert "0.0000025" in told
    assert "so they are not added up" in told
    page.choose("harm_deforestation")
    lead = page.text("#headline")
    for part in (
        "Forest cleared",
        "12.5",
        "8.0 to 20.0",
        "attributable at most",
        "grade B",
        "what was observed less",
    ):
        assert part in lead, part
    assert "Crop on forest cleared for it" in page.text("#legend")
    assert page.violations() == []
    page.choose("2022")
    assert not page.tab.locator("#harms").is_visible()
    page.quiet()


def test_erosion_that_may_be_less_says_so() -> None:
    """Literal: the sentence of erosion by its interval and grade; other harms have one."""

    def erosion(value: float, lo: float, hi: float, grade: str) -> str:
        return sentence_key(
            HarmFigure(
                harm="erosion", crop="coca", period="2024", state="computed", claim="potential",
                value=value, lo=lo, hi=hi, unit="t/yr", grade=grade,
            )
        )  # fmt: skip

    assert erosion(10, 5, 20, "C") == "harms.read_erosion"
    assert erosion(10, 5, 20, "D") == "harms.read_erosion_steep"
    assert erosion(1, -5, 20, "C") == erosion(1, -5, 20, "D") == "harms.read_erosion_either"
    assert sentence_key(six()[0]) == "harms.read_deforestation"


@pytest.mark.browser
@pytest.mark.parametrize("rounded", [0.0, 1.0])
def test_report_reads_as_the_page_does(browser: Any, tmp_path: Path, rounded: float) -> None:
    """Law: the paragraph of the report is that of the page, letter for letter, in every language."""
    told = builders.page(tmp_path)
    figures = replace(told.figures, harms=builders.harms())
    told = replace(told, figures=figures, about=replace(told.about, round_ha=rounded))
    path = tmp_path / "index.html"
    path.write_text(render(told), encoding="utf-8")
    page = Opened(browser, path)
    for code in LANGUAGES:
        page.tab.select_option("#language", code)
        [(_, own)] = readings(builders.harms(), language(code), rounded=rounded > 0)
        assert page.tab.locator("#harms .reading").text_content() == own, code
        blocks = [
            block.text for block in build(replace(told, language=code)).blocks if isinstance(block, Paragraph)
        ]
        assert any(own in text for text in blocks), code


@pytest.mark.browser
def test_what_covers_a_map_of_harm_steps_back(browser: Any, tmp_path: Path) -> None:
    """Law: fields and sample units are off the map in a theme of harm, on if called, and come back after it."""
    field = builders.product(tmp_path, Tier.FIELD)
    field = replace(field, figures=replace(field.figures, harms=builders.harms()))
    grid = geobox_of(field.rasters[0].path)
    write_cog(tmp_path / "loss.tif", np.ones(grid.shape, np.uint8), grid, style=RasterStyle(nodata=0))
    shown = HarmMap(
        harm="erosion", crop="coca", period="2024", path=tmp_path / "loss.tif", classes=CLASSES, tier=Tier.FIELD
    )
    path = tmp_path / "index.html"
    path.write_text(render(replace(field, harm_maps=(shown,))), encoding="utf-8")
    page = Opened(browser, path)
    switch = "#layers input[value={}]"

    def on() -> tuple[bool, bool]:
        return page.tab.locator(switch.format("fields")).is_checked(), page.tab.locator(
            switch.format("sample")
        ).is_checked()

    assert on() == (True, True)
    page.choose("harm_erosion")
    assert on() == (False, False)
    assert "Soil erosion added" in page.text("#headline")
    assert not page.tab.locator("#details").is_visible()
    page.tab.locator(switch.format("sample")).check()
    page.choose("class")
    assert on() == (True, True)
    assert "Soil erosion added" not in page.text("#headline")
    assert page.tab.locator("#details").is_visible()
    page.tab.locator(switch.format("sample")).uncheck()
    page.choose("harm_erosion")
    page.choose("hectares")
    assert on() == (True, False)
    page.quiet()


def test_nothing_to_say_without_harms(example: Page) -> None:
    """Law: a page of a survey without harms has none in its data."""
    assert payload(example)["harms"] == []
    assert math.isnan(six()[1].value)
