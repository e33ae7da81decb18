"""The optional network: it learns what no single cell tells, goes on from saved weights, and is missed politely."""

from __future__ import annotations

import importlib.util
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.errors import InputError
from imagery import segment
from imagery.segment import Segmenter, SegmentSettings, fit_segmenter

SETTINGS = SegmentSettings(width=6, levels=2, tile=32, batch=4, steps=60, learning_rate=5e-3)
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the extra 'network' (torch) is not installed"
)


def _field(seed: int, size: int = 64) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return a photograph whose plots differ from the ground by their stripes alone: mean and spread are alike."""
    rng = np.random.default_rng(seed)
    label = np.full((size, size), 2, dtype=np.uint8)
    for _ in range(3):
        row, col = rng.integers(0, size - 20, 2)
        label[row : row + 18, col : col + 18] = 1
    stripes = np.where(np.arange(size) % 4 < 2, 1.0, -1.0)[None, :] * np.ones((size, 1))
    noise = np.sign(rng.standard_normal((size, size)))
    image = 100 + 20 * np.where(label == 1, stripes, noise) + rng.normal(0, 3, (size, size))
    return np.stack([image, image[::-1, ::-1]]).astype(np.float32)[:1], label


@pytest.fixture(name="taught", scope="module")
def fixture_taught() -> Segmenter:
    """Return a network taught on three photographs."""
    fields = [_field(seed) for seed in (1, 2, 3)]
    return fit_segmenter([image for image, _ in fields], [label for _, label in fields], (1, 2), SETTINGS)


def test_without_torch_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: one line names the extra; nothing is fetched."""
    monkeypatch.setattr(segment, "find_spec", lambda _: None)
    assert not segment.is_available()
    image, label = _field(1)
    with pytest.raises(InputError, match=r"no torch.*extra network.*pip install 'altdev\[network\]'"):
        fit_segmenter([image], [label], (1, 2), SETTINGS)


@needs_torch
def test_it_sees_stripes_that_no_cell_shows(taught: Segmenter) -> None:
    """Law: plots that a threshold on the cell finds no better than by chance are found on a new photograph."""
    image, label = _field(9)
    best = max(np.mean((image[0] > cut) == (label == 1)) for cut in (80, 100, 120))
    probability = taught.probabilities(image)
    said = probability.argmax(axis=0) == 0
    f1 = 2 * (said & (label == 1)).sum() / (said.sum() + (label == 1).sum())
    assert best < 0.8
    assert f1 > 0.8
    np.testing.assert_allclose(probability.sum(axis=0), 1.0, atol=1e-5)


@needs_torch
def test_equal_input_gives_equal_weights(taught: Segmenter, tmp_path: Path) -> None:
    """Law: taught again it has the same bytes, and another seed gives others."""
    fields = [_field(seed) for seed in (1, 2, 3)]
    parts = [image for image, _ in fields], [label for _, label in fields]
    for name, settings in (("a", SETTINGS), ("b", SETTINGS), ("c", replace(SETTINGS, seed=1))):
        short = replace(settings, steps=3)
        fit_segmenter(*parts, (1, 2), short).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


@needs_torch
def test_a_cell_does_not_depend_on_the_piece_it_is_seen_in(taught: Segmenter) -> None:
    """Law: a part with what bears on it around has the same probabilities as in the whole."""
    image, _ = _field(5, size=192)
    reach = taught.settings.reach
    whole = taught.probabilities(image)
    part = taught.probabilities(image[:, 80 - reach :, 80 - reach :])
    np.testing.assert_allclose(part[:, reach:-reach, reach:-reach], whole[:, 80:-reach, 80:-reach], atol=1e-4)


@needs_torch
def test_it_goes_on_from_saved_weights(taught: Segmenter, tmp_path: Path) -> None:
    """Law: a few steps from saved weights do better than a few steps from none; other builds are refused."""
    taught.save(tmp_path / "network.zip")
    start = Segmenter.read(tmp_path / "network.zip")
    image, label = _field(11)
    test, truth = _field(12)
    few = replace(SETTINGS, steps=4, learning_rate=1e-3)
    scores = [
        (fit_segmenter([image], [label], (1, 2), few, begun).probabilities(test).argmax(axis=0) == truth - 1).mean()
        for begun in (None, start)
    ]
    assert scores[1] > scores[0] + 0.05
    with pytest.raises(InputError, match="weights of another build"):
        fit_segmenter([image], [label], (1, 2), replace(few, width=8), start)


@needs_torch
def test_it_is_kept_as_plain_arrays(taught: Segmenter, tmp_path: Path) -> None:
    """Law: read back it says the same, nothing in it is code, and a damaged file is refused."""
    path = tmp_path / "network.zip"
    taught.save(path)
    again = Segmenter.read(path)
    image, _ = _field(7)
    assert np.array_equal(again.probabilities(image), taught.probabilities(image))
    with zipfile.ZipFile(path) as archive:
        assert not any(b"pickle" in archive.read(name) or name.endswith(".pkl") for name in archive.namelist())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="no network"):
        Segmenter.read(path)


@needs_torch
def test_a_class_without_cells_is_refused() -> None:
    """Law: what is nowhere cannot be taught."""
    image, label = _field(1)
    with pytest.raises(InputError, match="no cell of class 3"):
        fit_segmenter([image], [label], (1, 2, 3), SETTINGS)
