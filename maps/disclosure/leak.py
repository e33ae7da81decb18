"""The last look before files leave: every byte of them, and of what is packed inside them, is searched.

What is packed is opened (`maps.disclosure.packed`). Searched are the words, places and numbers of everything of a
stricter tier: ids and names as text in any encoding in use, coordinates as decimals, as binary doubles and as the
page's differences, positions in pictures and rasters. What cannot be opened may not leave.
"""

from __future__ import annotations

import html
import io
import math
import re
import struct
import urllib.parse
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from scipy.spatial import cKDTree

from geo.errors import DisclosureError, Problem
from maps.disclosure.noise import without_cells
from maps.disclosure.packed import is_picture, opened

__all__ = ["Needles", "leaks", "require_no_leak"]

_GPS = 0x8825  # EXIF's pointer to positions
_NUMBER = re.compile(rb"-?\d{1,8}(?:\.\d+)?")
_DELTAS = re.compile(rb"\[-?\d+(?:,-?\d+){3,}\]")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")  # in no plain text
_WORD = re.compile(r"[\w-]{3,}")
_ZEROS = re.compile(r"(&#[xX]?)0+(?=[0-9a-fA-F])")
_LONG_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")  # of no letter, and too long to convert
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    OverflowError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
)
_STEPS = 1e5  # of a degree, in the page's differences
_M_PER_DEGREE = 111_320.0
_FEWEST_DECIMALS = 4  # of degrees: 11 m


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Needles:
    """What must not be found."""

    words: frozenset[str] = frozenset()
    """Ids and names."""
    metres: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    """Places in the CRS of the survey, shape (n, 2)."""
    degrees: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    """Places as longitude and latitude, shape (m, 2)."""
    numbers: tuple[float, ...] = ()
    """Areas or other numbers with five digits or more."""
    allowed: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    """Places that may be found although they are also among the others: vertices of released layers, in degrees
    and in metres."""
    least_cell_m: float = 1000.0
    """Smallest cell that a raster may have."""


def require_no_leak(folder: Path, names: Iterable[str], needles: Needles, *, suffixes: Iterable[str]) -> int:
    """Search files that are about to leave, and refuse them all where anything is found.

    Parameters
    ----------
    folder
        Where they stand.
    names
        Their paths relative to it.
    needles
        What must not be found.
    suffixes
        Kinds of files the tier may have.

    Returns
    -------
    int
        Bytes searched, packed ones included.

    Raises
    ------
    DisclosureError
        Naming each file and what was found; the thing itself is not repeated.
    """
    searched, problems = 0, []
    allowed = tuple(suffixes)
    finder = _Finder(needles)
    for name in sorted(names):
        if not name.endswith(allowed):
            problems.append(
                Problem(name, "a kind of file this tier may not have", ", ".join(allowed), "leave it out")
            )
            continue
        data = (folder / name).read_bytes()
        found = set(finder.text(name))
        for where, blob in opened(name, data):
            searched += len(blob)
            found |= {f"{what}{'' if where == name else f' (inside {where})'}" for what in finder.all(blob)}
        problems += [
            Problem(name, what, "nothing of a stricter tier", "report this as a fault of the program")
            for what in sorted(found)[:5]
        ]
    if problems:
        raise DisclosureError(problems)
    return searched


def leaks(data: bytes, needles: Needles, name: str = "data") -> list[str]:
    """Return what is found in a file's bytes and in what is packed inside; empty when nothing is."""
    finder = _Finder(needles)
    return sorted({what for _, blob in opened(name, data) for what in finder.all(blob)})


class _Finder:
    """Searches bytes for needles."""

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        single = {word for word in needles.words if _WORD.fullmatch(word)}
        self._single = frozenset(single)
        several = sorted(needles.words - single, key=len, reverse=True)
        self._several = re.compile("|".join(map(re.escape, several))) if several else None
        self._trees = [
            _Tree(needles.metres, needles.allowed, in_degrees=False),
            _Tree(needles.degrees, needles.allowed, in_degrees=True),
        ]

    def all(self, blob: bytes) -> Iterator[str]:
        """Yield what is found in bytes that are unpacked already."""
        if is_picture(blob):
            yield from self._in_picture(blob)
            blob = without_cells(blob)
        for text in _texts(blob):
            yield from self.text(text)
        yield from self._doubles(blob)
        yield from self._decimals(blob)
        yield from self._differences(blob)

    def text(self, text: str) -> Iterator[str]:
        """Yield what is found in a text."""
        if not self._single.isdisjoint(_WORD.findall(text)):
            yield "an id or name of a stricter tier"
        elif self._several is not None and self._several.search(text):
            yield "a name of a stricter tier"

    def _doubles(self, blob: bytes) -> Iterator[str]:
        for order in ("<f8", ">f8"):
            for start in range(8):
                usable = (len(blob) - start) // 8 * 8
                if usable < 16:
                    continue
                values = np.frombuffer(blob, dtype=order, count=usable // 8, offset=start).astype(np.float64)
                pairs = np.column_stack([values[:-1], values[1:]])
                if any(tree.holds(pairs, 1e-9 if tree.in_degrees else 1e-4) for tree in self._trees):
                    yield "a place of a stricter tier, as binary numbers"
                    return

    def _decimals(self, blob: bytes) -> Iterator[str]:
        tokens = [token for token in _NUMBER.findall(blob) if len(token.strip(b"-.")) > _FEWEST_DECIMALS]
        if not tokens:
            return
        values = np.array([float(token) for token in tokens])
        decimals = np.array([len(token.partition(b".")[2]) for token in tokens])
        if self._needles.numbers:
            wanted = np.array(self._needles.numbers)
            near = np.abs(values[:, None] - wanted[None, :]) <= 0.51 * 10.0 ** -decimals[:, None]
            if near.any():
                yield "a number of a stricter tier"
        pairs = np.column_stack([values[:-1], values[1:]])
        fewest = np.minimum(decimals[:-1], decimals[1:])
        for tree in self._trees:
            least = _FEWEST_DECIMALS if tree.in_degrees else 0
            for digits in np.unique(fewest[fewest >= least]):
                chosen = pairs[fewest == digits]
                half_width = 0.51 * 10.0 ** -min(float(digits), 9.0)
                if any(tree.holds(either, half_width) for either in (chosen, chosen[:, ::-1])):
                    yield "a place of a stricter tier, as decimals"
                    return

    def _differences(self, blob: bytes) -> Iterator[str]:
        for found in _DELTAS.finditer(blob):
            numbers = np.array(found[0][1:-1].split(b","), dtype=np.float64)
            if len(numbers) % 2:
                continue
            places = np.cumsum(numbers.reshape(-1, 2), axis=0) / _STEPS
            if self._trees[1].holds(places, 0.51 / _STEPS):
                yield "a place of a stricter tier, as differences"
                return

    def _in_picture(self, blob: bytes) -> Iterator[str]:
        try:
            if blob[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00"):
                side_m = _cell_m(blob)
                if side_m is not None and side_m < self._needles.least_cell_m:
                    yield f"a raster of {side_m:.6g} m cells"
                return
            with Image.open(io.BytesIO(blob)) as picture:
                picture.load()  # texts may stand behind the picture
                if _GPS in picture.getexif():
                    yield "a picture that says where it was taken"
                for value in picture.info.values():
                    if isinstance(value, str):
                        yield from self.text(value)
        except _UNREADABLE:
            yield "a picture that cannot be opened and searched"


def _cell_m(blob: bytes) -> float | None:
    """Return the shorter side of a raster's cells; None for a picture that lies nowhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.MemoryFile(blob) as memory, memory.open() as source:
            if source.transform.is_identity:
                return None
            width, height = (abs(side) for side in source.res)
            if source.crs is not None and source.crs.is_geographic:
                middle = math.radians((source.bounds.top + source.bounds.bottom) / 2)
                return float(_M_PER_DEGREE * min(width * math.cos(middle), height))
            projected = source.crs is not None and source.crs.is_projected
            factor = source.crs.linear_units_factor[1] if projected else 1.0
            return float(factor * min(width, height))


class _Tree:
    """Places to compare with, and those that may be found all the same."""

    def __init__(self, places: NDArray[np.float64], allowed: NDArray[np.float64], *, in_degrees: bool) -> None:
        self.in_degrees = in_degrees
        self._places = cKDTree(places) if len(places) else None
        self._allowed = cKDTree(allowed) if len(allowed) else None
        self._box = (places.min(axis=0), places.max(axis=0)) if len(places) else None

    def holds(self, pairs: NDArray[np.float64], half_width: float) -> bool:
        """Say whether any pair is one of the places, as far as its digits tell."""
        if self._places is None or self._box is None or not len(pairs):
            return False
        with np.errstate(invalid="ignore"):
            near = ((pairs >= self._box[0] - half_width) & (pairs <= self._box[1] + half_width)).all(axis=1)
        candidates = pairs[near]
        if not len(candidates):
            return False
        far = self._places.query(candidates, p=np.inf, distance_upper_bound=half_width)[0]
        candidates = candidates[np.isfinite(far)]
        if not len(candidates) or self._allowed is None:
            return bool(len(candidates))
        other = self._allowed.query(candidates, p=np.inf, distance_upper_bound=half_width)[0]
        return bool((~np.isfinite(other)).any())


def _texts(blob: bytes) -> Iterator[str]:
    """Yield the readings of bytes as text: as it is, unescaped, in two-byte encodings if not plain text.

    Letters of most scripts have no zero byte in two-byte encodings, so that zeros alone do not give them away.
    What is no letter ends a word: bytes from both sides of it are no name.
    """
    text = blob.decode("utf-8", errors="replace")
    yield text
    if "&" in text:
        yield html.unescape(_LONG_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", _ZEROS.sub(r"\1", text)))
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    if "%" in text:
        yield urllib.parse.unquote(text, errors="replace")
    if b"\0" in blob:
        yield blob.replace(b"\0", b"").decode("utf-8", errors="replace")
    if _CONTROL.search(blob) or text.encode() != blob:
        for start in (0, 1):
            for encoding in ("utf-16-le", "utf-16-be"):
                yield blob[start:].decode(encoding, errors="replace")
