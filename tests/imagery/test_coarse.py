"""Coarse labels: how many places they label, that they teach, and that they are held at their cells alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import box

from geo.errors import InputError
from imagery import validation
from imagery.classifier import BoostSettings
from imagery.coarse import CoarsePlaces, held_at_cells, read_coarse, taken_labels
from imagery.ensemble import EnsembleSettings
from imagery.validation import LabelledFeatures, MadePlaces, coarse_agreement, cross_scores, fitted_on
from tests.imagery.world import CRS, ORIGIN, grid

SETTINGS = EnsembleSettings(boost=BoostSettings(trees=30, leaves=6))
CROP = 1


def _features(code: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return two features; the crop stands in two looks, of which the labelled places know one alone."""
    second = rng.random(len(code)) < 0.5
    x = np.where(code == CROP, np.where(second, 3.0, 1.6), 0.0)
    y = np.where(code == CROP, np.where(second, 1.5, 0.3), 0.0)
    return (np.stack([x, y]) + rng.normal(0, 0.7, (2, len(code)))).astype(np.float32)


def _places(code: NDArray[np.uint8], planes: NDArray[np.float32]) -> LabelledFeatures:
    n = len(code)
    units = np.array([f"u{number}" for number in range(n)])
    return LabelledFeatures(planes=planes, names=("x", "y"), unit_id=units, period=np.full(n, "2024"), code=code)


def _coarse(seed: int, cells: int = 60, places: int = 40) -> tuple[CoarsePlaces, NDArray[np.uint8]]:
    """Return places in cells of known shares, and what each truly is."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(cells) % 3 == 0, 0.0, rng.uniform(0.0, 0.6, cells))
    of = np.repeat(np.arange(cells), places)
    code = np.where(rng.random(len(of)) < share[of], CROP, 2).astype(np.uint8)
    true = np.array([(code[of == cell] == CROP).mean() for cell in range(cells)])
    coarse = CoarsePlaces(
        planes=_features(code, rng),
        period=np.full(len(of), "2024"),
        fold=of % 4,
        cell=of,
        share=true[of],
        crop=CROP,
    )
    return coarse, code


def _few() -> LabelledFeatures:
    """Return eight places of each class, of one look of the crop alone."""
    rng = np.random.default_rng(3)
    code = np.repeat(np.array([1, 2], dtype=np.uint8), 8)
    planes = np.stack([np.where(code == CROP, 3.0, 0.0), np.where(code == CROP, 1.5, 0.0)])
    return _places(code, (planes + rng.normal(0, 0.5, planes.shape)).astype(np.float32))


def test_no_more_than_the_density_says() -> None:
    """Literal: of ten places with share 0.4 the two likeliest are crop, the three least likely are not."""
    probability = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.2, 0.1], [0.0] * 10, [0.1] * 10])
    probability[1] = [0.0] * 7 + [0.6, 0.1, 0.8]
    probability[2] = 1 - probability[0] - probability[1]
    coarse = CoarsePlaces(
        planes=np.zeros((1, 10), dtype=np.float32),
        period=np.full(10, "2024"),
        fold=np.zeros(10, dtype=np.int64),
        cell=np.zeros(10, dtype=np.int64),
        share=np.full(10, 0.4),
        crop=5,
    )
    assert taken_labels(probability, (5, 6, 7), coarse).tolist() == [5, 5, 0, 0, 0, 0, 0, 6, 7, 6]
    nothing = replace(coarse, share=np.zeros(10))
    assert taken_labels(probability, (5, 6, 7), nothing).tolist().count(5) == 0
    everything = replace(coarse, share=np.ones(10))
    assert taken_labels(probability, (5, 6, 7), everything).tolist() == [5] * 5 + [0] * 5


def test_labels_do_not_depend_on_the_order_of_places() -> None:
    """Law: places in another order get the same labels."""
    coarse, _ = _coarse(1)
    p = np.random.default_rng(2).random(len(coarse.cell))
    order = np.random.default_rng(4).permutation(len(p))
    mixed = CoarsePlaces(
        planes=coarse.planes[:, order],
        period=coarse.period[order],
        fold=coarse.fold[order],
        cell=coarse.cell[order],
        share=coarse.share[order],
        crop=CROP,
    )
    plain = taken_labels(np.stack([p, 1 - p]), (1, 2), coarse)
    assert np.array_equal(taken_labels(np.stack([p, 1 - p])[:, order], (1, 2), mixed), plain[order])


def test_coarse_cells_teach_what_few_places_cannot() -> None:
    """Law: with densities beside sixteen places more of the crop is found on new land, at no more false alarms."""
    data, (coarse, _) = _few(), _coarse(5)
    rng = np.random.default_rng(6)
    truth = np.repeat(np.array([1, 2], dtype=np.uint8), [1500, 8500])
    fresh = _features(truth, rng)
    f1 = []
    for made in (None, replace(MadePlaces.none(data), coarse=coarse)):
        said = fitted_on(data, SETTINGS, made).predict(fresh) == CROP
        f1.append(2 * (said & (truth == CROP)).sum() / (said.sum() + (truth == CROP).sum()))
    assert f1[1] > f1[0] + 0.03


def test_a_held_fold_has_no_part_in_what_judges_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: neither labelled places nor coarse cells of a fold teach the classifier that is judged on it."""
    data, (coarse, _) = _few(), _coarse(7)
    fold = np.arange(16) % 4
    made = replace(MadePlaces.none(data), coarse=coarse)
    seen: list[tuple[set[str], set[int]]] = []
    real = validation.fitted_on

    def watched(taught: LabelledFeatures, settings: EnsembleSettings, others: MadePlaces | None = None) -> Any:
        assert others is not None
        assert others.coarse is not None
        seen.append((set(taught.unit_id.tolist()), set(others.coarse.fold.tolist())))
        return real(taught, settings, others)

    monkeypatch.setattr(validation, "fitted_on", watched)
    cross_scores(data, fold, SETTINGS, made)
    coarse_agreement(data, fold, SETTINGS, made)
    assert len(seen) == 8
    for number, (units, folds) in enumerate(seen):
        assert units.isdisjoint(data.unit_id[fold == number % 4].tolist())
        assert number % 4 not in folds


def test_agreement_is_of_cells() -> None:
    """Literal: two cells of ten places, 3 and 1 said where 2 and 2 are: no bias, an error of 0.1."""
    said = np.zeros(20, dtype=bool)
    said[[0, 1, 2, 10]] = True
    coarse, _ = _coarse(8, cells=2, places=10)
    found = held_at_cells(said, replace(coarse, share=np.full(20, 0.2)))
    assert found["bias"] == pytest.approx(0.0)
    assert found["rmse"] == pytest.approx(0.1)
    assert (found["mean_rmse"], found["ratio"], found["cells"]) == (0.0, pytest.approx(1.0), 2.0)


def _write(path: Path, rows: list[tuple[str, str, Any, Any]]) -> Path:
    x, y = ORIGIN
    shapes = [box(x + west, y - south, x + west + 80, y - south + 80) for *_, (west, south) in rows]
    table = [(name, period, area) for name, period, area, _ in rows]
    geopandas.GeoDataFrame(table, columns=["cell_id", "period", "area_ha"], geometry=shapes, crs=CRS).to_file(path)
    return path


def _read(path: Path) -> Any:
    return read_coarse(
        path,
        layer=None,
        cell="cell_id",
        area_ha="area_ha",
        periods=["2024"],
        crop=CROP,
        geobox=grid(16, 16),
        per_cell=8,
    )


def test_cells_are_read_as_shares(tmp_path: Path) -> None:
    """Literal: 0.16 of 0.64 ha is a quarter; eight places lie in each cell, and other periods are left out."""
    path = _write(
        tmp_path / "c.gpkg",
        [("a", "2024", 0.16, (0, 80)), ("b", "2024", 0.0, (80, 80)), ("a", "2019", 0.3, (0, 80))],
    )
    found = _read(path)
    assert len(found.places) == 16
    assert found.share[found.cell == 0] == pytest.approx(np.full(8, 0.25), rel=2e-3)
    assert set(found.share[found.cell == 1].tolist()) == {0.0}
    assert (found.places.col[found.cell == 0] < 8).all()
    assert (found.places.col[found.cell == 1] >= 8).all()


def test_cells_off_the_grid_teach_nothing(tmp_path: Path) -> None:
    """Law: of a census of a whole country the cells of the survey are taken; none of them is told."""
    rows = [("a", "2024", 0.1, (0, 80)), ("far", "2024", 0.2, (500_000, 80))]
    assert set(_read(_write(tmp_path / "c.gpkg", rows)).places.unit_id.tolist()) == {f"a/{n}" for n in range(1, 9)}
    with pytest.raises(InputError, match="no cell on the area of the survey"):
        _read(_write(tmp_path / "d.gpkg", rows[1:]))


@pytest.mark.parametrize("area", [-1.0, 0.9, float("nan"), "much"])
def test_hectares_that_cannot_be_are_refused(tmp_path: Path, area: Any) -> None:
    """Law: below zero, more than the cell holds, or no number."""
    with pytest.raises(InputError, match="area_ha"):
        _read(_write(tmp_path / "c.gpkg", [("a", "2024", area, (0, 80))]))


def test_a_cell_twice_in_a_period_is_refused(tmp_path: Path) -> None:
    """Law: one density for a cell and year."""
    with pytest.raises(InputError, match="a twice in a period"):
        _read(_write(tmp_path / "c.gpkg", [("a", "2024", 0.1, (0, 80)), ("a", "2024", 0.2, (80, 80))]))
