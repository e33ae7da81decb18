"""The page in a real browser: every control, six languages, phone and paper, keyboard, and hostile names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from maps.interactive import render
from maps.language import LANGUAGES, language
from maps.page import FRAME_DOMAIN, Figures, Page, Period
from tests.maps import builders
from tests.maps.test_interactive import HOSTILE

pytestmark = pytest.mark.browser

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
ISOLATES = re.compile("[\u2066-\u2069]")


class Opened:
    """A page in a tab of its own, which notes whatever it says and asks for."""

    def __init__(self, browser: Any, path: Path, **how: Any) -> None:
        self.context = browser.new_context(**{**DESKTOP, **how})
        self.context.set_offline(True)
        self.context.set_default_timeout(20_000)
        self.tab = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.tab.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.tab.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(path.as_uri())
        self.tab.locator("html[data-ready=yes]").wait_for(state="attached")

    def choose(self, value: str) -> None:
        """Choose a radio button by its value, or a period on the slider."""
        periods = self.tab.evaluate("() => data.raw.periods.map((period) => period.name)")
        slider = self.tab.locator("#period-slider")
        if value in periods and slider.count():
            slider.fill(str(periods.index(value)))
        else:
            self.tab.locator(f"input[type=radio][value='{value}']").check(force=True)

    def text(self, selector: str) -> str:
        """Return the visible text of an element, without direction signs."""
        return ISOLATES.sub("", self.tab.locator(selector).inner_text())

    def click_unit(self, code: str) -> None:
        """Open the popup of a unit with a real click where its name stands."""
        at = self.tab.evaluate(
            """code => {
              const unit = layers.unit(code), map = unit.fill._map;
              const at = map.latLngToContainerPoint(unit.centre), box = map.getContainer().getBoundingClientRect();
              return [box.left + at.x, box.top + at.y];
            }""",
            code,
        )
        self.tab.mouse.click(*at)
        self.tab.locator(".popup").wait_for()

    def violations(self) -> list[str]:
        """Return what axe-core finds wrong for readers with disabilities."""
        if not self.tab.evaluate("typeof axe !== 'undefined'"):
            self.tab.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:120]} {one['nodes'][0]['any'][:1]}"
            for one in found["violations"]
        ]

    def quiet(self) -> None:
        """Check that the page said nothing and asked for nothing but itself and the pictures inside it."""
        assert self.said == []
        assert [url[:80] for url in self.asked[1:] if not url.startswith(("data:", "blob:"))] == []
        self.context.close()


@pytest.fixture
def opened(browser: Any, example_file: Path) -> Iterator[Opened]:
    """Open the example at desktop size; afterwards it must have been quiet."""
    page = Opened(browser, example_file)
    yield page
    page.quiet()


def unhidden_numbers(page: Opened) -> list[str]:
    """Return blocks that show hectares without showing an interval or saying why there is none."""
    return page.tab.evaluate(
        r"""() => {
          const number = /\d[\d,.]*\s*ha\b/, range = /\d\s+to\s+[\u2212+]?\d/, bad = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const node = walker.currentNode, holder = node.parentElement;
            if (!number.test(node.data) || holder.closest('script, style, caption')) continue;
            const block = holder.closest(
              'td, dd, li, p.at, p.reading, .verdict, .popup, #headline, #details, figure, svg');
            if (!block || !range.test(block.textContent)) {
              if (!(block && block.id === 'details' && holder.closest('.counted'))) bad.push(node.data);
            }
          }
          return bad;
        }"""
    )


def test_every_theme_and_period(opened: Opened, example: Page) -> None:
    """Law: whatever is chosen, the headline is the figure of that crop and period with its interval."""
    english = language("en")
    table = example.figures.estimates.set_index(["period", "domain"])
    for period in ("2022", "2023", "2024"):
        opened.choose(period)
        for theme in ("hectares", "class", "probability"):
            opened.choose(theme)
            row = table.loc[(period, FRAME_DOMAIN)]
            shown = opened.text("#headline-body")
            assert english.area(row["value_ha"], scale=row["hi_ha"]) in shown
            assert english.interval(row["lo_ha"], row["hi_ha"]) in shown
            assert period in opened.text("#legend h3")
            assert unhidden_numbers(opened) == []
            assert opened.tab.locator("img.cells").count() == (theme in ("class", "probability"))


def test_class_map_follows_the_year(opened: Opened) -> None:
    """Law: another year shows another picture, and going back shows the first again."""
    opened.choose("class")
    first = opened.tab.locator("img.cells").get_attribute("src")
    opened.choose("2022")
    assert opened.tab.locator("img.cells").get_attribute("src") != first
    opened.choose("2024")
    assert opened.tab.locator("img.cells").get_attribute("src") == first


def test_divider_shows_two_years(opened: Opened) -> None:
    """Law: left of the divider stand the colours of the baseline, right of it those of the year chosen."""
    fills = (
        "pane => [...document.querySelectorAll('.leaflet-' + pane + '-pane path')].map(p => p.getAttribute('fill'))"
    )
    opened.choose("2022")
    baseline = opened.tab.evaluate(fills, "units")
    opened.choose("2024")
    current = opened.tab.evaluate(fills, "units")
    assert not opened.tab.locator("#divider").is_visible()
    opened.tab.check("#compare-on")
    assert opened.text("#compare") == "Compare with 2022"
    assert opened.tab.evaluate(fills, "units-before") == baseline != current
    assert opened.tab.evaluate(fills, "units") == current
    for _ in range(10):
        opened.tab.locator("#divider-at").press("ArrowLeft")
    left, right = (
        opened.tab.evaluate("pane => document.querySelector('.leaflet-' + pane + '-pane').style.clipPath", name)
        for name in ("units-before", "units")
    )
    ends = [[float(x) for x in re.findall(r"([-.\d]+)px [-.\d]+px", text)] for text in (left, right)]
    assert max(ends[0]) == min(ends[1])
    size = opened.tab.evaluate("() => document.getElementById('map-region').clientWidth")
    assert max(ends[0]) - min(ends[0]) == pytest.approx(17 + (size - 34) * 0.4, abs=0.5)
    opened.choose("class")
    assert opened.tab.locator("img.cells").count() == 2
    opened.choose("change")
    assert not opened.tab.locator("#divider").is_visible()
    assert opened.tab.locator("img.cells").count() == 0
    assert unhidden_numbers(opened) == []


def test_indicative_figures_are_not_ranked(example: Page, browser: Any, tmp_path: Path) -> None:
    """Law: sorted by hectares, rows flagged INDICATIVE stand last whatever their figure."""
    estimates = example.figures.estimates.copy()
    units = estimates[(estimates["domain"] != FRAME_DOMAIN) & (estimates["period"] == "2024")].dropna(
        subset="value_ha"
    )
    largest = units.sort_values("value_ha").iloc[-1]["domain"]
    estimates.loc[estimates["domain"] == largest, "flags"] = "INDICATIVE"
    path = tmp_path / "index.html"
    path.write_text(
        render(replace(example, figures=replace(example.figures, estimates=estimates))), encoding="utf-8"
    )
    page = Opened(browser, path)
    page.tab.click("#toggle-table")
    for _ in range(2):
        page.tab.locator("#tables thead button").nth(4).click()
        codes = page.tab.evaluate("() => [...document.querySelectorAll('#tables-body tbody')][0].innerText")
        order = re.findall(r"\b05\d{3}\b", codes)
        assert [code for code in order if code in set(units["domain"])][-1] == largest


def test_change_view(opened: Opened, example: Page) -> None:
    """Law: units take the colour of their verdict, and another comparison repaints them."""
    opened.choose("change")
    assert not opened.tab.locator("#period").is_visible()
    colours = opened.tab.evaluate(
        "() => data.raw.units.codes.map(code => layers.unit(code).fill.options.fillColor)"
    )
    palette = opened.tab.evaluate("() => data.raw.palette.change")
    change = example.figures.change
    verdicts = change[(change["from"] == "2022") & (change["to"] == "2024")].set_index("domain")["verdict"]
    for code, colour in zip(example.admin.frame["code"], colours, strict=True):
        if code not in verdicts.index:
            assert colour == "url(#empty)"
        else:
            expected = palette[verdicts[code].replace(" ", "_")]
            assert colour in (expected, f"url(#wide-{expected[1:]})")
    assert any(colour.startswith("url(#wide-") for colour in colours)
    opened.choose("1")
    assert "2023 to 2024" in opened.text("#legend h3")
    assert unhidden_numbers(opened) == []


def test_popups_of_every_state(opened: Opened, example: Page) -> None:
    """Law: a popup prints value and interval, or words; an empty cell never prints 0."""
    english = language("en")
    table = example.figures.estimates
    now = table[(table["period"] == "2024") & (table["domain"] != FRAME_DOMAIN)].set_index("domain")
    for code, row in now.iterrows():
        opened.tab.evaluate("code => page.show(code)", code)
        shown = opened.text(".popup")
        if row["state"] in ("estimated", "zero"):
            assert english.area(row["value_ha"], scale=row["hi_ha"]) in shown
            assert english.interval(row["lo_ha"], row["hi_ha"]) in shown
        else:
            assert english.text(f"state.{row['state']}") in shown
            assert not re.search(r"\d ha", shown)
        assert (english.text("flag.LOW_COUNT") in shown) == (row["flags"] == "LOW_COUNT")
        assert unhidden_numbers(opened) == []


def test_click_opens_the_unit_below(opened: Opened) -> None:
    """Literal: a click on San Isidro tells of San Isidro, and follows the year and the language."""
    opened.click_unit("05000")
    assert opened.text(".popup h3") == "La Esperanza"
    opened.choose("2022")
    assert "2022" in opened.text(".popup .at")
    opened.tab.select_option("#language", "fr")
    assert "Intervalle à 95\u00a0%" in opened.text(".popup .limits")


def test_counted_stands_below_the_estimate(opened: Opened) -> None:
    """Literal: hectares of the map say what they are, once, under the estimate."""
    assert opened.text(".counted").endswith("ha counted on the map, biased")
    assert opened.tab.locator(".counted").count() == 1
    box, value = opened.tab.locator(".counted").bounding_box(), opened.tab.locator(".value").bounding_box()
    assert box["y"] > value["y"]


def test_layer_switches(opened: Opened) -> None:
    """Law: every switch removes what it names from map and legend and brings it back."""
    for box in opened.tab.locator("#layers input[type=checkbox]").all():
        before = opened.tab.evaluate("() => document.querySelector('.leaflet-map-pane').innerHTML.length")
        legend = opened.text("#legend-body")
        box.uncheck()
        assert opened.tab.evaluate("() => document.querySelector('.leaflet-map-pane').innerHTML.length") != before
        box.check()
        assert opened.text("#legend-body") == legend
    opened.tab.locator("#opacity").fill("40")
    assert opened.tab.evaluate("() => layers.unit('05000').fill.options.fillOpacity") == 0.4


def test_table_holds_every_figure(opened: Opened, example: Page) -> None:
    """Law: the table prints each unit and period with its interval or state, and sorts by a click."""
    opened.tab.click("#toggle-table")
    rows = opened.tab.locator("#tables table").first.locator("tbody tr")
    assert rows.count() == len(example.admin.frame) + 1
    assert unhidden_numbers(opened) == []
    cells = [ISOLATES.sub("", cell) for cell in opened.tab.locator("#tables td.figure").all_inner_texts()]
    table = example.figures.estimates
    english = language("en")
    for row in table[table["state"] == "estimated"].itertuples():
        wanted = english.interval(row.lo_ha, row.hi_ha)
        assert any(wanted in cell and english.area(row.value_ha, scale=row.hi_ha) in cell for cell in cells)
    assert sum("not shown, to protect people" in cell for cell in cells) == len(example.periods)
    opened.tab.locator("#tables thead button", has_text="2024").click()
    first = rows.nth(1).inner_text()
    biggest = table[(table["period"] == "2024") & (table["domain"] != FRAME_DOMAIN)].nlargest(1, "value_ha")
    assert biggest["domain_name"].item() in first
    rows.nth(1).locator("button").click()
    assert opened.text(".popup h3") == biggest["domain_name"].item()
    assert not opened.tab.locator("#tables").is_visible()


def test_keyboard_alone(opened: Opened) -> None:
    """Literal: from the skip link through the controls to table and back without a mouse."""
    keys = opened.tab.keyboard
    keys.press("Tab")
    assert opened.tab.evaluate("() => document.activeElement.className") == "skip"
    keys.press("Tab")
    assert opened.tab.evaluate("() => document.activeElement.id") == "toggle-table"
    keys.press("Enter")
    assert opened.tab.locator("#tables").is_visible()
    assert opened.tab.evaluate("() => document.activeElement.id") == "tables"
    keys.press("Escape")
    assert not opened.tab.locator("#tables").is_visible()
    for _ in range(3):
        keys.press("Tab")
    assert opened.tab.evaluate("() => document.activeElement.name") == "theme"
    keys.press("ArrowRight")
    assert opened.tab.evaluate("() => [document.activeElement.value, page.state.theme]") == ["change", "change"]


def test_downloads(opened: Opened, example: Page) -> None:
    """Independent program: pandas reads the two CSV files made in the page, with the contract's columns."""
    opened.tab.click("#toggle-table")
    for button, table in (("#download", example.figures.estimates), ("#download-change", example.figures.change)):
        with opened.tab.expect_download() as waiting:
            opened.tab.click(button)
        path = waiting.value.path()
        back = pd.read_csv(path, dtype={"domain": str})
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        assert set(table.columns) <= set(back.columns)
        assert len(back) == len(table)
    assert "05000" in set(back["domain"])


def test_numbers_as_in_the_tables(opened: Opened) -> None:
    """Independent program: page and Python write numbers, ranges, counts and dates alike in six languages."""
    values = [0, 0.004, 0.5, 1.005, 9.994, 9.996, 42.25, 99.94, 99.96, 1234.5, 12345.678, 1234567.5, -0.001, -77.7]
    pairs = [(0.0, 3.2), (-145.2, 66.9), (1001, 1467.4)]
    for code in LANGUAGES:
        opened.tab.select_option("#language", code)
        words = language(code)
        written = opened.tab.evaluate("values => values.map(v => words.number(v))", values)
        assert written == [words.number(value) for value in values]
        written = opened.tab.evaluate("pairs => pairs.map(([a, b]) => words.interval(a, b, true))", pairs)
        assert written == [words.interval(lo, hi, signed=True) for lo, hi in pairs]
        assert opened.tab.evaluate("() => words.percent(0.9315)") == words.percent(0.9315)
        assert opened.tab.evaluate("() => words.className('sugar_cane')") == words.class_name("sugar_cane")
        counts = [*range(25), 100, 101, 111, 1001, 1234567]
        written = opened.tab.evaluate("counts => counts.map((n) => words.counted('count.units', n))", counts)
        assert written == [words.counted("count.units", count) for count in counts]
        dates = ["2024-12-31", "2025-03-01", "2024", "2024-13-01"]
        assert opened.tab.evaluate("dates => dates.map(words.date)", dates) == [words.date(one) for one in dates]


def test_axe_would_speak(browser: Any, example_file: Path) -> None:
    """Negative control: a page whose title and labels are taken away has violations."""
    page = Opened(browser, example_file)
    page.tab.evaluate("() => { document.title = ''; document.querySelector('.language .unseen').remove(); }")
    found = " ".join(page.violations())
    assert "document-title" in found
    assert "select-name" in found
    page.quiet()


def test_phone_layout(browser: Any, example_file: Path) -> None:
    """Law: at 390 px headline, map and legend follow one another without lying on each other."""
    page = Opened(browser, example_file, **PHONE)
    boxes = [
        page.tab.locator(name).bounding_box()
        for name in ("#top", "#controls", "#headline", "#map-region", "#legend", "#details", "#layers", "#notes")
    ]
    for upper, lower in itertools.pairwise(boxes):
        assert upper["y"] + upper["height"] <= lower["y"] + 1
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 391 for box in boxes)
    assert boxes[3]["height"] >= 330
    page.quiet()


def test_desktop_layout(opened: Opened) -> None:
    """Law: at 1280 px the legend covers no unit and the page does not scroll."""
    legend = opened.tab.locator("#legend").bounding_box()
    outline = opened.tab.evaluate(
        """() => {
          const map = layers.unit('05000').fill._map, east = L.latLngBounds(data.raw.bounds).getNorthEast();
          return map.getContainer().getBoundingClientRect().left + map.latLngToContainerPoint(east).x;
        }"""
    )
    assert outline <= legend["x"]
    assert opened.tab.evaluate("() => document.documentElement.scrollHeight <= window.innerHeight")


def test_print_is_one_page_and_its_table(opened: Opened) -> None:
    """Law: on A4 the map with its legend is the first page, and the figures follow on few more."""
    content = opened.tab.pdf(prefer_css_page_size=True, print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    sizes = {tuple(float(x) for x in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", content)}
    assert 2 <= pages <= 4
    assert all(width > height for _, _, width, height in sizes)


def test_many_years_use_a_slider(browser: Any, tmp_path: Path) -> None:
    """Literal: with twelve periods a labelled slider chooses the year, by keyboard too."""
    periods = tuple(
        Period(name=str(year), role="current" if year == 2023 else "other", break_before=year == 2019)
        for year in range(2012, 2024)
    )
    table = builders.estimates(builders.units(), periods=periods)
    made = builders.page(tmp_path, rasters=(), elevation=None, periods=periods, figures=Figures(estimates=table))
    (tmp_path / "p.html").write_text(render(made), encoding="utf-8")
    page = Opened(browser, tmp_path / "p.html")
    slider = page.tab.locator("#period-slider")
    assert slider.get_attribute("aria-label") == "Period"
    slider.focus()
    for _ in range(4):
        page.tab.keyboard.press("ArrowLeft")
    assert page.tab.evaluate("() => page.state.period") == "2019"
    assert "2019" in page.text("#legend h3")
    assert page.tab.locator("#break").is_visible()
    assert not page.tab.locator("input[value=change]").count()
    page.quiet()


def test_two_crops(browser: Any, tmp_path: Path) -> None:
    """Law: with two crops a choice appears and changes headline, legend and table."""
    made = builders.page(tmp_path, crops=("coca", "opium_poppy"), rasters=(), elevation=None)
    (tmp_path / "p.html").write_text(render(made), encoding="utf-8")
    page = Opened(browser, tmp_path / "p.html")
    before = page.text("#headline .value")
    page.choose("opium_poppy")
    assert page.text("#headline .value") != before
    assert page.text("#legend h3").startswith("Opium poppy")
    page.quiet()


def test_figures_without_limits(browser: Any, tmp_path: Path) -> None:
    """Literal: a figure published without an interval says so wherever it stands."""
    table = builders.estimates(builders.units())
    table[["lo_ha", "hi_ha", "se_ha", "level"]] = float("nan")
    made = builders.page(tmp_path, rasters=(), elevation=None, figures=Figures(estimates=table))
    (tmp_path / "p.html").write_text(render(made), encoding="utf-8")
    page = Opened(browser, tmp_path / "p.html")
    assert "no interval published" in page.text("#headline-body")
    assert "95%" not in page.text("body")
    page.tab.click("#toggle-table")
    cells = page.tab.locator("#tables td.figure").all_inner_texts()
    assert all("no interval published" in cell for cell in cells if " ha" in cell)
    page.quiet()


def test_hostile_names_do_nothing(browser: Any, tmp_path: Path) -> None:
    """Literal: hostile names are read as names on map, in popup, table and download, and run nowhere."""
    about = builders.about(title=HOSTILE[0], subtitle=HOSTILE[1], sources=HOSTILE[6], notes=HOSTILE)
    made = builders.page(tmp_path, count=len(HOSTILE), names=HOSTILE, about=about, rasters=(), elevation=None)
    overlay = made.overlays[2]
    frame = overlay.frame.assign(ad_name=list(HOSTILE[:2]))
    made = replace(made, overlays=(replace(overlay, frame=frame, title=HOSTILE[0]),))
    (tmp_path / "p.html").write_text(render(made), encoding="utf-8")
    page = Opened(browser, tmp_path / "p.html")
    for code in made.admin.frame["code"]:
        page.tab.evaluate("code => page.show(code)", code)
    page.tab.evaluate("() => page.show({ overlay: data.raw.overlays[0], label: data.raw.overlays[0].labels[0] })")
    assert page.text(".popup h3") == HOSTILE[0]
    page.tab.click("#toggle-table")
    names = page.tab.locator("#tables tbody th").all_inner_texts()
    assert set(names) >= {HOSTILE[0], HOSTILE[1], HOSTILE[2], "San luaP"}
    with page.tab.expect_download() as waiting:
        page.tab.click("#download")
    text = waiting.value.path().read_text(encoding="utf-8-sig")
    assert not re.search(r"(^|,)[=+@]", text, flags=re.M)
    assert page.tab.evaluate("() => window.hacked") is None
    assert page.tab.locator("img[src=x]").count() == 0
    page.quiet()


def test_letters_come_with_the_page(opened: Opened) -> None:
    """Literal: a browser takes Chinese and Arabic letters from inside the page; its policy lets them in."""
    for family, sign in (("Page Chinese", "\u53e4"), ("Page Arabic", "\u0647")):
        found = opened.tab.evaluate(
            """([family, sign]) => document.fonts.load('20px "' + family + '"', sign)
              .then((faces) => faces.map((face) => face.status))""",
            [family, sign],
        )
        assert found == ["loaded"], family


def test_the_policy_holds(browser: Any, example_file: Path) -> None:
    """Negative control: a script and a picture added to the open page are stopped by its own policy."""
    page = Opened(browser, example_file)
    page.tab.evaluate(
        """() => {
          const script = document.createElement('script'), image = new Image();
          script.textContent = 'window.hacked = 1';
          image.src = 'https://example.org/a.png';
          document.body.append(script, image);
        }"""
    )
    assert page.tab.evaluate("() => window.hacked") is None
    refused = " ".join(page.said)
    assert "script-src" in refused
    assert "img-src" in refused
    page.context.close()
