"""A survey whose images stay in an object store: read where they are, with the bytes of a run on files.

Oracle: the rasters of the same survey with its images on disk, and the store's own refusals.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imagery.s3_server import CREDENTIALS, ObjectStore, object_store
from tests.monitor.conftest import altdev


@pytest.fixture(name="store", scope="module")
def fixture_store() -> Iterator[ObjectStore]:
    """Run an object store."""
    with object_store() as store:
        yield store


@pytest.fixture(name="on_disk", scope="module")
def fixture_on_disk(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example with two scenes of each period."""
    folder = tmp_path_factory.mktemp("disk") / "copy"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("run"))
    path = folder / "inputs" / "stac" / "catalog.json"
    catalog = json.loads(path.read_text())
    scenes = sorted(link["href"] for link in catalog["links"] if link["rel"] == "item")
    kept = [*scenes[1:3], *scenes[-3:-1]]
    catalog["links"] = [{"rel": "item", "href": href} for href in kept]
    path.write_text(json.dumps(catalog))
    for href in set(scenes) - set(kept):
        shutil.rmtree((path.parent / href).parent)
    survey = folder / "survey.toml"
    survey.write_text(survey.read_text().replace("min_valid = 3", "min_valid = 1"))
    return folder


@pytest.fixture(name="in_store", scope="module")
def fixture_in_store(on_disk: Path, store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same survey, its images in a bucket and nowhere else."""
    folder = tmp_path_factory.mktemp("store") / "copy"
    shutil.copytree(on_disk, folder)
    for path in sorted((folder / "inputs" / "stac").rglob("*.json")):
        item = json.loads(path.read_text())
        if item.get("type") != "Feature":
            continue
        for key, asset in item["assets"].items():
            image = path.parent / asset["href"]
            store.put("images", f"{item['id']}/{key}.tif", image.read_bytes())
            asset["href"] = f"s3://images/{item['id']}/{key}.tif"
            image.unlink()
        path.write_text(json.dumps(item))
    survey = folder / "survey.toml"
    lines = [
        f'{line}\nin_place = true\nprivate_hosts = ["127.0.0.1"]\nattempts = 1'
        if line.startswith("catalog = ")
        else line
        for line in survey.read_text().splitlines()
    ]
    survey.write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(name="credentials", autouse=True)
def fixture_credentials(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the credentials and the address of the store into the environment."""
    for name, value in (CREDENTIALS | {"AWS_S3_ENDPOINT": store.endpoint}).items():
        monkeypatch.setenv(name, value)


def rasters(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every raster of a run folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.tif"))}


def test_a_season_in_a_store_gives_the_composites_of_the_season_on_disk(on_disk: Path, in_store: Path) -> None:
    """Law: the same bytes of every raster; no image comes here whole, and no credential is written or told."""
    here = altdev("imagery", on_disk / "survey.toml", "-q")
    assert here.code == 0, here.err
    there = altdev("imagery", in_store / "survey.toml", "-v")
    assert there.code == 0, there.err
    made = rasters(in_store / "run")
    assert any(Path(name).name.startswith("composite_") for name in made)
    assert made == rasters(on_disk / "run")
    scenes = in_store / "scenes"
    assert sum(1 for _ in scenes.rglob("*.object")) == 44
    assert not [*scenes.rglob("*.tif"), *(in_store / "inputs" / "stac").rglob("*.tif")]
    manifest = json.loads((in_store / "run" / "manifest.json").read_text())
    assert sum(name.startswith("scenes/") and name.endswith(".object") for name in manifest["inputs"]) == 44
    written = [path.read_bytes() for path in in_store.rglob("*") if path.is_file()]
    for secret in CREDENTIALS.values():
        assert not any(secret.encode() in content for content in (*written, there.out.encode(), there.err.encode()))
    again = altdev("imagery", in_store / "survey.toml", "-v")
    assert again.code == 0
    assert again.err.count("kept from an earlier run") == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"AWS_S3_ENDPOINT": "http://127.0.0.1:9"}, "s3://images: found a store that cannot be read ("),
        ({"AWS_ACCESS_KEY_ID": ""}, "images in s3://images and no credentials"),
        ({"hosts": "[]"}, "127.0.0.1, a host of a private network"),
    ],
)
def test_a_store_that_cannot_be_read_is_one_line(
    in_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], told: str
) -> None:
    """Law: exit 3 and one line, which names the store and no credential; no scene falls out for it."""
    folder = tmp_path / "copy"
    shutil.copytree(in_store, folder, ignore=shutil.ignore_patterns("run", "scenes"))
    survey = folder / "survey.toml"
    for name, value in change.items():
        if name == "hosts":
            survey.write_text(survey.read_text().replace('["127.0.0.1"]', value))
        else:
            monkeypatch.setenv(name, value)
    done = altdev("imagery", survey, "-q")
    assert (done.code, len(done.lines)) == (3, 1), done.err
    assert told in done.err
    assert not any(secret in done.err for secret in CREDENTIALS.values())
    assert not list(folder.rglob("composite_*.tif"))


def test_what_stands_for_objects_of_others_is_refused(on_disk: Path, tmp_path: Path) -> None:
    """Law: a catalogue cannot make the program ask a store: only the program's own files stand for objects."""
    folder = tmp_path / "copy"
    shutil.copytree(on_disk, folder, ignore=shutil.ignore_patterns("run"))
    item = next(path for path in sorted((folder / "inputs" / "stac").rglob("SIM*.json")))
    content = json.loads(item.read_text())
    stands = item.with_name("B04.object")
    told = {"address": "s3://secret/B04.tif", "bytes": 1, "version": "1", "format": "GTiff"}
    stands.write_text(json.dumps(told))
    content["assets"]["B04"]["href"] = "./B04.object"
    item.write_text(json.dumps(content))
    done = altdev("check", folder / "survey.toml")
    assert done.code == 3
    assert "1 files that stand for objects in a store, such as B04.object" in done.out
