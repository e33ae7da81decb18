"""Items of a STAC API, or of a static catalogue on the web.

A request tells the server where somebody looks. It is asked for whole cells of a coarse grid, never for the area of
the survey: who reads the server's log learns a region and a season, and no plot.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pystac
import requests
from pystac.stac_io import DefaultStacIO
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from geo.errors import InputError, Problem, reason
from geo.json_text import parse_json
from imagery.address import shown_address
from imagery.web import WebPolicy, explained

__all__ = ["Remote", "padded_boxes", "remote_items", "renewed", "signed"]

Bounds = tuple[float, float, float, float]
_PAGE = 100
_EDGE = 1e-9  # degrees: bounds this close to a grid line lie on it
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, pystac.STACError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A source on the web."""

    api: str | None = None
    """Address of a STAC API; give it or `catalog`."""
    catalog: str | None = None
    """Address of a static catalogue."""
    collections: tuple[str, ...] = ()
    """Collections asked for; all when empty."""
    query_grid_deg: float = 1.0
    """Cell of the coarse grid that a request is widened to, degrees."""
    signing: str | None = None
    """Address that signs an image's address put behind it, such as a token service."""

    @property
    def address(self) -> str:
        """Where it is asked."""
        return self.api or self.catalog or ""

    @property
    def host(self) -> str:
        """Host of the address, in lower case."""
        return (urlsplit(self.address).hostname or "").lower()


def padded_boxes(area: Bounds, grid_deg: float) -> list[Bounds]:
    """Return the boxes in degrees that a request asks for: whole cells of a coarse grid that hold the area.

    Parameters
    ----------
    area
        West, south, east, north; west exceeds east across the anti-meridian, which gives two boxes.
    grid_deg
        Side of a cell.

    Examples
    --------
    >>> padded_boxes((-72.41, 7.6, -72.39, 8.2), 1.0)
    [(-73.0, 7.0, -72.0, 9.0)]
    >>> padded_boxes((179.4, 66.1, -179.6, 66.3), 1.0)
    [(179.0, 66.0, 180.0, 67.0), (-180.0, 66.0, -179.0, 67.0)]
    """
    west, south, east, north = area
    low, high = max(_down(south, grid_deg), -90.0), min(_up(north, grid_deg), 90.0)
    left, right = max(_down(west, grid_deg), -180.0), min(_up(east, grid_deg), 180.0)
    if west <= east:
        return [(left, low, right, high)]
    return [(left, low, 180.0, high), (-180.0, low, right, high)]


def remote_items(
    remote: Remote, area: Bounds, start: date, end: date, *, session: requests.Session, policy: WebPolicy
) -> Iterator[pystac.Item]:
    """Yield the items of a source that may touch an area in a period.

    Parameters
    ----------
    remote
        The source.
    area
        Bounds in degrees; see `padded_boxes`.
    start, end
        First and last day, both included.
    session, policy
        From `imagery.web`.

    Raises
    ------
    InputError
        If the source does not answer, or a page of it does not: part of a search is never taken for the whole.
    """
    seen: set[tuple[str | None, str]] = set()
    try:
        with warnings.catch_warnings():
            # What a server says of its own conformance; what it lacks shows when it is asked
            warnings.simplefilter("ignore")
            for item in _items(remote, area, start, end, session, policy):
                if (item.collection_id, item.id) not in seen:
                    seen.add((item.collection_id, item.id))
                    yield item
    except InputError:
        raise
    except (APIError, requests.exceptions.RequestException, OSError) as error:
        told = f"no whole answer after {len(seen)} items ({explained(error)})"
        raise _failed(remote, told) from None
    except _MALFORMED as error:
        raise _failed(remote, f"an answer that is no STAC ({reason(error)[:200]})") from None


def renewed(item: pystac.Item, session: requests.Session, timeout_s: float) -> pystac.Item | None:
    """Return an item as its server gives it now, whose links have not run out; None when it cannot be had."""
    address = item.get_self_href()
    if address is None or not address.startswith("http"):
        return None
    try:
        answer = session.get(address, timeout=timeout_s)
        return pystac.Item.from_dict(answer.json(), href=address) if answer.ok else None
    except (requests.exceptions.RequestException, *_MALFORMED):
        return None


def signed(address: str, remote: Remote, session: requests.Session, timeout_s: float) -> str:
    """Return an address as the source's token service signs it, or as it is where there is none.

    Raises
    ------
    RequestException
        If the service does not answer.
    """
    if remote.signing is None:
        return address
    answer = session.get(remote.signing + quote(address, safe=""), timeout=timeout_s)
    answer.raise_for_status()
    return str(answer.json()["href"])


def _items(
    remote: Remote, area: Bounds, start: date, end: date, session: requests.Session, policy: WebPolicy
) -> Iterator[pystac.Item]:
    if remote.api is None:
        catalog = pystac.Catalog.from_file(str(remote.catalog), stac_io=_WebFiles(session, policy.timeout_s))
        yield from catalog.get_items(recursive=True)
        return
    files = _ApiFiles(max_retries=None, timeout=policy.timeout_s)
    files.session = session
    client = Client.open(remote.api, stac_io=files)
    # A day more on either side: servers differ in whether a bare day is its midnight or all of it
    days = f"{start - timedelta(days=1)}T00:00:00Z/{end + timedelta(days=1)}T23:59:59Z"
    for box in padded_boxes(area, remote.query_grid_deg):
        found = client.search(
            bbox=list(box), datetime=days, limit=_PAGE, collections=list(remote.collections) or None
        )
        yield from found.items()


class _ApiFiles(StacApiIO):
    """Reads the answers of an API within the limits."""

    def json_loads(self, txt: str, *_: Any, **__: Any) -> dict[str, Any]:
        """Return an answer."""
        content: dict[str, Any] = parse_json(txt, where="an answer of the catalogue")
        return content


class _WebFiles(DefaultStacIO):
    """Reads a static catalogue through the guarded session."""

    def __init__(self, session: requests.Session, timeout_s: float) -> None:
        super().__init__()
        self._session, self._timeout_s = session, timeout_s

    def read_text_from_href(self, href: str) -> str:
        """Return the text at an address; a link to a file of this machine is an error, not a look."""
        answer = self._session.get(href, timeout=self._timeout_s)
        if not answer.ok:
            raise OSError(f"answer {answer.status_code} at {shown_address(href)}")
        return answer.text

    def json_loads(self, txt: str, *_: Any, **__: Any) -> dict[str, Any]:
        """Return an answer within the limits."""
        content: dict[str, Any] = parse_json(txt, where="an answer of the catalogue")
        return content

    def read_text(self, source: Any, *_: Any, **__: Any) -> str:
        """Return the text a link or an address leads to."""
        href = source.get_absolute_href() if isinstance(source, pystac.Link) else str(source)
        return self.read_text_from_href(str(href))


def _failed(remote: Remote, found: str) -> InputError:
    where = shown_address(remote.address)
    return InputError(Problem(where, found, "every page of the search", "try again, or correct [imagery]"))


def _down(value: float, step: float) -> float:
    return math.floor((value + _EDGE) / step) * step


def _up(value: float, step: float) -> float:
    return math.ceil((value - _EDGE) / step) * step
