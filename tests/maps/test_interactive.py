"""The page's content: figures with intervals, hostile names as text, equal bytes, and the size budget."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geo.errors import InputError
from maps.disclosure import Tier
from maps.interactive import _SCRIPTS, render
from maps.language import LANGUAGES
from maps.page import AdminLayer, Figures, Page
from tests.maps import builders

PUBLIC_BUDGET_BYTES = 1_500_000
PUBLIC_CELLS = 2_000

HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=2</script>",
    "=cmd|'/c calc'!A1",
    "San\u202eluaP",
    "{{ 7*7 }}{% raw %}",
    "${window.hacked=3}",
    "' onmouseover='window.hacked=4",
    "../../etc/passwd",
    "Normal",
)


def data(html: str) -> dict[str, Any]:
    """Return the data inside a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, flags=re.S)
    assert found is not None
    return json.loads(found[1])


def test_equal_pages_equal_bytes(example: Page, example_html: str) -> None:
    """Law: a page rendered again is the same to the byte."""
    assert render(example) == example_html


def test_no_markup_from_data() -> None:
    """Literal: our scripts never hand text to the HTML parser or to an evaluator."""
    for name in _SCRIPTS:
        code = (files("maps.assets") / name).read_text(encoding="utf-8")
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
            assert forbidden not in code, (name, forbidden)


def test_hectares_are_written_in_one_place() -> None:
    """Literal: only figure.js turns hectares into text, in three functions that all add what must stand beside."""
    for name in _SCRIPTS[_SCRIPTS.index("figure.js") + 1 :]:
        code = (files("maps.assets") / name).read_text(encoding="utf-8")
        assert "words.area(" not in code
    figure = (files("maps.assets") / "figure.js").read_text(encoding="utf-8")
    assert figure.count("words.area(") == 3


def test_every_number_has_its_interval(example_html: str) -> None:
    """Law: in the page's data a row has value and both limits, or none of the three, and then a state."""
    table = data(example_html)["estimates"]
    value, lo, hi = (table["numbers"][name] for name in ("value_ha", "lo_ha", "hi_ha"))
    assert len(value) == table["rows"] > 30
    for triple in zip(value, lo, hi, strict=True):
        assert all(x is None for x in triple) or all(x is not None for x in triple)
    states = table["texts"]["state"]["values"]
    assert {"estimated", "suppressed", "not_surveyed", "zero"} == set(states)
    assert sum(x is None for x in value) == 2 * len(builders.PERIODS)


def test_empty_cells_are_never_zero(example_html: str) -> None:
    """Law: no cell without a figure became 0 on its way into the page."""
    table = data(example_html)["estimates"]
    states: list[str] = []
    runs = table["texts"]["state"]["runs"]
    for index, length in zip(runs[::2], runs[1::2], strict=True):
        states += [table["texts"]["state"]["values"][index]] * length
    for state, value in zip(states, table["numbers"]["value_ha"], strict=True):
        assert (value is None) == (state in ("suppressed", "not_surveyed"))


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Literal: names that carry markup, formulas or template signs reach the page as data and nothing else."""
    about = builders.about(
        title=HOSTILE[0], subtitle=HOSTILE[1], sources=HOSTILE[2], notes=HOSTILE, run_id=HOSTILE[6]
    )
    html = render(builders.page(tmp_path, count=len(HOSTILE), names=HOSTILE, about=about))
    assert "<img" not in html
    assert "\u202e" not in html
    assert html.count("</script>") == html.count("<script")
    assert set(data(html)["units"]["names"]) == {name.replace("\u202e", " ") for name in HOSTILE}


def test_public_budget(tmp_path: Path, example: Page) -> None:
    """Law: a public page of 2,000 cells, three periods, class and probability maps stays within 1.5 MB."""
    admin = builders.units(PUBLIC_CELLS)
    table = builders.estimates(admin)
    page = builders.page(
        tmp_path,
        admin=AdminLayer(frame=admin, tier=Tier.PUBLIC),
        figures=Figures(estimates=table, change=builders.changes(table)),
    )
    size = len(render(page).encode())
    assert 500_000 < size < PUBLIC_BUDGET_BYTES
    assert size > len(render(example).encode())


@pytest.mark.parametrize("code", LANGUAGES)
def test_opens_in_each_language(code: str, tmp_path: Path) -> None:
    """Law: the page carries its language and direction, and all six catalogues."""
    html = render(builders.page(tmp_path, language=code, rasters=(), elevation=None))
    direction = "rtl" if code == "ar" else "ltr"
    assert f'<html lang="{code}" dir="{direction}">' in html
    found = re.search(r'<script type="application/json" id="words">(.*?)</script>', html, flags=re.S)
    assert found is not None
    assert next(iter(json.loads(found[1]))) == code
    assert set(json.loads(found[1])) == set(LANGUAGES)


def test_published_figures_without_limits(tmp_path: Path) -> None:
    """Literal: figures that were published without an interval keep their value and carry no made-up limits."""
    table = builders.estimates(builders.units())
    table[["lo_ha", "hi_ha", "se_ha", "level"]] = np.nan
    html = render(builders.page(tmp_path, figures=Figures(estimates=table), rasters=()))
    numbers = data(html)["estimates"]["numbers"]
    assert numbers["lo_ha"]["values"] == numbers["level"]["values"] == [None]
    assert any(value for value in numbers["value_ha"])


def test_draft_unless_cleared(tmp_path: Path) -> None:
    """Literal: without a cleared text the page says draft; with one it prints that text alone."""
    draft = render(builders.page(tmp_path, rasters=(), elevation=None))
    cleared = render(
        builders.page(
            tmp_path, rasters=(), elevation=None, about=builders.about(disclaimer="Cleared text 12/2025.")
        )
    )
    assert "Draft – not cleared." in draft.split("<footer")[1].split("</footer>")[0]
    footer = cleared.split("<footer")[1].split("</footer>")[0]
    assert "Cleared text 12/2025." in footer
    assert "Draft" not in footer


def test_missing_raster(tmp_path: Path, example: Page) -> None:
    """Literal: a raster that is gone is named, with exit code 3."""
    page = builders.page(tmp_path)
    page.rasters[0].path.unlink()
    with pytest.raises(InputError, match=r"class_2022\.tif"):
        render(page)


def test_periods_read_as_numbers(tmp_path: Path, example: Page, example_html: str) -> None:
    """Law: a table whose periods a reader turned into numbers gives the same page."""
    figures = example.figures
    table = figures.estimates.assign(period=figures.estimates["period"].astype(int))
    change = figures.change.assign(**{end: figures.change[end].astype(int) for end in ("from", "to")})
    page = replace(example, figures=replace(figures, estimates=table, change=change))
    assert render(page) == example_html
