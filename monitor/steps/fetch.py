"""Images from the web, brought to the survey's own folder before a run, which then needs no network.

What asks the web is imported where it asks, since a survey whose images are here is looked at without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo.errors import InputError, Problem
from geo.files import sha256
from imagery.address import shown_address
from imagery.catalog import bounds_in_degrees
from imagery.store import Store, local_items, stored_items
from monitor.context import Context, Progress
from monitor.sections import PeriodSection

if TYPE_CHECKING:
    import pystac
    import requests

    from imagery.remote import Remote
    from imagery.web import WebPolicy

__all__ = [
    "NotFetchedError",
    "altered_files",
    "ask",
    "bring",
    "fetched_files",
    "is_fetched",
    "period_items",
    "store_of",
]


class NotFetchedError(InputError):
    """Images of a source on the web that are not here yet."""


def period_items(context: Context, period: PeriodSection) -> Iterable[pystac.Item] | None:
    """Return the STAC items of a period with their files of this machine; None where a folder is read.

    Raises
    ------
    NotFetchedError
        If the source is on the web and was not asked yet.
    """
    imagery = context.imagery
    store = store_of(context)
    if imagery.address is not None:
        if not store.has(period.name, _request(context, period)):
            found = f"images of period {period.name} that are not here yet"
            raise NotFetchedError(Problem("[imagery]", found, "them", "fetch them with 'altdev fetch'"))
        return stored_items(store, period.name)
    return None if imagery.catalog is None else local_items(context.catalog_items, store)


def store_of(context: Context) -> Store:
    """Return what is here of the images on the web."""
    return Store.open(context.imagery.cache, in_place=context.imagery.in_place)


def is_fetched(context: Context) -> bool:
    """Say whether a source on the web was asked in full for every period; True for a source of this machine."""
    if context.imagery.address is None:
        return True
    store = store_of(context)
    return all(store.has(period.name, _request(context, period)) for period in context.compared)


def fetched_files(context: Context) -> list[Path]:
    """Return the files of the store that are here, in order."""
    store = store_of(context)
    return sorted(path for key in store.files if (path := store.path_of(key)) is not None)


def altered_files(context: Context) -> Iterator[Problem]:
    """Yield the files of the store that are not what was fetched."""
    store = store_of(context)
    for key, entry in sorted(store.files.items()):
        path = store.path_of(key)
        if path is not None and sha256(path) != entry["sha256"]:
            yield Problem(
                f"{store.folder.name}/{entry['file']}",
                "a file that was changed since it was fetched",
                "the bytes that came from the web",
                "delete it and fetch it again with 'altdev fetch'",
            )


def bring(context: Context, progress: Progress, *, again: bool = False) -> dict[str, Any]:
    """Bring the images of all periods to the survey's folder and return what was done.

    What is here already is not fetched again; a run after this one needs no network, unless it reads objects in
    place.

    Parameters
    ----------
    context
        The survey.
    progress
        Called with files done and files in all.
    again
        Ask the source again where files failed before.

    Raises
    ------
    InputError
        If the source does not answer in full, or with ``broken = "refuse"`` if a file cannot be fetched.
    """
    from imagery.fetch import fetch_files, wanted_files
    from imagery.object_store import require_credentials
    from imagery.web import open_session

    store, policy = store_of(context), _policy(context)
    session = open_session(policy)
    wanted = []
    answers: dict[str, list[pystac.Item]] = {}
    area = bounds_in_degrees(context.frame.geobox)
    for period in context.compared:
        items, is_new = _items(context, period, store, session, again=again)
        wanted += wanted_files(items, context.first_sensor, start=period.start, end=period.end, area=area)
        if is_new:
            answers[period.name] = items
    require_credentials((one.address for one in wanted), os.environ)
    problems = fetch_files(
        list({one.key: one for one in wanted}.values()),
        store,
        _remote(context),
        session=session,
        policy=policy,
        progress=progress,
    )
    for period in context.compared:
        if period.name in answers:
            store.keep_items(period.name, answers[period.name], _request(context, period))
    if problems and context.imagery.broken == "refuse":
        raise InputError(problems)
    return {"files": len(wanted), "notes": [f"{problem.where}: {problem.found}" for problem in problems]}


def _items(
    context: Context, period: PeriodSection, store: Store, session: requests.Session, *, again: bool
) -> tuple[list[pystac.Item], bool]:
    """Return the items of a period, and whether they were asked for just now."""
    from imagery.stac import items_of

    imagery = context.imagery
    if imagery.address is None:
        return (list(items_of(imagery.catalog)) if imagery.catalog is not None else []), False
    lacks = store.failed or any(store.path_of(key) is None for key in store.files)
    if store.has(period.name, _request(context, period)) and not (again and lacks):
        return list(items_of(store.items_path(period.name))), False
    return list(ask(context, period, session)), True


def ask(context: Context, period: PeriodSection, session: requests.Session | None = None) -> Iterable[pystac.Item]:
    """Ask the source on the web for the items of a period; nothing is kept."""
    from imagery.remote import remote_items
    from imagery.web import open_session

    policy = _policy(context)
    area = bounds_in_degrees(context.frame.geobox)
    return remote_items(
        _remote(context),
        area,
        period.start,
        period.end,
        session=session or open_session(policy),
        policy=policy,
    )


def _remote(context: Context) -> Remote:
    from imagery.remote import Remote

    imagery = context.imagery
    return Remote(
        api=imagery.api,
        catalog=imagery.catalog_url,
        collections=tuple(imagery.collections),
        query_grid_deg=imagery.query_grid_deg,
        signing=imagery.signing_url,
    )


def _policy(context: Context) -> WebPolicy:
    from imagery.web import WebPolicy, token_from

    imagery = context.imagery
    return WebPolicy(
        private_hosts=frozenset(host.lower() for host in imagery.private_hosts),
        attempts=imagery.attempts,
        first_wait_s=imagery.retry_wait_s,
        token=token_from(imagery.token_env),
        token_host=_remote(context).host,
    )


def _request(context: Context, period: PeriodSection) -> dict[str, Any]:
    """Return what is asked of the source for a period, as it is kept: no secret, and no finer place than asked."""
    from imagery.remote import padded_boxes

    imagery = context.imagery
    boxes = padded_boxes(bounds_in_degrees(context.frame.geobox), imagery.query_grid_deg)
    return {
        "source": shown_address(imagery.address or ""),
        "collections": list(imagery.collections),
        "boxes": [list(box) for box in boxes],
        "start": str(period.start),
        "end": str(period.end),
        "sensor": context.first_sensor.name,
    }
