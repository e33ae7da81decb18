"""What is packed in a file, opened: archives, compressed streams, base64 and databases.

Compressed bytes are handed on as they are unpacked, and not as they stand, and the outlines of fonts not at all
(`maps.disclosure.noise`): no text can be read in them, but a short id such as ``U113`` turns up by chance, of a
hundred ids one in about every hundredth report.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import io
import lzma
import re
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from geo.errors import DisclosureError, Problem, reason
from maps.disclosure.noise import without_outlines
from maps.locked import locked_hashes

__all__ = ["is_picture", "opened"]

_DEEPEST = 8  # archives within archives
_HEADER = 30  # bytes of a member's own header in a ZIP archive, before its name
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_Parts = list[tuple[str, bytes]]
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    OverflowError,
    RuntimeError,  # encrypted, or packed in a way that is not known
    lzma.LZMAError,
    sqlite3.Error,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def opened(name: str, data: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield a file's bytes, and those of everything packed in it, with names that say where.

    Of a file with packed parts come the bytes around them, and then each part as it is unpacked.

    Raises
    ------
    DisclosureError
        If something is packed too deep, or claims to be an archive and cannot be opened.
    """
    if depth > _DEEPEST:
        raise DisclosureError(Problem(name, "archives within archives", f"at most {_DEEPEST}", "unpack them"))
    try:
        around, inner = _unpacked(data)
    except _UNREADABLE as error:
        found = f"something that cannot be opened and searched ({reason(error)})"
        raise DisclosureError(Problem(name, found, "files that can be searched", "leave it out")) from error
    yield name, around
    for part, content in inner:
        yield from opened(f"{name}/{part}", content, depth + 1)


def is_picture(data: bytes) -> bool:
    """Say whether bytes begin as a picture or raster does."""
    return (
        data[:4] in (b"\x89PNG", b"II*\x00", b"MM\x00*", b"II+\x00")
        or data[:3] == b"\xff\xd8\xff"
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    )


def _unpacked(data: bytes) -> tuple[bytes, _Parts]:
    """Return the bytes around what is packed in a file, and each packed part by its name."""
    if data[:4] == b"PK\x03\x04":
        return _members(data)
    if data[:2] == b"\x1f\x8b":
        return data, [("gzip", gzip.decompress(data))]
    if data[:15] == b"SQLite format 3":
        return data, list(_rows(data))
    if data[:5] == b"%PDF-":
        return _streams(data)
    return (data, []) if is_picture(data) else _from_base64(data)


def _members(data: bytes) -> tuple[bytes, _Parts]:
    """Return the headers of a ZIP archive, and its members with their names."""
    around, parts, start = [], [], 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.header_offset):
            parts.append((f"{member.filename} (name)", member.filename.encode()))
            parts.append((f"{member.filename} (comment)", member.comment))
            parts.append((member.filename, archive.read(member)))
            lengths = struct.unpack_from("<HH", data, member.header_offset + _HEADER - 4)
            first = member.header_offset + _HEADER + sum(lengths)
            around += [data[start:first], _behind(member, data[first : first + member.compress_size])]
            start = first + member.compress_size
    return b"\n".join([*around, data[start:]]), parts


def _behind(member: zipfile.ZipInfo, packed: bytes) -> bytes:
    """Return what follows a member's content although it is counted to it."""
    if member.compress_type == zipfile.ZIP_STORED:
        return packed[member.file_size :]
    if member.compress_type != zipfile.ZIP_DEFLATED:
        return packed
    content, behind = _inflated(packed, -zlib.MAX_WBITS)
    if len(content) != member.file_size:
        raise zipfile.BadZipFile("a member of another size than it says")
    return behind


def _streams(data: bytes) -> tuple[bytes, _Parts]:
    """Return what is around the streams of a PDF, and each stream, inflated or stored as it is."""
    parts: _Parts = []

    def cut(found: re.Match[bytes]) -> bytes:
        try:
            content, behind = _inflated(found[1], zlib.MAX_WBITS)
        except zlib.error:
            content, behind = found[1].rstrip(b"\r\n"), b""
        parts.append((f"stream {len(parts)}", without_outlines(content)))
        return b"stream\n" + behind + b"\nendstream"

    return _PDF_STREAM.sub(cut, data), parts


def _from_base64(data: bytes) -> tuple[bytes, _Parts]:
    """Return what is around certain base64, and the bytes behind whatever may be base64."""
    parts: _Parts = []

    def cut(found: re.Match[bytes]) -> bytes:
        contents, certain = _decoded(found[0])
        parts.extend((f"base64 {len(parts) + at}", content) for at, content in enumerate(contents))
        return b"\n" if certain else found[0]

    return _BASE64.sub(cut, data), parts


def _inflated(data: bytes, wbits: int) -> tuple[bytes, bytes]:
    """Return the content of compressed bytes, and what follows them; all follows where the end is missing."""
    inflater = zlib.decompressobj(wbits)
    content = inflater.decompress(data)
    return content, inflater.unused_data if inflater.eof else data


def _decoded(text: bytes) -> tuple[list[bytes], bool]:
    """Return what is behind base64, as it is and inflated, and whether it surely is base64.

    It surely is where a stream with a checksum lies behind it, or a picture, or a file of the program, of which
    nothing is returned. Bytes that raw compression makes something of may be none: they come as they are, too.
    """
    try:
        raw = base64.b64decode(text + b"==")  # more padding than there need be is passed by
    except (binascii.Error, ValueError):
        return [], False
    if hashlib.sha256(raw).hexdigest() in locked_hashes("maps.fonts"):
        return [], True
    if is_picture(raw):
        return [raw], True
    try:
        content, behind = _inflated(raw, zlib.MAX_WBITS)
    except zlib.error:
        return [raw, *_inflated_raw(raw)], False
    return ([content], True) if not behind else ([content, raw], False)


def _inflated_raw(data: bytes) -> list[bytes]:
    """Return the content of bytes compressed without head and checksum; nothing where they are none."""
    try:
        content = _inflated(data, -zlib.MAX_WBITS)[0]
    except zlib.error:
        return []
    return [content] if content else []


def _rows(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each table of a database as one run of bytes; rows that straddle pages are whole here."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.sqlite"
        path.write_bytes(data)
        connection = sqlite3.connect(path)
        try:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if table.startswith("rtree_"):
                    continue  # read as pages; its own functions are not always built in
                quoted = '"' + table.replace('"', '""') + '"'
                parts = [
                    value if isinstance(value, bytes) else str(value).encode()
                    for row in connection.execute(f"SELECT * FROM {quoted}")  # noqa: S608 -- quoted name
                    for value in row
                    if value is not None
                ]
                yield table, b"\n".join(parts)
        finally:
            connection.close()
