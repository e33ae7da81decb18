"""A static STAC 1.1 catalogue of the rasters of a run: what each shows, where, when, and its checksum.

The items point at the files where they lie, by relative paths, so that the run folder can be moved whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import rasterio
import shapely
from rasterio.warp import transform_geom

from geo.files import sha256, write_text
from maps.text import plain

__all__ = ["RasterItem", "write_stac"]

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
]
_CLASSES = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_SHA256 = "1220"  # multihash: SHA-256, 32 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterItem:
    """One raster of the catalogue."""

    name: str
    """Identifier of the item."""
    path: Path
    """The file."""
    title: str
    """What it shows."""
    start: date
    """First day that it is made from."""
    end: date
    """Last day."""
    classes: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Code to name and colour (``#rrggbb``), for class maps."""


def write_stac(
    folder: Path, items: Sequence[RasterItem], *, title: str, licence: str, home: Path, tier: int, run: str = ""
) -> None:
    """Write ``collection.json`` and an item for each raster.

    Parameters
    ----------
    folder
        Folder of the catalogue.
    items
        The rasters.
    title
        Title of the survey.
    licence
        SPDX identifier, or ``other``.
    home
        Where `folder` will stand in the end, from which links lead to the rasters.
    tier
        Disclosure tier, which every item carries.
    run
        Identifier of the run, which every item carries too.
    """
    own = {"altdev:tier": tier} | ({"altdev:run": run} if run else {})
    made = {item.name: _item(item, home / item.name, own) for item in items}
    for name, content in made.items():
        write_text(folder / name / f"{name}.json", _json(content))
    boxes = [content["bbox"] for content in made.values()]
    whole = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    days = [min(item.start for item in items), max(item.end for item in items)]
    collection = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": "rasters",
        "title": plain(title),
        "description": f"Rasters of the survey: {plain(title)}",
        "license": licence,
        "extent": {
            "spatial": {"bbox": [whole]},
            "temporal": {"interval": [[_moment(days[0], "00:00:00"), _moment(days[1], "23:59:59")]]},
        },
        **own,
        "links": [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            *({"rel": "item", "href": f"./{name}/{name}.json", "type": "application/geo+json"} for name in made),
        ],
    }
    write_text(folder / "collection.json", _json(collection))


def _item(item: RasterItem, home: Path, own: Mapping[str, Any]) -> dict[str, Any]:
    with rasterio.open(item.path) as source:
        box = shapely.box(*source.bounds)
        footprint = transform_geom(source.crs, "EPSG:4326", shapely.geometry.mapping(box), precision=7)
        code = source.crs.to_authority()
        bands = [
            {"name": description or f"band {number}", "data_type": str(kind)}
            | ({} if source.nodata is None else {"nodata": source.nodata})
            for number, (description, kind) in enumerate(
                zip(source.descriptions, source.dtypes, strict=True), start=1
            )
        ]
        place = {
            "proj:code": None if code is None else ":".join(code),
            "proj:shape": [source.height, source.width],
            "proj:transform": list(source.transform)[:6],
            "gsd": source.res[0],
        }
    asset: dict[str, Any] = {
        "href": _relative(item.path, home),
        "type": _COG,
        "title": plain(item.title),
        "roles": ["data"],
        "bands": bands,
        "file:checksum": _SHA256 + sha256(item.path),
        "file:size": item.path.stat().st_size,
    }
    if item.classes:
        asset["classification:classes"] = [
            _class(value, plain(name), colour) for value, (name, colour) in item.classes.items()
        ]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [*_EXTENSIONS, *([_CLASSES] if item.classes else [])],
        "id": item.name,
        "geometry": footprint,
        "bbox": [round(value, 7) for value in shapely.geometry.shape(footprint).bounds],
        "properties": {
            "title": plain(item.title),
            "datetime": None,
            "start_datetime": _moment(item.start, "00:00:00"),
            "end_datetime": _moment(item.end, "23:59:59"),
            **own,
            **place,
        },
        "collection": "rasters",
        "links": [
            {"rel": rel, "href": "../collection.json", "type": "application/json"}
            for rel in ("root", "parent", "collection")
        ],
        "assets": {"data": asset},
    }


def _class(value: int, name: str, colour: str) -> dict[str, Any]:
    """Return a class as the extension has it: a name of letters and digits, the full one as title."""
    short = re.sub(r"[^0-9A-Za-z_-]+", "_", name).strip("_") or f"class_{value}"
    told = {"value": value, "name": short, "color_hint": colour.removeprefix("#").upper()}
    return told if short == name else told | {"title": name}


def _relative(path: Path, home: Path) -> str:
    """Return the way from a folder to a file, by steps up and down."""
    there, here = path.resolve().parts, home.resolve().parts
    shared = next(
        (i for i, (a, b) in enumerate(zip(there, here, strict=False)) if a != b), min(len(there), len(here))
    )
    return "/".join([*[".."] * (len(here) - shared), *there[shared:]])


def _moment(day: date, time: str) -> str:
    return f"{day.isoformat()}T{time}Z"


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
