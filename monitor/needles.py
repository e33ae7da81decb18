"""What the last look searches for: ids, names and places of everything that a product's circle may not see."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.vector import open_layer
from maps.disclosure.leak import Needles
from maps.disclosure.product import SafeProduct
from maps.disclosure.release import read_approvals
from maps.disclosure.tier import Tier
from monitor.context import Context
from monitor.tables import read_csv

__all__ = ["needles_of", "official_needles"]

_SHORTEST = 4
_DEGREES = "EPSG:4326"


def needles_of(context: Context, product: SafeProduct) -> Needles:
    """Return what must not be found in a product.

    Words are ids with a digit in them and names of eight signs or more, from the sample, the training sites, the
    households, the approvals and every layer of a stricter tier; a word that a released layer or the program's own
    texts hold is left out, since finding it would say nothing.
    """
    tier = product.tier
    strict = [*_stricter_layers(context, tier)]
    sample = read_csv(context.out / "frame" / "sample.csv")
    crs = str(context.frame.geobox.crs)
    frames = [layer.to_crs(crs) for layer in strict]
    metres = np.concatenate([sample[["x_m", "y_m"]].to_numpy(dtype=float), *map(_vertices, frames)])
    degrees = np.concatenate(
        [
            sample[["longitude", "latitude"]].to_numpy(dtype=float),
            *(_vertices(frame.to_crs(_DEGREES)) for frame in frames),
        ]
    )
    released = [*_released_layers(context, tier), product.cells()]
    allowed = [shape for layer in released for shape in (layer.to_crs(crs), layer.to_crs(_DEGREES))]
    words = {*sample["unit_id"], *(text for layer in strict for text in _texts(layer)), *_people(context)}
    told = "\n".join([_known_texts(context, released), *product.tables["portfolio"].get("title", [])])
    return Needles(
        words=frozenset(_telling(words, told)) | {str(context.root.resolve())},
        metres=metres,
        degrees=degrees,
        allowed=np.concatenate([_vertices(frame) for frame in allowed]),
        least_cell_m=1000.0 * product.decision.rules["cell_least_km"],
    )


def official_needles(context: Context, product: SafeProduct) -> Needles:
    """Return what must not be found in a product of an official series: strict layers, and people."""
    survey, tier = context.survey, product.tier
    strict = [open_layer(entry.path, layer=entry.layer) for entry in survey.overlay if entry.tier < tier]
    paths = (survey.map.rivers, survey.map.roads) if survey.map.tier < tier else ()
    strict += [open_layer(path) for path in paths if path is not None]
    released = [open_layer(survey.area.admin, layer=survey.area.admin_layer)]
    released += [open_layer(entry.path, layer=entry.layer) for entry in survey.overlay if entry.tier >= tier]
    # Of layers that are joined on codes the units' own shapes are drawn, which were released with them
    shaped = [layer.to_crs(_DEGREES) for layer in strict]
    places = [_vertices(layer) for layer in shaped]
    told = "\n".join([_known_texts(context, released), *product.tables["estimates"]["domain_name"].unique()])
    words = {*(text for layer in strict for text in _texts(layer)), *_people(context)}
    return Needles(
        words=frozenset(_telling(words, told)) | {str(context.root.resolve())},
        degrees=np.concatenate(places) if places else np.empty((0, 2)),
        allowed=np.concatenate([_vertices(layer.to_crs(_DEGREES)) for layer in released]),
        least_cell_m=1000.0 * product.decision.rules["cell_least_km"],
    )


def _stricter_layers(context: Context, tier: Tier) -> Iterator[geopandas.GeoDataFrame]:
    survey = context.survey
    yield open_layer(context.training.samples, layer=context.training.layer)
    if survey.disclosure.households is not None:
        yield open_layer(survey.disclosure.households)
    for entry in survey.overlay:
        if entry.tier < tier:
            yield open_layer(entry.path, layer=entry.layer)
    if survey.corrections is not None and survey.corrections.eradication is not None:
        yield open_layer(survey.corrections.eradication, layer=survey.corrections.layer)
    if survey.ad is not None:
        from monitor.programme_tables import programme_of

        # Outlines of the areas never go out by themselves; a released overlay with the same ones may
        areas = programme_of(context).areas
        yield areas[["ad_id", "name", areas.geometry.name]]
    if survey.map.tier < tier:
        for path in (survey.map.rivers, survey.map.roads):
            if path is not None:
                yield open_layer(path)


def _released_layers(context: Context, tier: Tier) -> Iterator[geopandas.GeoDataFrame]:
    survey = context.survey
    yield open_layer(survey.area.admin, layer=survey.area.admin_layer)
    yield context.frame.admin
    for entry in survey.overlay:
        if entry.tier >= tier:
            yield open_layer(entry.path, layer=entry.layer)
    if survey.map.tier >= tier:
        for path in (survey.map.rivers, survey.map.roads):
            if path is not None:
                yield open_layer(path)


def _people(context: Context) -> Iterator[str]:
    path = context.survey.disclosure.approvals
    if path is not None and path.is_file():
        yield from (approval.name for approval in read_approvals(path))


def _texts(layer: geopandas.GeoDataFrame) -> Iterator[str]:
    for column in layer.columns:
        if column != layer.geometry.name and not pd.api.types.is_numeric_dtype(layer[column]):
            yield from (str(value).strip() for value in layer[column].dropna().unique())


def _telling(words: set[Any], known: str) -> Iterator[str]:
    for word in words:
        text = str(word)
        tells = len(text) >= 2 * _SHORTEST or any(sign.isdigit() for sign in text)
        if len(text) >= _SHORTEST and tells and text not in known:
            yield text


def _known_texts(context: Context, released: list[geopandas.GeoDataFrame]) -> str:
    """Return the texts that a product may hold: released layers, the survey's headings, and the program's own."""
    survey = context.survey
    parts = [text for layer in released for text in _texts(layer)]
    parts += [survey.survey.title, survey.survey.source, survey.survey.vintage, survey.map.sources]
    parts += [
        *survey.map.notes,
        survey.map.disclaimer,
        *(entry.title for entry in survey.overlay),
        *survey.survey.crops,
    ]
    parts += [f"{period.reference_date} {period.start} {period.end} {period.name}" for period in survey.period]
    for package in ("maps.assets", "maps.catalogue", "maps.vendor", "maps.disclosure"):
        for entry in files(package).iterdir():
            if Path(entry.name).suffix in (".js", ".css", ".html", ".toml"):
                parts.append(entry.read_text(encoding="utf-8"))
    return "\n".join(parts)


def _vertices(layer: geopandas.GeoDataFrame) -> NDArray[np.float64]:
    return np.asarray(layer.geometry.get_coordinates().to_numpy(), dtype=np.float64)
