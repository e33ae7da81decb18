"""Prediction by LightGBM's own library, without its Python package: importing that takes seconds, for nothing else.

The package loads scikit-learn, scipy.stats and pandas for its other interfaces. The C interface used here is the
documented one (``LightGBM/c_api.h``), of the same shared library.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem

__all__ = ["LibraryModel"]

_FLOAT32, _RAW_SCORE, _ALL, _ROW_MAJOR = 0, 1, -1, 1
_NAMES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")


class LibraryModel:
    """A model that the library has read; threads may share it."""

    def __init__(self, text: str) -> None:
        """Read a model from LightGBM's text.

        Raises
        ------
        InputError
            If the library cannot read it.
        """
        self._handle = ctypes.c_void_p()
        rounds = ctypes.c_int()
        library = _library()
        if not text.startswith("tree\n") or library.LGBM_BoosterLoadModelFromString(
            text.encode(), ctypes.byref(rounds), ctypes.byref(self._handle)
        ):
            raise InputError(Problem("model", f"no LightGBM model ({_told()})", "boosted_trees.txt of a run"))
        weakref.finalize(self, library.LGBM_BoosterFree, self._handle)
        classes = ctypes.c_int()
        library.LGBM_BoosterGetNumClasses(self._handle, ctypes.byref(classes))
        self._classes = classes.value

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the raw scores of n cells, shape (classes, n), in one thread.

        Parameters
        ----------
        planes
            Features, shape (k, n); NaN is missing.

        Raises
        ------
        InputError
            If there are other features than the model takes.
        """
        rows = np.ascontiguousarray(planes.T, dtype=np.float32)
        out = np.empty((len(rows), self._classes))
        length = ctypes.c_int64()
        failed = _library().LGBM_BoosterPredictForMat(
            self._handle,
            rows.ctypes.data_as(ctypes.c_void_p),
            _FLOAT32,
            ctypes.c_int32(rows.shape[0]),
            ctypes.c_int32(rows.shape[1]),
            _ROW_MAJOR,
            _RAW_SCORE,
            0,
            _ALL,
            b"num_threads=1 verbose=-1",
            ctypes.byref(length),
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        )
        if failed:
            raise InputError(Problem("model", f"no answer from LightGBM ({_told()})", "the features it was taught"))
        return np.ascontiguousarray(out.T)


@cache
def _library() -> ctypes.CDLL:
    """Return the shared library of the installed package, which is not imported."""
    spec = find_spec("lightgbm")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path()
    found = [folder / place / name for place in ("lib", ".", "bin") for name in _NAMES]
    path = next((path for path in found if path.is_file()), None)
    # Kept elsewhere, as some distributions do, only its package knows where
    library: ctypes.CDLL = import_module("lightgbm.basic")._LIB if path is None else ctypes.CDLL(str(path))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _told() -> str:
    return str(_library().LGBM_GetLastError().decode(errors="replace"))
