"""Every reader of the program with a sound input to be spoiled: what `benchmarks.trust.fuzz` tries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PURE", "READERS", "Reader"]


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader, and the sound input it is tried with."""

    suffix: str
    """Of the file."""
    sound: Callable[[Path], bytes]
    """Gives a sound file; a folder to work in is given."""
    read: Callable[[Path], object]
    """Reads a file."""


def _sample() -> bytes:
    return b"stratum,map,reference\n" + b"a,a,a\n" * 12 + b"a,a,b\n" * 3 + b"b,b,b\n" * 15 + b"b,b,a\n" * 2


def _estimate(path: Path) -> object:
    from monitor.table_mode import estimate_tables

    strata = path.with_name("strata.csv")
    strata.write_text("stratum,size\na,1000\nb,9000\n")
    options = {"unit_area_ha": 1.0, "domain": None, "interval": "default", "level": 0.95}
    return estimate_tables(path, strata, **options, coverage=False, as_json=True)  # type: ignore[arg-type]


def _strata(path: Path) -> object:
    from monitor.table_mode import estimate_tables

    sample = path.with_name("sample.csv")
    sample.write_bytes(_sample())
    options = {"unit_area_ha": 1.0, "domain": None, "interval": "default", "level": 0.95}
    return estimate_tables(sample, path, **options, coverage=False, as_json=True)  # type: ignore[arg-type]


def _survey_text(folder: Path) -> bytes:
    from imagery.simulate.example import write_example

    write_example("rif-cannabis", folder / "example", seed=1, size=160)
    return (folder / "example" / "survey.toml").read_bytes()


def _survey(path: Path) -> object:
    from monitor.config import load_survey

    return load_survey(path)


def _layer(driver: str, suffix: str) -> Callable[[Path], bytes]:
    def sound(folder: Path) -> bytes:
        import geopandas
        import shapely

        shapes = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
        frame = geopandas.GeoDataFrame({"code": ["1", "2", "3"], "n": [1, 2, 3]}, geometry=shapes, crs="EPSG:32618")
        frame.to_file(folder / f"a{suffix}", driver=driver)
        return (folder / f"a{suffix}").read_bytes()

    return sound


def _vector(path: Path) -> object:
    from geo.vector import read_layer

    return read_layer(path, columns=("code",), geometry="polygon")


def _shapefile(path: Path) -> object:
    data = path.read_bytes()
    if not path.with_suffix(".shx").is_file():  # the files beside it, which a lone one is refused without
        _layer("ESRI Shapefile", ".shp")(path.parent)
        for suffix in (".shx", ".dbf", ".prj", ".cpg"):
            (path.parent / f"a{suffix}").rename(path.with_suffix(suffix))
    path.write_bytes(data)
    return _vector(path)


def _raster_bytes(folder: Path) -> bytes:
    import numpy as np

    from geo.cog import write_cog
    from geo.grid import GeoBox

    cells = np.arange(64 * 64, dtype="uint16").reshape(64, 64)
    write_cog(folder / "a.tif", cells, GeoBox.from_bbox((0, 0, 640, 640), "EPSG:32618", resolution=10))
    return (folder / "a.tif").read_bytes()


def _raster(path: Path) -> object:
    from geo.errors import InputError
    from geo.raster import check_raster, geobox_of, read_on_grid

    problems = check_raster(path)
    if problems:
        raise InputError(problems)
    box = geobox_of(path)
    return read_on_grid(path, box[:32, :32])


def _item_bytes(_: Path) -> bytes:
    from imagery.sensor import load_sensor

    bands = [*(band.keys[0] for band in load_sensor("sentinel-2-l2a").band), "SCL"]
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2",
        "geometry": None,
        "bbox": [0.0, 0.0, 1.0, 1.0],
        "properties": {
            "datetime": "2024-06-01T10:00:00Z",
            "s2:processing_baseline": "05.10",
            "platform": "sentinel-2a",
        },
        "links": [],
        "assets": {
            name: {"href": f"./{name}.tif", "raster:bands": [{"scale": 0.0001, "offset": -0.1}]} for name in bands
        },
    }
    return json.dumps({"type": "FeatureCollection", "features": [item]}).encode()


def _items(path: Path) -> object:
    from imagery.sensor import load_sensor
    from imagery.stac import items_of, scene_of

    sensor = load_sensor("sentinel-2-l2a")
    return [scene_of(item, sensor) for item in items_of(path)]


def _official_bytes(_: Path) -> bytes:
    rows = [
        "Código,Municipio,2020,2021,2022",
        '05001,Medellín,"1,5",<0.5,',
        "05002,Abejorral,12,-,3",
        "05004,Uno,*,4,5",
    ]
    return "\n".join(rows).encode()


def _official(path: Path) -> object:
    from aoi.number_format import NumberFormat
    from aoi.official_table import TableLayout, read_cells, read_table
    from aoi.survey.estimate import CellState
    from aoi.survey.figure import SYMBOLS

    layout = TableLayout(
        code="Código",
        name="Municipio",
        periods=r"(\d{4})",
        number=NumberFormat(decimal=",", thousands="."),
        symbols={**SYMBOLS, "<0.5": CellState.BELOW_THRESHOLD, "*": CellState.SUPPRESSED},
    )
    return read_cells(read_table(path), layout)


def _labels(path: Path) -> object:
    from monitor.steps.reference import read_label_file

    return read_label_file(path)


def _answers_bytes(_: Path) -> bytes:
    return b"unit_id,period,interpreter,label\n" + b"".join(b"U%03d,2024,ana,coca\n" % n for n in range(9))


def _forest_bytes(_: Path) -> bytes:
    import numpy as np

    from imagery.forest import ForestSettings, fit_forest

    rng = np.random.default_rng(1)
    planes, code = rng.random((3, 60), dtype=np.float32), rng.integers(1, 3, 60)
    return fit_forest(planes, code, ForestSettings(trees=3)).text.encode()


def _forest(path: Path) -> object:
    import numpy as np

    from imagery.forest import Forest

    return Forest.read(_utf8(path)).probabilities(np.zeros((3, 2), dtype=np.float32))


def _boosted_bytes(_: Path) -> bytes:
    import numpy as np

    from imagery.classifier import BoostSettings, fit_classifier

    rng = np.random.default_rng(1)
    planes, code = rng.random((3, 60), dtype=np.float32), rng.integers(1, 3, 60)
    return fit_classifier(planes, code, ["a", "b", "c"], BoostSettings(trees=3)).text.encode()


def _boosted(path: Path) -> object:
    import numpy as np

    from imagery.classifier import Classifier

    return Classifier(text=_utf8(path), codes=(1, 2)).scores(np.zeros((3, 2), dtype=np.float32))


def _manifest_bytes(_: Path) -> bytes:
    from monitor.manifest import FileRecord, Manifest, StepRecord

    record = FileRecord(sha256="0" * 64, bytes=1)
    step = StepRecord(
        fingerprint="f", outputs={"a/b.csv": record}, facts={"n": 1}, finished="2026-01-01T00:00:00+00:00"
    )
    return Manifest(survey={"name": "a"}, versions={}, inputs={"x": record}, steps={"s": step}).to_json().encode()


def _manifest(path: Path) -> object:
    from monitor.manifest import read_manifest

    shutil.copyfile(path, path.with_name("manifest.json"))
    return read_manifest(path.parent)


def _xml_bytes(_: Path) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<a xmlns="x"><b k="1">2</b><c>3</c><d><e/></d></a>\n'


def _xml(path: Path) -> object:
    from geo.errors import InputError, Problem
    from geo.markup import parse_xml

    try:
        return parse_xml(path.read_bytes())
    except ValueError as error:  # what every caller tells as a problem of its file
        raise InputError(Problem(str(path), str(error))) from error


def _design_bytes(_: Path) -> bytes:
    return b'frame_ha = 12000\n[design]\nmethod = "random"\nunits = 400\n[estimate]\nvalues = ["crop_ha"]\n'


def _design(path: Path) -> object:
    from monitor.tabular.declaration import load_design

    return load_design(path)


def _answers(path: Path) -> object:
    from maps.exchange.answers import labels_of_answers
    from monitor.tables import read_given_csv

    units = {f"U{number:03d}": (-72.0, 7.0) for number in range(9)}
    table = read_given_csv(path)
    return labels_of_answers(table, "xlsform", "a.csv", units=units, periods=["2024"], legend=["coca", "forest"])


def _projects_bytes(_: Path) -> bytes:
    return (
        b"project_id,title,status,announcement_date,actual_start,agreement_type,source_id,source_date\n"
        b"P1,One,2,2020-01-01,2020-06-01,none,S1,2024-01-01\nP2,Two,4,2021-06-01,,none,S1,2024-01-01\n"
    )


def _projects(path: Path) -> object:
    from aoi.project.programme import read_programme

    folder = path.parent / "programme"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / "projects.csv")
    return read_programme(folder)


def _table_frame() -> object:
    import pandas

    return pandas.DataFrame(
        {
            "Código": ["05001", "05002"],
            "Municipio": ["Medellín", "Abejorral"],
            "2020": [1.5, 2.0],
            "2021": [0.5, None],
        }
    )


def _parquet_bytes(folder: Path) -> bytes:
    _table_frame().to_parquet(folder / "a.parquet", index=False)  # type: ignore[attr-defined]
    return (folder / "a.parquet").read_bytes()


def _parquet(path: Path) -> object:
    from aoi.official_table import TableLayout, read_cells, read_table

    return read_cells(read_table(path), TableLayout(code="Código", name="Municipio", periods=r"(\d{4})"))


def _geoparquet_bytes(folder: Path) -> bytes:
    import geopandas
    import shapely

    shapes = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
    frame = geopandas.GeoDataFrame({"project_id": ["P1", "P2", "P3"]}, geometry=shapes, crs="EPSG:32618")
    frame.to_parquet(folder / "a.parquet", index=False)
    return (folder / "a.parquet").read_bytes()


def _geoparquet(path: Path) -> object:
    from geo.parquet import read_parquet

    return read_parquet(path)


def _utf8(path: Path) -> str:
    from geo.errors import InputError, Problem

    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:  # as the callers of these readers do
        raise InputError(Problem(str(path), "text that is not UTF-8")) from error


def _tile_bytes(_: Path) -> bytes:
    return b"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_Tile_ID xmlns:n1="https://example.org/tile">
<n1:General_Info><TILE_ID>S2A_OPER_MSI_L2A_TL_X_20240601T150000_A012345_T18NWJ_N05.10</TILE_ID>
<SENSING_TIME>2024-06-01T15:10:20.123Z</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Geocoding><HORIZONTAL_CS_CODE>EPSG:32618</HORIZONTAL_CS_CODE>
<Size resolution="10"><NROWS>10980</NROWS><NCOLS>10980</NCOLS></Size>
<Geoposition resolution="10"><ULX>499980</ULX><ULY>200040</ULY><XDIM>10</XDIM><YDIM>-10</YDIM></Geoposition>
</Tile_Geocoding><Tile_Angles><Mean_Sun_Angle><ZENITH_ANGLE>25.5</ZENITH_ANGLE><AZIMUTH_ANGLE>120.5</AZIMUTH_ANGLE>
</Mean_Sun_Angle></Tile_Angles></n1:Geometric_Info></n1:Level-2A_Tile_ID>
"""


def _safe_product_bytes(_: Path) -> bytes:
    from imagery.sensor import load_sensor

    sensor = load_sensor("sentinel-2-l2a")
    names = [*(band.name for band in sensor.band), *(sensor.mask.keys[:1] if sensor.mask else ())]
    images = "".join(
        f"<IMAGE_FILE>GRANULE/L2A_T18NWJ/IMG_DATA/R20m/T18NWJ_20240601T150000_{name}_20m</IMAGE_FILE>\n"
        for name in names
    )
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{n}">-1000</BOA_ADD_OFFSET>\n' for n in range(13))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_User_Product xmlns:n1="https://example.org/product"><Product_Info>
<PRODUCT_START_TIME>2024-06-01T15:00:00.000Z</PRODUCT_START_TIME>
<PRODUCT_URI>S2A_MSIL2A_20240601T150000_N0510_R082_T18NWJ_20240601T200000.SAFE</PRODUCT_URI>
<PROCESSING_BASELINE>05.10</PROCESSING_BASELINE>
{images}</Product_Info><BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
{offsets}</n1:Level-2A_User_Product>
""".encode()


def _safe(path: Path, *, tile: bytes | None = None) -> object:
    """Read a product of which one file is spoiled: the tile's, or the product's where a sound tile is given."""
    from imagery.safe import safe_scene, safe_tiles
    from imagery.sensor import load_sensor

    product = path.parent / "X.SAFE"
    home = product / "GRANULE" / "L2A_T18NWJ"
    home.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    (home / "MTD_TL.xml").write_bytes(data if tile is None else tile)
    (product / "MTD_MSIL2A.xml").write_bytes(_safe_product_bytes(path) if tile is None else data)
    sensor = load_sensor("sentinel-2-l2a")
    return [safe_scene(found, sensor) for found in safe_tiles(product)]


def _landsat_groups() -> dict[str, dict[str, str]]:
    bands = {f"FILE_NAME_BAND_{n}": f"LC08_L2SP_008057_20240601_20240605_02_T1_SR_B{n}.TIF" for n in range(1, 8)}
    scales = {f"REFLECTANCE_MULT_BAND_{n}": "2.75e-05" for n in range(1, 8)}
    offsets = {f"REFLECTANCE_ADD_BAND_{n}": "-0.2" for n in range(1, 8)}
    corners = {f"CORNER_{y}{x}_LAT_PRODUCT": "2.1" if y == "U" else "0.1" for y in "UL" for x in "LR"}
    corners |= {f"CORNER_{y}{x}_LON_PRODUCT": "-74.9" if x == "L" else "-73.1" for y in "UL" for x in "LR"}
    return {
        "PRODUCT_CONTENTS": {
            "LANDSAT_PRODUCT_ID": "LC08_L2SP_008057_20240601_20240605_02_T1",
            "PROCESSING_LEVEL": "L2SP",
            **bands,
            "FILE_NAME_QUALITY_L1_PIXEL": "LC08_L2SP_008057_20240601_20240605_02_T1_QA_PIXEL.TIF",
        },
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": "LANDSAT_8",
            "SENSOR_ID": "OLI_TIRS",
            "WRS_PATH": "8",
            "WRS_ROW": "57",
            "DATE_ACQUIRED": "2024-06-01",
            "SCENE_CENTER_TIME": "15:10:20.1234567Z",
            "SUN_AZIMUTH": "50.5",
            "SUN_ELEVATION": "60.5",
        },
        "PROJECTION_ATTRIBUTES": corners,
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": scales | offsets,
    }


def _landsat_text(_: Path) -> bytes:
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for name, group in _landsat_groups().items():
        lines += [f"  GROUP = {name}", *(f'    {key} = "{value}"' for key, value in group.items())]
        lines.append(f"  END_GROUP = {name}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""]).encode()


def _landsat_json(_: Path) -> bytes:
    return json.dumps({"LANDSAT_METADATA_FILE": _landsat_groups()}, indent=1).encode()


def _landsat_xml(_: Path) -> bytes:
    groups = "".join(
        f"<{name}>" + "".join(f"<{key}>{value}</{key}>" for key, value in group.items()) + f"</{name}>"
        for name, group in _landsat_groups().items()
    )
    return f'<?xml version="1.0"?><LANDSAT_METADATA_FILE>{groups}</LANDSAT_METADATA_FILE>'.encode()


def _landsat(path: Path) -> object:
    from imagery.landsat import landsat_metadata, landsat_scene
    from imagery.sensor import load_sensor

    shutil.copyfile(path, path.with_name(f"X_MTL{path.suffix}"))
    sensor = load_sensor("landsat-c2-l2")
    return [landsat_scene(found, sensor) for found in landsat_metadata(path.parent)]


def _discriminant_bytes(_: Path) -> bytes:
    import numpy as np

    from imagery.discriminant import fit_discriminant

    rng = np.random.default_rng(1)
    return fit_discriminant(rng.random((3, 60), dtype=np.float32), rng.integers(1, 3, 60)).text.encode()


def _discriminant(path: Path) -> object:
    import numpy as np

    from imagery.discriminant import Discriminant

    model = Discriminant.read(_utf8(path))
    return model.scores(np.zeros((len(model.mean), 2), dtype=np.float32))


def _model_bytes(folder: Path) -> bytes:
    import numpy as np

    from imagery.classifier import BoostSettings
    from imagery.ensemble import EnsembleSettings, fit_ensemble
    from imagery.features import feature_spec
    from imagery.model import ClassifySettings, TrainedModel
    from imagery.profile import load_profile
    from imagery.sensor import load_sensor

    sensor, profile = load_sensor("sentinel-2-l2a"), load_profile("rif-cannabis")
    spec = feature_spec(sensor, tuple(window.name for window in profile.windows))
    rng = np.random.default_rng(1)
    code = np.repeat(np.array([1, 2], dtype=np.uint8), 30)
    planes = rng.normal(code, 1.0, (len(spec.names), 60)).astype(np.float32)
    settings = ClassifySettings(ensemble=EnsembleSettings(boost=BoostSettings(trees=2)))
    rule = {"feature": spec.names[0], "value": 0.5, "above": True}
    validation = {
        "calibration": {"cannabis": {"method": "platt", "slope": 1.0, "intercept": 0.0, "x": [], "y": []}},
        "floor_rules": {"cannabis": {"greenness_threshold": rule}},
    }
    TrainedModel(
        classifier=fit_ensemble(planes, code, spec.names, settings.ensemble),
        spec=spec,
        sensor=sensor,
        profile=profile,
        settings=settings,
        validation=validation,
    ).save(folder / "model")
    return (folder / "model" / "model.json").read_bytes()


def _model(path: Path) -> object:
    import numpy as np

    from imagery.model import TrainedModel

    home = path.parent / "model"
    if not home.is_dir():
        _model_bytes(path.parent)
    shutil.copyfile(path, home / "model.json")
    model = TrainedModel.load(home)
    model.calibration("cannabis").apply(np.array([0.1, 0.9]))
    model.greenness_rule("cannabis")
    return model.classifier.scores(np.zeros((len(model.names), 2), dtype=np.float32))


def _network_bytes(folder: Path) -> bytes:
    import numpy as np

    from imagery.segment import Segmenter, SegmentSettings

    one = np.ones(2, dtype=np.float32)
    Segmenter(codes=(1, 2), mean=one, scale=one, weights={"a": one}, settings=SegmentSettings()).save(
        folder / "a.zip"
    )
    return (folder / "a.zip").read_bytes()


def _network(path: Path) -> object:
    from imagery.segment import Segmenter

    return Segmenter.read(path)


def _block_bytes(folder: Path) -> bytes:
    import numpy as np

    from geo.journal import BlockJournal

    journal = BlockJournal(folder / "blocks")
    journal.write("a" * 8, {"cells": np.arange(64, dtype=np.uint16)})
    return journal.path("a" * 8).read_bytes()


def _block(path: Path) -> object:
    from geo.journal import BlockJournal

    journal = BlockJournal(path.parent / "blocks")
    home = journal.path("a" * 8)
    home.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, home)
    return journal.read("a" * 8)


def _formula(path: Path) -> object:
    import numpy as np

    from imagery.formula import read_formula

    formula = read_formula(_utf8(path), where="x")
    with np.errstate(all="ignore"):
        return formula.value({name: np.float32([0.5, 0.0]) for name in formula.names})


def _shipped(package: str, name: str) -> Callable[[Path], bytes]:
    from importlib.resources import files

    return lambda _: files(package).joinpath(name).read_bytes()


def _profile(path: Path) -> object:
    from imagery.profile import load_profile

    return load_profile(path)


def _sensor(path: Path) -> object:
    from imagery.sensor import load_sensor

    return load_sensor(path)


def _law(path: Path) -> object:
    from aoi.legality.rule import parse_law

    return parse_law(_utf8(path), where=path.name)


def _loads(path: Path) -> object:
    from aoi.harm.loads import read_loads

    return read_loads(path)


def _release_bytes(folder: Path) -> bytes:
    from maps.disclosure.pattern import SHOWN, Decision, parse_cell
    from maps.disclosure.release import write_release
    from maps.disclosure.tier import Tier

    rules = {"k": 5, "round_ha": 1.0, "cell_least_km": 1, "cell_most_km": 32}
    decision = Decision(
        tier=Tier.PUBLIC,
        leaves=(parse_cell("4km:E-3N12"),),
        states={"05001": SHOWN},
        rules=rules,
        grid="EPSG:32618",
        boundaries="0a",
        series=(("coca", "2024"),),
    )
    (folder / "a.csv").write_text("x\n")
    record = {"survey": "a", "tier": 2, "decision": decision.as_public_record()}
    return write_release(folder, "export", record, None, ["a.csv"]).read_bytes()


def _release(path: Path) -> object:
    from maps.disclosure.release import verify_release

    path.with_name("a.csv").write_text("x\n")
    return verify_release(path)


def _earlier(path: Path) -> object:
    from monitor.gate import earlier_decisions

    return earlier_decisions([path])


def _index(path: Path) -> object:
    from imagery.fetch import Store

    home = path.parent / "store"
    home.mkdir(exist_ok=True)
    shutil.copyfile(path, home / "fetched.json")
    return Store.open(home)


def _stored_bytes(folder: Path) -> bytes:
    from geo.stored import StoredObject, write_stored

    one = StoredObject(address="s3://images/2024/B04.tif", bytes=1234, version="0a1b", format="GTiff")
    write_stored(folder / "a.object", one)
    return (folder / "a.object").read_bytes()


def _stored(path: Path) -> object:
    from geo.stored import stored_object

    return stored_object(path)


def _approvals_bytes(_: Path) -> bytes:
    one = '[[approval]]\nname = "A"\noffice = "B"\ndate = 2026-01-02\ntier = 2\ntables = "0a"\n'
    return (one + one.replace('"A"', '"C"')).encode()


def _approvals(path: Path) -> object:
    from maps.disclosure.release import read_approvals

    return read_approvals(path)


READERS: Mapping[str, Reader] = {
    "survey file": Reader(".toml", _survey_text, _survey),
    "design file": Reader(".toml", _design_bytes, _design),
    "sample table": Reader(".csv", lambda _: _sample(), _estimate),
    "strata table": Reader(".csv", lambda _: b"stratum,size\na,1000\nb,9000\n", _strata),
    "official table": Reader(".csv", _official_bytes, _official),
    "label file": Reader(".csv", _answers_bytes, _labels),
    "answers of a form": Reader(".csv", _answers_bytes, _answers),
    "programme table": Reader(".csv", _projects_bytes, _projects),
    "GeoPackage": Reader(".gpkg", _layer("GPKG", ".gpkg"), _vector),
    "GeoJSON": Reader(".geojson", _layer("GeoJSON", ".geojson"), _vector),
    "FlatGeobuf": Reader(".fgb", _layer("FlatGeobuf", ".fgb"), _vector),
    "Shapefile": Reader(".shp", _layer("ESRI Shapefile", ".shp"), _shapefile),
    "GeoTIFF": Reader(".tif", _raster_bytes, _raster),
    "STAC items": Reader(".json", _item_bytes, _items),
    "manifest": Reader(".json", _manifest_bytes, _manifest),
    "forest model": Reader(".txt", _forest_bytes, _forest),
    "boosted trees": Reader(".txt", _boosted_bytes, _boosted),
    "XML metadata": Reader(".xml", _xml_bytes, _xml),
    "SAFE tile": Reader(".xml", _tile_bytes, _safe),
    "SAFE product": Reader(".xml", _safe_product_bytes, lambda path: _safe(path, tile=_tile_bytes(path))),
    "Landsat text": Reader(".txt", _landsat_text, _landsat),
    "Landsat JSON": Reader(".json", _landsat_json, _landsat),
    "Landsat XML": Reader(".xml", _landsat_xml, _landsat),
    "discriminant": Reader(".txt", _discriminant_bytes, _discriminant),
    "trained model": Reader(".json", _model_bytes, _model),
    "network of fields": Reader(".zip", _network_bytes, _network),
    "finished block": Reader(".block", _block_bytes, _block),
    "Parquet": Reader(".parquet", _parquet_bytes, _parquet),
    "GeoParquet": Reader(".parquet", _geoparquet_bytes, _geoparquet),
    "index formula": Reader(".txt", lambda _: b"2.5 * (N - R) / (N + 6.0 * R - 7.5 * B + 1.0)", _formula),
    "crop profile": Reader(".toml", _shipped("imagery.profiles", "rif-cannabis.toml"), _profile),
    "sensor file": Reader(".toml", _shipped("imagery.sensors", "sentinel-2-l2a.toml"), _sensor),
    "law": Reader(".toml", _shipped("aoi.legality.data", "colombia.toml"), _law),
    "load table": Reader(".csv", _shipped("aoi.harm.data", "loads.csv"), _loads),
    "object in a store": Reader(".object", _stored_bytes, _stored),
    "release record": Reader(".json", _release_bytes, _release),
    "earlier release": Reader(".json", _release_bytes, _earlier),
    "index of images": Reader(".json", lambda _: b'{"files": {"a/b": {}}, "failed": {}, "searches": {}}', _index),
    "approvals": Reader(".toml", _approvals_bytes, _approvals),
}

PURE = (
    "survey file", "design file", "official table", "STAC items", "manifest", "XML metadata", "SAFE tile",
    "SAFE product", "Landsat text", "Landsat JSON", "Landsat XML", "index formula", "crop profile",
    "sensor file", "law", "load table", "approvals", "release record", "earlier release", "index of images",
    "object in a store",
)  # fmt: skip
"""Readers that are Python throughout, so that a fuzzer can see which lines a case runs."""
