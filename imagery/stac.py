"""STAC items read as scenes: assets found by key or band name, offsets decided scene by scene.

Items of versions 1.0.0-beta.1 to 1.1 say the same things in different words; what differs is settled here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pystac
from pystac.stac_io import DefaultStacIO

from geo.errors import InputError, Problem, reason
from geo.json_text import parse_json, read_json
from imagery.scene import BandFile, Scene, SunAngles, naming, platform_name
from imagery.sensor import Band, Sensor

__all__ = ["items_of", "scene_of"]

_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
"""What reading JSON of another shape than expected raises."""

_BASELINE_KEYS = ("s2:processing_baseline", "processing:version", "sentinel2:processing_baseline")
_TILE_KEYS = ("s2:mgrs_tile", "grid:code", "s2:tile_id")
_PRODUCT_KEYS = ("s2:product_uri", "sentinel:product_id", "s2:datastrip_id")
_PLATFORM_KEYS = ("platform", "constellation", "eo:platform")
_APPLIED_KEYS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")


def items_of(path: Path) -> Iterator[pystac.Item]:
    """Yield the items of a static catalogue, an item collection or a single item.

    Parameters
    ----------
    path
        ``catalog.json``, ``collection.json``, a search result or an item.

    Raises
    ------
    InputError
        If the file, or one it links to, is missing or is not STAC.
    """
    if not path.is_file():
        raise InputError(
            Problem(str(path), "no such file", "a static STAC catalogue (catalog.json)", "correct the path")
        )
    try:
        content = read_json(path)
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "FeatureCollection":
            for feature in content["features"]:
                yield _item(feature, path)
        elif kind == "Feature":
            yield _item(content, path)
        else:
            yield from pystac.Catalog.from_file(str(path), stac_io=_LocalFiles()).get_items(recursive=True)
    except InputError:
        raise
    except (OSError, *_MALFORMED, pystac.STACError, pystac.STACTypeError) as error:
        first = reason(error)
        raise InputError(
            Problem(str(path), f"a catalogue that cannot be read ({first})", "STAC 1.0 or 1.1", "write it again")
        ) from error


class _LocalFiles(DefaultStacIO):
    """Reads catalogues from this machine alone: a link to elsewhere is an error, not a request."""

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        if "://" in str(source) and not str(source).startswith("file://"):
            raise OSError(f"a link to {source}, which is not on this machine")
        return super().read_text(source, *args, **kwargs)

    def json_loads(self, txt: str, *_: Any, **__: Any) -> dict[str, Any]:
        """Return a catalogue that another leads to, within the limits."""
        content: dict[str, Any] = parse_json(txt, where="a catalogue")
        return content


def scene_of(item: pystac.Item, sensor: Sensor) -> Scene | None:
    """Return the scene an item describes, or None when the item holds another product.

    Parameters
    ----------
    item
        STAC item; pystac has brought it to the present version.
    sensor
        Says which bands are wanted and how they are scaled.

    Raises
    ------
    InputError
        If the item is of the sensor but lacks a band, the mask, a date or the baseline that sets the offset, or
        if its fields are not what STAC says they are.
    """
    try:
        return _scene(item, sensor)
    except InputError as error:
        raise naming(error, item.id) from error
    except _MALFORMED as error:
        found = f"an item that cannot be read ({type(error).__name__}: {reason(error)})"
        raise InputError(Problem(f"scene {item.id}", found, "STAC 1.0 or 1.1", "write the item again")) from error


def _scene(item: pystac.Item, sensor: Sensor) -> Scene | None:
    if _is_other(item, sensor):
        return None
    found = {band.common: _asset_of(item, band) for band in sensor.band}
    if not any(found.values()):
        return None
    mask = _mask_asset(item, sensor)
    missing = [name for name, asset in found.items() if asset is None]
    missing += [] if mask is not None or sensor.mask is None else ["mask " + " or ".join(sensor.mask.keys)]
    if missing:
        have = ", ".join(sorted(item.assets))
        raise InputError(
            Problem(
                f"scene {item.id}",
                f"no asset for {', '.join(missing)} (it has {have})",
                f"every band of sensor {sensor.name}",
                "fetch the scene again, or take it out of the catalogue",
            )
        )
    baseline = _baseline(item, sensor)
    paths = {name: _path(asset) for name, asset in found.items() if asset is not None}
    shared = Counter(paths.values())
    bands = {
        band.common: BandFile(
            path=paths[band.common],
            index=band.index if shared[paths[band.common]] > 1 or len(_bands_of(item, asset)) > 1 else 1,
            scale=sensor.scale,
            offset=_offset(item, asset, sensor, baseline),
        )
        for band, asset in zip(sensor.band, found.values(), strict=True)
        if asset is not None
    }
    return Scene(
        id=item.id,
        time=_time(item),
        bands=bands,
        mask=_mask_file(mask, sensor),
        baseline=baseline,
        tile=_tile(item),
        bounds=_bounds(item),
        platform=_platform(item),
        sun=_sun(item),
    )


def _mask_file(asset: pystac.Asset | None, sensor: Sensor) -> BandFile | None:
    if asset is None or sensor.mask is None:
        return None
    return BandFile(path=_path(asset), index=sensor.mask.index)


def _is_other(item: pystac.Item, sensor: Sensor) -> bool:
    """Return whether the collection or the platform says that this is another product."""
    collection = (item.collection_id or "").lower()
    if any(part in collection for part in sensor.other_collections):
        return True
    names = [platform_name(str(item.properties[key])) for key in _PLATFORM_KEYS if item.properties.get(key)]
    return bool(names and sensor.platforms) and not any(part in name for part in sensor.platforms for name in names)


def _item(content: dict[str, Any], path: Path) -> pystac.Item:
    return pystac.Item.from_dict(content, href=str(path))


def _asset_of(item: pystac.Item, band: Band) -> pystac.Asset | None:
    """Find a band by asset key first, then by its name or common name where only one asset carries it."""
    for key in band.keys:
        if key in item.assets:
            return item.assets[key]
    carried = [(asset, _bands_of(item, asset)) for asset in item.assets.values()]
    for wanted in ((band.name,), (band.common, band.keys[0])):
        hits = [asset for asset, names in carried if len(names) == 1 and names[0] & set(wanted)]
        if len(hits) == 1:
            return hits[0]
    return None


def _bands_of(item: pystac.Item, asset: pystac.Asset) -> list[set[str]]:
    """Return the name and common name of every band in an asset.

    STAC 1.1 has ``bands`` with ``eo:common_name``, 1.0 has ``eo:bands``, and before it ``eo:bands`` were
    positions in a list of the item.
    """
    entries = asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []
    listed = item.properties.get("eo:bands") or item.properties.get("bands") or []
    bands = []
    for entry in entries:
        known = entry if isinstance(entry, dict) else listed[entry] if entry < len(listed) else {}
        names = (known.get("name"), known.get("common_name"), known.get("eo:common_name"))
        bands.append({name for name in names if name})
    return bands


def _mask_asset(item: pystac.Item, sensor: Sensor) -> pystac.Asset | None:
    keys = sensor.mask.keys if sensor.mask else ()
    return next((item.assets[key] for key in keys if key in item.assets), None)


def _offset(item: pystac.Item, asset: pystac.Asset, sensor: Sensor, baseline: str | None) -> float:
    """Decide the offset of a band, in physical units.

    Integers to which the provider has applied the offset already need none. Else the offset that the asset
    declares holds, unless it declares none where the baseline demands one: some catalogues of scenes from
    baseline 04.00 on still say 0.
    """
    if any(item.properties.get(key) is True for key in _APPLIED_KEYS):
        return sensor.offset_before
    declared = _declared_offset(asset)
    return declared if declared else sensor.offset(baseline)


def _declared_offset(asset: pystac.Asset) -> float | None:
    fields = asset.extra_fields
    entries = [fields, *fields.get("raster:bands", []), *fields.get("bands", [])]
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        for key in ("raster:offset", "offset"):
            if key in entry:
                offset = float(entry[key])
                if not math.isfinite(offset):
                    raise ValueError(f"an offset of {offset}")
                return offset
    return None


def _baseline(item: pystac.Item, sensor: Sensor) -> str | None:
    if sensor.baseline_pattern is None:
        return None
    for key in _BASELINE_KEYS:
        if item.properties.get(key) is not None:
            return str(item.properties[key])
    names = [item.id, *(str(item.properties.get(key, "")) for key in _PRODUCT_KEYS)]
    names += [asset.href for asset in item.assets.values()]
    return next(filter(None, map(sensor.baseline_in, names)), None)


def _tile(item: pystac.Item) -> str:
    return next((str(item.properties[key]) for key in _TILE_KEYS if key in item.properties), "")


def _time(item: pystac.Item) -> datetime:
    time = item.datetime or item.common_metadata.start_datetime
    if time is None:
        raise InputError(Problem(f"scene {item.id}", "no datetime", "the time of acquisition", "add it"))
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _platform(item: pystac.Item) -> str:
    """Return the satellite: the most exact of the names that the item gives."""
    names = [platform_name(str(item.properties[key])) for key in _PLATFORM_KEYS if item.properties.get(key)]
    return max(names, key=len, default="")


def _sun(item: pystac.Item) -> SunAngles | None:
    for prefix in ("view", "eo"):
        elevation, azimuth = (item.properties.get(f"{prefix}:sun_{part}") for part in ("elevation", "azimuth"))
        if elevation is not None and azimuth is not None:
            return SunAngles(elevation_deg=float(elevation), azimuth_deg=float(azimuth) % 360)
    return None


def _bounds(item: pystac.Item) -> tuple[float, float, float, float] | None:
    box = item.bbox
    if box is None:
        return None
    flat = box if len(box) == 4 else [box[0], box[1], box[3], box[4]]
    return float(flat[0]), float(flat[1]), float(flat[2]), float(flat[3])


def _path(asset: pystac.Asset) -> str:
    href = asset.get_absolute_href() or asset.href
    return unquote(urlparse(href).path) if href.startswith("file:") else href
