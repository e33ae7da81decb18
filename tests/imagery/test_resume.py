"""Blocks that are finished stay finished: after SIGKILL, and when a scene comes.

Oracle: the bytes of a run that nothing disturbed, and the blocks that a scene reaches, found by hand.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.cog import CogWriters
from geo.files import sha256
from geo.grid import GeoBox
from geo.journal import BlockJournal
from geo.runner import BlockTask, Made, Runner, make
from imagery.extent import placed
from imagery.map_work import MapWork
from imagery.model import TrainedModel
from imagery.observe import PeriodScenes
from imagery.prepare import PeriodWork, PrepareOptions, write_period
from imagery.scene import BandFile, Scene
from tests.imagery.killed_period import ATTEMPTS
from tests.imagery.test_classify import CORNER, PROFILE, SIZE, World
from tests.imagery.world import BANDS, CRS, PERIODS, SENSOR, flat_shot, grid, scenes_of, write_catalog

BLOCK = 8
"""Side of the blocks: 36 of them."""
TILE = 10_980
"""Cells on a side of a tile of Sentinel-2 at 10 m."""
MIDDLE = date(2023, 3, 10)
"""Day of the scene that comes: between others, so that the first and the last day stay."""


@pytest.fixture(name="model", scope="module")
def fixture_model(model: TrainedModel) -> TrainedModel:
    """Return the model, working in small blocks."""
    return replace(model, settings=replace(model.settings, block_size=BLOCK, smoothing_cells=0.0))


def bytes_of(folder: Path) -> dict[str, str]:
    """Return the hash of every raster of a folder."""
    return {path.name: sha256(path) for path in sorted(folder.glob("*.tif"))}


def test_a_killed_run_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    """Killed at one block after another, a run makes no finished block again, and ends in the same bytes."""
    command = [sys.executable, "-m", "tests.imagery.killed_period", str(world.catalog), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    start, end = PERIODS["2023"]
    write_period(
        world.periods()["2023"].scenes,
        geobox=world.geobox,
        sensor=SENSOR,
        profile=PROFILE,
        options=PrepareOptions(start=start, end=end, min_valid=2, cloud_buffer_m=40),
        inside=CORNER,
        folder=tmp_path / "undisturbed",
    )
    for jobs, kills in ATTEMPTS.items():
        finished = 0
        for kill, row in zip(kills, found[str(jobs)]["killed"], strict=True):
            assert (row["signal"], row["final"]) == (signal.SIGKILL, [])
            # The block it died at is not there; of those of other threads none or some are, since one that was told
            # of may not have been moved into place yet
            assert finished + kill - jobs <= row["finished"] <= finished + kill - 1 + jobs
            finished = row["finished"]
        assert found[str(jobs)]["last"] == {"signal": 0, "made": 9 - finished, "kept": finished}
        assert found[str(jobs)]["files"] == bytes_of(tmp_path / "undisturbed")


def small_scene(folder: Path) -> Scene:
    """Return a clear scene of 4 x 4 cells in one block."""
    geobox = GeoBox((4, 4), grid(SIZE, SIZE).transform * Affine.translation(18, 18), CRS)
    shot = flat_shot(MIDDLE, geobox.shape, values=dict.fromkeys(BANDS, 0.33), name="LATE")
    return scenes_of(write_catalog(folder, [shot], geobox=geobox), geobox)[0]


def test_a_new_scene_makes_only_the_blocks_that_it_reaches(world: World, tmp_path: Path) -> None:
    """One block of 36 (2.8 %) is composed again, and the files are those of a run from nothing, to the byte."""
    start, end = PERIODS["2023"]
    before = list(world.periods()["2023"].scenes)[::4]
    runner = Runner(jobs=2, journal=BlockJournal(tmp_path / "journal"))

    def write(scenes: list[Scene], out: str, made_by: Runner) -> dict[str, str]:
        options: dict[str, Any] = {"start": start, "end": end, "min_valid": 1, "cloud_buffer_m": 40}
        write_period(
            scenes,
            geobox=world.geobox,
            sensor=SENSOR,
            profile=PROFILE,
            options=PrepareOptions(**options, block_size=BLOCK),
            inside=None,
            folder=tmp_path / out,
            runner=made_by,
        )
        return bytes_of(tmp_path / out)

    first = write(before, "first", runner)
    assert (len(runner.made), runner.kept) == (36, 0)
    write(before, "again", runner)
    assert (len(runner.made), runner.kept) == (0, 36)
    after = [*before, small_scene(tmp_path / "late")]
    second = write(after, "second", runner)
    assert (len(runner.made), runner.kept) == (1, 35)
    assert second == write(after, "anew", Runner())
    changed = {name for name in first if first[name] != second[name]}
    assert "valid_count.tif" in changed


def test_a_new_scene_maps_only_the_windows_that_it_reaches(
    world: World, model: TrainedModel, tmp_path: Path
) -> None:
    """The block around the scene and its eight neighbours, whose textures reach into it; the bytes are the same."""
    period = world.periods()["2023"]
    period = replace(period, scenes=period.scenes[::3])
    runner = Runner(jobs=2, journal=BlockJournal(tmp_path / "journal"))
    world.map(model, tmp_path / "first", inside=None, runner=runner, period=period)
    assert (len(runner.made), runner.kept) == (36, 0)
    late = replace(period, scenes=[*period.scenes, small_scene(tmp_path / "late")])
    second = world.map(model, tmp_path / "second", inside=None, runner=runner, period=late)
    assert (len(runner.made), runner.kept) == (9, 27)
    anew = world.map(model, tmp_path / "anew", inside=None, period=late)
    for name, cells in second.items():
        np.testing.assert_array_equal(cells, anew[name])
    assert bytes_of(tmp_path / "second") == bytes_of(tmp_path / "anew")


def test_a_tile_of_a_country_makes_under_a_twentieth_anew(model: TrainedModel, tmp_path: Path) -> None:
    """Literal: of five by five tiles one more scene reaches 4 % of the blocks and 4.8 % of the map's windows."""
    image = tmp_path / "image.tif"
    image.write_bytes(b"what only its hash is asked of")

    def scene(row: int, col: int, day: int) -> Scene:
        return Scene(
            id=f"T{row}{col}_{day}",
            time=datetime(2023, 3, day, tzinfo=UTC),
            bands={band.common: BandFile(path=str(image)) for band in SENSOR.band},
            extent=Block(row * side, col * side, side, side),
        )

    side = -(-TILE // BLOCK_SIZE) * BLOCK_SIZE  # tiles of 22 blocks, their edges on those of blocks
    country = GeoBox((5 * side, 5 * side), grid(1, 1).transform, CRS)
    before = [scene(row, col, day) for row in range(5) for col in range(5) for day in (1, 9)]
    late = scene(2, 2, 5)
    options = PrepareOptions(start=date(2023, 1, 1), end=date(2023, 12, 31), min_valid=1, cloud_buffer_m=60)

    def keys(scenes: list[Scene]) -> list[tuple[str, str]]:
        composing = PeriodWork(tuple(scenes), country, SENSOR, options, {"season": (options.start, options.end)})
        period = PeriodScenes(scenes=scenes, start=options.start, end=options.end)
        mapping = MapWork(model=model, period=period, geobox=country)
        cells = np.ones((1, 1), dtype=np.bool_)  # all of them alike
        return [
            (composing.key(block, cells), mapping.key(block, cells))
            for block in blocks((country.shape[0], country.shape[1]))
        ]

    assert model.halo > 0  # the map looks beyond its blocks
    pairs = list(zip(keys(before), keys([*before, late]), strict=True))
    composed = sum(old[0] != new[0] for old, new in pairs)
    mapped = sum(old[1] != new[1] for old, new in pairs)
    assert (len(pairs), composed, mapped) == (110 * 110, 22 * 22, 24 * 24)
    assert mapped / len(pairs) < 0.05


def test_what_decides_a_block_is_in_its_fingerprint(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """A changed file, another model and another shift of a scene are other blocks; another path is not."""
    period = world.periods()["2023"]
    block, cells = Block(16, 16, BLOCK, BLOCK), np.ones((BLOCK, BLOCK), dtype=np.bool_)

    def key(period: PeriodScenes, of: TrainedModel = model, block: Block = block) -> str:
        scenes = placed(period.scenes, world.geobox)
        return MapWork(model=of, period=replace(period, scenes=scenes), geobox=world.geobox).key(block, cells)

    first = period.scenes[0]

    def with_first(scene: Scene) -> PeriodScenes:
        return replace(period, scenes=[scene, *period.scenes[1:]])

    def in_file(path: Path) -> PeriodScenes:
        bands = {name: replace(file, path=str(path)) for name, file in first.bands.items() if name == "red"}
        return with_first(replace(first, bands={**first.bands, **bands}))

    red = Path(first.bands["red"].path)
    copied = tmp_path / "copy.tif"
    shutil.copy(red, copied)
    same = key(period)
    assert key(in_file(copied)) == same
    with rasterio.open(copied, "r+") as target:
        cells_of_file = target.read(1)
        cells_of_file[0, 0] += 1
        target.write(cells_of_file, 1)
    other_model = replace(model, validation={**model.validation, "note": "another"})
    others = [
        key(in_file(copied)),
        key(with_first(replace(first, shift_m=(5.0, 0.0)))),
        key(period, of=other_model),
        key(period, block=Block(16, 24, BLOCK, BLOCK)),
        key(replace(period, scenes=period.scenes[1:])),
    ]
    assert len({same, *others}) == 6


class _Here:
    """Workers that are this thread."""

    def each(
        self, work: Any, journal: BlockJournal, tasks: Iterator[BlockTask]
    ) -> Iterator[tuple[BlockTask, Made]]:
        """Make the tasks one after the other."""
        for task in tasks:
            yield task, Made(task.key, make(work, journal, task, None)[1])


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_command_whose_blocks_are_made_elsewhere_packs_in_all_threads(
    world: World, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """Law: composites and maps alike; the cells are those of blocks that are made here."""
    packing = []

    class Noted(CogWriters):
        def __enter__(self) -> CogWriters:
            packing.append(self._packing)
            return super().__enter__()

    for name in ("classify", "prepare"):
        monkeypatch.setattr(f"imagery.{name}.CogWriters", Noted)
    cluster = (lambda: nullcontext(_Here())) if elsewhere else None
    runner = Runner(jobs=3, journal=BlockJournal(tmp_path / "journal"), cluster=cluster)
    period = world.periods()["2023"]
    period = replace(period, scenes=period.scenes[::3])
    made = world.map(model, tmp_path / "map", inside=CORNER, runner=runner, jobs=3, period=period)
    (start, end), out = PERIODS["2023"], tmp_path / "composites"
    options = PrepareOptions(start=start, end=end, min_valid=1, cloud_buffer_m=40)
    grids: dict[str, Any] = {"geobox": world.geobox, "sensor": SENSOR, "profile": PROFILE, "inside": CORNER}
    write_period(period.scenes, **grids, options=options, folder=out, runner=runner)
    assert packing == ([3, 3] if elsewhere else [1, 1])
    again = world.map(model, tmp_path / "again", inside=CORNER, period=period)
    assert all(np.array_equal(made[name], again[name]) for name in again)
