"""Do the default intervals of the complex designs hold the truth? Two synthetic countries whose hectares are known.

Each country is a hundred by a hundred segments of one square kilometre, crop in patches, a map that misses patches
at a time. The rare one has 1 % crop, the regular one 20 %. Each design draws thousands of samples; its estimate,
standard error and default interval are held against the truth.

    python -m benchmarks.segment_coverage --draws 2000
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from aoi.survey.calibration import post_stratify
from aoi.survey.cluster import ClusterDesign, Stage, simple_random, stratified_random
from aoi.survey.design import FloatArray, IntArray
from aoi.survey.inclusion import proportional_inclusion
from aoi.survey.linearised import Linearised, total
from aoi.survey.ratio import combined_ratio_total, difference_total, regression_total
from aoi.survey.spatial_balance import draw_tessellation
from aoi.survey.spread import SpreadDesign
from aoi.survey.two_phase import ResponseDesign
from aoi.survey.unequal import UnequalDesign
from aoi.survey.unequal_draw import draw_unequal

SIDE = 100
SEGMENT_HA = 100.0
PIXELS = 100
COUNTRIES = (("rare", 0.01, 4.0, 200), ("regular", 0.20, 3.0, 400))
"""Name, share of crop, size of patches in km, and segments drawn of each country."""
HEAD = (
    "| design | bias / se | se ratio | coverage, default | misses above | misses below | coverage, t "
    "| flagged LOW_COUNT | coverage where not flagged |"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Country:
    """Segments of a synthetic country."""

    crop_ha: FloatArray
    """True hectares in each segment, whole pixels, shape (N,)."""
    map_ha: FloatArray
    """Mapped hectares, shape (N,)."""
    xy: FloatArray
    """Positions, shape (N, 2)."""
    cloud: FloatArray
    """Chance that a segment is hidden, by its map class, shape (N,)."""
    strata: IntArray
    """Four classes of mapped hectares, shape (N,)."""

    def allocation(self, n: int) -> IntArray:
        """Share n segments out by square roots, which starves no stratum, that without mapped crop least."""
        sizes = np.bincount(self.strata, minlength=4)
        return np.minimum(np.rint(n * np.sqrt(sizes) / np.sqrt(sizes).sum()), sizes).astype(np.int64)


def make_country(share: float, patchiness: float) -> Country:
    """Make a country with a crop share, the same for the same arguments."""
    rng = np.random.default_rng(20_240_101)
    smooth = gaussian_filter(rng.normal(size=(SIDE, SIDE)), patchiness, mode="wrap")
    smooth = smooth / smooth.std() + 0.6 * rng.normal(size=(SIDE, SIDE))
    low, high = -6.0, 6.0
    for _ in range(60):
        middle = (low + high) / 2
        filled = np.clip(np.maximum(smooth - middle, 0.0) ** 1.5 * 0.35, 0.0, 0.95)
        low, high = (middle, high) if filled.mean() > share else (low, middle)
    crop = np.rint(filled * PIXELS).ravel() * SEGMENT_HA / PIXELS
    missed = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 2.0, mode="wrap").ravel()
    seen = np.where(missed > np.quantile(missed, 0.12), rng.beta(9, 1.3, SIDE * SIDE), 0.05)
    invented = rng.gamma(0.15, 0.16 * share * SEGMENT_HA / 0.15, SIDE * SIDE)
    mapped = np.minimum(crop * seen + invented * (rng.random(SIDE * SIDE) < 0.5) * 2, SEGMENT_HA)
    edges = np.quantile(mapped[mapped > 0.5], [0.5, 0.85])
    strata = np.digitize(mapped, [0.5, *edges]).astype(np.int64)
    east, north = np.meshgrid(np.arange(SIDE) * 1000.0, np.arange(SIDE) * 1000.0)
    return Country(
        crop_ha=crop,
        map_ha=mapped,
        xy=np.stack([east.ravel(), north.ravel()], axis=1),
        cloud=np.where(strata == 0, 0.1, 0.3),
        strata=strata,
    )


def expansion(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw at random, expand."""
    s = rng.choice(country.crop_ha.size, n, replace=False)
    return total(simple_random(n, country.crop_ha.size), country.crop_ha[s])


def assisted(country: Country, n: int, rng: np.random.Generator, *, how: str) -> Linearised:
    """Draw at random, assist with the map."""
    size, map_total = country.crop_ha.size, float(country.map_ha.sum())
    s = rng.choice(size, n, replace=False)
    design, y, x = simple_random(n, size), country.crop_ha[s], country.map_ha[s]
    if how == "ratio":
        return combined_ratio_total(design, y, x, x_total=map_total)
    if how == "difference":
        return difference_total(design, y, x, x_total=map_total)
    return regression_total(design, y, x, x_totals=map_total, size=size)


def post_stratified(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw at random, weight to two classes of the map."""
    mapped = (country.strata > 0).astype(int).astype(str)
    s = rng.choice(mapped.size, n, replace=False)
    known = {name: float((mapped == name).sum()) for name in ("0", "1")}
    return total(post_stratify(simple_random(n, mapped.size), mapped[s], known), country.crop_ha[s])


def stratified(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw the country's allocation of n by strata of the map."""
    members = [np.flatnonzero(country.strata == h) for h in range(4)]
    s = np.concatenate(
        [rng.choice(m, k, replace=False) for m, k in zip(members, country.allocation(n), strict=True)]
    )
    sizes = np.bincount(country.strata, minlength=4)
    return total(stratified_random(country.strata[s], sizes[country.strata[s]]), country.crop_ha[s])


def clouded(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw at random, lose segments to cloud by map class, adjust within classes."""
    size = country.crop_ha.size
    s = rng.choice(size, n, replace=False)
    responded = rng.random(n) >= country.cloud[s]
    design = ResponseDesign(stratum=np.zeros(n), population=size, group=country.strata[s] > 0, responded=responded)
    return total(design, country.crop_ha[s][design.seen])


def two_stage(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw segments, then 25 of the hundred pixels of each."""
    size = country.crop_ha.size
    s = np.repeat(rng.choice(size, n, replace=False), 25)
    order = np.argsort(rng.random((n, PIXELS)), axis=1)[:, :25].ravel()
    y = (order < country.crop_ha[s]).astype(float) * SEGMENT_HA / PIXELS
    design = ClusterDesign(
        weight=np.full(s.size, size / n * PIXELS / 25),
        stages=[Stage(unit=s, population=size), Stage(unit=order, population=PIXELS)],
    )
    return total(design, y)


def proportional(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw in proportion to the map with a floor, systematically through a shuffled frame."""
    pi = proportional_inclusion(country.map_ha, n, size_floor=max(2.0, 0.5 * float(country.map_ha.mean())))
    frame = rng.permutation(pi.size)
    s = frame[draw_unequal(pi[frame], "systematic", rng=rng)]
    return total(UnequalDesign(inclusion=pi[s], variance="brewer"), country.crop_ha[s])


def tessellated(country: Country, n: int, rng: np.random.Generator) -> Linearised:
    """Draw a spread sample, take the larger of the local-mean and the nearest-pair variance."""
    size = country.crop_ha.size
    s = draw_tessellation(country.xy, np.full(size, n / size), rng=rng)
    return total(
        SpreadDesign(coordinates=country.xy[s], inclusion=np.full(n, n / size), population=size), country.crop_ha[s]
    )


DESIGNS: dict[str, Callable[[Country, int, np.random.Generator], Linearised]] = {
    "simple random": expansion,
    "ratio to the map": lambda c, n, r: assisted(c, n, r, how="ratio"),
    "difference from the map": lambda c, n, r: assisted(c, n, r, how="difference"),
    "regression on the map": lambda c, n, r: assisted(c, n, r, how="regression"),
    "post-stratified": post_stratified,
    "stratified by the map": stratified,
    "two-stage, 25 of 100 pixels": two_stage,
    "proportional to the map, floor": proportional,
    "cloud, response groups": clouded,
    "tessellation": tessellated,
}


def study(country: Country, name: str, n: int, draws: int) -> str:
    """Return a row of the table."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), n])
    truth, ceiling = float(country.crop_ha.sum()), SEGMENT_HA * country.crop_ha.size
    rows = np.zeros((draws, 7))
    for row in rows:
        found = DESIGNS[name](country, n, rng)
        figure, plain = found.estimate(ceiling=ceiling), found.estimate(ceiling=ceiling, interval="t")
        row[:] = (
            found.value,
            found.variance,
            figure.hi < truth,
            figure.lo > truth,
            plain.lo <= truth <= plain.hi,
            bool(figure.flags),
            figure.lo <= truth <= figure.hi,
        )
    values, flagged, held = rows[:, 0], rows[:, 5] > 0, rows[:, 6]
    sd = values.std(ddof=1)
    free = f"{held[~flagged].mean():.3f}" if (~flagged).sum() >= 50 else "-"
    cells = [
        f"{(values.mean() - truth) / sd:+.3f}",
        f"{np.sqrt(rows[:, 1].mean()) / sd:.3f}",
        *(f"{share:.3f}" for share in (held.mean(), *rows[:, 2:5].mean(axis=0))),
        f"{flagged.mean():.2f}",
        free,
    ]
    return "| " + " | ".join([name, *cells]) + " |"


def main() -> None:
    """Print a table for each country."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000, help="samples of each design")
    parser.add_argument("--design", action="append", help="only this design (may be given again)")
    parser.add_argument(
        "--country",
        action="append",
        nargs=3,
        metavar=("SHARE", "PATCHINESS", "N"),
        help="another country in place of the two: share of crop, size of its patches in km, segments drawn",
    )
    arguments = parser.parse_args()
    others = [("other", float(share), float(size), int(n)) for share, size, n in arguments.country or ()]
    for title, share, patchiness, n in others or COUNTRIES:
        country = make_country(share, patchiness)
        mapped, holding = country.map_ha.sum() / country.crop_ha.sum(), (country.crop_ha > 0).mean()
        print(
            f"\n{title}: {country.crop_ha.sum():,.0f} ha in {holding:.0%} of the segments, map finds {mapped:.0%}, "
            f"n = {n}, strata {np.bincount(country.strata).tolist()}, drawn {country.allocation(n).tolist()}"
        )
        print(f"\n{HEAD}")
        print("|---" * HEAD.count(" | ") + "|---|")
        for name in arguments.design or DESIGNS:
            print(study(country, name, n, arguments.draws), flush=True)


if __name__ == "__main__":
    main()
