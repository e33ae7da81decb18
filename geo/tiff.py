"""Directories of a TIFF file, taken from one and laid out anew before tiles that are packed already.

TIFF 6.0 and its form for large files (BigTIFF), little-endian as this program writes them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.spool import PAGE

__all__ = [
    "Directory",
    "Entry",
    "enclosed",
    "file_head",
    "first_directory",
    "first_tile",
    "overview_directory",
    "raster_place",
]

_SUBFILE, _WIDTH, _HEIGHT, _OFFSETS, _COUNTS = 254, 256, 257, 324, 325
_LONG, _LONG8 = 4, 16
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each type."""
_OF_OVERVIEWS = frozenset({258, 259, 262, 277, 284, 317, 320, 322, 323, 338, 339, 42113})
"""What an overview says as its raster does: how its cells are held, their colours and what stands for none."""

_GHOST = (
    "LAYOUT=IFDS_BEFORE_DATA\n"
    "BLOCK_ORDER=ROW_MAJOR\n"
    "BLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n"
    "KNOWN_INCOMPATIBLE_EDITION=NO\n "
)
"""What GDAL looks for behind the first bytes of a cloud-optimised file."""
_LEADER = _TRAILER = 4  # bytes about a tile that this promises
_PAGED_FROM = 32 * 2**20  # bytes of tiles from which they begin with a page, so that a disk can keep them in place


class Entry(NamedTuple):
    """One entry of a directory, its values as they stand in the file."""

    kind: int
    values: int
    data: bytes


Directory = Mapping[int, Entry]
"""Tag to entry: all that one image of a file says of itself."""


@dataclass(frozen=True, slots=True)
class _Form:
    """Where things stand in a plain and in a large file."""

    start: int  # bytes before anything else
    number: str  # how many entries a directory has
    entry: str  # tag, type and count of an entry; its value or place follows
    place: str

    @property
    def entry_bytes(self) -> int:
        return struct.calcsize(self.entry) + struct.calcsize(self.place)


_PLAIN, _LARGE = _Form(8, "<H", "<HHI", "<I"), _Form(16, "<Q", "<HHQ", "<Q")


def first_directory(data: bytes) -> tuple[Directory, bool]:
    """Return the first directory of a file, and whether the file is of the large form.

    Raises
    ------
    ValueError
        If the bytes are not those of a little-endian TIFF.
    """
    version = struct.unpack_from("<H", data, 2)[0] if data[:2] == b"II" and len(data) > _LARGE.start else 0
    if version not in (42, 43):
        raise ValueError("not a little-endian TIFF")
    form = _LARGE if version == 43 else _PLAIN
    width = struct.calcsize(form.place)
    (at,) = struct.unpack_from(form.place, data, form.start - width)
    (number,) = struct.unpack_from(form.number, data, at)
    at += struct.calcsize(form.number)
    found = {}
    for first in range(at, at + number * form.entry_bytes, form.entry_bytes):
        tag, kind, count = struct.unpack_from(form.entry, data, first)
        size, value = count * _BYTES[kind], first + struct.calcsize(form.entry)
        if size > width:
            (value,) = struct.unpack_from(form.place, data, value)
        found[tag] = Entry(kind, count, data[value : value + size])
    return found, form is _LARGE


def first_tile(data: bytes) -> bytes:
    """Return the packed bytes of the first tile of a file."""
    directory, _ = first_directory(data)
    place, length = (
        int.from_bytes(entry.data[: _BYTES[entry.kind]], "little")
        for entry in (directory[_OFFSETS], directory[_COUNTS])
    )
    return data[place : place + length]


def enclosed(tile: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a packed tile with what stands before it in the file, its size, and after it, its last bytes."""
    return struct.pack("<I", len(tile)), tile, tile[-_TRAILER:]


def overview_directory(directory: Directory, shape: tuple[int, int]) -> Directory:
    """Return the directory of an overview of a raster, shape (height, width), without its tiles."""
    kept = {tag: entry for tag, entry in directory.items() if tag in _OF_OVERVIEWS}
    sizes = {
        tag: Entry(_LONG, 1, struct.pack("<I", size)) for tag, size in ((_HEIGHT, shape[0]), (_WIDTH, shape[1]))
    }
    return {**kept, **sizes, _SUBFILE: Entry(_LONG, 1, struct.pack("<I", 1))}


def file_head(directories: Sequence[Directory], sizes: Sequence[NDArray[np.int64]], *, large: bool) -> bytes:
    """Return all that stands before the tiles of a cloud-optimised file.

    Parameters
    ----------
    directories
        That of the raster, then those of its overviews, the finest first; entries of tiles are written anew.
    sizes
        Bytes of the packed tiles of each, shape (bands, tiles). In the file the coarsest level comes first, and
        in a level tile after tile, each with all of its bands.
    large
        Whether the file is of the large form, which goes beyond 4 GB.

    Raises
    ------
    ValueError
        If tiles lie beyond what a plain file can reach.
    """
    form, ghost = _LARGE if large else _PLAIN, _ghost()
    first = form.start + len(ghost)
    each = list(zip(directories, sizes, strict=True))
    lengths = _lengths(directories, sizes, large)
    places = _tile_places(first + sum(lengths), sizes)
    if not large and places[0].size and int((places[0] + sizes[0]).max()) >= 2**32:
        raise ValueError("more than 4 GB in a plain file")
    parts = [b"II" + (struct.pack("<HHHQ", 43, 8, 0, first) if large else struct.pack("<HI", 42, first)), ghost]
    at = first
    for number, (one, size) in enumerate(each):
        following = at + lengths[number] if number + 1 < len(each) else 0
        parts += _written(_with_tiles(one, places[number], size, large), at, following, form)
        at += lengths[number]
    return b"".join(parts)


def raster_place(directories: Sequence[Directory], sizes: Sequence[NDArray[np.int64]], *, large: bool) -> int:
    """Return where the tiles of the raster begin, behind `file_head`, the tiles of overviews and zeros.

    Large rasters begin with a page of the disk. Parameters are those of `file_head`.
    """
    start = (_LARGE if large else _PLAIN).start + len(_ghost()) + sum(_lengths(directories, sizes, large))
    return int(_tile_places(start, sizes)[0].flat[0]) - _LEADER


def _ghost() -> bytes:
    told = f"GDAL_STRUCTURAL_METADATA_SIZE={len(_GHOST):06} bytes\n{_GHOST}".encode("ascii")
    return told + b"\0" * (len(told) % 2)


def _lengths(directories: Sequence[Directory], sizes: Sequence[NDArray[np.int64]], large: bool) -> list[int]:
    """Return the bytes of each directory with its values."""
    form = _LARGE if large else _PLAIN
    return [
        sum(map(len, _written(_with_tiles(one, size, size, large), 0, 0, form)))
        for one, size in zip(directories, sizes, strict=True)
    ]


def _tile_places(start: int, sizes: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return where each tile begins, in the order of `sizes`."""
    places: list[NDArray[np.int64]] = []
    for number, size in reversed(list(enumerate(sizes))):
        in_file = _LEADER + size.T.ravel() + _TRAILER
        if number == 0 and int(in_file.sum()) >= _PAGED_FROM:
            start = -(-start // PAGE) * PAGE
        ends = start + np.cumsum(in_file)
        places.insert(0, (ends - in_file + _LEADER).reshape(size.T.shape).T)
        start = int(ends[-1])
    return places


def _with_tiles(
    directory: Directory, places: NDArray[np.int64], sizes: NDArray[np.int64], large: bool
) -> Directory:
    kind, dtype = (_LONG8, "<u8") if large else (_LONG, "<u4")
    return {
        **directory,
        _OFFSETS: Entry(kind, places.size, places.ravel().astype(dtype).tobytes()),
        _COUNTS: Entry(_LONG, sizes.size, sizes.ravel().astype("<u4").tobytes()),
    }


def _written(directory: Directory, at: int, following: int, form: _Form) -> Iterator[bytes]:
    """Yield the bytes of a directory that stands at `at`, and the values that find no room in it."""
    width = struct.calcsize(form.place)
    yield struct.pack(form.number, len(directory))
    beyond = at + struct.calcsize(form.number) + len(directory) * form.entry_bytes + width
    values = []
    for tag, (kind, count, data) in sorted(directory.items()):
        yield struct.pack(form.entry, tag, kind, count)
        if len(data) <= width:
            yield data.ljust(width, b"\0")
            continue
        yield struct.pack(form.place, beyond)
        values.append(data + b"\0" * (len(data) % 2))  # values begin at even places
        beyond += len(values[-1])
    yield struct.pack(form.place, following)
    yield from values
