"""The last look: what hides in bytes is found, in whatever it is packed."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from geo.errors import DisclosureError
from maps.columns import encode_polygons
from maps.disclosure.leak import Needles, leaks, require_no_leak

X, Y = 412_345.25, 1_007_654.75
LON, LAT = -75.7977412, 9.1143288
NEEDLES = Needles(
    words=frozenset({"CANARY-77", "Finca La Esperanza", "مزرعة الأمل", "مزرعة", "瀠煡牡獳", "Peña, Finca"}),
    metres=np.array([[X, Y]]),
    degrees=np.array([[LON, LAT]]),
    numbers=(3.14159265,),
)


def xlsx_like(payload: bytes) -> bytes:
    """Return a zip archive that holds the payload."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", payload)
    return buffer.getvalue()


def database(payload: bytes) -> bytes:
    """Return an SQLite file with the payload in a blob."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE odd (a BLOB)")
    connection.execute("INSERT INTO odd VALUES (?)", (b"\x00" * 5000 + payload,))
    return connection.serialize()


def in_base64(payload: bytes) -> bytes:
    """Return text with compressed bytes in base64, as a page holds them."""
    return b'<script>let d = "' + base64.b64encode(zlib.compress(payload + b" " * 40)) + b'"</script>'


def pdf(payload: bytes) -> bytes:
    """Return a stream as a PDF holds it."""
    return b"%PDF-1.7\n1 0 obj\nstream\n" + zlib.compress(payload) + b"\nendstream"


PACKED: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    xlsx_like,
    database,
    in_base64,
    pdf,
    lambda payload: b'd="' + base64.b64encode(zlib.compress(payload, wbits=-15)) + b'"',
    lambda payload: xlsx_like(gzip.compress(in_base64(payload))),
]
SECRETS = {
    "word": b"<td>CANARY-77</td>",
    "name": b"name: Finca La Esperanza",
    "arabic": json.dumps({"n": "مزرعة الأمل"}).encode(),
    "escaped": b"Finca&#32;La&#32;Esperanza",
    "wide": "x CANARY-77 y".encode("utf-16-le"),
    "wide in a text": b"a b " * 40 + "CANARY-77".encode("utf-16-be") + b" a b" * 40,
    "wide letters": "مزرعة الأمل".encode("utf-16-le"),
    "wide letters, odd": b"abc" + "مزرعة الأمل".encode("utf-16-be"),
    "wide letters after a mark": b"a" * 500 + b"\xfe\xff" + "Peña, Finca La Esperanza".encode("utf-16-be"),
    "wide word, no zero": "مزرعة".encode("utf-16-le"),
    "wide word, no control": "\n瀠煡牡獳".encode("utf-16-le"),
    "four bytes each": "x CANARY-77 y".encode("utf-32-le"),
    "decimals": b'{"coordinates":[-75.79774,9.11433]}',
    "percent": b"?name=Finca%20La%20Esperanza&x=1",
    "whole metres": b"412345 1007655",
    "unlike digits": b"[-75.79774,9.1143]",
    "after another": b"12345 -75.79774 9.11433",
    "swapped": b'lat="9.1143288" lon="-75.7977412"',
    "metres": b"412345.3 1007654.8",
    "number": b'"area":3.14159',
    "doubles": b"abc" + struct.pack("<dd", X, Y),
    "big-endian": b"abcde" + struct.pack(">dd", X, Y),
}


@pytest.mark.parametrize("pack", PACKED)
@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_found_in_every_package(secret: str, pack: Callable[[bytes], bytes]) -> None:
    """Literal: ids, names, coordinates and areas are found as text, number and bytes, packed and packed again."""
    assert leaks(pack(SECRETS[secret]), NEEDLES)


@pytest.mark.parametrize("pack", PACKED)
def test_innocent_bytes_are_let_through(pack: Callable[[bytes], bytes]) -> None:
    """Law (negative control): what is no secret raises no alarm, near misses included."""
    innocent = b'{"coordinates":[-75.7,9.1],"n":"CANARY-78","area":3.14,"x":412000,"y":1008000} Finca La Espera'
    assert not leaks(pack(innocent), NEEDLES)


def test_differences_of_the_page_are_added_up() -> None:
    """Law: a polygon with a vertex at the place is found in the page's own encoding of shapes."""
    shape = shapely.Polygon([(LON, LAT), (LON + 0.01, LAT), (LON + 0.01, LAT + 0.01), (LON, LAT + 0.02)])
    frame = geopandas.GeoDataFrame(geometry=[shape], crs=4326)
    moved = frame.set_geometry(frame.translate(0.003, 0.003))
    page = [
        json.dumps(encode_polygons(one, coverage=False), separators=(",", ":")).encode() for one in (frame, moved)
    ]
    assert leaks(page[0], NEEDLES)
    assert not leaks(page[1], NEEDLES)


def test_places_of_released_layers_may_be_found() -> None:
    """Law: a vertex that a released layer has as well tells nothing."""
    free = Needles(degrees=NEEDLES.degrees, allowed=np.array([[LON, LAT]]))
    assert leaks(SECRETS["decimals"], Needles(degrees=NEEDLES.degrees))
    assert not leaks(SECRETS["decimals"], free)
    # one that may be found beside one that may not
    one = Needles(degrees=np.array([[LON, LAT], [10.0, 20.0]]), allowed=free.allowed)
    assert leaks(SECRETS["decimals"] + b" 10.00000 20.00000", one)


def test_a_picture_must_not_say_where_it_was_taken() -> None:
    """Law: a position in EXIF is found, in a file and inside a page."""
    plain, placed = io.BytesIO(), io.BytesIO()
    picture = Image.new("RGB", (8, 8))
    exif = Image.Exif()
    picture.save(plain, "JPEG", exif=exif)
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x8825] = {1: "N", 2: (9.0, 6.0, 51.0)}
    picture.save(placed, "JPEG", exif=exif)
    assert not leaks(plain.getvalue(), NEEDLES)
    assert leaks(placed.getvalue(), NEEDLES)
    assert leaks(b"data:image/jpeg;base64," + base64.b64encode(placed.getvalue()), NEEDLES)


@pytest.mark.parametrize(
    ("crs", "width", "height", "found"),
    [
        ("EPSG:32618", 1000.0, 1000.0, []),
        ("EPSG:32618", 10.0, 10.0, ["a raster of 10 m cells"]),
        ("EPSG:32618", 1000.0, 10.0, ["a raster of 10 m cells"]),
        ("EPSG:32618", 999.0, 2000.0, ["a raster of 999 m cells"]),
        ("EPSG:2263", 3281.0, 3281.0, []),  # feet
        ("EPSG:2263", 1000.0, 1000.0, ["a raster of 304.801 m cells"]),
        ("EPSG:4326", 0.02, 0.01, []),
        ("EPSG:4326", 0.001, 0.01, ["a raster of 55.66 m cells"]),  # at 60 degrees north
        ("EPSG:4326", 0.01, 0.001, ["a raster of 111.32 m cells"]),
        (None, 1000.0, 1000.0, []),
        (None, 10.0, 1000.0, ["a raster of 10 m cells"]),
    ],
)
def test_rasters_must_be_coarse(
    tmp_path: Path, crs: str | None, width: float, height: float, found: list[str]
) -> None:
    """Literal: the shorter side of a cell counts, in metres, whatever the units of the raster's CRS."""
    path = tmp_path / "a.tif"
    transform = rasterio.transform.from_origin(-70.0, 60.0 + 2 * height, width, height)
    with rasterio.open(
        path, "w", driver="GTiff", width=4, height=4, count=1, dtype="uint8", crs=crs, transform=transform
    ) as target:
        target.write(np.zeros((1, 4, 4), dtype=np.uint8))
    assert leaks(path.read_bytes(), NEEDLES) == found


@pytest.mark.parametrize(
    "start", [b"\x89PNG", b"II*\x00", b"MM\x00*", b"II+\x00", b"\xff\xd8\xff", b"RIFF1234WEBP"]
)
def test_a_picture_that_cannot_be_opened_does_not_leave(start: bytes) -> None:
    """Law: a broken picture is refused, since nobody knows what is in it; what is none is searched as it is."""
    assert leaks(start + b" broken", NEEDLES) == ["a picture that cannot be opened and searched"]
    assert not leaks(b" " + start + b" broken", NEEDLES)
    assert not leaks(b"RIFF1234WAVE", NEEDLES)
    assert leaks(b"RIFF1234WAVE CANARY-77", NEEDLES) == ["an id or name of a stricter tier"]


def test_a_plain_tiff_is_no_raster() -> None:
    """Law: a picture in TIFF that lies nowhere has no cells."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "TIFF")
    assert not leaks(buffer.getvalue(), NEEDLES)


def test_a_text_behind_the_picture_is_read() -> None:
    """Law: a compressed comment that follows the picture's own bytes is searched too."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    plain = buffer.getvalue()
    body = b"zTXtComment\0\0" + zlib.compress(b"CANARY-77")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    assert not leaks(plain, NEEDLES)
    assert leaks(plain[:-12] + chunk + plain[-12:], NEEDLES)


def test_values_of_a_database_are_whole_whatever_pages_they_lie_on() -> None:
    """Law: a word that straddles two pages, so that the file does not hold it, is found; NULL is no word."""
    for offset in range(0, 6000, 4):
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE rtree_first (a BLOB)")
        connection.execute("CREATE TABLE odd (a BLOB, b TEXT)")
        connection.execute("INSERT INTO odd VALUES (?, NULL)", (b" " * offset + b"CANARY-77".ljust(6000 - offset),))
        data = connection.serialize()
        if b"CANARY-77" not in data:
            break
    assert b"CANARY-77" not in data
    assert leaks(data, NEEDLES) == ["an id or name of a stricter tier"]
    assert not leaks(data, Needles(words=frozenset({"None", "NULL"})))


def test_names_of_files_and_kinds_are_looked_at(tmp_path: Path) -> None:
    """Law: a secret in a file's name, and a kind of file that the tier may not have, are refused with exit 4."""
    (tmp_path / "CANARY-77.csv").write_text("x")
    (tmp_path / "A.tif").write_bytes(b"x")
    with pytest.raises(DisclosureError) as caught:
        require_no_leak(tmp_path, ["CANARY-77.csv", "A.tif"], NEEDLES, suffixes=(".csv",))
    assert [problem.where for problem in caught.value.problems] == ["A.tif", "CANARY-77.csv"]
    assert caught.value.exit_code == 4


def test_five_findings_of_a_file_are_told(tmp_path: Path) -> None:
    """Literal: of seven members with the secret five are named."""
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for number in range(7):
            archive.writestr(f"{number}", SECRETS["word"])
    with pytest.raises(DisclosureError) as caught:
        require_no_leak(tmp_path, ["a.xlsx"], NEEDLES, suffixes=(".xlsx",))
    assert len(caught.value.problems) == 5


def test_what_cannot_be_opened_does_not_leave() -> None:
    """Law: a broken archive is refused, since nobody knows what is in it."""
    with pytest.raises(DisclosureError, match="cannot be opened"):
        leaks(b"PK\x03\x04 broken", NEEDLES)


def test_the_refusal_does_not_repeat_the_secret(tmp_path: Path) -> None:
    """Law: logs are read by more people than the files: the message says where, not what."""
    (tmp_path / "a.csv").write_bytes(SECRETS["word"])
    with pytest.raises(DisclosureError) as caught:
        require_no_leak(tmp_path, ["a.csv"], NEEDLES, suffixes=(".csv",))
    assert "CANARY" not in str(caught.value)


def test_what_cannot_be_unpacked_is_searched_as_it_is() -> None:
    """Law: a stream that is stored plain, and letters that only look like base64, hide nothing and stop nothing."""
    stored = b"%PDF-1.7\nstream\nCANARY-77\nendstream"
    assert leaks(stored, NEEDLES)
    assert not leaks(stored.replace(b"77", b"78"), NEEDLES)
    assert not leaks(b"A" * 17, NEEDLES)  # one letter too many
    assert leaks(b"A" * 17 + b" CANARY-77", NEEDLES)
    assert leaks(base64.b64encode(b"x CANARY-77 ") + b"==", NEEDLES)  # padded though it need not be


def test_archives_packed_without_end_are_refused() -> None:
    """Law: what is packed deeper than anybody opens does not leave; what is less deep is searched."""
    payload = SECRETS["word"]
    for _ in range(8):
        payload = gzip.compress(payload)
    assert leaks(payload, NEEDLES)
    with pytest.raises(DisclosureError, match="archives within archives"):
        leaks(gzip.compress(payload), NEEDLES)


def test_places_in_tables_and_indexes_of_a_database_are_found(tmp_path: Path) -> None:
    """Law: a layer of a GeoPackage with the place is found, though its spatial index is not read as a table."""
    path = tmp_path / "layer.gpkg"
    frames = [geopandas.GeoDataFrame(geometry=[shapely.Point(X + d, Y)], crs=32618) for d in (0.0, 500.0)]
    for frame, found in zip(frames, (True, False), strict=True):
        path.unlink(missing_ok=True)
        frame.to_file(path, layer="places", engine="pyogrio")
        assert b"rtree_places" in path.read_bytes()
        assert bool(leaks(path.read_bytes(), NEEDLES)) is found


def test_texts_of_a_picture_are_read() -> None:
    """Law: a comment inside a picture is searched like any other text."""
    for word, found in (("CANARY-77", True), ("CANARY-78", False)):
        buffer = io.BytesIO()
        text = PngInfo()
        text.add_text("Comment", word, zip=True)
        Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=text)
        assert word.encode() not in buffer.getvalue()
        assert bool(leaks(buffer.getvalue(), NEEDLES)) is found


def test_differences_come_in_pairs() -> None:
    """Law: an odd list is no list of places; with its last number left out it is one, and the place is found."""
    x, y = round(LON * 1e5), round(LAT * 1e5)
    assert leaks(f"[{x},{y},5,5]".encode(), NEEDLES)
    assert leaks(f"[{x - 7},{y + 9},7,-9]".encode(), NEEDLES)
    assert not leaks(f"[{x - 7},{y + 9},7,-8,3]".encode(), NEEDLES)
    assert leaks(f"[1,2,3,4,5] [{x},{y},5,5]".encode(), NEEDLES)
    assert not leaks(f"[{x - 1},{y},5,5]".encode(), NEEDLES)  # half a step is the same place, 0.88 is not


def test_bytes_searched_are_counted(tmp_path: Path) -> None:
    """Literal: a file of 20 bytes that nothing is packed in, and an archive with its name and content."""
    (tmp_path / "a.csv").write_bytes(b"x" * 10 + b"\n" * 10)
    assert require_no_leak(tmp_path, ["a.csv"], NEEDLES, suffixes=(".csv",)) == 20
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("b 1.txt", b"y z " * 5)
    (tmp_path / "b.xlsx").write_bytes(packed.getvalue())
    # The content, stored, is counted once; a line is begun where it was, and behind the head
    wanted = 20 + len(packed.getvalue()) + len("b 1.txt") + 2
    assert require_no_leak(tmp_path, ["a.csv", "b.xlsx"], NEEDLES, suffixes=(".csv", ".xlsx")) == wanted


HALVES = Needles(degrees=np.array([[-75.123449, 9.876549], [10.0, 20.0], [30.0, 40.0]]), numbers=(2.718249,))
"""Places and a number whose fifth decimal rounds nearly up."""


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"-75.1234 9.8765", True),
        (b"9.8765 -75.1234", True),
        (b"-75.1235 9.8765", False),
        (b"9.8767 -75.1234", False),
        (b"-75.1234490003 9.8765490003", True),  # a tenth of a millimetre's fraction is noise of projections
        (b"9.8765490003 -75.1234490003", True),
        (b"-75.1234491 9.8765490", False),
        (b"9.8765491 -75.1234490", False),
        (b"x 10.00001 20.00000", False),
        (b"x 10.00000 20.00000", True),
        (b"x 30.00000 40.00000", True),
        (b"2.7182", True),
        (b"1.23456 2.7182 9.87654", True),
        (b"2.7183", False),
        (b"2.7181", False),
        (struct.pack("<dd", -75.123449, 9.876549), True),
        (struct.pack("<dd", -75.123449, 9.8765491), False),
    ],
)
def test_digits_say_how_near_is_the_same(data: bytes, found: bool) -> None:
    """Literal: what rounds to the digits told is the place or number, and what does not is another."""
    assert bool(leaks(data, HALVES)) is found


def test_metres_in_binary_are_exact() -> None:
    """Literal: a tenth of a millimetre is the same place in a binary number, half a metre is another."""
    assert leaks(b"ab" + struct.pack("<dd", X + 5e-5, Y), NEEDLES)
    assert not leaks(b"ab" + struct.pack("<dd", X + 0.5, Y), NEEDLES)


def test_positions_in_webp_are_found() -> None:
    """Law: a picture in WEBP is opened like the others."""
    exif = Image.Exif()
    for place, found in ((None, False), ({1: "N", 2: (9.0, 6.0, 51.0)}, True)):
        if place is not None:
            exif[0x8825] = place
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "WEBP", exif=exif)
        assert bool(leaks(buffer.getvalue(), NEEDLES)) is found
