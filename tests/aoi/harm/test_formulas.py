"""Equations of soil loss typed again from their sources, and both sides of each of their borders."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aoi.harm.rusle import (
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
from tests.aoi.harm.equations import NAN, epic, exponent, nomograph, refused, roemkens, steep, whole

SOILS = [
    (20.0, 40.0, 40.0, 1.5),
    (55.0, 30.0, 15.0, 0.4),
    (0.0, 0.0, 100.0, 3.0),
    (5.0, 85.0, 10.0, 0.8),
    (31.0, 40.0, 33.0, 2.0),
    (0.2, 0.5, 99.3, 1.0),
]


@pytest.mark.parametrize("soil", SOILS)
def test_erodibility_of_soils_as_published(soil: tuple[float, float, float, float]) -> None:
    """Published formulas (Wischmeier and Smith 1978; Roemkens et al. 1986; Williams 1995), typed again, exactly."""
    clay, silt, sand = whole(soil)
    diameter = math.exp(0.01 * (clay * math.log(0.001) + silt * math.log(0.026) + sand * math.log(1.025)))
    assert float(mean_diameter_mm(*soil[:3])) == pytest.approx(diameter, rel=1e-12)
    assert float(erodibility_roemkens(diameter)) == pytest.approx(roemkens(diameter), rel=1e-12)
    assert float(erodibility_epic(*soil)) == pytest.approx(epic(soil), rel=1e-12)
    fine = silt + 0.2 * sand
    first = roemkens(diameter) if fine > 70 else nomograph(fine, clay, 1.724 * soil[3], 3, 4)
    found = erodibility(*([one] for one in soil), structure=3, permeability=4, fine_sand_share=0.2)
    assert found[:, 0] == pytest.approx([first, roemkens(diameter), epic(soil)], rel=1e-12)


def test_nomograph_on_its_borders() -> None:
    """Published formula (Wischmeier and Smith 1978): up to 70 percent, classes at their ends, humus up to 4."""
    for structure, permeability in ((1, 1), (4, 6), (2, 3), (1, 6)):
        for fine, clay, humus in ((70.0, 10.0, 3.9), (40.0, 30.0, 4.0), (40.0, 30.0, 9.0), (0.0, 100.0, 0.0)):
            found = erodibility_nomograph(fine, clay, humus, structure=structure, permeability=permeability)
            assert float(found) == pytest.approx(nomograph(fine, clay, humus, structure, permeability), rel=1e-12)
    for wrong in ({"structure": 0.99}, {"structure": 4.01}, {"permeability": 0.99}, {"permeability": 6.01}):
        told = {"structure": 2, "permeability": 3, **wrong}
        refused(erodibility_nomograph, 40.0, 30.0, 2.0, **told, told="structure 1-4")
        refused(erodibility_nomograph, 40.0, 30.0, 2.0, told="structure 1-4", **{
            name: [one, 2.0] for name, one in told.items()})  # fmt: skip
    fit = {"structure": 2, "permeability": 3}
    refused(erodibility_nomograph, [40.0, 70.01], [10.0, 10.0], [1.0, 1.0], **fit, told="at most 70 percent")
    refused(erodibility_nomograph, 40.0, 101.0, 1.0, **fit, told="outside 0 to 100")
    # above 70 percent the other equation, at 70 this one
    three = erodibility([10.0, 10.0], [70.0, 71.0], [20.0, 19.0], [1.0, 1.0], fine_sand_share=0.0, **fit)
    assert three[0, 0] == pytest.approx(nomograph(70.0, 10.0, 1.724, 2, 3))
    assert three[0, 1] == three[1, 1] != three[0, 0]


def test_soils_at_the_ends_of_what_can_be() -> None:
    """Literal soils: parts of 95 to 105 percent are brought to 100, no others; none below 0, over 100, missing."""
    for total in (95.0, 105.0):
        assert float(mean_diameter_mm(0.2 * total, 0.3 * total, 0.5 * total)) == pytest.approx(
            math.exp(0.2 * math.log(0.001) + 0.3 * math.log(0.026) + 0.5 * math.log(1.025))
        )
    for total in (94.9, 105.1):
        refused(mean_diameter_mm, [20.0, 0.2 * total], [30.0, 0.3 * total], [50.0, 0.5 * total], told="100 percent")
    for wrong in (-0.1, 100.1, NAN):
        refused(mean_diameter_mm, [20.0, wrong], [30.0, 0.0], [50.0, 0.0], told="outside 0 to 100")
        refused(erodibility_epic, 20.0, 30.0, 50.0, [1.0, wrong], told="organic carbon")
    assert float(mean_diameter_mm(100.0, 0.0, 0.0)) == pytest.approx(0.001)
    for wrong in (0.0, -1.0, NAN):
        refused(erodibility_roemkens, [0.1, wrong], told="particle diameter")


def test_rain_and_its_erosivity_on_their_borders() -> None:
    """Published formulas (Arnoldus 1980; Renard and Freimund 1994): both sides of 850 mm, the range, no rain."""
    rain = np.array([[0.5, 0.0]] * 12)
    rain[0, 0] = 3.0
    assert fournier_index_mm(rain).tolist() == pytest.approx([(9 + 11 * 0.25) / 8.5, 0.0])
    assert float(fournier_index_mm([0.0] * 11 + [0.5])) == 0.5
    for months in ([1.0] * 11, [1.0] * 13, [1.0] * 11 + [NAN], [1.0] * 11 + [-0.1]):
        refused(fournier_index_mm, months, told="twelve months")
    mm = np.array([0.0, 1.0, 849.999, 850.0, 1000.0])
    wanted = [0.0, 0.0483, 0.0483 * 849.999**1.61, 587.8 - 1.219 * 850 + 0.004105 * 850**2, 587.8 - 1219 + 4105]
    assert erosivity_renard_freimund(mm, most_mm=1000.0).tolist() == pytest.approx(wanted)
    refused(erosivity_renard_freimund, [500.0, 1000.1], most_mm=1000.0, told="GloREDa")
    for wrong in (-0.1, NAN):
        refused(erosivity_renard_freimund, [500.0, wrong], most_mm=1000.0, told="annual rain")
    level, year, mean = [4000.0, 0.0, 3000.0], [50.0, 50.0, 0.0], [100.0, 0.5, 0.5]
    assert erosivity_of_year(level, year, mean, 2.0).tolist() == [1000.0, 0.0, 0.0]
    assert float(erosivity_of_year(4000.0, 50.0, 100.0)) == 2000.0
    for at, wrong in ((0, -1.0), (0, NAN), (0, math.inf), (1, -1.0), (1, NAN), (2, 0.0), (2, -1.0), (2, NAN)):
        values = [list(level), list(year), list(mean)]
        values[at][0] = wrong
        refused(erosivity_of_year, *values, told="erosivity of the year")


def test_units_one_by_one() -> None:
    """Literal units: each of the two is told by itself."""
    r, k = "MJ mm/ha/h/yr", "t ha h/ha/MJ/mm"
    require_si_units(r, k)
    refused(require_si_units, r, "", told=r"soil erodibility K.*0\.1317")
    refused(require_si_units, k, k, told=r"rain erosivity R.*17\.02")


@pytest.mark.parametrize("rise", [0.0, 0.01, 0.02, 0.035, 0.04, 0.05, 0.07, 0.08999, 0.09, 0.091, 0.5, 1.7])
def test_length_and_steepness_as_published(rise: float) -> None:
    """Published formulas (McCool et al. 1987, 1989; Desmet and Govers 1996), typed again, on and beside borders."""
    assert float(steepness(rise)) == pytest.approx(steep(rise), rel=1e-12)
    assert float(length_exponent(rise)) == pytest.approx(exponent(rise), rel=1e-12)
    for inflow, cell, aspect, cap in ((0.0, 10.0, 0.0, 122.0), (300.0, 20.0, 0.6, 122.0), (9e4, 20.0, 2.2, 122.0)):
        x = abs(math.sin(aspect)) + abs(math.cos(aspect))
        a, m = min(inflow, cap * cell * x), exponent(rise)
        length = ((a + cell**2) ** (m + 1) - a ** (m + 1)) / (cell ** (m + 2) * x**m * 22.13**m)
        found = length_steepness(rise, inflow, cell, aspect_rad=aspect, most_length_m=cap)
        assert float(found) == pytest.approx(length * steep(rise), rel=1e-12)
        # the variant for parity: angle of the slope, root of the area, steps of m, a cap on L
        angle, root = math.atan(rise), math.sqrt(inflow)
        x = abs(math.sin(angle)) + abs(math.cos(angle))
        steps = [(0.01, 0.2), (0.035, 0.3), (0.05, 0.4), (0.09, 0.5)]
        m = next((own for most, own in steps if rise <= most), exponent(rise))
        length = ((root + cell**2) ** (m + 1) - root ** (m + 1)) / (cell ** (m + 2) * x**m * 22.13**m)
        for most in (122.0, length / 2):
            found = length_steepness(rise, inflow, cell, most_length_m=most, variant="invest_3_14")
            assert float(found) == pytest.approx(min(length, most) * steep(rise), rel=1e-12)


def test_slopes_and_areas_at_the_ends_of_what_can_be() -> None:
    """Literal values: 0 is a slope and an area; below it, missing or endless is none; cell and cap are above 0."""
    for wrong in (-1e-9, NAN, math.inf):
        refused(steepness, [0.1, wrong], told="slope")
    for wrong in (-1e-9, NAN):
        refused(length_steepness, 0.1, [1.0, wrong], 10.0, most_length_m=1.0, told="slope length")
    refused(length_steepness, 0.1, 1.0, 0.0, most_length_m=1.0, told="slope length")
    refused(length_steepness, 0.1, 1.0, 1.0, most_length_m=0.0, told="slope length")
    refused(length_steepness, 0.1, 1.0, 1.0, aspect_rad=[0.0, NAN], most_length_m=1.0, told="aspect")
    assert float(length_steepness(0.1, 0.0, 0.5, most_length_m=0.5)) > 0
    along = float(length_steepness(0.1, 900.0, 10.0, aspect_rad=0.0, most_length_m=122.0))
    assert float(length_steepness(0.1, 900.0, 10.0, most_length_m=122.0)) == along
