"""Files without the parts that no text can be read in: outlines of a font's letters, and the cells of a picture.

A short id turns up in such numbers by chance. Only what is in every way the file that it begins like is cut; all
else is handed back as it is.

Sources: the OpenType specification (table directory), Adobe's Technical Note 5176 (Compact Font Format), the PNG
specification (chunks), and Google's WebP container specification.
"""

from __future__ import annotations

import struct

__all__ = ["without_cells", "without_outlines"]

_SFNT = (b"\x00\x01\x00\x00", b"OTTO", b"true")
_CFF = b"\x01\x00\x04"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CELLS = (b"IDAT", b"fdAT")
_WEBP_CELLS = (b"VP8 ", b"VP8L", b"ALPH")
_HEAD = 12
_ENTRY = 16


def without_outlines(data: bytes) -> bytes:
    """Return a font's bytes without its outlines; whatever is no whole font, as it is.

    Parameters
    ----------
    data
        Any bytes.

    Examples
    --------
    >>> without_outlines(b"no font")
    b'no font'
    """
    try:
        if data[:4] in _SFNT:
            return _without_tables(data)
        return _without_compact_outlines(data)
    except (struct.error, IndexError):
        return data


def without_cells(data: bytes) -> bytes:
    """Return the bytes of a PNG or WebP picture without its coded cells; any others as they are."""
    try:
        if data[:8] == _PNG:
            return _without_chunks(data, 8, ">L4s", 4, _PNG_CELLS)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _without_chunks(data, 12, "<4sL", 0, _WEBP_CELLS)
    except (struct.error, IndexError):
        pass
    return data


def _without_chunks(data: bytes, at: int, head: str, behind: int, cells: tuple[bytes, ...]) -> bytes:
    """Cut the content of chunks of some names; what follows the last whole chunk stays.

    Parameters
    ----------
    data
        The file.
    at
        Where its first chunk begins.
    head
        Length and name of a chunk, in either order.
    behind
        Bytes after the content that belong to the chunk (a checksum).
    cells
        Names of chunks to cut.
    """
    kept = [data[:at]]
    while at + 8 <= len(data):
        first, second = struct.unpack_from(head, data, at)
        length, name = (first, second) if isinstance(first, int) else (second, first)
        end = at + 8 + length + behind + (length % 2 if behind == 0 else 0)
        if end > len(data):
            raise IndexError("a chunk that is cut short")
        kept.append(data[at : at + 8] if name in cells else data[at:end])
        at = end
        if name == b"IEND":
            break
    return b"\n".join([*kept, data[at:]])


def _without_tables(data: bytes) -> bytes:
    """Cut the outlines from a font of tables that lie within it one behind the other."""
    (count,) = struct.unpack_from(">H", data, 4)
    entries = [struct.unpack_from(">4sLLL", data, _HEAD + _ENTRY * number) for number in range(count)]
    kept, start, end = [], 0, _HEAD + _ENTRY * count
    for tag, _, offset, length in sorted(entries, key=lambda entry: entry[2]):
        if offset < end or offset + length > len(data) or not tag.isascii() or not tag.decode().isprintable():
            raise IndexError("tables that do not fit")
        end = offset + length
        if tag in (b"glyf", b"CFF "):
            left = b"" if tag == b"glyf" else _without_compact_outlines(data[offset:end])
            kept += [data[start:offset], left]
            start = end
    if b"head" not in {entry[0] for entry in entries}:
        raise IndexError("no head of a font")
    return b"\n".join([*kept, data[start:]])


def _without_compact_outlines(data: bytes) -> bytes:
    """Return what comes before charsets and outlines: one name, one dictionary and the strings."""
    if data[:3] != _CFF or not 1 <= data[3] <= 4:
        raise IndexError("no compact font")
    at = data[2]
    for wanted in (1, 1, None):
        at, count = _behind_index(data, at)
        if wanted is not None and count != wanted:
            raise IndexError("another number of fonts than one")
    return data[:at]


def _behind_index(data: bytes, at: int) -> tuple[int, int]:
    """Return where an index of a compact font ends, and how many entries it has; offsets rise from 1."""
    (count,) = struct.unpack_from(">H", data, at)
    if not count:
        return at + 2, 0
    size = data[at + 2]
    first, last = at + 3, at + 3 + size * count
    if not 1 <= size <= 4 or last + size > len(data):
        raise IndexError("no index of a font")
    offsets = [int.from_bytes(data[place : place + size]) for place in range(first, last + 1, size)]
    end = last + size - 1 + offsets[-1]
    if offsets[0] != 1 or offsets != sorted(offsets) or end > len(data):
        raise IndexError("no index of a font")
    return end, count
