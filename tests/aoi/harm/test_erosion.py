"""Erosion by the crop: the laws of every harm, a slow reading of the equations, bad input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.harm.erosion import erosion, erosion_draws, erosion_figures, erosion_map
from aoi.harm.factor import load_factors
from aoi.harm.mapped import rows_of_mapped
from aoi.harm.result import HarmRow
from aoi.harm.rusle import erodibility, length_steepness
from aoi.harm.sediment import Delivery, sediment_ratio
from aoi.harm.slopes import Cover, prepare_slopes
from geo.errors import InputError
from geo.hillslope import gradient_at
from tests.aoi.harm.ground import COCA, HA, KEY, NAMES, Place, fixed, frame_of, place, slopes_of, soil

N = 40


def rows_of(where: Place, area_ha: float | None = None, *, factors: Any = None, jobs: int = 1, **other: Any) -> Any:
    """Return rows by indicator, domain and part, the survey's area that of the map when not told."""
    slopes = slopes_of(where, **other)
    mapped = float(slopes.on_crop.sum() * HA)
    area = np.full(N, mapped if area_ha is None else area_ha)
    north = np.arange(where.z.size).reshape(where.z.shape) < where.z.size // 2
    domains = {"frame": slopes.at_plots(where.everywhere), "north": slopes.at_plots(north)}
    known = load_factors() if factors is None else factors
    rows = erosion(slopes, where.basin, domains, {"frame": area}, known, KEY, seed=5, jobs=jobs)
    return {(row.key.indicator, row.key.domain, row.key.part): row for row in rows}


def test_totals_are_those_of_plain_loops() -> None:
    """Brute force: R K LS C P of each plot before and after, delivered by the ratios of each cover."""
    where = place(2)
    factors = fixed(load_factors())
    slopes = slopes_of(where)
    drawn = erosion_draws(slopes, where.basin, frame_of(slopes), factors, n=30, seed=1)
    slopes = slopes_of(where, whole=True)
    hill, at = slopes.hill, slopes.hill.cells
    east, north = gradient_at(where.z, at, where.network.cell_m)
    slope = np.hypot(east, north)
    ls = length_steepness(
        np.minimum(slope, 0.55),
        (hill.upslope - 1) * 400.0,
        20.0,
        aspect_rad=np.arctan2(north, east),
        most_length_m=122,
    )
    k = erodibility(30.0, 40.0, 30.0, 1.5, structure=2, permeability=3, fine_sand_share=0.2)
    delivery = Delivery(0.8, 0.5, 2.0)
    added, delivered = [], []
    for equation in k.ravel():
        loss = {}
        for name, code in (("with", np.where(where.plot, COCA, where.before)), ("without", where.before)):
            cover = np.array([factors[f"c_{NAMES[one]}"].value for one in code.ravel()[at]])
            practice = np.array([factors[f"p_{NAMES[one]}"].value for one in code.ravel()[at]])
            tonnes = 6000 * equation * ls * cover * practice * HA
            loss[name] = tonnes.sum(), (tonnes * sediment_ratio(hill, slope, cover, delivery)).sum()
        added.append(loss["with"][0] - loss["without"][0])
        delivered.append(loss["with"][1] - loss["without"][1])
    found = set(np.round(drawn.added_t[:, 0] / 1e-3).astype(int))
    assert len(found) == 3
    for one, other in zip(sorted(set(np.round(drawn.added_t[:, 0], 6))), sorted(added), strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    totals = sorted(set(np.round(drawn.delivered_t.sum(axis=1), 6)))
    for one, other in zip(totals, sorted(delivered), strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    assert drawn.mapped_ha[0] == pytest.approx(where.plot.sum() * HA)


def test_parts_of_slopes_give_what_whole_slopes_give() -> None:
    """Law: what is left out is the same with and without the crop; loss and delivery do not miss it."""
    where = place(12, share=0.02)
    parts, whole = slopes_of(where), slopes_of(where, whole=True)
    assert 0 < parts.hill.cells.size < whole.hill.cells.size
    assert parts.aside.places.size > 0
    drawn = [erosion_draws(one, where.basin, frame_of(one), load_factors(), n=20, seed=4) for one in (parts, whole)]
    assert drawn[0].added_t == pytest.approx(drawn[1].added_t, rel=1e-9)
    assert drawn[0].delivered_t.sum(axis=1) == pytest.approx(drawn[1].delivered_t.sum(axis=1), rel=1e-6)
    with pytest.raises(InputError, match="whole slopes"):
        erosion_map(parts, load_factors())


def test_zero_plots_give_zero() -> None:
    """Law: no plots and no surveyed area, no harm; area without plots is not estimable, never zero."""
    where = place(3)
    none = np.zeros(where.z.shape, dtype=bool)
    rows = rows_of(where, 0.0, plot=none)
    for indicator in ("E1", "E2"):
        row = rows[indicator, "frame", ""]
        assert (row.value, row.lo, row.hi) == (0, 0, 0)
    assert rows_of(where, 12.0, plot=none)["E1", "frame", ""].state == "not_estimable"


def test_counterfactual_as_observed_gives_zero() -> None:
    """Law: plots that were the same cover before add nothing to loss or delivery, to the last bit."""
    where = place(4)
    standing = np.where(where.plot, COCA, where.before)
    same = replace(where, before=standing)
    rows = rows_of(same, observed=standing)
    for (indicator, domain, _), row in rows.items():
        if indicator != "E3" and domain == "frame" and row.state == "computed":
            assert (row.value, row.lo, row.hi) == (0, 0, 0)
    assert rows["E3", "frame", "above:11"].value > 0  # a level of the crop that stands there


def test_survey_scales_the_map() -> None:
    """Law: twice the surveyed area, twice the tonnes; the loss per hectare stays."""
    where = place(5)
    one, two = rows_of(where, 10.0), rows_of(where, 20.0)
    for key in (("E1", "frame", ""), ("E2", "frame", "")):
        assert two[key].value == pytest.approx(2 * one[key].value)
    assert two["E1", "frame", "per_hectare"] == one["E1", "frame", "per_hectare"]


@given(st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_loss_adds_up_over_plots_and_domains(seed: int) -> None:
    """Law: gross loss is additive over disjoint plots and over domains; sub-basins add up to the whole delivery."""
    where = place(seed, side=14, stream_ha=0.6)
    half = np.arange(where.z.size).reshape(where.z.shape) % 2 == 0
    factors, masks = load_factors(), {"frame": where.everywhere, "even": half, "odd": ~half}

    def total(plot: Any) -> Any:
        slopes = slopes_of(where, plot=plot)
        domains = {name: slopes.at_plots(mask) for name, mask in masks.items()}
        return erosion_draws(slopes, where.basin, domains, factors, n=5, seed=2)

    whole, even, odd = total(where.plot), total(where.plot & half), total(where.plot & ~half)
    assert even.added_t[:, 0] + odd.added_t[:, 0] == pytest.approx(whole.added_t[:, 0], rel=1e-6)
    assert whole.added_t[:, 1] + whole.added_t[:, 2] == pytest.approx(whole.added_t[:, 0], rel=1e-9, abs=1e-9)
    assert (whole.above_ha[:, :, 0] <= whole.mapped_ha[0] * (1 + 1e-9)).all()
    assert (np.diff(whole.above_ha[:, :, 0], axis=1) >= 0).all()  # a lower limit is passed by more


def test_rows_hold_their_value_and_threads_change_nothing() -> None:
    """Law: the same bits with one thread and with three; intervals hold values; sub-basins sum to the frame."""
    where = place(6)
    one, three = rows_of(where), rows_of(where, jobs=3)
    comparable: Any = lambda rows: [(k, r.value, r.lo, r.hi) for k, r in rows.items() if r.state == "computed"]  # noqa: E731
    assert comparable(one) == comparable(three)
    assert all(row.lo <= row.value <= row.hi for row in one.values() if row.state == "computed")
    assert one["E1", "north", ""].state == "not_estimable"
    assert one["E1", "north", "per_hectare"].state == "computed"
    slopes = slopes_of(where)
    drawn = erosion_draws(slopes, where.basin, frame_of(slopes), load_factors(), n=N, seed=5)
    area = {"frame": np.full(N, float(drawn.mapped_ha[0]))}
    rows = list(rows_of_mapped(erosion_figures(drawn), area, KEY, seed=5))
    parts = [row for row in rows if row.key.part.startswith("sub_basin")]
    assert len(parts) == len(drawn.basins) > 1
    fixed_rows = erosion_draws(slopes, where.basin, frame_of(slopes), fixed(load_factors()), n=1, seed=5)
    assert fixed_rows.delivered_t.sum() == pytest.approx(_delivered(where), rel=1e-6)


def _delivered(where: Place) -> float:
    """Return delivery of one basin that is the whole grid."""
    whole = np.ones(where.z.size, dtype=np.int32)
    slopes = slopes_of(where)
    drawn = erosion_draws(slopes, whole, frame_of(slopes), fixed(load_factors()), n=1, seed=5)
    assert drawn.basins == (1,)
    return float(drawn.delivered_t[0, 0])


def with_fresh_and_tracks(where: Place) -> tuple[Any, Any, Any]:
    """Return a cover whose plots are cleared in the year on every other row, with a track, and both masks."""
    row, col = np.indices(where.z.shape)
    fresh, track = where.plot & (row % 2 == 0), (col == 7) & ~where.plot
    names = (*NAMES, "new_clearing", "track")
    seen = np.where(where.plot, np.where(fresh, 4, COCA), np.where(track, 5, where.before))
    return (
        Cover(names=names, crop="coca", observed=seen, counterfactual=where.before, fresh=names[4], track=names[5]),
        fresh,
        track,
    )


def test_land_cleared_in_the_year_and_tracks_have_covers_of_their_own() -> None:
    """Brute force: R K LS C P of each cell at its own cover, delivered by ratios over whole slopes."""
    where, factors = place(13), fixed(load_factors())
    cover, fresh, track = with_fresh_and_tracks(where)
    given = {"erosivity": np.full(where.z.shape, 6000.0), "soil": np.full(where.z.shape, 0.03), "factors": factors}
    make: Any = lambda **more: prepare_slopes(  # noqa: E731
        where.network, where.stream, where.z, cover, HA, **given, **more
    )
    slopes, whole = make(), make(whole=True)
    assert slopes.on_crop.sum() * HA == pytest.approx(where.plot.sum() * HA)
    drawn = erosion_draws(slopes, where.basin, frame_of(slopes), factors, n=3, seed=1)
    hill, at = whole.hill, whole.hill.cells
    cp = np.array([factors[f"c_{one}"].value * factors[f"p_{one}"].value for one in cover.names])
    c = np.array([factors[f"c_{one}"].value for one in cover.names])
    delivery, bare = Delivery(0.8, 0.5, 2.0), whole.potential[0].astype(float) * HA
    codes = [one.ravel()[at] for one in (cover.observed, cover.counterfactual)]
    added = bare * (cp[codes[0]] - cp[codes[1]])
    ways = [bare * cp[code] * sediment_ratio(hill, whole.slope, c[code], delivery) for code in codes]
    delivered, on_track = ways[0] - ways[1], track.ravel()[at]
    assert drawn.added_t[0, 0] == pytest.approx(added[where.plot.ravel()[at]].sum(), rel=1e-5)
    assert drawn.fresh_t is not None
    assert drawn.fresh_t[0, 0] == pytest.approx(added[fresh.ravel()[at]].sum(), rel=1e-5)
    assert 0 < drawn.fresh_t[0, 0] < drawn.added_t[0, 0]
    assert drawn.track_t[0, 0] == pytest.approx(added[on_track].sum(), rel=1e-5)
    assert drawn.delivered_t[0].sum() == pytest.approx(delivered[~on_track].sum(), rel=1e-4)
    assert drawn.track_delivered_t[0] == pytest.approx(delivered[on_track].sum(), rel=1e-4)
    loss = (whole.potential[0] * cp[codes[0]])[where.plot.ravel()[at]]
    assert drawn.above_ha[0, :, 0] == pytest.approx([(loss > limit).sum() * HA for limit in (11, 5, 2)])


def test_tracks_count_by_what_they_cover_and_unknown_clearings_are_told() -> None:
    """Law: a track's figure is that of its cells times their covered share, whatever the survey's area of crop."""
    where = place(13)
    cover, _, _ = with_fresh_and_tracks(where)
    given = {"erosivity": np.full(where.z.shape, 6000.0), "soil": np.full(where.z.shape, 0.03)}
    slopes = prepare_slopes(where.network, where.stream, where.z, cover, HA, factors=load_factors(), **given)
    drawn = erosion_draws(slopes, where.basin, frame_of(slopes), load_factors(), n=N, seed=1)
    share = np.linspace(0.4, 0.8, N)
    found = {(one.indicator, one.part): one for one in erosion_figures(drawn, track_share=share)}
    for key, whole in ((("E1", "tracks"), drawn.track_t[:, 0]), (("E2", "tracks"), drawn.track_delivered_t)):
        assert found[key].draws.tolist() == (whole * share).tolist()
        assert not found[key].scaled
    assert ("E1", "tracks") not in {(one.indicator, one.part) for one in erosion_figures(drawn)}
    without = rows_of(where)["E1", "frame", "new_clearing"]
    assert without.state == "not_computed"
    assert "counts as crop in use" in without.reason
    with pytest.raises(InputError, match="no cover track"):
        Cover(names=NAMES, crop="coca", observed=where.before, counterfactual=where.before, track="track")


def test_map_conserves_mass() -> None:
    """Law: what is added is delivered, kept on slopes or held at streams; plots add, no other cell loses more."""
    where = place(7)
    slopes = slopes_of(where, whole=True)
    found = erosion_map(slopes, load_factors())
    added = (found.added_t_ha * slopes.area_ha).sum()
    assert found.delivered_t.sum() + found.kept_t.sum() + found.held_t.sum() == pytest.approx(added)
    assert (found.added_t_ha[slopes.observed == slopes.counterfactual] == 0).all()
    assert (found.added_t_ha[slopes.on_crop] > 0).all()


def test_factors_are_shared_and_the_year_counts() -> None:
    """Law: a wetter year scales the loss by its anomaly; one factor draw holds for all cells."""
    where = place(8)
    plain = fixed(load_factors())
    mean = rows_of(where, factors=plain)["E1", "frame", ""].value
    wet = rows_of(where, factors=plain, anomaly=np.full(where.z.shape, 1.5))["E1", "frame", ""].value
    assert wet == pytest.approx(1.5 * mean, rel=1e-6)
    only = replace(plain["c_coca"], shape="uniform", lo=0.15, hi=0.35)
    varied = rows_of(where, factors=plain | {"c_coca": only})["E1", "frame", ""]
    central = rows_of(where, factors=plain | {"c_coca": replace(only, shape="fixed", value=0.15)})
    assert varied.hi > mean > varied.lo > 0
    assert varied.lo == pytest.approx(central["E1", "frame", ""].value, rel=0.4)


def test_known_erodibility_replaces_the_equations() -> None:
    """Literal K: loss is proportional to it; K in US units is refused by its size."""
    where = place(9)
    plain = fixed(load_factors())
    one, two = (
        rows_of(where, factors=plain, soil=np.full(where.z.shape, k))["E1", "frame", ""] for k in (0.02, 0.04)
    )
    assert two.value == pytest.approx(2 * one.value, rel=1e-6)
    with pytest.raises(InputError, match=r"0\.1317"):
        slopes_of(where, soil=np.full(where.z.shape, 0.31))


def test_holes_of_inputs_are_told_all_at_once() -> None:
    """Literal holes: erosivity, soil and cover without value are told by name; none counts as zero."""
    where = place(10)
    bad = np.full(where.z.shape, np.nan)
    seen = np.where(where.plot, COCA, -1)
    with pytest.raises(InputError) as told:
        slopes_of(where, erosivity=bad, soil=bad, observed=seen)
    assert [problem.where for problem in told.value.problems] == ["land cover", "erosivity", "erodibility"]
    with pytest.raises(InputError, match="check unit"):
        slopes_of(where, erosivity=np.full(where.z.shape, 65_535.0))
    for name, shown in (("erosivity", "erosivity"), ("soil", "erodibility"), ("anomaly", "Fournier anomaly")):
        with pytest.raises(InputError, match=f"{shown}: found 0 in 100 % of the hillslopes"):
            slopes_of(where, **{name: np.zeros(where.z.shape)})
    loam = soil(where.z.shape)
    with pytest.raises(InputError, match=r"organic carbon: found up to 0\.015 percent"):
        slopes_of(where, soil=replace(loam, organic_carbon=np.full(where.z.shape, 0.015)))
    unknown = replace(slopes_of(where), names=("lupin",))
    with pytest.raises(InputError, match="no c_lupin, p_lupin"):
        erosion_draws(unknown, where.basin, {}, load_factors(), n=1, seed=1)
    with pytest.raises(InputError, match="at_plots"):
        erosion_draws(
            slopes_of(where), where.basin, {"frame": where.everywhere.ravel()}, load_factors(), n=1, seed=1
        )
    with pytest.raises(InputError, match="no cover hemp"):
        Cover(names=NAMES, crop="hemp", observed=where.before, counterfactual=where.before)


def test_every_cover_has_factors_with_source_and_mark() -> None:
    """Law: no factor of an illicit crop is told as verified; ranges hold their value."""
    factors = load_factors()
    for crop in ("coca", "opium_poppy", "cannabis"):
        assert factors[f"c_{crop}"].mark == "unverified"
        assert factors[f"c_{crop}"].shape == "uniform"
    covers = [name[2:] for name in factors if name.startswith("c_")]
    assert all(f"p_{name}" in factors for name in covers)


def test_grade_falls_where_crop_is_steeper_than_experience() -> None:
    """By hand: an uncalibrated model is graded C, and D where most crop stands on slopes that no plot had."""
    where = place(11)
    slopes = slopes_of(where)
    steep = {limit: 100 * float((slopes.slope[slopes.on_crop] > limit).mean()) for limit in (0.18, 0.55)}
    assert steep[0.18] > 50 > steep[0.55] > 0
    rows = rows_of(where)
    assert {row.key.grade for row in rows.values()} == {"D"}
    for limit, share in steep.items():
        assert rows["E3", "frame", f"steeper:{limit:g}"].value == pytest.approx(share)
    flat = replace(where, z=where.z / 20)
    gentle: list[HarmRow] = list(rows_of(flat).values())
    assert {row.key.grade for row in gentle} == {"C"}


def test_slopes_steeper_than_any_tried_count_as_the_steepest_tried() -> None:
    """Law: ground at twice the limit loses what ground at the limit does; a user's own limit is taken."""
    where = place(6)
    steep = slopes_of(where)
    held = replace(load_factors()["slope_held_at"], value=0.2)
    other = slopes_of(where, factors=load_factors() | {"slope_held_at": held})
    below = steep.slope <= 0.2
    assert 0 < below.sum() < below.size
    assert (other.potential[:, below] == steep.potential[:, below]).all()
    assert (other.potential[:, ~below] < steep.potential[:, ~below]).all()
    assert (other.slope == steep.slope).all()  # the way of water and sediment knows the slope as it is
