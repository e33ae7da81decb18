"""Addresses of files on the web, as they may be shown and kept."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

__all__ = ["is_remote", "shown_address"]


def shown_address(address: str) -> str:
    """Return an address as it may be shown and kept: without user, password, query and fragment.

    Examples
    --------
    >>> shown_address("https://user:secret@host.example:8443/a/B04.tif?sig=abc#x")
    'https://host.example:8443/a/B04.tif'
    """
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rsplit("@", 1)[-1], parts.path, "", ""))


def is_remote(path: str) -> bool:
    """Return whether a path is an address rather than a file of this machine.

    Examples
    --------
    >>> is_remote("https://host.example/B04.tif"), is_remote("/data/B04.tif")
    (True, False)
    """
    return "://" in path
