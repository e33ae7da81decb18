"""Make whole products again from the tables of the run folder, and hold every byte of theirs to that.

Equal figures give equal bytes, so that nothing in a product can be another figure: neither a label of the map, nor
a cell of a workbook, nor a sentence of a report. What is drawn from layers of the survey file (overlays, lines,
relief) holds no figure, and is taken from the product.
"""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd

from geo.errors import Problem, QualityGateError
from geo.vector import open_layer, style_of
from maps.disclosure.product import SafeProduct, read_product
from maps.disclosure.release import RECORD_NAME
from maps.disclosure.tier import Tier
from maps.page import Page
from maps.sheets import page_data, redrawn
from maps.table import csv_text, write_workbook
from monitor.context import Context
from monitor.kept_shapes import UNITS
from monitor.manifest import Manifest, StepRecord
from monitor.official_page import official_page
from monitor.official_release import OFFICIAL_CRS
from monitor.program import program_version
from monitor.stamp import COLUMN
from monitor.tables import read_csv
from monitor.verify.compare import apart, differs
from monitor.verify.context import context_of
from monitor.verify.products import sheets_of
from monitor.verify.release import hold_release

__all__ = ["remake_products", "same_program"]

_STEPS = ("map", "report", "export")
Files = dict[str, bytes]
"""Files of a product by path in its folder."""


def same_program(manifest: Manifest) -> bool:
    """Say whether a run was made by this version of the program and of every library it tells of.

    Others may round a pixel or pack a file otherwise: their products are held to tables figure by figure.
    """
    told = dict(manifest.versions)
    if told.pop("altdev", None) != program_version():
        return False
    told.pop("python", None)
    return all(version(name) == said for name, said in told.items())


def remake_products(out: Path, manifest: Manifest) -> Iterator[str]:
    """Make the products of this run again; yield one line for each step whose files are the same.

    Products that an earlier run left stand beside tables that have changed since, and are told where stamps are.

    Raises
    ------
    QualityGateError
        Naming the file, the place in it, what it says and what the tables make.
    """
    run = manifest.survey.get("run_id")
    for name, record in manifest.steps.items():
        verb, _, tier = name.partition(":")
        if verb in _STEPS and record.parameters and record.run == run and (out / UNITS).is_file():
            compared = _remake(out, verb, int(tier or 0), record)
            yield f"{compared} files of step {name} made again, all equal"


def _remake(out: Path, verb: str, tier: int, record: StepRecord) -> int:
    context = context_of(out, record.parameters, record.run)
    folder, language = out / "products" / str(tier), str(record.parameters.get("language", "en"))
    product = None
    if tier:
        official = context.survey.official is not None
        crs = OFFICIAL_CRS if official else str(context.frame.geobox.crs)
        product = read_product(out / "disclosure", Tier(tier), crs=crs)
    if verb == "export":
        made = _export(context, folder, record.parameters) if product is None else _tier_export(context, product)
    else:
        page = _page_of(context, product, language)
        made = _report(page) if verb == "report" else _map(page, folder, language)
    if product is not None:
        hold_release(folder / RECORD_NAME.format(verb), context, product, made, record.facts.get("offices", ()))
    return _held(folder, made)


def _held(folder: Path, made: Files) -> int:
    """Hold the files of a product to those made again; return how many there are."""
    for name, data in made.items():
        path = folder / name
        told = path.read_bytes() if path.is_file() else b""
        if told != data:
            raise _first(f"products/{folder.name}/{name}", path, told, data)
    return len(made)


# -- what each step writes


def _page_of(context: Context, product: SafeProduct | None, language: str) -> Page:
    if product is not None:
        from monitor.steps.tier_products import tier_page

        return tier_page(context, product, language)
    if context.survey.official is not None:
        return official_page(context, language)
    from monitor.steps.products import survey_page

    return survey_page(context, language)


def _map(page: Page, folder: Path, language: str) -> Files:
    names = ["index.html", *sorted(f"sheets/{path.name}" for path in folder.glob("sheets/*.html"))]
    told = {name: _text(folder / name) for name in names}
    made = {name: text.encode() for name, text in redrawn(page, told).items()}

    def book(target: Path) -> None:
        write_workbook(target / "tables.xlsx", page.figures, page.about, language_code=language)

    return made | _tree(book)


def _report(page: Page) -> Files:
    from maps.report.content import build
    from maps.report.html import html_report
    from maps.report.pdf import pdf_report

    report = build(page)
    return {"report.html": html_report(report).encode(), "report.pdf": pdf_report(report)}


def _export(context: Context, folder: Path, told: Mapping[str, Any]) -> Files:
    """Return the files of the field's export; hold those that cannot be written again to what they must hold."""
    from monitor.steps.export import shared_files

    estimates = read_csv(context.out / "estimates" / "estimates.csv").fillna({"source": "", "flags": ""})
    made = _tree(lambda target: shared_files(context, estimates, target))
    if context.survey.official is not None:
        return made
    return made | _field_files(context, folder, told)


def _field_files(context: Context, folder: Path, told: Mapping[str, Any]) -> Files:
    """Return the files of the sample and of the maps; hold the layers of both, which lie in files with others.

    Zones come of layers outside: those of the GeoPackage are held to those for analysts, their style to their kind.
    """
    from monitor.steps.export import (
        figure_layers,
        overlay_layer,
        write_catalogue,
        write_field_files,
        write_map_files,
    )

    sample, layers = read_csv(context.out / "frame" / "sample.csv"), {}
    for entry in told["overlay"]:
        name = f"overlay_{entry['name']}"
        frame = geopandas.read_parquet(folder / "analysts" / f"{name}.parquet")
        layers[name] = overlay_layer(frame, entry["title"], entry["kind"])
    for name, layer in (layers := figure_layers(context, sample) | layers).items():
        for path, found in (
            ("data.gpkg", open_layer(folder / "data.gpkg", layer=name)),
            (f"analysts/{name}.parquet", geopandas.read_parquet(folder / "analysts" / f"{name}.parquet")),
        ):
            _same_layer(f"products/{folder.name}/{path} {name}", found, layer.frame)
        if style_of(folder / "data.gpkg", name) != layer.style_qml:
            raise differs(f"products/{folder.name}/data.gpkg {name}", "another style", "that of the figures")
    for period in context.compared:
        name = f"rasters/class_{period.name}.tif"
        if not filecmp.cmp(folder / name, context.class_map_path(period.name), shallow=False):
            raise differs(f"products/{folder.name}/{name}", "another map", "that of class_map/")

    def write(target: Path) -> None:
        write_field_files(context, target, sample)
        write_map_files(context, target, layers)
        write_catalogue(context, target, licence=str(told["licence"]))

    return _tree(write)


def _tier_export(context: Context, product: SafeProduct) -> Files:
    from monitor.steps.export import shared_files
    from monitor.steps.tier_products import write_shapes

    run = context.identify()

    def write(target: Path) -> None:
        shared_files(context, product.tables["estimates"], target)
        write_shapes(context, product, target)

    tables = {
        f"{name}.csv": csv_text(table.assign(**{COLUMN: run})).encode()
        for name, table in product.tables.items()
        if not table.empty
    }
    return tables | _tree(write)


def _tree(write: Callable[[Path], object]) -> Files:
    """Return what is written into a folder."""
    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
        files = sorted(path for path in Path(place).rglob("*") if path.is_file())
        return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


# -- the first difference, in words


def _first(name: str, path: Path, told: bytes, made: bytes) -> QualityGateError:
    """Return the error that names the first place in which a product differs from what its tables make."""
    if not told:
        return QualityGateError(Problem(name, "no file", "the one that the tables make", "run it again"))
    if path.suffix == ".xlsx":
        return _first_cell(name, path, made)
    if path.suffix in (".html", ".csv", ".xml", ".geojson", ".json", ".gpx", ".kml"):
        return _first_sign(name, told.decode("utf-8", "replace"), made.decode("utf-8"))
    return differs(name, "other bytes", "those that the tables make")


def _first_sign(name: str, told: str, made: str) -> QualityGateError:
    for way, one, other in apart(page_data(told), page_data(made)):
        return differs(f"{name} {way}", one, other)
    at = next((i for i, (a, b) in enumerate(zip(told, made, strict=False)) if a != b), min(len(told), len(made)))
    start = max(0, at - 40)
    return differs(f"{name}, sign {at + 1}", repr(told[start : at + 20]), repr(made[start : at + 20]))


def _first_cell(name: str, path: Path, made: bytes) -> QualityGateError:
    with tempfile.TemporaryDirectory() as place:
        again = Path(place) / path.name
        again.write_bytes(made)
        for way, one, other in apart(list(sheets_of(path)), list(sheets_of(again))):
            sheet, row, column = (*way.split(), "", "")[:3]
            return differs(f"{name} sheet {sheet} row {row} column {column}", one, other)
    return differs(name, "other bytes", "those that the tables make")


def _same_layer(name: str, told: Any, made: Any) -> None:
    """Hold a layer to the one made again: the same rows, each cell and shape the same."""
    columns = [column for column in made.columns if column != made.geometry.name]
    if len(told) != len(made) or [c for c in told.columns if c != told.geometry.name] != columns:
        raise differs(name, f"{len(told)} rows of other columns", f"{len(made)} rows of {', '.join(columns)}")
    for column in columns:
        for row, (one, other) in enumerate(zip(told[column], made[column], strict=True), start=1):
            if not _same(one, other):
                raise differs(f"{name} row {row} {column}", one, other)
    for row, (one, other) in enumerate(zip(told.geometry, made.geometry, strict=True), start=1):
        if not one.equals(other):
            raise differs(f"{name} row {row}", "another shape", "that of the run folder")


def _same(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other):
        return _empty(one) and _empty(other)
    if isinstance(other, int | float | np.number) and not isinstance(other, bool | np.bool_):
        return bool(float(one) == float(other))
    return str(one) == str(other)


def _empty(value: Any) -> bool:
    return bool(pd.isna(value)) or value == ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
