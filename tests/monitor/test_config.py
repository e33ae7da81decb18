"""The survey file: read into one record, with every mistake told at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from geo.errors import InputError, SurveyFileError
from monitor.config import Survey, load_survey, survey_schema
from tests.monitor.survey_text import period, save, sound


def problems(folder: Path, content: dict[str, Any]) -> list[str]:
    """Return what is told of a survey file, one text each."""
    with pytest.raises(SurveyFileError) as caught:
        load_survey(save(folder, content))
    return [str(problem) for problem in caught.value.problems]


class TestSoundFile:
    """A file without mistakes."""

    def test_values_arrive(self, tmp_path: Path) -> None:
        """Law: what is written is what is read, and what is left out has its default."""
        survey = load_survey(save(tmp_path, sound()))
        assert survey.survey.crops == ["coca"]
        assert survey.area.resolution_m == 10
        assert survey.period[0].start == date(2021, 1, 1)
        assert [p.name for p in (survey.role("baseline"), survey.role("current")) if p] == ["2021", "2024"]
        assert survey.role("other") is None
        assert survey.official is None

    def test_it_is_frozen(self, tmp_path: Path) -> None:
        """Law: nothing can be changed after reading."""
        survey = load_survey(save(tmp_path, sound()))
        with pytest.raises(ValueError, match="frozen"):
            survey.survey.seed = 2  # type: ignore[misc]

    def test_paths_are_relative_to_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: wherever the program is started, paths start at the survey file; absolute ones stay."""
        content = sound()
        content["area"]["agricultural_mask"] = "/data/mask.tif"
        content["overlay"] = [{"name": "ad", "title": "AD", "kind": "ad_area", "path": "../ad.gpkg", "label": "n"}]
        content["map"] = {"rivers": "rivers.gpkg"}
        (tmp_path / "project").mkdir()
        (tmp_path / "elsewhere").mkdir()
        path = save(tmp_path / "project", content)
        monkeypatch.chdir(tmp_path / "elsewhere")
        survey = load_survey(Path("../project/survey.toml"))
        base = path.parent
        assert survey == load_survey(path)
        assert survey.area.admin == base / "inputs/admin.gpkg"
        assert survey.area.agricultural_mask == Path("/data/mask.tif")
        assert survey.overlay[0].path.resolve() == tmp_path / "ad.gpkg"
        assert survey.map.rivers == base / "rivers.gpkg"

    def test_profile_files_are_relative_to_the_file(self, tmp_path: Path) -> None:
        """Law: a profile or sensor given as a file is the survey's; one given by name is the program's."""
        content = sound()
        content["imagery"] |= {"profile": "my/profile.toml", "sensor": "sentinel-2-l2a"}
        imagery = load_survey(save(tmp_path, content)).imagery
        assert imagery is not None
        assert imagery.profile == str(tmp_path / "my/profile.toml")
        assert imagery.sensor == "sentinel-2-l2a"

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with byte-order mark"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
    def test_as_editors_save_it(self, tmp_path: Path, mark: bytes, end: str) -> None:
        """Law: a byte-order mark and the line ends of Windows change nothing."""
        path = save(tmp_path, sound())
        path.write_bytes(mark + path.read_text().replace("\n", end).encode())
        assert load_survey(path).survey.name == "test"

    def test_letters_of_any_language(self, tmp_path: Path) -> None:
        """Law: titles and paths may be written in any script."""
        content = sound()
        content["survey"]["title"] = "مسح خشخاش الأفيون"
        content["area"]["admin"] = "entradas/división.gpkg"
        survey = load_survey(save(tmp_path, content))
        assert survey.survey.title == "مسح خشخاش الأفيون"
        assert survey.area.admin.name == "división.gpkg"

    def test_template(self, tmp_path: Path) -> None:
        """Law: the file that `altdev init` writes has no mistake of its own."""
        path = tmp_path / "survey.toml"
        path.write_bytes(files("monitor").joinpath("survey_template.toml").read_bytes())
        assert load_survey(path).survey.name == "my-survey"

    def test_official_figures(self, tmp_path: Path) -> None:
        """Law: a survey of official figures needs no imagery."""
        content = sound()
        for table in ("imagery", "training", "reference"):
            del content[table]
        content["official"] = {"table": "t.csv", "code": "c", "name": "n", "periods": r"(\d{4})"}
        survey = load_survey(save(tmp_path, content))
        assert survey.official is not None
        assert survey.official.table == tmp_path / "t.csv"


class TestMistakes:
    """Files with mistakes."""

    def test_all_at_once(self, tmp_path: Path) -> None:
        """Law: mistakes of several tables, and those between tables, are told together, each by its key."""
        content = sound()
        content["survey"]["seeed"] = content["survey"].pop("seed")
        content["area"]["resolution_m"] = -10
        content["period"][0]["end"] = date(2020, 1, 1)
        content["period"][1]["name"] = "2021"
        content["period"].append(period("2023", "current"))
        content["imagery"]["folder"] = "scenes"
        content["overlays"] = []
        assert [told.split(": found ")[0] for told in problems(tmp_path, content)] == [
            "survey.toml [survey] seed",
            "survey.toml [survey] seeed",
            "survey.toml [area] resolution_m",
            "survey.toml [[period]] 1",
            "survey.toml [imagery]",
            "survey.toml [overlays]",
            "survey.toml [[period]]",
            "survey.toml [[period]]",
        ]

    def test_end_before_start(self, tmp_path: Path) -> None:
        """Law: a season that ends before it begins is told with both dates."""
        content = sound()
        content["period"][1] |= {"start": date(2024, 12, 31), "end": date(2024, 1, 1)}
        (told,) = problems(tmp_path, content)
        assert "[[period]] 2" in told
        assert "end 2024-01-01 is not after start 2024-12-31; swap or correct them" in told

    @pytest.mark.parametrize(
        ("roles", "told"),
        [
            (("current", "current"), "2 periods with role current; expected exactly one"),
            (("baseline", "baseline"), "0 periods with role current"),
            (("baseline", "other"), "0 periods with role current"),
        ],
    )
    def test_roles(self, tmp_path: Path, roles: tuple[str, str], told: str) -> None:
        """Law: exactly one period is the current one."""
        content = sound()
        content["period"] = [period(year, role) for year, role in zip(("2021", "2024"), roles, strict=True)]
        assert any(told in text for text in problems(tmp_path, content))

    @pytest.mark.parametrize(
        ("table", "key", "value", "told"),
        [
            ("survey", "crops", "coca", "'coca'; expected a valid list"),
            ("survey", "crops", [], "[]; expected list should have at least 1 item"),
            ("survey", "crops", [1], "[survey] crops 1"),
            ("survey", "seed", "x", "'x'; expected a valid integer"),
            ("survey", "seed", 1.5, "1.5; expected a valid integer"),
            ("survey", "seed", -1, "-1; expected greater than or equal to 0"),
            ("survey", "name", "Two Words", "'Two Words'; expected string should match pattern"),
            ("survey", "name", "../up", "'../up'; expected string should match pattern"),
            ("survey", "country", "co", "'co'; expected string should match pattern"),
            ("survey", "title", 5, "5; expected a valid string"),
            ("area", "admin", 5, "[area] admin"),
            ("area", "resolution_m", 0, "0; expected greater than 0"),
            ("area", "resolution_m", float("inf"), "inf; expected a finite number"),
            ("area", "resolution_m", float("nan"), "nan; expected a finite number"),
            ("imagery", "min_valid", 0, "0; expected greater than or equal to 1"),
            ("imagery", "folder", "scenes", "give one of catalog, folder, api and catalog_url"),
            ("training", "inside_frame", "maybe", "'maybe'; expected 'certainty' or 'sampled'"),
            ("reference", "labels", [], "[reference] labels"),
        ],
    )
    def test_one_wrong_value(self, tmp_path: Path, table: str, key: str, value: Any, told: str) -> None:
        """Law: a wrong value is told with its key, what stands there and what should."""
        content = sound()
        content[table][key] = value
        (text,) = problems(tmp_path, content)
        assert text.startswith(f"survey.toml [{table}]")
        assert told in text

    @pytest.mark.parametrize("table", ["survey", "area", "period", "imagery", "training", "reference"])
    @pytest.mark.parametrize("value", [5, "text", [], {}, [1], date(2024, 1, 1)], ids=str)
    def test_wrong_kind_of_table(self, tmp_path: Path, table: str, value: Any) -> None:
        """Law: something else in place of a table is told by the table's name."""
        content = sound()
        content[table] = value
        assert any(f"[{table}]" in told or f"[[{table}]]" in told for told in problems(tmp_path, content))

    @pytest.mark.parametrize("table", ["survey", "area", "period", "imagery", "training", "reference"])
    def test_missing_table(self, tmp_path: Path, table: str) -> None:
        """Law: a table left out is told by its name."""
        content = sound()
        del content[table]
        assert any(f"[{table}]" in told for told in problems(tmp_path, content))

    def test_official_beside_imagery(self, tmp_path: Path) -> None:
        """Law: figures come from an authority or from imagery, not from both."""
        content = sound()
        content["survey"]["crops"] = ["coca", "poppy"]
        content["official"] = {"table": "t.csv", "code": "c", "name": "n", "periods": r"(\d{4})"}
        told = " | ".join(problems(tmp_path, content))
        assert "[official] and [imagery]; expected [official] alone" in told
        assert "2 crops; expected one crop with [official]" in told

    def test_long_values_are_not_repeated(self, tmp_path: Path) -> None:
        """Law: a message stays one short line whatever stands in the file."""
        content = sound()
        content["survey"]["seed"] = "x" * 100_000
        (told,) = problems(tmp_path, content)
        assert len(told) < 200
        assert "\n" not in told

    def test_two_overlays_of_one_name(self, tmp_path: Path) -> None:
        """Law: names of overlays become codes of domains, so each is used once."""
        zone = {"name": "ad", "title": "AD", "kind": "ad_area", "path": "a.gpkg", "label": "n"}
        (told,) = problems(tmp_path, sound() | {"overlay": [zone, zone]})
        assert told == "survey.toml [[overlay]]: found the name 'ad' twice; expected each name once; rename one"


class TestUnreadableFile:
    """Files that hold no survey at all."""

    @pytest.mark.parametrize("name", ["gone.toml", "."])
    def test_missing(self, tmp_path: Path, name: str) -> None:
        """Law: no file, or a folder, is an input missing, with how to begin."""
        with pytest.raises(InputError, match=r"found no such survey file; .*altdev init"):
            load_survey(tmp_path / name)

    @pytest.mark.parametrize(
        "content",
        [b"[survey\n", b"survey = \n", b"\xff\xfe[\x00s\x00", b"PK\x03\x04\x00", b"a = 1\na = 2\n", b"\x00" * 10],
        ids=["bracket", "no value", "utf-16", "zip", "key twice", "zeros"],
    )
    def test_not_toml(self, tmp_path: Path, content: bytes) -> None:
        """Law: text that is not TOML is told with the place the reader stopped, in one line."""
        path = tmp_path / "survey.toml"
        path.write_bytes(content)
        with pytest.raises(SurveyFileError, match=r"found text that is not TOML \(.+\)") as caught:
            load_survey(path)
        assert len(str(caught.value).splitlines()) == 1

    def test_empty(self, tmp_path: Path) -> None:
        """Law: an empty file lacks every required table, and all are told."""
        told = " | ".join(problems(tmp_path, {}))
        assert all(
            f"[{table}]" in told for table in ("survey", "area", "period", "imagery", "training", "reference")
        )

    def test_huge(self, tmp_path: Path) -> None:
        """Law: a file of a megabyte of strangers ends in messages, not in an exhausted machine."""
        path = tmp_path / "survey.toml"
        path.write_text("".join(f"key_{n} = {n}\n" for n in range(20_000)))
        with pytest.raises(SurveyFileError, match="an unknown key"):
            load_survey(path)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a survey file's content."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from places(entry, (*path, key))


STRANGE = (5, -1.5, float("nan"), True, "", "text", "../up", [], [1], ["a", {}], {}, {"a": 1}, date(2024, 1, 1))


def told_of(path: Path) -> str:
    """Return what is told of a survey file; nothing when it is sound."""
    try:
        load_survey(path)
    except SurveyFileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("official", [False, True], ids=["imagery", "official"])
def test_any_value_anywhere(tmp_path: Path, official: bool) -> None:
    """Brute force: with a strange value at any key the file is read, or refused in plain short lines."""
    refused = 0
    whole = sound()
    if official:
        whole["official"] = {"table": "t.csv", "code": "c", "name": "n", "periods": "(.*)"}
    for *way, last in places(whole):
        for value in STRANGE:
            content: Any = copy.deepcopy(whole)
            inner = content
            for key in way:
                inner = inner[key]
            inner[last] = value
            told = told_of(save(tmp_path, content))
            refused += bool(told)
            assert all(len(line) < 400 for line in told.splitlines()), (way, last, value)
    assert refused > 250


class TestSchema:
    """The JSON Schema of the survey file."""

    def test_it_is_a_schema(self) -> None:
        """Independent program: jsonschema accepts it as draft 2020-12, and it survives JSON."""
        schema = survey_schema()
        Draft202012Validator.check_schema(schema)
        assert json.loads(json.dumps(schema)) == schema

    def test_it_accepts_a_sound_file_and_refuses_others(self) -> None:
        """Independent program: jsonschema agrees with the reader on a sound file and on five faults."""
        validator = Draft202012Validator(survey_schema())
        assert not list(validator.iter_errors(_json(sound())))
        faults: list[tuple[tuple[str, ...], Any]] = [
            (("survey", "seed"), -1),
            (("survey", "crops"), []),
            (("survey", "unknown"), 1),
            (("area", "resolution_m"), 0),
            (("training", "inside_frame"), "maybe"),
        ]
        for (table, key), value in faults:
            content = sound()
            content[table][key] = value
            assert list(validator.iter_errors(_json(content))), (table, key)

    def test_every_key_is_explained(self) -> None:
        """Law: every key that takes a plain value has words for the reader of `altdev schema`."""
        silent = [
            f"{name}.{key}"
            for name, table in survey_schema()["$defs"].items()
            for key, entry in table["properties"].items()
            if "description" not in entry and "$ref" not in entry and "enum" not in entry
        ]
        assert silent == []

    def test_tables_of_the_record(self) -> None:
        """Law: the schema has the tables of the record, and no others."""
        assert set(survey_schema()["properties"]) == set(Survey.model_fields)


def _json(value: Any) -> Any:
    """Return content as JSON has it: dates as text."""
    if isinstance(value, dict):
        return {key: _json(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_json(entry) for entry in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def test_harms_of_a_period_or_crop_that_is_none(tmp_path: Path) -> None:
    """Law: a key that names no period or crop of the survey would go unheard, and is told."""
    content = sound()
    content["harm"] = {
        "canopy_threshold_percent": 30, "climate": "montane", "sprayed_ha": {"2024": 1.0, "2025": 6.5},
        "window_years": {"coca": 3, "cannabis": 2},
    }  # fmt: skip
    found = problems(tmp_path, content)
    assert [one.split(":")[0].split("[harm] ")[1] for one in found] == ["sprayed_ha 2025", "window_years cannabis"]
    assert "expected 2021, 2024" in found[0]
