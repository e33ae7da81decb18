"""What is packed is opened, and noise is not taken for text."""

from __future__ import annotations

import base64
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.ttLib import TTFont

from maps.disclosure.leak import Needles, leaks
from maps.disclosure.outlines import without_outlines
from maps.disclosure.packed import opened
from maps.locked import locked, locked_hashes

SHORT = re.compile(rb"(?<![\w-])[A-Z][0-9A-Z]{2}[0-9](?![\w-])", re.ASCII)
NOISE = np.random.default_rng(5).integers(0, 240, 200_000, dtype=np.uint8).tobytes()
"""Bytes that pack to fewer, though not to many fewer."""


def in_zip(payload: bytes) -> bytes:
    """Return an archive with a packed member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", payload)
        archive.writestr("b.bin", payload[::-1])
    return buffer.getvalue()


def in_pdf(payload: bytes) -> bytes:
    """Return a PDF with a packed stream."""
    return b"%PDF-1.7\n1 0 obj\nstream\n" + zlib.compress(payload) + b"\nendstream\nendobj"


@pytest.mark.parametrize("pack", [in_zip, in_pdf])
def test_an_id_that_packed_bytes_hold_by_chance_is_none(pack: Callable[[bytes], bytes]) -> None:
    """Law: packed bytes are no text; the same id in what was packed, or around it, is found."""
    packed = pack(NOISE)
    payloads = [NOISE, NOISE[::-1], b"%PDF-1.7 a.bin b.bin"]
    chance = {word.decode() for word in SHORT.findall(packed)}
    chance = {word for word in chance if not any(word.encode() in payload for payload in payloads)}
    assert chance
    assert not leaks(packed, Needles(words=frozenset(chance)))
    for word in sorted(chance)[:3]:
        needles = Needles(words=frozenset({word}))
        assert leaks(pack(NOISE[:1000] + b" " + word.encode() + b" " + NOISE[:1000]), needles)
        assert leaks(packed + b"\n" + word.encode(), needles)


def test_an_id_is_not_put_together_from_both_sides_of_other_bytes() -> None:
    """Literal: bytes that are no text part words; an id next to such bytes is found."""
    needles = Needles(words=frozenset({"U113", "Ñandú 7"}))
    assert not leaks(b"\x01U1\xff13\x02", needles)
    assert not leaks(b"\x01" + "Ñandú 7".encode("utf-16-le")[:8] + b"\x00\xd8" + b"x\x00", needles)
    assert leaks(b"\xffU113\xfe", needles)
    assert leaks(b"\x01\xff" + "Ñandú 7".encode() + b"\xfe", needles)


def test_letters_in_base64_are_no_ids_where_it_surely_is_base64() -> None:
    """Law: letters between two marks of base64 are an id only in what may be a text, such as a path."""
    needles = Needles(words=frozenset({"U113"}))
    for seed in range(2000):
        packed = zlib.compress(np.random.default_rng(seed).bytes(60))
        text = base64.b64encode(packed).decode()
        found = re.search(r"[+/]([A-Za-z0-9]*[0-9][A-Za-z0-9]*)[+/]", text)
        if found is not None and len(found[1]) >= 4:
            break
    assert found is not None
    assert not leaks(f'd="{text}"'.encode(), Needles(words=frozenset({found[1]})))
    assert leaks(b'href="fields/of/the/north/U113/photographs/of/them"', needles)
    assert leaks(base64.b64encode(zlib.compress(b"a text that tells of U113 " + bytes(40))), needles)


def test_what_stands_behind_a_packed_stream_is_searched() -> None:
    """Law: bytes after the end of packed ones are read too, in a PDF, in base64 and in an archive."""
    needles = Needles(words=frozenset({"CANARY-77"}))
    packed = zlib.compress(b"harmless " * 9) + b" CANARY-77 "
    assert leaks(b"%PDF-1.7\nstream\n" + packed + b"\nendstream", needles)
    assert not leaks(b"%PDF-1.7\nstream\n" + packed.replace(b"77", b"78") + b"\nendstream", needles)
    assert not leaks(with_a_tail(b" CANARY-78 "), needles)
    assert leaks(with_a_tail(b" CANARY-77 "), needles)


def with_a_tail(tail: bytes) -> bytes:
    """Return an archive whose only member counts some bytes to its packed content that are none of it."""
    content = b"harmless " * 9
    packed = zlib.compress(content, wbits=-15) + tail
    sizes = struct.pack("<HHHIII", 8, 0, 0x21, zlib.crc32(content), len(packed), len(content))
    local = b"PK\x03\x04" + struct.pack("<HH", 20, 0) + sizes + struct.pack("<HH", 1, 0) + b"a" + packed
    central = b"PK\x01\x02" + struct.pack("<HHH", 20, 20, 0) + sizes + struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central) + 1, len(local), 0)
    return local + central + b"a" + end


def test_fonts_of_the_program_are_no_text() -> None:
    """Law: the page's own font in base64 is passed by; one with more bytes is searched."""
    font = locked("maps.fonts", "PageArabic.woff2")
    page = b"url(data:font/woff2;base64," + base64.b64encode(font) + b")"
    assert [where for where, _ in opened("a.html", page)] == ["a.html"]
    changed = b"url(data:font/woff2;base64," + base64.b64encode(font + b" CANARY-77") + b")"
    assert leaks(changed, Needles(words=frozenset({"CANARY-77"})))
    assert len(locked_hashes("maps.fonts")) >= 8


def test_outlines_of_a_font_are_left_out() -> None:
    """Independent program (fontTools): what goes is the table of outlines, byte for byte, and nothing else."""
    path = files("maps.fonts") / "NotoSans-Bold.ttf"
    data = path.read_bytes()
    with path.open("rb") as file:
        font = TTFont(file)
        entry = font.reader.tables["glyf"]
        copyright_text = font["name"].getDebugName(0)
    assert without_outlines(data) == data[: entry.offset] + data[entry.offset + entry.length :]
    stream = in_pdf(data)
    assert leaks(stream, Needles(words=frozenset({copyright_text})))


def compact_font() -> bytes:
    """Return a font with a name and a copyright of its own, and outlines in the compact format."""
    builder = FontBuilder(1000, isTTF=False)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({65: "A"})
    pen = T2CharStringPen(600, None)
    pen.moveTo((17, 23))
    pen.lineTo((517, 23))
    pen.lineTo((511, 709))
    pen.closePath()
    outline = pen.getCharString()
    builder.setupCFF("Canary", {"Notice": "CANARY-77 notice"}, {".notdef": outline, "A": outline}, {})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "A": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Canary", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    buffer = io.BytesIO()
    builder.save(buffer)
    return buffer.getvalue()


def test_outlines_of_a_compact_font_are_left_out() -> None:
    """Independent program (fontTools): texts of a compact font stay, its outlines go, alone or in a larger font."""
    data = compact_font()
    font = TTFont(io.BytesIO(data))
    entry = font.reader.tables["CFF "]
    table = data[entry.offset : entry.offset + entry.length]
    top = font["CFF "].cff.topDictIndex[0]
    outline = top.CharStrings["A"]
    outline.compile()
    short = without_outlines(table)
    assert outline.bytecode in table
    assert outline.bytecode not in short
    assert table.startswith(short)
    assert b"CANARY-77 notice" in short
    whole = without_outlines(data)
    assert len(whole) == len(data) - len(table) + len(short)
    assert whole.startswith(data[: entry.offset])
    assert whole.endswith(data[entry.offset + entry.length :])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"true",
        b"OTTO\x00\x09 short",
        b"\x00\x01\x00\x00\xff\xff" + bytes(100),
        b"\x01\x00\x04\x04\x00\x01",
        b"\x01\x00\x04\x04\x00\x01\x09\x00\x00",
        b"\x01\x00\x04\x04\x00\x01\x04\xff\xff\xff\xff\xff\xff\xff\xff CANARY-77",
        b"\x01\x00\x03 CANARY-77",
    ],
)
def test_what_only_begins_like_a_font_stays_whole(data: bytes) -> None:
    """Literal: a font that is cut short or none at all is handed back as it is."""
    assert without_outlines(data) == data
