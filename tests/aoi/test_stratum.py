"""Strata of the frame: a partition, whatever the maps say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi.stratum import OUTSIDE, stratify
from geo.errors import InputError

NOTHING: dict[str, Any] = {"farmed": None, "known": None, "buffer_cells": 0}


def mask(*rows: str) -> NDArray[np.bool_]:
    """Return a mask drawn with ``#`` for True."""
    return np.array([[cell == "#" for cell in row] for row in rows])


def drawn(strata: Any) -> list[str]:
    """Draw strata by the first letter of their names, outside as a dot; crop_gone and crop_new by ``g``, ``n``."""
    letters = {name: name.removeprefix("crop_")[0] for name in strata.names}
    signs = [".", *(letters[name] for name in strata.names)]
    return ["".join(signs[code] for code in row) for row in strata.stratum_of_cell]


class TestLiteral:
    """Small rasters drawn by hand."""

    def test_one_period(self) -> None:
        """Literal raster: crop, what may be crop, farmed land and the rest; outside the frame nothing."""
        strata = stratify(
            {"2024": mask("##..", "....")},
            inside=mask("###.", "####"),
            possible=mask("..#.", "#..."),
            farmed=mask("....", "###."),
            known=None,
            buffer_cells=0,
        )
        assert strata.names == ("crop", "doubtful", "farmed", "other")
        assert drawn(strata) == ["ccd.", "dffo"]
        assert strata.sizes.tolist() == [2, 2, 2, 1]

    def test_two_periods(self) -> None:
        """Literal raster: crop in both, gone and new, in the order of the periods."""
        before, after = mask("##.."), mask("#.#.")
        inside, possible = mask("####"), mask("....")
        strata = stratify({"a": before, "b": after}, inside=inside, possible=possible, **NOTHING)
        assert strata.names == ("crop_both", "crop_new", "crop_gone", "other")
        assert drawn(strata) == ["bgno"]
        swapped = stratify({"b": after, "a": before}, inside=inside, possible=possible, **NOTHING)
        assert drawn(swapped) == ["bngo"]  # negative control: the order of the periods decides

    @pytest.mark.parametrize(
        ("cells", "expected"),
        [
            (0, ["ooooo", "ooooo", "oocoo", "ooooo", "ooooo"]),
            (1, ["ooooo", "oodoo", "odcdo", "oodoo", "ooooo"]),
            (2, ["oodoo", "odddo", "ddcdd", "odddo", "oodoo"]),
        ],
    )
    def test_belt_is_a_disc(self, cells: int, expected: list[str]) -> None:
        """Literal raster: the belt round mapped crop holds the cells whose centres lie within the distance."""
        crop = mask(".....", ".....", "..#..", ".....", ".....")
        whole = np.ones((5, 5), dtype=bool)
        strata = stratify({"a": crop}, inside=whole, possible=~whole, farmed=None, known=None, buffer_cells=cells)
        assert drawn(strata) == expected

    def test_known_cells_come_first(self) -> None:
        """Literal raster: a training cell is known whatever is mapped there; one outside the frame is not."""
        strata = stratify(
            {"a": mask("##..")},
            inside=mask("###."),
            possible=mask("...."),
            farmed=None,
            known=mask(".#.#"),
            buffer_cells=0,
        )
        assert drawn(strata) == ["cko."]
        assert strata.names == ("known", "crop", "other")

    def test_cells_not_seen_stand_by_themselves(self) -> None:
        """Literal raster: a cell not seen is neither crop nor rest; seen crop and known cells come before it."""
        strata = stratify(
            {"a": mask("#....")},
            inside=mask("#####"),
            possible=mask("..#.."),
            unseen=mask("#.##."),
            farmed=None,
            known=mask("...#."),
            buffer_cells=0,
        )
        assert strata.names == ("known", "crop", "not_seen", "other")
        assert drawn(strata) == ["conko"]

    def test_belt_of_both_periods(self) -> None:
        """Literal raster: the belt runs round crop of either period."""
        whole = np.ones((1, 7), dtype=bool)
        strata = stratify(
            {"a": mask("#......"), "b": mask("......#")},
            inside=whole,
            possible=~whole,
            farmed=whole,
            known=None,
            buffer_cells=1,
        )
        assert drawn(strata) == ["gdfffdn"]

    def test_no_crop_anywhere(self) -> None:
        """Literal raster: without mapped crop the frame is still one stratum, since maps omit."""
        strata = stratify({"a": mask("...")}, inside=mask("###"), possible=mask("..."), **NOTHING)
        assert strata.names == ("other",)
        assert strata.sizes.tolist() == [3]


@st.composite
def landscapes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of `stratify`: any masks, one or two periods, with and without farmed and known."""
    rows, cols = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))

    def some(share: float) -> NDArray[np.bool_]:
        return np.asarray(rng.random((rows, cols)) < share)

    inside = some(0.8)
    inside[0, 0] = True
    return {
        "crop_by_period": {str(k): some(0.3) for k in range(draw(st.integers(1, 2)))},
        "inside": inside,
        "possible": some(0.3),
        "unseen": draw(st.sampled_from([None, some(0.2)])),
        "farmed": draw(st.sampled_from([None, some(0.5)])),
        "known": draw(st.sampled_from([None, some(0.1)])),
        "buffer_cells": draw(st.integers(0, 3)),
    }


@given(landscapes())
@settings(max_examples=150, deadline=None)
def test_strata_partition_the_frame(landscape: dict[str, Any]) -> None:
    """Law: every cell inside has exactly one stratum and every cell outside none; sizes add up; none is empty."""
    crop = landscape.pop("crop_by_period")
    strata = stratify(crop, **landscape)
    codes, inside = strata.stratum_of_cell, landscape["inside"]
    assert (codes[~inside] == OUTSIDE).all()
    assert ((codes[inside] >= 1) & (codes[inside] <= len(strata.names))).all()
    assert strata.sizes.sum() == inside.sum()
    assert (strata.sizes > 0).all()
    if landscape["unseen"] is not None:
        rest = [code for code, name in enumerate(strata.names, start=1) if name in ("doubtful", "farmed", "other")]
        assert not np.isin(codes[landscape["unseen"] & inside], rest).any()
    assert len(set(strata.names)) == len(strata.names)


@given(landscapes())
@settings(max_examples=60, deadline=None)
def test_mapped_crop_is_never_in_the_rest(landscape: dict[str, Any]) -> None:
    """Law: a cell mapped as crop, or held possible, lies in no stratum of the rest."""
    crop = landscape.pop("crop_by_period")
    strata = stratify(crop, **landscape)
    rest = [code for code, name in enumerate(strata.names, start=1) if name in ("farmed", "other")]
    suspicious = landscape["possible"] | np.logical_or.reduce(list(crop.values()))
    assert not np.isin(strata.stratum_of_cell[suspicious & landscape["inside"]], rest).any()


@given(landscapes())
@settings(max_examples=30, deadline=None)
def test_inputs_are_not_changed(landscape: dict[str, Any]) -> None:
    """Law: no mask given is written to."""
    crop = landscape.pop("crop_by_period")
    given_masks = [*crop.values(), *(v for v in landscape.values() if isinstance(v, np.ndarray))]
    before = [m.copy() for m in given_masks]
    stratify(crop, **landscape)
    for old, new in zip(before, given_masks, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("periods", [0, 3])
def test_number_of_periods(periods: int) -> None:
    """Law: strata are made of one map or of two."""
    maps = {str(k): mask("#.") for k in range(periods)}
    with pytest.raises(InputError, match=f"found {periods} mapped periods; expected one or two"):
        stratify(maps, inside=mask("##"), possible=mask(".."), **NOTHING)


def test_empty_frame() -> None:
    """Law: a frame without cells has no strata."""
    with pytest.raises(InputError, match="area frame: found no cell inside"):
        stratify({"a": mask("#.")}, inside=mask(".."), possible=mask(".."), **NOTHING)
