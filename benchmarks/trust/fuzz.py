"""Spoil inputs at random and read them: every reader reads, or refuses in one line.

``python -m benchmarks.trust.fuzz [N] [READER...]`` adds N cases (1000 when none is named) of each reader to those
counted before; each case follows from the reader's name and its number, so that a finding can be had again with
``python -m benchmarks.trust.fuzz --case READER NUMBER``.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.trust.results import load, save

__all__ = ["READERS", "Outcome", "case", "main", "spoiled"]

HANG_S = 20
"""A case that takes longer counts as a hang."""
SPACE = 8 << 30
"""Address space of the reading process, bytes; libraries take more than half of it."""
SLICE = 250
"""Cases read by one process, after which a fresh one goes on."""

TOKENS = (
    "", " ", "0", "-0", "-1", "1e308", "-1e308", "1e-308", "NaN", "nan", "inf", "-inf", "null", "true",
    "1,000", "1.000,5", "1 000", "９", "٣", "0x10", "1_000", "=1+1", "@SUM(A1)", "'", '"', '""', ";",
    "\t", "\r\n", "\r", "\n", "\x00", "\ufeff", "\u202e", "\u200b", "é", "𝔘", "a" * 3000, "../../x",
    "/etc/passwd", "C:\\x", "&amp;", "[", "]", "file:///etc/passwd", "http://127.0.0.1/", "{", "}",
    "[" * 200, "{" * 200, "9" * 400, "2024-02-30", "24:60", "0000-00-00", "<!DOCTYPE a>", "<a>", "%s",
    "{0}", "\\u0000", "TRUE", "None", "n/a", "<5", "*", "-", "--",
)  # fmt: skip
"""What tired hands and hostile ones put into a cell."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader, and the sound input it is tried with."""

    suffix: str
    """Of the file."""
    sound: Callable[[Path], bytes]
    """Gives a sound file; a folder to work in is given."""
    read: Callable[[Path], object]
    """Reads a file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case."""

    kind: str
    """``read``, ``refused``, ``tracebacks``, ``hangs`` or ``deaths``."""
    seconds: float
    """How long it took."""
    told: str = ""
    """The refusal, or the traceback."""


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """Return data with one to four things spoiled: bytes, tokens, lines, cells, or JSON values."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        data = chance.choice(_WAYS)(data, chance)
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _drop(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.randint(1, 40) :]


def _double(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.randint(1, 200)]
    return data[:start] + piece * chance.choice((2, 3, 50)) + data[start + len(piece) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.choice(TOKENS).encode("utf-8", "surrogatepass") + data[place:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    value = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)).to_bytes(4, chance.choice(("little", "big")))
    return data[:place] + value + data[place + 4 :]


def _cell(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    number = chance.randrange(len(lines))
    cells = lines[number].split(b",")
    cells[chance.randrange(len(cells))] = chance.choice(TOKENS).encode()
    lines[number] = b",".join(cells)
    return b"\n".join(lines)


def _line(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    number = chance.randrange(len(lines))
    way = chance.randrange(4)
    if way == 0:
        del lines[number]
    elif way == 1:
        lines.insert(number, lines[chance.randrange(len(lines))])
    elif way == 2:
        lines[number] = lines[number] + b"," + chance.choice(TOKENS).encode()
    else:
        lines = [lines[number], *lines[:number], *lines[number + 1 :]]
    return b"\n".join(lines)


def _dialect(data: bytes, chance: random.Random) -> bytes:
    old, new = chance.choice(
        (
            (b",", b";"),
            (b",", b"\t"),
            (b".", b","),
            (b"\n", b"\r\n"),
            (b"\n", b"\r"),
            (b'"', b"'"),
            (b" ", b"\xc2\xa0"),
        )
    )
    text = data.replace(old, new)
    if chance.random() < 0.3:
        try:
            return text.decode("utf-8").encode(
                chance.choice(("utf-16", "latin-1", "utf-8-sig", "cp1252")), "replace"
            )
        except UnicodeDecodeError:
            return text
    return text


def _value(data: bytes, chance: random.Random) -> bytes:
    """Put another value in the place of one of a JSON text."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _insert(data, chance)
    places: list[tuple[Any, Any]] = []
    pending = [content]
    while pending:
        entry = pending.pop()
        keys = list(entry) if isinstance(entry, dict) else range(len(entry)) if isinstance(entry, list) else ()
        places += [(entry, key) for key in keys]
        pending += [entry[key] for key in keys]
    if not places:
        return _insert(data, chance)
    entry, key = chance.choice(places)
    values = (None, True, 0, -1, 1e308, 10**400, "", "x", [], {}, [[]], {"a": None}, chance.choice(TOKENS))
    if chance.random() < 0.2:
        del entry[key]
    else:
        entry[key] = chance.choice(values)
    return json.dumps(content).encode()


_WAYS = (
    *(_flip, _flip, _cut, _drop, _double, _overwrite),
    *(_insert, _insert, _cell, _cell, _line, _dialect, _value, _value),
)


def case(name: str, number: int, sound: bytes, folder: Path) -> Outcome:
    """Read one case in this process."""
    from geo.errors import AltdevError

    reader = READERS[name]
    chance = random.Random(zlib.crc32(f"{name} {number}".encode()))
    path = folder / f"case{reader.suffix}"
    path.write_bytes(spoiled(sound, chance))
    started = time.monotonic()
    signal.alarm(HANG_S)
    try:
        reader.read(path)
        kind, told = "read", ""
    except AltdevError as error:
        kind, told = "refused", str(error)
    except Exception:  # noqa: BLE001  (whatever it is, it is a finding)
        kind, told = "tracebacks", traceback.format_exc()
    finally:
        signal.alarm(0)
    return Outcome(kind, time.monotonic() - started, told)


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
    from odc.geo.geobox import GeoBox

    from geo.raster import write_cog

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
    from aoi.official_table import TableLayout, read_cells, read_table

    return read_cells(read_table(path), TableLayout(code="Código", name="Municipio", periods=r"(\d{4})"))


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
    return read_programme(folder, country="ZZZ")


def _utf8(path: Path) -> str:
    from geo.errors import InputError, Problem

    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:  # as the callers of these readers do
        raise InputError(Problem(str(path), "text that is not UTF-8")) from error


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
}


def run_slice(name: str, sound: bytes, first: int, last: int, folder: Path, pipe: int) -> None:
    """Read cases one after another, telling each that begins and how it ended; ends the process."""
    import warnings

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    for number in range(first, last):
        os.write(pipe, (json.dumps([number]) + "\n").encode())
        ended = case(name, number, sound, folder)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(pipe, (json.dumps([number, ended.kind, ended.seconds, most, ended.told[-1500:]]) + "\n").encode())
    os._exit(0)


def fuzz(name: str, number: int) -> None:
    """Read so many further cases of a reader, and keep the counts."""
    figures = load("fuzz") or {"readers": {}}
    row = figures["readers"].setdefault(
        name,
        {
            "cases": 0,
            "read": 0,
            "refused": 0,
            "tracebacks": 0,
            "hangs": 0,
            "deaths": 0,
            "slowest_s": 0.0,
            "most_mib": 0.0,
        },
    )
    goal = row["cases"] + number
    with tempfile.TemporaryDirectory() as home:
        sound = READERS[name].sound(Path(home))
    while row["cases"] < goal:
        folder = Path(tempfile.mkdtemp(prefix="altdev-fuzz-"))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                run_slice(name, sound, row["cases"], min(goal, row["cases"] + SLICE), folder, writing)
            finally:
                os._exit(1)
        os.close(writing)
        begun = None
        with os.fdopen(reading) as lines:
            for line in lines:
                begun = _count(name, row, json.loads(line))
        _, status = os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)
        if begun is not None:
            kind = "hangs" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else "deaths"
            row[kind] += 1
            row["cases"] += 1
            sys.stdout.write(f"{name} {begun}: {kind} (status {status})\n")
        elif not os.WIFEXITED(status) or os.WEXITSTATUS(status):
            raise SystemExit(f"{name}: the reading process ended with status {status} before any case")
        save("fuzz", figures)


def _count(name: str, row: dict[str, Any], told: Sequence[Any]) -> int | None:
    """Add an outcome; return the number of a case that has begun and not ended."""
    if len(told) == 1:
        return int(told[0])
    number, kind, seconds, most, text = told
    row["cases"] += 1
    row[kind] += 1
    row["slowest_s"] = max(row["slowest_s"], round(seconds, 2))
    row["most_mib"] = max(row["most_mib"], round(most))
    lines = text.strip().splitlines()
    if kind == "tracebacks":
        sys.stdout.write(f"{name} {number}: {lines[-1]}\n")
    return None


def main(arguments: list[str]) -> None:
    """Fuzz the readers named, or all, or tell one case."""
    if arguments[:1] == ["--case"]:
        with tempfile.TemporaryDirectory() as folder:
            sound = READERS[arguments[1]].sound(Path(folder))
            print(case(arguments[1], int(arguments[2]), sound, Path(folder)).told)
        return
    number = int(arguments[0]) if arguments else 1000
    for name in arguments[1:] or READERS:
        fuzz(name, number)
        row = load("fuzz")["readers"][name]
        sys.stdout.write(f"{name}: {row}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
