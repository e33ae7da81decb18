"""Every mistake of a user gives one clear line and the right exit code, and leaves nothing half-written."""

from __future__ import annotations

import json
import random
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import geopandas
import pytest
import rasterio
import shapely
from rasterio.shutil import copy as copy_raster

from monitor.check import check_survey, checked
from tests.monitor.conftest import Finished, altdev

Copy = Callable[[], Path]


def assert_refused(done: Finished, code: int, *words: str) -> None:
    """Assert an exit code, the words of the message, and that no traceback was shown."""
    assert done.code == code, (done.code, done.out, done.err)
    assert "Traceback" not in done.err + done.out
    for word in words:
        assert word in done.err + done.out, done.err


def change_survey(folder: Path, old: str, new: str) -> Path:
    """Replace a text of the survey file and return its path."""
    path = folder / "survey.toml"
    text = path.read_text()
    assert re.search(old, text), old
    path.write_text(re.sub(old, new, text, count=1))
    return path


def asset(folder: Path, band: str) -> Path:
    """Return the file of one band of the first scene of 2024."""
    return sorted((folder / "inputs" / "stac").rglob(f"*2024*/{band}.tif"))[0]


def test_truncated_cog(thin_copy_of: Copy) -> None:
    """A scene file that was cut short costs its scene, which is named and stands in the tables; or ends the run."""
    folder = thin_copy_of()
    path = asset(folder, "B08")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert_refused(altdev("check", folder / "survey.toml"), 3, path.name)
    done = altdev("imagery", folder / "survey.toml", "-q")
    assert done.code == 0, done.err
    assert f"scene {path.parent.name}: left out (" in done.out
    scenes = (folder / "run" / "imagery" / "2024" / "scenes.csv").read_text()
    (row,) = (line for line in scenes.splitlines() if "left_out" in line)
    assert row.startswith(path.parent.name)
    assert str(folder) not in scenes
    change_survey(folder, r"(min_valid = \d+)", r'\1\nbroken = "refuse"')
    assert_refused(altdev("run", folder / "survey.toml", "-q"), 3, path.name)
    assert not list((folder / "run").rglob("*.part*"))


def test_scene_in_another_crs_is_carried_to_the_grid(thin_copy_of: Copy) -> None:
    """A scene of the neighbouring UTM zone is warped, not refused and not misplaced."""
    folder = thin_copy_of()
    path = asset(folder, "B08")
    with rasterio.open(path) as source:
        other = source.crs.to_epsg() + (1 if source.crs.to_epsg() % 100 < 60 else -1)
        from rasterio.vrt import WarpedVRT

        with WarpedVRT(source, crs=f"EPSG:{other}") as warped:
            copy_raster(warped, path.with_suffix(".new.tif"), driver="GTiff")
    path.with_suffix(".new.tif").replace(path)
    done = altdev("imagery", folder / "survey.toml", "-q")
    assert done.code == 0, done.err
    told = [line for line in done.out.splitlines() if "warped to the grid" in line]
    assert len(told) == 1
    assert f"lies in EPSG:{other}" in told[0]


def test_a_catalogue_leads_nowhere_else(thin_copy_of: Copy, tmp_path: Path) -> None:
    """Attack: an asset outside the folders of catalogue and survey is refused by scene, unless it is allowed."""
    folder = thin_copy_of()
    item = sorted((folder / "inputs" / "stac" / "items").glob("*2024*/*.json"))[0]
    content = json.loads(item.read_text())
    outside = tmp_path / "private.tif"
    shutil.copy(item.parent / content["assets"]["B04"]["href"], outside)
    content["assets"]["B04"]["href"] = "../" * len(item.parts[1:-1]) + str(outside)[1:]
    item.write_text(json.dumps(content))
    told = altdev("imagery", folder / "survey.toml")
    assert (told.code, len(told.lines)) == (3, 1)
    assert f"scene {content['id']}: found 1 files outside the catalogue's folder and the survey's" in told.err
    text = (folder / "survey.toml").read_text()
    (folder / "survey.toml").write_text(text.replace("[imagery]", "[imagery]\noutside = true"))
    assert altdev("plan", folder / "survey.toml").code == 0


def test_survey_file_with_three_errors(thin_copy_of: Copy) -> None:
    """Three mistakes of the survey file are told at once, one line each."""
    folder = thin_copy_of()
    change_survey(folder, r"resolution_m = 10(\.0)?", "resolution_m = -10")
    change_survey(folder, r"folds = 5", "fold = 5")
    change_survey(folder, r"country = \"ZZZ\"", 'country = "Zed"')
    done = altdev("check", folder / "survey.toml")
    assert_refused(done, 2, "[area] resolution_m", "[classifier] fold", "[survey] country")
    assert len(done.out.strip().splitlines()) == 3


def test_wrong_survey_file_does_not_hide_broken_inputs(thin_copy_of: Copy) -> None:
    """Mistakes of the survey file and of the inputs it names are told in one go, whatever table is wrong."""
    folder = thin_copy_of()
    change_survey(folder, r"resolution_m = 10(\.0)?", "resolution_m = -10")
    change_survey(folder, r"country = \"ZZZ\"", 'country = "Zed"')
    change_survey(folder, r"role = \"baseline\"", 'role = "bassline"')
    image = asset(folder, "B04")
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    (folder / "inputs" / "protected.gpkg").unlink()
    done = altdev("check", folder / "survey.toml")
    assert_refused(done, 2, "resolution_m", "[survey] country", "[[period]] 1 role", image.name, "protected.gpkg")


@pytest.mark.parametrize(("size", "problems"), [("10.0", 0), ("-10", 1)])
def test_the_survey_file_is_told_of_before_its_inputs(thin_copy_of: Copy, size: str, problems: int) -> None:
    """Law: the file itself is answered for before anything that it names is opened, whether it is sound or not."""
    folder = thin_copy_of()
    change_survey(folder, r"resolution_m = 10(\.0)?", f"resolution_m = {size}")
    told: list[int] = []

    def take_away(found: int) -> None:
        told.append(found)
        (folder / "inputs" / "protected.gpkg").unlink()

    found = checked(folder / "survey.toml", told_file=take_away)
    assert told == [problems]
    assert any("protected.gpkg" in problem.where for problem in found.problems)


@pytest.mark.parametrize("seed", range(20))
def test_salvage_never_fails_whatever_is_taken_away(thin_copy_of: Copy, seed: int) -> None:
    """Law: lines removed or spoilt at random give problems and an exit code, never a traceback."""
    folder = thin_copy_of()
    path = folder / "survey.toml"
    rng = random.Random(seed)
    lines = path.read_text().splitlines()
    keys = [place for place, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    for place in rng.sample(keys, 4):
        lines[place] = rng.choice(["", "oops = 1", lines[place].split("=")[0] + "= [[1], {a = -1}]"])
    path.write_text("\n".join(lines))
    problems, code = check_survey(path)
    assert (code != 0) == bool(problems)


def test_missing_band(thin_copy_of: Copy) -> None:
    """An item without one of the bands costs its scene, which is named; or ends the run."""
    folder = thin_copy_of()
    item = sorted((folder / "inputs" / "stac").rglob("*2024*.json"))[0]
    content = json.loads(item.read_text())
    gone = next(key for key in content["assets"] if key.upper() in ("B08", "NIR"))
    del content["assets"][gone]
    item.write_text(json.dumps(content))
    assert_refused(altdev("check", folder / "survey.toml"), 3, content["id"])
    done = altdev("imagery", folder / "survey.toml", "-q")
    assert done.code == 0, done.err
    assert f"scene {content['id']}: left out (" in done.out
    change_survey(folder, r"(min_valid = \d+)", r'\1\nbroken = "refuse"')
    assert_refused(altdev("run", folder / "survey.toml", "-q"), 3, content["id"])


def test_empty_area(thin_copy_of: Copy) -> None:
    """An administrative layer without units is refused by name."""
    folder = thin_copy_of()
    admin = folder / "inputs" / "admin.gpkg"
    geopandas.read_file(admin).iloc[:0].to_file(admin, layer="admin", driver="GPKG")
    assert_refused(altdev("run", folder / "survey.toml", "-q"), 3, "admin.gpkg", "no features")


def test_layer_without_crs(thin_copy_of: Copy) -> None:
    """A polygon layer without coordinate reference system is refused by name."""
    folder = thin_copy_of()
    admin = folder / "inputs" / "admin.gpkg"
    shapefile = folder / "inputs" / "admin.shp"
    geopandas.read_file(admin).to_file(shapefile)
    shapefile.with_suffix(".prj").unlink()
    change_survey(folder, r"inputs/admin\.gpkg", "inputs/admin.shp")
    assert_refused(altdev("check", folder / "survey.toml"), 3, "admin.shp", "no coordinate reference system")
    assert_refused(altdev("run", folder / "survey.toml", "-q"), 3, "admin.shp", "no coordinate reference system")


def test_output_folder_that_cannot_be_written(thin_copy_of: Copy, tmp_path: Path) -> None:
    """An output folder that cannot be made is one line and exit 3."""
    folder = thin_copy_of()
    blocked = tmp_path / "a-file"
    blocked.write_text("not a folder")
    assert_refused(altdev("run", folder / "survey.toml", "-o", blocked / "run", "-q"), 3, "cannot be written")


def test_missing_survey_file(tmp_path: Path) -> None:
    """A survey file that is not there is one line with the remedy."""
    assert_refused(altdev("run", tmp_path / "none.toml"), 3, "no such survey file", "altdev init")


def test_unknown_example(tmp_path: Path) -> None:
    """An unknown example name lists those there are."""
    assert_refused(altdev("init", tmp_path / "x", "--example", "atlantis"), 2, "andes-coca")


def test_init_never_writes_over_a_survey_file(thin_copy_of: Copy) -> None:
    """A folder with a survey file is left alone."""
    folder = thin_copy_of()
    before = (folder / "survey.toml").read_bytes()
    assert_refused(altdev("init", folder), 2, "survey file")
    assert (folder / "survey.toml").read_bytes() == before


def test_stricter_tier_is_refused(thin_copy_of: Copy) -> None:
    """Products that need disclosure control are refused with exit 4, not thinned out."""
    assert_refused(altdev("map", thin_copy_of() / "survey.toml", "--tier", "2"), 4, "tier 2")


def test_period_without_scenes(thin_copy_of: Copy) -> None:
    """A season without a scene is named with the dates there are."""
    folder = thin_copy_of()
    change_survey(folder, r"start = 2024-\d\d-\d\d", "start = 2034-01-01")
    change_survey(folder, r"end = 2024-\d\d-\d\d", "end = 2034-12-31")
    change_survey(folder, r"reference_date = 2024-\d\d-\d\d", "reference_date = 2034-12-31")
    assert_refused(altdev("run", folder / "survey.toml", "-q"), 3, "2034")


def test_overlay_that_misses_the_frame(thin_copy_of: Copy) -> None:
    """A zone layer elsewhere is refused by the check: its crop is not zero, it was not looked at."""
    folder = thin_copy_of()
    path = folder / "inputs" / "ad_areas.gpkg"
    layer = geopandas.read_file(path)
    layer.set_geometry(layer.translate(xoff=500_000.0)).to_file(path, layer="ad_areas", driver="GPKG")
    assert_refused(altdev("check", folder / "survey.toml"), 3, "no polygon with ground inside the area frame")


def test_check_tells_invalid_shapes_and_missing_rasters_at_once(thin_copy_of: Copy) -> None:
    """An invalid polygon, a missing raster and a truncated image are all told in one go."""
    folder = thin_copy_of()
    path = folder / "inputs" / "protected.gpkg"
    layer = geopandas.read_file(path)
    x, y = layer.geometry.iloc[0].centroid.coords[0]
    bow_tie = shapely.Polygon([(x, y), (x + 200, y + 200), (x + 200, y), (x, y + 200)])
    layer.set_geometry([bow_tie, *layer.geometry.iloc[1:]]).to_file(path, layer="protected", driver="GPKG")
    (folder / "inputs" / "truth" / "ground.tif").unlink()
    image = asset(folder, "B04")
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    done = altdev("check", folder / "survey.toml")
    assert_refused(done, 3, "invalid geometry in row 1", "ground.tif", image.name)


def test_check_tells_what_only_looks_right(thin_copy_of: Copy) -> None:
    """A DEM given as mask, a zone of the other hemisphere, and two periods of the same days are each told."""
    folder = thin_copy_of()
    text = (folder / "survey.toml").read_text()
    dem = re.search(r'elevation = "([^"]+)"', text)
    assert dem
    change_survey(folder, r'agricultural_mask = "[^"]+"', f'agricultural_mask = "{dem[1]}"')
    change_survey(folder, r'crs = "EPSG:\d+"', 'crs = "EPSG:32755"')
    done = altdev("check", folder / "survey.toml")
    assert_refused(done, 3, "1 where land is farmed", "EPSG:32755, made for")
    path = folder / "survey.toml"
    baseline, current = tomllib.loads(text)["period"]
    for key in ("start", "end"):
        text = text.replace(f"{key} = {current[key]}", f"{key} = {baseline[key]}")
    path.write_text(text)
    assert_refused(altdev("check", path), 2, "periods that share no day")


def test_crs_of_no_number(thin_copy_of: Copy) -> None:
    """A mistyped code is told as a mistake of the survey file, whatever else is laid on the units."""
    folder = thin_copy_of()
    assert "[impact]" in (folder / "survey.toml").read_text()
    change_survey(folder, r'crs = "EPSG:(\d+)"', 'crs = "EPSG:332618"')
    assert_refused(altdev("check", folder / "survey.toml"), 2, "[area] crs", "EPSG:332618")


def test_mask_without_values(thin_copy_of: Copy) -> None:
    """A mask that is no-data everywhere is told by name."""
    folder = thin_copy_of()
    found = re.search(r'agricultural_mask = "([^"]+)"', (folder / "survey.toml").read_text())
    assert found
    path = folder / found[1]
    with rasterio.open(path) as mask:
        profile, cells = mask.profile | {"driver": "GTiff", "nodata": 0}, mask.read()
    path.unlink()
    with rasterio.open(path, "w", **profile) as mask:
        mask.write(cells * 0)
    assert_refused(altdev("check", folder / "survey.toml"), 3, "no value at all")


def test_labels_outside_the_legend_and_missing_units(finished_run: Path, copy_of: Copy) -> None:
    """Reference labels that are not of the legend, or lack units, are refused by row and unit."""
    folder = copy_of()
    text = (folder / "survey.toml").read_text()
    start = text.index("\n[reference]") + 1
    end = text.index("\n[estimate]") + 1
    (folder / "survey.toml").write_text(text[:start] + '[reference]\nlabels = "labels.csv"\n\n' + text[end:])
    (folder / "labels.csv").write_text("unit_id,period,interpreter,label\nU001,2024,ana,wheat beer\n")
    done = altdev("estimate", folder / "survey.toml", "-q")
    assert_refused(done, 3, "labels.csv", "'wheat beer'", "labels missing")


def test_one_line_messages_name_no_python(thin_copy_of: Copy) -> None:
    """A message never shows a class name or a module of the program."""
    folder = thin_copy_of()
    change_survey(folder, r"inputs/training\.gpkg", "inputs/none.gpkg")
    done = altdev("run", folder / "survey.toml", "-q")
    assert_refused(done, 3, "none.gpkg")
    assert not re.search(r"Error\(|monitor\.|geo\.", done.err)


@pytest.mark.parametrize("bad", ["", "[[[", "survey = 1", "\ufeff", "[survey]\nname = [1]"])
def test_hostile_survey_files(tmp_path: Path, bad: str) -> None:
    """Text that is no survey file ends with exit 2 and words, whatever it is."""
    path = tmp_path / "survey.toml"
    path.write_text(bad, encoding="utf-8")
    assert_refused(altdev("check", path), 2)


def test_cells_not_seen_have_no_probability(finished_run: Path) -> None:
    """Law: a cell without a map class has no probability either, and one with a class has one from 0 to 100."""
    with rasterio.open(finished_run / "class_map" / "2024.tif") as source:
        codes = source.read(1)
    with rasterio.open(finished_run / "class_map" / "probability_cannabis_2024.tif") as source:
        percent, nodata = source.read(1), source.nodata
    seen = (codes > 0) & (codes < 255)
    assert nodata == 255
    assert (percent[seen] <= 100).all()
    assert (percent[~seen] == 255).all()
