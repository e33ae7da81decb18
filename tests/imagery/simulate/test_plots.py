"""Shapes of fields."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from imagery.simulate.noise import stream
from imagery.simulate.plots import Zone, clearings, cut_out, strips, terraces, tidy

ZONE = Zone(shapely.Polygon([(0, 0), (700, 60), (640, 560), (40, 500)]), 0.4)


def overlap_m2(polygons: np.ndarray) -> float:
    """Return the area that polygons share, pair by pair."""
    left, right = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    pairs = left < right
    return float(shapely.area(shapely.intersection(polygons[left[pairs]], polygons[right[pairs]])).sum())


def test_strips_fill_their_zone_without_overlap() -> None:
    """Law: strips lie inside the zone, do not overlap, and leave only ditches and bunds between them."""
    fields = strips(ZONE, depth_m=120, width_m=40, rng=stream(1, 1))
    assert overlap_m2(fields) == pytest.approx(0.0, abs=1e-6)
    assert shapely.area(shapely.difference(fields, ZONE.polygon)).sum() < 1e-6
    assert 0.85 < shapely.area(fields).sum() / ZONE.polygon.area < 0.99


def test_strips_run_in_the_direction_of_the_zone() -> None:
    """Brute force: the sides of strips lie along the zone's angle or square to it."""
    fields = [
        field
        for field in strips(ZONE, depth_m=120, width_m=40, rng=stream(1, 1))
        if len(field.exterior.coords) == 5
    ]
    sides = np.concatenate([np.diff(shapely.get_coordinates(field), axis=0) for field in fields])
    angle = np.arctan2(sides[:, 1], sides[:, 0]) % (np.pi / 2)
    inside = shapely.contains(ZONE.polygon.buffer(-5), np.array(fields, dtype=object))
    assert inside.sum() > 20
    whole = np.repeat(inside, 4)
    assert np.allclose(angle[whole], ZONE.angle, atol=1e-6)


def test_terraces_are_longer_along_the_slope() -> None:
    """Brute force: the longer side of the smallest rectangle around a terrace runs along the contour line."""
    fields = terraces(ZONE, length_m=90, depth_m=30, rng=stream(1, 2))
    assert overlap_m2(fields) == pytest.approx(0.0, abs=1e-6)
    inner = fields[shapely.contains(ZONE.polygon.buffer(-10), fields)]
    ratio = []
    for field in inner:
        turned = shapely.transform(
            field,
            lambda xy: xy @ np.array([[np.cos(-0.4), np.sin(-0.4)], [-np.sin(-0.4), np.cos(-0.4)]]),
        )
        west, south, east, north = turned.bounds
        ratio.append((east - west) / (north - south))
    assert np.median(ratio) > 1.7


def test_clearings_stop_at_those_that_stand() -> None:
    """Law: however crowded, clearings do not overlap and keep at least 60 % of the size asked for."""
    rng = stream(1, 3)
    areas = np.full(200, 0.6)
    fields, kept = clearings(areas, rng.uniform(0, 800, (200, 2)), rng)
    assert 20 < len(fields) < 200
    assert len(fields) == len(kept)
    assert overlap_m2(fields) < 1e-6
    assert (shapely.area(fields) / 1e4 >= 0.6 * 0.6 - 1e-9).all()


def test_lonely_clearings_have_the_size_asked_for() -> None:
    """Law: outlines are scaled to their area exactly."""
    areas = np.array([0.1, 0.7, 2.0])
    fields, _ = clearings(areas, np.array([[0.0, 0.0], [5e3, 0.0], [0.0, 5e3]]), stream(1, 4))
    assert np.allclose(shapely.area(fields) / 1e4, areas)


def test_cut_out_takes_land_away_and_keeps_the_order() -> None:
    """Literal shapes: a road through the middle leaves the larger half, other fields stay as they are."""
    fields = np.array([shapely.box(0, 0, 100, 50), shapely.box(200, 0, 300, 50)], dtype=object)
    left = cut_out(fields, [shapely.box(40, -10, 50, 60)])
    assert left[0].equals(shapely.box(50, 0, 100, 50))
    assert left[1].equals(fields[1])
    assert cut_out(fields, []) is fields


def test_tidy_drops_slivers() -> None:
    """Literal shapes: 300 m2 is no field; a field in two pieces keeps the larger one."""
    two = shapely.union_all([shapely.box(0, 0, 30, 30), shapely.box(100, 0, 120, 20)])
    fields = tidy(np.array([shapely.box(0, 0, 30, 10), two], dtype=object))
    assert [field.area for field in fields] == [900.0]
