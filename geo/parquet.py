"""Parquet of others: what a file says that it unpacks to is looked at before any of it is unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import pandas
import pyarrow
import pyarrow.parquet
import shapely
from pyproj.exceptions import ProjError

from geo.errors import InputError, Problem, reason
from geo.limits import require_size, require_within

__all__ = ["read_parquet"]

_BATCH = 4096
_MALFORMED = (
    pyarrow.ArrowException, shapely.errors.GEOSException, ProjError, ValueError, LookupError, TypeError,
    AttributeError, ArithmeticError, NotImplementedError, OSError,
)  # fmt: skip


def read_parquet(path: Path) -> Any:
    """Return a Parquet file as a table: with shapes where it is GeoParquet, else without.

    Raises
    ------
    InputError
        If it cannot be read, or holds or unpacks to more than the limits.
    """
    require_size(path, "table_bytes")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _require_bearable(file, path)
            is_placed = b"geo" in (file.schema_arrow.metadata or {})
        return geopandas.read_parquet(path) if is_placed else pandas.read_parquet(path)
    except _MALFORMED as error:
        found, remedy = f"a file that is no Parquet table ({reason(error)})", "write it again, or save it as CSV"
        raise InputError(Problem(path.name, found, "a table", remedy)) from error


def _require_bearable(file: pyarrow.parquet.ParquetFile, path: Path) -> None:
    """Refuse too many rows, or more bytes than a table may have, as told and then as unpacked part by part.

    A column that repeats one long text is small in the file whatever it is told as, so that the parts are counted.
    """
    told = file.metadata
    require_within("features", told.num_rows, where=path.name, what="rows")
    size = sum(told.row_group(number).total_byte_size for number in range(told.num_row_groups))
    require_within("table_bytes", size, where=path.name, what="bytes when unpacked")
    size = 0
    for batch in file.iter_batches(batch_size=_BATCH):
        size += batch.nbytes
        require_within("table_bytes", size, where=path.name, what="bytes when unpacked")
