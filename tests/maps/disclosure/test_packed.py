"""What is packed is opened, and noise is not taken for text."""

from __future__ import annotations

import base64
import gzip
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
from PIL import Image

from geo.errors import DisclosureError
from maps.disclosure.leak import Needles, leaks
from maps.disclosure.noise import without_cells, without_outlines
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
    assert without_outlines(data) == data[: entry.offset] + b"\n\n" + data[entry.offset + entry.length :]
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
    assert whole == data[: entry.offset] + b"\n" + short + b"\n" + data[entry.offset + entry.length :]


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
        b"\x01\x00\x04\x01" + bytes(6) + b" CANARY-77 and more",
        b"\x01\x00\x04\x01" + b"\x00\x01\x01\x01\x02n" * 2 + b"\x00\x02\x01\x01\x09\x03ab" + b" CANARY-77",
        struct.pack("<4H", 1, 0x0104, 0, 0) + bytes(8) + b"CANARY-77",
        b"true" + struct.pack(">HHHH4sLLL", 1, 0, 0, 0, b"glyf", 0, 28, 10**6) + b" CANARY-77",
        b"true" + struct.pack(">HHHH4sLLL", 1, 0, 0, 0, b"glyf", 0, 28, 10) + b" CANARY-77",
        b"OTTO" + struct.pack(">HHHH4sLLL", 1, 0, 0, 0, b"CFF ", 0, 0, 48) + b"CANARY-77" + bytes(11),
        b"true"
        + struct.pack(">HHHH4sLLL4sLLL", 2, 0, 0, 0, b"glyf", 0, 44, 20, b"head", 0, 50, 10)
        + b"  CANARY-77 overlaps..",
    ],
)
def test_what_only_begins_like_a_font_stays_whole(data: bytes) -> None:
    """Literal: a font that is cut short or none at all is handed back as it is."""
    assert without_outlines(data) == data


CANARY = Needles(words=frozenset({"CANARY-77"}))


def stored_pdf(content: bytes) -> bytes:
    """Return a PDF with a stream that is stored as it is."""
    return b"%PDF-1.7\n1 0 obj\nstream\n" + content + b"\nendstream\nendobj"


@pytest.mark.parametrize("pack", [in_zip, gzip.compress, base64.b64encode])
def test_what_is_stored_in_a_pdf_is_opened(pack: Callable[[bytes], bytes]) -> None:
    """Law: an archive, a packed file or base64 in a stream without a filter is opened like any other."""
    for word, found in ((b"CANARY-77", True), (b"CANARY-78", False)):
        assert bool(leaks(stored_pdf(pack(b"a text that tells of " + word + b" and of more")), CANARY)) is found


def test_a_position_in_a_picture_in_a_pdf_is_found() -> None:
    """Law: pictures in a PDF stand there as they are, and are opened."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (9.0, 6.0, 51.0)
    for given, found in ((exif, True), (Image.Exif(), False)):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=given)
        assert bool(leaks(stored_pdf(buffer.getvalue()), CANARY)) is found


def test_texts_on_both_sides_of_what_was_packed_are_two() -> None:
    """Law: cutting joins no words and no numbers."""
    run = next(
        text
        for size in range(9, 99)
        if (text := base64.b64encode(zlib.compress(np.random.default_rng(size).bytes(size)))).endswith(b"=")
    )
    assert leaks(b'{"k-' + run + b'CANARY-77":1}', CANARY)
    place = Needles(degrees=np.array([[8.123456, 9.123456]]))
    assert leaks(b"8.123456 9.123456", place)
    assert not leaks(b"8." + run + b"123456 9.123456", place)
    assert leaks(in_pdf(b"a")[:-16] + b" CANARY-77endstream", CANARY)


def test_bytes_behind_a_stored_member_are_searched() -> None:
    """Law: a member that is longer than it says hides nothing."""
    for word, found in ((b"CANARY-77", True), (b"CANARY-78", False)):
        content, name = b"hello, " + word + b" lies here", b"a.txt"
        sizes = struct.pack("<HHIII", 0, 33, zlib.crc32(content[:5]), len(content), 5) + struct.pack("<HH", 5, 0)
        local = b"PK\x03\x04" + struct.pack("<HHH", 20, 0, 0) + sizes + name + content
        central = b"PK\x01\x02" + struct.pack("<HHHH", 20, 20, 0, 0) + sizes + bytes(14) + name
        end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
        assert bool(leaks(local + central + end, CANARY)) is found


def test_a_packed_member_longer_than_it_says_does_not_leave() -> None:
    """Law: of a member that unpacks to more than its head tells nobody knows what others would read."""
    data = bytearray(in_zip(b"nothing "))
    short = zlib.crc32(b"noth")
    for start, crc in ((0, 14), (data.find(b"PK\x01\x02"), 16)):
        struct.pack_into("<L", data, start + crc, short)
        struct.pack_into("<L", data, start + crc + 8, 4)
    with pytest.raises(DisclosureError, match="another size"):
        leaks(bytes(data), CANARY)


def test_a_comment_of_a_member_is_searched() -> None:
    """Law: comments end where the next member begins."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(2):
            member = zipfile.ZipInfo(f"{number}.txt")
            member.comment = b"of CANARY-77"
            archive.writestr(member, b"nothing")
    assert leaks(buffer.getvalue(), CANARY)


@pytest.mark.parametrize(
    "text", [b'[{"id":"CANARY-77"}]', b'{"a":[1,2],"id":"CANARY-77"}', b"\x04 CANARY-77 and so on"]
)
def test_base64_that_begins_like_packed_bytes_is_read_as_it_is(text: bytes) -> None:
    """Law: what raw compression makes something of by chance is searched as it is, too."""
    assert leaks(b"data:application/json;base64," + base64.b64encode(text), CANARY)
    packed = b'[{"id":"U113"}]'  # of which raw compression makes some bytes
    assert zlib.decompressobj(-15).decompress(packed)
    assert leaks(b"base64," + base64.b64encode(packed), Needles(words=frozenset({"U113"})))
    both = zlib.compress(b"nothing here at all") + zlib.compress(b"CANARY-78") + b" CANARY-77 "
    assert leaks(b'"' + base64.b64encode(both) + b'"', CANARY)


@pytest.mark.parametrize("flag", [1, 1 << 5])
def test_an_archive_that_cannot_be_read_does_not_leave(flag: int) -> None:
    """Law: an encrypted archive, or one packed in an unknown way, is refused in one line."""
    data = bytearray(in_zip(b"nothing"))
    start = 0
    while (start := data.find(b"PK\x01\x02", start)) >= 0:
        data[start + 8] |= flag
        start += 4
    data[6] |= flag
    with pytest.raises(DisclosureError, match="cannot be opened"):
        leaks(bytes(data), CANARY)


def test_a_picture_larger_than_any_is_told() -> None:
    """Law: a picture that claims more cells than can be held does not leave."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))

    head = struct.pack(">LLBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"x")) + chunk(b"IEND", b"")
    assert leaks(data, CANARY) == ["a picture that cannot be opened and searched"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"&#" + b"9" * 5000 + b";", False),
        (b"&#x" + b"f" * 50 + b"; CANARY&#45;77", True),
        (b"CANARY&#0000000045;77", True),
        (b"&#67;ANARY-77", True),
        (b"&#67ANARY-77", True),
    ],
)
def test_references_of_any_length_are_read(text: bytes, found: bool) -> None:
    """Literal: a reference to no letter is none, one with zeros before it is the letter."""
    assert bool(leaks(text, CANARY)) is found


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_cells_of_a_picture_are_no_text(kind: str) -> None:
    """Law: an id that a picture's packed cells hold by chance is none; one in its other chunks, or behind, is."""
    cells = np.random.default_rng(4).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(cells).save(buffer, kind, **({"lossless": True, "quality": 0} if kind == "WEBP" else {}))
    data = buffer.getvalue()
    chance = Needles(words=frozenset(word.decode() for word in SHORT.findall(data)))
    assert chance.words
    assert not leaks(data, chance)
    text = base64.b64encode(data)
    letters = Needles(
        words=frozenset(word.decode() for word in re.findall(rb"(?<=[+/])[A-Z][0-9A-Z]{2}[0-9](?=[+/])", text))
    )
    assert not leaks(b'"data:image/x;base64,' + text + b'"', letters)
    assert leaks(data + b" CANARY-77", CANARY)
    assert without_cells(data[:200]) == data[:200]
