"""Scenes moved, corrected and left out by the survey file, and used so by every later step."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from geo.errors import QualityGateError
from geo.grid import GeoBox
from imagery.adjust import Adjusted, AdjustOptions
from imagery.coregister import Alignment
from imagery.relief import FittedBand, ReliefOptions, with_relief
from imagery.scene import BandFile, Scene, SunAngles
from imagery.topography import Effect, Moments
from monitor.scene_table import SCENE_TABLE, TOPOGRAPHY_TABLE, band_rows, kept_as_prepared, scene_rows
from monitor.tables import write_csv
from monitor.verify import verify_run
from tests.monitor.conftest import altdev
from tests.monitor.test_fetch import fixture_small  # noqa: F401  (a fixture)


def with_settings(folder: Path, text: str) -> Path:
    """Add lines to the table [imagery] of a survey file."""
    path = folder / "survey.toml"
    path.write_text(re.sub(r"(\[imagery\]\n)", rf"\1{text}\n", path.read_text(), count=1))
    return path


def test_a_survey_with_relief_and_alignment(small: Path, tmp_path: Path) -> None:
    """Law: shading goes down in the table, the run is found right, and a figure altered is noticed."""
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    survey = with_settings(folder, 'topographic = "c"\nelevation = "inputs/dem.tif"\nshadow_reach_m = 300.0')
    done = altdev("imagery", survey, "-q", "--jobs", "2")
    assert done.code == 0, done.err
    assert "shading taken out of" in done.out
    made = folder / "run" / "imagery" / "2024"
    bands = pd.read_csv(made / TOPOGRAPHY_TABLE)
    fitted = bands[bands["state"] == "corrected"]
    assert len(fitted) > len(bands) / 3
    assert (fitted["correlation_after"].abs() < fitted["correlation_before"].abs()).mean() > 0.9
    scenes = pd.read_csv(made / SCENE_TABLE)
    assert set(scenes["state"]) == {"used"}
    assert set(scenes["alignment"]) <= {"within", "not_measured"}
    assert any("shares of the frame not seen recomputed" in line for line in verify_run(folder / "run"))
    gaps = made / "gaps.csv"
    gaps.write_text(re.sub(r"(frame,.*,never_seen,,)\d+", r"\g<1>7777", gaps.read_text()))
    with pytest.raises(QualityGateError):
        list(verify_run(folder / "run"))


def test_relief_needs_an_elevation(small: Path, tmp_path: Path) -> None:
    """Law: no ground for a correction is a mistake of the survey file, a raster that is not there of the input."""
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    survey = with_settings(folder, 'topographic = "minnaert"')
    done = altdev("check", survey)
    assert done.code == 2
    assert "needs elevation" in done.out
    survey.write_text(survey.read_text().replace('"minnaert"', '"minnaert"\nelevation = "inputs/none.tif"'))
    done = altdev("check", survey)
    assert done.code == 3
    assert "none.tif" in done.out


def test_later_steps_read_scenes_as_they_were_prepared(tmp_path: Path) -> None:
    """Law: what the tables keep gives back the very scenes that the composites were made from."""
    geobox = GeoBox.from_bbox((500_000, 3_500_000, 500_400, 3_500_400), "EPSG:32642", resolution=10)
    relief = ReliefOptions(method="c", elevation="/ground.tif")
    plain = [
        Scene(
            id=name,
            time=datetime(2023, 5, day, 10, tzinfo=UTC),
            bands={"red": BandFile(path=f"/{name}.tif")},
            sun=SunAngles(elevation_deg=40.0, azimuth_deg=150.0),
        )
        for day, name in enumerate(("A", "007", "C", "NA"), start=1)
    ]
    options = AdjustOptions(coregistration="shift", tolerance_m=10.0, relief=relief)
    alignment = tuple(
        Alignment(scene=scene.id, east_m=east, north_m=0.0, tiles=3)
        for scene, east in zip(plain, (1.25, -33.35, 0.0, 2.0), strict=True)
    )
    effect = Effect(Moments(9, 0.5, 0.3, 1.0, 0.2, 0.1), Moments(9, 0.5, 0.3, 1.0, 0.0, 0.1))
    bands = tuple(
        FittedBand(scene=scene.id, band="red", method="c", parameter=value, effect=effect)
        for scene, value in zip(plain, (0.123457, 1e-6, 2.5, None), strict=True)
    )
    used = [
        with_relief(scene, {} if band.parameter is None else {"red": band.parameter}, relief, geobox)
        for scene, band in zip(plain, bands, strict=True)
    ]
    used[1] = replace(used[1], shift_m=(-33.35, 0.0))
    ready = Adjusted(
        scenes=tuple(used[i] for i in (0, 1, 3)), lost=(("C", "why"),), alignment=alignment, bands=bands
    )
    write_csv(scene_rows(ready.scenes, ready.lost, ready.alignment, options), tmp_path / SCENE_TABLE)
    write_csv(band_rows(ready.bands), tmp_path / TOPOGRAPHY_TABLE)
    assert tuple(kept_as_prepared(plain, tmp_path, relief, geobox)) == ready.scenes
