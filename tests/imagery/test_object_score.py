"""Object scores: literal maps, brute force matching, and laws of addition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import SurveyFileError
from imagery.object_score import ObjectScore, match_objects, object_score, objects_of, overlaps

DRAWN = np.array(
    [
        [1, 1, 0, 0, 2, 2],
        [1, 1, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0],
        [3, 3, 3, 0, 0, 0],
    ]
)
MAPPED = np.array(
    [
        [1, 1, 0, 0, 2, 0],
        [1, 1, 0, 0, 3, 0],
        [0, 0, 0, 4, 4, 0],
        [0, 0, 0, 4, 4, 0],
    ]
)


def test_literal_map() -> None:
    """Literal raster: one object whole, one found in two pieces of a quarter each, one missed, one invented."""
    assert overlaps(MAPPED, DRAWN)[2].tolist() == [1.0, 0.25, 0.25]
    strict = object_score(MAPPED, DRAWN, least_iou=0.3)
    assert (strict.found, strict.reference, strict.predicted, strict.mean_iou) == (1, 3, 4, 1.0)
    assert (strict.recall, strict.precision, strict.f1) == (1 / 3, 1 / 4, 2 / 7)
    # One of the two pieces is the object, the other a false alarm
    loose = object_score(MAPPED, DRAWN, least_iou=0.2)
    assert (loose.found, loose.mean_iou) == (2, 0.625)


def test_empty_maps_have_no_score() -> None:
    """Literal: nothing drawn and nothing mapped is 0 divided by 0, which is no number."""
    empty = np.zeros((2, 2), dtype=int)
    score = object_score(empty, empty, least_iou=0.3)
    assert np.isnan([score.recall, score.precision, score.f1, score.mean_iou]).all()
    assert score.record()["f1"] is None
    missed = object_score(empty, DRAWN[:2, :2], least_iou=0.3)
    assert (missed.recall, missed.f1) == (0.0, 0.0)


def test_scores_add() -> None:
    """Law: the score of two maps side by side is the sum of their scores."""
    left, right = object_score(MAPPED, DRAWN, least_iou=0.2), object_score(DRAWN, DRAWN, least_iou=0.2)
    both = object_score(
        np.hstack([MAPPED, np.where(DRAWN, DRAWN + 10, 0)]),
        np.hstack([DRAWN, np.where(DRAWN, DRAWN + 10, 0)]),
        least_iou=0.2,
    )
    assert left + right == both
    nothing = ObjectScore(found=0, reference=0, predicted=0, least_iou=0.2, mean_iou=float("nan"))
    assert (left + nothing).record() == left.record()


def test_small_objects_do_not_count() -> None:
    """Literal raster: cells joined by corners are two objects, and one below the least size is none."""
    mask = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]], dtype=bool)
    assert objects_of(mask).tolist() == [[1, 0, 2], [0, 2, 2], [0, 0, 0]]
    assert objects_of(mask, 2).max() == 1


def test_a_match_needs_an_overlap() -> None:
    """Literal: a least overlap of nothing would match everything."""
    with pytest.raises(SurveyFileError, match="above 0 and at most 1"):
        match_objects(MAPPED, DRAWN, least_iou=0.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_overlaps_against_brute_force(seed: int) -> None:
    """Brute force: every pair counted cell by cell; no object is matched twice."""
    rng = np.random.default_rng(seed)
    mapped, drawn = rng.integers(0, 5, (6, 7)), rng.integers(0, 5, (6, 7))
    for row, col, iou in zip(*overlaps(mapped, drawn), strict=True):
        expected = ((mapped == row) & (drawn == col)).sum() / ((mapped == row) | (drawn == col)).sum()
        assert iou == pytest.approx(expected)
    matches = match_objects(mapped, drawn, least_iou=0.1)
    assert len({row for row, *_ in matches}) == len({col for _, col, _ in matches}) == len(matches)
