"""Do the default intervals of stratified pixel samples hold the truth? Two countries whose hectares are known.

Each country is a million pixels of one hectare, crop in patches, a map that misses whole patches and invents
others. The rare one has 1 % crop, the regular one 20 %. Each design draws thousands of samples; Wald,
MOVER-Jeffreys and the default are held against the truth, for areas, for change between two years, and for
districts.

    python -m benchmarks.coverage --draws 10000 --write docs/methods/coverage.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter

from aoi.survey.allocation import rare_class_safe
from aoi.survey.change_interval import panel_bounds
from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.domain_pooled import pooled_domain_areas
from aoi.survey.estimator import areas_of_counts, class_counts, count_totals, strata_of
from aoi.survey.interval import Bounds
from aoi.survey.selection import draw_stratified
from aoi.survey.stratified_interval import (
    FEW_UNITS,
    MATERIAL_SHARE,
    interval_methods,
    largest_unit_share,
    low_count,
    stratified_interval,
)

SIDE = 1000
LEAST_FREE = 200
"""Samples that a share is given of."""
BoolArray = npt.NDArray[np.bool_]
MARK = "<!-- figures below are written by benchmarks/coverage.py -->"
METHODS = ("wald", "mover-jeffreys", "default")
AREA_NOTE = (
    "For each interval: coverage, share of upper limits below the truth, share of lower limits above it, mean "
    "width in hectares. Then: share of samples flagged LOW_COUNT, and coverage of the default where it is not; "
    "last the same for the rule read literally (any stratum with fewer than ten units of the class)."
)
AREA_HEAD = (
    "| design | bias / sd | se / sd "
    + "".join(f"| {name} | above | below | width " for name in METHODS)
    + "| flagged | held, not flagged | literally | held, not so |"
)
CHANGE_NOTE = (
    "Last of each interval: share of panels given a direction (power where there is a change, false alarms where "
    "there is none)."
)
CHANGE_HEAD = (
    "| design | crop | change ha | wald | above | below | width | said | default | above | below | width | said |"
)
WORST = ("mover-jeffreys", "mover-midp", "mover-clopper", "gamma", "gamma-midp", "default")
WORST_NOTE = (
    "The crop of the last stratum goes from 0.05 to 40 expected units. For each interval: lowest coverage, highest "
    "share missed on one side, mean width relative to MOVER-Jeffreys."
)
WORST_HEAD = "| design " + "".join(f"| {name} | tail | width " for name in WORST) + "|"
DISTRICT_HEAD = "| sample | figure | coverage | above | below | mean width | root mean square error | mean crop |"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Country:
    """A synthetic country of pixels of one hectare."""

    name: str
    """Name in the tables."""
    crop: FloatArray
    """0/1 crop of the first year, flat."""
    later: FloatArray
    """0/1 crop of the second year."""
    churned: FloatArray
    """A second year with fields moved and the same total."""
    mapped: IntArray
    """0 mapped as crop, 1 within three pixels of it, 2 the rest."""
    region: IntArray
    """Twenty regions."""
    district: IntArray
    """Fifty districts."""


def patches(rng: np.random.Generator, scale: float) -> FloatArray:
    """Return a smooth field of unit variance with some grain."""
    field = gaussian_filter(rng.normal(size=(SIDE, SIDE)), scale, mode="wrap")
    return np.asarray(field / field.std(), dtype=float)


def highest(field: FloatArray, share: float) -> FloatArray:
    """Mark the highest share of a field."""
    return (field >= np.quantile(field, 1 - share)).astype(float)


def make_country(name: str, share: float) -> Country:
    """Make a country with a crop share, the same for the same arguments."""
    rng = np.random.default_rng(20_240_102)
    ground = patches(rng, 12) + 0.7 * patches(rng, 3)
    crop = highest(ground, share)
    missed = patches(rng, 6) < -0.95
    invented = highest(patches(rng, 2), 0.16 * share) > 0
    seen = ((crop > 0) & ~missed) | (invented & (patches(rng, 12) + ground > 0))
    near = maximum_filter(seen, size=7)
    gone, came = patches(rng, 5) < -0.6, highest(ground + 1.5 * patches(rng, 5), 1.12 * share) > 0
    later = ((crop > 0) & ~gone) | (came & ~(crop > 0) & (patches(rng, 4) > 1.4))
    rows, cols = np.divmod(np.arange(SIDE**2), SIDE)
    return Country(
        name=name,
        crop=crop.ravel(),
        later=later.astype(float).ravel(),
        churned=np.roll(crop, 40, axis=1).ravel(),
        mapped=np.where(seen, 0, np.where(near, 1, 2)).ravel().astype(np.int64),
        region=(rows // 250 * 5 + cols // 200).astype(np.int64),
        district=(rows // 200 * 10 + cols // 100).astype(np.int64),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """A stratification of a country and a sample size for each stratum."""

    label: str
    """Name in the tables."""
    stratum: IntArray
    """Stratum code of each pixel."""
    counts: IntArray
    """Sample sizes."""

    @property
    def design(self) -> StratifiedDesign:
        """The strata as the program knows them."""
        sizes = np.bincount(self.stratum, minlength=self.counts.size)
        return StratifiedDesign.of_units([str(h) for h in range(sizes.size)], sizes, unit_area_ha=1.0)

    def members(self, crop: FloatArray) -> IntArray:
        """Count the pixels of a class in each stratum."""
        return np.bincount(self.stratum, weights=crop, minlength=self.counts.size).astype(np.int64)


def surveys(country: Country) -> Iterator[Survey]:
    """Yield the designs of the study."""
    flat, three = np.zeros(SIDE**2, dtype=np.int64), country.mapped
    yield Survey(label="simple random, n = 2000", stratum=flat, counts=np.array([2000]))
    yield Survey(label="map and rest, 300 + 600", stratum=np.minimum(three, 1), counts=np.array([300, 600]))
    for sizes in ([300, 300, 300], [300, 500, 1200], [500, 1000, 4000]):
        label = "map, edge, rest, " + " + ".join(map(str, sizes))
        yield Survey(label=label, stratum=three, counts=np.array(sizes))
    for n in (900, 2000):
        yield safe(country, three, n, "map, edge, rest")
    sixty = np.unique(country.region * 3 + three, return_inverse=True)[1].astype(np.int64)
    for n in (2000, 5000):
        yield safe(country, sixty, n, "3 in each of 20 regions", floor=15)


def safe(country: Country, stratum: IntArray, n: int, label: str, floor: int = 50) -> Survey:
    """Allocate by the rare-class-safe rule, expecting what a map alone lets one expect."""
    sizes = np.bincount(stratum)
    mapped = np.bincount(stratum, weights=country.mapped) / sizes
    expected = np.where(mapped < 0.5, 0.8, np.where(mapped < 1.5, 0.05, 0.0))
    if stratum.max() > 2:
        spread = np.sqrt(np.clip(expected, 0.002, 0.998) * (1 - np.clip(expected, 0.002, 0.998)))
        share = sizes * spread / (sizes * spread).sum()
        counts = np.minimum(np.maximum(np.rint(n * share), floor), sizes).astype(np.int64)
    else:
        counts = rare_class_safe(n, sizes, expected, unmapped=int(np.argmax(sizes)), floor=floor)
    return Survey(label=f"{label}, rare-class-safe, n = {counts.sum()}", stratum=stratum, counts=counts)


def score(bounds: Bounds, truth: float) -> tuple[float, float, float, float]:
    """Return coverage, share of upper limits below the truth, of lower limits above it, and mean width."""
    above, below = float((bounds.hi < truth - 1e-6).mean()), float((bounds.lo > truth + 1e-6).mean())
    return 1 - above - below, above, below, float((bounds.hi - bounds.lo).mean())


def area_rows(country: Country, draws: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield a table row for each design: coverages of areas."""
    for survey in surveys(country):
        design, members = survey.design, survey.members(country.crop)
        others = design.sizes - members
        x = rng.hypergeometric(members, others, survey.counts, size=(draws, members.size)).T.astype(float)
        strata = strata_of(design, survey.counts, fpc=True)
        value, variance = count_totals(x, survey.counts, design, fpc=True)
        se, truth = np.sqrt(variance), float(members.sum())
        bias = (value.mean() - truth) / value.std()
        cells = [survey.label, f"{bias:+.3f}", f"{np.sqrt(variance.mean()) / value.std():.3f}"]
        for name in METHODS:
            methods = interval_methods(name, x, strata, se)
            bounds = stratified_interval(x, strata, se, methods=methods, level=0.95)
            covered, above, below, width = score(bounds, truth)
            cells += [f"{covered:.3f}", f"{above:.3f}", f"{below:.3f}", f"{width:,.0f}"]
        held = (bounds.lo <= truth) & (bounds.hi >= truth)
        literal = (x < FEW_UNITS).any(axis=0) | (largest_unit_share(x, strata) > MATERIAL_SHARE)
        cells += flag_cells(low_count(x, strata), held) + flag_cells(literal, held)
        yield "| " + " | ".join(cells) + " |"


def flag_cells(flagged: BoolArray, held: BoolArray) -> list[str]:
    """Return how often a rule flags, and how often the interval holds where it does not."""
    free = ~flagged
    return [f"{flagged.mean():.2f}", f"{held[free].mean():.3f}" if free.sum() >= LEAST_FREE else "-"]


def change_rows(country: Country, draws: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield a table row for each design and second year: coverages and verdicts of change."""
    for survey in surveys(country):
        design = survey.design
        for label, later in (("fell or rose", country.later), ("moved, no net change", country.churned)):
            gain = survey.members((later > country.crop).astype(float))
            loss = survey.members((later < country.crop).astype(float))
            moved = [
                rng.multivariate_hypergeometric([g, lo, size - g - lo], n, size=draws)[:, :2].T
                for g, lo, size, n in zip(gain, loss, design.sizes, survey.counts, strict=True)
            ]
            came, left = (np.array([pair[k] for pair in moved], dtype=float) for k in (0, 1))
            truth = float(gain.sum() - loss.sum())
            cells = [survey.label, label, f"{truth:+,.0f}"]
            for method in ("wald", "default"):
                bounds = change_bounds(came, left, survey, method)
                covered, above, below, width = score(bounds, truth)
                spoken = float(((bounds.lo > 0) | (bounds.hi < 0)).mean())
                cells += [f"{covered:.3f}", f"{above:.3f}", f"{below:.3f}", f"{width:,.0f}", f"{spoken:.2f}"]
            yield "| " + " | ".join(cells) + " |"


def change_bounds(came: FloatArray, left: FloatArray, survey: Survey, method: str) -> Bounds:
    """Return the limits of change of many panels."""
    if method != "wald":
        return panel_bounds(came, left, survey.counts, survey.design, fpc=True, method=method)[0](0.95)
    n, sizes = survey.counts[:, None], survey.design.sizes[:, None]
    p, q = came / n, left / n
    value = (sizes * (p - q)).sum(axis=0)
    variance = (sizes**2 * (1 - n / sizes) * (p + q - (p - q) ** 2) / (n - 1)).sum(axis=0)
    half = 1.959964 * np.sqrt(variance)
    return Bounds(value - half, value + half)


def domain_rows(country: Country, repeats: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield a table row for each sample size: districts estimated directly and pooled."""
    three = country.mapped
    shape = (3, 50)
    sizes = class_counts(three, country.district, shape)
    truth = class_counts(three, country.district * 2 + country.crop.astype(np.int64), (3, 100))[:, 1::2].sum(axis=0)
    for n in ([100, 200, 700], [500, 1000, 4000]):
        survey = Survey(label=" + ".join(map(str, n)), stratum=three, counts=np.array(n))
        held: dict[str, list[FloatArray]] = {"direct": [], "pooled": []}
        for _ in range(repeats):
            at = draw_stratified(three, n, rng)
            stratum, district, crop = three[at], country.district[at], country.crop[at]
            found = class_counts(stratum[crop > 0], district[crop > 0], shape)
            direct = areas_of_counts(found, survey.counts, survey.design)
            pooled = pooled_domain_areas(
                stratum, crop, district, survey.design, domain_sizes=sizes.astype(np.int64)
            )
            for name, figures in (("direct", direct), ("pooled", pooled)):
                ceiling = np.array([max(one.value, min(one.hi, 20_000.0)) for one in figures])
                lo, value = np.array([one.lo for one in figures]), np.array([one.value for one in figures])
                held[name].append(np.stack([lo, ceiling, value, truth]))
        for name, parts in held.items():
            lo, hi, value, true = np.concatenate(parts, axis=1)
            covered, above, below, width = score(Bounds(lo - true, hi - true), 0.0)
            error = float(np.sqrt(((value - true) ** 2).mean()))
            cells = [survey.label, name, f"{covered:.3f}", f"{above:.3f}", f"{below:.3f}"]
            yield "| " + " | ".join([*cells, f"{width:,.0f}", f"{error:,.0f}", f"{true.mean():,.0f}"]) + " |"


def worst_rows(draws: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield a table row for each design: the worst any method does over fifteen truths of its last stratum."""
    three = ([9_434, 53_824, 936_742], [7_739, 1_413])
    cases: list[tuple[str, list[int], list[int], list[int]]] = [
        ("map, edge, rest; 300 each", *three, [300] * 3),
        ("map, edge, rest; 100, 200, 600", *three, [100, 200, 600]),
        ("map, edge, rest; 500, 1000, 4000", *three, [500, 1000, 4000]),
        ("hardly any crop mapped; 50, 50, 2000", three[0], [77, 14], [50, 50, 2000]),
        ("map and rest; 300, 600", [9_434, 990_566], [7_739], [300, 600]),
        ("one stratum, n = 50", [1_000_000], [], [50]),
        ("one stratum, n = 500", [1_000_000], [], [500]),
    ]
    for h, hits in ((2, 300), (4, 300), (10, 300), (40, 300), (40, 3_000), (40, 30_000)):
        label = f"{h} strata of 60; {60 * hits / 1e5:g} expected in each"
        cases.append((label, [100_000] * h, [hits] * (h - 1), [60] * h))
    for label, sizes, fixed, counts in cases:
        expected = np.geomspace(0.05, min(40.0, counts[-1] / 2), 15)
        found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in WORST}
        design = StratifiedDesign.of_units([str(h) for h in range(len(sizes))], sizes, unit_area_ha=1.0)
        strata = strata_of(design, np.array(counts), fpc=True)
        for last in np.rint(expected / counts[-1] * sizes[-1]).astype(int):
            members = np.array([*fixed, last])
            x = rng.hypergeometric(members, design.sizes - members, counts, size=(draws, len(counts))).T
            se = np.sqrt(count_totals(x.astype(float), np.array(counts), design, fpc=True)[1])
            for name in WORST:
                methods = interval_methods(name, x.astype(float), strata, se)
                bounds = stratified_interval(x.astype(float), strata, se, methods=methods, level=0.95)
                found[name].append(score(bounds, float(members.sum())))
        cells = [label]
        for name in WORST:
            scores = np.array(found[name])
            width = scores[:, 3].mean() / np.array(found["mover-jeffreys"])[:, 3].mean()
            cells += [f"{scores[:, 0].min():.3f}", f"{scores[:, 1:3].max():.3f}", f"{width:.2f}"]
        yield "| " + " | ".join(cells) + " |"


def report(draws: int) -> str:
    """Return all tables as Markdown."""
    lines: list[str] = []
    for name, share in (("rare", 0.01), ("regular", 0.2)):
        country, rng = make_country(name, share), np.random.default_rng(1)
        crop, mapped = float(country.crop.sum()), float((country.mapped == 0).sum())
        hits = float(country.crop[country.mapped == 0].sum())
        facts = (
            f"{crop:,.0f} ha of crop in 1,000,000 ha; {mapped:,.0f} ha mapped (user's accuracy "
            f"{hits / mapped:.2f}, producer's {hits / crop:.2f}). {draws:,} samples of each design; shares are "
            f"known to {1.96 * np.sqrt(0.05 * 0.95 / draws):.3f}."
        )
        lines += [f"## The {name} country", "", facts, "", "### Areas", "", AREA_NOTE, "", AREA_HEAD]
        lines += ["|" + "---|" * (4 + 4 * len(METHODS)), *area_rows(country, draws, rng), ""]
        lines += ["### Change between two years of a panel", "", CHANGE_NOTE, "", CHANGE_HEAD, "|" + "---|" * 13]
        lines += [*change_rows(country, min(draws, 4000), rng), ""]
        lines += ["### Fifty districts of 20,000 ha", "", DISTRICT_HEAD, "|" + "---|" * 8]
        lines += [*domain_rows(country, 100, rng), ""]
    lines += ["## The worst of fifteen truths", "", WORST_NOTE, "", WORST_HEAD, "|" + "---|" * (1 + 3 * len(WORST))]
    lines += [*worst_rows(min(draws, 4000), np.random.default_rng(2)), ""]
    return "\n".join(lines)


def main() -> None:
    """Print the study, or write it below the mark of a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10_000, help="samples of each design")
    parser.add_argument("--write", type=Path, help="page whose figures are to be replaced")
    given = parser.parse_args()
    text = report(given.draws)
    if given.write is None:
        print(text)
        return
    kept = given.write.read_text(encoding="utf-8").split(MARK)[0]
    given.write.write_text(f"{kept}{MARK}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
