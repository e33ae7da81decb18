"""Pages look as they looked when somebody looked at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maps.disclosure import Tier
from tests.maps.gallery import FOLDER, PAGE, SCENES, difference, pictures, text

MEAN, MUCH = 5.5, 0.05
"""Most mean difference of blocks, and most share of blocks that differ by more than 60 of 255."""


@pytest.mark.browser
def test_pages_look_as_approved(browser: Any, product_files: dict[Tier, Path]) -> None:
    """Reference (pictures approved by eye): each scene is near its own picture, and nearer than to any other."""
    known = {scene.name: Image.open(FOLDER / f"{scene.name}.webp").convert("RGB") for scene in SCENES}
    for scene, picture in pictures(browser, product_files):
        told = {name: difference(picture, one) for name, one in known.items()}
        mean, much = told[scene.name]
        assert mean <= MEAN, (scene.name, told)
        assert much <= MUCH, (scene.name, told)
        assert min(told, key=lambda name: told[name][0]) == scene.name, told


def test_the_comparison_tells_pages_apart() -> None:
    """Negative control: no approved picture passes for another one, nor for itself without its map."""
    known = {scene.name: Image.open(FOLDER / f"{scene.name}.webp").convert("RGB") for scene in SCENES}
    for name, one in known.items():
        for other, two in known.items():
            mean, much = difference(one, two)
            assert name == other or mean > MEAN or much > MUCH, (name, other, mean, much)
    blank = known["public"].copy()
    blank.paste((255, 255, 255), (300, 60, 800, 560))
    mean, much = difference(blank, known["public"])
    assert mean > MEAN or much > MUCH


def test_the_gallery_shows_them_all() -> None:
    """Law: the page is the one that the command writes, and every picture is small and there."""
    assert PAGE.read_text(encoding="utf-8") == text()
    assert sorted(path.stem for path in FOLDER.glob("*.webp")) == sorted(scene.name for scene in SCENES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.webp")) < 900_000
