"""Write a whole example project: survey file, images, layers and the truth to compare with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

import geopandas
import numpy as np
from affine import Affine

from geo.cog import RasterStyle, write_cog
from geo.errors import Problem, SurveyFileError
from geo.files import write_text
from geo.grid import GeoBox
from geo.vector import Layer, write_gpkg
from imagery.simulate.admin import admin_units, frame_of
from imagery.simulate.greenness import index_survey_text, write_index
from imagery.simulate.harm_layers import harm_survey_text, true_loss, write_harm_layers
from imagery.simulate.harm_vectors import harm_vectors_text, write_harm_vectors
from imagery.simulate.landscape import SUBPIXELS, Landscape, build_landscape
from imagery.simulate.layers import (
    eradication_events,
    prior_cultivation,
    project_layers,
    river_lines,
    road_lines,
)
from imagery.simulate.noise import stream
from imagery.simulate.passes import image_dates
from imagery.simulate.programme import programme_tables, simulate_programme
from imagery.simulate.programme_tables import law_text, write_programme
from imagery.simulate.radar import radar_dates, render_radar
from imagery.simulate.scene import BANDS_10M, Scene, open_season, render_scene
from imagery.simulate.sites import agricultural_mask, training_sites
from imagery.simulate.stac import item_id, write_catalog, write_item, write_radar_item
from imagery.simulate.truth import true_fields, true_hectares, write_truth
from imagery.simulate.water_layers import WATER_INPUTS, true_added_erosion, write_water_layers

__all__ = ["write_example", "write_images", "write_radar_images"]

_RADAR_TEXT = """# A radar sees through cloud: its features stand beside those of the images above.
[[imagery.further]]
sensor = "sentinel-1-rtc"
catalog = "inputs/radar/catalog.json"
use = "features"
min_valid = 10                      # with as many radar images a cell counts as seen though clouds hid it
"""
_SMALLEST = 120
_STREAM = 54


def write_example(
    name: str,
    directory: Path,
    *,
    seed: int,
    size: int | None = None,
    imaged: tuple[str, ...] | None = None,
    radar: bool = False,
) -> Path:
    """Write an example project.

    Parameters
    ----------
    name
        Scenario: ``andes-coca``, ``helmand-poppy`` or ``rif-cannabis``.
    directory
        Folder of the project, best an empty one: files of an earlier example in it are written over, and images
        of days that this one does not have stay beside the catalogue.
    seed
        Seed of everything in it; the same seed gives the same bytes.
    size
        Cells of 10 m on a side, even and at least 120; 512 by default.
    imaged
        Periods whose images are written; all of them when None.
    radar
        Whether images of a radar are written too, and used; of andes-coca alone.

    Returns
    -------
    Path
        The survey file.

    Raises
    ------
    SurveyFileError
        If there is no such scenario, or the size is odd or too small.
    InputError
        If the folder cannot be written to.
    """
    if size is not None and (size % 2 or size < _SMALLEST):
        raise SurveyFileError(Problem("example size", str(size), f"an even number from {_SMALLEST}"))
    landscape = build_landscape(name, seed, size)
    inputs = directory / "inputs"
    units = admin_units(landscape)
    _write_vectors(landscape, units, inputs)
    _write_rasters(landscape, inputs)
    _write_programme(landscape, inputs)
    write_programme(landscape, units, inputs / "ad")
    write_text(inputs / "law.toml", law_text(landscape.scenario.crop))
    fields = true_fields(landscape)
    write_gpkg(
        inputs / "truth" / "fields.gpkg", {"fields": Layer(frame=fields, title="True fields of each period")}
    )
    truth = true_hectares(landscape, fields, units) | {
        "direct_forest_loss_ha": true_loss(landscape, units),
        "added_erosion_t": true_added_erosion(landscape, units),
    }
    write_truth(inputs / "truth" / "truth.json", truth)
    write_harm_layers(landscape, frame_of(units), inputs / "harm")
    write_water_layers(landscape, inputs / "harm")
    frontier = landscape.scenario.layout == "clearings"
    if frontier:
        write_harm_vectors(landscape, frame_of(units), inputs / "harm")
        write_index(landscape, inputs / "harm")
    write_images(landscape, inputs / "stac", imaged)
    text = _survey_text(landscape) + harm_survey_text(landscape, WATER_INPUTS)
    text += harm_vectors_text(landscape) + index_survey_text() if frontier else ""
    if radar:
        write_radar_images(landscape, inputs / "radar", imaged)
        text = text.replace("[training]\n", _RADAR_TEXT + "\n[training]\n", 1)
    write_text(directory / "survey.toml", text)
    return directory / "survey.toml"


def _write_vectors(landscape: Landscape, units: geopandas.GeoDataFrame, inputs: Path) -> None:
    frame = frame_of(units)
    layers = {
        "admin": units,
        **project_layers(landscape, frame),
        "rivers": river_lines(landscape),
        "roads": road_lines(landscape),
        "eradication": eradication_events(landscape),
        "prior_cultivation": prior_cultivation(landscape),
        "training": training_sites(landscape),
    }
    for name, layer in layers.items():
        title = name.replace("_", " ").capitalize()
        content = Layer(frame=layer, title=title, description=f"{title} of an invented place")
        write_gpkg(inputs / f"{name}.gpkg", {name: content})


def _write_programme(landscape: Landscape, inputs: Path) -> None:
    """Write the villages of the province around, their crop by year, and what the programme there really did."""
    drawn = simulate_programme(stream(landscape.seed, _STREAM), villages=600, survey_se_ha=1.0)
    villages, panel, truth = programme_tables(drawn, landscape)
    title = "Villages"
    layer = Layer(frame=villages, title=title, description="Villages of an invented province")
    write_gpkg(inputs / "villages.gpkg", {"villages": layer})
    for path, table in ((inputs / "villages.csv", panel), (inputs / "truth" / "programme.csv", truth)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, table.to_csv(index=False, float_format="%.4f", lineterminator="\n"))


def _write_rasters(landscape: Landscape, inputs: Path) -> None:
    legend, box = landscape.profile.legend, landscape.geobox
    write_cog(
        inputs / "dem.tif",
        np.round(landscape.ground.elevation_m, 1),
        box,
        style=RasterStyle(nodata=-9999.0, descriptions=("elevation, m",)),
    )
    farmed = RasterStyle(descriptions=("1 farmed land, 0 other",), overviews="mode")
    write_cog(inputs / "agricultural_mask.tif", agricultural_mask(landscape), box, style=farmed)
    middle = SUBPIXELS // 2
    write_cog(
        inputs / "truth" / "ground.tif",
        landscape.land_use.wild[middle::SUBPIXELS, middle::SUBPIXELS],
        box,
        style=RasterStyle(
            nodata=0.0,
            descriptions=("class of the ground where no field stands",),
            colours={entry.code: entry.colour for entry in legend},
            categories={entry.code: entry.name for entry in legend},
            overviews="mode",
        ),
    )


def write_images(landscape: Landscape, folder: Path, imaged: tuple[str, ...] | None) -> None:
    """Write the images of the periods, one folder each, and the catalogue last."""
    names = []
    for period in landscape.scenario.periods:
        if imaged is not None and period.name not in imaged:
            continue
        season = open_season(landscape, period.name)
        for day in image_dates(landscape, period.name):
            scene = render_scene(season, day)
            names.append(item_id(scene))
            _write_scene(scene, landscape.geobox, folder / "items" / names[-1])
    write_catalog(folder, landscape.scenario.title, names)


def write_radar_images(landscape: Landscape, folder: Path, imaged: tuple[str, ...] | None) -> None:
    """Write the radar images of the periods, and their catalogue last."""
    names = []
    for period in landscape.scenario.periods:
        if imaged is not None and period.name not in imaged:
            continue
        season = open_season(landscape, period.name)
        for day in radar_dates(landscape, period.name):
            image = render_radar(season, day)
            names.append(f"SIM_{day:%Y%m%d}_RTC")
            for band, power in image.power.items():
                # Four decimal digits are far below the speckle, and halve the files
                short = (power.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)
                write_cog(
                    folder / "items" / names[-1] / f"{band}.tif",
                    short,
                    landscape.geobox,
                    style=RasterStyle(nodata=-32768.0),
                )
            write_radar_item(folder / "items" / names[-1], names[-1], day, landscape.geobox)
    write_catalog(folder, landscape.scenario.title, names, like="Sentinel-1")


def _write_scene(scene: Scene, geobox: GeoBox, folder: Path) -> None:
    height, width = geobox.shape
    coarse = GeoBox((height // 2, width // 2), geobox.transform * Affine.scale(2), geobox.crs)
    style = RasterStyle(nodata=0.0)
    for band, numbers in scene.numbers.items():
        write_cog(folder / f"{band}.tif", numbers, geobox if band in BANDS_10M else coarse, style=style)
    write_cog(folder / "SCL.tif", scene.scl, coarse, style=RasterStyle(nodata=0.0, overviews="mode"))
    write_item(folder, scene, geobox)


def _survey_text(landscape: Landscape) -> str:
    """Return the commented survey file of the example."""
    scenario = landscape.scenario
    baseline, current = scenario.periods
    template = files("imagery.simulate").joinpath("survey-template.txt").read_text(encoding="utf-8")
    return Template(template).substitute(
        name=f"{scenario.name}-{landscape.seed}",
        title=scenario.title,
        crop=scenario.crop,
        profile=scenario.name,
        crs=scenario.crs,
        seed=landscape.seed,
        kind=scenario.kind,
        folds_note=scenario.season_note,
        indigenous_title="Indigenous lands" if scenario.layout == "clearings" else "Communal lands",
        indigenous_kind="indigenous" if scenario.layout == "clearings" else "community",
        baseline=baseline.name,
        baseline_start=baseline.start,
        baseline_end=baseline.end,
        baseline_reference=baseline.reference_date,
        current=current.name,
        current_start=current.start,
        current_end=current.end,
        current_reference=current.reference_date,
    )
