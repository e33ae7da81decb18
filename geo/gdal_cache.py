"""How much GDAL keeps of the blocks that it decodes: next to nothing where whoever reads keeps tiles itself.

GDAL asks for each block at an address of a certain step, and the C library (glibc 2.36 was looked at) fits such a
request into no hole that a block of the same size has left. So the memory of a process that reads for long
grows with all that it reads, and not with what it keeps.

Two things go wrong with a small cache. A raster that is written through GDAL in windows that are not whole blocks
may come out wrong while other threads read, since they push its unfinished blocks out: whoever writes so says
`writing`. And blocks of other bands, which some drivers decode together with the one that is asked for, are lost.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any
from weakref import WeakSet, finalize

from rasterio import _io

__all__ = ["FEW_BYTES", "GDAL_CACHE", "GdalCache"]

FEW_BYTES = 1 << 20
"""What GDAL keeps where tiles are kept elsewhere; of a raster of one band a larger block is still decoded once."""
_UNKNOWN_BYTES = 64 << 20  # for tiles of one's own where GDAL cannot be told to keep fewer


class GdalCache:
    """GDAL's cache of decoded blocks, which a whole process shares, and who reads through it."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._usual: int | None = None
        self._keeping: WeakSet[object] = WeakSet()
        self._through: WeakSet[object] = WeakSet()
        self._writers = 0
        # Held again by the same thread where a reader that nobody holds is cleared away meanwhile
        self._lock = RLock()

    def read_by(self, reader: object, *, keeps_tiles: bool) -> int:
        """Note that someone reads one more raster, and return the bytes of tiles that it may keep itself.

        GDAL keeps few blocks while whoever reads keeps the tiles of all rasters itself, and what it usually would
        while nobody does; where both is the case, the two share that.

        Parameters
        ----------
        reader
            Who reads, until `done` or as long as it lives.
        keeps_tiles
            Whether it keeps all that is decoded of this raster itself.
        """
        with self._lock:
            if self._usual is None:
                self._usual = self.kept_bytes
            if reader not in self._keeping and reader not in self._through:
                finalize(reader, self._settle).atexit = False
            (self._keeping if keeps_tiles else self._through).add(reader)
            self._settle()
            if self._usual is None:
                return _UNKNOWN_BYTES
            return self._usual // 2 if _any_lives(self._through) else self._usual

    def done(self, reader: object) -> None:
        """Note that someone reads no more."""
        with self._lock:
            self._keeping.discard(reader)
            self._through.discard(reader)
            self._settle()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let GDAL keep what it usually would while a raster is written through it in windows, whoever reads."""
        with self._lock:
            if self._usual is None:
                self._usual = self.kept_bytes
            self._writers += 1
            self._settle()
        try:
            yield
        finally:
            with self._lock:
                self._writers -= 1
                self._settle()

    @property
    def kept_bytes(self) -> int | None:
        """What GDAL keeps at most; None where it cannot be asked."""
        return None if self._library is None else int(self._library.GDALGetCacheMax64())

    def _settle(self) -> None:
        if self._library is None or self._usual is None:
            return
        with self._lock:
            kept = self._usual
            if _any_lives(self._keeping) and not self._writers:
                kept = self._usual // 2 if _any_lives(self._through) else min(FEW_BYTES, self._usual)
            self._library.GDALSetCacheMax64(kept)


def _any_lives(readers: WeakSet[object]) -> bool:
    """Say whether any is left; one that is being cleared away is still counted by its set for a moment."""
    return next(iter(readers), None) is not None


def _found() -> GdalCache:
    """Return the cache of the GDAL that came with rasterio; one that changes nothing where it is not found."""
    try:
        library = ctypes.CDLL(_io.__file__)  # what it is linked to answers too
        library.GDALGetCacheMax64.restype = ctypes.c_int64
        library.GDALSetCacheMax64.argtypes = [ctypes.c_int64]
        library.GDALSetCacheMax64.restype = None
    except (OSError, AttributeError):
        return GdalCache(None)
    return GdalCache(library)


GDAL_CACHE = _found()
"""That of this process."""
