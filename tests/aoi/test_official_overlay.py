"""Official figures of whole units against programmes and zones: sums, bounds, concentration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.official import OfficialSeries
from aoi.official_overlay import (
    NO_LAYER,
    by_layer_alone,
    by_layer_partition,
    cultivation_bounds_ha,
    layer_bounds,
    units_holding,
)
from aoi.survey.estimate import Quantity
from geo.errors import SurveyFileError

COCA = Quantity(crop="coca", kind="stock", reference="{period}-12-31")


def _series(**values: float) -> OfficialSeries:
    cells = pd.DataFrame({"code": list(values), "value_ha": list(values.values())})
    cells["state"] = np.where(cells["value_ha"].isna(), "missing", "estimated")
    return OfficialSeries(cells=cells.assign(name="", parent="", parent_name="", period="2023"), quantity=COCA)


def test_partition_counts_a_unit_once_and_alone_counts_it_again() -> None:
    """Literal: a unit of two programmes belongs to the first in the partition and to both alone."""
    series = _series(a=10.0, b=20.0, c=30.0, d=np.nan)
    layers = {"ad": {"a", "b"}, "pda": {"b", "c"}}
    parts = by_layer_partition(series, layers).cells.set_index("code")
    assert parts["value_ha"].dropna().to_dict() == {"ad": 30.0, "pda": 30.0}
    assert parts.loc[NO_LAYER, "state"] == "missing"
    assert by_layer_alone(series, layers).cells.set_index("code")["value_ha"].to_dict() == {"ad": 30.0, "pda": 50.0}
    turned = by_layer_partition(series, layers, ["pda", "ad"]).cells.set_index("code")["value_ha"]
    assert turned.dropna().to_dict() == {"pda": 50.0, "ad": 10.0}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.sets(st.sampled_from("xyz"))), min_size=1, max_size=20),
    st.sampled_from(list(permutations("xyz"))),
)
def test_parts_add_up_in_every_order(units: list[tuple[float, set[str]]], order: tuple[str, ...]) -> None:
    """Law: whatever the precedence, the parts add up to the sum of all units."""
    series = _series(**{f"u{i}": value for i, (value, _) in enumerate(units)})
    layers = {name: {f"u{i}" for i, (_, names) in enumerate(units) if name in names} for name in "xyz"}
    parts = by_layer_partition(series, layers, order).cells
    assert parts["value_ha"].sum() == pytest.approx(sum(value for value, _ in units))


def test_precedence_must_name_each_layer_once() -> None:
    """Literal: a forgotten layer is refused."""
    with pytest.raises(SurveyFileError, match="each of ad, pda once"):
        by_layer_partition(_series(a=1.0), {"ad": {"a"}, "pda": set()}, ["ad"])


@given(unit=st.floats(1, 1e5), inside_share=st.floats(0, 1), crop_share=st.floats(0, 1), where=st.floats(0, 1))
def test_bounds_hold_every_possible_truth(
    unit: float, inside_share: float, crop_share: float, where: float
) -> None:
    """Law: wherever the crop lies in the unit, what is inside the zone lies within the bounds."""
    inside, crop = unit * inside_share, unit * crop_share
    low, high = (float(b[0]) for b in cultivation_bounds_ha(*(np.array([x]) for x in (crop, unit, inside))))
    least, most = max(0.0, crop - (unit - inside)), min(crop, inside)
    truth = least + where * (most - least)
    slack = 1e-9 * unit
    assert low - slack <= truth <= high + slack
    assert (low, high) == pytest.approx((least, most), abs=slack)


def test_layer_bounds_put_unplaced_crop_into_the_most() -> None:
    """Literal: crop of a unit without land here could lie in any zone."""
    series = _series(a=10.0, b=50.0, lost=3.0, gap=np.nan)
    land = pd.DataFrame({"code": ["a", "b"], "area_ha": [100.0, 100.0], "park": [4.0, 80.0]})
    row = layer_bounds(series, land).iloc[0]
    assert (row["least_ha"], row["most_ha"], row["units"], row["empty_cells"]) == (30.0, 4.0 + 50.0 + 3.0, 2, 1)


def test_units_holding() -> None:
    """Literal: three units hold nine tenths, none hold half of nothing."""
    values = np.array([1.0, 50.0, np.nan, 30.0, 19.0])
    assert [units_holding(values, share) for share in (0.5, 0.8, 0.81, 1.0)] == [1, 2, 3, 4]
    assert units_holding(np.zeros(3), 0.5) == 0
