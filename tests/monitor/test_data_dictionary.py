"""The data dictionary: every column, band and file of a run has an entry, and every entry is written by a run."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyogrio
import pytest
import rasterio

from monitor.stamp import COLUMN, is_stamped
from tests.monitor.test_official import _run as run_official
from tests.monitor.test_official import towns  # noqa: F401  (a fixture)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-dictionary.md"
HEADING = re.compile(r"^## `(?P<file>[^`]+)`(?: layer `(?P<layer>[^`]+)`)?$")
WRITTEN_BY = {"imagery": {"imagery", "both"}, "official": {"official", "both"}}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the dictionary."""

    file: str
    """Path in the run folder, with ``<period>`` and the like for what varies."""
    layer: str
    """Layer of a GeoPackage; empty otherwise."""
    columns: dict[str, str]
    """Column to the kind of survey that writes it."""

    def written_by(self, survey: str) -> set[str]:
        """Return the columns that a kind of survey writes."""
        return {name for name, by in self.columns.items() if by in WRITTEN_BY[survey]}


def entries() -> list[Entry]:
    """Read the dictionary's tables."""
    found: list[Entry] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        heading = HEADING.match(line)
        if heading:
            found.append(Entry(heading["file"], heading["layer"] or "", {}))
        elif line.startswith("## "):
            found.append(Entry("", "", {}))
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[-1].columns[cells[0].strip("`")] = cells[-1]
    return found


def described() -> list[Entry]:
    """Return the entries with columns."""
    return [entry for entry in entries() if entry.file]


def others() -> Entry:
    """Return the list of files without columns."""
    return next(entry for entry in entries() if not entry.file)


def fits(pattern: str, text: str) -> bool:
    """Say whether a name fits an entry in which ``<...>`` stands for any word."""
    parts = re.split(r"<\w+>", pattern)
    return re.fullmatch(r"[\w.-]+".join(map(re.escape, parts)), text) is not None


def entry_of(file: str, layer: str) -> Entry | None:
    """Return the entry of a file: of those that fit, the one that says most of the name itself."""
    found = [entry for entry in described() if fits(entry.layer, layer) and fits(entry.file, file)]
    return max(found, key=lambda entry: len(re.sub(r"<\w+>", "", entry.file)), default=None)


def columns_of(path: Path, layer: str) -> list[str]:
    """Return the columns of a table or layer, or the bands of a raster."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            return next(csv.reader(stream))
    if path.suffix == ".gpkg":
        return [str(name) for name in pyogrio.read_info(path, layer=layer)["fields"]]
    with rasterio.open(path) as source:
        return [str(name) for name in source.descriptions]


def layers_of(path: Path) -> list[str]:
    """Return the layers of a file; one without a name where it has none."""
    if path.suffix != ".gpkg":
        return [""]
    return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]


def data_of(run: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield file, layer and columns of everything in a run folder that has columns."""
    for path in sorted(run.rglob("*")):
        if path.suffix in (".csv", ".gpkg", ".tif"):
            for layer in layers_of(path):
                yield path.relative_to(run).as_posix(), layer, columns_of(path, layer)


def assert_described(run: Path, survey: str) -> None:
    """Assert that what a run wrote and what the dictionary says of its kind of survey are the same."""
    seen: set[tuple[str, str]] = set()
    for file, layer, columns in data_of(run):
        if is_stamped(file):
            assert columns[-1] == COLUMN, file
            columns = columns[:-1]
        entry = entry_of(file, layer)
        assert entry is not None, f"{file} {layer} has no entry"
        seen.add((entry.file, entry.layer))
        told = entry.written_by(survey)
        strangers = [name for name in columns if not any(fits(pattern, name) for pattern in told)]
        assert not strangers, f"{file} {layer}: columns without an entry: {strangers}"
        unwritten = [pattern for pattern in told if not any(fits(pattern, name) for name in columns)]
        assert not unwritten, f"{file} {layer}: entries without a column: {unwritten}"
    missing = {(e.file, e.layer) for e in described() if e.written_by(survey)} - seen
    assert not missing, f"entries that no {survey} run writes: {missing}"


def assert_every_file_has_a_line(run: Path) -> None:
    """Assert that the dictionary names every file of a run."""
    patterns = [*(entry.file for entry in described()), *others().columns]
    files = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    assert [f for f in files if f != ".lock" and not any(fits(pattern, f) for pattern in patterns)] == []


def test_imagery_survey(finished_run: Path) -> None:
    """Law: the files of a survey from images, their columns and bands are those of the dictionary."""
    assert_described(finished_run, "imagery")
    assert_every_file_has_a_line(finished_run)


def test_official_survey(towns: Path) -> None:  # noqa: F811
    """Law: the same of a survey of official figures."""
    run = run_official(towns)
    assert_described(run, "official")
    assert_every_file_has_a_line(run)


def test_every_entry_is_whole() -> None:
    """Law: each entry has columns, and each column says which survey writes it."""
    for entry in described():
        assert entry.columns, entry.file
        assert set(entry.columns.values()) <= {"imagery", "official", "both"}, entry.file
    names = [(entry.file, entry.layer) for entry in described()]
    assert len(set(names)) == len(names) > 20


def test_a_missing_entry_is_noticed(towns: Path) -> None:  # noqa: F811
    """Law (negative control): a column that nobody described fails the comparison."""
    run = run_official(towns)
    path = run / "frame" / "notices.csv"
    path.write_text(path.read_text().replace("where,", "where,novelty,", 1))
    with pytest.raises(AssertionError, match="columns without an entry: \\['novelty'\\]"):
        assert_described(run, "official")
