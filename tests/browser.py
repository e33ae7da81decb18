"""A headless Chromium for tests: found, or skipped with a plain reason; in CI its absence is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
)


def find_chromium(own: str) -> str | None:
    """Return the path of a Chromium on this machine, or the one that Playwright installed, or None."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    return own if Path(own).is_file() else None


def absent(reason: str) -> None:
    """Skip the test, or fail it in CI, where the browser tests must run."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; CI must install it")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Yield a Playwright browser that all tests share; each test opens its own context."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed (it comes with the test extras)")
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            absent("no Chromium on this machine (apt-get install chromium)")
        launched = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield launched
        launched.close()
