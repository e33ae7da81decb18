"""The ground, figures and rows worked by hand, and both sides of each border."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aoi.harm import slopes as ground
from aoi.harm.deforestation import fragmentation
from aoi.harm.erosion import ErosionDraws, cover_draws, erosion_figures
from aoi.harm.factor import load_factors
from aoi.harm.groundwater import leaching_index
from aoi.harm.indirect import Match, expected_loss_ha
from aoi.harm.irrigation import irrigation
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.potential import FrameOf, Waters, at_cells
from aoi.harm.result import computed_row, estimated_row
from aoi.harm.rusle import (
    length_steepness,
    mean_diameter_mm,
)
from aoi.harm.sampled_loss import corrected
from aoi.harm.slopes import Cover, Soil, bare_ground, prepare_slopes
from geo.errors import InputError
from geo.flow import FlowNetwork
from tests.aoi.harm import tiny
from tests.aoi.harm.equations import NAN, epic, exponent, nomograph, refused, roemkens, steep
from tests.aoi.harm.ground import KEY, fixed


def plane(rows: int = 3, cols: int = 4) -> Any:
    """Return ground that rises by 0.3 to the east and by 0.4 to the south on cells of 10 m: a slope of 0.5."""
    row, col = np.mgrid[0:rows, 0:cols]
    return (100 + 3.0 * col + 4.0 * row).astype(np.float32)


def bare(**other: Any) -> Any:
    """Return bare ground of four cells of the plane, with 0, 2, 8 and 399 cells above."""
    network = FlowNetwork((3, 4), (10.0, 10.0), np.arange(12, dtype=np.int32))
    cells, upslope = np.array([5, 2, 7, 11], dtype=np.int32), np.array([1, 3, 9, 400], dtype=np.int32)
    given: dict[str, Any] = {"erosivity": np.full((3, 4), 5000.0), "soil": np.full((3, 4), 0.03)}
    return bare_ground(network, plane(), cells, upslope, factors=load_factors(), **(given | other))


@pytest.mark.parametrize("chunk", [1, 3, 4, 1000])
def test_bare_ground_in_pieces_of_any_size(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published formulas, typed again: R K LS of a plane at four cells, the year's rain, a row an equation."""
    monkeypatch.setattr(ground, "_CHUNK", chunk)
    factors, aspect = load_factors(), math.atan2(0.4, 0.3)
    x = abs(math.sin(aspect)) + abs(math.cos(aspect))
    m, ls = exponent(0.5), []
    for above in (0, 2, 8, 399):
        a = min(above * 100.0, factors["slope_length_cap"].value * 10.0 * x)
        ls.append(((a + 100.0) ** (m + 1) - a ** (m + 1)) / (10.0 ** (m + 2) * x**m * 22.13**m) * steep(0.5))
    rain = np.arange(12.0).reshape(3, 4) * 100 + 100
    own = rain.ravel()[[5, 2, 7, 11]]
    found = bare(erosivity=rain)
    assert found.slope == pytest.approx(np.full(4, 0.5))
    assert found.length_steepness == pytest.approx(ls, rel=1e-5)
    assert found.potential == pytest.approx((own * 0.03 * ls)[None], rel=1e-5)
    assert found.anomaly.tolist() == [1.0] * 4
    anomaly = np.linspace(0.5, 1.6, 12).reshape(3, 4)
    year = anomaly.ravel()[[5, 2, 7, 11]]
    soil = Soil(
        clay=np.full(12, 20.0),
        silt=np.full(12, 40.0),
        sand=np.full(12, 40.0),
        organic_carbon=lambda at: 1 + at / 10,
    )
    found = bare(erosivity=rain, anomaly=anomaly, soil=soil)
    assert found.anomaly == pytest.approx(year, rel=1e-6)
    power = factors["erosivity_exponent"].value
    fine = 40 + factors["fine_sand_share"].value * 40
    told = factors["soil_structure"].value, factors["soil_permeability"].value
    diameter = float(mean_diameter_mm(20, 40, 40))
    for place, cell in enumerate((5, 2, 7, 11)):
        carbon = 1 + cell / 10
        k = [nomograph(fine, 20, 1.724 * carbon, *told), roemkens(diameter), epic((20, 40, 40, carbon))]
        wanted = own[place] * year[place] ** power * ls[place] * np.array(k)
        assert found.potential[:, place] == pytest.approx(wanted, rel=1e-5)


def test_ground_steeper_than_any_tried_is_held() -> None:
    """Literal factor: the slope stays what it is, its steepness is that of the limit."""
    factors = load_factors()
    held = factors | {"slope_held_at": replace(factors["slope_held_at"], value=0.2)}
    network = FlowNetwork((3, 4), (10.0, 10.0), np.arange(12, dtype=np.int32))
    at, above = np.array([5], dtype=np.int32), np.array([1], dtype=np.int32)
    layers = {"erosivity": np.full((3, 4), 5000.0), "soil": np.full((3, 4), 0.03)}
    found = bare_ground(network, plane(), at, above, factors=held, **layers)
    aspect = math.atan2(0.4, 0.3)
    wanted = float(length_steepness(0.2, 0.0, 10.0, aspect_rad=aspect, most_length_m=122.0))
    assert float(found.length_steepness[0]) == pytest.approx(wanted, rel=1e-6)
    assert float(found.slope[0]) == pytest.approx(0.5)


def test_layers_that_cannot_be_are_told() -> None:
    """Literal layers: limits themselves pass, beyond them none; zeros by their share; holes counted over pieces."""
    full = np.full((3, 4), 1.0)
    assert bare(erosivity=50_000 * full, soil=0.1 * full).potential.shape == (1, 4)
    refused(bare, erosivity=50_001 * full, told="check unit and no-data")
    refused(bare, erosivity=-full, told="check unit and no-data")
    for wrong in (-1.0, 50_001.0):
        one = 5000 * full
        one.ravel()[5] = wrong
        refused(bare, erosivity=one, told="check unit and no-data")
    refused(bare, soil=0.1001 * full, told="multiply US units")
    refused(bare, soil=-0.001 * full, told="multiply US units")
    one = 5000 * full
    one.ravel()[[5, 7]] = NAN
    refused(bare, erosivity=one, told="2 cells without a value")
    nought = 5000 * full
    nought.ravel()[2] = 0.0
    refused(bare, erosivity=nought, told="0 in 25 % of the hillslopes")
    refused(bare, soil=0.0 * full, told="0 in 100 % of the hillslopes")
    for carbon, fits in ((0.1, True), (0.0999, False)):
        soil = Soil(clay=20 * full, silt=40 * full, sand=40 * full, organic_carbon=carbon * full)
        if fits:
            assert bare(soil=soil).potential.shape == (3, 4)
        else:
            refused(bare, soil=soil, told=r"0\.1 percent somewhere")


@pytest.mark.parametrize("chunk", [4, 1000])
def test_holes_and_zeros_are_counted_over_all_pieces(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Literal row of forty cells: one zero in twenty is chance, one more is no-data; holes of each piece add up."""
    monkeypatch.setattr(ground, "_CHUNK", chunk)
    network = FlowNetwork((1, 40), (10.0, 10.0), np.arange(40, dtype=np.int32))
    cells, above = np.arange(40, dtype=np.int32), np.ones(40, dtype=np.int32)
    layers = {"soil": np.full(40, 0.03), "factors": load_factors()}

    def made(changed: list[int], value: float, name: str = "erosivity") -> Any:
        layer = np.full(40, 5000.0 if name == "erosivity" else 0.03)
        layer[changed] = value
        given: dict[str, Any] = {"erosivity": np.full(40, 5000.0), **layers, name: layer}
        return bare_ground(network, np.zeros((1, 40), dtype=np.float32), cells, above, **given)

    assert made([3, 30], 0.0).potential[0, [3, 30]].tolist() == [0.0, 0.0]
    refused(made, [3, 30, 31], 0.0, told="0 in 8 %")
    refused(made, [3, 30, 31], 0.0, "soil", told="0 in 8 %")
    refused(made, [3, 9, 30, 31, 39], NAN, told="5 cells without a value")


def test_covers_that_cannot_be_are_told() -> None:
    """Literal codes: the last of the names is one, the next none, below 0 is not known; names and shapes agree."""
    good = {
        "names": ("forest", "coca"),
        "crop": "coca",
        "observed": np.array([[0, 1, -1]]),
        "counterfactual": np.array([[0, 0, 0]]),
    }
    cover = Cover(**good)
    assert cover.marked.tolist() == [[False, True, True]]
    for name in ("observed", "counterfactual"):
        refused(Cover, **(good | {name: np.array([[2, 0, 0]])}), told="code 2")
        refused(Cover, **(good | {name: np.array([[0, 0]])}), told="one shape")
    for name in ("crop", "fresh", "track"):
        refused(Cover, **(good | {name: "poppy"}), told="no cover poppy")
    empty = np.zeros((0, 0), dtype=int)
    assert Cover(**(good | {"observed": empty, "counterfactual": empty})).marked.size == 0
    seen, before = np.array([1, 1, 0, 1]), np.array([0, 1, 0, -1])
    assert cover.changed_to("coca", seen, before).tolist() == [True, False, False, True]
    assert cover.changed_to("forest", before, seen).tolist() == [True, False, False, False]
    assert cover.changed_to("", np.array([-1, 0]), np.array([0, 0])).tolist() == [True, False]
    same = Cover(**(good | {"observed": np.array([[1, 0]]), "counterfactual": np.array([[1, 0]])}))
    assert same.marked.tolist() == [[True, False]]


def prepared(seen: list[int], before: list[int], area_ha: Any = 0.02, **other: Any) -> Any:
    """Return one row of six cells that falls to the east, prepared."""
    network = FlowNetwork((1, 6), (10.0, 20.0), np.array([1, 2, 3, 4, 5, 5], dtype=np.int32))
    stream = np.arange(6) == 5
    z = np.array([[60.0, 55, 50, 45, 40, 35]], dtype=np.float32)
    cover = Cover(
        names=("forest", "coca", "new", "road"), crop="coca", fresh="new", track="road",
        observed=np.array([seen]), counterfactual=np.array([before]),
    )  # fmt: skip
    given: dict[str, Any] = {
        "erosivity": np.full((1, 6), 4000.0),
        "soil": np.full((1, 6), 0.02),
        "factors": load_factors(),
        "anomaly": np.array([[1.0, 1.2, 1.4, 1.6, 1.8, 2.0]]),
    }
    return prepare_slopes(network, stream, z, cover, area_ha, **(given | other))


def test_slopes_of_one_row_by_hand() -> None:
    """Literal row: what is crop, new and track; what comes in from above; areas; the year's mean over the crop."""
    made = prepared([0, 0, 1, 2, 3, 0], [0, 0, 1, 0, 0, 0])
    assert made.hill.cells.tolist() == [0, 1, 2, 3, 4]
    order = [made.hill.cells.tolist().index(cell) for cell in (2, 3, 4)]
    assert made.on_crop[order].tolist() == [True, True, False]
    assert made.on_track[order].tolist() == [False, False, True]
    assert made.tracks.tolist() == made.on_track.tolist()
    assert sorted(made.hill.cells[made.plots].tolist()) == [2, 3, 4]
    assert made.anomaly == pytest.approx(1.5, rel=1e-6)
    assert made.load_names == ("forest", "coca", "coca", "road")
    assert made.area_ha.tolist() == [0.02] * made.hill.cells.size
    assert made.slope[order] == pytest.approx([0.5] * 3)
    assert made.slope_above[order] == pytest.approx([0.5] * 3)
    by_cell = prepared([0, 0, 1, 2, 3, 0], [0, 0, 1, 0, 0, 0], area_ha=lambda cells: cells / 10)
    assert by_cell.area_ha == pytest.approx(by_cell.hill.cells / 10)
    grid = prepared([0, 0, 1, 2, 3, 0], [0, 0, 1, 0, 0, 0], area_ha=np.arange(6.0)[None])
    assert grid.area_ha == pytest.approx(grid.hill.cells)
    mask = np.array([[0, 0, 1, 0, 1, 0]], dtype=bool)
    assert made.hill.cells[made.plots][made.at_plots(mask)].tolist() in ([2, 4], [4, 2])
    network = FlowNetwork((1, 4), (10.0, 20.0), np.array([2, 2, 3, 3], dtype=np.int32))
    z = np.array([[30.0, 30.0, 20.0, 10.0]], dtype=np.float32)
    arms = Cover(
        names=("forest", "coca"),
        crop="coca",
        observed=np.array([[1, 0, 0, 0]]),
        counterfactual=np.zeros((1, 4), int),
    )
    layers: dict[str, Any] = {
        "erosivity": np.ones((1, 4)),
        "soil": np.full((1, 4), 0.02),
        "factors": load_factors(),
    }
    part = prepare_slopes(network, np.arange(4) == 3, z, arms, 0.02, **layers)
    assert part.hill.cells.tolist() == [0, 2]
    assert part.on_track.size == 0
    assert part.tracks.tolist() == [False, False]
    assert (part.aside.places.tolist(), part.aside.counts.tolist()) == ([1], [[1, 0]])
    whole = prepare_slopes(network, np.arange(4) == 3, z, arms, 0.02, whole=True, **layers)
    assert sorted(whole.hill.cells.tolist()) == [0, 1, 2]
    also = prepared([0] * 6, [0] * 6, also=np.array([1], dtype=np.int32))
    assert 1 in also.hill.cells
    assert also.anomaly == 1.0
    assert not also.on_crop.any()
    refused(prepared, [0, 0, 1, -1, 0, 0], [0] * 6, told="1 cells without a value")
    refused(prepared, [0, 0, 1, 1, 0, 0], [0, 0, -1, -1, 0, 0], told="land cover before.*2 cells")
    refused(prepared, [0, 0, 1], [0] * 3, told="warp it to the grid")


def test_covers_have_factors_within_0_and_1() -> None:
    """Literal factors: 0 and 1 themselves pass, beyond them none; a missing one is named."""
    factors = fixed(load_factors(), c_coca=1.0, p_coca=0.0, c_pasture=0.0, p_pasture=1.0)
    c, p = cover_draws(("coca", "pasture"), factors, n=2, seed=1)
    assert (c.tolist(), p.tolist()) == ([[1, 0], [1, 0]], [[0, 1], [0, 1]])
    for name in ("c_coca", "p_coca"):
        for wrong in (-1e-9, 1 + 1e-9):
            refused(
                cover_draws,
                ("pasture", "coca"),
                fixed(factors, **{name: wrong}),
                n=2,
                seed=1,
                told="outside 0 to 1",
            )
    refused(cover_draws, ("coca", "moss"), factors, n=1, seed=1, told="no c_moss, p_moss")


def totals(**changes: Any) -> ErosionDraws:
    """Return two draws over half a hectare, and over a domain without crop."""
    given: dict[str, Any] = {
        "domains": ("frame", "none"),
        "mapped_ha": np.array([0.5, 0.0]),
        "added_t": np.array([[3.0, 0.0], [5.0, 0.0]]),
        "fresh_t": np.array([[1.0, 0.0], [2.0, 0.0]]),
        "track_t": np.array([[8.0, 0.0], [4.0, 0.0]]),
        "above_ha": np.array([[[0.1, 0.0], [0.5001, 0.0]], [[0.2, 0.0], [0.4, 0.0]]]),
        "beyond_ha": {"slope_experience": np.array([0.25, 0.0]), "slope_held_at": np.array([0.51, 0.0])},
        "limits": {"slope_experience": 0.25, "slope_held_at": 0.5, "steep_share": 0.5},
        "tolerable_t_ha": (11.0, 2.0),
        "basins": (0, 1, 7),
        "delivered_t": np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]]),
        "track_delivered_t": np.array([6.0, 8.0]),
        "seed": 1,
    }
    return ErosionDraws(**(given | changes))


def test_figures_of_erosion_by_hand() -> None:
    """Literal totals: shares of half a hectare, at most all of it; sub-basin 0 in the whole alone; no crop."""
    found = {
        (one.domain, one.indicator, one.part, one.unit): one
        for one in erosion_figures(totals(), track_share=np.array([0.5, 0.25]))
    }
    told = {key[1:]: (one.draws.tolist(), one.scaled) for key, one in found.items() if key[0] == "frame"}
    assert told == {
        ("E1", "", "t/yr"): ([3, 5], True),
        ("E1", "new_clearing", "t/yr"): ([1, 2], True),
        ("E1", "tracks", "t/yr"): ([4, 1], False),
        ("E1", "per_hectare", "t/ha/yr"): ([6, 10], False),
        ("E3", "steeper:0.25", "percent"): ([50], False),
        ("E3", "steeper:0.5", "percent"): ([100], False),
        ("E3", "above:11", "percent"): ([20, 40], False),
        ("E3", "above:2", "percent"): ([100, 80], False),
        ("E2", "", "t/yr"): ([7, 17], True),
        ("E2", "tracks", "t/yr"): ([3, 2], False),
        ("E2", "sub_basin:1", "t/yr"): ([2, 5], True),
        ("E2", "sub_basin:7", "t/yr"): ([4, 9], True),
    }
    assert {one.grade for key, one in found.items()} == {"C"}  # half of it is not more than half
    states = {key[2]: (one.state, one.draws.size) for key, one in found.items() if key[0] == "none"}
    assert states == {
        "": ("computed", 2),
        "new_clearing": ("computed", 2),
        "tracks": ("computed", 2),
        **dict.fromkeys(
            ("per_hectare", "steeper:0.25", "steeper:0.5", "above:11", "above:2"), ("not_estimable", 0)
        ),
    }
    steeper = totals(beyond_ha={"slope_experience": np.array([0.2501, 0.0]), "slope_held_at": np.zeros(2)})
    assert {(one.domain, one.grade) for one in erosion_figures(steeper)} == {("frame", "D"), ("none", "C")}
    unknown = {one.part: one for one in erosion_figures(totals(fresh_t=None))}
    assert unknown["new_clearing"].state == "not_computed"
    assert unknown["new_clearing"].draws.size == 0
    assert "tracks" not in unknown
    assert not [one for one in erosion_figures(totals(domains=("a", "b"))) if one.indicator == "E2"]


def figure(**changes: Any) -> MappedFigure:
    """Return a figure of three draws over half a hectare."""
    given: dict[str, Any] = {
        "indicator": "E1", "domain": "frame", "part": "", "unit": "t/yr", "method": "m", "grade": "C",
        "mapped_ha": 0.5, "scaled": True, "draws": np.array([1.0, 2.0, 3.0]),
    }  # fmt: skip
    return MappedFigure(**(given | changes))


def test_rows_of_what_is_mapped() -> None:
    """Literal draws: half a hectare mapped, one to four surveyed; a yield is not scaled; nothing mapped, no row."""
    area = {"frame": np.array([1.0, 2.0, 4.0])}
    (row,) = rows_of_mapped([figure()], area, KEY, seed=9)
    assert (row.value, row.n_draws, row.seed, row.key.share) == (8.0, 3, 9, "direct")
    (yield_,) = rows_of_mapped([figure(scaled=False)], area, KEY, seed=9)
    assert yield_.value == 2.0
    (none,) = rows_of_mapped([figure(mapped_ha=0.0)], area, KEY, seed=9)
    assert none.state == "not_estimable"
    (zero,) = rows_of_mapped([figure(mapped_ha=0.0, draws=np.zeros(3))], {"frame": np.zeros(3)}, KEY, seed=9)
    assert (zero.state, zero.value) == ("computed", 0.0)
    (some,) = rows_of_mapped([figure(mapped_ha=0.0)], {"frame": np.array([0.0, 0.0, 0.5])}, KEY, seed=9)
    assert some.state == "not_estimable"
    (lost,) = rows_of_mapped([figure(domain="other")], area, KEY, seed=9)
    assert lost.state == "not_estimable"
    with pytest.raises(InputError, match="3 draws, 2 of the area"):
        list(rows_of_mapped([figure()], {"frame": np.ones(2)}, KEY, seed=9))


def test_rows_of_draws_and_of_estimates() -> None:
    """Literal draws: quantiles of 0 to 100 at 95 and 80 percent; an estimate has no draws and no seed."""
    drawn = computed_row(KEY, np.arange(101.0), seed=4)
    assert (drawn.value, drawn.n_draws, drawn.seed) == (50.0, 101, 4)
    assert (drawn.lo, drawn.hi) == (pytest.approx(2.5), pytest.approx(97.5))
    narrow = computed_row(KEY, np.arange(101.0), seed=4, point=12.0, level=0.8)
    assert (narrow.value, narrow.lo, narrow.hi) == (12.0, pytest.approx(10.0), pytest.approx(90.0))
    told = estimated_row(KEY, 2.0, 1.0, 4.0)
    assert (told.value, told.lo, told.hi, told.n_draws, told.seed) == (2.0, 1.0, 4.0, 0, 0)


def test_leaching_refuses_one_of_many() -> None:
    """Literal values: one half-life or Koc of 0 among good ones is refused; on 1 and below it there is an index."""
    assert leaching_index([10.0, 0.5], [100.0, 0.1]).tolist() == pytest.approx([2.0, math.log10(0.5) * 5])
    for days, koc in (([1.0, 0.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, 0.0]), ([NAN, 1.0], [1.0, 1.0])):
        refused(leaching_index, days, koc, told="leaching index")


def test_expected_loss_of_matched_cells() -> None:
    """Literal rates: 2 of 8 and 0 of 0 and 1 of 0.5; a cell that is not matched, or has no control, none."""
    found = Match(np.array([1, -1, 0, 2, 3]), np.array([0, 0, -1, 2, 1]), np.zeros(1))
    loss, forest = np.array([0.5, 1.5, 9.0, 0.25, 0.0]), np.array([3.0, 5.0, 9.0, 0.5, 0.0])
    assert expected_loss_ha(found, loss, forest, np.array([7.0, 7.0, 4.0, 6.0, 9.0])).tolist() == [
        0.0,
        0.0,
        1.0,
        3.0,
        0.0,
    ]


def test_water_of_poppy_by_hand() -> None:
    """Literal cells that were forest, crop and poppy before; the share of a flow of half a cubic metre a year."""
    names = ("primary_forest", "pasture", "crop", "opium_poppy")
    before = [0, 0, 1, 2, 3, 2, 3, 0, 0]
    ground_of = tiny.slopes(names=names, crop="opium_poppy", counterfactual=np.array(before, dtype=np.uint8))
    factors = fixed(
        load_factors(), irrigation_opium_poppy=600.0, irrigated_share_opium_poppy=0.5, irrigation_crop=400.0,
        irrigated_share_crop=0.25,
    )  # fmt: skip
    mapped = 0.04 + 0.03 + 0.06 + 0.02
    frame = FrameOf(crop="opium_poppy", mapped_ha=mapped, n=2, seed=1, factors=factors)
    network = FlowNetwork((1, 3), (10.0, 10.0), np.array([0, 2, 2], dtype=np.int32))
    inside = ground_of.on_crop[ground_of.plots]
    volume = 300 * (mapped - 0.06 - 0.02) - 100 * 0.03
    for flow in (0.5, 2.0):
        given = Waters(discharge=np.array([[flow / 31_557_600, 9.0, NAN]]))
        water, stress = irrigation(ground_of, inside, given, network, frame)
        assert water.draws == pytest.approx([volume] * 2)
        assert stress.draws == pytest.approx([100 * volume / flow] * 2)
        assert (water.unit, stress.unit, water.scaled, stress.scaled) == ("m3/yr", "percent", True, True)
    _, dry = irrigation(ground_of, inside, Waters(discharge=np.zeros((1, 3))), network, frame)
    assert (dry.state, dry.draws.size, dry.scaled) == ("not_estimable", 0, False)
    _, unknown = irrigation(ground_of, inside, Waters(), network, frame)
    assert unknown.state == "not_computed"
    (rain,) = irrigation(ground_of, inside, Waters(), network, replace(frame, crop="coca"))
    assert rain.state == "not_computed"
    refused(at_cells, np.zeros((3, 1)), np.array([0]), network, "flow", told="warp it")


def test_figures_moved_to_the_sample_by_hand() -> None:
    """Literal figures: each draw by as much a hectare, shares by as many points within 0 and 100; others stay."""
    mapped = [
        figure(part="per_hectare", draws=np.array([10.0, 20.0]), scaled=False),
        figure(draws=np.array([5.0, 10.0])),
        figure(domain="part", draws=np.array([1.0, 1.0]), mapped_ha=2.0),
        figure(indicator="E3", part="above:11", draws=np.array([50.0, 90.0]), scaled=False),
        figure(indicator="E3", part="above:11", domain="part", draws=np.array([70.0, 99.0]), scaled=False),
        figure(indicator="E3", part="above:2", domain="part", draws=np.array([7.0, 9.0]), scaled=False),
        figure(indicator="E2", draws=np.array([1.0, 2.0])),
        figure(draws=np.zeros(0), state="not_computed", reason="none"),
    ]
    above = np.array([[0.25, 0.5, 0.5], [0.95, 0.5, 0.5]])
    found = corrected(mapped, np.array([12.0, 16.0]), above)
    assert [one.draws.tolist() for one in found] == [
        [12, 16], [6, 8], [5, -7], [25, pytest.approx(95)], [45, 100], [7, 9], [1, 2], [],
    ]  # fmt: skip
    assert [one.method == "m" for one in found] == [False] * 5 + [True] * 3
    assert corrected(mapped[1:], np.zeros(2), above) == mapped[1:]


def test_forest_of_the_smallest_grids() -> None:
    """Literal rasters: one cell of half a metre is a grid; a cell of no width, no cell and a row are none."""
    one = fragmentation(np.ones((1, 1), dtype=bool), cell_m=0.5, core_depth_m=1.0)
    assert (one.mesh_ha, one.edge_m, one.core_ha) == (pytest.approx(2.5e-5), 0.0, 0.0)
    wood = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)  # the last joins over its corner
    found = fragmentation(wood, cell_m=20.0, core_depth_m=20.0)
    assert found.mesh_ha == pytest.approx(0.2**2 / 0.36)
    assert (found.edge_m, found.core_ha) == (6 * 20.0, 0.0)
    whole = fragmentation(np.ones((5, 5), dtype=bool), cell_m=20.0, core_depth_m=20.1)
    assert (whole.mesh_ha, whole.edge_m, whole.core_ha) == (pytest.approx(1.0), 0.0, pytest.approx(0.04))
    for shape, cell in (((3, 3), 0.0), ((3, 3), -1.0), ((0, 3), 20.0), ((9,), 20.0)):
        refused(fragmentation, np.ones(shape, dtype=bool), cell_m=cell, told="a metric grid")
