"""The Calaveras example: what is read, how it is scored, and that nothing says where a plot is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from examples.calaveras import run
from examples.calaveras.parcels import (
    IGNORED,
    OUTSIDE,
    Parcel,
    Setting,
    feature_names,
    features,
    read_parcels,
    read_setting,
)
from examples.calaveras.run import class_map, fold_cuts, main, object_floors, teach, teaches_network
from examples.calaveras.scoring import cell_scores, object_scores, without_ignored
from examples.run import HERE, placed
from imagery import segment
from tests.shared import SHARED, case


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's file, looking for the data where they are."""
    case("calaveras")
    return placed("calaveras", (SHARED / "cases").resolve(), tmp_path_factory.mktemp("calaveras") / "run")


def _setting() -> Setting:
    return read_setting(HERE / "calaveras" / "example.toml")


def _parcel() -> Parcel:
    """Return a small parcel: a plot of 16 by 16 cells, an abandoned one, a hoop house, an edge outside."""
    code = np.full((60, 60), 3, dtype=np.uint8)
    plot = np.zeros((60, 60), dtype=np.int32)
    for number, (value, row, col) in enumerate([(1, 4, 4), (IGNORED, 4, 40), (2, 40, 4)], start=1):
        code[row : row + 16, col : col + 16] = value
        plot[row : row + 16, col : col + 16] = number
    code[:, :2] = OUTSIDE
    photograph = np.where(code == OUTSIDE, 0, 50 + 40 * (code == 1)).astype(np.float32)
    return Parcel(photograph=np.stack([photograph] * 4), code=code, plot=plot, cell_ha=3.6e-5)


def test_features_of_a_cell_do_not_know_the_place() -> None:
    """Literal: as many planes as names, finite inside the parcel, and the same however the parcel lies."""
    radii = [2, 5, 9]
    parcel = _parcel()
    planes = features(parcel, radii)
    assert planes.shape == (len(feature_names(radii)), 60, 60)
    assert np.isfinite(planes[:, parcel.code != OUTSIDE]).all()
    turned = Parcel(
        photograph=parcel.photograph[:, ::-1],
        code=parcel.code[::-1],
        plot=parcel.plot[::-1],
        cell_ha=parcel.cell_ha,
    )
    inside = turned.code != OUTSIDE
    np.testing.assert_allclose(features(turned, radii)[:, inside], planes[:, ::-1][:, inside], rtol=1e-6)


def test_a_perfect_map_scores_one_and_abandoned_plots_count_nowhere() -> None:
    """Literal raster: full scores for the drawn map; a patch on the abandoned plot is no false alarm."""
    setting, parcel = _setting(), _parcel()
    perfect = np.where(parcel.code == IGNORED, 1, parcel.code).astype(np.uint8)
    objects = object_scores(setting, [parcel], [perfect])
    assert (objects["cannabis"].found, objects["cannabis"].predicted, objects["hoop_house"].found) == (1, 1, 1)
    cells = cell_scores(setting, [parcel], [perfect])
    assert cells["overall_accuracy"] == 1.0
    assert cells["ignored_cells"] == 256
    blank = np.where(parcel.code == OUTSIDE, 0, 3).astype(np.uint8)
    assert object_scores(setting, [parcel], [blank])["cannabis"].recall == 0.0
    assert without_ignored(np.array([[1, 1, 2]]), np.array([[True, False, True]])).tolist() == [[1, 1, 0]]


def test_floors_by_object() -> None:
    """Literal raster: nothing finds nothing, an abandoned plot is no other, a perfect map of greenness has all."""
    setting, parcel = _setting(), _parcel()
    perfect = np.where(parcel.code == IGNORED, 3, parcel.code).astype(np.uint8)
    floors = object_floors(setting, [parcel], [perfect])
    assert {rule: found["cannabis"].f1 for rule, found in floors.items()} == {
        "majority_class": 0.0,
        "last_census": 0.0,
        "greenness_threshold": 1.0,
    }
    assert floors["majority_class"]["cannabis"].predicted == 0
    assert floors["last_census"]["cannabis"].predicted == 1
    grown = Parcel(
        photograph=parcel.photograph,
        code=np.where(parcel.code == 1, IGNORED, parcel.code).astype(np.uint8),
        plot=parcel.plot,
        cell_ha=parcel.cell_ha,
    )
    again = Parcel(photograph=parcel.photograph, code=parcel.code, plot=parcel.plot, cell_ha=parcel.cell_ha)
    assert object_floors(setting, [again, grown], [perfect] * 2)["last_census"]["cannabis"].predicted == 3


def test_the_network_is_left_out_without_torch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Law: asked for where it cannot be, it is left out in one line; not asked for, nothing is said."""
    setting = _setting()
    assert not teaches_network(setting)
    asked = Setting(config=setting.config | {"network": {"steps": 5}}, root=setting.root)
    monkeypatch.setattr(run, "is_available", lambda: False)
    assert not teaches_network(asked)
    assert capsys.readouterr().out == "torch is not installed: the network is left out\n"


@pytest.mark.skipif(not segment.is_available(), reason="the extra 'network' (torch) is not installed")
def test_a_network_is_taught_on_parcels() -> None:
    """Law: classes in the order of the example's, abandoned plots and what lies outside teach nothing."""
    setting, parcel = _setting(), _parcel()
    small = {"steps": 3, "width": 4, "levels": 2, "tile": 32, "batch": 2}
    network = teach(Setting(config=setting.config | {"network": small}, root=setting.root), [parcel, parcel])
    assert network.codes == (1, 2, 3)
    assert network.probabilities(parcel.photograph).shape == (3, 60, 60)


def test_small_patches_are_merged() -> None:
    """Literal raster: nothing on the map is smaller than the minimum mapping unit of 0.005 ha (139 cells)."""
    setting, parcel = _setting(), _parcel()
    probability = np.zeros((2, 60, 60), dtype=np.float32)
    probability[0, 10:14, 20:24] = 0.9
    probability[1, 40:56, 4:20] = 0.9
    mapped = class_map(setting, parcel, probability, np.array([0.5, 0.5]))
    assert not (mapped == 1).any()
    assert (mapped == 2).sum() == 256


def test_cuts_come_from_the_other_folds() -> None:
    """Literal: a fold whose own best cut is high gets the low one of the other fold."""
    setting, parcel = _setting(), _parcel()

    def layers(crop: float, rest: float) -> np.ndarray:
        is_crop = (parcel.code == 1) | (parcel.code == 2)
        return np.stack([np.where(is_crop, crop, rest)] * 2).astype(np.float32)

    cuts = fold_cuts(setting, [parcel, parcel], [layers(0.32, 0.21), layers(0.95, 0.62)], np.array([0, 1]))
    assert (cuts[0] > 0.6).all()
    assert (cuts[1] < 0.35).all()


def test_parcels(example: Path) -> None:
    """Published: 80 photographs with 92 cannabis plots and 30 hoop houses; the order says nothing of the place."""
    setting = read_setting(example)
    parcels = read_parcels(setting)
    assert len(parcels) == 80
    drawn = [np.unique(parcel.plot[parcel.code == code]).size for code in (1, 2) for parcel in parcels]
    assert (sum(drawn[:80]), sum(drawn[80:])) == (92, 30)
    assert set(Parcel.__dataclass_fields__) == {"photograph", "code", "plot", "cell_ha"}


@pytest.mark.slow
def test_scores_beat_the_floor_and_tell_no_place(example: Path, tmp_path: Path) -> None:
    """Law: better than a greenness threshold by cell, some plots found by object, no coordinate written."""
    main(example, tmp_path)
    scores = json.loads((tmp_path / "estimates" / "scores.json").read_text())
    for name in ("cannabis", "hoop_house"):
        assert scores["cells"]["classes"][name]["f1"] > 2 * scores["floor_greenness_f1"][name]
        assert scores["objects"][name]["found"] > 0
        floors = [found[name]["f1"] or 0 for found in scores["floor_objects"].values()]
        assert len(floors) == 3
        assert scores["objects"][name]["f1"] > max(floors)
    assert scores["cells"]["classes"]["cannabis"]["f1"] > 0.3
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == ["estimates/parcels.csv", "estimates/scores.json"]
    names = [path.stem for path in (case("calaveras") / "naip").glob("*.tif")]
    text = "".join((tmp_path / path).read_text() for path in written)
    assert not any(name.split("_")[0] in text for name in names)
