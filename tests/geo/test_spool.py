"""Bytes on their way into a file: all orders, all sizes, and what stands where in the end."""

from __future__ import annotations

import ctypes
import errno
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from geo import spool
from geo.spool import InOrder, Scratch, make_room, write_all


def test_pieces_stand_in_their_order(tmp_path: Path) -> None:
    """Brute force: all orders in which four pieces can come."""
    pieces = [b"one", b"", b"three", b"4"]
    for order in itertools.permutations(range(4)):
        with Scratch(tmp_path) as scratch, (tmp_path / "a").open("w+b", buffering=0) as file:
            laid = InOrder(file, scratch)
            for number in order:
                laid.put(number, pieces[number])
            assert (laid.laid, laid.bytes) == (4, 9)
        assert (tmp_path / "a").read_bytes() == b"onethree4"


def test_what_is_put_aside_is_read_again_and_leaves_nothing(tmp_path: Path) -> None:
    """Law: each at its place; and what was never written is not made up."""
    with Scratch(tmp_path) as scratch:
        places = [scratch.append(part) for part in (b"ab", b"", b"cde")]
        assert [scratch.read(place, size) for place, size in zip(places, (2, 0, 3), strict=True)] == [
            b"ab",
            b"",
            b"cde",
        ]
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(OSError, match="less was read"):
            scratch.read(3, 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 10_000])
@pytest.mark.parametrize("length", [0, 1, 4096, 8192])
@pytest.mark.parametrize("worth", [0, 2**30])
def test_room_moves_all_that_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, length: int, worth: int
) -> None:
    """Law: the content stands unchanged behind the room, made by the disk or by moving it in parts."""
    monkeypatch.setattr(spool, "_WORTH_IT", worth)
    monkeypatch.setattr(spool, "_AT_ONCE", 1000)
    content = bytes(number % 251 for number in range(size))
    with (tmp_path / "a").open("w+b", buffering=0) as file:
        write_all(file, content)
        make_room(file, length)
    data = (tmp_path / "a").read_bytes()
    assert data[length:] == content
    assert len(data) == (length + size if size else 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux inserts room in files")
@pytest.mark.parametrize("number", [errno.EIO, errno.EOPNOTSUPP])
@pytest.mark.parametrize("kind", [0xEF53, 0xFF534D42], ids=["ext4", "SMB"])
def test_an_insertion_that_failed_half_way_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: int
) -> None:
    """Attack: a refusal lets the content be moved, another error does not; SMB, which loses it, is not asked."""
    asked = []

    class Library:
        def fstatfs(self, _: int, told: Any) -> int:
            told[0] = kind
            return 0

        class Fallocate:
            def __call__(self, *given: int) -> int:
                asked.append(given)
                ctypes.set_errno(number)
                return -1

        fallocate = Fallocate()

    monkeypatch.setattr(spool.ctypes, "CDLL", lambda *_, **__: Library())
    monkeypatch.setattr(spool, "_WORTH_IT", 0)
    with (tmp_path / "a").open("w+b", buffering=0) as file:
        write_all(file, b"content")
        if (number, kind) == (errno.EIO, 0xEF53):
            with pytest.raises(OSError, match="Input/output error"):
                make_room(file, 4096)
        else:
            make_room(file, 4096)
            assert (tmp_path / "a").read_bytes()[4096:] == b"content"
    assert len(asked) == (kind == 0xEF53)


def test_a_disk_that_takes_part_of_it_is_given_the_rest() -> None:
    """Attack: without a buffer, less than all may be written at once."""
    taken = []

    class Slow:
        def write(self, data: memoryview) -> int:
            taken.append(bytes(data[:2]))
            return min(2, len(data))

    write_all(Slow(), b"abcde")  # type: ignore[arg-type]
    assert taken == [b"ab", b"cd", b"e"]
