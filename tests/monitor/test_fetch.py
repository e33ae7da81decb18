"""A survey whose images are on the web: asked for once, kept with their hashes, and repeated without network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imagery.served import Served, serving
from tests.monitor.conftest import Finished, altdev

SECRET = "a-token-nobody-may-see"


def serve_inputs(folder: Path, target: Path) -> None:
    """Lay out the catalogue of an example for the server."""
    (target / "items").mkdir(parents=True)
    for path in sorted((folder / "inputs" / "stac").rglob("*.json")):
        item = json.loads(path.read_text())
        if item.get("type") != "Feature":
            continue
        for key, asset in item["assets"].items():
            source = path.parent / asset["href"]
            asset["href"] = f"{key}.tif"
            (target / "files" / item["id"]).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / "files" / item["id"] / f"{key}.tif")
        (target / "items" / f"{item['id']}.json").write_text(json.dumps(item))


@pytest.fixture(name="small", scope="module")
def fixture_small(thin_project: Path) -> Path:
    """Return the example with every fifth scene."""
    return thin_project


@pytest.fixture(name="served", scope="module")
def fixture_served(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the images of the example."""
    folder = tmp_path_factory.mktemp("served")
    serve_inputs(small, folder)
    with serving(folder) as served:
        yield served


@pytest.fixture(name="survey")
def fixture_survey(small: Path, tmp_path: Path, served: Served) -> Path:
    """Return the example's survey file, with the server in place of the catalogue."""
    served.orders(token=SECRET)
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    shutil.rmtree(folder / "inputs" / "stac")
    path = folder / "survey.toml"
    lines = [
        f'api = "{served.address}"\nprivate_hosts = ["127.0.0.1"]\nattempts = 2\nretry_wait_s = 0.01\n'
        'token_env = "ALTDEV_TEST_TOKEN"'
        if line.startswith("catalog = ")
        else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def states(survey: Path) -> dict[str, dict[str, object]]:
    """Return what a plan says of each step."""
    done = altdev("plan", survey, "--json")
    assert done.code == 0, done.err
    return {row["step"]: row for row in json.loads(done.out)}


def everything_told(folder: Path, *said: Finished) -> str:
    """Return all that was printed and all text that was written."""
    texts = [path.read_bytes().decode("utf-8", "ignore") for path in folder.rglob("*") if path.is_file()]
    return "\n".join([*texts, *(done.out + done.err for done in said)])


def test_from_the_web_to_composites_once(
    survey: Path, served: Served, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: the same composites as from the catalogue on disk; a second run asks nobody; no secret is kept."""
    assert "no environment variable ALTDEV_TEST_TOKEN" in altdev("check", survey).out
    monkeypatch.setenv("ALTDEV_TEST_TOKEN", SECRET)
    checked = altdev("check", survey)
    assert checked.code == 0, checked.out
    assert not (survey.parent / "scenes").exists()
    planned = states(survey)
    assert (planned["fetch"]["state"], planned["imagery:2024"]["inputs"]) == ("to do", 1)
    ran = altdev("imagery", survey, "-v")
    assert ran.code == 0, ran.err
    assert states(survey)["fetch"]["state"] == "done"

    local = tmp_path / "local"
    assert altdev("imagery", small / "survey.toml", "-o", local, "-q").code == 0
    made = sorted((local / "imagery").rglob("*.tif"))
    assert made
    for path in made:
        mine = survey.parent / "run" / path.relative_to(local)
        assert mine.read_bytes() == path.read_bytes(), path.name
    asked = len(served.searches())
    served.orders(token="another", valid_sig="none")  # whoever asks now is turned away
    monkeypatch.delenv("ALTDEV_TEST_TOKEN")
    again = altdev("imagery", survey, "--no-resume")
    assert again.code == 0, again.err
    assert len(served.searches()) == asked
    assert SECRET not in everything_told(survey.parent, checked, ran, again)
    assert "sig=" not in everything_told(survey.parent / "run", ran)
    manifest = json.loads((survey.parent / "run" / "manifest.json").read_text())
    kept = json.loads((survey.parent / "scenes" / "fetched.json").read_text())["files"]
    hashes = {entry["sha256"] for entry in manifest["inputs"].values()}
    assert kept
    assert {entry["sha256"] for entry in kept.values()} <= hashes
    victim = survey.parent / "scenes" / next(iter(kept.values()))["file"]
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    checked = altdev("check", survey)
    assert checked.code == 3
    assert f"{victim.name}: found a file that was changed since it was fetched" in checked.out


@pytest.mark.slow
def test_what_cannot_be_fetched_is_left_out_and_told(
    survey: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: a file that is gone costs its scene, named; with broken = "refuse" it ends the run."""
    monkeypatch.setenv("ALTDEV_TEST_TOKEN", SECRET)
    first = sorted(path.stem for path in (served.folder / "items").glob("*.json"))[0]
    band = served.folder / "files" / first / "B11.tif"
    aside = band.with_suffix(".aside")
    band.rename(aside)
    try:
        strict = survey.with_name("strict.toml")
        strict.write_text(survey.read_text().replace("attempts = 2", 'attempts = 2\nbroken = "refuse"'))
        refused = altdev("fetch", strict, "-q")
        assert refused.code == 3
        assert f"scene {first}: found asset B11, which could not be fetched" in refused.err
        told = altdev("imagery", survey, "-q")
        assert told.code == 0, told.err
        assert f"scene {first}: left out" in told.out
    finally:
        aside.rename(band)
    brought = altdev("fetch", survey, "-q")
    assert (brought.code, brought.out) == (0, "")
    mended = altdev("imagery", survey, "-q")
    assert "left out" not in mended.out


def test_a_server_that_is_away_is_one_line(survey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: no answer, or a host of a private network, ends with exit 3 and no traceback."""
    monkeypatch.setenv("ALTDEV_TEST_TOKEN", SECRET)
    text = survey.read_text()
    survey.write_text(text.replace('private_hosts = ["127.0.0.1"]', "private_hosts = []"))
    done = altdev("run", survey, "-q")
    assert done.code == 3
    assert len(done.lines) == 1
    assert "127.0.0.1, a host of a private network" in done.err
    survey.write_text(text.replace("127.0.0.1:", "127.0.0.1:1"))
    done = altdev("imagery", survey, "-q")
    assert done.code in (2, 3)
    assert "Traceback" not in done.err
