"""Images brought to this machine once, with their hashes, so that a run needs no network and can be repeated.

The store is a folder of the survey: ``fetched.json`` says which file holds which asset of which item, and
``PERIOD.json`` holds the items of a period as the source gave them, without links and signatures.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pystac
import requests

from geo.drivers import RASTER_FORMATS
from geo.errors import InputError, Problem
from geo.files import sha256
from geo.stored import SUFFIX, StoredObject, key_of, stored_object, write_stored
from imagery.address import is_remote, shown_address
from imagery.catalog import touches
from imagery.object_store import is_object, web_address
from imagery.remote import Remote, renewed, signed
from imagery.scene import Scene, unique_scenes
from imagery.sensor import Sensor
from imagery.stac import scene_of
from imagery.store import Store, asset_key
from imagery.web import WebError, WebPolicy, download, explained, glimpse

__all__ = ["Wanted", "fetch_files", "wanted_files"]

Bounds = tuple[float, float, float, float]
_IMAGE_STARTS = (
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
)
"""First bytes of TIFF, BigTIFF and JPEG 2000 files."""
_GONE = (404, 410)
"""Answers of a store that has no such object."""
_LOOKS = 8
"""Objects looked at side by side."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One asset that is to be here."""

    key: str
    """Collection, item and asset."""
    address: str
    """Where it is."""
    item: pystac.Item
    """The item."""
    asset: str
    """Key of the asset."""
    scene_id: str
    """Name of its scene."""


def wanted_files(
    items: Iterable[pystac.Item], sensor: Sensor, *, start: date, end: date, area: Bounds
) -> list[Wanted]:
    """Return the assets on the web that the scenes of a period over an area need, each once.

    Items of other products, and those that cannot be used, need none.
    """
    found: dict[str, tuple[Scene, pystac.Item]] = {}
    for item in items:
        try:
            scene = scene_of(item, sensor)
        except InputError:
            continue  # told when the scenes are looked for
        if scene is not None and start <= scene.day <= end and touches(scene, area):
            found.setdefault(scene.id, (scene, item))
    kept = unique_scenes(scene for scene, _ in found.values())
    return [wanted for scene in kept for wanted in _assets(scene, found[scene.id][1])]


def _assets(scene: Scene, item: pystac.Item) -> Iterator[Wanted]:
    needed = {file.path for file in (*scene.bands.values(), scene.mask) if file}
    for key, asset in sorted(item.assets.items()):
        address = asset.get_absolute_href() or asset.href
        if address in needed and is_remote(address):
            yield Wanted(key=asset_key(item, key), address=address, item=item, asset=key, scene_id=scene.id)


def fetch_files(
    wanted: Iterable[Wanted],
    store: Store,
    remote: Remote,
    *,
    session: requests.Session,
    policy: WebPolicy,
    progress: Callable[[int, int], None] | None = None,
) -> list[Problem]:
    """Bring assets to the store and return what could not be brought.

    A file that is here with its recorded size is not asked for again. A link that has run out is renewed once from
    the item's own address. The index is written after each scene, so that an interrupted run goes on from there.

    Parameters
    ----------
    wanted
        From `wanted_files`.
    store
        Where the files go. With ``in_place`` objects stay where they are and what stands for them is kept
        (`geo.stored`), looked at anew each time.
    remote
        Where addresses are signed, if they must be.
    session, policy
        From `imagery.web`.
    progress
        Called with files done and files in all.

    Raises
    ------
    InputError
        If an object store does not let itself be looked at.
    """
    scenes = list(wanted)
    problems = []
    if store.in_place:
        problems += _look([one for one in scenes if is_object(one.address)], store, session, policy)
        scenes = [one for one in scenes if not is_object(one.address)]
    try:
        for done, one in enumerate(scenes, start=1):
            if store.path_of(one.key) is None:
                problems += _tried(one, store, remote, session, policy)
            if progress is not None:
                progress(done, len(scenes))
            if done == len(scenes) or scenes[done].scene_id != one.scene_id:
                store.save()
    except BaseException:
        store.save()  # interrupted: what came is not fetched again
        raise
    return problems


class _UnfitError(WebError):
    """The object is at fault, not its store."""


def _look(objects: list[Wanted], store: Store, session: requests.Session, policy: WebPolicy) -> list[Problem]:
    """Keep what stands for objects, and return those that are not there, or are no images.

    Raises
    ------
    InputError
        If a store gives no other answer, or one that may be another in an hour: no scene falls out for it.
    """
    with ThreadPoolExecutor(_LOOKS) as pool:
        answers = list(pool.map(lambda one: _looked_at(one, store, session, policy), objects))
    problems: list[Problem] = []
    failed: dict[str, str] = {}
    away: dict[tuple[str, str], int] = Counter()
    in_all = Counter(_bucket(one) for one in objects)
    for one, answer in zip(objects, answers, strict=True):
        if isinstance(answer, WebError):
            away[_bucket(one), str(answer)] += 1
            found = f"asset {one.asset}, which cannot be read in place ({answer})"
            problems.append(Problem(f"scene {one.scene_id}", found, "an image", "look what is in the store"))
            failed[one.key] = str(answer)
        else:
            store.files[one.key] = answer
            store.failed.pop(one.key, None)
    own = {str(answer) for answer in answers if isinstance(answer, _UnfitError)}
    silent = {key: count for key, count in away.items() if key[1] not in own or count == in_all[key[0]]}
    store.failed |= {} if silent else failed
    if objects:
        store.save()
    if silent:
        raise InputError(
            Problem(
                bucket,
                f"a store that cannot be read ({why}; {count} object{'s' if count > 1 else ''})",
                "its objects",
                "see that it answers, and that whoever the environment names may read it",
            )
            for (bucket, why), count in sorted(silent.items())
        )
    return problems


def _bucket(one: Wanted) -> str:
    return f"s3://{urlsplit(one.address).netloc.rsplit('@', 1)[-1]}"


def _looked_at(
    one: Wanted, store: Store, session: requests.Session, policy: WebPolicy
) -> dict[str, Any] | WebError:
    """Write what stands for an object, or return why it cannot."""
    try:
        key_of(one.address)
    except ValueError as error:
        return _UnfitError(str(error))
    try:
        there = glimpse(session, web_address(one.address, os.environ, datetime.now(UTC)), policy)
    except WebError as error:
        return _UnfitError(str(error), error.status) if error.status in _GONE else error
    name = next((name for name, start in RASTER_FORMATS.items() if start.match(there.start)), None)
    if name is None:
        return _UnfitError("something that is neither TIFF nor JPEG 2000")
    file = Path(*(_safe(part) for part in one.key.split("/")[:-1])) / (_safe(one.asset) + SUFFIX)
    path = store.folder / file
    stored = StoredObject(address=one.address, bytes=there.bytes, version=there.version, format=name)
    if not path.is_file() or stored_object(path) != stored:
        write_stored(path, stored)
    return {
        "file": file.as_posix(),
        "address": shown_address(one.address),
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
    }


def _tried(
    one: Wanted, store: Store, remote: Remote, session: requests.Session, policy: WebPolicy
) -> list[Problem]:
    """Fetch one asset into the store, or keep why it could not be."""
    try:
        store.files[one.key] = _fetched(one, store, remote, session, policy)
    except WebError as error:
        store.failed[one.key] = str(error)
        found = f"asset {one.asset}, which could not be fetched ({error})"
        return [Problem(f"scene {one.scene_id}", found, "the file", "try again later")]
    store.failed.pop(one.key, None)
    return []


def _fetched(
    one: Wanted, store: Store, remote: Remote, session: requests.Session, policy: WebPolicy
) -> dict[str, Any]:
    address = one.item.assets[one.asset].get_absolute_href() or one.item.assets[one.asset].href
    name = Path(*(_safe(part) for part in one.key.split("/")[:-1])) / (_safe(one.asset) + _suffix(address))
    path = store.folder / name
    try:
        digest = download(session, _signed(address, remote, session, policy), path, policy)
    except WebError as error:
        fresh = renewed(one.item, session, policy.timeout_s) if error.is_expired else None
        if fresh is None or one.asset not in fresh.assets:
            raise
        again = fresh.assets[one.asset].get_absolute_href() or fresh.assets[one.asset].href
        digest = download(session, _signed(again, remote, session, policy), path, policy)
    _require_image(path)
    return {
        "file": name.as_posix(),
        "address": shown_address(address),
        "bytes": path.stat().st_size,
        "sha256": digest,
    }


def _require_image(path: Path) -> None:
    """Refuse what is no TIFF or JPEG 2000: a page that asks to log in, or a list of other files to open."""
    with path.open("rb") as stream:
        start = stream.read(12)
    if not start.startswith(_IMAGE_STARTS):
        path.unlink()
        raise WebError("something that is neither TIFF nor JPEG 2000, such as a page that asks to log in")


def _signed(address: str, remote: Remote, session: requests.Session, policy: WebPolicy) -> str:
    if is_object(address):
        return web_address(address, os.environ, datetime.now(UTC))
    try:
        return signed(address, remote, session, policy.timeout_s)
    except (requests.exceptions.RequestException, ValueError, LookupError, TypeError) as error:
        raise WebError(f"no signature ({explained(error)})") from None


def _safe(text: str) -> str:
    """Return a text as a file name; one that had to be changed gets a mark of its own, so that no two meet."""
    plain = _UNSAFE.sub("_", text)[:120].strip(".")
    return plain if plain == text else f"{plain}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _suffix(address: str) -> str:
    suffix = Path(shown_address(address)).suffix.lower()
    return suffix if suffix in (".tif", ".tiff", ".jp2") else ".tif"
