"""Potential loads: references O-12, O-13, O-18 and S8, a slow reading of the equations, the laws of every harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.harm.carried import paths_of
from aoi.harm.concentration import concentration_ug_l, discharge_m3_s
from aoi.harm.contamination import Waters, contamination
from aoi.harm.factor import load_factors
from aoi.harm.groundwater import drastic_index, leaching_index, topography_rating
from aoi.harm.loads import CLASSES, ClassLoad, load_draws, read_loads, shipped_loads, with_own_loads
from aoi.harm.result import HarmRow
from aoi.harm.sediment import Delivery, sediment_ratio
from aoi.harm.slopes import Cover, prepare_slopes
from geo.errors import InputError
from geo.flow import accumulate
from geo.stream import Stream, carried, shortest_way_m, stream_below
from tests.aoi.harm.ground import COCA, CROP, HA, KEY, NAMES, Place, fixed, frame_of, place, slopes_of, soil

N = 30
HEADER = "crop,country,year,class,stage,unit,low,mid,high,source,page,mark\n"


def certain(loads: tuple[ClassLoad, ...]) -> tuple[ClassLoad, ...]:
    """Return loads without any spread."""
    return tuple(replace(one, low=one.mid, high=one.mid) for one in loads)


def rows_of(where: Place, area_ha: float | None = None, **other: Any) -> dict[tuple[str, str, str], HarmRow]:
    """Return rows by indicator, domain and part, the survey's area that of the map when not told."""
    plot = other.pop("plot", where.plot)
    slopes = slopes_of(where, plot=plot, observed=other.pop("observed", None))
    mapped = float(slopes.on_crop.sum() * HA)
    area = np.full(N, mapped if area_ha is None else area_ha)
    given: dict[str, Any] = {"loads": shipped_loads(), "factors": load_factors(), "key": KEY, "seed": 3} | other
    domains = frame_of(slopes)
    found = contamination(slopes, where.network, domains, {"frame": area}, **given)
    rows = {(row.key.indicator, row.key.domain, row.key.part): row for row in found}
    assert len(rows) == len(found)
    return rows


def test_o12_decay_in_a_chain_of_streams() -> None:
    """Reference O-12: six cells, a day each, 0.1 per day; and without decay."""
    chain = Stream(
        np.arange(6, dtype=np.int32),
        np.array([1, 2, 3, 4, 5, -1], dtype=np.int32),
        np.full(6, 43_200.0, dtype=np.float32),
    )
    entering = [100.0, 0, 0, 50.0, 0, 0]
    kept = np.full(6, np.exp(-0.1 * 43_200 / 0.5 / 86_400))  # half a metre a second
    expected = [100, 90.48374, 81.87308, 124.08182, 112.27388, 101.58960]
    assert carried(chain, entering, kept) == pytest.approx(expected, rel=1e-6)
    assert carried(chain, entering, np.ones(6)).tolist() == [100, 100, 100, 150, 150, 150]
    assert shortest_way_m(chain, [0, 3]).tolist() == [0, 43_200, 86_400, 0, 43_200, 86_400]


def test_o13_concentration() -> None:
    """Reference O-13: 100 kg a year in one cubic metre a second is 3.1688 micrograms per litre."""
    assert float(concentration_ug_l(100.0, 1.0)) == pytest.approx(3.1688, abs=5e-5)
    with pytest.raises(InputError, match="not above 0"):
        concentration_ug_l(100.0, 0.0)


def test_o18_leaching_vulnerability_and_water() -> None:
    """Reference O-18: GUS 2.9542; DRASTIC 23 to 230; a plant's season takes 3,405 L."""
    assert float(leaching_index(30, 100)) == pytest.approx(2.9542, abs=5e-5)
    names = ("depth_to_water", "recharge", "aquifer_media", "soil_media", "topography", "impact_of_vadose_zone",
             "conductivity")  # fmt: skip
    assert float(drastic_index(dict.fromkeys(names, 1))) == 23
    assert float(drastic_index(dict.fromkeys(names, 10))) == 230
    assert float(drastic_index(dict(zip(names, range(1, 8), strict=True)))) == 5 + 8 + 9 + 8 + 5 + 30 + 21
    assert topography_rating([0.02, 0.0201, 0.06, 0.12, 0.18, 0.5]).tolist() == [10, 9, 9, 5, 3, 1]
    assert load_factors()["cannabis_plant_water"].value * 150 == pytest.approx(3405)
    with pytest.raises(InputError, match="1 to 10"):
        drastic_index(dict.fromkeys(names, 0))
    with pytest.raises(InputError, match="depth_to_water"):
        drastic_index({"recharge": 3})
    with pytest.raises(InputError, match="not above 0"):
        leaching_index(0, 100)


def test_s8_loads_of_2005() -> None:
    """Reference S8: 85,000 t and 12 million L on 86,000 ha."""
    loads = {(one.crop, one.substance): one for one in shipped_loads()}
    assert loads["coca", "fertiliser"].mid == pytest.approx(85_000 / 86_000, abs=5e-4)
    assert loads["coca", "herbicide"].mid == pytest.approx(12e6 / 86_000, abs=0.05)
    draws = load_draws(shipped_loads(), n=20_000, seed=1)["coca", "processing_waste"]
    assert np.median(draws) == pytest.approx(0.8, rel=0.03)
    assert np.log(draws).std() == pytest.approx(np.log(2.5), rel=0.02)


def test_no_reagent_and_nothing_per_kilogram() -> None:
    """Law: loads are by class and hectare; no file of the program holds another unit."""
    assert {one.substance for one in shipped_loads()} <= set(CLASSES)
    assert {one.unit for one in shipped_loads()} <= {"t/ha/yr", "kg/ha/yr", "L/ha/yr"}
    assert all(one.source for one in shipped_loads())


def test_own_loads_replace_and_are_checked(tmp_path: Path) -> None:
    """Literal tables: own classes take the place of the total; each wrong row is told at once."""
    table = tmp_path / "annex.csv"
    table.write_text(HEADER + "coca,CO,2022,mineral_acids,processing,t/ha/yr,0.01,0.02,0.04,Annex,12,verified\n")
    loads = with_own_loads(shipped_loads(), read_loads(table))
    coca = [one.substance for one in loads if one.crop == "coca"]
    assert coca == ["fertiliser", "herbicide", "mineral_acids"]
    table.write_text(
        HEADER
        + "coca,CO,2022,sulphur,processing,t/ha/yr,1,2,3,Annex,12,verified\n"
        + "coca,CO,2022,oxidisers,processing,kg/kg,1,2,3,Annex,12,verified\n"
        + "coca,CO,2022,oxidisers,field,t/ha/yr,3,2,1,,12,verified\n"
    )
    with pytest.raises(InputError) as told:
        read_loads(table)
    text = str(told.value)
    for part in (
        "row 2",
        "no reagent by name",
        "row 3",
        "never per kilogram of drug",
        "row 4",
        "no source",
        "stage",
    ):
        assert part in text
    table.write_text("crop,load\ncoca,1\n")
    with pytest.raises(InputError, match="columns crop, load"):
        read_loads(table)
    with pytest.raises(InputError, match=r"missing\.csv"):
        read_loads(tmp_path / "missing.csv")


def test_w1_is_load_less_that_of_licit_crops() -> None:
    """By hand: hectares by cover before, the crop's load on all of them, the licit one where crops stood."""
    where = place(1)
    rows = rows_of(where, loads=certain(shipped_loads()))
    plots, licit = where.plot.sum() * HA, (where.plot & (where.before == CROP)).sum() * HA
    assert rows["W1", "frame", "fertiliser"].value == pytest.approx(0.988 * plots - 0.2 * licit)
    assert rows["W1", "frame", "herbicide"].value == pytest.approx(139.5 * plots - 4 * licit)
    assert rows["W1", "frame", "herbicide"].key.unit == "L/yr"
    assert rows["W2", "frame", "processing_waste"].value == pytest.approx(0.8 * plots)
    assert "assumed-place" in rows["W2", "frame", "processing_waste"].key.method


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_what_flows_out_is_what_reached_the_streams(seed: int) -> None:
    """Law: without decay all that reaches a stream leaves; decay and the way down only take away."""
    where = place(seed, side=14, stream_ha=0.6)
    rows = rows_of(replace(where, before=where.before * 0))  # forest before: no licit load is taken off
    for one, load in (("fertiliser", "W1"), ("processing_waste", "W2")):
        reached = rows["W3", "frame", f"{one}:sediment"], rows["W3", "frame", f"{one}:dissolved"]
        whole, decayed = rows["W4", "frame", f"{one}:outflow_no_decay"], rows["W4", "frame", f"{one}:outflow"]
        assert all(row.lo >= 0 for row in (*reached, whole, decayed))
        assert whole.hi <= rows[load, "frame", one].hi
        assert decayed.hi <= whole.hi * (1 + 1e-12)
    certainly = rows_of(replace(where, before=where.before * 0), loads=certain(shipped_loads()),
                        factors=fixed(load_factors(), erosivity_error=1.0), )  # fmt: skip
    parts = [certainly["W3", "frame", f"fertiliser:{part}"] for part in ("sediment", "dissolved")]
    total = sum((np.array([row.lo, row.hi]) for row in parts), np.zeros(2))
    assert certainly["W4", "frame", "fertiliser:outflow_no_decay"].hi <= total[1] * (1 + 1e-9)
    assert certainly["W4", "frame", "fertiliser:outflow_no_decay"].lo >= total[0] * (1 - 1e-9)


def test_dissolved_and_bound_by_plain_loops() -> None:
    """Brute force: each plot's way followed cell by cell, for one equation of K and fixed factors."""
    where = replace(place(4), before=place(4).before * 0)
    factors = fixed(load_factors())
    slopes = slopes_of(where, soil=np.full(where.z.shape, 0.03), factors=factors, whole=True)
    area = {"frame": np.full(2, float(slopes.on_crop.sum() * HA))}
    rows = {row.key.part: row for row in contamination(
        slopes, where.network, frame_of(slopes), area, certain(shipped_loads()), factors, KEY, seed=1)
        if row.key.indicator == "W3"}  # fmt: skip
    hill = slopes.hill
    cover = np.array([factors[f"c_{NAMES[one]}"].value for one in slopes.observed])
    ratio = sediment_ratio(hill, slopes.slope, cover, Delivery(0.8, 0.5, 2.0))
    loss = slopes.potential[0] * cover * factors["p_coca"].value
    natural = slopes.observed == 0
    bound = dissolved = 0.0
    for start in np.flatnonzero(slopes.on_crop):
        way, kept = [int(start)], 0.0
        while hill.ahead[way[-1]] >= 0:
            way.append(int(hill.ahead[way[-1]]))
        for cell in reversed(way):
            gone = np.exp(-5 * hill.step_m[cell] / 150.0)
            kept = max(kept, kept * gone + (0.6 if natural[cell] else 0.2) * (1 - gone))
        arrives = 1.0 if hill.on_stream[start] else ratio[start] / 0.8 * (1 - kept)
        bound += HA * min(loss[start] / 650, 1) * ratio[start]
        dissolved += HA * arrives
    assert rows["fertiliser:sediment"].value == pytest.approx(0.988 * 0.4 * bound, rel=1e-5)
    assert rows["fertiliser:dissolved"].value == pytest.approx(0.988 * 0.6 * 0.15 * dissolved, rel=1e-5)
    active = 139.5 * 0.36
    assert rows["herbicide:dissolved"].value == pytest.approx(active * 0.45 * 0.02 * dissolved, rel=1e-5)
    assert rows["herbicide:dissolved"].key.unit == "kg/yr"


def test_zero_plots_give_zero_and_unmapped_area_no_figure() -> None:
    """Law: nothing grown, nothing brought or carried; area that the map lacks is not estimable."""
    where = place(5)
    none = np.zeros(where.z.shape, dtype=bool)
    flow = discharge_m3_s(where.network, np.full(where.z.shape, 800.0))
    rows = rows_of(where, 0.0, plot=none, waters=Waters(discharge=flow, people=where.everywhere * 1.0))
    computed = [row for row in rows.values() if row.state == "computed" and row.key.indicator != "W6"]
    assert len(computed) > 8
    assert all((row.value, row.lo, row.hi) == (0, 0, 0) for row in computed)
    rows = rows_of(where, 5.0, plot=none)
    assert {rows[key].state for key in (("W1", "frame", "fertiliser"), ("W3", "frame", "fertiliser:sediment"))} == {
        "not_estimable"
    }


def test_counterfactual_as_observed_gives_zero() -> None:
    """Law: a crop that stood there before brings nothing new, to the last bit."""
    where = place(6)
    standing = np.where(where.plot, COCA, where.before)
    rows = rows_of(replace(where, before=standing), observed=standing)
    for (indicator, _, _), row in rows.items():
        if row.state == "computed" and indicator in ("W1", "W2", "W3", "W4"):
            assert row.value == pytest.approx(0, abs=1e-9)


def test_doubling_area_doubles_the_load() -> None:
    """Law: twice the surveyed area, twice W1 to W4 and the highest concentration."""
    where = place(7)
    waters = Waters(discharge=discharge_m3_s(where.network, np.full(where.z.shape, 800.0)))
    one, two = rows_of(where, 10.0, waters=waters), rows_of(where, 20.0, waters=waters)
    for key, row in one.items():
        if row.state == "computed" and key[0] in ("W1", "W2", "W3", "W4"):
            assert two[key].value == pytest.approx(2 * row.value, rel=1e-9)


def test_threads_change_nothing() -> None:
    """Law: the same bits with one thread and with three."""
    where = place(8)
    one, three = rows_of(where), rows_of(where, jobs=3)
    told: Any = lambda rows: [(k, r.value, r.lo, r.hi) for k, r in rows.items() if r.state == "computed"]  # noqa: E731
    assert told(one) == told(three)


def test_concentration_is_load_over_flow_at_the_worst_place() -> None:
    """Independent sums: the load accumulated by the grid's own routing, over the flow, in one fixed draw."""
    where = replace(place(9), before=place(9).before * 0)
    factors = fixed(load_factors(), half_life_fertiliser=1e12)
    flow = discharge_m3_s(where.network, np.full(where.z.shape, 500.0))
    plain = {"factors": factors, "loads": certain(shipped_loads())}
    rows = rows_of(where, waters=Waters(discharge=flow), **plain)
    highest = rows["W4", "frame", "fertiliser:highest"]
    whole = rows["W4", "frame", "fertiliser:outflow_no_decay"]
    assert rows["W4", "frame", "fertiliser:outflow"].value == pytest.approx(whole.value, rel=1e-6)
    at_outlets = concentration_ug_l(whole.value * 1000, flow.max())
    assert highest.value > at_outlets * 0.5
    none = rows_of(where, **plain)["W4", "frame", "fertiliser:highest"]
    assert none.state == "not_computed"
    assert none.reason == "no flow of streams was given"
    cells = np.count_nonzero(where.stream)  # none is longer than its diagonal
    assert 0 < rows["W5", "frame", "herbicide:above_screening"].value <= cells * 20 * np.sqrt(2) / 1000
    assert accumulate(where.network, np.ones(where.z.shape)).max() * 0.5 * 400 / 31_557_600 == pytest.approx(
        flow.max()
    )


def test_exposure_counts_people_once_and_in_total_alone() -> None:
    """Literal people: all of them when the water runs for long, fewer when they live far from it."""
    where = place(10)
    people = np.zeros(where.z.shape)
    people[::5, ::5] = 3.0
    far = fixed(load_factors(), exposure_days=1e6, exposure_distance=1e6)
    rows = rows_of(where, waters=Waters(people=people, intakes=people > 0), factors=far)
    assert rows["W5", "frame", "people"].value == people.sum()
    assert rows["W5", "frame", "intakes"].value == (people > 0).sum()
    near = fixed(load_factors(), exposure_distance=20.0)
    assert (
        0 < rows_of(where, waters=Waters(people=people), factors=near)["W5", "frame", "people"].value < people.sum()
    )
    assert rows_of(where)["W5", "frame", "people"].state == "not_computed"
    with pytest.raises(InputError, match="no-data"):
        rows_of(where, waters=Waters(people=np.full(where.z.shape, -9999.0)))


def test_vulnerability_holds_no_load() -> None:
    """Law: the vulnerability of the ground does not change with the load, and is not given where it has holes."""
    where = place(11)
    index = np.full(where.z.shape, 120.0)
    index[where.plot] = 150.0
    one, two = (rows_of(where, area, waters=Waters(vulnerability=index)) for area in (10.0, 20.0))
    assert one["W6", "frame", "vulnerability"] == two["W6", "frame", "vulnerability"]
    assert one["W6", "frame", "vulnerability"].value == pytest.approx(150)
    assert one["W6", "frame", "vulnerability_high"].value == 100
    index[where.plot] = np.nan
    assert (
        rows_of(where, waters=Waters(vulnerability=index))["W6", "frame", "vulnerability"].state == "not_estimable"
    )
    with pytest.raises(InputError, match="23 to 230"):
        rows_of(where, waters=Waters(vulnerability=np.full(where.z.shape, 3.0)))


def test_water_of_irrigated_crops() -> None:
    """By hand: poppy takes its own water less that of licit crops, coca none; stress is of all that flows off."""
    where = place(12)
    assert rows_of(where)["W7", "frame", "irrigation"].state == "not_computed"
    names = tuple("opium_poppy" if name == "coca" else name for name in NAMES)
    slopes = replace(slopes_of(where), names=names)
    mapped = float(slopes.on_crop.sum() * HA)
    licit = float((slopes.on_crop & (slopes.counterfactual == CROP)).sum() * HA)
    flow = discharge_m3_s(where.network, np.full(where.z.shape, 1000.0))
    found = contamination(
        slopes,
        where.network,
        frame_of(slopes),
        {"frame": np.full(N, mapped)},
        shipped_loads(),
        fixed(load_factors()),
        replace(KEY, crop="opium_poppy"),
        seed=1,
        waters=Waters(discharge=flow),
    )
    rows = {row.key.part: row for row in found if row.key.indicator == "W7"}
    volume = 5000 * 0.95 * mapped - 4000 * 0.7 * licit
    assert rows["irrigation"].value == pytest.approx(volume)
    rain = where.z.size * 400.0  # a metre of runoff
    assert rows["water_stress"].value == pytest.approx(100 * volume / rain, rel=1e-6)


def test_eradication_is_a_source_of_its_own() -> None:
    """Law: herbicide of spraying is told apart, zero when none was sprayed, and no row when nobody told."""
    where = place(13)
    plain = fixed(load_factors())
    assert ("W1", "frame", "eradication_herbicide") not in rows_of(where)
    none = rows_of(where, waters=Waters(sprayed_ha=0.0))
    some = rows_of(where, waters=Waters(sprayed_ha=100.0), factors=plain)
    assert none["W1", "frame", "eradication_herbicide"].value == 0
    assert some["W1", "frame", "eradication_herbicide"].value == pytest.approx(499)
    assert some["W1", "frame", "herbicide"].key.unit == "L/yr"  # untouched by it
    with pytest.raises(InputError, match="sprayed area"):
        rows_of(where, waters=Waters(sprayed_ha=-1.0))


def test_tracks_and_new_clearings_bring_what_the_crop_brings() -> None:
    """Law: a track brings no load and puts nobody below plots; a new clearing is given what other crop is."""
    where = place(14)
    names, track = (*NAMES, "new_clearing", "track"), np.zeros(where.z.shape, dtype=bool)
    track[:, 3] = ~where.plot[:, 3]
    fresh = where.plot & (np.indices(where.z.shape)[0] % 2 == 0)
    found = {}
    for name, seen in {
        "plain": np.where(where.plot, COCA, where.before),
        "both": np.where(track, 5, np.where(fresh, 4, np.where(where.plot, COCA, where.before))),
    }.items():
        cover = Cover(
            names=names, crop="coca", observed=seen, counterfactual=where.before, fresh=names[4], track=names[5]
        )
        slopes = prepare_slopes(
            where.network, where.stream, where.z, cover, HA, erosivity=np.full(where.z.shape, 6000.0),
            soil=soil(where.z.shape), factors=load_factors(),
        )  # fmt: skip
        domains = frame_of(slopes)
        area = {"frame": np.full(N, float(slopes.on_crop.sum() * HA))}
        rows = contamination(
            slopes, where.network, domains, area, shipped_loads(), load_factors(), KEY, seed=3,
            waters=Waters(people=where.everywhere * 1.0),
        )  # fmt: skip
        found[name] = {(row.key.indicator, row.key.part): row for row in rows}
    plain, both = found["plain"], found["both"]
    for key in (("W1", "fertiliser"), ("W1", "herbicide"), ("W2", "processing_waste"), ("W5", "people")):
        assert (both[key].value, both[key].hi) == pytest.approx((plain[key].value, plain[key].hi))
    more = both["W3", "fertiliser:sediment"].value / plain["W3", "fertiliser:sediment"].value
    assert more > 1.1  # bare ground loses more of what is bound to it
    assert both["W3", "fertiliser:dissolved"].value > 0


def test_every_row_is_potential_and_graded_d() -> None:
    """Law: grade D throughout; no factor of loads or fate that was not read is called verified."""
    rows = rows_of(place(14))
    assert {row.key.grade for row in rows.values()} == {"D"}
    assert all("load" in row.key.method for row in rows.values())


def test_units_that_do_not_subtract_are_refused() -> None:
    """Literal loads: litres against tonnes of one class, litres of fertiliser, flow off streams."""
    where = place(15)
    loads = tuple(
        replace(one, unit="L/ha/yr") if (one.crop, one.substance) == ("crop", "fertiliser") else one
        for one in shipped_loads()
    )
    with pytest.raises(InputError, match="as of the crop"):
        rows_of(where, loads=loads)
    litres = tuple(replace(one, unit="L/ha/yr") for one in shipped_loads() if one.substance == "fertiliser")
    with pytest.raises(InputError, match="litres are for pesticides"):
        rows_of(where, loads=litres)
    with pytest.raises(InputError, match="no flow on any stream"):
        rows_of(where, waters=Waters(discharge=np.full(where.z.shape, np.nan)))
    with pytest.raises(InputError, match="warp it"):
        rows_of(where, waters=Waters(discharge=np.ones((2, 2))))


def test_streams_below_entries() -> None:
    """Literal network: cells below the entries alone, places found in any order, others refused."""
    where = place(16, side=12)
    inner = int(np.flatnonzero(where.network.downstream != np.arange(144))[5])
    below = stream_below(where.network, [inner, inner])
    way = [inner]
    while where.network.downstream[way[-1]] != way[-1]:
        way.append(int(where.network.downstream[way[-1]]))
    assert below.cells.tolist() == way
    assert below.places(way[::-1]).tolist() == list(range(len(way)))[::-1]
    other = next(cell for cell in range(144) if cell not in way)
    with pytest.raises(InputError, match="no part of it"):
        below.places([other])
    with pytest.raises(InputError, match="one each"):
        carried(below, [1.0], [1.0])


def own_loads() -> tuple[ClassLoad, ...]:
    """Return one class of processing without spread."""
    return tuple(
        one for one in certain(shipped_loads()) if one.substance == "processing_waste" and one.crop == "coca"
    )


def test_known_places_of_processing_are_where_the_load_sets_out() -> None:
    """Law: the load is the same, its place another: what enters streams comes from the sites alone."""
    where = place(17)
    sites = np.flatnonzero(~where.stream & ~where.plot.ravel())[[5, 60]].astype(np.int32)
    factors = fixed(load_factors())
    slopes = slopes_of(where, also=sites)
    mapped = float(slopes.on_crop.sum() * HA)
    area = {"frame": np.full(N, mapped)}

    def told(given: Waters) -> dict[str, HarmRow]:
        found = contamination(
            slopes, where.network, frame_of(slopes), area, own_loads(), factors, KEY, seed=1, waters=given
        )
        return {f"{row.key.indicator}:{row.key.part}": row for row in found}

    spread, placed = told(Waters()), told(Waters(sites=sites))
    assert placed["W2:processing_waste"].value == spread["W2:processing_waste"].value
    assert "assumed-place" in spread["W3:processing_waste:dissolved"].key.method
    assert "assumed-place" not in placed["W3:processing_waste:dissolved"].key.method
    assert placed["W3:processing_waste:dissolved"].value != spread["W3:processing_waste:dissolved"].value
    # by another way: the share of each site, by the slow reading of the equations, times half of the load
    whole = slopes_of(where, also=sites, whole=True)
    at = [int(np.flatnonzero(whole.hill.cells == site)[0]) for site in sites]
    cover = np.array([factors[f"c_{name}"].value for name in NAMES])[whole.observed]
    ratio = sediment_ratio(whole.hill, whole.slope, cover, Delivery(0.8, 0.5, 2.0))
    keep = np.array(
        [factors["retention_natural" if name == "primary_forest" else "retention_other"].value for name in NAMES]
    )
    shares = []
    for start in at:
        way = [start]
        while whole.hill.ahead[way[-1]] >= 0:
            way.append(int(whole.hill.ahead[way[-1]]))
        kept = 0.0
        for number, one in enumerate(way[::-1]):
            gone = float(np.exp(-5 * whole.hill.step_m[one] / factors["retention_length"].value))
            own = keep[whole.observed[one]]
            kept = own * (1 - gone) if number == 0 else max(kept, kept * gone + own * (1 - gone))
        shares.append(ratio[start] / 0.8 * (1 - kept))
    load = next(one for one in own_loads()).mid * mapped
    runoff, bound = factors["runoff_share_processing"].value, factors["bound_share_processing"].value
    expected = load * (1 - bound) * runoff * float(np.mean(shares))
    assert placed["W3:processing_waste:dissolved"].value == pytest.approx(expected, rel=1e-5)
    bare = slopes_of(where)
    free = np.setdiff1d(np.arange(where.z.size), bare.hill.cells)[:1].astype(np.int32)
    with pytest.raises(InputError, match="off the hillslopes"):
        paths_of(bare, where.network, Waters(sites=free))


def test_reservoirs_hold_sediment_and_lose_nothing() -> None:
    """Law: what is held and what leaves make up what reached the streams; dissolved load passes."""
    where = place(18)
    dam = np.ones(where.z.shape)  # all streams are one lake down to the edge
    plain = fixed(load_factors(), half_life_fertiliser=1e12, reservoir_trapping=0.7)
    waters = {"factors": plain, "loads": certain(shipped_loads())}
    free, held = rows_of(where, **waters), rows_of(where, waters=Waters(reservoirs=dam), **waters)
    key = ("W4", "frame", "fertiliser:held_in_reservoirs")
    assert key not in free
    kept = held[key].value
    assert kept == pytest.approx(0.7 * held["W3", "frame", "fertiliser:sediment"].value, rel=1e-6)
    total = held["W4", "frame", "fertiliser:outflow_no_decay"].value
    assert held["W4", "frame", "fertiliser:outflow"].value + kept == pytest.approx(total, rel=1e-6)
    assert free["W4", "frame", "fertiliser:outflow"].value == pytest.approx(total, rel=1e-6)


def test_low_flow_concentrates() -> None:
    """Law: a tenth of the flow, ten times the concentration; no row where no low flow is known."""
    where = place(19)
    flow = discharge_m3_s(where.network, np.full(where.z.shape, 800.0))
    rows = rows_of(where, waters=Waters(discharge=flow, low_flow=flow / 10))
    low, mean = (rows["W4", "frame", f"fertiliser:{part}"] for part in ("highest_at_low_flow", "highest"))
    assert low.value == pytest.approx(10 * mean.value)
    assert ("W4", "frame", "fertiliser:highest_at_low_flow") not in rows_of(where, waters=Waters(discharge=flow))


def test_layers_by_cell_are_layers_by_grid() -> None:
    """Law: a function of numbered cells gives what the grid gives, without the grid."""
    where = place(20)
    rng = np.random.default_rng(20)
    flow = discharge_m3_s(where.network, np.full(where.z.shape, 800.0))
    grids = {"discharge": flow, "people": rng.random(where.z.shape), "vulnerability": np.full(where.z.shape, 99.0)}
    picked: Any = {name: (lambda cells, held=held: held.reshape(-1)[cells]) for name, held in grids.items()}
    one, other = rows_of(where, waters=Waters(**grids)), rows_of(where, waters=Waters(**picked))
    assert [(row.value, row.state) for row in one.values() if row.state == "computed"] == [
        (row.value, row.state) for row in other.values() if row.state == "computed"
    ]


def test_tiles_count_the_people_that_the_whole_grid_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: people are near the same streams however the grid is cut, also across a cut."""
    where = place(21)
    people = np.random.default_rng(21).random(where.z.shape)
    told = []
    for strip, tile in ((1000, 1000), (7, 9)):
        monkeypatch.setattr("aoi.harm.exposure._STRIP", strip)
        monkeypatch.setattr("aoi.harm.exposure._TILE", tile)
        near = fixed(load_factors(), exposure_distance=70.0, exposure_days=0.002)
        told.append(rows_of(where, waters=Waters(people=people), factors=near)["W5", "frame", "people"].value)
    assert 0 < told[0] < people.sum()
    assert told[1] == pytest.approx(told[0], rel=1e-12)
