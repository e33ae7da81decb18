"""Files that are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geo.errors import AltdevError, InputError
from geo.files import atomic, require_file, sha256, write_text

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from geo.files import atomic
with atomic(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, hidden files too."""
    return sorted(entry.name for entry in folder.iterdir())


def write_half(target: Path, error: BaseException) -> None:
    """Fail with `error` in the middle of writing."""
    with atomic(target) as part:
        part.write_text("half")
        raise error


class TestAtomic:
    """Writing beside the final name."""

    def test_whole_file_replaces_the_old_one(self, tmp_path: Path) -> None:
        """Law: when the block ends well the new content stands at the name, and nothing beside it."""
        target = tmp_path / "deep" / "folder" / "a.tif"
        for content in (b"one", b"two"):
            with atomic(target) as part:
                assert part.suffix == ".tif"
                part.write_bytes(content)
            assert target.read_bytes() == content
        assert names(target.parent) == ["a.tif"]

    def test_exception_leaves_the_old_file(self, tmp_path: Path) -> None:
        """Law: an error inside the block changes nothing that stood there."""
        target = tmp_path / "a.csv"
        target.write_text("old")
        with pytest.raises(ZeroDivisionError):
            write_half(target, ZeroDivisionError())
        assert target.read_text() == "old"
        assert names(tmp_path) == ["a.csv"]

    def test_exception_leaves_no_new_file(self, tmp_path: Path) -> None:
        """Law: an interrupt before the first whole file leaves none."""
        with pytest.raises(KeyboardInterrupt):
            write_half(tmp_path / "a.csv", KeyboardInterrupt())
        assert names(tmp_path) == []

    def test_sigkill_leaves_the_old_file_and_the_next_write_cleans_up(self, tmp_path: Path) -> None:
        """Brute force: a writer killed between writing and renaming; the next one leaves no trace of it."""
        target = tmp_path / "a.csv"
        target.write_text("old")
        ended = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(target)], check=False)
        assert ended.returncode == -signal.SIGKILL
        assert target.read_text() == "old"
        assert names(tmp_path) == [".a.part.csv", "a.csv"]  # hidden, and never taken for a result
        write_text(target, "new")
        assert target.read_text() == "new"
        assert names(tmp_path) == ["a.csv"]

    @pytest.mark.parametrize("stem", ["ascii", "coca 2024", "наркотики", "مخدرات", "a.b.c", "x" * 200])
    def test_names(self, tmp_path: Path, stem: str) -> None:
        """Law: any name that the file system holds is written as given."""
        write_text(tmp_path / f"{stem}.txt", "x")
        assert names(tmp_path) == [f"{stem}.txt"]

    def test_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        """Law: a path below a file is one line with a remedy, not a traceback."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(
            InputError, match=r"found a folder that cannot be written to .*; give another one with --out"
        ):
            write_text(tmp_path / "file" / "a.txt", "x")

    def test_read_only_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: a folder that refuses new files is told before anything is computed into it."""

        def refuse(self: Path, *args: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "touch", refuse)
        with pytest.raises(InputError, match="Permission denied"), atomic(tmp_path / "a.txt"):
            pytest.fail("the block must not begin")

    def test_full_disk(self, tmp_path: Path) -> None:
        """Law: a full disk is told with its remedy (exit 1), and the old file stands; other errors pass through."""
        target = tmp_path / "a.txt"
        target.write_text("old")
        with pytest.raises(AltdevError, match=r"no way to write the file \(No space left on device\)") as caught:
            write_half(target, OSError(errno.ENOSPC, "No space left on device"))
        assert caught.value.exit_code == 1
        assert target.read_text() == "old"
        with pytest.raises(FileNotFoundError):
            write_half(target, FileNotFoundError(errno.ENOENT, "an input"))

    def test_bytes_reach_the_disk_before_the_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: the content is flushed to the disk before the rename, so a power cut leaves old or new."""
        order: list[str] = []
        monkeypatch.setattr(os, "fsync", lambda _: order.append("fsync"))
        rename = Path.replace
        monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("rename"), rename(self, to))[1])
        write_text(tmp_path / "a.txt", "x")
        assert order == ["fsync", "rename"]


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    """Law: the bytes do not depend on the system's encoding or line ends."""
    write_text(tmp_path / "a.txt", "ñ\n☘\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xb1\n\xe2\x98\x98\n"


class TestSha256:
    """Hashes of files."""

    def test_published_digests(self, tmp_path: Path) -> None:
        """Published: the digests of nothing and of 'abc' in FIPS 180-4 (examples of NIST)."""
        path = tmp_path / "a"
        path.write_bytes(b"")
        assert sha256(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        path.write_bytes(b"abc")
        assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    def test_longer_than_a_piece(self, tmp_path: Path) -> None:
        """Brute force: a file of several pieces has the digest of its bytes taken at once."""
        content = bytes(range(256)) * 9_001
        (tmp_path / "a").write_bytes(content)
        assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()

    def test_unreadable(self, tmp_path: Path) -> None:
        """Law: a file that cannot be read is the user's problem, told by name."""
        with pytest.raises(InputError, match=r"gone: found a file that cannot be read \(No such file"):
            sha256(tmp_path / "gone")


def test_require_file(tmp_path: Path) -> None:
    """Law: a file passes; a folder and nothing are told apart, with what asks for it."""
    path = tmp_path / "a"
    path.touch()
    assert require_file(path, where="[area] admin") == path
    with pytest.raises(InputError, match=r"^\[area\] admin: found a folder at "):
        require_file(tmp_path, where="[area] admin")
    with pytest.raises(InputError, match=r"^\[area\] admin: found no file at "):
        require_file(tmp_path / "b", where="[area] admin")
