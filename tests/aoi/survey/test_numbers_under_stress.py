"""Properties that any table of figures has, whatever the sample: what adds up, and what changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from aoi.survey.change import area_change
from aoi.survey.design import StratifiedDesign
from aoi.survey.domain import domain_areas
from aoi.survey.error_matrix import error_matrix
from aoi.survey.estimator import class_areas, membership
from geo.areas import polygon_areas_ha

CLASSES = 3
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Sample:
    """A stratified sample with the labels of two years, and three parts of the frame."""

    design: StratifiedDesign
    stratum: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    part: NDArray[np.int64]

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each part: large enough for any figure."""
        return np.full(3, self.design.total_area_ha)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw strata of very different sizes, two to forty units in each, and any labels."""
    strata = draw(st.integers(1, 5))
    counts = draw(st.lists(st.integers(2, 40), min_size=strata, max_size=strata))
    sizes = [count * draw(st.integers(1, 100_000)) for count in counts]
    unit_ha = draw(st.sampled_from([0.01, 0.09, 1.0, 25.0]))
    design = StratifiedDesign.of_units([f"s{i}" for i in range(strata)], sizes, unit_area_ha=unit_ha)
    stratum = np.repeat(np.arange(strata), counts)
    labels = arrays(np.int64, len(stratum), elements=st.integers(0, CLASSES - 1))
    return Sample(design, stratum, draw(labels), draw(labels), draw(labels))


def close(one: object, other: object, scale: float) -> bool:
    """Say whether two figures are the same to rounding: the root of a variance of 1e-16 is an error of 1e-8."""
    return bool(np.allclose(np.asarray(one), np.asarray(other), rtol=1e-9, atol=1e-8 * scale))


@QUICK
@given(samples())
def test_classes_add_up_to_the_frame(sample: Sample) -> None:
    """Law: every unit has one class, so the classes' areas are the frame's; no figure is negative or no number."""
    figures = class_areas(sample.stratum, membership(sample.after, CLASSES), sample.design)
    total = sample.design.total_area_ha
    assert close(sum(f.value for f in figures), total, total)
    for f in figures:
        assert np.isfinite([f.value, f.se, f.lo, f.hi]).all()
        assert 0 <= f.lo <= f.value <= f.hi <= total * (1 + 1e-12)


@QUICK
@given(samples())
def test_parts_add_up_to_the_whole(sample: Sample) -> None:
    """Law: figures of a partition of the frame add up to the frame's, in value and, class by class, in hectares."""
    crop = sample.after == 0
    inside = np.column_stack([sample.part == part for part in range(3)])
    parts = domain_areas(sample.stratum, crop, inside, sample.design, domain_area_ha=sample.areas)
    whole = class_areas(sample.stratum, crop, sample.design)[0]
    assert close(sum(p.value for p in parts), whole.value, sample.design.total_area_ha)


@QUICK
@given(samples(), st.randoms(use_true_random=False))
def test_order_of_units_changes_nothing(sample: Sample, chance: object) -> None:
    """Law: a sample is a set; the same units in another order give the same figures."""
    order = np.array(sorted(range(len(sample.stratum)), key=lambda _: chance.random()))  # type: ignore[attr-defined]
    one, other = (
        class_areas(sample.stratum[pick], membership(sample.after[pick], CLASSES), sample.design)
        for pick in (slice(None), order)
    )
    for a, b in zip(one, other, strict=True):
        assert close([a.value, a.se, a.lo, a.hi], [b.value, b.se, b.lo, b.hi], sample.design.total_area_ha)


@QUICK
@given(samples(), st.permutations(range(CLASSES)))
def test_names_of_classes_and_strata_change_nothing(sample: Sample, names: list[int]) -> None:
    """Law: classes under other codes, and strata in another order, give the same figures under their new names."""
    one = class_areas(sample.stratum, membership(sample.after, CLASSES), sample.design)
    renamed = class_areas(sample.stratum, membership(np.array(names)[sample.after], CLASSES), sample.design)
    total = sample.design.total_area_ha
    for code, a in enumerate(one):
        b = renamed[names[code]]
        assert close([a.value, a.se, a.lo, a.hi], [b.value, b.se, b.lo, b.hi], total)
    back = np.arange(sample.design.n_strata)[::-1]
    turned = StratifiedDesign(
        names=tuple(sample.design.names[i] for i in back),
        sizes=sample.design.sizes[back],
        areas_ha=sample.design.areas_ha[back],
    )
    for a, b in zip(one, class_areas(back[sample.stratum], membership(sample.after, CLASSES), turned), strict=True):
        assert close([a.value, a.se, a.lo, a.hi], [b.value, b.se, b.lo, b.hi], total)


@QUICK
@given(samples(), st.sampled_from([1e-3, 0.5, 7.0, 1e4]))
def test_units_of_area_scale_everything(sample: Sample, factor: float) -> None:
    """Law: cells of another size scale figures and limits alike; no probability changes."""
    design = sample.design
    assume(design.total_area_ha * factor < 1e9)
    scaled = StratifiedDesign(names=design.names, sizes=design.sizes, areas_ha=design.areas_ha * factor)
    crop = sample.after == 0
    a, b = class_areas(sample.stratum, crop, design)[0], class_areas(sample.stratum, crop, scaled)[0]
    assert close(np.array([a.value, a.se, a.lo, a.hi]) * factor, [b.value, b.se, b.lo, b.hi], scaled.total_area_ha)
    one, other = (area_change(sample.stratum, sample.before == 0, crop, each) for each in (design, scaled))
    assert close(one.p_value, other.p_value, 1.0)
    assert one.verdict == other.verdict


@QUICK
@given(samples())
def test_change_is_the_difference_and_turns_with_time(sample: Sample) -> None:
    """Law: the change is after less before, its interval holds it, and backwards it has the other sign."""
    before, after = sample.before == 0, sample.after == 0
    forth = area_change(sample.stratum, before, after, sample.design).difference
    back = area_change(sample.stratum, after, before, sample.design).difference
    one, other = (class_areas(sample.stratum, crop, sample.design)[0].value for crop in (before, after))
    total = sample.design.total_area_ha
    assert close(forth.value, other - one, total)
    assert forth.lo - 1e-9 * total <= forth.value <= forth.hi + 1e-9 * total
    assert close([forth.value, forth.se, forth.lo, forth.hi], [-back.value, back.se, -back.hi, -back.lo], total)


@QUICK
@given(samples(), st.integers(2, 4))
def test_more_units_of_the_same_kind_narrow_the_interval(sample: Sample, times: int) -> None:
    """Law: with each unit drawn several times over in a far larger frame no figure moves and no interval widens."""
    design = sample.design
    large = StratifiedDesign(names=design.names, sizes=design.sizes * 1000, areas_ha=design.areas_ha)
    crop = sample.after == 0
    few = class_areas(sample.stratum, crop, large)[0]
    many = class_areas(np.tile(sample.stratum, times), np.tile(crop, times), large)[0]
    total = large.total_area_ha
    assert close(few.value, many.value, total)
    assert many.se <= few.se + 1e-9 * total
    assert many.hi - many.lo <= (few.hi - few.lo) * (1 + 1e-9) + 1e-9 * total


@QUICK
@given(samples())
def test_error_matrix_adds_up(sample: Sample) -> None:
    """Law: cells add up to one, margins of the reference are the classes' areas, agreement is the diagonal."""
    names = [f"c{i}" for i in range(CLASSES)]
    matrix = error_matrix(sample.stratum, sample.before, sample.after, sample.design, names)
    assert close(matrix.proportions.sum(), 1.0, 1.0)
    assert close(matrix.overall.value, np.trace(matrix.proportions), 1.0)
    areas = class_areas(sample.stratum, membership(sample.after, CLASSES), sample.design)
    total = sample.design.total_area_ha
    assert close(matrix.proportions.sum(axis=0) * total, [a.value for a in areas], total)
    assert matrix.counts.sum() == len(sample.stratum)


def test_sums_of_very_large_strata_do_not_overflow() -> None:
    """Law: units beyond what 32 bits hold give the figure of the same shares in a small frame."""
    stratum, crop = np.repeat([0, 1], [50, 50]), np.tile([1, 0, 0, 0, 1], 20)
    sizes = np.array([4_000_000_000, 9_000_000_000_000])
    big = StratifiedDesign(names=("a", "b"), sizes=sizes, areas_ha=np.array([4e5, 9e8]))
    small = StratifiedDesign(
        names=("a", "b"), sizes=np.array([400_000, 900_000_000]), areas_ha=np.array([4e5, 9e8])
    )
    one, other = class_areas(stratum, crop, big)[0], class_areas(stratum, crop, small)[0]
    assert one.value == pytest.approx(other.value, rel=1e-12)
    assert one.hi == pytest.approx(other.hi, rel=1e-3)  # the finite population tells the two apart, and no more
    assert 0 < one.lo < one.value < one.hi < big.total_area_ha


@QUICK
@given(
    lon=st.floats(-75, -70),
    lat=st.floats(-15, 10),
    side=st.floats(0.001, 0.02),
    turns=st.integers(0, 3),
)
def test_hectares_do_not_depend_on_the_projection(lon: float, lat: float, side: float, turns: int) -> None:
    """Law: the same ground in UTM, in another zone and in an equal-area projection has the same hectares."""
    ring = [(lon, lat), (lon + side, lat), (lon + side, lat + side), (lon, lat + side)]
    shape = shapely.Polygon(ring[turns:] + ring[:turns])
    # Edges are straight in each projection, so they are told by many points
    layer = geopandas.GeoDataFrame(geometry=[shapely.segmentize(shape, side / 64)], crs=4326)
    areas = [float(polygon_areas_ha(layer.to_crs(code))[0]) for code in (32618, 32619, 6933)]
    assert areas == pytest.approx([areas[0]] * 3, rel=2e-6)
