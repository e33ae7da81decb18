"""The run's identifier in every table of figures: its last column, the same in each row.

A table counts as the same whichever run it is told of: what is made from it depends on its content without the
column, so that a change that leaves a figure as it was makes nothing again, and writes the column anew.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from geo.errors import Problem, QualityGateError
from geo.files import write_text

__all__ = ["COLUMN", "content_sha256", "is_stamped", "require_stamps", "stamp", "stamped", "without_stamp"]

COLUMN = "run_id"
"""Name of the column."""

FOLDERS = ("estimates", "impact", "indicators", "overlay")
"""Folders of a run whose tables are figures."""

csv.field_size_limit(1 << 30)  # a cell of our own tables, such as a note, may be longer than the module thinks wise

_TEXTS = (".csv", ".geojson", ".html", ".xml")
"""Kinds of products that are text, and name the run in it."""


def is_stamped(name: str) -> bool:
    """Say whether a file of a run is a table that carries the identifier.

    Examples
    --------
    >>> is_stamped("estimates/estimates.csv"), is_stamped("frame/sample.csv")
    (True, False)
    """
    return name.endswith(".csv") and name.partition("/")[0] in FOLDERS


def stamped(text: str, run: str) -> str:
    r"""Return a table with the identifier as its last column, in the place of an earlier one.

    Examples
    --------
    >>> stamped("crop,value_ha\ncoca,1.0\n", "kdqc")
    'crop,value_ha,run_id\ncoca,1.0,kdqc\n'
    >>> stamped("crop,value_ha,run_id\ncoca,1.0,kdqc\n", "bbbb")
    'crop,value_ha,run_id\ncoca,1.0,bbbb\n'
    """
    rows = _bare(text)
    return _written([*row, run if number else COLUMN] for number, row in enumerate(rows))


def without_stamp(text: str) -> str:
    r"""Return a table without the identifier.

    Examples
    --------
    >>> without_stamp("crop,value_ha,run_id\ncoca,1.0,kdqc\n")
    'crop,value_ha\ncoca,1.0\n'
    """
    return _written(_bare(text))


def content_sha256(path: Path) -> str:
    """Return the hash of a table's content without the identifier."""
    return sha256(without_stamp(_read(path)).encode("utf-8")).hexdigest()


def stamp(path: Path, run: str) -> None:
    """Write the identifier into a table, whole or not at all."""
    write_text(path, stamped(_read(path), run))


def require_stamps(out: Path, names: Iterable[str], run: str) -> int:
    """Return how many files of figures carry an identifier; refuse those that carry another or none.

    Parameters
    ----------
    out
        Run folder.
    names
        Files of the run by path relative to it.
    run
        Identifier that they were given.

    Raises
    ------
    QualityGateError
        Naming each file that carries another.
    """
    told = {name: stamps for name in sorted(names) if (stamps := _stamps(out / name, name, run)) is not None}
    problems = [
        Problem(
            str(out / name),
            f"figures of run {', '.join(sorted(stamps)) or 'without id'}",
            f"those of run {run}",
            "it was changed, or is no file of this run; run it again",
        )
        for name, stamps in told.items()
        if stamps != {run}
    ]
    if problems:
        raise QualityGateError(problems)
    return len(told)


def _stamps(path: Path, name: str, run: str) -> set[str] | None:
    """Return the identifiers that a file tells; None for one that need not tell any."""
    if is_stamped(name):
        rows = list(csv.reader(io.StringIO(_read(path), newline="")))
        if not rows or rows[0][-1:] != [COLUMN]:
            return set()
        return {row[-1] for row in rows[1:]} or {run}  # a table without rows tells no figure
    if name.startswith("products/") and name.endswith(_TEXTS) and _tells_figures(name):
        return {run} if run.encode() in path.read_bytes() else set()
    return None


def _tells_figures(name: str) -> bool:
    """Say whether a text among the products holds figures, not only places to go to or what a map looks like."""
    return not Path(name).name.startswith("collect_earth_")


def _bare(text: str) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    heading = next(rows, None)
    if heading is None:
        return
    has = heading[-1:] == [COLUMN]
    yield heading[:-1] if has else heading
    for row in rows:
        yield row[:-1] if has else row


def _written(rows: Iterable[list[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")
