"""The command line by itself: how fast it answers, what it refuses, and how it ends."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from geo import errors
from monitor import cli, terminal
from tests.monitor.survey_text import period, save, sound

ROOT = Path(__file__).resolve().parents[2]
SLOWEST_S = 1.5  # 0.2 s on an idle machine; the bound leaves room for a busy one
HEAVY = {
    "dask",
    "folium",
    "geopandas",
    "lightgbm",
    "matplotlib",
    "numpy",
    "odc",
    "pandas",
    "pydantic",
    "pyogrio",
    "pyproj",
    "rasterio",
    "scipy",
    "shapely",
    "sklearn",
}
VERBS = {
    "init",
    "check",
    "plan",
    "run",
    "imagery",
    "classify",
    "frame",
    "sample",
    "estimate",
    "compare",
    "overlay",
    "map",
    "verify",
    "schema",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command ended with."""

    code: int
    out: str
    err: str


Altdev = Callable[..., Ended]


@pytest.fixture(name="altdev")
def fixture_altdev(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Altdev:
    """Return a function that runs the command line in this process, as a shell would."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["altdev", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return Ended(int(str(ended.value.code)), told.out, told.err)

    return run


def process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "monitor.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def loaded_by(code: str) -> set[str]:
    """Return the packages that some code loads in a fresh interpreter."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {name.split(".")[0] for name in told.stdout.split()}


class TestSpeed:
    """Answering at once."""

    def test_help_is_fast(self) -> None:
        """Law: the help of a whole process takes less than a second and a half, the median of five."""

        def once() -> float:
            begun = time.perf_counter()
            assert process("--help").returncode == 0
            return time.perf_counter() - begun

        assert statistics.median(once() for _ in range(5)) < SLOWEST_S

    def test_importing_the_command_line_loads_nothing_heavy(self) -> None:
        """Law: the command line knows no array before a command needs one."""
        assert not HEAVY & loaded_by("import monitor.cli")
        assert "pydantic" in loaded_by("import monitor.config")  # negative control

    @pytest.mark.parametrize("arguments", [["run", "--help"], ["--version"], ["verify", "--help"]])
    def test_nor_does_help_of_a_command(self, arguments: list[str]) -> None:
        """Law: help and version of any command load nothing heavy either."""
        found = loaded_by(f"from monitor import cli; cli.cli({arguments!r}, standalone_mode=False)")
        assert not HEAVY & found

    @pytest.mark.parametrize("module", ["geo", "aoi", "aoi.survey", "imagery", "maps", "monitor", "monitor.steps"])
    def test_packages_import_nothing(self, module: str) -> None:
        """Law: importing a package alone loads none of its modules' libraries."""
        assert not HEAVY & loaded_by(f"import {module}")


class TestContract:
    """What the commands are called, and their flags."""

    def test_verbs(self) -> None:
        """Published: the verbs of the command line's contract are there, each with a line of help."""
        assert set(cli.cli.commands) >= VERBS
        for name, command in cli.cli.commands.items():
            assert command.get_short_help_str(), name

    @pytest.mark.parametrize("verb", sorted(VERBS - {"init", "schema"}))
    def test_flags_everywhere(self, verb: str) -> None:
        """Published: every command on a survey file has the flags of the contract."""
        flags = {
            option
            for parameter in cli.cli.commands[verb].params
            for option in parameter.opts + parameter.secondary_opts
        }
        assert flags >= {
            "-o",
            "--out",
            "--json",
            "--dry-run",
            "--overwrite",
            "--resume",
            "--no-resume",
            "--jobs",
            "--tier",
            "--lang",
            "-v",
            "-q",
        }

    def test_help_speaks_to_its_reader(self, altdev: Altdev) -> None:
        """Law: help names the program, and no module or section of a docstring."""
        told = altdev("--help").out
        assert told.startswith("Usage: ")
        assert not re.search(r"\bdef\b|monitor\.|Parameters\n", told.split("\n", 1)[1])

    def test_version(self, altdev: Altdev) -> None:
        """Law: the version is that of the installed distribution."""
        assert altdev("--version").out == f"altdev, version {version('altdev')}\n"


class TestUsage:
    """Mistakes on the command line."""

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["fly"], "No such command"),
            (["run", "--jobs", "0"], "--jobs"),
            (["run", "--jobs", "many"], "--jobs"),
            (["run", "--lang", "tlh"], "--lang"),
            (["run", "--tier", "9"], "--tier"),
            (["run", "a.toml", "b.toml"], "unexpected extra argument"),
            (["run", "--no-such-flag"], "No such option"),
            (["init"], "Missing argument"),
        ],
        ids=lambda value: value[-1] if isinstance(value, list) else "",
    )
    def test_wrong_usage(self, altdev: Altdev, arguments: list[str], told: str) -> None:
        """Law: wrong usage ends with 2, tells on stderr what is wrong, and shows no traceback."""
        ended = altdev(*arguments)
        assert ended.code == 2
        assert told in ended.err
        assert "Traceback" not in ended.err
        assert ended.out == ""

    def test_no_arguments(self, altdev: Altdev) -> None:
        """Law: without arguments the help is shown and nothing is done."""
        ended = altdev()
        assert ended.code in (0, 2)
        assert "Commands:" in ended.out + ended.err

    @pytest.mark.parametrize("verb", ["run", "check", "plan", "estimate"])
    def test_missing_survey_file(
        self, altdev: Altdev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        """Law: without a survey file every command ends with 3, one line, and nothing written."""
        monkeypatch.chdir(tmp_path)
        ended = altdev(verb)
        assert ended.code == 3
        line, *rest = (ended.out + ended.err).strip().splitlines()
        assert "no such survey file" in line
        assert "altdev init" in line
        assert rest in ([], ["1 problem found"])
        assert list(tmp_path.iterdir()) == []

    def test_mistakes_of_the_survey_file(self, altdev: Altdev, tmp_path: Path) -> None:
        """Law: mistakes end with 2, one line each, the same from `run` and `check`, and as JSON."""
        content = sound()
        content["survey"]["seed"] = "x"
        content["area"]["adnin"] = content["area"].pop("admin")
        content["period"].append(period("2025", "current"))
        path = save(tmp_path, content)
        run, check, as_json = altdev("run", path), altdev("check", path), altdev("check", path, "--json")
        assert (run.code, check.code, as_json.code) == (2, 2, 2)
        lines = run.err.strip().splitlines()
        assert len(lines) == 4
        assert check.out.strip().splitlines() == lines
        told = json.loads(as_json.out)["problems"]
        assert [entry["where"] for entry in told] == [line.split(": found ")[0] for line in lines]
        assert not (tmp_path / "run").exists()

    def test_tier_is_refused(self, altdev: Altdev, tmp_path: Path) -> None:
        """Law: products of a tier that cannot be kept are refused with 4, before anything is read."""
        ended = altdev("run", save(tmp_path, sound()), "--tier", "2")
        assert ended.code == 4
        assert "Traceback" not in ended.err
        assert not (tmp_path / "run").exists()

    def test_verify_without_a_run(self, altdev: Altdev, tmp_path: Path) -> None:
        """Law: verifying a folder that holds no run ends with 3 and one line."""
        ended = altdev("verify", tmp_path)
        assert ended.code == 3
        assert len(ended.err.strip().splitlines()) == 1

    def test_verify_of_a_broken_manifest(self, altdev: Altdev, tmp_path: Path) -> None:
        """Law: a manifest that cannot be read ends with 3 and one line."""
        (tmp_path / "manifest.json").write_text("[]")
        ended = altdev("verify", tmp_path)
        assert (ended.code, "Traceback" in ended.err) == (3, False)


class TestInitAndSchema:
    """Beginning."""

    def test_init_writes_a_file_and_never_over_one(self, altdev: Altdev, tmp_path: Path) -> None:
        """Law: a new project gets a survey file; one that is there is kept, with 2."""
        ended = altdev("init", tmp_path / "new")
        path = tmp_path / "new" / "survey.toml"
        assert ended.code == 0
        assert ended.out.strip().endswith("survey.toml")
        path.write_text("mine")
        again = altdev("init", tmp_path / "new")
        assert again.code == 2
        assert path.read_text() == "mine"

    def test_schema_is_json_on_stdout(self, altdev: Altdev) -> None:
        """Independent program: what `altdev schema` prints is a JSON Schema."""
        ended = altdev("schema")
        assert (ended.code, ended.err) == (0, "")
        Draft202012Validator.check_schema(json.loads(ended.out))


class TestEnding:
    """How `main` turns what happened into an exit code."""

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.AltdevError("in use"), 1),
            (errors.SurveyFileError("x"), 2),
            (errors.InputError("x"), 3),
            (errors.DisclosureError("x"), 4),
            (errors.QualityGateError("x"), 5),
            (KeyboardInterrupt(), 130),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
    )
    def test_codes(self, altdev: Altdev, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
        """Published: the exit codes of the contract, each with its message on stderr and nothing on stdout."""

        def fail(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(cli, "cli", fail)
        ended = altdev("schema")
        assert (ended.code, ended.out) == (code, "")
        assert len(ended.err.strip().splitlines()) == 1

    def test_a_bug_keeps_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: what is no mistake of the user is not dressed up as one."""

        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(cli, "cli", fail)
        with pytest.raises(ZeroDivisionError):
            cli.main()

    def test_shadowed_package_is_told(
        self, altdev: Altdev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Law: another distribution's package of the same bare name is told at the start, with 1."""
        (tmp_path / "maps").mkdir()
        (tmp_path / "maps" / "__init__.py").write_text("")
        monkeypatch.delitem(sys.modules, "maps", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        ended = altdev("schema")
        assert ended.code == 1
        assert ended.err.startswith("package maps: found ")

    def test_missing_file_as_json(self, altdev: Altdev, tmp_path: Path) -> None:
        """Law: the JSON of `check` is JSON also when the file is missing."""
        assert len(json.loads(altdev("check", tmp_path / "gone.toml", "--json").out)["problems"]) == 1


class TestTerminal:
    """What a person sees of a run."""

    @pytest.mark.parametrize(("spoilt", "said"), [(False, "the file reads well"), (True, "1 problem in the file")])
    def test_a_check_tells_of_the_file_first(
        self, altdev: Altdev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: bool, said: str
    ) -> None:
        """Law: a person at a terminal, and nobody else, hears of the survey file before its inputs are opened."""
        content = sound() | ({"seed": 1} if spoilt else {})
        path = save(tmp_path, content)
        assert "looking at what it names" not in altdev("check", path).err
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert altdev("check", path).err.startswith(f"{path}: {said}; looking at what it names\n")
        for flag in ("--quiet", "--json"):
            assert "looking at what it names" not in altdev("check", path, flag).err

    @staticmethod
    def told(capsys: pytest.CaptureFixture[str], **flags: bool) -> tuple[str, str]:
        """Let a listener hear a short run; return stdout and stderr."""
        with terminal.TerminalListener(**flags) as listener:
            listener.kept("imagery:2024")
            listener.started("train")
            for part in range(1, 4):
                listener.progress("train", part, 3)
            listener.finished("train", {"trees": 80})
        heard = capsys.readouterr()
        return heard.out, heard.err

    def test_plain(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Law: one line a step on stderr, no bar where there is no terminal, nothing on stdout."""
        out, err = self.told(capsys)
        assert out == ""
        assert re.fullmatch(r"imagery:2024 +kept from an earlier run\ntrain +done in \d+\.\d s\n", err)

    def test_a_bar_on_a_terminal(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: a person at a terminal sees how far a step of several parts is."""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        out, err = self.told(capsys)
        assert out == ""
        assert re.search(r"train +\[#+\] +100%", err)
        assert "%" not in self.told(capsys, quiet=True)[1]

    def test_quiet(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Law: asked to be quiet, nothing is written."""
        assert self.told(capsys, quiet=True) == ("", "")

    def test_verbose(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Law: asked to tell more, beginnings and facts are told too."""
        _, err = self.told(capsys, verbose=True)
        assert "train ...\n" in err
        assert "    trees: 80\n" in err
