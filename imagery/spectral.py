"""Spectral indices by their standard names, each with the paper that proposed it, kept as data.

Names and formulas follow the catalogue Awesome Spectral Indices. No greenness index tells coca from its
neighbours; the indices of moisture, bare soil and disturbance stand here for that reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from geo.errors import Problem
from imagery.formula import Formula, read_formula

__all__ = ["INDICES", "LETTERS", "SpectralIndex", "index_problems", "indices_for", "spectral_index"]

Plane = NDArray[np.float32]

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
        found = self.formula.normalised_difference
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
    formula = INDICES[name].formula
    return formula.value({letter: np.maximum(bands[LETTERS[letter]], np.float32(0)) for letter in formula.names})


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
