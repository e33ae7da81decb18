"""Factors of soil loss: oracle rusle, references O-5, O-15 and O-18, literal values, laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.harm.factor import load_factors
from aoi.harm.rusle import (
    ERODIBILITY_UNIT,
    EROSIVITY_UNIT,
    K_SI_PER_US,
    R_SI_PER_US,
    erodibility,
    erodibility_epic,
    erodibility_nomograph,
    erodibility_roemkens,
    erosivity_of_year,
    erosivity_renard_freimund,
    fournier_index_mm,
    length_exponent,
    length_steepness,
    mean_diameter_mm,
    require_si_units,
    steepness,
)
from geo.errors import InputError
from tests.shared import oracle

CAP_OFF = 1e12


def test_oracle_of_slope_length_and_steepness() -> None:
    """Oracle rusle: exponent, steepness and LS of AH-703 for 36 slopes and lengths."""
    for row in oracle("rusle")["rusle"]:
        slope = row["slope_pct"] / 100
        m = float(length_exponent(slope))
        assert m == pytest.approx(row["m"], rel=1e-10)
        assert float(steepness(slope)) == pytest.approx(row["S"], rel=1e-10)
        assert (row["length_m"] / 22.13) ** m * float(steepness(slope)) == pytest.approx(row["LS"], rel=1e-10)


def test_oracle_of_desmet_and_govers() -> None:
    """Oracle rusle: L by area above the cell, slope and direction of flow."""
    for row in oracle("rusle")["desmet_govers"]:
        slope = row["slope_pct"] / 100
        ls = length_steepness(
            slope,
            row["A_in_m2"],
            row["cell"],
            aspect_rad=np.radians(row["aspect_deg"]),
            most_length_m=CAP_OFF,
        )
        assert float(ls / steepness(slope)) == pytest.approx(row["L"], rel=1e-10)


def test_o5_parity_with_invest() -> None:
    """Reference O-5 (InVEST 3.14, its own test): five slopes, the last one capped."""
    told = oracle("rusle")["invest_variant"]
    ls = length_steepness(
        np.array(told["slope_pct"]) / 100,
        (np.array(told["flow_accum"]) - 1) * told["cell"] ** 2,
        told["cell"],
        most_length_m=told["l_max"],
        variant="invest_3_14",
    )
    assert ls == pytest.approx(told["recomputed"], rel=1e-10)
    assert ls == pytest.approx(told["expected_from_invest_test"], rel=1e-6)


def test_the_two_variants_differ_where_flow_is_across() -> None:
    """Negative control: parity with InVEST is not what the literature has."""
    ours = length_steepness(0.2, 9000.0, 30.0, aspect_rad=np.pi / 4, most_length_m=CAP_OFF)
    theirs = length_steepness(0.2, 9000.0, 30.0, most_length_m=CAP_OFF, variant="invest_3_14")
    assert abs(ours / theirs - 1) > 0.2


def test_unit_plot_and_example() -> None:
    """Reference O-5 and oracle rusle: the unit plot at 9 percent, and a loss of 254 t/ha/yr."""
    assert float(steepness(0.09)) == pytest.approx(1.00591, abs=5e-6)
    assert float(steepness(0.09 - 1e-12)) == pytest.approx(0.99809, abs=5e-6)
    told = oracle("rusle")["soil_loss_example"]
    ls = (100 / 22.13) ** float(length_exponent(0.2)) * float(steepness(0.2))
    loss = told["R"] * told["K"] * ls * told["C"] * told["P"]
    assert loss == pytest.approx(told["A_t_ha_yr"], rel=1e-10)


@given(st.floats(0, 3), st.floats(0, 1e7), st.floats(0, 2 * np.pi), st.sampled_from([5.0, 10.0, 30.0]))
def test_cap_bounds_the_factor(slope: float, above_m2: float, aspect: float, cell_m: float) -> None:
    """Law: the factor is never below zero, never above that of the cap, and does not care for a quarter turn."""
    ls = float(length_steepness(slope, above_m2, cell_m, aspect_rad=aspect, most_length_m=122.0))
    turned = float(length_steepness(slope, above_m2, cell_m, aspect_rad=aspect + np.pi / 2, most_length_m=122.0))
    longest = ((122 + cell_m * 1.5) / 22.13) ** float(length_exponent(slope)) * float(steepness(slope)) * 2
    assert 0 <= ls <= longest
    assert turned == pytest.approx(ls, rel=1e-9)


def test_o15_erodibility() -> None:
    """Reference O-15: nomograph 0.31085 in US units, 0.040939 in SI; Roemkens at most 0.0439, at 0.02193 mm."""
    k = float(erodibility_nomograph(65.0, 30.0, 2.8, structure=2, permeability=4))
    assert k / K_SI_PER_US == pytest.approx(0.31085, abs=5e-6)
    assert k == pytest.approx(0.040939, abs=5e-7)
    sizes = np.geomspace(0.001, 1, 4001)
    found = erodibility_roemkens(sizes)
    assert found.max() == pytest.approx(0.0439, abs=1e-6)
    assert sizes[found.argmax()] == pytest.approx(0.02193, rel=2e-3)
    assert pytest.approx(2.24153, abs=5e-6) == R_SI_PER_US * K_SI_PER_US
    assert pytest.approx(2.24170, rel=1e-4) == R_SI_PER_US * K_SI_PER_US  # a short ton per acre in t/ha


def test_nomograph_gives_way_above_seventy_percent() -> None:
    """Literal soils: silt refuses the nomograph, and takes the equation of Roemkens instead."""
    with pytest.raises(InputError, match="Roemkens"):
        erodibility_nomograph(80.0, 10.0, 2.0, structure=2, permeability=3)
    three = erodibility([10, 30], [80, 40], [10, 30], [1, 1], structure=2, permeability=3, fine_sand_share=0.2)
    assert three.shape == (3, 2)
    assert three[0, 0] == three[1, 0] == pytest.approx(float(erodibility_roemkens(mean_diameter_mm(10, 80, 10))))
    assert three[0, 1] == pytest.approx(
        float(erodibility_nomograph(46.0, 30.0, 1.724, structure=2, permeability=3))
    )
    assert three[2, 1] == pytest.approx(float(erodibility_epic(30, 40, 30, 1)))
    assert ((three > 0.01) & (three < 0.08)).all()


def test_soil_that_is_mis_scaled_is_told() -> None:
    """Literal soils: per mille for percent, no-data, parts that make no whole, classes out of range."""
    with pytest.raises(InputError, match="0 to 100"):
        mean_diameter_mm(300, 400, 300)
    with pytest.raises(InputError, match="missing"):
        mean_diameter_mm(np.nan, 40, 30)
    with pytest.raises(InputError, match="100 percent in all"):
        mean_diameter_mm(3, 4, 3)
    with pytest.raises(InputError, match="structure 1-4"):
        erodibility_nomograph(40.0, 20.0, 2.0, structure=0, permeability=3)


def test_o18_fournier_index_and_the_year() -> None:
    """Reference O-18: 159.940 mm; a year twice as concentrated doubles the erosivity at exponent 1."""
    rain = [50, 60, 100, 150, 200, 220, 180, 160, 170, 180, 120, 80]
    assert float(fournier_index_mm(rain)) == pytest.approx(159.940, abs=5e-4)
    assert float(fournier_index_mm([0] * 12)) == 0
    assert float(erosivity_of_year(4000.0, 200.0, 100.0)) == 8000
    assert float(erosivity_of_year(4000.0, 200.0, 100.0, 1.6)) == pytest.approx(4000 * 2**1.6)
    with pytest.raises(InputError, match="twelve months"):
        fournier_index_mm(rain[:11])
    with pytest.raises(InputError, match="mean of 0"):
        erosivity_of_year(4000.0, 200.0, 0.0)


def test_erosivity_from_rain_ends_with_its_range() -> None:
    """Reference 2.2: 23,197 at 2,500 mm, five times what is measured there, is refused."""
    assert float(erosivity_renard_freimund(2500.0, most_mm=CAP_OFF)) == pytest.approx(23197, abs=1)
    most = load_factors()["renard_freimund_most_mm"]
    assert most.mark == "unverified"
    with pytest.raises(InputError, match="GloREDa"):
        erosivity_renard_freimund([1200.0, 2500.0], most_mm=most.value)
    assert float(erosivity_renard_freimund(800.0, most_mm=most.value)) == pytest.approx(0.0483 * 800**1.61)
    assert float(erosivity_renard_freimund(1200.0, most_mm=most.value)) == pytest.approx(5036.2, abs=0.1)
    with pytest.raises(InputError, match="missing"):
        erosivity_renard_freimund(np.nan, most_mm=most.value)


def test_units_must_be_told_and_agree() -> None:
    """Literal units: US customary units and none at all are refused, both at once."""
    require_si_units(EROSIVITY_UNIT, ERODIBILITY_UNIT)
    with pytest.raises(InputError, match=r"17\.02") as told:
        require_si_units("hundreds of foot tonf inch/acre/h/yr", None)
    assert len(told.value.problems) == 2


def test_slopes_must_be_known() -> None:
    """Literal slopes: no-data is no flat ground, and an unknown variant is none."""
    with pytest.raises(InputError, match="no-data"):
        steepness([0.1, np.nan])
    with pytest.raises(InputError, match="negative"):
        steepness(-0.1)
    with pytest.raises(InputError, match="ls_variant"):
        length_steepness(0.1, 0.0, 30.0, most_length_m=122.0, variant="other")  # type: ignore[arg-type]
