"""Fonts without the outlines of their letters, which are numbers that no text can be read in.

Sources: the OpenType specification (table directory) and Adobe's Technical Note 5176 (Compact Font Format).
"""

from __future__ import annotations

import struct

__all__ = ["without_outlines"]

_SFNT = (b"\x00\x01\x00\x00", b"OTTO", b"true")
_CFF = b"\x01\x00"
_LARGEST_HEADER = 16
_INDEXES = 3  # names, dictionaries and strings come before charsets and outlines


def without_outlines(data: bytes) -> bytes:
    """Return a font's bytes without its outlines; whatever is no font, or is cut short, as it is.

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
        if data[:2] == _CFF and 4 <= data[2] <= _LARGEST_HEADER:
            return data[: _end_of_strings(data)]
    except (struct.error, IndexError):
        pass
    return data


def _without_tables(data: bytes) -> bytes:
    (count,) = struct.unpack_from(">H", data, 4)
    kept, start = [], 0
    entries = [struct.unpack_from(">4sLLL", data, 12 + 16 * number) for number in range(count)]
    for tag, _, offset, length in sorted(entries, key=lambda entry: entry[2]):
        if tag in (b"glyf", b"CFF "):
            table = data[offset : offset + length] if tag == b"CFF " else b""
            kept += [data[start:offset], without_outlines(table)]
            start = offset + length
    return b"".join([*kept, data[start:]])


def _end_of_strings(data: bytes) -> int:
    at = data[2]
    for _ in range(_INDEXES):
        (count,) = struct.unpack_from(">H", data, at)
        if not count:
            at += 2
            continue
        size = data[at + 2]
        last = at + 3 + size * count
        if not 1 <= size <= 4 or last + size > len(data):
            raise IndexError("no index of a font")
        at = last + size - 1 + int.from_bytes(data[last : last + size])
    return at
