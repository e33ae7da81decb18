"""The page of a whole run in a browser: small, and without a fault of access in any language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maps.disclosure import Tier
from maps.language import LANGUAGES
from maps.sheets import BUDGETS
from tests.maps.test_browser import DESKTOP, PHONE, Opened

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_of_a_run_is_small_and_accessible(browser: Any, finished_run: Path, size: dict[str, Any]) -> None:
    """Published (docs/maps.md): bytes of the tier; independent program: axe-core finds nothing in six languages."""
    file = finished_run / "products/0/index.html"
    assert 0 < file.stat().st_size <= BUDGETS[Tier.FIELD].size
    page = Opened(browser, file, **size)
    page.tab.click("#toggle-table")
    for code in LANGUAGES:
        page.tab.select_option("#language", code)
        assert page.violations() == [], code
        assert page.tab.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), code
    page.quiet()
