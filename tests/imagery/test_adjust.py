"""Scenes made comparable: shifts found and undone, shading taken out, and what cannot be adjusted named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo.blocks import Block
from geo.cog import write_cog
from geo.errors import InputError
from geo.terrain import gradient, illumination
from imagery.adjust import Adjusted, AdjustOptions, adjusted, alignment_state
from imagery.coregister import phase_shift, tiles_of
from imagery.relief import ReliefOptions, grid_sun, light_of
from imagery.scene import Scene, SunAngles
from imagery.stack import BrokenSceneError, read_stack
from tests.geo.builders import padded
from tests.imagery.world import BANDS, SENSOR, Shot, flat_shot, grid, scenes_of, write_catalog

SIZE = 96
DAYS = [date(2023, 4, day) for day in (2, 7, 12, 17, 22, 27)]
SUN = {"view:sun_elevation": 35.0, "view:sun_azimuth": 140.0}


def texture(seed: int = 4, size: int = SIZE + 32) -> NDArray[np.float64]:
    """Return fields of different brightness, a few cells wide, larger than the grid by 16 cells on every side."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.4, (size // 4, size // 4))
    return np.kron(coarse, np.ones((4, 4)))


def window(image: NDArray[np.float64], row: int = 0, col: int = 0) -> NDArray[np.float64]:
    """Return the part of a larger image that a scene shows which lies `row` cells south and `col` cells east."""
    return image[16 - row : 16 - row + SIZE, 16 - col : 16 - col + SIZE]


def shot(day: date, look: NDArray[np.float64], **changes: Any) -> Shot:
    """Return a clear scene in which every band looks alike."""
    return flat_shot(day, look.shape, reflectance=dict.fromkeys(BANDS, look), **changes)


def adjust(scenes: tuple[Scene, ...], **options: Any) -> Adjusted:
    """Adjust scenes on the grid of the world."""
    settings = AdjustOptions(**{"tolerance_m": 10.0, "cloud_buffer_m": 0.0} | options)
    return adjusted(scenes, geobox=grid(SIZE, SIZE), sensor=SENSOR, options=settings, inside=None)


def read(scenes: tuple[Scene, ...] | list[Scene], block: Block | None = None) -> Any:
    """Read scenes of the world."""
    where = block or Block(0, 0, SIZE, SIZE)
    return read_stack(scenes, grid(SIZE, SIZE), where, sensor=SENSOR, cloud_buffer_m=0)


# ---- co-registration --------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -5.0), (0.4, 0.25), (-2.3, 6.7)])
def test_a_known_shift_is_found_to_a_third_of_a_cell(shift: tuple[float, float]) -> None:
    """Law: an image moved by the shift theorem of Fourier, with noise and a third of it hidden."""
    rng = np.random.default_rng(9)
    reference = rng.normal(0, 1, (128, 128))
    rows, cols = np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None, :]
    smooth = np.fft.fft2(reference) * np.exp(-(rows**2 + cols**2) / (2 * 0.08**2))
    reference = np.fft.ifft2(smooth).real
    # To lie on the reference the image must be moved by `shift`: it lies by as much on the other side
    phase = np.exp(2j * np.pi * (rows * shift[0] + cols * shift[1]))
    image = np.fft.ifft2(smooth * phase).real + rng.normal(0, 0.1 * reference.std(), reference.shape)
    shared = np.ones((128, 128), dtype=bool)
    shared[:, :40] = False
    found = phase_shift(image, reference, shared)
    assert found is not None
    assert found == pytest.approx(shift, abs=0.33)


def test_images_that_have_nothing_in_common_give_no_shift() -> None:
    """Law: where no shift makes the images alike there is none to tell."""
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, (2, 96, 96))
    assert phase_shift(one, other, np.ones((96, 96), dtype=bool)) is None
    assert phase_shift(np.zeros((96, 96)), other, np.ones((96, 96), dtype=bool)) is None


def test_tiles_depend_on_grid_and_frame_alone() -> None:
    """Literal: nine tiles of a large grid, those outside the frame left out, none on a grid too small."""
    assert len(tiles_of((2000, 3000))) == 9
    inside = np.zeros((2000, 3000), dtype=bool)
    inside[:300] = True
    assert [tile.row for tile in tiles_of((2000, 3000), inside)] == [0, 0, 0]
    assert tiles_of((20, 500)) == []


@pytest.fixture(name="shifted", scope="module")
def fixture_shifted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, ...]:
    """Return six scenes, the fourth of which lies 3 cells south and 2 cells west of the others."""
    image = texture()
    shots = [shot(day, window(image, 3, -2) if day == DAYS[3] else window(image)) for day in DAYS]
    return scenes_of(write_catalog(tmp_path_factory.mktemp("shifted"), shots), grid(SIZE, SIZE))


def test_a_scene_beside_the_others_is_told(shifted: tuple[Scene, ...]) -> None:
    """Literal: it must be moved 30 m north and 20 m east; the others stay."""
    found = adjust(shifted)
    assert found.scenes == shifted
    states = [alignment_state(one, AdjustOptions(tolerance_m=10)) for one in found.alignment]
    assert states == ["within"] * 3 + ["beyond"] + ["within"] * 2
    assert found.alignment[3].north_m == pytest.approx(30, abs=1)
    assert found.alignment[3].east_m == pytest.approx(20, abs=1)
    assert max(one.distance_m or 0 for one in found.alignment if one.scene != shifted[3].id) < 1


def test_a_scene_is_moved_onto_the_others(shifted: tuple[Scene, ...]) -> None:
    """Law: once moved it shows what the others show; unmoved it does not."""
    found = adjust(shifted, coregistration="shift")
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    fine = [SENSOR.common.index(name) for name in ("blue", "green", "red", "nir")]  # a cell each; others cover four
    before, after = (read(scenes).values[inner][:, fine] for scenes in (shifted, found.scenes))
    assert (before[3] != before[0]).mean() > 0.5
    assert np.array_equal(after[3], after[0])
    assert np.array_equal(after[:3], before[:3])
    assert [scene.shift_m != (0.0, 0.0) for scene in found.scenes] == [False] * 3 + [True] + [False] * 2


def test_a_scene_can_be_left_out_for_it(shifted: tuple[Scene, ...]) -> None:
    """Law: it falls out whole, with its distance as the reason."""
    found = adjust(shifted, coregistration="leave-out")
    assert [name for name, _ in found.lost] == [shifted[3].id]
    assert "it lies 36" in found.lost[0][1]
    assert shifted[3] not in found.scenes


def test_two_scenes_say_nothing_of_each_other(shifted: tuple[Scene, ...]) -> None:
    """Law: of two that differ nobody knows which is right; nothing is moved."""
    found = adjust(shifted[2:4], coregistration="shift")
    assert found.scenes == shifted[2:4]
    assert {one.distance_m for one in found.alignment} == {None}


def test_order_changes_no_alignment(shifted: tuple[Scene, ...]) -> None:
    """Law: scenes are a set."""
    one = {entry.scene: entry for entry in adjust(shifted).alignment}
    other = {entry.scene: entry for entry in adjust(tuple(reversed(shifted))).alignment}
    assert one == other


def test_a_cloudy_scene_is_not_measured(tmp_path: Path) -> None:
    """Literal: with three quarters under cloud there is too little in common."""
    image = texture()
    scl = np.full((SIZE // 2, SIZE // 2), 4, dtype=np.uint8)
    scl[:36] = 9
    shots = [shot(day, window(image), **({"scl": scl} if day == DAYS[2] else {})) for day in DAYS]
    found = adjust(scenes_of(write_catalog(tmp_path, shots), grid(SIZE, SIZE)))
    assert [one.tiles for one in found.alignment] == [1, 1, 0, 1, 1, 1]
    assert found.alignment[2].distance_m is None


def test_a_broken_scene_falls_out_before_it_is_measured(tmp_path: Path) -> None:
    """Law: the others are measured without it; with "refuse" it ends the work, named."""
    rng = np.random.default_rng(1)
    shots = [shot(day, rng.uniform(0.01, 0.5, (SIZE, SIZE))) for day in DAYS]
    catalog = write_catalog(tmp_path, shots)
    path = tmp_path / shots[1].name / "B08.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    scenes = scenes_of(catalog, grid(SIZE, SIZE))
    found = adjust(scenes, broken="drop")
    assert [name for name, _ in found.lost] == [shots[1].name]
    assert len(found.scenes) == len(found.alignment) == len(DAYS) - 1
    assert str(tmp_path) not in found.lost[0][1]
    with pytest.raises(BrokenSceneError, match=shots[1].name):
        adjust(scenes)


# ---- relief -----------------------------------------------------------------------------------------


def hills(folder: Path) -> Path:
    """Write the elevation of smooth hills around the grid."""
    wide = padded(grid(SIZE, SIZE), 40)
    rows, cols = np.mgrid[0 : wide.shape[0], 0 : wide.shape[1]]
    ground = 400 + 60 * np.sin(rows / 11.0) + 50 * np.cos(cols / 13.0 + rows / 29.0)
    path = folder / "elevation.tif"
    write_cog(path, ground.astype(np.float32), wide)
    return path


def cosine(path: Path) -> NDArray[np.float64]:
    """Return the illumination of the grid, from the elevation as it was written."""
    with rasterio.open(path) as source:
        ground = source.read(1)[39:-39, 39:-39]
    sun = grid_sun(SunAngles(elevation_deg=35.0, azimuth_deg=140.0), grid(SIZE, SIZE))
    return illumination(gradient(ground, 10.0, 10.0), sun).astype(np.float64)


def shaded_catalog(folder: Path, elevation: Path, *, c: float, **changes: Any) -> Path:
    """Write scenes of even ground, shaded as the C-correction supposes."""
    light = cosine(elevation)
    flat = np.cos(np.radians(55.0))
    look = 0.3 * (light + c) / (flat + c)
    return write_catalog(folder, [shot(day, look, properties=SUN, **changes) for day in DAYS[:2]])


def options(path: Path, method: Any = "c", **changes: Any) -> ReliefOptions:
    """Return how shading is taken out in these tests."""
    return ReliefOptions(method=method, elevation=str(path), shadow_reach_m=200.0, **changes)


def test_shading_put_in_is_taken_out(tmp_path: Path) -> None:
    """Law: even ground, shaded by c = 0.4, is even again, and the parameter is found again."""
    path = hills(tmp_path)
    scenes = scenes_of(shaded_catalog(tmp_path / "world", path, c=0.4), grid(SIZE, SIZE))
    before = read(scenes)
    found = adjust(scenes, relief=options(path), coregistration="none")
    assert len(found.bands) == len(DAYS[:2]) * len(BANDS)
    for band in found.bands:
        assert band.parameter == pytest.approx(0.4, abs=0.02)
        assert band.effect.before.correlation > 0.99
        assert abs(band.effect.after.correlation) < 0.2
    after = read(found.scenes)
    clear = after.valid[0]
    assert clear.mean() > 0.8
    red = after.values[0, 2][clear] * SENSOR.quantum
    assert before.values[0, 2].std() * SENSOR.quantum > 0.05
    assert red.std() < 0.002
    assert red.mean() == pytest.approx(0.3, abs=0.005)


def test_minnaert_flattens_too(tmp_path: Path) -> None:
    """Law: ground shaded by Minnaert's law with k = 0.5 is even again."""
    path = hills(tmp_path)
    light, flat = cosine(path), np.cos(np.radians(55.0))
    look = 0.3 * (np.maximum(light, 0.02) / flat) ** 0.5
    catalog = write_catalog(tmp_path / "world", [shot(DAYS[0], look, properties=SUN)])
    found = adjust(scenes_of(catalog, grid(SIZE, SIZE)), relief=options(path, "minnaert"), coregistration="none")
    assert {round(band.parameter or 0, 1) for band in found.bands} == {0.5}
    after = read(found.scenes)
    assert (after.values[0, 2][after.valid[0]] * SENSOR.quantum).std() < 0.002


def test_cells_without_sun_are_not_clear(tmp_path: Path) -> None:
    """Literal: a ridge of 200 m in the way of a sun at 35 degrees; the ground behind it is not seen."""
    wide = padded(grid(SIZE, SIZE), 40)
    ground = np.zeros((wide.shape[0], wide.shape[1]), dtype=np.float32)
    ground[:, 40 + 60 : 40 + 62] = 200.0
    path = tmp_path / "elevation.tif"
    write_cog(path, ground, wide)
    sun = {"view:sun_elevation": 35.0, "view:sun_azimuth": 90.0}
    catalog = write_catalog(tmp_path / "world", [shot(DAYS[0], np.full((SIZE, SIZE), 0.2), properties=sun)])
    found = adjust(
        scenes_of(catalog, grid(SIZE, SIZE)),
        relief=replace(options(path), shadow_reach_m=400.0),
        coregistration="none",
    )
    clear = read(found.scenes).valid[0][40]
    behind = int(200 / np.tan(np.radians(35.0)) / 10)  # cells
    assert not clear[60 - behind + 1 : 60].any()
    assert clear[: 60 - behind - 2].all()
    assert clear[70:].all()


@pytest.mark.parametrize("size", [23, 40])
def test_relief_does_not_depend_on_blocks_and_threads(tmp_path: Path, size: int) -> None:
    """Law: neither the fitted parameters nor a corrected cell change with the block they are read in."""
    path = hills(tmp_path)
    scenes = scenes_of(shaded_catalog(tmp_path / "world", path, c=0.3), grid(SIZE, SIZE))
    whole = adjust(scenes, relief=options(path), coregistration="none")
    settings = AdjustOptions(
        coregistration="none", relief=options(path), cloud_buffer_m=0.0, block_size=size, tolerance_m=10.0
    )
    parts = adjusted(scenes, geobox=grid(SIZE, SIZE), sensor=SENSOR, options=settings, inside=None, jobs=3)
    assert parts == whole
    image = read(whole.scenes)
    for row in range(0, SIZE, size):
        block = Block(row, 5, min(size, SIZE - row), size)
        part = read(whole.scenes, block)
        assert np.array_equal(part.valid, image.valid[:, *block.slices])
        seen = np.broadcast_to(part.valid[:, None], part.values.shape)
        assert np.array_equal(part.values[seen], image.values[:, :, *block.slices][seen])


def test_a_band_that_cannot_be_fitted_stays_and_is_told(tmp_path: Path) -> None:
    """Law: where reflectance does not rise with light the band is left alone, with the reason."""
    path = hills(tmp_path)
    light = cosine(path)
    falling = 0.3 - 0.1 * light
    look = dict.fromkeys(BANDS, 0.3 * (light + 0.3)) | {"B04": falling}
    catalog = write_catalog(
        tmp_path / "world", [flat_shot(DAYS[0], (SIZE, SIZE), reflectance=look, properties=SUN)]
    )
    found = adjust(scenes_of(catalog, grid(SIZE, SIZE)), relief=options(path), coregistration="none")
    red = next(band for band in found.bands if band.band == "red")
    assert red.parameter is None
    assert "does not rise" in red.reason
    assert sum(band.parameter is not None for band in found.bands) == len(BANDS) - 1
    after = read(found.scenes)
    clear = after.valid[0]
    assert np.abs(after.values[0, 2][clear] * SENSOR.quantum - falling[clear]).max() < 1e-4


def test_a_scene_without_sun_angles_is_left_out_and_named(tmp_path: Path) -> None:
    """Law: corrected and uncorrected scenes are not mixed; with none left the work ends."""
    path = hills(tmp_path)
    look = np.full((SIZE, SIZE), 0.2)
    shots = [shot(DAYS[0], look), shot(DAYS[1], look, properties=SUN)]
    scenes = scenes_of(write_catalog(tmp_path / "world", shots), grid(SIZE, SIZE))
    found = adjust(scenes, relief=options(path), coregistration="none")
    assert [name for name, _ in found.lost] == [shots[0].name]
    assert "no angles of the sun" in found.lost[0][1]
    with pytest.raises(InputError, match="no scene is left"):
        adjust(scenes[:1], relief=options(path), coregistration="none")
    with pytest.raises(InputError, match="no such file"):
        adjust(scenes, relief=options(tmp_path / "none.tif"), coregistration="none")


@pytest.mark.parametrize("kind", ["int16", "uint16", "float32"])
def test_ground_beyond_the_elevation_is_no_cliff(tmp_path: Path, kind: str) -> None:
    """Law: a raster without no-data value that ends inside the grid leaves the rest unknown, not at sea level."""
    part = grid(SIZE, SIZE // 2)
    path = tmp_path / "elevation.tif"
    write_cog(path, np.full((SIZE, SIZE // 2), 3000, dtype=kind), part)
    catalog = write_catalog(tmp_path / "world", [shot(DAYS[0], np.full((SIZE, SIZE), 0.2), properties=SUN)])
    scenes = scenes_of(catalog, grid(SIZE, SIZE))
    assert scenes[0].sun is not None
    sun = grid_sun(scenes[0].sun, grid(SIZE, SIZE))
    light = light_of(str(path), sun, grid(SIZE, SIZE), Block(0, 0, SIZE, SIZE), 200.0)
    assert not light.shaded.any()
    assert np.isnan(light.cosine[:, SIZE // 2 :]).all()
    assert light.cosine[1:-1, 1 : SIZE // 2 - 1] == pytest.approx(np.sin(np.radians(35.0)), abs=1e-6)
