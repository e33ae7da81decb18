"""The work of one block as a thing of its own: pure, portable, and the same as within the whole."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

from geo.blocks import Block, blocks, part_of
from imagery.map_work import MapLayer, MapWork
from imagery.model import TrainedModel
from imagery.prepare import PeriodWork, PrepareOptions, write_period
from imagery.sensor import Sensor
from tests.imagery.test_classify import CORNER, PROFILE, SIZE, World
from tests.imagery.world import PERIODS, SENSOR

LAYERS = (
    MapLayer(kind="probability", crop="opium_poppy"),
    MapLayer(kind="uncertainty"),
    MapLayer(kind="greenness", crop="opium_poppy"),
)


def test_a_block_is_the_same_alone_and_in_the_whole(world: World, model: TrainedModel) -> None:
    """Law: the work of a block, sent to another process and back, makes what the whole grid shows there."""
    work = MapWork(model=model, period=world.periods()["2023"], geobox=world.geobox, layers=LAYERS)
    shape = (SIZE, SIZE)
    whole = work(Block(0, 0, *shape), part_of(CORNER, shape, work.around(Block(0, 0, *shape))))
    sent: MapWork = pickle.loads(pickle.dumps(work))
    for block in blocks(shape, 20):
        part = sent(block, part_of(CORNER, shape, sent.around(block)))
        np.testing.assert_array_equal(part.codes, whole.codes[block.slices])
        for one, other in zip(part.layers, whole.layers, strict=True):
            np.testing.assert_array_equal(one, other[block.slices])
    assert len(pickle.dumps(work)) < 2e6


def test_imagery_of_a_block_is_the_same_alone_and_in_the_whole(world: World) -> None:
    """Law: as above, of composites and counts; the gaps of the parts add up to the gaps of the whole."""
    start, end = PERIODS["2023"]
    windows = {window.name: (window.start, window.end) for window in PROFILE.windows_in(start, end)}
    sensor: Sensor = SENSOR
    options = PrepareOptions(start=start, end=end, min_valid=2, cloud_buffer_m=40)
    work = PeriodWork(tuple(world.periods()["2023"].scenes), world.geobox, sensor, options, windows)
    whole = work(Block(0, 0, SIZE, SIZE), CORNER)
    sent: PeriodWork = pickle.loads(pickle.dumps(work))
    parts = {block: sent(block, CORNER[block.slices]) for block in blocks((SIZE, SIZE), 20)}
    for block, part in parts.items():
        np.testing.assert_array_equal(part.counts, whole.counts[:, *block.slices])
        for name in windows:
            np.testing.assert_array_equal(part.composites[name], whole.composites[name][:, *block.slices])
    total = sum((part.gaps for part in parts.values()), start=type(whole.gaps)(window_missing=(0,) * len(windows)))
    assert total == whole.gaps


def test_composites_do_not_depend_on_the_order_of_features(world: World, model: TrainedModel) -> None:
    """Law: composites hold bands in the order of the sensor, wherever their medians stand among the features."""
    shape = (SIZE, SIZE)
    found = []
    for bands in (model.spec.bands, (*model.spec.bands[1:], model.spec.bands[0]), model.spec.bands[::-1]):
        other = replace(model, spec=replace(model.spec, bands=bands))
        work = MapWork(model=other, period=world.periods()["2023"], geobox=world.geobox, composites=True)
        block = Block(0, 0, *shape)
        found.append(work(block, part_of(CORNER, shape, work.around(block))).composites)
    for other_order in found[1:]:
        for name, planes in found[0].items():
            np.testing.assert_array_equal(other_order[name], planes)


def test_composites_of_the_same_reading(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """Law: composites made beside the map are those that the step for imagery writes, byte for byte."""
    start, end = PERIODS["2023"]
    period = world.periods()["2023"]
    options = PrepareOptions(start=start, end=end, min_valid=2, cloud_buffer_m=model.settings.cloud_buffer_m)
    report = write_period(
        period.scenes,
        geobox=world.geobox,
        sensor=SENSOR,
        profile=PROFILE,
        options=options,
        inside=CORNER,
        folder=tmp_path / "alone",
    )
    world.map(
        model,
        tmp_path,
        composite_paths={name: tmp_path / f"composite_{name}.tif" for name in report.windows},
    )
    for name in report.windows:
        alone = (tmp_path / "alone" / f"composite_{name}.tif").read_bytes()
        assert (tmp_path / f"composite_{name}.tif").read_bytes() == alone


def test_part_of_a_block_beyond_the_grid() -> None:
    """Literal raster: cells beyond the grid are in no frame, those of the grid as the frame says."""
    inside = np.array([[True, False], [True, True]])
    assert part_of(inside, (2, 2), Block(-1, 1, 3, 2)).tolist() == [[False] * 2, [False] * 2, [True, False]]
    assert part_of(None, (2, 2), Block(1, 1, 2, 2)).tolist() == [[True, False], [False, False]]
