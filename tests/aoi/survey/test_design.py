"""The stratified frame: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.design import StratifiedDesign, encode
from geo.errors import InputError, QualityGateError


def three_strata(**changes: object) -> StratifiedDesign:
    """Return a small design."""
    given = {"names": ["crop", "edge", "rest"], "sizes": [10, 40, 950], "unit_area_ha": 0.5} | changes
    return StratifiedDesign.of_units(given.pop("names"), given.pop("sizes"), **given)  # type: ignore[arg-type]


def test_areas_follow_from_units() -> None:
    """Law: a stratum's area is its units times the unit's area, and shares add up to one."""
    design = three_strata()
    assert design.areas_ha.tolist() == [5.0, 20.0, 475.0]
    assert design.shares.sum() == pytest.approx(1.0, abs=1e-15)


def test_true_cell_areas_may_differ_from_units() -> None:
    """Law: areas given for themselves are kept, as cells of one stratum need not be alike."""
    design = StratifiedDesign(names=("a", "b"), sizes=np.array([2, 3]), areas_ha=np.array([2.5, 2.5]))
    assert design.total_area_ha == 5.0


def test_all_problems_are_told_at_once() -> None:
    """Law: a table with four faults names the four in one error."""
    with pytest.raises(InputError) as caught:
        StratifiedDesign(
            names=("a", "b", "b", "c"),
            sizes=np.array([-1.0, np.nan, 3.0, 2.5]),
            areas_ha=np.array([1.0, 1.0, 0.0, 1.0]),
        )
    text = str(caught.value)
    for part in ("size -1", "size nan", "size 2.5", "area 0 ha", "'b' twice"):
        assert part in text


def test_strata_must_add_up_to_the_frame() -> None:
    """Law: strata that leave out part of the frame are refused with both areas in the message."""
    with pytest.raises(QualityGateError, match=r"500 ha in all; expected the frame's 600 ha"):
        three_strata(frame_area_ha=600.0)
    assert three_strata(frame_area_ha=500.0 + 1e-5).frame_area_ha == 500.0 + 1e-5


@pytest.mark.parametrize(("sizes", "fault"), [([0, 40, 950], "size 0"), ([], "0 sizes")])
def test_empty_strata_are_refused(sizes: list[int], fault: str) -> None:
    """Law: a stratum without units, and a frame without strata, have no design."""
    with pytest.raises(InputError, match=fault):
        three_strata(sizes=sizes, names=["crop", "edge", "rest"][: len(sizes)])


def test_unit_area_must_be_positive() -> None:
    """Law: hectares need a unit area."""
    with pytest.raises(InputError, match="positive number of hectares"):
        three_strata(unit_area_ha=0.0)


def test_unsampled_and_lone_strata_are_refused_by_name() -> None:
    """Law: a stratum without a unit and one with a single unit stop, both named, with the cure."""
    with pytest.raises(QualityGateError) as caught:
        three_strata().sample_counts(np.array([0, 0, 1]))
    text = str(caught.value)
    assert "'edge': found one sampled unit" in text
    assert "'rest': found no sampled unit" in text
    assert "merge" in text


@pytest.mark.parametrize("lonely", ["certainty", "adjust", "average", "collapse"])
def test_named_policies_let_a_lone_unit_pass(lonely: str) -> None:
    """Law: a named policy is a decision of the user and is obeyed."""
    counts = three_strata(lonely=lonely).sample_counts(np.array([0, 1, 1, 2, 2]))
    assert counts.tolist() == [1, 2, 2]


def test_unknown_policy_is_refused() -> None:
    """Law: a policy that is none of the five is an error, not a default."""
    with pytest.raises(InputError, match="policy for lone units"):
        three_strata(lonely="ignore")


def test_a_census_of_one_unit_is_no_lone_unit() -> None:
    """Law: a stratum of one unit that is sampled is wholly known."""
    design = three_strata(sizes=[1, 40, 950])
    counts = design.sample_counts(np.array([0, 1, 1, 2, 2]))
    assert design.certainty(counts).tolist() == [True, False, False]


def test_more_units_than_the_stratum_holds_are_refused() -> None:
    """Law: eleven sampled units of ten point at duplicates."""
    codes = np.r_[np.zeros(11, dtype=int), 1, 1, 2, 2]
    with pytest.raises(InputError, match=r"11 sampled units; expected at most its 10 units"):
        three_strata().sample_counts(codes)


def test_codes_outside_the_strata_are_refused() -> None:
    """Law: a stratum code without a stratum is an error."""
    with pytest.raises(InputError, match=r"stratum codes 0..7"):
        three_strata().sample_counts(np.array([0, 0, 7]))


def test_labels_outside_the_legend_are_named() -> None:
    """Law: an unknown label is named with the legend it is not in."""
    with pytest.raises(InputError, match=r"column 'stratum': found label 'rst'; expected one of 'crop'"):
        three_strata().code_of(["crop", "rst"])
    assert encode(["rest", "crop"], ("crop", "rest"), where="map").tolist() == [1, 0]


def test_merging_adds_units_and_areas() -> None:
    """Law: merged strata keep the frame; a chain of merges is refused."""
    merged, recode = three_strata().merged({"edge": "rest"})
    assert merged.sizes.tolist() == [10, 990]
    assert merged.total_area_ha == 500.0
    assert recode.tolist() == [0, 1, 1]
    with pytest.raises(InputError, match="both merged and merged into"):
        three_strata().merged({"crop": "edge", "edge": "rest"})
    with pytest.raises(InputError, match="names of strata"):
        three_strata().merged({"forest": "rest"})


def test_a_design_cannot_be_changed_afterwards() -> None:
    """Law: arrays of a design are closed to writing."""
    with pytest.raises(ValueError, match="read-only"):
        three_strata().areas_ha[0] = 1.0
