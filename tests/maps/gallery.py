"""Pictures of the three pages: taken anew by ``python -m tests.maps.gallery``, compared by the tests.

The pictures in ``docs/images/gallery`` were looked at before they were committed. Whoever takes them anew looks at
each of them again.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maps.disclosure import Tier

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images" / "gallery"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "gallery.md"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
COARSE = (48, 48)
"""Blocks that pictures are compared in: text falls into grey, so that other fonts change little."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture."""

    name: str
    """File name."""
    tier: Tier
    """Product."""
    caption: str
    """What it shows."""
    language: str = "en"
    """Language of the page."""
    phone: bool = False
    """Whether it is taken at 390 px, the whole page."""
    script: str = ""
    """What is done before it is taken."""


_CHOOSE = "document.querySelector('input[value={}]').click();"
SCENES = (
    Scene("public", Tier.PUBLIC, "The donor's page: figure with its interval, verdict, units, AD areas."),
    Scene(
        "public-swipe", Tier.PUBLIC, "Baseline left, current year right of the divider; French.", "fr",
        script="document.getElementById('compare-on').click();",
    ),
    Scene("public-phone", Tier.PUBLIC, "The same page on a telephone, in Arabic.", "ar", phone=True),
    Scene(
        "public-impact", Tier.PUBLIC, "Harms and effects in the table behind the map; Arabic.", "ar",
        script="document.getElementById('toggle-table').click();"
        "document.getElementById('table-harm-rows').scrollIntoView();",
    ),
    Scene(
        "programme-change", Tier.PROGRAMME, "The manager's page: change by its significance, and the ranking.",
        script=_CHOOSE.format("change") + "document.getElementById('ranking').scrollIntoView();",
    ),
    Scene(
        "programme-cells", Tier.PROGRAMME, "Cells, indicative and hatched; Chinese.", "zh",
        script=_CHOOSE.format("cells"),
    ),
    Scene(
        "programme-table", Tier.PROGRAMME, "Ranking and projects in the table behind the map; Spanish.", "es",
        script="document.getElementById('toggle-table').click();"
        "document.getElementById('table-ranking').scrollIntoView();",
    ),
    Scene(
        "field", Tier.FIELD, "The field office's page: fields, sample units by state, work to be done.",
        script="document.getElementById('work').scrollIntoView();",
    ),
    Scene(
        "field-gaps", Tier.FIELD, "Gaps of the images and what to label next; Russian.", "ru",
        script=_CHOOSE.format("gaps") + "document.querySelector('#layers input[value=next]').click();",
    ),
)  # fmt: skip


def pictures(browser: Any, files: dict[Tier, Path]) -> Iterator[tuple[Scene, Image.Image]]:
    """Yield every scene with its picture."""
    for scene in SCENES:
        context = browser.new_context(**(PHONE if scene.phone else DESKTOP))
        context.set_offline(True)
        tab = context.new_page()
        tab.goto(files[scene.tier].as_uri())
        tab.locator("html[data-ready=yes]").wait_for(state="attached")
        tab.select_option("#language", scene.language)
        if scene.script:
            tab.evaluate(f"() => {{ {scene.script} }}")
        tab.wait_for_timeout(300)
        yield scene, Image.open(io.BytesIO(tab.screenshot(full_page=scene.phone))).convert("RGB")
        context.close()


def coarse(picture: Image.Image) -> NDArray[np.float64]:
    """Return a picture in few blocks, 0 to 255."""
    return np.asarray(picture.convert("RGB").resize(COARSE, Image.Resampling.BOX), dtype=float)


def difference(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Return the mean difference of two pictures' blocks, and the share of blocks that differ much (0 to 1)."""
    apart = np.abs(coarse(one) - coarse(other)).max(axis=2)
    return float(apart.mean()), float((apart > 60).mean())


def main() -> None:
    """Take all pictures anew and write the page that shows them."""
    from playwright.sync_api import sync_playwright

    from maps.interactive import render
    from tests.browser import ARGUMENTS, find_chromium
    from tests.maps import builders

    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        files = {tier: Path(place) / f"{int(tier)}.html" for tier in Tier}
        for tier, path in files.items():
            path.write_text(render(builders.product(Path(place), tier)), encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright.chromium.executable_path), args=list(ARGUMENTS)
        )
        for scene, picture in pictures(browser, files):
            shown = picture if scene.phone else picture.resize((1024, 640), Image.Resampling.LANCZOS)
            shown.save(FOLDER / f"{scene.name}.webp", "WEBP", quality=62, method=6)
        browser.close()
    PAGE.write_text(text(), encoding="utf-8")


def text() -> str:
    """Return the page that shows the pictures."""
    lines = [
        "# Gallery",
        "",
        "The three pages of one run, of an invented country. Taken by `python -m tests.maps.gallery`; the tests",
        "compare every page with these pictures, block by block, within a tolerance that other fonts stay in.",
        "",
    ]
    for scene in SCENES:
        lines += [f"## {scene.caption}", "", f"![{scene.caption}](images/gallery/{scene.name}.webp)", ""]
    return "\n".join(lines[:-1]) + "\n"


if __name__ == "__main__":
    main()
