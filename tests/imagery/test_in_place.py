"""Objects read in place: the bytes of maps, changed objects, and stores that fail half-way.

Oracle: the same images on disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from geo.errors import AltdevError, InputError
from geo.files import content_id, sha256
from geo.raster import check_raster, geobox_of, opened
from geo.stored import StoredObject, content_bytes, stored_object, unreadable, write_stored
from imagery.catalog import bounds_in_degrees
from imagery.extent import placed
from imagery.fetch import fetch_files, wanted_files
from imagery.model import TrainedModel
from imagery.observe import PeriodScenes
from imagery.remote import Remote
from imagery.scene import Scene
from imagery.stac import items_of, scene_of
from imagery.store import Store, local_items
from imagery.web import WebPolicy, open_session
from tests.imagery.s3_server import CREDENTIALS, ObjectStore, object_store
from tests.imagery.test_classify import World
from tests.imagery.world import PERIODS, SENSOR

POLICY = WebPolicy(private_hosts=frozenset({"127.0.0.1"}), attempts=1, first_wait_s=0.01, timeout_s=20)
START, END = PERIODS["2023"]


@pytest.fixture(name="store", scope="module")
def fixture_store() -> Iterator[ObjectStore]:
    """Run an object store."""
    with object_store() as store:
        yield store


@pytest.fixture(name="period", scope="module")
def fixture_period(world: World) -> PeriodScenes:
    """Return three scenes of it on disk."""
    period = world.periods()["2023"]
    return replace(period, scenes=period.scenes[2:8:2])


@pytest.fixture(name="model", scope="module")
def fixture_model(model: TrainedModel) -> TrainedModel:
    """Return the model, working in small blocks."""
    return replace(model, settings=replace(model.settings, min_valid=1, block_size=16))


@pytest.fixture(name="credentials", autouse=True)
def fixture_credentials(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the credentials and the address of the store into the environment."""
    for name, value in (CREDENTIALS | {"AWS_S3_ENDPOINT": store.endpoint}).items():
        monkeypatch.setenv(name, value)


def in_store(world: World, period: PeriodScenes, store: ObjectStore, folder: Path) -> tuple[list[Scene], Store]:
    """Put the images of scenes into a bucket, and return the scenes as they are read from there."""
    names = {scene.id for scene in period.scenes}
    items = [item for item in items_of(world.catalog) if item.id in names]
    for item in items:
        for key, asset in item.assets.items():
            store.put("images", f"{item.id}/{key}.tif", Path(asset.get_absolute_href() or "").read_bytes())
            asset.href = f"s3://images/{item.id}/{key}.tif"
    area = bounds_in_degrees(world.geobox)
    kept = Store.open(folder, in_place=True)
    wanted = wanted_files(items, SENSOR, start=START, end=END, area=area)
    assert not fetch_files(wanted, kept, Remote(), session=open_session(POLICY), policy=POLICY)
    scenes = [scene_of(item, SENSOR) for item in local_items(items, kept)]
    return [scene for scene in scenes if scene is not None], kept


def test_maps_from_a_store_are_those_from_files(
    world: World, model: TrainedModel, period: PeriodScenes, store: ObjectStore, tmp_path: Path
) -> None:
    """Law: class map and probability to the byte, with one thread and with two."""
    world.map(model, tmp_path / "disk", period=period)
    scenes, kept = in_store(world, period, store, tmp_path / "scenes")
    assert len(scenes) == 3
    assert not list((tmp_path / "scenes").rglob("*.tif"))
    for jobs in (1, 2):
        world.map(model, tmp_path / f"store{jobs}", period=replace(period, scenes=scenes), jobs=jobs)
        for name in ("map.tif", "probability.tif"):
            assert sha256(tmp_path / f"store{jobs}" / name) == sha256(tmp_path / "disk" / name)
    assert not list(local_paths(Store.open(kept.folder)))  # without in_place they are to be fetched


def local_paths(store: Store) -> Iterator[Path]:
    """Yield the files of a store that count."""
    for key in store.files:
        path = store.path_of(key)
        if path is not None:
            yield path


def test_an_object_that_changes_is_another_input(
    world: World, period: PeriodScenes, store: ObjectStore, tmp_path: Path
) -> None:
    """Law: looked at again, unchanged objects keep their files to the byte, and a changed one gets another."""
    one = replace(period, scenes=period.scenes[:1])
    scenes, kept = in_store(world, one, store, tmp_path / "scenes")
    red = Path(scenes[0].bands["red"].path)
    before = {path: content_id(path) for path in local_paths(kept)}
    told = stored_object(red)
    assert told is not None
    assert (told.address, told.format) == (f"s3://images/{scenes[0].id}/B04.tif", "GTiff")
    file = Path(one.scenes[0].bands["red"].path)
    assert content_bytes(red) == told.bytes == file.stat().st_size
    assert geobox_of(red) == geobox_of(file)
    _, kept = in_store(world, one, store, tmp_path / "scenes")
    assert {path: content_id(path) for path in local_paths(kept)} == before
    items = [item for item in items_of(world.catalog) if item.id == scenes[0].id]
    for item in items:
        for key, asset in item.assets.items():
            asset.href = f"s3://images/{item.id}/{key}.tif"
    store.put("images", f"{scenes[0].id}/B04.tif", Path(one.scenes[0].bands["green"].path).read_bytes())
    wanted = wanted_files(items, SENSOR, start=START, end=END, area=bounds_in_degrees(world.geobox))
    assert not fetch_files(wanted, kept, Remote(), session=open_session(POLICY), policy=POLICY)
    after = {path: content_id(path) for path in local_paths(kept)}
    assert {path for path in after if after[path] != before[path]} == {red}


def test_a_missing_object_costs_its_scene_and_a_missing_bucket_the_run(
    world: World, period: PeriodScenes, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: one object that is not there, or is no image, is the scene's fault; all of a bucket are the store's."""
    in_store(world, replace(period, scenes=period.scenes[:1]), store, tmp_path / "a")
    items = [item for item in items_of(world.catalog) if item.id == period.scenes[0].id]
    store.put("images", "page.tif", b"<html>log in</html>" * 9)
    for item in items:
        for key, asset in item.assets.items():
            name = {"B02": "none.tif", "B03": "page.tif"}.get(key, f"{item.id}/{key}.tif")
            asset.href = f"s3://images/{name}"
    area = bounds_in_degrees(world.geobox)

    def fetched(name: str) -> list[str]:
        wanted = wanted_files(items, SENSOR, start=START, end=END, area=area)
        kept = Store.open(tmp_path / name, in_place=True)
        found = fetch_files(wanted, kept, Remote(), session=open_session(POLICY), policy=POLICY)
        return [str(problem) for problem in found]

    told = fetched("b")
    assert len(told) == 2
    assert "asset B02, which cannot be read in place (answer 404" in told[0]
    assert "asset B03, which cannot be read in place (something that is neither TIFF nor JPEG 2000)" in told[1]
    for item in items:
        for asset in item.assets.values():
            asset.href = asset.href.replace("s3://images/", "s3://nobodys/")
    with pytest.raises(InputError) as caught:
        fetched("c")
    assert [str(problem)[:57] for problem in caught.value.problems] == [
        "s3://nobodys: found a store that cannot be read (answer 4"
    ]
    assert json.loads((tmp_path / "c" / "fetched.json").read_text())["failed"] == {}
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    with pytest.raises(InputError, match=r"s3://nobodys: .* \(answer 40"):
        fetched("d")


def test_a_store_that_fails_ends_the_run_rather_than_losing_a_scene(
    world: World,
    model: TrainedModel,
    period: PeriodScenes,
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Law: an image that is cut short in the store is no broken scene, which would be left out, but an error."""
    one = replace(period, scenes=period.scenes[1:2])
    scenes, _ = in_store(world, one, store, tmp_path / "scenes")
    whole = Path(one.scenes[0].bands["nir"].path).read_bytes()
    name = Path(one.scenes[0].bands["nir"].path).name
    store.put("images", f"{scenes[0].id}/{name}", whole[: len(whole) // 2])
    with pytest.raises(AltdevError, match="cannot be read in place") as caught:
        world.map(model, tmp_path / "out", period=replace(one, scenes=placed(scenes, world.geobox)))
    assert not isinstance(caught.value, InputError)
    assert not list((tmp_path / "out").glob("*.tif"))
    assert [problem.where for problem in check_raster(scenes[0].bands["nir"].path)] == [
        f"s3://images/{scenes[0].id}/{name}"
    ]
    monkeypatch.setenv("AWS_S3_ENDPOINT", "http://127.0.0.1:9")
    (problem,) = check_raster(scenes[0].bands["red"].path)
    assert "an object that cannot be read in place (" in problem.found


def test_no_secret_is_told_even_if_the_store_repeats_it() -> None:
    """Law: what a store answers is told without the credentials of whoever asked."""
    stored = StoredObject(address="s3://images/a.tif", bytes=1, version="1", format="GTiff")
    said = f"no key {CREDENTIALS['AWS_ACCESS_KEY_ID']} of {CREDENTIALS['AWS_SESSION_TOKEN']}"
    told = str(unreadable(stored, OSError(said)))
    assert "no key *** of ***" in told


@pytest.mark.parametrize(
    "change",
    [
        {"address": "/vsicurl/http://host.example/a.tif"},
        {"address": "s3://images/../other/a.tif"},
        {"address": "s3://images"},
        {"format": "VRT"},
        {"bytes": "many"},
    ],
)
def test_a_file_that_stands_for_no_object_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    """Law: nothing but an object of a bucket, and no driver but those that surveys need, comes near GDAL."""
    path = tmp_path / "a.object"
    write_stored(path, StoredObject(address="s3://images/a.tif", bytes=1, version="1", format="GTiff"))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match="stands for no object"), opened(path):
        pass
