"""The browser, and pages that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from maps.disclosure import Tier
from maps.interactive import render
from maps.page import Page
from tests.maps import builders


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the example page."""
    return builders.page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def example_html(example: Page) -> str:
    """Return the example page as HTML."""
    return render(example)


@pytest.fixture(scope="session")
def example_file(example_html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example page as a file."""
    path = tmp_path_factory.mktemp("html") / "index.html"
    path.write_text(example_html, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def product_files(tmp_path_factory: pytest.TempPathFactory) -> dict[Tier, Path]:
    """Return the pages of the three products as files."""
    folder = tmp_path_factory.mktemp("products")
    files = {}
    for tier in Tier:
        files[tier] = folder / f"{int(tier)}.html"
        files[tier].write_text(render(builders.product(folder, tier)), encoding="utf-8")
    return files
