"""The static STAC catalogue of an example: plain JSON that any STAC client reads."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS, Transformer

from geo.files import write_text
from geo.grid import GeoBox
from imagery.simulate.scene import BANDS_10M, BANDS_20M, OFFSET, QUANTUM, Scene

__all__ = ["COLLECTION", "item_id", "write_catalog", "write_item", "write_radar_item"]

COLLECTION = "sentinel-2-l2a"
"""Collection the items name, as public catalogues do."""

_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
]
_COMMON = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge071",
    "B06": "rededge075",
    "B07": "rededge078",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
}
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def item_id(scene: Scene) -> str:
    """Return the name of a scene's item."""
    return f"SIM_{scene.date:%Y%m%d}_L2A"


def write_item(folder: Path, scene: Scene, geobox: GeoBox) -> None:
    """Write the item of a scene beside its assets.

    Parameters
    ----------
    folder
        Folder of the item; assets are `BAND.tif` in it.
    scene
        The scene.
    geobox
        Its 10 m grid.
    """
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": _EXTENSIONS,
        "id": item_id(scene),
        **_place(geobox),
        "properties": _properties(scene, geobox),
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../../catalog.json", "type": "application/json"},
        ],
        "assets": _assets(scene, geobox),
    }
    _write(folder / f"{item_id(scene)}.json", item)


def write_radar_item(folder: Path, name: str, day: date, geobox: GeoBox) -> None:
    """Write the item of a radar image beside its assets ``vv.tif`` and ``vh.tif``.

    Parameters
    ----------
    folder
        Folder of the item.
    name
        Its name.
    day
        Day of the pass.
    geobox
        Its grid.
    """
    assets = {
        name: {
            "href": f"./{name}.tif",
            "type": _COG,
            "title": f"{name.upper()}: gamma naught, linear power",
            "roles": ["data"],
        }
        for name in ("vv", "vh")
    }
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
        "id": name,
        **_place(geobox),
        "properties": {
            "datetime": f"{day.isoformat()}T23:10:00Z",
            "title": "Simulated image, not an observation",
            "platform": "sentinel-1a",
            "constellation": "sentinel-1",
            "instruments": ["c-sar"],
            "sar:instrument_mode": "IW",
            "sar:polarizations": ["VV", "VH"],
            "sat:orbit_state": "ascending",
            "proj:code": _code(geobox),
        },
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../../catalog.json", "type": "application/json"},
        ],
        "assets": assets,
    }
    _write(folder / f"{name}.json", item)


def write_catalog(folder: Path, title: str, items: list[str], *, like: str = "Sentinel-2") -> None:
    """Write the catalogue that links the items ``items/ID/ID.json``.

    Parameters
    ----------
    folder
        Folder of the catalogue.
    title
        What it shows.
    items
        Item names, in order.
    like
        Mission that the images are like.
    """
    links = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    links += [
        {"rel": "item", "href": f"./items/{name}/{name}.json", "type": "application/geo+json"} for name in items
    ]
    catalog = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": "simulated-scenes",
        "title": title,
        "description": f"Simulated {like}-like scenes of an invented place. Nothing here was observed.",
        "links": links,
    }
    _write(folder / "catalog.json", catalog)


def _properties(scene: Scene, geobox: GeoBox) -> dict[str, Any]:
    return {
        "datetime": f"{scene.date.isoformat()}T10:30:00Z",
        "title": "Simulated scene, not an observation",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
        "eo:cloud_cover": scene.cloud_percent,
        "proj:code": _code(geobox),
        **_grid(geobox, 10),
        "view:sun_azimuth": round(scene.sun.azimuth, 2),
        "view:sun_elevation": round(90 - scene.sun.zenith, 2),
        "s2:processing_baseline": scene.baseline,
        "s2:nodata_pixel_percentage": scene.nodata_percent,
        "s2:product_type": "S2MSI2A",
    }


def _assets(scene: Scene, geobox: GeoBox) -> dict[str, Any]:
    offset = -OFFSET * QUANTUM if scene.baseline >= "04.00" else 0.0
    assets: dict[str, Any] = {}
    for name in (*BANDS_10M, *BANDS_20M):
        cell = 10 if name in BANDS_10M else 20
        assets[name] = {
            **_asset(name, cell),
            **_grid(geobox, cell),
            "data_type": "uint16",
            "nodata": 0,
            "unit": "1",
            "raster:scale": QUANTUM,
            "raster:offset": offset,
            "bands": [{"name": name, "eo:common_name": _COMMON[name]}],
        }
    scl = {"data_type": "uint8", "nodata": 0, "bands": [{"name": "SCL"}], "roles": ["data"]}
    assets["SCL"] = {**_asset("SCL", 20), **_grid(geobox, 20), **scl}
    return assets


def _asset(name: str, cell: int) -> dict[str, Any]:
    return {"href": f"./{name}.tif", "type": _COG, "title": name, "gsd": cell, "roles": ["data", "reflectance"]}


def _grid(geobox: GeoBox, cell: int) -> dict[str, Any]:
    factor = cell // 10
    step, transform = float(cell), geobox.transform
    return {
        "proj:shape": [geobox.shape[0] // factor, geobox.shape[1] // factor],
        "proj:transform": [step, 0.0, transform.c, 0.0, -step, transform.f],
    }


def _place(geobox: GeoBox) -> dict[str, Any]:
    """Return the footprint in degrees, rounded to a metre."""
    box = geobox.boundingbox
    corners = [(box.left, box.bottom), (box.right, box.bottom), (box.right, box.top), (box.left, box.top)]
    to_degrees = Transformer.from_crs(CRS.from_user_input(str(geobox.crs)), "EPSG:4326", always_xy=True)
    ring = np.round([to_degrees.transform(*corner) for corner in corners], 6)
    return {
        "bbox": [*ring.min(axis=0).tolist(), *ring.max(axis=0).tolist()],
        "geometry": {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]},
    }


def _code(geobox: GeoBox) -> str:
    return f"EPSG:{CRS.from_user_input(str(geobox.crs)).to_epsg()}"


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
