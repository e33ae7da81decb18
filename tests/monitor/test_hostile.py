"""What an adversary or a tired hand may give the program: one clear line each, and never a wrong number."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pystac
import pytest
from click.testing import CliRunner, Result

from aoi.survey.coverage import MOST_DRAWN, coverage_of
from aoi.survey.design import LONELY_POLICIES, StratifiedDesign
from benchmarks.trust.readers import READERS
from geo.errors import DisclosureError, InputError, QualityGateError, SurveyFileError
from imagery.catalog import Search, is_file
from imagery.safe import safe_scene
from imagery.sensor import load_sensor
from imagery.stac import items_of, scene_of
from monitor import cli
from monitor.config import load_survey
from monitor.manifest import MANIFEST, FileRecord, Manifest, StepRecord, read_manifest
from monitor.run_folder import RunFolder
from monitor.steps.imagery import _require_inside
from monitor.steps.reference import read_label_file
from monitor.table_mode import estimate_tables
from monitor.verify import verify_run
from tests.monitor.conftest import altdev
from tests.monitor.survey_text import save, sound

SAMPLE = "stratum,map,reference\n" + "a,a,a\n" * 20 + "a,a,b\n" * 3 + "b,b,b\n" * 40 + "b,b,a\n" * 2
STRATA = "stratum,size\na,1000\nb,9000\n"
SHORT = "stratum,map,reference\n" + "a,a,b\n" * 9 + "b,b,b\n" * 9
LINKED = (
    '{"type": "Catalog", "id": "x", "stac_version": "1.0.0", "description": "x", "links": '
    '[{"rel": "child", "href": "http://192.0.2.1/catalog.json"}]}'
)

Told = Callable[..., str]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Return what table mode tells of two tables given as text or bytes."""

    def estimate(sample: str | bytes = SAMPLE, strata: str | bytes = STRATA, **options: object) -> str:
        paths = []
        for name, text in (("sample.csv", sample), ("strata.csv", strata)):
            (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
            paths.append(tmp_path / name)
        settings: dict[str, object] = {"unit_area_ha": 1.0, "domain": None, "interval": "default", "level": 0.95}
        return estimate_tables(*paths, **{**settings, "coverage": False, "as_json": False, **options})  # type: ignore[arg-type]

    return estimate


def invoke(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli.cli, [str(word) for word in words], standalone_mode=False)


@pytest.mark.parametrize(
    ("sample", "strata", "said"),
    [
        (SHORT.replace("b\n", "b,b\n"), STRATA, "Expected 3 fields in line 2, saw 4"),
        (SAMPLE, STRATA.replace("1000", "1,000").replace("9000", "9,000"), "Expected 2 fields in line 2, saw 3"),
        (SAMPLE.replace("reference", "reference,map", 1).replace("\na,", "\na,b,"), STRATA, "a column 'map' twice"),
        (SAMPLE.replace(",", ";"), STRATA, "cells parted by semicolons; expected cells parted by commas"),
        (SAMPLE.replace(",", "\t"), STRATA, "cells parted by tabs"),
        (SAMPLE.encode("utf-16"), STRATA, "expected a CSV table in UTF-8; save it as CSV UTF-8"),
        ("", STRATA, "no CSV table"),
        (SAMPLE, STRATA.replace("1000", "1e308"), "column 'size', row 2: found size 1e308"),
        (SAMPLE, STRATA.replace("1000", "1e15"), "found strata of 1e\\+15 ha in all; expected less than the Earth"),
        (
            SAMPLE,
            "stratum,size,area_ha\na,1000,x\nb,9000,9\n",
            "'area_ha', row 2: found area 'x'; expected a positive",
        ),
        (SAMPLE, "stratum,size,area_ha\na,1000,\nb,9000,nan\n", "column 'area_ha', rows 2, 3"),
        (SAMPLE.replace("a,", '"a\nb",'), STRATA, "a label without line ends and control characters"),
        (SAMPLE.replace("a,a", "\u202ea,a"), STRATA, "found label '\\\\u202ea'"),
        (SAMPLE.replace("\n", ",1e308\n").replace("e,1e308", "e,weight"), STRATA, "found weight 1e308"),
    ],
)
def test_table_that_misleads_is_refused(told: Told, sample: str | bytes, strata: str, said: str) -> None:
    """Contract: a table whose cells could be read as something else gives no figure, and says where."""
    with pytest.raises(InputError, match=said):
        told(sample, strata)


@pytest.mark.parametrize(
    ("sample", "strata"),
    [
        (b"\xef\xbb\xbf" + SAMPLE.encode(), STRATA.replace("1000", "1e3")),
        (SAMPLE.replace("a,a,a", '"a","a" ,a'), STRATA.replace("\n", "\r\n")),
        (SAMPLE.replace("\n", ",\n"), STRATA.replace("\n", ",,\n")),
    ],
)
def test_table_written_otherwise_gives_the_same_figures(told: Told, sample: str | bytes, strata: str) -> None:
    """Law: a byte-order mark, quotes, blanks, line ends and empty columns are not content."""
    assert told(sample, strata) == told()


def test_options_out_of_range_are_usage_errors(told: Told) -> None:
    """Contract: all options that are out of range are named at once, with exit code 2."""
    with pytest.raises(SurveyFileError) as caught:
        told(unit_area_ha=float("nan"), domain=" ", interval="auto", level=95.0)
    assert [problem.where for problem in caught.value.problems] == [
        "--unit-area-ha",
        "--domain",
        "--interval",
        "--level",
    ]
    assert "write 95 % as 0.95" in str(caught.value)


def test_flags_without_effect_are_refused(tmp_path: Path) -> None:
    """Contract: a flag that the mode cannot heed, above all a disclosure tier, ends the command."""
    (tmp_path / "sample.csv").write_text(SAMPLE)
    (tmp_path / "strata.csv").write_text(STRATA)
    tables = ("estimate", tmp_path / "sample.csv", "--strata", tmp_path / "strata.csv")
    assert invoke(*tables).exception is None
    assert isinstance(invoke(*tables, "--tier", "1").exception, DisclosureError)
    assert isinstance(invoke(*tables, "--out", tmp_path).exception, SurveyFileError)
    assert invoke(*tables, "--lang", "en").exception is None
    modes = (
        tables,
        ("estimate", "sample.csv", "--design", "design.toml"),
        ("sample", "frame.csv", "--design", "design.toml"),
        ("compare", "panel.csv", "--strata", "strata.csv"),
        ("compare", "cells.csv", "--cells"),
    )
    for mode in modes:
        with pytest.raises(SurveyFileError, match=r"--lang: found fr; expected en.*leave --lang out"):
            raise invoke(*mode, "--lang", "fr").exception
    alone = invoke("estimate", tmp_path / "survey.toml", "--domain", "d", "--coverage").exception
    assert isinstance(alone, SurveyFileError)
    assert len(alone.problems) == 2


def test_folder_is_not_called_missing(told: Told, tmp_path: Path) -> None:
    """Contract: a folder in a table's place is called a folder."""
    settings = {"unit_area_ha": 1.0, "domain": None, "interval": "default", "level": 0.95}
    with pytest.raises(InputError, match="found a folder at"):
        estimate_tables(tmp_path, tmp_path, **settings, coverage=False, as_json=False)  # type: ignore[arg-type]


def test_coverage_of_a_very_large_stratum() -> None:
    """Law: beyond what can be drawn exactly, ten times the units of the same area have the same coverage."""
    counts, share = np.array([50, 50]), np.array([0.4, 0.1])
    covered = []
    for size in (MOST_DRAWN, 10 * MOST_DRAWN):
        design = StratifiedDesign(names=("a", "b"), sizes=np.full(2, size), areas_ha=np.array([1e6, 9e6]))
        rng = np.random.default_rng(1)
        covered.append(coverage_of(share, counts, design, rng, rule=("mover-jeffreys", 0.95, True), draws=500))
    assert covered[0] == pytest.approx(covered[1], rel=1e-6)
    assert 0.9 < covered[0][1] <= 1


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda _: "a = " + "[" * 100_000, "text that is not TOML"),
        (lambda _: "a = " + "9" * 5_000, "text that is not TOML"),
        (lambda text: text.replace("2024-01-01", "0001-01-01"), r"\[\[period\]\] 2 start: found .*1900"),
        (lambda text: text.replace("inputs/admin.gpkg", "a" * 300), r"\[area\] admin: found a name of 300"),
        (lambda text: text.replace('"Test"', '"\\u202etest"'), r"title: found the character '\\u202e'"),
        (lambda text: text.replace('["coca"]', '["coca", "coca"]'), "found a crop twice"),
        (
            lambda text: (
                text.replace('"baseline"', '"x"').replace("current", "baseline").replace('"x"', '"current"')
            ),
            "first",
        ),
    ],
)
def test_hostile_survey_file_is_told(tmp_path: Path, edit: Callable[[str], str], said: str) -> None:
    """Contract: a survey file that would crash or mislead is refused by its key."""
    path = save(tmp_path, sound())
    load_survey(path)
    path.write_text(edit(path.read_text()))
    with pytest.raises(SurveyFileError, match=said):
        load_survey(path)


@pytest.mark.parametrize("name", ["../x", "manifest.json", ".lock", "a\0b", "a" * 300, "/etc/passwd"])
def test_manifest_names_only_what_a_step_writes(tmp_path: Path, name: str) -> None:
    """Contract: a manifest from elsewhere cannot make the program delete or read what no step wrote."""
    record = FileRecord(sha256="0", bytes=1)
    step = StepRecord(fingerprint="", outputs={name: record})
    made = Manifest(survey={}, versions={}, inputs={}, steps={"step": step})
    (tmp_path / MANIFEST).write_text(made.to_json())
    with pytest.raises(InputError, match=r"an output (outside the run folder|that no step writes)"):
        read_manifest(tmp_path)


def test_removal_stays_in_the_run_folder(tmp_path: Path) -> None:
    """Contract: neither a folder nor a file behind a link is deleted as an output."""
    outside, run = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    folder = RunFolder(run)
    (run / "linked").symlink_to(outside)
    (run / "frame").mkdir()
    (run / "old.csv").write_text("old")
    folder.remove({"linked/mine.txt", "frame", "old.csv"})
    assert (outside / "mine.txt").exists()
    assert (run / "frame").is_dir()
    assert not (run / "old.csv").exists()


def test_places_of_the_run_are_its_own(tmp_path: Path) -> None:
    """Contract: what stands where lock, staging or manifest must be is told, and not followed."""
    folder = RunFolder(tmp_path / "run")
    (folder.path / ".lock").mkdir()
    with pytest.raises(InputError, match=r"\.lock: found"), folder.held():
        pass
    (folder.path / ".staging").symlink_to(tmp_path)
    with pytest.raises(InputError, match=r"\.staging: found"):
        folder.staging("frame")
    (folder.path / MANIFEST).mkdir()
    with pytest.raises(InputError, match=r"manifest\.json: found"):
        folder.require_ours("test", overwrite=True)


def test_verify_tells_of_a_step_cut_short_and_of_broken_tables(tmp_path: Path) -> None:
    """Contract: a run that is not done, or whose tables say nothing, is not called verified."""

    def write(fingerprint: str) -> None:
        steps = {"estimate": StepRecord(fingerprint=fingerprint, outputs={})}
        (tmp_path / MANIFEST).write_text(Manifest(survey={}, versions={}, inputs={}, steps=steps).to_json())

    write("")
    with pytest.raises(QualityGateError, match="step estimate: found one that was cut short"):
        list(verify_run(tmp_path))
    write("done")
    for name in ("strata", "sample", "reference"):
        (tmp_path / "frame").mkdir(exist_ok=True)
        (tmp_path / "frame" / f"{name}.csv").write_text("")
    with pytest.raises((QualityGateError, InputError)):
        list(verify_run(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"type": "FeatureCollection", "features": 5}', "a catalogue that cannot be read"),
        ('{"type": "FeatureCollection", "features": [5]}', "a catalogue that cannot be read"),
        ("[" * 100_000, "a catalogue that cannot be read"),
        (
            LINKED,
            "which is not on this machine",
        ),
    ],
)
def test_hostile_catalogue_is_told_and_not_fetched(tmp_path: Path, content: str, said: str) -> None:
    """Contract: JSON of another shape, or a link to another machine, is one line and no request."""
    path = tmp_path / "catalog.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        list(items_of(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2021,a,coca,x\n", "Expected 4 fields in line 2, saw 5"),
        ("1;2021;a;coca\n", "cells parted by semicolons"),
        ("1,2021,a,coca,other\n", "a column 'label' twice"),
    ],
)
def test_label_file_that_misleads_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Contract: labels that could be read under another column's name are not read at all."""
    header = "unit_id,period,interpreter,label" + (",label" if "other" in text else "")
    (tmp_path / "labels.csv").write_text((header.replace(",", ";") if ";" in text else header) + "\n" + text)
    with pytest.raises(InputError, match=said):
        read_label_file(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("offset", math.nan, "an offset of nan"),
        ("offset", 10**400, "an item that cannot be read"),
        ("bands", "xy", "an item that cannot be read"),
        ("bbox", ["a", "b", "c", "d"], "an item that cannot be read"),
        ("bbox", [1], "an item that cannot be read"),
    ],
)
def test_malformed_item_is_told_by_scene(key: str, value: object, said: str) -> None:
    """Contract: a field of another type than STAC says is one line with the scene's name."""
    sensor = load_sensor("sentinel-2-l2a")
    item = pystac.Item("SCENE", None, [0.0, 0.0, 1.0, 1.0], datetime(2024, 6, 1, tzinfo=UTC), {})
    item.properties["s2:processing_baseline"] = "05.10"
    for name in (*(band.keys[0] for band in sensor.band), "SCL"):
        item.assets[name] = pystac.Asset(f"{name}.tif")
    assert scene_of(item, sensor) is not None
    if key == "bbox":
        item.bbox = value  # type: ignore[assignment]
    else:
        item.assets["B04"].extra_fields[key] = value
    with pytest.raises(InputError, match=f"scene SCENE: .*{said}"):
        scene_of(item, sensor)


@pytest.mark.parametrize("lead", ["/private/L2A_T18NWJ", "../../../private/L2A_T18NWJ"])
def test_a_product_leads_nowhere_else(tmp_path: Path, lead: str) -> None:
    """Attack: metadata of a product that list images of other folders are refused, unless that is allowed."""
    home = tmp_path / "scenes"
    tile = home / "X.SAFE" / "GRANULE" / "L2A_T18NWJ" / "MTD_TL.xml"
    tile.parent.mkdir(parents=True)
    tile.write_bytes(READERS["SAFE tile"].sound(tmp_path))
    product = READERS["SAFE product"].sound(tmp_path)
    sensor, told = load_sensor("sentinel-2-l2a"), []
    for data in (product, product.replace(b"GRANULE/L2A_T18NWJ/IMG_DATA/R20m", lead.encode(), 1)):
        (home / "X.SAFE" / "MTD_MSIL2A.xml").write_bytes(data)
        scene = safe_scene(tile, sensor)
        assert scene is not None
        for allowed in (False, True):
            source = SimpleNamespace(catalog=None, folder=home)
            imagery = SimpleNamespace(outside=allowed, cache=tmp_path / "cache")
            context = SimpleNamespace(imagery=imagery, root=tmp_path / "survey")
            try:
                _require_inside(Search(scenes=(scene,), problems=()), source, context)  # type: ignore[arg-type]
            except InputError as error:
                told.append(str(error))
    (only,) = told
    assert f"scene {scene.id}: found 1 files outside the folder of scenes and the survey's" in only


def test_asset_name_too_long_is_missing(tmp_path: Path) -> None:
    """Contract: a name that no file system takes is a missing file, not a crash."""
    assert not is_file(tmp_path / ("a" * 5000))
    assert not is_file(tmp_path)


class TestTableOptions:
    """What the command line tells beyond the two tables."""

    @staticmethod
    def tables(folder: Path, *, lone: bool = False) -> tuple[Path, Path]:
        """Write a sample of two strata, the second of one unit if wanted, and its strata: 1,100 ha in all."""
        rows = ["crop,coca,coca", "crop,coca,other", "rest,other,other", *([] if lone else ["rest,other,other"])]
        sample, strata = folder / "sample.csv", folder / "strata.csv"
        sample.write_text("\n".join(["stratum,map,reference", *rows]))
        strata.write_text("stratum,size\ncrop,100\nrest,1000\n")
        return sample, strata

    @pytest.mark.parametrize(
        ("flags", "code", "told"),
        [
            (["--frame-ha", "1100"], 0, "coca"),
            (["--frame-ha", "1200"], 5, "1,200 ha"),
            (["--frame-ha", "-1"], 2, "--frame-ha"),
            (["--legend", "coca,other,poppy"], 0, "poppy"),
            (["--legend", "coca,poppy"], 3, "give the whole legend"),
            (["--legend", "coca,,other"], 2, "--legend"),
        ],
    )
    def test_frame_and_legend(self, tmp_path: Path, flags: list[str], code: int, told: str) -> None:
        """Law: strata that do not add up, and labels outside the legend, end with their code and one sentence."""
        sample, strata = self.tables(tmp_path)
        done = altdev("estimate", sample, "--strata", strata, *flags)
        assert done.code == code, done.err
        assert told in done.out + done.err
        assert "Traceback" not in done.err

    def test_lone_units_need_a_policy(self, tmp_path: Path) -> None:
        """Law: a stratum of one unit is refused until a policy is named, and the refusal names the flag."""
        sample, strata = self.tables(tmp_path, lone=True)
        refused = altdev("estimate", sample, "--strata", strata)
        assert (refused.code, "'lonely'" in refused.err) == (5, True)
        for policy in LONELY_POLICIES[1:]:
            done = altdev("estimate", sample, "--strata", strata, "--lonely", policy)
            assert done.code == 0, (policy, done.err)
        assert cli.LONELY == LONELY_POLICIES
