"""What a stage refuses: labels missing, units in two strata, populations in the wrong unit."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.stages import Stage, build_levels
from geo.errors import InputError


def test_every_wrong_column_is_told_at_once() -> None:
    """Law: problems of all stages come in one error."""
    stages = [Stage(unit=["a", None, ""], population=5), Stage(unit=[1, 2], population=[1, 2])]
    with pytest.raises(InputError) as raised:
        build_levels(stages, 3)
    text = str(raised.value)
    assert "stage 1, unit: found 2 rows without a label (first [1, 2])" in text
    assert "stage 2, unit: found shape (2,)" in text
    assert "stage 2, population" in text


def test_missing_number_label_is_found() -> None:
    """Law: a NaN is no label."""
    with pytest.raises(InputError, match="without a label"):
        build_levels([Stage(unit=[1.0, np.nan], population=5)], 2)


def test_unit_in_two_strata_is_refused() -> None:
    """Law: a segment cut by a stratum boundary would count as two independent segments."""
    stage = Stage(unit=["s1", "s1", "s2", "s3"], stratum=["a", "b", "a", "b"], population=9)
    with pytest.raises(InputError, match="1 units with rows in more than one stratum"):
        build_levels([stage], 4)


@pytest.mark.parametrize(
    ("population", "message"),
    [
        (0.4, "0.4 for 3 drawn units.*not a fraction"),
        (2, "2 for 3 drawn units"),
        ([5, 5, 6], "two values in one stratum"),
        (-5, "not positive"),
        (np.nan, "not positive"),
    ],
)
def test_populations_in_the_wrong_unit(population, message: str) -> None:
    """Law: the finite population correction takes counts of the units that were drawn."""
    with pytest.raises(InputError, match=message):
        build_levels([Stage(unit=[1, 2, 3], population=population)], 3)


def test_second_stage_labels_may_repeat_between_segments() -> None:
    """Literal: points 1 and 2 of two segments are four points."""
    levels = build_levels(
        [Stage(unit=["a", "a", "b", "b"], population=5), Stage(unit=[1, 2, 1, 2], population=4)], 4
    )
    assert [level.n_units for level in levels] == [2, 4]
    assert levels[1].carry.tolist() == [0.4, 0.4]


def test_stage_without_population_stops_the_carry() -> None:
    """Law: after a stage drawn with replacement no later stage adds a term, so none needs a policy."""
    levels = build_levels([Stage(unit=["a", "a", "b"], population=None), Stage(unit=[1, 2, 1], population=4)], 3)
    assert levels[1].carry.tolist() == [0.0, 0.0]
    assert not levels[1].is_lonely.any()
