"""Backscatter: speckle, looks, features against plain loops, and what it adds where clouds hide the ground."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo.blocks import Block
from geo.errors import SurveyFileError
from geo.legend import Legend
from imagery.catalog import find_scenes
from imagery.classifier import BoostSettings
from imagery.classify import ClassifySettings, PeriodScenes, train, write_maps
from imagery.ensemble import EnsembleSettings
from imagery.features import feature_spec
from imagery.map_work import MapWork
from imagery.model import TrainedModel
from imagery.observe import Observer
from imagery.profile import load_profile
from imagery.radar import RadarSpec, RadarView, multilooked, radar_features
from imagery.sensor import load_sensor
from imagery.simulate.example import write_images, write_radar_images
from imagery.simulate.landscape import Landscape, build_landscape
from imagery.simulate.radar import LOOKS, radar_dates, render_radar, speckle
from imagery.simulate.scene import open_season
from imagery.simulate.sites import training_sites
from imagery.stack import Series, Stack
from imagery.training import training_samples
from tests.imagery.world import SENSOR, grid

RTC = load_sensor("sentinel-1-rtc")
DAYS = tuple(date(2024, 1, 5) + timedelta(days=12 * n) for n in range(9))
SPANS = {"early": (date(2024, 1, 1), date(2024, 2, 20)), "late": (date(2024, 2, 21), date(2024, 12, 31))}
SPEC = RadarSpec(windows=("early", "late", "absent"), bands=("vv", "vh"))


def _stack(height: int, width: int, seed: int = 1) -> Stack:
    rng = np.random.default_rng(seed)
    return Stack(
        days=DAYS,
        bands=("vv", "vh"),
        values=rng.integers(-2500, -500, (len(DAYS), 2, height, width)).astype(np.int16),
        valid=rng.random((len(DAYS), height, width)) < 0.8,
        quantum=0.01,
    )


def test_speckle_has_the_spread_of_its_looks() -> None:
    """Law: mean 1, variance 1 over the looks, skewed as a gamma distribution; neighbours resemble each other."""
    cells = speckle((400, 400), np.random.default_rng(2))
    assert cells.mean() == pytest.approx(1.0, abs=0.01)
    assert cells.var() == pytest.approx(1 / LOOKS, rel=0.05)
    skew = ((cells - 1) ** 3).mean() / cells.std() ** 3
    assert skew == pytest.approx(2 / np.sqrt(LOOKS), rel=0.1)
    beside = np.corrcoef(cells[:, :-1].ravel(), cells[:, 1:].ravel())[0, 1]
    apart = np.corrcoef(cells[:, :-8].ravel(), cells[:, 8:].ravel())[0, 1]
    assert beside > 0.2
    assert abs(apart) < 0.03


def test_looks_average_power_and_not_decibels() -> None:
    """Literal: eight cells of 0 dB and one of -20 dB average 8.01 / 9 of power, or -0.51 dB."""
    values = np.zeros((1, 1, 3, 3), dtype=np.int16)
    values[0, 0, 1, 1] = -2000
    stack = Stack(days=DAYS[:1], bands=("vv",), values=values, valid=np.ones((1, 3, 3), bool), quantum=0.01)
    assert multilooked(stack, 1).values.ravel().tolist() == [-51]
    hidden = replace(stack, valid=stack.valid & (np.arange(9).reshape(1, 3, 3) != 0))
    assert multilooked(hidden, 1).values.ravel().tolist() == [round(1000 * np.log10(7.01 / 8))]


def test_features_are_those_of_a_plain_loop() -> None:
    """Brute force: every feature of every cell from its definition, one cell at a time."""
    looked = multilooked(_stack(6, 7), 1)
    planes = radar_features(looked.at(np.ones((4, 5), bool)), SPEC, SPANS)
    for cell in range(20):
        row, col = divmod(cell, 5)
        power = {
            band: [
                10 ** (looked.values[day, layer, row, col] / 1000)
                for day in range(len(DAYS))
                if looked.valid[day, row, col]
            ]
            for layer, band in enumerate(("vv", "vh"))
        }
        days = [one for day, one in enumerate(DAYS) if looked.valid[day, row, col]]
        found = dict(zip(SPEC.names, planes[:, cell].tolist(), strict=True))
        for window, (first, last) in {**SPANS, "season": (date.min, date.max)}.items():
            level = {}
            for band in ("vv", "vh"):
                of = [p for p, one in zip(power[band], days, strict=True) if first <= one <= last]
                level[band] = 10 * np.log10(np.mean(of)) if of else np.nan
                assert found[f"radar_{window}_{band}"] == pytest.approx(level[band], rel=1e-5, nan_ok=True)
            ratio = level["vh"] - level["vv"]
            assert found[f"radar_{window}_vh_to_vv"] == pytest.approx(ratio, rel=1e-4, abs=1e-5, nan_ok=True)
        for band in ("vv", "vh"):
            spread = np.std(power[band], ddof=1) / np.mean(power[band])
            assert found[f"radar_season_{band}_variation"] == pytest.approx(spread, rel=1e-5)
            low = np.percentile(10 * np.log10(power[band]), 10)
            assert found[f"radar_season_{band}_p10"] == pytest.approx(low, abs=0.006)
        assert np.isnan(found["radar_absent_vv"])


def test_no_bit_depends_on_the_block() -> None:
    """Law: a part looked at by itself has the same bits as in the whole."""
    stack = _stack(20, 24)
    whole = multilooked(stack, 2)
    part = replace(stack, values=stack.values[:, :, 5:16, 3:18], valid=stack.valid[:, 5:16, 3:18])
    assert np.array_equal(multilooked(part, 2).values, whole.values[:, :, 5:12, 3:14])
    cells = whole.at(np.ones((16, 20), bool))
    planes = radar_features(cells, SPEC, SPANS)
    some = Series(
        days=DAYS,
        bands=("vv", "vh"),
        values=np.ascontiguousarray(cells.part(slice(40, 90)).values),
        valid=cells.part(slice(40, 90)).valid,
        quantum=0.01,
    )
    assert np.array_equal(radar_features(some, SPEC, SPANS), planes[:, 40:90], equal_nan=True)


@cache
def _landscape() -> Landscape:
    return build_landscape("andes-coca", 21, 120)


def test_a_scenario_without_backscatter_is_refused() -> None:
    """Law: there is no radar of the plain of Helmand."""
    season = open_season(build_landscape("helmand-poppy", 3, 120), "2024")
    with pytest.raises(SurveyFileError, match="example with radar: found helmand-poppy"):
        render_radar(season, date(2024, 3, 1))


def test_the_image_is_the_ground_times_speckle() -> None:
    """Law: the mean of many days comes to the ground without speckle, and noise alone lifts the darkest."""
    season = open_season(_landscape(), "2024")
    days = radar_dates(_landscape(), "2024")
    assert len(days) == 30
    ratio = [
        render_radar(season, day).power["vv"] / render_radar(season, day, speckled=False).power["vv"]
        for day in days
    ]
    mean = np.mean(ratio, axis=0)
    assert np.median(mean) == pytest.approx(1.0, abs=0.12)
    again = render_radar(season, days[3]).power["vh"]
    assert np.array_equal(again, render_radar(season, days[3]).power["vh"])
    forest, water = (
        10 * np.log10(np.median(mean_power))
        for mean_power in (render_radar(season, days[0]).power["vv"][_truth() == code] for code in (6, 8))
    )
    assert -10 < forest < -5
    assert water < -14


def _truth() -> NDArray[np.uint8]:
    return _landscape().truth_at_centres(2024)


class Cloudy:
    """A cloudy valley with the optical images of every fourth pass and all images of the radar."""

    def __init__(self, folder: Path) -> None:
        self.landscape = build_landscape("andes-coca", 31, 160)
        write_images(self.landscape, folder / "optical", ("2024",))
        write_radar_images(self.landscape, folder / "radar", ("2024",))
        days = {"start": date(2024, 1, 1), "end": date(2024, 12, 31)}
        where = {"folder": None, "pattern": None, "geobox": self.landscape.geobox, **days}
        optical = find_scenes(catalog=folder / "optical" / "catalog.json", sensor=SENSOR, **where)
        self.radar = find_scenes(catalog=folder / "radar" / "catalog.json", sensor=RTC, **where)
        self.period = PeriodScenes(scenes=optical[::4], radar=self.radar, **days)
        self.truth = self.landscape.truth_at_centres(2024)
        points = training_sites(self.landscape)
        self.samples = training_samples(
            points[points["period"] == "2024"],
            where="sites",
            legend=PROFILE.legend,
            periods=["2024"],
            geobox=self.landscape.geobox,
        )

    def train(self, *, with_radar: bool, **changes: Any) -> TrainedModel:
        """Teach on the period, with or without the radar."""
        return train(
            {"2024": self.period},
            self.samples,
            geobox=self.landscape.geobox,
            profile=PROFILE,
            sensor=SENSOR,
            settings=replace(SETTINGS, **changes),
            radar=RTC if with_radar else None,
        )

    def map(self, model: TrainedModel, **changes: Any) -> NDArray[np.uint8]:
        """Map everything as one block."""
        work = MapWork(model=model, period=replace(self.period, **changes), geobox=self.landscape.geobox)
        height, width = self.truth.shape
        block = Block(0, 0, height, width)
        around = work.around(block)
        wanted = np.zeros((around.height, around.width), dtype=np.bool_)
        wanted[work.rim : work.rim + height, work.rim : work.rim + width] = True
        return work(block, wanted).codes


PROFILE = load_profile("andes-coca")
SETTINGS = ClassifySettings(
    ensemble=EnsembleSettings(boost=BoostSettings(trees=30, leaves=8)),
    folds=2,
    fold_block_m=200,
    min_valid=1,
    transfer=False,
    border_cells=2,
    radar_min_valid=10,
)


@pytest.fixture(name="cloudy", scope="module")
def fixture_cloudy(tmp_path_factory: pytest.TempPathFactory) -> Cloudy:
    """Return the cloudy valley."""
    return Cloudy(tmp_path_factory.mktemp("cloudy"))


@pytest.fixture(name="fused", scope="module")
def fixture_fused(cloudy: Cloudy) -> TrainedModel:
    """Return the model with the radar."""
    return cloudy.train(with_radar=True)


@pytest.mark.slow
def test_the_radar_helps_where_clouds_hide_the_ground(cloudy: Cloudy, fused: TrainedModel) -> None:
    """Law: with few clear images the fused map has a higher F1 of coca, and leaves nothing unseen."""
    coca = cloudy.truth == PROFILE.legend.code("coca")
    scores, unseen = [], []
    for model in (cloudy.train(with_radar=False), fused):
        codes = cloudy.map(model)
        said = codes == PROFILE.legend.code("coca")
        scores.append(2 * (said & coca).sum() / (said.sum() + coca.sum()))
        unseen.append((codes == Legend.NOT_SEEN).mean())
    assert unseen[0] > 0.05
    assert unseen[1] == 0.0
    assert scores[1] > scores[0] + 0.05


@pytest.mark.slow
def test_neither_order_nor_repetition_of_radar_scenes_matters(cloudy: Cloudy, fused: TrainedModel) -> None:
    """Law: scenes backwards and one of them twice give the same map to the byte."""
    backwards = (*reversed(cloudy.radar), cloudy.radar[3])
    assert np.array_equal(cloudy.map(fused, radar=backwards), cloudy.map(fused))


@pytest.mark.slow
def test_the_fused_map_does_not_depend_on_the_blocks(cloudy: Cloudy, fused: TrainedModel, tmp_path: Path) -> None:
    """Law: blocks of 90 cells on two threads give the bytes of one block."""
    whole = cloudy.map(fused)
    for size, jobs in ((90, 2),):
        path = tmp_path / f"map{size}.tif"
        write_maps(
            replace(fused, settings=replace(fused.settings, block_size=size)),
            cloudy.period,
            geobox=cloudy.landscape.geobox,
            inside=None,
            class_path=path,
            probability_paths={},
            jobs=jobs,
        )
        with rasterio.open(path) as source:
            assert np.array_equal(source.read(1), whole)


@pytest.mark.slow
def test_the_model_keeps_its_radar(fused: TrainedModel, tmp_path: Path) -> None:
    """Law: written and read back it has the same sensor, features and texts."""
    fused.save(tmp_path)
    again = TrainedModel.load(tmp_path)
    assert again.radar == fused.radar
    assert again.names == fused.names
    assert again.classifier == fused.classifier


def test_two_dates_are_not_seen_through_cloud() -> None:
    """Law: radar images stand in for clear ones, but not for the two dates that tell poppy."""
    spans = {
        "flowering": (date(2024, 3, 15), date(2024, 4, 20)),
        "maturity": (date(2024, 4, 25), date(2024, 6, 10)),
    }
    days = (date(2024, 4, 1), date(2024, 7, 1))
    clear, radar = np.array([[True], [False]]), np.ones((12, 1), dtype=bool)
    for name, expected in (("andes-coca", True), ("helmand-poppy", False)):
        profile = load_profile(name)
        observer = Observer(
            geobox=grid(8, 8),
            sensor=SENSOR,
            spec=feature_spec(SENSOR, ["flowering"]),
            profile=profile,
            min_valid=2,
            cloud_buffer_m=0,
            radar=RadarView(sensor=RTC, spec=SPEC, min_valid=10),
        )
        assert bool(observer.seen(days, clear, spans, radar)[0]) is expected
        assert not observer.seen(days, clear, spans, radar[:5])[0]
