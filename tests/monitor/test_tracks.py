"""New tracks and clearings of a run's scene: a literal line over literal losses, counted cell by cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from aoi.harm.erosion import FRESH, TRACK
from geo.blocks import Block
from geo.raster import open_on_grid
from monitor.harms.access import new_access, track_share
from monitor.harms.carbon import rows as gas_rows
from monitor.harms.deforestation import rows as loss_rows
from monitor.harms.figures import read_figures
from monitor.harms.footprint import Footprint, Scene, footprint
from monitor.harms.ground import open_ground
from monitor.harms.ground_water import covers_of
from monitor.harms.history import History
from monitor.steps.harm import scenes_of
from tests.monitor.test_harm_run import context_of, copied, path_of, section_of, with_input

ROW = 70


def scene_of(run: Path, folder: Path) -> tuple[Any, Any]:
    """Return context and section with forest everywhere, all of it lost in 2024."""
    context = context_of(run)
    section = section_of(context)
    loss = copied(path_of(section, "hansen_lossyear"), folder / "loss.tif", lambda cells: cells * 0 + 24)
    tree = copied(path_of(section, "hansen_treecover2000"), folder / "tree.tif", lambda cells: cells * 0 + 80)
    section = with_input(with_input(section, "hansen_lossyear", path=loss), "hansen_treecover2000", path=tree)
    return context, section


def line_along(context: Any, row: int) -> shapely.LineString:
    """Return a track through the middles of a row of cells."""
    grid, width = context.frame.geobox.transform, context.frame.geobox.shape[1]
    y = grid.f + grid.e * (row + 0.5)
    return shapely.LineString([(grid.c, y), (grid.c + grid.a * width, y)])


def found_with(context: Any, section: Any, track: History, folder: Path) -> tuple[Scene, Footprint, Any]:
    """Return the last scene with the track, what a pass over it finds, and its cover."""
    units = pd.read_csv(context.out / "frame" / "sample.csv")
    with open_ground(section, context.frame.geobox) as ground:
        *_, scene = scenes_of(context, section, ground, units)
        scene = replace(scene, access=new_access(track, since=scene.since, year=scene.year))
        found = footprint(scene, folder, units, jobs=1, progress=lambda *_: None)
        return scene, found, covers_of(scene)


def open_maps_before(scene: Scene, inside: Any) -> Any:
    """Return where the map of an earlier surveyed year has the crop."""
    found = np.zeros_like(inside)
    box, code = scene.context.frame.geobox, scene.context.profile.legend.code(scene.crop)
    for period in scene.context.compared:
        if period.reference_date.year < scene.year:
            with open_on_grid(scene.context.class_map_path(period.name), box) as reader:
                found |= reader.read(Block(0, 0, *map(int, box.shape))) == code
    return found & inside


def test_tracks_and_new_clearings_cell_by_cell(finished_run: Path, tmp_path: Path) -> None:
    """Brute force: a track of one row; forest lost under it, its cover, and plots that are new in the year."""
    context, section = scene_of(finished_run, tmp_path)
    track = History(np.array([line_along(context, ROW)], dtype=object), np.array([2024]))
    scene, found, cover = found_with(context, section, track, tmp_path)
    frame, state = context.frame, found.state
    assert state is not None
    inside, plot = frame.unit_of_cell > 0, (state & 8) > 0
    area = np.broadcast_to(np.asarray(frame.cell_area_ha[:, :]), inside.shape)
    on = np.zeros_like(inside)
    on[ROW] = True
    expected = sum(
        float(area[ROW, col]) for col in range(inside.shape[1]) if inside[ROW, col] and not plot[ROW, col]
    )
    assert found.totals["track_lost_ha"][0] / 1e9 == pytest.approx(expected, rel=1e-6)
    names = cover.names
    assert (cover.observed[on & inside & ~plot] == names.index(TRACK)).all()
    assert not (cover.observed[~on] == names.index(TRACK)).any()
    fresh = cover.observed == names.index(FRESH)
    assert fresh.any()
    seen_before = np.zeros_like(inside)
    for year, seen in scene.history.seen(frame.geobox).items():
        if year < scene.year:
            seen_before |= seen
    earlier = open_maps_before(scene, inside)
    assert np.array_equal(fresh, plot & ~seen_before & ~earlier)  # all forest was lost in the year
    by_metre, by_polygons = track_share(track, frame.geobox)
    assert (by_metre * 6, by_polygons) == pytest.approx((0.6, 0.0))  # 6 m of cells of 10 m
    strip = History(
        np.array([line_along(context, ROW).buffer(5, cap_style="flat")], dtype=object), np.array([2024])
    )
    assert track_share(strip, frame.geobox)[1] == pytest.approx(1.0)
    assert track_share(History(track.shapes[:0], track.year[:0]), frame.geobox) == (0.0, 0.0)


def test_old_access_is_no_new_track(finished_run: Path, tmp_path: Path) -> None:
    """Law: a track of another year than the period's is no change of cover."""
    context, section = scene_of(finished_run, tmp_path)
    track = History(np.array([line_along(context, ROW)], dtype=object), np.array([2010]))
    _, found, cover = found_with(context, section, track, tmp_path)
    assert found.totals["track_lost_ha"][0] == 0
    assert not (cover.observed == cover.names.index(TRACK)).any()


def test_rows_of_tracks_are_their_hectares_by_their_width(finished_run: Path) -> None:
    """By hand: 8 ha of cells, 0.06 covered by metre of width, three years, 100 t/ha: hectares and gases."""
    figures = read_figures(finished_run)
    place = list(figures.places())[-1]
    head = {"crop": place.crop, "period": place.period, "domain": "frame"}
    told = {"track_share_per_m": 0.06, "track_share_polygons": 0.0, "track_lost_ha": 8.0, "track_biomass_ha": 8.0,
            "track_biomass_low_t": 800.0, "track_biomass_high_t": 0.0}  # fmt: skip
    more = pd.DataFrame([head | {"quantity": name, "value": value} for name, value in told.items()])
    factors = dict(figures.settings["factors"])
    factors["track_width"] = factors["track_width"] | {"shape": "fixed"}
    figures = replace(
        figures,
        totals=pd.concat([figures.totals, more], ignore_index=True),
        settings=dict(figures.settings) | {"access": True, "factors": factors},
    )
    mine = (place.period, "tracks", "frame")
    of: Any = lambda rows: next(  # noqa: E731
        one for one in rows if (one.key.period, one.key.part, one.key.domain) == mine
    )
    loss = of(loss_rows(figures))
    assert (loss.value, loss.lo, loss.hi) == pytest.approx((8 * 0.36 / place.years,) * 3)
    assert (loss.key.share, loss.key.grade, loss.key.unit) == ("direct", "C", "ha/yr")
    gas = of(gas_rows(figures))
    climate = figures.climate
    roots, wood, litter = (
        figures.factors[f"{name}_{climate}"].value for name in ("root_shoot_low", "dead_wood", "litter")
    )
    whole = 800 * 0.36 * (0.47 * (1 + roots + wood) + 0.37 * litter) * 44 / 12
    assert gas.lo < whole < gas.hi
    assert gas.value == pytest.approx(whole, rel=0.1)
    without = of(loss_rows(replace(figures, settings=dict(figures.settings) | {"access": False})))
    assert without.state == "not_computed"
