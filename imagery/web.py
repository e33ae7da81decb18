"""Requests to catalogues and image stores: retried with growing waits, never to private networks.

A catalogue is written by others, and so is every link in it. A link to this machine or to its neighbours would make
the program fetch what only the user may see, so such hosts are refused unless the survey file names them.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from geo.errors import Problem, SurveyFileError
from geo.files import atomic
from geo.limits import limits
from imagery.address import shown_address

__all__ = [
    "Glimpse",
    "RefusedHostError",
    "WebError",
    "WebPolicy",
    "download",
    "explained",
    "glimpse",
    "open_session",
    "require_public",
    "token_from",
]

RETRIED = (429, 500, 502, 503, 504)
"""Answers that a later try may change."""
EXPIRED = (401, 403, 410)
"""Answers to a link that has run out or was never ours."""
_CHUNK = 1 << 20
_GLIMPSE = 64
_LONGEST_WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPolicy:
    """How to behave on the web."""

    private_hosts: frozenset[str] = frozenset()
    """Hosts of private networks that may be asked all the same."""
    attempts: int = 5
    """Times a request is made before it counts as failed."""
    first_wait_s: float = 1.0
    """Wait before the second retry; it doubles with each further one."""
    timeout_s: float = 60.0
    """Longest silence of a server."""
    token: str = field(default="", repr=False)
    """Bearer token."""
    token_host: str = ""
    """The one host that the token is sent to."""


class WebError(Exception):
    """A request that failed for good; its text holds neither query nor header."""

    def __init__(self, what: str, status: int | None = None) -> None:
        super().__init__(what)
        self.status = status

    @property
    def is_expired(self) -> bool:
        """Whether the link may have run out, so that a fresh one would do."""
        return self.status in EXPIRED


class RefusedHostError(requests.exceptions.RequestException):
    """A host of a private network that the survey file does not name."""


class TooLongError(requests.exceptions.RequestException):
    """An answer longer than the limits."""


class UnknownHostError(requests.exceptions.ConnectionError):
    """A name that nobody knows, or no network to ask in."""


def token_from(variable: str | None) -> str:
    """Return the token that an environment variable holds; none when no variable is named.

    Raises
    ------
    SurveyFileError
        If the variable is not set: the survey file asks for it.
    """
    if variable is None:
        return ""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise SurveyFileError(
            Problem("[imagery] token_env", f"no environment variable {variable}", "the token in it", "set it")
        )
    return value


def open_session(policy: WebPolicy) -> requests.Session:
    """Return a session that retries, and refuses private hosts also after a redirect or a changed name.

    Parameters
    ----------
    policy
        Whom to ask and how often.
    """
    # Its warnings name addresses with their query, and a query may hold a signature
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("pystac_client").setLevel(logging.ERROR)
    session = _Session(policy)
    retry = Retry(
        total=policy.attempts - 1,
        backoff_factor=policy.first_wait_s,
        backoff_max=_LONGEST_WAIT_S,
        status_forcelist=RETRIED,
        allowed_methods=None,  # a search is asked with POST, and asking twice changes nothing
        raise_on_status=False,
        respect_retry_after_header=True,
        retry_after_max=int(_LONGEST_WAIT_S),
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(policy.private_hosts, max_retries=retry))
    session.headers["Accept-Encoding"] = "identity"
    return session


def download(session: requests.Session, address: str, path: Path, policy: WebPolicy) -> str:
    """Write what stands at an address to a file, whole or not at all, and return its SHA-256.

    Parameters
    ----------
    session
        From `open_session`.
    address
        Of the file; redirects are followed.
    path
        Final name.
    policy
        The one the session was made with.

    Raises
    ------
    WebError
        If the address answers with an error, or the file does not come whole in any attempt.
    """
    for attempt in range(policy.attempts):
        try:
            with atomic(path) as part:
                return _stream(session, address, part, policy.timeout_s)
        except RefusedHostError as error:
            raise WebError(str(error)) from None
        except requests.exceptions.RequestException as error:
            if attempt + 1 == policy.attempts:
                raise WebError(f"{type(error).__name__} in {policy.attempts} attempts") from None
            time.sleep(min(policy.first_wait_s * 2**attempt, _LONGEST_WAIT_S))
    raise WebError("no attempt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """How what stands at an address begins, and what its server says of it."""

    start: bytes
    """First bytes."""
    bytes: int
    """Length of the whole."""
    version: str
    """What the server knows its content by (entity tag)."""


def glimpse(session: requests.Session, address: str, policy: WebPolicy) -> Glimpse:
    """Look at what stands at an address without fetching it.

    Parameters
    ----------
    session, policy
        As for `download`.
    address
        Of the file; redirects are followed.

    Raises
    ------
    WebError
        If the address answers with an error, or does not say how long the file is and what version it has.
    """
    try:
        with session.get(
            address, stream=True, timeout=policy.timeout_s, headers={"Range": f"bytes=0-{_GLIMPSE - 1}"}
        ) as answer:
            if not answer.ok:
                raise WebError(f"answer {answer.status_code} {answer.reason}".strip(), answer.status_code)
            start = next(answer.iter_content(_GLIMPSE), b"")
            headers = answer.headers
    except requests.exceptions.RequestException as error:
        raise WebError(explained(error)) from None
    part = answer.status_code == requests.codes.partial_content
    told = headers.get("Content-Range", "").rpartition("/")[2] if part else headers.get("Content-Length", "")
    version = headers.get("ETag", "").strip('"')
    if not told.isdigit() or not version:
        raise WebError("an answer that tells neither length nor version of the file")
    return Glimpse(start=start, bytes=int(told), version=version)


def _stream(session: requests.Session, address: str, part: Path, timeout_s: float) -> str:
    digest = hashlib.sha256()
    with session.get(address, stream=True, timeout=timeout_s) as answer:
        if not answer.ok:
            raise WebError(f"answer {answer.status_code} {answer.reason}".strip(), answer.status_code)
        with part.open("wb") as target:
            # A body shorter than announced raises, so that a transfer cut short is seen
            received, most = 0, limits().asset_bytes
            for chunk in answer.iter_content(_CHUNK):
                received += len(chunk)
                if received > most:
                    raise WebError(f"more than {most:,} bytes (to take it on, say --limit asset_bytes=...)")
                digest.update(chunk)
                target.write(chunk)
    return digest.hexdigest()


class _Session(requests.Session):
    def __init__(self, policy: WebPolicy) -> None:
        super().__init__()
        self._policy = policy
        self.trust_env = True

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = super().prepare_request(request)
        policy, host = self._policy, _host(prepared.url or "")
        if policy.token and host == policy.token_host:
            prepared.headers["Authorization"] = f"Bearer {policy.token}"
        return prepared

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send one request, redirects among them, after a look at its host."""
        url = request.url or ""
        if urlsplit(url).scheme not in ("http", "https"):
            raise RefusedHostError(f"an address that is neither http nor https ({shown_address(url)})")
        by_proxy = select_proxy(url, options.get("proxies")) is not None
        # A proxy looks the name up itself; a bare number can be judged here
        addresses = [_host(url)] if by_proxy else _addresses(_host(url))
        require_public(_host(url), addresses, self._policy.private_hosts)
        streamed = bool(options.get("stream"))
        answer = super().send(request, **{**options, "stream": True})
        return answer if streamed else _read_within(answer)


def _read_within(answer: requests.Response) -> requests.Response:
    """Read a body that is wanted whole, as long as it is no longer than a text may be."""
    most, parts, received = limits().json_bytes, [], 0
    for chunk in answer.iter_content(_CHUNK):
        parts.append(chunk)
        received += len(chunk)
        if received > most:
            answer.close()
            raise TooLongError(f"an answer of more than {most:,} bytes; to take it on, say --limit json_bytes=...")
    answer._content = b"".join(parts)  # as `Response.content` keeps it
    return answer


class _Adapter(HTTPAdapter):
    """Looks once more at whom a connection was made to, since a name may have changed in between."""

    def __init__(self, allowed: Collection[str], **options: Any) -> None:
        self._allowed = allowed
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make pools whose connections are looked at."""
        super().init_poolmanager(*arguments, **options)
        allowed = self._allowed

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                require_public(self.host, [self.sock.getpeername()[0]], allowed)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                require_public(self.host, [self.sock.getpeername()[0]], allowed)

        plain = type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
        secure = type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": Secure})
        self.poolmanager.pool_classes_by_scheme = {"http": plain, "https": secure}


def require_public(host: str, addresses: Collection[str], allowed: Collection[str]) -> None:
    """Refuse a host that one of its addresses puts on a private network, unless the survey file names it.

    Raises
    ------
    RefusedHostError
        Naming the host.

    Examples
    --------
    >>> require_public("images.example", ["93.184.216.34"], ())
    >>> require_public("images.example", ["169.254.169.254"], ())
    Traceback (most recent call last):
    ...
    imagery.web.RefusedHostError: images.example, a host of a private network
    """
    if host in allowed:
        return
    if host == "localhost" or host.endswith(".localhost") or any(map(_is_private, addresses)):
        raise RefusedHostError(f"{host}, a host of a private network")


def _is_private(address: str) -> bool:
    try:
        number = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False  # a name, judged by what it resolves to
    inner = getattr(number, "ipv4_mapped", None) or number
    return not inner.is_global or inner.is_multicast


def _addresses(host: str) -> list[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise UnknownHostError(f"no host {host} is known here, or there is no network") from error


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def explained(error: Exception) -> str:
    """Return what went wrong with a request, in words that hold no query and no header."""
    behind = (
        error.__context__
        if isinstance(error.__context__, RefusedHostError | UnknownHostError | TooLongError)
        else error
    )
    if isinstance(behind, WebError | RefusedHostError | UnknownHostError | TooLongError):
        return str(behind)
    status = getattr(error, "status_code", None)
    return f"answer {status}" if status else type(error.__context__ or error).__name__
