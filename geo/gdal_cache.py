"""How much GDAL keeps of the blocks that it decodes: next to nothing where whoever reads keeps tiles itself.

GDAL asks for each block at an address of a certain step, and the C library of many systems (glibc before 2.38) fits
such a request into no hole that a block of the same size has left. So the memory of a process that reads for long
grows with all that it reads, and not with what it keeps.
"""

from __future__ import annotations

import ctypes
from functools import cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["FEW_BYTES", "GdalCache", "gdal_cache"]

FEW_BYTES = 1 << 20
"""What GDAL keeps where tiles are kept elsewhere: a block that is larger lives as long as it is being read."""
_UNKNOWN_BYTES = 64 << 20  # for tiles of one's own where GDAL cannot be told to keep fewer


class GdalCache:
    """GDAL's cache of decoded blocks, which a whole process shares, and who reads through it."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._usual: int | None = None
        self._through: WeakKeyDictionary[object, bool] = WeakKeyDictionary()
        self._lock = Lock()

    def read_by(self, reader: object, *, keeps_tiles: bool) -> int:
        """Note that someone begins to read rasters, and return the bytes of tiles that it may keep itself.

        Parameters
        ----------
        reader
            Who reads, until `done` or as long as it lives.
        keeps_tiles
            Whether it keeps decoded tiles of all its rasters itself. GDAL keeps few blocks if all readers do; if
            none does, it keeps what it usually would; the two share that where both is the case.
        """
        with self._lock:
            if self._usual is None:
                self._usual = self.kept_bytes
            self._through[reader] = keeps_tiles
            self._settle()
            if self._usual is None:
                return _UNKNOWN_BYTES
            return self._usual if all(self._through.values()) else self._usual // 2

    def done(self, reader: object) -> None:
        """Note that someone reads no more."""
        with self._lock:
            self._through.pop(reader, None)
            self._settle()

    @property
    def kept_bytes(self) -> int | None:
        """What GDAL keeps at most; None where it cannot be asked."""
        return None if self._library is None else int(self._library.GDALGetCacheMax64())

    def _settle(self) -> None:
        if self._library is None or self._usual is None:
            return
        keeping = set(self._through.values())
        bytes_kept = {True: FEW_BYTES, False: self._usual // 2}[all(keeping)] if True in keeping else self._usual
        self._library.GDALSetCacheMax64(bytes_kept)


@cache
def gdal_cache() -> GdalCache:
    """Return the cache of the GDAL that came with rasterio; one that changes nothing where it is not found."""
    try:
        from rasterio import _io

        library = ctypes.CDLL(_io.__file__)  # what it is linked to answers too
        library.GDALGetCacheMax64.restype = ctypes.c_int64
        library.GDALSetCacheMax64.argtypes = [ctypes.c_int64]
        library.GDALSetCacheMax64.restype = None
    except (ImportError, OSError, AttributeError):
        return GdalCache(None)
    return GdalCache(library)
