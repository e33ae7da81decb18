"""The report: what it says is what the figures say, in every language, and nothing in a name can run."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fontTools import ttLib

from maps.language import LANGUAGES, language
from maps.page import Page
from maps.report.chart import Dot, DotRow, SeriesPoint, dots, matrix, series, ticks
from maps.report.content import build
from maps.report.document import Bullets, Equation, Heading, Paragraph, Picture, Report, Table
from maps.report.equations import EQUATIONS
from maps.report.html import html_report
from maps.report.pdf import contents, pdf_report, vendored_fonts
from tests.maps.page_fonts import CUT_FROM, FOLDER, signs

AXE = Path(__file__).resolve().parents[2] / "vendor" / "axe.min.js"
HOSTILE = (
    "<script>alert(1)</script>",
    '#image("a.png") $x$ = *b*',
    "=cmd|' /C calc'!A1",
    "a\u202etxt.exe",
    "../../etc",
)


def texts_of(report: Report) -> list[str]:
    """Return every text of a report that is not in a picture."""
    found: list[str] = []
    for block in report.blocks:
        if isinstance(block, Heading | Paragraph):
            found.append(block.text)
        elif isinstance(block, Bullets):
            found += block.items
        elif isinstance(block, Table):
            found += [block.caption, *block.head, *(cell for row in block.rows for cell in row)]
        elif isinstance(block, Picture):
            found += [block.caption, *(label.text for label in block.drawing.labels)]
        elif isinstance(block, Equation):
            found += [block.spoken, block.where, block.source]
    return found


@pytest.fixture(scope="module")
def report(example: Page) -> Report:
    """Return the report of the example page."""
    return build(example)


def test_key_findings_are_the_frame_figures(example: Page, report: Report) -> None:
    """Law: each frame figure is told with its interval in the words of the language."""
    words = language("en")
    rows = example.figures.estimates.query("domain == 'frame'").to_dict("records")
    told = " ".join(block.text for block in report.blocks if isinstance(block, Paragraph) and block.strong)
    for row in rows:
        assert words.interval(float(row["lo_ha"]), float(row["hi_ha"])) in told
        assert words.area(float(row["value_ha"]), scale=float(row["hi_ha"])) in told


def test_no_hectare_figure_without_interval_or_reason(report: Report) -> None:
    """Law: a cell of hectares by unit holds an interval or the words of a state."""
    words = language("en")
    states = {words.text(key) for key in words.words if key.startswith("state.")}
    table = next(block for block in report.blocks if isinstance(block, Table) and len(block.head) >= 5)
    figures = [cell for row in table.rows for cell, number in zip(row, table.numeric, strict=True) if number]
    assert len(figures) >= 20
    assert all(cell in states or re.fullmatch(r"[\d.,]+ ha \([\d.,]+ to [\d.,]+ ha\)", cell) for cell in figures)


def test_low_count_is_never_a_bare_level(example: Page) -> None:
    """Law: where a figure carries LOW_COUNT its level is called nominal, else it is not."""
    estimates = example.figures.estimates
    frame = estimates["domain"] == "frame"
    for flag, wanted in (("LOW_COUNT", "nominal 95%"), ("", "(95%")):
        flagged = estimates.assign(flags=estimates["flags"].where(~frame, flag))
        page = replace(example, figures=replace(example.figures, estimates=flagged))
        findings = [b.text for b in build(page).blocks if isinstance(b, Paragraph) and b.strong]
        assert wanted in findings[0]


def test_rough_figures_are_open_dots() -> None:
    """Literal: a rough dot is white with a dashed interval; a sound one is filled with a solid interval."""
    sound = Dot(value=5, lo=2, hi=8, colour="#112233")
    for dot, dashed in ((sound, False), (replace(sound, rough=True), True)):
        picture = dots([DotRow(label="a", dots=(dot,))], number=str, axis="ha").svg(labels=True)
        assert ("stroke-dasharray" in picture) is dashed
        assert ('fill="#FFFFFF" stroke="#112233"' in picture) is dashed


def test_intervals_lie_where_the_axis_says() -> None:
    """Brute force: the ends of the interval stand at the places that the axis gives their numbers."""
    marks = ticks(0, 8)
    drawing = dots([DotRow(label="a", dots=(Dot(value=5, lo=2, hi=8, colour="#112233"),))], number=str, axis="ha")
    place = {float(label.text): label.x for label in drawing.labels if re.fullmatch(r"[\d.]+", label.text)}
    assert set(place) == set(marks)
    ((x1, x2),) = re.findall(
        r'<line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+" stroke="#112233" stroke-width="2"/>',
        "".join(drawing.shapes),
    )
    assert float(x1) == pytest.approx(place[2.0], abs=0.01)
    assert float(x2) == pytest.approx(place[8.0], abs=0.01)


def test_nothing_joins_the_two_sides_of_a_break() -> None:
    """Literal: three points make two joins; a break before the last leaves one."""
    dot = Dot(value=5, lo=5, hi=5, colour="#112233")
    for broken, joins in ((False, 2), (True, 1)):
        points = [SeriesPoint(label=str(y), dot=dot, broken=broken and y == 3) for y in (1, 2, 3)]
        shapes = "".join(series(points, number=str, axis="ha").shapes)
        assert shapes.count('stroke-width="1.2"') == joins


def test_matrix_prints_every_share() -> None:
    """Literal: a two by two matrix prints its four shares, rows first."""
    drawing = matrix(["a", "b"], [[0.5, 0.1], [0.0, 0.4]], percent=lambda s: f"{s:.0%}", rows="map", columns="ref")
    printed = [label.text for label in drawing.labels if label.text.endswith("%") or label.text == "0"]
    assert printed == ["50%", "10%", "0", "40%"]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_makes_both_forms(example: Page, code: str) -> None:
    """Law: each language makes an HTML page of its direction and an accessible PDF; equal input, equal bytes."""
    report = build(replace(example, language=code))
    page = html_report(report)
    assert f'<html lang="{code}" dir="{language(code).direction}">' in page
    assert "@policy@" not in page
    assert "{" not in " ".join(texts_of(report))
    first, second = pdf_report(report), pdf_report(report)
    assert first.startswith(b"%PDF-")
    assert first == second
    assert b"pdfuaid" in first


def test_names_from_data_are_inert(example: Page) -> None:
    """Attack: markup, typesetter's commands, formulas and overrides in names are printed, not obeyed."""
    frame = example.admin.frame.copy()
    frame["name"] = [HOSTILE[i % len(HOSTILE)] + str(i) for i in range(len(frame))]
    names = dict(zip(frame["code"], frame["name"], strict=True))
    estimates = example.figures.estimates.copy()
    estimates["domain_name"] = [names.get(d, HOSTILE[1]) for d in estimates["domain"]]
    page = replace(
        example,
        about=replace(example.about, title=HOSTILE[0], subtitle=HOSTILE[1], notes=HOSTILE),
        admin=replace(example.admin, frame=frame),
        figures=replace(example.figures, estimates=estimates),
    )
    report = build(page)
    document = html_report(report)
    assert "<script" not in document
    assert html.escape(HOSTILE[0]) in document
    assert "\u202e" not in document
    made = pdf_report(report)
    assert b"/JavaScript" not in made
    assert b"/Launch" not in made


def test_only_own_equations_are_typeset(report: Report) -> None:
    """Attack: an equation that is none of the program's own is refused, for the template evaluates equations."""
    forged = Equation(math='read("secret")', spoken="", where="", source="")
    with pytest.raises(ValueError, match="none of the program's own"):
        pdf_report(replace(report, blocks=(forged,)))
    assert all(isinstance(formula.source, str) and formula.source for formula in EQUATIONS.values())


def test_no_word_sticks_out_of_its_column(report: Report) -> None:
    """Law: of a table as wide as the page each column holds its longest word; a wider text takes what is left."""
    head = ("Culture", "P\u00e9riode", "Zone", "Hectares (intervalle \u00e0 95 %)", "Avertissements")
    rows = (
        ("Coca\u00efer", "2024", "everywhere", "1 542 (1 418 \u00e0 1 683)", "peu d'unit\u00e9s, intervalle large"),
    ) * 3
    table = Table(caption="", head=head, rows=rows, numeric=(False,) * 5)
    [entry] = [one for one in contents(replace(report, blocks=(table,)))["blocks"] if one["kind"] == "table"]
    signs = [112 * share / sum(entry["columns"]) for share in entry["columns"]]
    for place, width in enumerate(signs):
        words = {word for text in (head[place], rows[0][place]) for word in text.split()}
        assert width >= max(map(len, words)), head[place]
    assert max(signs) == signs[4]


def test_fonts_carry_every_sign_of_the_catalogue() -> None:
    """Independent program: fontTools finds each sign of six languages in one of the vendored fonts."""
    folder = Path(__file__).resolve().parents[3] / "maps" / "fonts"
    assert len(vendored_fonts()) == 11
    for weight in ("Regular", "Bold"):
        known: set[int] = set()
        for path in sorted(folder.glob(f"*-{weight}.ttf")):
            known |= set(ttLib.TTFont(path).getBestCmap())
        missing = {
            sign
            for code in LANGUAGES
            for text in language(code).words.values()
            for sign in text
            if ord(sign) not in known and not 0x2066 <= ord(sign) <= 0x2069
        }
        assert missing == set()


def test_fonts_of_pages_carry_the_signs_of_the_catalogue() -> None:
    """Independent program: fontTools finds the Chinese and Arabic signs of the catalogue in pages."""
    written = {ord(sign) for code in ("ar", "zh") for text in language(code).words.values() for sign in text}
    for file in CUT_FROM:
        known = set(ttLib.TTFont(FOLDER / file).getBestCmap())
        wanted = signs(file) & written
        assert len(wanted) > 30
        assert wanted <= known, [chr(sign) for sign in wanted - known]


def test_lock_names_the_fonts_as_they_are() -> None:
    """Law: the lock lists each font and licence with its size, and says how the subset was made."""
    folder = Path(__file__).resolve().parents[3] / "maps" / "fonts"
    lock: dict[str, Any] = json.loads((folder / "LOCK.json").read_text(encoding="utf-8"))
    listed = {entry["file"]: entry["bytes"] for package in lock["packages"] for entry in package["files"]}
    present = {
        p.name: p.stat().st_size
        for p in folder.iterdir()
        if p.suffix in (".ttf", ".woff2") or p.name.startswith("LICENSE")
    }
    assert listed == present
    assert all("pyftsubset" in package["subset"] for package in lock["packages"])


@pytest.mark.browser
@pytest.mark.parametrize("code", ["en", "ar"])
def test_page_is_accessible_on_a_phone(example: Page, browser: Any, tmp_path: Path, code: str) -> None:
    """Independent program: axe-core finds nothing, and nothing sticks out sideways at 390 px."""
    path = tmp_path / "report.html"
    path.write_text(html_report(build(replace(example, language=code))), encoding="utf-8")
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    context.set_offline(True)
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found["violations"]] == []
    assert tab.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert asked == [path.as_uri()]
    context.close()
