"""Folders of scenes as providers ship them, known by the metadata they carry: no naming pattern is needed.

A folder may hold Sentinel-2 SAFE products or tiles of the AWS archive, Landsat scenes with their ``MTL`` file, or
images beside the STAC item that came with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pystac

from geo.errors import InputError, Problem
from geo.json_text import read_json
from imagery.landsat import landsat_metadata, landsat_scene
from imagery.safe import safe_scene, safe_tiles
from imagery.scene import BandFile, Scene, naming
from imagery.sensor import Sensor
from imagery.stac import items_of, scene_of

__all__ = ["product_scenes"]

Reader = tuple[Callable[[Path], Iterator[Path]], Callable[[Path, Sensor], Scene | None]]

_PRODUCTS: dict[str, Reader] = {
    "sentinel-2-safe": (safe_tiles, safe_scene),
    "landsat-mtl": (landsat_metadata, landsat_scene),
}


def product_scenes(folder: Path, sensor: Sensor) -> Iterator[Scene | InputError]:
    """Yield the scenes below a folder, or the error of one that cannot be used.

    Parameters
    ----------
    folder
        Searched with its subfolders.
    sensor
        Says which bands are wanted, and which products are its own.

    Raises
    ------
    InputError
        If the folder is missing or holds no product.
    """
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "no such folder", "a folder of scenes", "correct the path"))
    metadata = 0
    if sensor.product is not None:
        find, read = _PRODUCTS[sensor.product]
        for path in find(folder):
            metadata += 1
            yield from _tried(read, path, sensor, folder)
    if not metadata:
        for path in _items(folder):
            metadata += 1
            yield from _tried(_beside, path, sensor, folder)
    if not metadata:
        raise InputError(
            Problem(
                str(folder),
                "neither product metadata nor STAC items",
                "scenes as their provider ships them",
                "give [imagery] pattern, which says how the files are named",
            )
        )


def _tried(
    read: Callable[[Path, Sensor], Scene | None], path: Path, sensor: Sensor, folder: Path
) -> Iterator[Scene | InputError]:
    try:
        scene = read(path, sensor)
    except InputError as error:
        yield naming(error, path.relative_to(folder).parts[0])
        return
    if scene is not None:
        yield scene


def _items(folder: Path) -> Iterator[Path]:
    """Yield the STAC items below a folder; other JSON files are none of our business."""
    for path in sorted(folder.rglob("*.json")):
        try:
            content = read_json(path)
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(content, dict) and content.get("type") == "Feature" and "stac_version" in content:
            yield path


def _beside(path: Path, sensor: Sensor) -> Scene | None:
    """Read an item; an asset whose file lies beside the item is read there, whatever address the item gives."""
    item: pystac.Item = next(iter(items_of(path)))
    scene = scene_of(item, sensor)
    if scene is None:
        return None
    bands = {name: _here(file, path.parent) for name, file in scene.bands.items()}
    return replace(scene, bands=bands, mask=None if scene.mask is None else _here(scene.mask, path.parent))


def _here(file: BandFile, folder: Path) -> BandFile:
    local = folder / file.path.split("?")[0].rsplit("/", 1)[-1]
    return replace(file, path=str(local)) if local.is_file() else file
