"""Factors of the harms: each with a distribution, a source and a mark, overridable, drawn once for all pixels."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import stream
from geo.errors import InputError, Problem

__all__ = ["Factor", "factor_draws", "load_factors", "override_factors"]

Shape = Literal["fixed", "uniform", "normal", "lognormal", "beta"]
Mark = Literal["verified", "unverified", "design"]


@dataclass(frozen=True, slots=True)
class Factor:
    """A number that a harm rests on.

    `spread` is the standard deviation of a normal or beta, the geometric one (1 or more) of a lognormal; a uniform
    runs from `lo` to `hi`.
    """

    value: float
    unit: str
    source: str
    mark: Mark
    shape: Shape = "fixed"
    spread: float = 0.0
    lo: float = -np.inf
    hi: float = np.inf
    spread_mark: Mark = "unverified"
    """Whether the spread was read in a source; the mark itself speaks of the value."""

    def problem(self) -> str:
        """Return what is wrong with the factor, empty when nothing."""
        if (
            not self.source
            or {self.mark, self.spread_mark} - set(get_args(Mark))
            or self.shape not in get_args(Shape)
        ):
            return "a factor with a source, a mark and a known shape"
        if self.shape == "uniform" and not (np.isfinite([self.lo, self.hi]).all() and self.lo <= self.hi):
            return "finite lo and hi in order"
        if self.shape == "lognormal" and not (self.value > 0 and self.spread >= 1):
            return "a positive value and a geometric spread of 1 or more"
        if self.shape == "beta" and not (0 < self.value < 1 and 0 < self.spread**2 < self.value * (1 - self.value)):
            return "a fraction with a standard deviation that a beta distribution can have"
        return "" if self.lo <= self.value <= self.hi and self.spread >= 0 else "a value between lo and hi"

    def draws(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Return draws, shape (n,), one per Monte-Carlo run and the same for every pixel in it."""
        return np.asarray(self._draws(rng, n), dtype=np.float64)

    def _draws(self, rng: np.random.Generator, n: int) -> Any:
        if self.shape == "uniform":
            return rng.uniform(self.lo, self.hi, n)
        if self.shape == "lognormal":
            return np.clip(self.value * np.exp(np.log(self.spread) * rng.standard_normal(n)), self.lo, self.hi)
        if self.shape == "normal":
            return np.clip(self.value + self.spread * rng.standard_normal(n), self.lo, self.hi)
        if self.shape == "beta":
            size = self.value * (1 - self.value) / self.spread**2 - 1
            return rng.beta(self.value * size, (1 - self.value) * size, n)
        return np.full(n, self.value)


def _parsed(name: str, table: Mapping[str, Any]) -> Factor:
    known = {one.name for one in fields(Factor)}
    try:
        factor = Factor(**{key: entry for key, entry in table.items() if key in known})
    except TypeError as error:
        raise InputError(Problem(f"factor {name}", "a missing key", "value, unit, source, mark")) from error
    wrong = factor.problem() or ("no key but " + ", ".join(sorted(known)) if set(table) - known else "")
    if wrong:
        raise InputError(Problem(f"factor {name}", str(dict(table)), wrong))
    return factor


def load_factors() -> dict[str, Factor]:
    """Return the factors that come with the program, by name."""
    folder = files("aoi.harm.data")
    found: dict[str, Factor] = {}
    for file in ("factors.toml", "erosion.toml", "contamination.toml"):
        tables = tomllib.loads(folder.joinpath(file).read_text(encoding="utf-8"))
        found |= {name: _parsed(name, table) for name, table in tables.items()}
    return found


def override_factors(factors: Mapping[str, Factor], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Factor]:
    """Return the factors with those of the user in their place, each whole and with its own source.

    Raises
    ------
    InputError
        When a name is unknown or an entry is not whole.
    """
    for name in changes:
        if name not in factors:
            raise InputError(Problem(f"factor {name}", "an unknown name", "one of " + ", ".join(sorted(factors))))
    return {**factors, **{name: _parsed(name, table) for name, table in changes.items()}}


def factor_draws(
    factors: Mapping[str, Factor], names: tuple[str, ...], *, n: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return draws of the named factors, each from its own stream, shape (n,) each."""
    return {name: factors[name].draws(stream(seed, name), n) for name in names}
