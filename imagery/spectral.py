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

__all__ = ["INDICES", "LETTERS", "SpectralIndex", "index_problems", "indices_for", "spectral_index"]

Plane = NDArray[np.float32]

_TILE = 1024  # cells handled at once, so that both sums stay in the first cache

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
    out = np.empty(plus[0].shape, dtype=np.float32)
    _normalised(_rows(plus), _rows(minus), out.reshape(-1))
    return out


def _rows(planes: Sequence[Plane]) -> Plane:
    """Return planes as rows, one plane without a copy."""
    rows = planes[0][None] if len(planes) == 1 else np.stack(planes)
    return np.ascontiguousarray(rows, dtype=np.float32).reshape(len(planes), -1)


@njit(nogil=True, cache=True, error_model="numpy")
def _normalised(one, other, out):  # type: ignore[no-untyped-def]
    above, below = np.empty(_TILE, dtype=np.float32), np.empty(_TILE, dtype=np.float32)
    for start in range(0, len(out), _TILE):
        end = min(start + _TILE, len(out))
        for side, total in ((one, above), (other, below)):
            _not_negative(side[0, start:end], total)
            for plane in range(1, len(side)):
                _add(side[plane, start:end], total)
        _ratio(above, below, out[start:end])


@njit(nogil=True, cache=True, error_model="numpy")
def _not_negative(plane, total):  # type: ignore[no-untyped-def]
    nothing = np.float32(0)
    for c in range(len(plane)):
        total[c] = nothing if plane[c] < nothing else plane[c]


@njit(nogil=True, cache=True, error_model="numpy")
def _add(plane, total):  # type: ignore[no-untyped-def]
    nothing = np.float32(0)
    for c in range(len(plane)):
        total[c] += nothing if plane[c] < nothing else plane[c]


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
