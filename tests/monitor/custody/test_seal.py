"""Sealing: nobody without the key reads a byte of tier 0, and with it every byte comes back as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geo.errors import AltdevError, InputError, QualityGateError, SurveyFileError
from monitor.custody import seal as module
from monitor.custody.purge import purge
from monitor.custody.seal import seal, unseal
from monitor.custody.strict import require_unsealed
from monitor.manifest import Manifest, read_manifest
from monitor.run_card import require_run_card
from monitor.run_folder import RunFolder
from tests.monitor.conftest import altdev
from tests.monitor.custody.small_run import SHARED, STRICT, contents, make_run

pyrage: Any = pytest.importorskip("pyrage")

PHRASE = "correct horse battery"
GONE = sorted(name for files in STRICT.values() for name in files)
LEFT = sorted(name for files in SHARED.values() for name in files)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a run folder of all three tiers."""
    make_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def key() -> tuple[str, str]:
    """Return a private key and its public one."""
    own = pyrage.x25519.Identity.generate()
    return str(own), str(own.to_public())


def test_nothing_of_tier_0_is_readable_and_the_rest_verifies(out: Path, key: tuple[str, str]) -> None:
    """Law: no byte string of a field file is left in the folder; what others may have is as it was."""
    before = contents(out)
    assert list(seal(out, recipients=[key[1]]).files) == GONE
    data = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"712345.5" not in data
    assert b"frame/sample.csv" not in data
    after = contents(out)
    assert {name: after[name] for name in LEFT} == {name: before[name] for name in LEFT}
    manifest = read_manifest(out)
    assert manifest is not None
    assert require_run_card(out, manifest)


def test_every_byte_comes_back(out: Path, key: tuple[str, str]) -> None:
    """Law: sealed and unsealed, the folder is the one it was, the manifest and the card too."""
    before = contents(out)
    seal(out, recipients=[key[1]])
    unseal(out, identities=[key[0]])
    assert contents(out) == before


def test_a_pass_phrase(out: Path) -> None:
    """Law: the phrase opens it and no other does; no private key stands in the open, and a purge takes all."""
    before = contents(out)
    seal(out, passphrase=PHRASE)
    assert b"AGE-SECRET-KEY" not in b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    with pytest.raises(QualityGateError, match="found another pass phrase"):
        unseal(out, passphrase=PHRASE + "s")
    shutil.copytree(out, out.with_name("purged"))
    unseal(out, passphrase=PHRASE)
    assert contents(out) == before
    purge(out.with_name("purged"))
    assert sorted(contents(out.with_name("purged"))) == sorted([*LEFT, "manifest.json", "ro-crate-metadata.json"])


def test_a_large_file_passes_in_pieces(tmp_path: Path, key: tuple[str, str]) -> None:
    """Law: more than fits into a pipe or a piece of age comes back whole."""
    make_run(tmp_path, shared={"map:1": {}})
    big = os.urandom(3_000_001)
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    (tmp_path / "frame" / "sample.csv").write_bytes(big)
    content = json.loads((tmp_path / "manifest.json").read_text())
    record = module.FileRecord.of(tmp_path / "frame" / "sample.csv")
    told = content["steps"]["reference"]["outputs"]["frame/sample.csv"]
    told |= {"sha256": record.sha256, "bytes": record.bytes}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    seal(tmp_path, recipients=[key[1]])
    unseal(tmp_path, identities=[key[0]])
    assert (tmp_path / "frame" / "sample.csv").read_bytes() == big


def test_other_keys_and_phrases_open_nothing(out: Path, key: tuple[str, str]) -> None:
    """Contract: a wrong key is one line, and the folder stays sealed as it was."""
    seal(out, recipients=[key[1]])
    before = contents(out)
    with pytest.raises(QualityGateError, match="found a file that these keys do not open"):
        unseal(out, identities=[str(pyrage.x25519.Identity.generate())])
    with pytest.raises(InputError, match="found no key that a pass phrase opens"):
        unseal(out, passphrase=PHRASE)
    assert contents(out) == before


@pytest.mark.parametrize("where", [0, 100, 250, -1])
def test_a_changed_byte_of_the_sealed_file_shows(out: Path, key: tuple[str, str], where: int) -> None:
    """Law: whatever byte of the sealed file changes, nothing comes out of it."""
    seal(out, recipients=[key[1]])
    data = bytearray((out / "sealed.age").read_bytes())
    data[where] ^= 1
    (out / "sealed.age").write_bytes(bytes(data))
    with pytest.raises(QualityGateError):
        unseal(out, identities=[key[0]])
    assert not (out / GONE[0]).exists()
    assert sorted(contents(out)) == sorted([*LEFT, "manifest.json", "ro-crate-metadata.json", "sealed.age"])


@pytest.mark.parametrize("name", ["../evil.csv", "{elsewhere}/evil.csv", "frame/other.csv"])
def test_a_sealed_file_of_others_writes_nothing_elsewhere(
    out: Path, key: tuple[str, str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract: members that the sealed steps do not name are refused before anything is put in place."""
    elsewhere, real = tmp_path / "elsewhere", module._member
    elsewhere.mkdir()
    name = name.format(elsewhere=elsewhere)
    monkeypatch.setattr(module, "_member", lambda told, size: real(name if told == GONE[0] else told, size))
    seal(out, recipients=[key[1]])
    with pytest.raises(QualityGateError, match="found a file that these keys do not open, or that is not whole"):
        unseal(out, identities=[key[0]])
    assert not (tmp_path / "evil.csv").exists()
    assert not list(elsewhere.iterdir())


def test_sealed_steps_that_lead_elsewhere_are_refused(
    out: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract: steps inside the sealed file are read as any manifest is: no name leads out of the folder."""
    real = Manifest.to_json
    monkeypatch.setattr(
        Manifest,
        "to_json",
        lambda self: real(self).replace("frame/sample.csv", "../sample.csv") if not self.survey else real(self),
    )
    seal(out, recipients=[key[1]])
    with pytest.raises(QualityGateError, match="outside the run folder"):
        unseal(out, identities=[key[0]])


def test_no_run_makes_field_files_beside_sealed_ones(out: Path, key: tuple[str, str]) -> None:
    """Contract: a sealed folder is refused by a run, which would put the same files there in the open."""
    seal(out, recipients=[key[1]])
    with pytest.raises(SurveyFileError, match="found a run whose field files are sealed"):
        require_unsealed(RunFolder(out))


def test_changed_files_are_not_sealed(out: Path, key: tuple[str, str]) -> None:
    """Contract: what is no longer what was published is told before it is hidden."""
    (out / GONE[1]).write_text("other")
    with pytest.raises(QualityGateError, match="found a file that is missing or changed"):
        seal(out, recipients=[key[1]])
    assert not (out / "sealed.age").exists()


def test_twice_is_told(out: Path, key: tuple[str, str]) -> None:
    """Contract: sealing a sealed run, or opening an open one, says so."""
    with pytest.raises(AltdevError, match="found a run that is not sealed"):
        unseal(out, identities=[key[0]])
    seal(out, recipients=[key[1]])
    with pytest.raises(AltdevError, match="found a run that is sealed already"):
        seal(out, recipients=[key[1]])


@pytest.mark.parametrize("act", ["seal", "unseal"])
def test_killed_at_every_event_nothing_is_lost(
    tmp_path: Path, key: tuple[str, str], act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: killed before any single thing it does to the disk, the next call ends with the folder wanted."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # a killed process loses nothing that it wrote
    source = tmp_path / "source"
    make_run(source)
    opened = contents(source)
    killed = 0
    for number in range(0, 200, 2):
        out = tmp_path / f"run{number}"
        make_run(out)
        if act == "unseal":
            seal(out, recipients=[key[1]])
        work: Callable[[], object] = (
            (lambda o=out: seal(o, recipients=[key[1]]))
            if act == "seal"
            else (lambda o=out: unseal(o, identities=[key[0]]))
        )
        ended = _child(number, out, work)
        if not ended:
            break
        killed += 1
        _finish(out, key, act)
        state = contents(out)
        if act == "seal":
            assert not set(GONE) & set(state), number
            unseal(out, identities=[key[0]])
            state = contents(out)
        assert state == opened, number
    assert killed > 10


def _finish(out: Path, key: tuple[str, str], act: str) -> None:
    """Do what a person does after a power cut: say the same again; being told that it is done counts as done."""
    try:
        _ = seal(out, recipients=[key[1]]) if act == "seal" else unseal(out, identities=[key[0]])
    except AltdevError as error:
        if "already" not in str(error) and "not sealed" not in str(error):
            raise


def _child(number: int, out: Path, work: Callable[[], object]) -> int:
    """Run work in a forked process that is killed before its numbered event; return the signal, 0 if it ended."""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event not in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"):
                return
            if not any(str(out) in str(argument) for argument in arguments[:2]):
                return
            seen += 1
            if seen > number:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (the parent sees the exit code, and stderr the reason)
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def test_age_files_of_the_command_line(out: Path, key: tuple[str, str], tmp_path: Path) -> None:
    """Contract: keys come from files as age-keygen writes them, and the file opens with age alone."""
    (tmp_path / "public.txt").write_text(f"# office\n{key[1]}\n")
    (tmp_path / "private.txt").write_text(f"# created\n{key[0]}\n")
    assert altdev("seal", out, "--recipients-file", tmp_path / "public.txt").code == 0
    plain = pyrage.decrypt((out / "sealed.age").read_bytes(), [pyrage.x25519.Identity.from_str(key[0])])
    assert b"frame/sample.csv" in plain
    done = altdev("unseal", out, "--identity-file", tmp_path / "private.txt")
    assert (done.code, done.out.strip().endswith("unsealed")) == (0, True)


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        ([], 2, "found neither a key nor a pass phrase"),
        (["--recipient", "age1nonsense"], 2, "found no age public key"),
        (["--recipients-file", "nowhere.txt"], 3, "found a file that cannot be read"),
        (["--passphrase-file", "short.txt"], 2, "found a pass phrase of 5 letters in its first line"),
    ],
)
def test_bad_keys_are_one_line(out: Path, tmp_path: Path, flags: list[str], code: int, told: str) -> None:
    """Contract: what is no key or no phrase is told before anything is touched."""
    (tmp_path / "short.txt").write_text("short\n")
    before = contents(out)
    done = altdev("seal", out, *(str(tmp_path / flag) if flag.endswith(".txt") else flag for flag in flags))
    assert (done.code, told in done.err, len(done.lines)) == (code, True, 1)
    assert contents(out) == before
