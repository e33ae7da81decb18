"""Finished blocks on disk; oracles: the arrays put in, and bytes changed one by one."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.errors import AltdevError, InputError
from geo.journal import BlockJournal

KEY = "ab" * 32
ARRAYS: dict[str, NDArray[np.generic]] = {
    "codes": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "composite wet": np.arange(24, dtype=np.int16).reshape(2, 3, 4)[:, ::-1],
    "none": np.empty((0, 4), dtype=np.float64),
}


def test_a_block_comes_back_as_it_was(tmp_path: Path) -> None:
    """Values, types and shapes are those put in, of views and of arrays without cells too."""
    journal = BlockJournal(tmp_path / "step")
    size = journal.write(KEY, ARRAYS, seconds=1.5)
    entry = journal.read(KEY)
    assert entry is not None
    assert entry.seconds == 1.5
    assert list(entry.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert entry.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(entry.arrays[name], array)
    assert journal.path(KEY).stat().st_size == size
    assert list(journal.keys()) == [KEY]


def test_equal_blocks_are_equal_bytes(tmp_path: Path) -> None:
    """Two workers that make the same block leave the same file."""
    one, two = BlockJournal(tmp_path / "one"), BlockJournal(tmp_path / "two")
    one.write(KEY, ARRAYS)
    two.write(KEY, dict(ARRAYS))
    assert one.path(KEY).read_bytes() == two.path(KEY).read_bytes()


def test_a_damaged_block_counts_as_absent(tmp_path: Path) -> None:
    """Brute force: no single byte changed and no length cut off passes for the block."""
    journal = BlockJournal(tmp_path)
    journal.write(KEY, {"codes": ARRAYS["codes"]})
    whole = journal.path(KEY).read_bytes()
    for at in range(len(whole)):
        journal.path(KEY).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert journal.read(KEY) is None, at
    for length in range(len(whole)):
        journal.path(KEY).write_bytes(whole[:length])
        assert journal.read(KEY) is None
    assert journal.read("cd" * 32) is None


def test_what_is_not_used_goes(tmp_path: Path) -> None:
    """Blocks of an earlier state and what a killed writer left are deleted; the others stay."""
    journal = BlockJournal(tmp_path)
    other = "cd" * 32
    for key in (KEY, other):
        journal.write(key, ARRAYS)
    left = journal.path(KEY).with_name(f".{KEY}.1.part")
    left.write_bytes(b"half")
    others = [tmp_path / "ab" / "notes.txt", tmp_path / "letters" / "a.block", tmp_path / "elsewhere" / "ef.block"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("not ours")
    (tmp_path / "ef").symlink_to(tmp_path / "elsewhere")
    journal.keep_only([KEY])
    assert journal.read(KEY) is not None
    assert journal.read(other) is None
    assert not left.exists()
    assert all(path.read_text() == "not ours" for path in others)  # neither behind a link nor of another name


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half file stays, and the message says what to do."""

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as stream:
            stream.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(AltdevError, match="free some space"):
        BlockJournal(tmp_path).write(KEY, ARRAYS)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "step").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written to"):
        BlockJournal(tmp_path / "step").write(KEY, ARRAYS)
