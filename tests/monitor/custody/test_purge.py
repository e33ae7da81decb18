"""Purging: what is tier 0 goes with every trace in the manifest, what others may have stays and verifies."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from geo.errors import AltdevError, InputError
from monitor.custody.purge import purge
from monitor.manifest import read_manifest
from monitor.run_card import require_run_card
from monitor.run_folder import RunFolder
from monitor.verify import verify_run
from tests.monitor.conftest import altdev
from tests.monitor.custody.small_run import SHARED, STRICT, contents, make_run

GONE = sorted(name for files in STRICT.values() for name in files)
LEFT = sorted(name for files in SHARED.values() for name in files)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a run folder of all three tiers."""
    make_run(tmp_path / "run")
    return tmp_path / "run"


def test_field_files_go_with_what_the_manifest_says_of_them(out: Path) -> None:
    """Law: after a purge no byte of tier 0 is left, in no file and not in the manifest or the card."""
    assert list(purge(out).files) == GONE
    assert sorted(contents(out)) == sorted([*LEFT, "manifest.json", "ro-crate-metadata.json"])
    text = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    assert "712345.5" not in text
    assert "sample.csv" not in text
    manifest = read_manifest(out)
    assert manifest is not None
    assert sorted(manifest.steps) == sorted(SHARED)
    assert manifest.custody[0]["files"] == len(GONE)
    assert require_run_card(out, manifest)


def test_dry_run_removes_nothing(out: Path) -> None:
    """Contract: a dry run names the same files and changes no byte."""
    before = contents(out)
    foreseen = purge(out, dry_run=True)
    assert contents(out) == before
    assert foreseen == purge(out)


@pytest.mark.parametrize(("age_days", "limit", "goes"), [(10, 9, True), (10, 11, False), (-3, 0, False)])
def test_age_is_that_of_the_last_field_file(tmp_path: Path, age_days: int, limit: int, goes: bool) -> None:
    """Contract: a run is purged as a whole once all of it is older; a clock set back makes nothing old."""
    finished = (datetime.now(UTC) - timedelta(days=age_days)).isoformat(timespec="seconds")
    make_run(tmp_path, finished=finished)
    found = purge(tmp_path, older_than_days=limit)
    assert bool(found.too_young) is not goes
    assert (tmp_path / GONE[0]).exists() is not goes


def test_a_run_cut_short_has_no_age(out: Path) -> None:
    """Contract: files of a step that did not end are of unknown age: kept with a limit, removed without."""
    path = out / "manifest.json"
    content = json.loads(path.read_text())
    content["steps"]["estimate"] |= {"fingerprint": "", "finished": ""}
    path.write_text(json.dumps(content))
    assert "cut short" in purge(out, older_than_days=1).too_young
    purge(out)
    assert not (out / GONE[0]).exists()


def test_it_ends_what_a_killed_purge_began(out: Path) -> None:
    """Law: whichever files a killed purge had removed, the next one leaves the same folder."""
    (out / GONE[0]).unlink()
    (out / GONE[1]).unlink()
    purge(out)
    assert sorted(contents(out)) == sorted([*LEFT, "manifest.json", "ro-crate-metadata.json"])


def test_hidden_halves_of_killed_writes_go_too(out: Path) -> None:
    """Contract: what a killed run left beside its files is tier 0 as well."""
    names = (
        "frame/.sample.part.csv",
        ".staging/map/index.html",
        ".blocks/imagery-2024/0-0.npz",
        ".overwriting/a/b",
    )
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("712345.5")
    purge(out)
    assert not any((out / name).exists() for name in names)


def test_files_of_others_are_left_and_told(out: Path) -> None:
    """Contract: a file that no run made is not removed, and the officer hears of it."""
    (out / "notes.txt").write_text("mine")
    done = altdev("purge", out)
    assert (done.code, (out / "notes.txt").read_text()) == (0, "mine")
    assert "left alone, since no run made it: notes.txt" in done.err


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_are_refused_and_not_followed(out: Path, tmp_path: Path, kind: str) -> None:
    """Contract: with a link in a file's place nothing is removed, here or where the link leads."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "sample.csv").write_text("elsewhere")
    if kind == "file":
        (out / "frame" / "sample.csv").unlink()
        (out / "frame" / "sample.csv").symlink_to(outside / "sample.csv")
    else:
        (out / "frame").rename(tmp_path / "frame")
        (out / "frame").symlink_to(tmp_path / "frame")
    with pytest.raises(InputError, match=r"sample\.csv: found a link that leads to another place"):
        purge(out)
    assert (out / "estimates" / "estimates.csv").exists()
    assert (outside / "sample.csv").read_text() == "elsewhere"


def test_no_manifest_no_purge(tmp_path: Path) -> None:
    """Contract: a folder that is no run is refused, and no lock is left in it."""
    (tmp_path / "a.csv").write_text("mine")
    done = altdev("purge", tmp_path)
    assert (done.code, len(done.lines)) == (3, 1)
    assert "found no manifest; expected the folder of a run" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_run_in_progress_is_not_purged(out: Path) -> None:
    """Contract: while another process holds the folder, a purge is refused by its number."""
    code = (
        "import sys; from pathlib import Path; from monitor.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).held():\n print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(out)], stdin=-1, stdout=-1, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        with pytest.raises(AltdevError, match=f"in use by process {holder.pid}"):
            purge(out)
    finally:
        holder.communicate("")
    assert (out / GONE[0]).exists()


def test_a_file_that_cannot_be_removed_is_told(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract: a read-only folder is one line, and the manifest still names what is left."""

    def refuse(self: RunFolder, names: object) -> None:
        raise PermissionError(13, "Permission denied", str(out / GONE[0]))

    monkeypatch.setattr(RunFolder, "remove", refuse)
    with pytest.raises(InputError, match=r"found a file that cannot be removed \(Permission denied\)"):
        purge(out)
    manifest = read_manifest(out)
    assert manifest is not None
    assert sorted(manifest.steps) == sorted([*STRICT, *SHARED])


def test_command_tells_counts(out: Path) -> None:
    """Contract: a person reads one line, a program JSON."""
    dry = altdev("purge", out, "--dry-run")
    assert dry.out.splitlines()[:-1] == GONE
    told = json.loads(altdev("purge", out, "--json").out)
    assert (told["removed"], told["bytes"] > 0) == (GONE, True)
    assert altdev("purge", out).out.strip().endswith("no field files")


def test_a_run_of_nothing_but_field_files_still_verifies(tmp_path: Path) -> None:
    """Contract: `verify` tells of the purge where nothing is left to recompute."""
    make_run(tmp_path, shared={})
    purge(tmp_path)
    assert any(line.startswith(f"{len(GONE)} field files purged on") for line in verify_run(tmp_path))
