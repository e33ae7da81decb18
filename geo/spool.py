"""Bytes on their way into a file: put aside until their place is known, and laid in order as soon as it is.

What comes last stands first in some formats. Room for it is made by moving where the file begins, which two file
systems of Linux do without touching what is written (``fallocate``); on others all that follows is moved.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

__all__ = ["PAGE", "InOrder", "Scratch", "make_room", "write_all"]

PAGE = 4096
"""Bytes of which room is made in whole numbers; on disks with larger pages what follows is moved."""
_INSERT_RANGE = 0x20  # of fallocate(2)
_INSERTS = (0xEF53, 0x58465342)
"""ext4 and XFS, by the numbers of statfs(2). Others take the call and copy the bytes, SMB some that it has
overwritten already, which are lost."""
_REFUSALS = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.ENODEV)
"""With these nothing has been moved; after other errors nobody knows what the file holds."""
_WORTH_IT = 32 * 2**20  # bytes from which moving them costs more than waiting for the disk, which insertion does
_AT_ONCE = 16 * 2**20


class Scratch:
    """An open file without a name beside another, of which nothing stays in any case.

    A context manager. Bytes are appended and read again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end = 0
        self._closing = ExitStack()
        self.file: IO[bytes]

    def __enter__(self) -> Scratch:
        with ExitStack() as stack:
            self.file = stack.enter_context(tempfile.TemporaryFile(dir=self._folder, buffering=0))
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._closing.close()

    def append(self, data: Any) -> int:
        """Write bytes at the end and return where they begin."""
        begin = self._end
        self.file.seek(begin)
        write_all(self.file, data)
        self._end = self.file.tell()
        return begin

    def read(self, place: int, length: int) -> bytes:
        """Read bytes again.

        Raises
        ------
        OSError
            If there are fewer: a file made of them would be broken and look whole.
        """
        self.file.seek(place)
        read = self.file.read(length)
        if len(read) != length:
            raise OSError(errno.EIO, "less was read again than was written")
        return read


class InOrder:
    """Numbered pieces that come in any order and are laid one behind the other in theirs.

    Parameters
    ----------
    file
        Where they are laid, open for writing, unbuffered.
    scratch
        Where pieces wait for those before them.
    """

    def __init__(self, file: IO[bytes], scratch: Scratch) -> None:
        self._file = file
        self._scratch = scratch
        self._waiting: dict[int, tuple[int, int]] = {}
        self.laid = 0
        """Pieces laid so far."""
        self.bytes = 0
        """Their bytes."""

    def put(self, number: int, data: bytes) -> None:
        """Lay a piece, and those that waited for it; each number comes once, from 0."""
        if number != self.laid:
            self._waiting[number] = self._scratch.append(data), len(data)
            return
        self._lay(data)
        while (aside := self._waiting.pop(self.laid, None)) is not None:
            self._lay(self._scratch.read(*aside))

    def _lay(self, data: bytes) -> None:
        write_all(self._file, data)
        self.laid += 1
        self.bytes += len(data)


def write_all(file: IO[bytes], data: Any) -> None:
    """Write bytes to a file without a buffer, which may take less than all of them at once."""
    left = memoryview(data).cast("B")
    while left:
        left = left[file.write(left) :]


def make_room(file: IO[bytes], length: int) -> None:
    """Move the content of an open file so that it begins `length` bytes later; what stands before it is anything.

    Parameters
    ----------
    file
        Open for reading and writing, unbuffered.
    length
        Bytes; whole pages where the content is to stay where it is on the disk.
    """
    size = file.seek(0, os.SEEK_END)
    if size >= _WORTH_IT and _inserted(file.fileno(), length):
        return
    end = size
    while end > 0:
        begin = max(0, end - _AT_ONCE)
        file.seek(begin)
        moved = file.read(end - begin)
        if len(moved) != end - begin:
            raise OSError(errno.EIO, "less was read again than was written")
        file.seek(begin + length)
        write_all(file, moved)
        end = begin


def _inserted(descriptor: int, length: int) -> bool:
    """Let the file system insert room at the start of a file; False where it does not.

    Raises
    ------
    OSError
        If it began to and failed.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "fallocate") or not _shifts(library, descriptor):
        return False
    library.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    if library.fallocate(descriptor, _INSERT_RANGE, 0, length) == 0:
        return True
    number = ctypes.get_errno()
    if number in _REFUSALS:
        return False
    raise OSError(number, os.strerror(number))


def _shifts(library: ctypes.CDLL, descriptor: int) -> bool:
    """Say whether a file lies on a disk that moves its places alone, and not its bytes."""
    told = (ctypes.c_long * 64)()  # larger than the record, whose first word is the kind
    return library.fstatfs(descriptor, told) == 0 and told[0] in _INSERTS
