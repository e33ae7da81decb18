"""The three products of one run in a real browser: what each shows, and that every control of it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pages import opened
from maps.disclosure import Tier
from maps.interactive import render
from maps.language import LANGUAGES, language
from maps.sheets import BUDGETS
from tests.maps import builders
from tests.maps.test_browser import DESKTOP, PHONE, Opened, unhidden_numbers

pytestmark = pytest.mark.browser


@pytest.fixture
def product(browser: Any, product_files: dict[Tier, Path]) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens the page of a tier; afterwards each must have been quiet."""
    pages: list[Opened] = []

    def open_tier(tier: Tier, **how: Any) -> Opened:
        pages.append(Opened(browser, product_files[tier], **how))
        return pages[-1]

    yield open_tier
    for page in pages:
        page.quiet()


def shown(page: Opened) -> list[str]:
    """Return the parts at the side that are there to be seen."""
    ids = ("harms", "ranking", "impact", "displacement", "portfolio", "work")
    return [name for name in ids if page.tab.locator(f"#{name}").is_visible()]


def table(page: Opened, name: str) -> list[list[str]]:
    """Return the cells of a table of the page, heads first."""
    return page.tab.evaluate(
        """name => [...document.querySelectorAll('#table-' + name + ' tr')]
          .map((row) => [...row.children].map((cell) => cell.innerText.replace(/[\\u2066-\\u2069]/g, '')))""",
        name,
    )


@pytest.mark.parametrize(
    ("tier", "parts", "themes"),
    [
        (Tier.FIELD, ["work"], ["hectares", "change", "class", "probability", "gaps"]),
        (
            Tier.PROGRAMME,
            ["harms", "ranking", "impact", "displacement", "portfolio"],
            ["hectares", "change", "cells"],
        ),
        (Tier.PUBLIC, ["harms", "impact", "portfolio"], ["hectares", "change", "cells"]),
    ],
)
def test_each_product_shows_its_own(
    product: Callable[..., Opened], tier: Tier, parts: list[str], themes: list[str]
) -> None:
    """Published (the issue's list): parts and themes of field, programme and public page."""
    page = product(tier)
    assert shown(page) == parts
    assert page.tab.evaluate("() => [...document.getElementsByName('theme')].map((one) => one.value)") == themes
    assert page.tab.locator("#baseline").is_visible() == (tier is Tier.PROGRAMME)
    assert bool(page.tab.locator("#period-slider").count()) == (tier is Tier.PUBLIC)
    assert unhidden_numbers(page) == []


def test_donor_reads_figure_verdict_impact_and_its_control(product: Callable[..., Opened]) -> None:
    """Literal: figure with interval, verdict in words, effect with controls, harms with their claim."""
    page = product(Tier.PUBLIC)
    head = page.text("#headline-body")
    assert "95% interval" in head
    assert any(word in head for word in ("Increase", "Decrease", "No significant change"))
    impact = page.text("#impact-body")
    assert "associated with less" in impact
    assert "68 units with the programme against 149 matched units without it" in impact
    assert "−5.80 ha (−6.60 to −5.00)" in impact
    assert "not a proof of cause" in impact
    assert "attributable at most" in page.text("#harms-body")
    assert page.tab.locator("#impact-body svg circle").count() == 5


def test_donor_swipes_and_slides(product: Callable[..., Opened]) -> None:
    """Law: year slider and divider show baseline against current; an AD area tells the figure inside."""
    page = product(Tier.PUBLIC)
    page.tab.check("#compare-on")
    assert page.text("#divider-from") == "2022"
    assert page.text("#divider-to") == "2024"
    page.tab.locator("#period-slider").press("ArrowLeft")
    assert page.text("#divider-to") == "2023"
    page.tab.evaluate("() => page.show({ overlay: data.raw.overlays[2], label: data.raw.overlays[2].labels[0] })")
    assert "Coca bush inside, 2023" in page.text(".popup")
    assert "95% interval" in page.text(".popup")


def test_table_of_everything_and_its_downloads(product: Callable[..., Opened]) -> None:
    """Law: each part has a table that is reached from its top, and rows that a spreadsheet reads."""
    page = product(Tier.PUBLIC)
    page.tab.click("#toggle-table")
    ways = page.tab.locator(".ways button").all_inner_texts()
    assert ways == [
        "Projects",
        "Zones and projects, each by itself",
        "Cells, Coca bush, 2024",
        "Environmental harms",
        "Effect of the programme",
    ]
    page.tab.locator(".ways button", has_text="Effect of the programme").click()
    assert page.tab.evaluate("() => document.activeElement.id") == "table-effects"
    rows = table(page, "portfolio")
    assert rows[3][0] == "Western slopes"
    assert rows[3][6:8] == ["too few to be told", "no figure"]
    assert unhidden_numbers(page) == []
    for name in ("portfolio.csv", "zones.csv", "cells.csv", "harms.csv", "effects.csv"):
        with page.tab.expect_download() as waiting:
            page.tab.get_by_role("button", name=f"Save {name}").click()
        assert waiting.value.suggested_filename == name
        assert len(waiting.value.path().read_text(encoding="utf-8-sig").splitlines()) > 2
    with page.tab.expect_download() as waiting:
        page.tab.click("#download-shapes")
    shapes = json.loads(waiting.value.path().read_text())
    assert len(shapes["features"]) == 12
    suppressed = [one["properties"] for one in shapes["features"] if one["properties"]["state"] == "suppressed"]
    assert suppressed
    assert all(one["value_ha"] is None for one in suppressed)


def test_manager_picks_the_baseline(product: Callable[..., Opened]) -> None:
    """Law: another baseline changes verdict, change map, ranking and divider together."""
    page = product(Tier.PROGRAMME)
    assert "Since 2022" in page.text("#headline-body")
    page.tab.select_option("#baseline-year", "2023")
    assert "Since 2023" in page.text("#headline-body")
    assert page.text("#compare-text") == "Compare with 2023"
    assert "2023 to 2024" in page.text("#ranking-body")
    page.choose("change")
    assert "2023 to 2024" in page.text("#legend h3")
    assert not page.tab.locator("#pair").is_visible()


def test_ranking_ignores_rough_figures(product: Callable[..., Opened]) -> None:
    """Law: ranked are units whose change and both figures carry no warning, the largest rise first; others last."""
    page = product(Tier.PROGRAMME)
    page.tab.click("#toggle-table")
    rows = table(page, "ranking")[1:]
    ranks = [row[0] for row in rows]
    ranked = [row for row in rows if row[0] != "–"]
    assert ranks == [str(n + 1) for n in range(len(ranked))] + ["–"] * (len(rows) - len(ranked))
    assert 0 < len(ranked) < len(rows)
    assert all(row[3] == "rough: not ranked" for row in rows[len(ranked) :])
    rough = page.tab.evaluate(
        """() => data.raw.units.codes.filter((code) => ['2022', '2024']
          .some((period) => data.flags(data.estimate('coca', period, code)).length))
          .map((code) => data.names.get(code))"""
    )
    assert rough
    assert not {row[1] for row in ranked} & set(rough)
    assert all("p 0.020" in row[2] for row in rows)
    changes = page.tab.evaluate(
        """names => names.map((name) => {
          const [code] = [...data.names].find(([, other]) => other === name);
          return data.change('coca', page.state.pair, code).difference_ha;
        })""",
        [row[1] for row in ranked],
    )
    assert changes == sorted(changes, reverse=True)


def test_manager_reads_displacement_and_projects(product: Callable[..., Opened]) -> None:
    """Literal: a ring with more crop is told, one that cannot be estimated too; no sum over a hidden count."""
    page = product(Tier.PROGRAMME)
    said = page.text("#displacement-body")
    assert "displacement is not ruled out" in said
    assert "not estimable" in said
    assert "not summed: a part is not shown" in page.text("#portfolio-body")
    page.tab.click("#toggle-table")
    heads, *rows = table(page, "portfolio")
    assert heads[-1] == "Change"
    assert len(rows) == 3
    assert "p 0.020" in rows[0][-1]


def test_cells_answer_a_click_and_follow_the_divider(product: Callable[..., Opened]) -> None:
    """Law: the figure of the square under the click is shown with its interval and its warning."""
    page = product(Tier.PROGRAMME)
    page.choose("cells")
    at = page.tab.evaluate(
        """() => {
          const map = layers.unit('05000').fill._map, box = map.getContainer().getBoundingClientRect();
          const at = map.latLngToContainerPoint(layers.unit('05003').centre);
          return [box.left + at.x, box.top + at.y];
        }"""
    )
    page.tab.mouse.click(*at)
    page.tab.locator(".popup").wait_for()
    assert page.text(".popup h3").startswith("6km:E")
    assert "indicative" in page.text(".popup")
    assert "km²" in page.text("#legend h3")
    page.tab.check("#compare-on")
    tiles = "() => document.querySelectorAll('.leaflet-cells-before-pane canvas').length"
    assert page.tab.evaluate(tiles) > 0
    page.choose("hectares")
    assert page.tab.evaluate(tiles) == 0


def test_field_office_sees_its_work(product: Callable[..., Opened]) -> None:
    """Law: counts of states are those of the data and follow the year; what is unread comes first."""
    page = product(Tier.FIELD)
    counts = page.tab.evaluate(
        "() => data.raw.sample.known.map((name, i) => data.raw.sample.states[2].filter((one) => one === i).length)"
    )
    assert [int(text) for text in page.tab.locator("#work-body dd").all_inner_texts()] == counts == [12] * 5
    assert "To interpret next: 36" in page.text("#work-body")
    first = page.tab.locator("#work-body ol").first.locator("li")
    assert "not read yet" in first.first.inner_text()
    name = first.first.locator("button").inner_text()
    first.first.locator("button").click()
    assert page.text(".popup h3") == name
    assert "2024: not read yet" in page.text(".popup")
    page.tab.locator("#work-body ol").nth(1).locator("button").first.click()
    assert page.text(".popup h3") == "N0000"
    assert page.tab.locator("#layers input[value=next]").is_checked()
    page.choose("gaps")
    assert "never seen: 3.50% of the area" in page.text("#legend")
    assert page.tab.locator("img.cells").count() == 1


def test_fields_answer_a_click(product: Callable[..., Opened]) -> None:
    """Literal: a click on the largest field tells its id, its probability, and that its area is a count."""
    page = product(Tier.FIELD)
    page.tab.locator("#layers input[value=sample]").uncheck()
    place = page.tab.evaluate(
        """() => {
          const own = data.raw.fields[2], i = own.area.indexOf(Math.max(...own.area));
          const map = layers.unit('05000').fill._map;
          let x = 0, y = 0, at = 0;
          const from = own.shapes.points.slice(0, i).reduce((a, b) => a + b, 0);
          const ring = [];
          for (let p = 0; p < from + own.shapes.points[i]; p += 1) {
            x += own.shapes.steps[2 * p]; y += own.shapes.steps[2 * p + 1];
            if (p >= from) ring.push([x / 1e5, y / 1e5]);
          }
          const mean = (axis) => ring.reduce((sum, point) => sum + point[axis], 0) / ring.length;
          map.setView([mean(1), mean(0)], 16, { animate: false });
          const box = map.getContainer().getBoundingClientRect();
          const point = map.latLngToContainerPoint([mean(1), mean(0)]);
          const number = String(own.names.first + i).padStart(own.names.digits, '0');
          return { name: own.names.head + number, at: [box.left + point.x, box.top + point.y] };
        }"""
    )
    page.tab.mouse.click(*place["at"])
    page.tab.locator(".popup").wait_for()
    assert page.text(".popup h3") == place["name"]
    assert "counted on the map, biased; no estimate" in page.text(".popup")
    assert "Probability of the crop" in page.text(".popup")


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_accessible_in_six_languages(product: Callable[..., Opened], tier: Tier, size: dict[str, Any]) -> None:
    """Independent program: axe-core finds nothing in any language, all tables open; nothing sticks out sideways."""
    page = product(tier, **size)
    page.tab.click("#toggle-table")
    for code in LANGUAGES:
        page.tab.select_option("#language", code)
        told = page.tab.evaluate("() => [document.documentElement.lang, document.documentElement.dir]")
        assert told == [code, language(code).direction]
        assert page.violations() == [], code
        # right-to-left pages are prone to it
        assert page.tab.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), code
    page.tab.click("#close-table")
    page.tab.evaluate("() => page.show('05000')")
    assert page.violations() == []


def test_arabic_on_a_telephone_from_a_stick(product: Callable[..., Opened]) -> None:
    """Literal: opened as a file, without a network, by fingers: every control answers in Arabic, from the right."""
    page = product(Tier.PUBLIC, **PHONE)
    tab, arabic = page.tab, language("ar")
    assert tab.url.startswith("file://")
    tab.select_option("#language", "ar")
    tab.locator("#theme label", has_text=arabic.text("theme.change")).tap()
    assert arabic.text("theme.change") in page.text("#legend h3") or "2022" in page.text("#legend h3")
    tab.locator("#theme label", has_text=arabic.text("theme.hectares")).tap()
    tab.locator("#period-slider").press("ArrowRight")  # to the right is back in time here
    assert page.text("#period output") == "2023"
    tab.locator("#compare").tap()
    tab.locator("#divider-at").scroll_into_view_if_needed()
    for place in ("#map-region", "#divider"):
        box = tab.locator(place).bounding_box()
        assert (box["x"], box["width"]) == (0, 390), place
    at = tab.evaluate(
        """() => {
          const map = layers.map(), box = map.getContainer().getBoundingClientRect();
          const at = map.latLngToContainerPoint(layers.unit('05008').centre);
          return [box.left + at.x, box.top + at.y];
        }"""
    )
    tab.touchscreen.tap(*at)
    tab.locator(".popup").wait_for()
    assert page.text(".popup h3") == "Monte Alto"
    assert tab.locator(".popup").evaluate("node => getComputedStyle(node).direction") == "rtl"
    tab.locator("#toggle-table").tap()
    with tab.expect_download() as waiting:
        tab.locator("#download").tap()
    assert waiting.value.path().read_text(encoding="utf-8-sig").startswith("crop,period,domain")
    said = tab.evaluate("() => document.body.innerText")
    assert not re.search(r"[\u0660-\u0669]", said)  # one set of digits, the one of codes and downloads
    assert tab.evaluate("() => document.documentElement.scrollWidth") == 390


def test_words_around_a_figure_stand_in_order_in_arabic(product: Callable[..., Opened]) -> None:
    """Law: read from the right, a change comes before its interval, wherever the phrase is nested."""
    page = product(Tier.PUBLIC)
    page.tab.select_option("#language", "ar")
    for selector in (".verdict span", "#impact-body .verdict span"):
        right, left = page.tab.locator(selector).first.evaluate(
            """node => {
              const text = node.firstChild, numbers = [...text.data.matchAll(/[\u2212+]\\d[\\d.,]*/g)];
              const side = ({ index, 0: found }) => {
                const range = document.createRange();
                range.setStart(text, index);
                range.setEnd(text, index + found.length);
                return range.getBoundingClientRect().x;
              };
              return numbers.slice(0, 2).map(side);
            }"""
        )
        assert right > left, selector


@pytest.mark.parametrize("tier", list(Tier))
def test_no_text_is_left_in_another_language(product: Callable[..., Opened], tier: Tier) -> None:
    """Law: no key of the catalogue shows as a key, in any language."""
    page = product(tier)
    for code in LANGUAGES:
        page.tab.select_option("#language", code)
        page.tab.click("#toggle-table")
        text = page.text("body")
        assert re.findall(r"\b(?:parts|impact|harms|state|verdict)\.(?!csv)\w+|undefined|NaN", text) == []
        page.tab.click("#close-table")


def test_donor_page_prints_on_few_sheets(product: Callable[..., Opened]) -> None:
    """Law: the donor page prints on A4 with its parts; the map with its figure is the first sheet."""
    content = product(Tier.PUBLIC).tab.pdf(prefer_css_page_size=True, print_background=True)
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 7


@pytest.mark.parametrize("tier", list(Tier))
def test_products_are_ready_and_small(browser: Any, product_files: dict[Tier, Path], tier: Tier) -> None:
    """Published (docs/maps.md): bytes of the tier, ready in 2 s at a quarter of the speed, heap under 150 MB.

    Time is that of the page's thread, times four, so that other work on the machine does not count.
    """
    assert product_files[tier].stat().st_size <= BUDGETS[tier].size
    told = opened(browser, product_files[tier])
    assert 4 * told["processor_s"] <= 2.0
    assert told["heap_mb"] < 150
    assert told["said"] == 0


def test_painted_units_look_and_answer_as_drawn_ones(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: units too many for shapes of their own have the same colour at their middle, and answer a click."""
    made = builders.product(tmp_path, Tier.PROGRAMME, elevation=None)
    (tmp_path / "drawn.html").write_text(render(made), encoding="utf-8")
    monkeypatch.setattr("maps.payload.MOST_SHAPES", 5)
    (tmp_path / "painted.html").write_text(render(made), encoding="utf-8")
    drawn, painted = (Opened(browser, tmp_path / f"{name}.html") for name in ("drawn", "painted"))
    told = drawn.tab.evaluate("() => data.raw.units.codes.map((code) => layers.unit(code).fill.options.fillColor)")
    painted.tab.wait_for_timeout(300)
    seen = painted.tab.evaluate(
        """() => data.raw.units.codes.map((code) => {
          const map = layers.map(), box = map.getContainer().getBoundingClientRect();
          const at = map.latLngToContainerPoint(layers.unit(code).centre);
          for (const tile of document.querySelectorAll('.leaflet-units-pane canvas')) {
            const own = tile.getBoundingClientRect();
            const x = box.left + at.x - own.left, y = box.top + at.y - own.top;
            if (x < 0 || y < 0 || x >= own.width || y >= own.height) continue;
            const scale = tile.width / own.width;
            const pixel = tile.getContext('2d').getImageData(x * scale, y * scale, 1, 1).data;
            const hex = [...pixel.slice(0, 3)].map((part) => part.toString(16).padStart(2, '0')).join('');
            return '#' + hex.toUpperCase();
          }
          return null;
        })"""
    )
    plain = [(one, two) for one, two in zip(told, seen, strict=True) if one.startswith("#")]
    assert len(plain) > 4
    assert all(one.upper() == two for one, two in plain), plain
    at = painted.tab.evaluate(
        """() => {
          const map = layers.map(), box = map.getContainer().getBoundingClientRect();
          const at = map.latLngToContainerPoint(layers.unit('05000').centre);
          return [box.left + at.x, box.top + at.y];
        }"""
    )
    painted.tab.mouse.click(*at)
    painted.tab.locator(".popup").wait_for()
    assert painted.text(".popup h3") == "La Esperanza"
    painted.tab.check("#compare-on")
    painted.tab.wait_for_timeout(200)
    count = "() => document.querySelectorAll('.leaflet-units-before-pane canvas').length"
    assert painted.tab.evaluate(count) > 0
    painted.choose("change")
    assert unhidden_numbers(painted) == []
    painted.said = [said for said in painted.said if "getImageData" not in said]  # this test's own reading
    drawn.quiet()
    painted.quiet()
