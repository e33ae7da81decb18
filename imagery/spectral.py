"""Spectral indices by their standard names, each with the paper that proposed it, kept as data.

Names and formulas follow the catalogue Awesome Spectral Indices. No greenness index tells coca from its
neighbours; the indices of moisture, bare soil and disturbance stand here for that reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.errors import Problem
from imagery.formula import Formula, read_formula

__all__ = [
    "INDICES",
    "LETTERS",
    "SpectralIndex",
    "band_sides",
    "index_problems",
    "indices_for",
    "spectral_index",
    "sum_side",
    "write_spectral_indices",
]

Plane = NDArray[np.float32]

_TILE = 512  # cells handled at once, so that the bands and both sums stay in the first cache

LETTERS: Mapping[str, str] = {
    "B": "blue",
    "G": "green",
    "R": "red",
    "RE1": "rededge1",
    "RE2": "rededge2",
    "RE3": "rededge3",
    "N": "nir",
    "N2": "nir08",
    "S1": "swir16",
    "S2": "swir22",
    "VV": "vv",
    "VH": "vh",
}
"""Letter of a band in formulas to its common name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralIndex:
    """A named function of bands."""

    name: str
    """Standard name."""
    formula: Formula
    """Function of band letters."""
    title: str
    """Long name."""
    reference: str
    """Work that proposed it."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Common names of the bands it needs."""
        return tuple(LETTERS[letter] for letter in self.formula.names)

    @property
    def sides(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Of a normalised difference of sums of bands: the bands of both sums; None for another form."""
        return _sides(self.formula)


@cache  # asked for with every part of every block
def _sides(formula: Formula) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    found = formula.normalised_difference
    return None if found is None else (_named(found[0]), _named(found[1]))


def _named(letters: Iterable[str]) -> tuple[str, ...]:
    return tuple(LETTERS[letter] for letter in letters)


def _read() -> dict[str, SpectralIndex]:
    text = files("imagery.data").joinpath("indices.toml").read_text(encoding="utf-8")
    return {
        entry["name"]: SpectralIndex(
            name=entry["name"],
            formula=read_formula(entry["formula"], where=f"index {entry['name']}"),
            title=entry["title"],
            reference=entry["reference"],
        )
        for entry in tomllib.loads(text)["index"]
    }


INDICES: Mapping[str, SpectralIndex] = _read()
"""Standard name to index."""


def spectral_index(name: str, bands: Mapping[str, Plane]) -> Plane:
    """Return an index of reflectances; NaN where it is not defined.

    Parameters
    ----------
    name
        A key of `INDICES`.
    bands
        Common band name to reflectance (or backscatter as linear power), any equal shapes. Reflectances below 0,
        which noise and the offset can leave, count as 0: normalised differences are bounded only for values that
        are not negative.

    Examples
    --------
    >>> nir, red = np.float32([0.5, 0.0]), np.float32([0.1, 0.0])
    >>> spectral_index("NDVI", {"nir": nir, "red": red})
    array([0.6666667,       nan], dtype=float32)
    """
    sides = INDICES[name].sides
    if sides is not None:
        return _normalised_difference([bands[band] for band in sides[0]], [bands[band] for band in sides[1]])
    formula = INDICES[name].formula
    return formula.value({letter: np.maximum(bands[LETTERS[letter]], np.float32(0)) for letter in formula.names})


def _normalised_difference(plus: Sequence[Plane], minus: Sequence[Plane]) -> Plane:
    """Return ``(A - B) / (A + B)`` of two sums of planes, with the operations and in the order of the formula."""
    planes = np.stack([*plus, *minus]).astype(np.float32, copy=False)
    sides = np.arange(len(planes))
    longest = max(len(plus), len(minus))
    out = np.empty((1, *planes.shape[1:]), dtype=np.float32)
    _normalised(
        planes.reshape(len(planes), -1),
        np.float32(1),
        _padded([sides[: len(plus)].tolist()], longest),
        _padded([sides[len(plus) :].tolist()], longest),
        out.reshape(1, -1),
    )
    return np.asarray(out[0])


def write_spectral_indices(
    names: Sequence[str], planes: Plane, quantum: float, *, bands: Sequence[str], out: Plane
) -> None:
    """Write several indices of the same bands; see `spectral_index`.

    Parameters
    ----------
    names
        Keys of `INDICES` (i).
    planes
        Bands in units of `quantum`, shape (b, n).
    quantum
        Physical value of one unit.
    bands
        Common names of the bands (b).
    out
        Where they go, shape (i, n).
    """
    plus, minus = band_sides(tuple(names), tuple(bands))
    _normalised(planes, np.float32(quantum), plus, minus, out)
    if (plus[:, 0] >= 0).all():
        return
    physical = dict(zip(bands, planes * np.float32(quantum), strict=True))
    for row, name in enumerate(names):
        if plus[row, 0] < 0:
            out[row] = spectral_index(name, physical)


@cache  # asked for with every part of every block
def band_sides(names: tuple[str, ...], bands: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bands of both sums of each index by their places, shapes (i, p), each row filled up with -1.

    A row of -1 stands for a band, or for an index of another form.
    """
    found = [None if name in bands else INDICES[name].sides for name in names]
    at = {band: place for place, band in enumerate(bands)}
    sides = [[[at[band] for band in pair[side]] if pair else [] for pair in found] for side in (0, 1)]
    longest = max((len(one) for side in sides for one in side), default=0)
    return _padded(sides[0], longest), _padded(sides[1], longest)


def _padded(rows: Sequence[Sequence[int]], longest: int) -> NDArray[np.int64]:
    """Return rows of numbers filled up with -1, at least one of it."""
    padded = [[*row, *[-1] * (max(longest, 1) - len(row))] for row in rows]
    return np.array(padded, dtype=np.int64).reshape(len(rows), max(longest, 1))


@njit(nogil=True, cache=True, error_model="numpy")
def _normalised(planes, quantum, plus, minus, out):  # type: ignore[no-untyped-def]
    """Write ``(A - B) / (A + B)`` of sums of planes times `quantum`; rows of sides that begin below 0 are left."""
    physical = np.empty((len(planes), _TILE), dtype=np.float32)
    above, below = np.empty(_TILE, dtype=np.float32), np.empty(_TILE, dtype=np.float32)
    for start in range(0, out.shape[1], _TILE):
        end = min(start + _TILE, out.shape[1])
        for band in range(len(planes)):
            _not_negative(planes[band, start:end], quantum, physical[band])
        for row in range(len(out)):
            if plus[row, 0] < 0:
                continue
            for side, total in ((plus[row], above), (minus[row], below)):
                sum_side(physical, side, total)
            _ratio(above, below, out[row, start:end])


@njit(nogil=True, cache=True, error_model="numpy")
def _not_negative(plane, quantum, out):  # type: ignore[no-untyped-def]
    nothing = np.float32(0)
    for c in range(len(plane)):
        value = plane[c] * quantum
        out[c] = nothing if value < nothing else value


@njit(nogil=True, cache=True, error_model="numpy")
def sum_side(planes, side, total):  # type: ignore[no-untyped-def]
    """Write the sum of the planes of a row of `band_sides`, one after another, into `total` (n)."""
    _copy(planes[side[0]], total)
    for place in range(1, len(side)):
        if side[place] >= 0:
            _add(planes[side[place]], total)


@njit(nogil=True, cache=True, error_model="numpy")
def _copy(plane, total):  # type: ignore[no-untyped-def]
    for c in range(len(total)):
        total[c] = plane[c]


@njit(nogil=True, cache=True, error_model="numpy")
def _add(plane, total):  # type: ignore[no-untyped-def]
    for c in range(len(total)):
        total[c] += plane[c]


@njit(nogil=True, cache=True, error_model="numpy")
def _ratio(one, other, out):  # type: ignore[no-untyped-def]
    largest = np.float32(3.4028235e38)
    for c in range(len(out)):
        below = one[c] + other[c]
        index = (one[c] - other[c]) / below
        defined = (below != np.float32(0)) & (abs(index) <= largest)
        out[c] = index if defined else np.float32(np.nan)


def indices_for(bands: Iterable[str], wanted: Iterable[str] = tuple(INDICES)) -> tuple[str, ...]:
    """Return those of the `wanted` indices that can be made of `bands`, in order."""
    have = set(bands)
    return tuple(name for name in wanted if set(INDICES[name].bands) <= have)


def index_problems(names: Iterable[str], bands: Iterable[str], *, where: str) -> Iterator[Problem]:
    """Yield what is wrong with indices that were asked for: unknown names, repeated ones, bands that are not there.

    Parameters
    ----------
    names
        Names asked for.
    bands
        Common names of the bands there are.
    where
        Their place, for messages.
    """
    have, seen = set(bands), set()
    for name in names:
        if name not in INDICES:
            near = get_close_matches(name, INDICES, n=3, cutoff=0.5)
            expected = f"a standard name, such as {', '.join(near or ['NDVI', 'NDMI', 'NBR'])}"
            yield Problem(where, f"no index {name!r}", expected, "see imagery/data/indices.toml")
        elif lacking := [band for band in INDICES[name].bands if band not in have]:
            yield Problem(where, f"{name}, which needs {', '.join(lacking)}", f"bands of {', '.join(sorted(have))}")
        if name in seen:
            yield Problem(where, f"{name} twice", "each index once", "take one out")
        seen.add(name)
