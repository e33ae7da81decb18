"""Documentation that is made from the program, or names files, agrees with both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aoi.project.page import tables_page
from monitor.survey_file_page import design_file_page, survey_file_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def test_survey_file_page_is_the_programs_own() -> None:
    """Law: the reference page holds every key of the model, as the model describes it."""
    told = (ROOT / "docs" / "survey-file.md").read_text()
    assert told == survey_file_page(), "write it again: python -m monitor.survey_file_page > docs/survey-file.md"


def test_design_file_page_is_the_programs_own() -> None:
    """Law: so does that of the design file."""
    told = (ROOT / "docs" / "design-file.md").read_text()
    assert told == design_file_page(), "python -m monitor.survey_file_page design > docs/design-file.md"


def test_page_of_the_programmes_tables_is_the_programs_own() -> None:
    """Law: the reference page holds every field and code list of the data model."""
    told = (ROOT / "docs" / "alternative-development-tables.md").read_text()
    remedy = "write it again: python -m aoi.project.page > docs/alternative-development-tables.md"
    assert told == tables_page(), remedy


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Law: every relative link and picture of a page is there."""
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    lost = [t for t in targets if "://" not in t and not t.startswith("mailto:") and not (page.parent / t).exists()]
    assert lost == []


def test_every_forbidden_mistake_has_its_tests() -> None:
    """Law: the page names every test of a mistake and no other, and every number of the list is accounted for."""
    page = (ROOT / "docs" / "methods" / "forbidden-mistakes.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\|$", page, flags=re.MULTILINE)
    named = set(re.findall(r"`(test_\w+)`", page))
    files = (ROOT / "tests" / "aoi" / "survey").glob("test_forbidden_mistakes*.py")
    there = {name for path in files for name in re.findall(r"^def (test_\d+_\w+)", path.read_text(), re.MULTILINE)}
    assert named == there
    assert {int(row) for row in rows} == set(range(1, 19))
    assert {name.split("_")[1] for name in named} == set(rows)
