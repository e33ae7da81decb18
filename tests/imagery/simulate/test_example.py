"""The written example: bytes, layers, catalogue, survey file and truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pystac
import pytest
import rasterio
import shapely
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from aoi.project.programme import read_programme
from geo.errors import SurveyFileError
from geo.files import sha256
from geo.vector import Layer, layer_problems, write_gpkg
from imagery.profile import BANDS, load_profile
from imagery.simulate import programme_tables
from imagery.simulate.admin import admin_units, frame_of
from imagery.simulate.example import write_example
from imagery.simulate.landscape import Landscape, build_landscape
from imagery.simulate.layers import eradication_events, prior_cultivation, project_layers, typed
from imagery.simulate.sites import agricultural_mask, training_sites
from imagery.simulate.truth import true_fields, true_hectares
from monitor.config import load_survey

ELLIPSOID = 0.002  # areas on the plane of the UTM zone against the ellipsoid
ROUNDED = 1e-3  # hectares are written to four decimals


def test_the_same_seed_gives_the_same_bytes(example: Path, tmp_path: Path) -> None:
    """Law: every file of an example written twice is the same to the last byte."""
    write_example("helmand-poppy", tmp_path, seed=5, size=160)
    first = {path.relative_to(example): path for path in sorted(example.rglob("*")) if path.is_file()}
    again = {path.relative_to(tmp_path): path for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    assert list(first) == list(again)
    assert len(first) > 300
    assert [str(name) for name in first if sha256(first[name]) != sha256(again[name])] == []


@pytest.mark.parametrize("name", ["andes-coca", "helmand-poppy", "rif-cannabis"])
def test_survey_file_loads(name: str, tmp_path: Path, landscape_of: Callable[[str], Landscape]) -> None:
    """Independent program: the survey file of every scenario is accepted, and says what the scenario does."""
    from imagery.simulate.example import _survey_text  # the template, without writing 300 images

    (tmp_path / "survey.toml").write_text(_survey_text(landscape_of(name)), encoding="utf-8")
    survey = load_survey(tmp_path / "survey.toml")
    assert survey.survey.country == "ZZZ"
    assert tuple(survey.survey.crops) == load_profile(name).crops
    assert survey.imagery is not None
    assert survey.imagery.profile == name
    assert [period.role for period in survey.period] == ["baseline", "current"]


def test_every_input_of_the_survey_file_exists(example: Path) -> None:
    """Law: no path of the survey file points nowhere."""
    survey = load_survey(example / "survey.toml")
    assert survey.imagery is not None
    assert survey.training is not None
    assert survey.reference is not None
    assert survey.reference.simulated is not None
    paths = [survey.area.admin, survey.area.agricultural_mask, survey.imagery.catalog, survey.training.samples]
    paths += [survey.reference.simulated.fields, survey.reference.simulated.ground, survey.map.elevation]
    paths += [survey.map.rivers, survey.map.roads, *(layer.path for layer in survey.overlay)]
    assert [path for path in paths if path is None or not path.is_file()] == []


def test_vector_layers_are_sound(example: Path) -> None:
    """Law: every layer has a CRS, rows, and valid geometry of one family."""
    families = {"training": "point", "villages": "point", "rivers": "line", "roads": "line"}
    files = [*sorted((example / "inputs").glob("*.gpkg")), example / "inputs" / "truth" / "fields.gpkg"]
    assert len(files) == 11
    for path in files:
        layer = geopandas.read_file(path)
        assert layer_problems(layer, path.name, geometry=families.get(path.stem, "polygon")) == []
        assert layer.crs.to_epsg() == 32641


def test_codes_keep_their_leading_zeros(example: Path) -> None:
    """Literal values: unit codes are text of five digits that start with 0, and come back so."""
    units = geopandas.read_file(example / "inputs" / "admin.gpkg")
    assert 6 <= len(units) <= 8
    assert units["adm_code"].str.fullmatch(r"0\d{4}").all()
    assert units["adm_code"].is_unique
    truth = json.loads((example / "inputs" / "truth" / "truth.json").read_text())
    assert sorted(truth["units_ha"]) == sorted(units["adm_code"])


def test_units_tile_the_frame_inside_the_images(landscape: Landscape) -> None:
    """Law: units do not overlap, leave no gap, and their union lies inside the images without filling them."""
    units = admin_units(landscape)
    shapes = np.asarray(units.geometry.values)
    frame = frame_of(units)
    assert frame.geom_type == "Polygon"
    assert len(frame.interiors) == 0
    assert shapely.area(shapes).sum() == pytest.approx(frame.area, rel=1e-9)
    assert landscape.extent.contains(frame)
    assert 0.55 < frame.area / landscape.extent.area < 0.9


def test_truth_is_the_sum_of_its_parts(landscape: Landscape) -> None:
    """Independent computation: hectares by unit add up, and agree with planar areas and with sub-pixels."""
    units, fields = admin_units(landscape), true_fields(landscape)
    truth = true_hectares(landscape, fields, units)
    crop, code = landscape.scenario.crop, landscape.profile.legend.code(landscape.scenario.crop)
    frame = frame_of(units)
    inside = rasterio.features.rasterize(
        [(frame, 1)],
        out_shape=(640, 640),
        transform=landscape.geobox.transform * rasterio.Affine.scale(0.25),
    )
    for period in landscape.scenario.periods:
        found = truth["hectares"][crop][period.name]
        assert sum(found["units"].values()) == pytest.approx(found["frame"], abs=ROUNDED)
        polygons = fields[(fields["class"] == crop) & (fields["period"] == period.name)]
        planar = shapely.area(shapely.intersection(np.asarray(polygons.geometry.values), frame)).sum() / 1e4
        assert found["frame"] == pytest.approx(planar, rel=ELLIPSOID)
        pixels = ((landscape.truth(period.year) == code) & (inside == 1)).sum() * 2.5**2 / 1e4
        assert found["frame"] == pytest.approx(pixels, rel=0.015)
    assert truth["frame_ha"] == pytest.approx(frame.area / 1e4, rel=ELLIPSOID)


def test_mask_is_wrong_in_places(landscape: Landscape) -> None:
    """Law: the mask leaves out 3 to 20 % of the farmed land and takes in some of the wild."""
    mask = agricultural_mask(landscape) == 1
    farmed = np.any(
        [landscape.classes_of(period.year) > 0 for period in landscape.scenario.periods],
        axis=0,
    )
    by_number = np.concatenate([[False], farmed])[landscape.field_numbers[2::4, 2::4]]
    assert 0.03 < 1 - mask[by_number].mean() < 0.20
    assert 0.01 < mask[~by_number].mean() < 0.35


def test_training_sites_are_nearly_right_and_cover_the_classes(landscape: Landscape) -> None:
    """Brute force: labels agree with the truth but for about 2 %, at cell centres, a row for each period."""
    sites, legend = training_sites(landscape), landscape.profile.legend
    periods = [period.name for period in landscape.scenario.periods]
    assert sites.groupby("unit_id")["period"].agg(list).map(lambda held: held == periods).all()
    cols, rows = ~landscape.geobox.transform * np.vstack([sites.geometry.x, sites.geometry.y])
    assert np.allclose(cols % 1, 0.5)
    assert np.allclose(rows % 1, 0.5)
    codes = np.array([legend.code(name) for name in sites["class"]])
    wrong = 0
    for period in landscape.scenario.periods:
        of = (sites["period"] == period.name).to_numpy()
        truth = landscape.truth_at_centres(period.year)[rows[of].astype(int), cols[of].astype(int)]
        wrong += int((truth != codes[of]).sum())
    assert 0 < wrong < 0.05 * len(sites)
    share = (sites["class"] == landscape.scenario.crop).mean()
    assert 0.08 < share < 0.30


def test_a_project_overlaps_a_protected_area(landscape: Landscape) -> None:
    """Law: layers overlap where precedence must be told, inside the frame."""
    frame = frame_of(admin_units(landscape))
    layers = project_layers(landscape, frame)
    unions = {name: layer.union_all() for name, layer in layers.items()}
    assert unions["ad_areas"].intersection(unions["protected"]).area > 0.005 * frame.area
    for union in unions.values():
        assert union.difference(frame.buffer(0.1)).area < 1.0
    assert layers["ad_areas"]["start_year"].between(2021, 2024).all()


def test_eradication_and_the_past_lie_on_the_crop() -> None:
    """Law: events lie on fields that held the crop in their year; earlier surveys missed few fields."""
    landscape = build_landscape("andes-coca", 5, 400)
    code = landscape.profile.legend.code("coca")
    events, past = eradication_events(landscape), prior_cultivation(landscape)
    assert len(events) > 3
    assert events["event_id"].is_unique
    for year, group in events.groupby(events["date"].str[:4].astype(int)):
        _, fields = landscape.polygons_of(year, (code,))
        assert shapely.intersects(np.asarray(group.geometry.values), shapely.union_all(fields)).all()
    assert sorted(past["year"].unique()) == [2019, 2020, 2022, 2023]
    _, grown = landscape.polygons_of(2020, (code,))
    drawn = (past["year"] == 2020).sum()
    assert 0.75 * len(grown) < drawn <= len(grown)


def test_a_place_without_operations_is_sound_too(
    example: Path, landscape: Landscape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: where no field was eradicated, the table without rows keeps its columns, and the programme is read."""
    none = eradication_events(landscape).iloc[:0]
    untyped = geopandas.GeoDataFrame({name: [] for name in none}, geometry=[], crs=none.crs)
    monkeypatch.setattr(programme_tables, "eradication_events", lambda _: typed(untyped, numbers=("claimed_ha",)))
    shutil.copytree(example / "inputs" / "ad", tmp_path / "ad")
    layer = Layer(frame=programme_tables._eradication(landscape, admin_units(landscape)), title="None")
    write_gpkg(tmp_path / "ad" / "eradication.gpkg", {"eradication": layer})
    programme = read_programme(tmp_path / "ad")  # which raises where anything is wrong
    assert len(programme.tables["eradication"]) == 0


def test_catalogue_is_valid_stac(example: Path) -> None:
    """Independent program: catalogue and items pass the STAC 1.1.0 schemas, and pystac finds every asset."""
    validator = JsonSchemaSTACValidator()
    folder = example / "inputs" / "stac"
    validator.validate_core(
        json.loads((folder / "catalog.json").read_text()), pystac.STACObjectType.CATALOG, "1.1.0"
    )
    for path in sorted(folder.glob("items/*/*.json")):
        validator.validate_core(json.loads(path.read_text()), pystac.STACObjectType.ITEM, "1.1.0")
    items = list(pystac.Catalog.from_file(str(folder / "catalog.json")).get_items())
    assert len(items) == 30
    for item in items:
        assert set(item.assets) == {*BANDS, "SCL"}
        assert all(Path(asset.get_absolute_href() or "").is_file() for asset in item.assets.values())


def test_files_agree_with_their_items(example: Path) -> None:
    """Independent program: shape, transform and CRS of every asset are those its item states."""
    for path in sorted((example / "inputs" / "stac").glob("items/*/*.json"))[::7]:
        item = json.loads(path.read_text())
        late = item["properties"]["datetime"] > "2022-01-25"
        assert (item["properties"]["s2:processing_baseline"] >= "04.00") == late
        for asset in item["assets"].values():
            with rasterio.open(path.parent / asset["href"]) as source:
                assert list(source.shape) == asset["proj:shape"]
                assert list(source.transform)[:6] == asset["proj:transform"]
                assert f"EPSG:{source.crs.to_epsg()}" == item["properties"]["proj:code"]
                assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert item["assets"]["B04"]["raster:offset"] == (-0.1 if late else 0.0)


@pytest.mark.parametrize("size", [161, 60])
def test_impossible_sizes_are_refused(size: int, tmp_path: Path) -> None:
    """Law: odd or tiny sizes end in one line, before anything is written."""
    with pytest.raises(SurveyFileError, match="an even number from 120"):
        write_example("andes-coca", tmp_path / "x", seed=1, size=size)
    assert not (tmp_path / "x").exists()
