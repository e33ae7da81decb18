"""Rasters that stay in an object store: a small file here says which one, and GDAL reads it in place.

The file (``NAME.object``) holds the address, the length and the version that the store named when it was asked.
So an object is hashed, listed and passed on as any input is, and one that changes in the store changes its file as
soon as it is looked at again. Where the store answers and who asks is told by the environment of whoever reads,
under the names that GDAL and the AWS tools use (``AWS_...``); nothing of it is kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import rasterio
from rasterio.errors import RasterioError
from rasterio.session import DummySession

from geo.drivers import RASTER_FORMATS
from geo.errors import AltdevError, InputError, Problem, reason
from geo.files import write_text
from geo.json_text import read_json

__all__ = [
    "SUFFIX",
    "StoredObject",
    "content_bytes",
    "key_of",
    "opened_in_place",
    "own_store",
    "stored_object",
    "unreadable",
    "write_stored",
]

SUFFIX = ".object"
"""End of the name of a file that stands for an object."""

YES = ("YES", "TRUE", "1", "ON")
"""Words of an environment variable that says yes."""

_FIELDS: Mapping[str, type] = {"address": str, "bytes": int, "version": str, "format": str}
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_BEHAVIOUR = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # a bucket may hold millions of objects
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "CPL_VSIL_CURL_NON_CACHED": "/vsis3/",  # what a worker read for an earlier run may have changed since
    "CPL_AWS_AUTODETECT_EC2": "NO",  # who asks is told by the environment, and by nobody else
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as it was when the store was asked."""

    address: str
    """``s3://bucket/key``."""
    bytes: int
    """Its length."""
    version: str
    """What the store knows its content by (entity tag)."""
    format: str
    """GDAL's name of the format it begins as."""


def write_stored(path: Path, stored: StoredObject) -> None:
    """Write the file that stands for an object."""
    write_text(path, json.dumps(asdict(stored), indent=1, sort_keys=True) + "\n")


def stored_object(path: Path | str) -> StoredObject | None:
    """Return the object that a file stands for; None where it stands for itself.

    Raises
    ------
    InputError
        If the file is not as it was written.
    """
    if not str(path).endswith(SUFFIX):
        return None
    try:
        content = read_json(Path(path))
        stored = StoredObject(**{name: kind(content[name]) for name, kind in _FIELDS.items()})
        key_of(stored.address)
        RASTER_FORMATS[stored.format]  # no other driver is let near it
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        found = f"a file that stands for no object ({reason(error)})"
        raise InputError(
            Problem(str(path), found, "the one that was written", "delete it and fetch again")
        ) from error
    return stored


def content_bytes(path: Path) -> int:
    """Return the bytes of a raster: of the file, or of the object that it stands for."""
    stored = stored_object(path)
    return path.stat().st_size if stored is None else stored.bytes


def key_of(address: str) -> tuple[str, str]:
    """Return bucket and key of an address.

    Raises
    ------
    ValueError
        If it names no object; its text does not repeat what stands in it.

    Examples
    --------
    >>> key_of("s3://images/2024/B04.tif")
    ('images', '2024/B04.tif')
    """
    parts = urlsplit(address)
    bucket, key = parts.netloc, unquote(parts.path.lstrip("/"))
    steps = {"", ".", ".."} & set(key.split("/"))
    if parts.scheme.lower() != "s3" or not _BUCKET.fullmatch(bucket) or steps:
        raise ValueError("an address that names no bucket and object, such as s3://bucket/scene/B04.tif")
    return bucket, key


def own_store(environment: Mapping[str, str]) -> SplitResult | None:
    """Return the address of a store of one's own, in parts; None where objects are with AWS."""
    own = environment.get("AWS_S3_ENDPOINT") or environment.get("AWS_ENDPOINT_URL")
    if not own:
        return None
    secure = environment.get("AWS_HTTPS", "YES").upper() in YES
    return urlsplit(own if "://" in own else f"{'https' if secure else 'http'}://{own}")


@contextmanager
def opened_in_place(stored: StoredObject) -> Iterator[Any]:
    """Open an object with GDAL; blocks of it are fetched as they are read.

    Raises
    ------
    AltdevError
        If the store does not give it.
    """
    bucket, key = key_of(stored.address)
    with rasterio.Env(session=DummySession(), **_options(bucket, os.environ)):
        try:
            source = rasterio.open(f"/vsis3/{bucket}/{key}", driver=stored.format)
        except RasterioError as error:
            raise unreadable(stored, error) from error
    with source:
        yield source


def unreadable(stored: StoredObject, error: BaseException) -> AltdevError:
    """Return the error of an object that cannot be read: the store's, so that no scene falls out for it."""
    told = reason(error)
    for name in _SECRETS:  # a store may answer with what it was asked
        told = told.replace(os.environ.get(name) or "\0", "***")
    return AltdevError(
        Problem(
            stored.address,
            f"an object that cannot be read in place ({told})",
            "the one that was there when the store was asked",
            "see that the store answers, and run the same command again; finished blocks are kept",
        )
    )


def _options(bucket: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return GDAL's settings for a bucket; keys it takes from the environment itself."""
    options = dict(_BEHAVIOUR)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if region:
        options["AWS_REGION"] = region
    own = own_store(environment)
    if own is not None:
        options["AWS_S3_ENDPOINT"] = f"{own.netloc}{own.path.rstrip('/')}"
        options["AWS_HTTPS"] = "YES" if own.scheme == "https" else "NO"
    if own is not None or "." in bucket:
        options["AWS_VIRTUAL_HOSTING"] = "FALSE"
    return options
