"""`altdev check`: every problem of the survey file and of all its inputs, in one go.

Each checker looks at one input and returns problems; none of them stops the others. A checker imports the library
that opens its input when it has one to open, so that a mistake in the survey file alone is told at once. What takes
long to look at, rasters above all, it hands out to threads and goes on; all is told in the order of the checkers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from geo.errors import AltdevError, Problem, SurveyFileError
from monitor.config import Survey, load_survey, salvage_survey

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from monitor.context import Context
    from monitor.sections import OverlayLayer, PeriodSection

__all__ = ["Checked", "check_survey", "checked"]

Found: TypeAlias = "Problem | Callable[[], Iterable[Problem]]"
"""A problem, or what tells more of them and may do so in another thread."""

Checker: TypeAlias = "Callable[[Context], Iterator[Found]]"

_IMAGES = (".tif", ".tiff", ".jp2")

_TURN_S = 0.0005
"""How long a thread keeps the interpreter while another waits. A raster is opened and decoded in many short calls;
after each its thread would wait Python's usual 5 ms, and so stand still while the rest is checked."""

_SLIVER = 1e-4
"""Share of the smaller unit below which common land is a drawing error."""

_SHOWN = 5

_BEYOND = 6.0
"""Degrees by which land may lie beside the zone of its CRS: one UTM zone."""

_REFERENCE_SLACK = timedelta(days=62)
"""How far a reference date may lie from the season: two months, the window SIMCI calls optimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found."""

    problems: tuple[Problem, ...] = ()
    """What has to be mended before a run."""
    warnings: tuple[Problem, ...] = ()
    """What may be right and has to be looked at; none where the survey file or its tables are broken."""
    code: int = 0
    """Exit code: 0 no problem, 2 the survey file, 3 an input."""


def check_survey(path: Path) -> tuple[list[Problem], int]:
    """Return all problems of a survey file and of its inputs, and the exit code; see `checked`."""
    found = checked(path)
    return list(found.problems), found.code


def checked(path: Path, *, jobs: int = 1, told_file: Callable[[int], None] | None = None) -> Checked:
    """Return what is wrong with a survey file and its inputs, and what has to be looked at.

    Parameters
    ----------
    path
        The survey file.
    jobs
        Threads that open rasters, at least; one for each core when there are more.
    told_file
        Called with the number of problems of the survey file itself, before its inputs are looked at.
    """
    told_file = told_file or (lambda _: None)
    try:
        survey = load_survey(path)
    except SurveyFileError as error:
        salvaged = _salvaged(path)
        if salvaged is not None:
            told_file(len(error.problems))
        known = () if salvaged is None else _input_problems(_context(salvaged, path, jobs))
        return Checked(problems=(*error.problems, *known), code=SurveyFileError.exit_code)
    except AltdevError as error:
        return Checked(problems=error.problems, code=error.exit_code)
    context = _context(survey, path, jobs)
    file_problems = tuple(_survey_problems(survey))
    told_file(len(file_problems))
    inputs = _input_problems(context)
    return Checked(
        problems=(*file_problems, *inputs),
        warnings=tuple(_warnings(context)),
        code=SurveyFileError.exit_code if file_problems else 3 if inputs else 0,
    )


def _context(survey: Survey, path: Path, jobs: int) -> Context:
    from monitor.context import Context

    root = path.resolve().parent
    return Context(survey=survey, root=root, out=root / "run", jobs=jobs)


def _salvaged(path: Path) -> Survey | None:
    """Return what a wrong survey file still says; None where that is nothing, as was told already."""
    try:
        return salvage_survey(path)
    except AltdevError:
        return None


def _input_problems(context: Context) -> tuple[Problem, ...]:
    checkers = _checkers(context.survey)
    found: dict[Checker, list[Problem | _Task]] = {}
    with _pool(max(context.jobs, os.cpu_count() or 1) - 1) as pool:  # somebody waits, and little is held
        # Scenes come first, since they leave the most for the threads
        for checker in sorted(checkers, key=lambda one: one is not _scene_problems):
            found[checker] = [
                entry if isinstance(entry, Problem) else _Task(entry, pool) for entry in _guarded(checker, context)
            ]
        tasks = [entry for entries in found.values() for entry in entries if isinstance(entry, _Task)]
        for task in reversed(tasks):  # from the other end, so as not to wait for what a thread has begun
            task.finish()
    told = [entry for checker in checkers for entry in found[checker]]
    every = [problem for entry in told for problem in ([entry] if isinstance(entry, Problem) else entry.told)]
    return tuple(dict.fromkeys(every))  # two checkers may meet the same fault


class _Task:
    """Something to look at that is left to a thread, or to whoever is done before a thread comes to it."""

    def __init__(self, more: Callable[[], Iterable[Problem]], pool: ThreadPoolExecutor | None) -> None:
        self._more = more
        self._begun = None if pool is None else pool.submit(_all_told, more)
        self.told: list[Problem] = []

    def finish(self) -> None:
        """Take what a thread found, or look here and now where none has begun."""
        if self._begun is None or self._begun.cancel():
            self.told = _all_told(self._more)
        else:
            self.told = self._begun.result()


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Give threads that get on beside the one that asks for them; what is not begun when that fails is given up.

    One for each core but the one that asks, since a further one takes more turns than it does work; None for none.
    """
    from concurrent.futures import ThreadPoolExecutor

    if threads < 1:
        yield None
        return
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        sys.setswitchinterval(usual)


def _checkers(survey: Survey) -> list[Checker]:
    checkers: list[Checker] = [_raster_problems, _overlay_problems]
    if survey.impact is not None:
        checkers.append(_impact_problems)
    if survey.official is not None:
        return [*checkers, _official_problems]
    checkers += [_programme_problems] if survey.ad is not None else []
    checkers += [_legality_problems] if survey.legality is not None else []
    by_table: list[tuple[bool, Checker]] = [
        (survey.imagery is not None, _profile_problems),
        (survey.imagery is not None, _scene_problems),
        (survey.imagery is not None and survey.training is not None, _training_problems),
        (survey.reference is not None, _reference_problems),
        (survey.corrections is not None, _correction_problems),
        (survey.prior_cultivation is not None, _prior_problems),
        (survey.harm is not None, _harm_problems),
    ]
    return [_admin_problems, *checkers, *(checker for given, checker in by_table if given)]


def _guarded(checker: Checker, context: Context) -> Iterator[Found]:
    """Yield what a checker finds; an error it meets is one more problem."""
    try:
        yield from checker(context)
    except AltdevError as error:
        yield from _problems_of(error)


def _all_told(more: Callable[[], Iterable[Problem]]) -> list[Problem]:
    """Return what is wrong with something that was left for later; an error it meets is one more problem."""
    told: list[Problem] = []
    try:
        told.extend(more())
    except AltdevError as error:
        told.extend(_problems_of(error))
    return told


def _problems_of(error: AltdevError) -> Iterable[Problem]:
    return error.problems or [Problem("survey", str(error))]


def _survey_problems(survey: Survey) -> Iterator[Problem]:
    if survey.area.crs is not None:
        yield from _crs_problems(survey.area.crs)
    for period in survey.period:
        early = period.reference_date < period.start - _REFERENCE_SLACK
        if early or period.reference_date > period.end + _REFERENCE_SLACK:
            yield Problem(
                f"[[period]] {period.name} reference_date",
                f"{period.reference_date}, outside the season {period.start} to {period.end}",
                "a date inside the season or within two months of it",
                "correct the date or the season",
            )


def _crs_problems(text: str) -> Iterator[Problem]:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        crs = CRS.from_user_input(text)
    except CRSError:
        yield Problem("[area] crs", repr(text), "a coordinate reference system, such as EPSG:32618", "correct it")
        return
    if crs.to_epsg() == 3857 or not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        yield Problem(
            "[area] crs", f"{text}, not fit for areas", "a projected CRS in metres", "use the UTM zone of the area"
        )


def _admin_problems(context: Context) -> Iterator[Problem]:
    area, layer = context.survey.area, context.drawn_units
    from geo.vector import layer_problems

    name = f"{area.admin.name}"
    found = layer_problems(layer, name, columns=(area.admin_code, area.admin_name), geometry="polygon")
    yield from found
    if area.admin_code in layer.columns:
        yield from _code_problems(layer[area.admin_code], name, area.admin_code)
    if not found:
        yield from _overlaps(layer, name, area.admin_code)
        if area.crs is not None:
            yield from _outside_crs(layer, area.crs)


def _outside_crs(layer: Any, text: str) -> Iterator[Problem]:
    """Tell a CRS made for another part of the Earth, whose areas are wrong here."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        use = CRS.from_user_input(text).area_of_use
    except CRSError:
        return  # told by the check of the survey file
    if use is None or use.west > use.east:  # unknown, or across the anti-meridian
        return
    west, south, east, north = layer.to_crs(4326).total_bounds
    if east < use.west - _BEYOND or west > use.east + _BEYOND or north < use.south or south > use.north:
        yield Problem(
            "[area] crs",
            f"{text}, made for {use.west:g} to {use.east:g} degrees east and {use.south:g} to {use.north:g} north",
            f"one for the units, which lie at {west:.1f} to {east:.1f} east and {south:.1f} to {north:.1f} north",
            "use the UTM zone of the area, or leave crs out",
        )


def _code_problems(codes: Any, name: str, column: str) -> Iterator[Problem]:
    import pandas as pd

    twice = sorted({str(code) for code in codes[codes.duplicated()].dropna()})
    if twice:
        yield Problem(
            f"{name} column {column}", f"codes used twice: {', '.join(twice[:5])}", "each code once", "correct them"
        )
    if pd.api.types.is_numeric_dtype(codes):
        yield Problem(
            f"{name} column {column}",
            "numbers",
            "codes as text (a leading zero is part of a code)",
            "store the column as text",
        )


def _overlaps(layer: Any, name: str, code: str) -> Iterator[Problem]:
    """Name the units that share more than a sliver, since no hectare may be counted twice."""
    import numpy as np
    import shapely

    shapes = shapely.make_valid(np.asarray(layer.geometry.values))
    tree = shapely.STRtree(shapes)
    left, right = tree.query(shapes, predicate="intersects")
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a < b]
    smaller = [min(shapely.area(shapes[a]), shapely.area(shapes[b])) for a, b in pairs]
    shared = [shapely.area(shapely.intersection(shapes[a], shapes[b])) for a, b in pairs]
    crossing = [pair for pair, land, least in zip(pairs, shared, smaller, strict=True) if land > _SLIVER * least]
    if crossing:
        names = [f"{layer[code].iloc[a]} and {layer[code].iloc[b]}" for a, b in crossing[:_SHOWN]]
        more = f", and {len(crossing) - _SHOWN} more pairs" if len(crossing) > _SHOWN else ""
        yield Problem(
            name,
            f"units that overlap ({'; '.join(names)}{more})",
            "units that share no land",
            "correct the boundaries",
        )


def _raster_problems(context: Context) -> Iterator[Found]:
    survey = context.survey
    ground = survey.imagery.elevation if survey.imagery is not None else None
    for path in (survey.area.agricultural_mask, survey.map.elevation, ground):
        if path is not None:
            yield from _file_problems((path,))
    if survey.area.agricultural_mask is not None:
        yield partial(_mask_problems, survey.area.agricultural_mask)
    for path in (survey.map.rivers, survey.map.roads):
        if path is not None:
            yield from _guarded(lambda _, path=path: _line_problems(path), context)  # type: ignore[misc]


def _line_problems(path: Path) -> Iterator[Problem]:
    from geo.vector import layer_problems, open_layer

    yield from layer_problems(open_layer(path), path.name, geometry="line")


def _mask_problems(path: Path) -> Iterator[Problem]:
    """Tell a raster that is no mask: with other values than 0 and 1, or with none at all."""
    from geo.raster import check_raster, distinct_values

    if check_raster(path):
        return
    known = distinct_values(path, most=2)
    others = [f"{value:g}" for value in known if value not in (0, 1)]
    if not known or others:
        found = f"the value {', '.join(others[:3])}" if others else "no value at all"
        expected = "1 where land is farmed, 0 elsewhere"
        yield Problem(path.name, found, expected, "give the mask, or leave agricultural_mask out")


def _overlay_problems(context: Context) -> Iterator[Problem]:
    for entry in context.survey.overlay:
        yield from _guarded(lambda c, entry=entry: _one_overlay(c, entry), context)  # type: ignore[misc]


def _one_overlay(context: Context, entry: OverlayLayer) -> Iterator[Problem]:
    from geo.vector import layer_problems, open_layer

    layer = open_layer(entry.path, layer=entry.layer)
    columns = [column for column in (entry.label, entry.code) if column]
    geometry = None if entry.code or entry.buffer_m else "polygon"
    yield from layer_problems(layer, entry.path.name, columns=columns, geometry=geometry)
    if context.survey.official is None and layer.crs is not None and not _touches_frame(context, layer):
        from monitor.steps.overlay import outside_frame

        yield outside_frame(entry.name)


def _touches_frame(context: Context, layer: Any) -> bool:
    """Say whether a layer has ground in the frame; True when the frame itself, told apart, cannot be built."""
    import numpy as np
    import shapely

    try:
        admin = context.frame.admin
    except AltdevError:
        return True
    shapes = shapely.make_valid(np.asarray(layer.geometry.to_crs(admin.crs).values))
    return bool(shapely.intersects(shapely.union_all(np.asarray(admin.geometry.values)), shapes).any())


def _correction_problems(context: Context) -> Iterator[Problem]:
    from monitor.correction_inputs import ledger_parameters, operations

    section = context.survey.corrections
    assert section is not None
    known = {period.name for period in context.survey.period}
    for name in section.image_date:
        if name not in known:
            yield Problem(f"[corrections] image_date {name}", "no period of this survey", ", ".join(sorted(known)))
    ledger_parameters(section)
    if section.eradication is not None:
        operations(section)


def _prior_problems(context: Context) -> Iterator[Problem]:
    """Tell fields of earlier surveys that cannot be read, or that are all as late as the first period."""
    from imagery.prior import prior_years

    prior = context.prior
    assert prior is not None
    for crop in context.survey.survey.crops:
        for period in context.compared:
            if not prior_years(prior, crop, period.reference_date.year):
                yield Problem(
                    f"[prior_cultivation] {crop} {period.name}",
                    f"no field of {crop} from before {period.reference_date.year}",
                    "fields of an earlier year",
                    "add them, or leave [prior_cultivation] out",
                )


def _impact_problems(context: Context) -> Iterator[Problem]:
    from monitor.impact_inputs import read_impact

    read_impact(context.survey)
    yield from ()


def _programme_problems(context: Context) -> Iterator[Found]:
    from aoi.project.finding import errors_of

    yield from errors_of(context.findings)
    section = context.survey.ad
    if section is not None and section.border is not None:
        yield from _guarded(_strip_problems, context)
    if section is not None and (section.settlements or section.markets or section.travel):
        yield from _guarded(_access_problems, context)


def _strip_problems(context: Context) -> Iterator[Problem]:
    """Tell countries of which no strips along a border can be made."""
    from monitor.borders import strips_of

    strips_of(context)
    yield from ()


def _access_problems(context: Context) -> Iterator[Problem]:
    from monitor.steps.access import access_problems

    yield from access_problems(context)


def _legality_problems(context: Context) -> Iterator[Problem]:
    from monitor.law import read_law, zone_problems

    section = context.survey.legality
    assert section is not None
    yield from zone_problems(section, read_law(section), context.survey.overlay)


def _warnings(context: Context) -> Iterator[Problem]:
    """Yield what may be right and has to be looked at; nothing where the tables are broken, as was told already."""
    if context.survey.harm is not None:
        from monitor.harms.unused import unused_inputs

        yield from unused_inputs(context.survey.harm)
    if context.survey.ad is None:
        return
    try:
        findings = context.findings
    except AltdevError:
        return
    yield from (finding.problem for finding in findings if finding.severity != "error")


def _harm_problems(context: Context) -> Iterator[Found]:
    """Tell inputs of the harms that cannot be used: unit, no-data, grid, place; and factors that are not whole."""
    from geo.vector import open_layer
    from monitor.harms.access import read_access
    from monitor.harms.ground import entry_problems, list_problems
    from monitor.harms.rain import rain_problems
    from monitor.harms.rivers import read_rivers
    from monitor.harms.settings import factors_of
    from monitor.harms.sites import read_sites

    section = context.survey.harm
    assert section is not None
    factors_of(section)
    missing = [entry for entry in section.input if not entry.path.is_file()]
    for entry in missing:
        yield Problem(str(entry.path), "no such file", f"[[harm.input]] {entry.name}", "correct the path")
    there = [entry for entry in section.input if entry.path.is_file()]
    known = section.model_copy(update={"input": there})
    yield from list_problems(known)
    grid = context.frame.geobox
    yield from (partial(entry_problems, entry, known, grid) for entry in there)
    yield from rain_problems(known, [period.reference_date.year for period in context.compared])
    for species in section.species:
        open_layer(species.range, layer=species.layer)
    if section.rivers is not None:
        read_rivers(section.rivers, context.frame.geobox)
    if section.sites is not None:
        read_sites(section.sites, context.frame)
    if section.access is not None:
        read_access(section.access, context.frame)


def _official_problems(context: Context) -> Iterator[Problem]:
    from monitor.steps.official import official_problems

    yield from official_problems(context.survey)


def _profile_problems(context: Context) -> Iterator[Problem]:
    legend = context.profile.legend
    for crop in context.survey.survey.crops:
        if crop not in legend.crops:
            yield Problem(
                "[survey] crops",
                repr(crop),
                f"crops of profile {context.imagery.profile}: {', '.join(legend.crops)}",
                "correct the crop or the profile",
            )


def _scene_problems(context: Context) -> Iterator[Found]:
    if context.imagery.cache.is_dir():
        from monitor.steps.fetch import altered_files

        yield from altered_files(context)
    try:
        _ = context.frame
    except AltdevError:  # told by the check of the units; every image of the source is looked at all the same
        yield from _file_problems(_every_image(context))
        return
    check_period = _period_problems if _is_here(context) else _answer_problems
    for period in context.compared:
        yield from _guarded(lambda c, period=period: check_period(c, period), context)  # type: ignore[misc]


def _is_here(context: Context) -> bool:
    if context.imagery.address is None:
        return True
    from monitor.steps.fetch import is_fetched

    return is_fetched(context)


def _period_problems(context: Context, period: PeriodSection) -> Iterator[Found]:
    """Tell every scene of a period that cannot be used, and every file that is broken."""
    from imagery.catalog import scene_files
    from monitor.steps.imagery import search, search_radar

    for found in (search(context, period), search_radar(context, period)):
        if found is not None:
            yield from (*found.problems, *found.unfetched)
            yield from _file_problems(scene_files(found.scenes))


def _answer_problems(context: Context, period: PeriodSection) -> Iterator[Problem]:
    """Ask a source on the web, whose images are not here yet, whether it has any of a period over the area."""
    from imagery.catalog import search_items
    from monitor.steps.fetch import ask
    from monitor.steps.imagery import source_name

    found = search_items(
        ask(context, period),
        where=source_name(context),
        sensor=context.first_sensor,
        start=period.start,
        end=period.end,
        geobox=context.frame.geobox,
        anywhere=True,
    )
    yield from found.problems


def _every_image(context: Context) -> list[Path]:
    source = context.imagery.folder or (context.imagery.catalog.parent if context.imagery.catalog else None)
    return sorted(path for path in source.rglob("*") if path.suffix in _IMAGES) if source else []


def _file_problems(paths: Iterable[Path]) -> Iterator[Found]:
    """Leave rasters to be looked at in threads."""
    for path in paths:
        # Where there is one, and not by the threads, of which two had better not import side by side
        from geo.raster import check_raster

        yield partial(check_raster, path)


def _training_problems(context: Context) -> Iterator[Problem]:
    from geo.vector import layer_problems, open_layer

    settings, legend = context.training, context.profile.legend
    if context.survey.imagery is not None:
        from monitor.index_names import index_mistakes

        yield from index_mistakes(context)
    layer = open_layer(settings.samples, layer=settings.layer)
    name = settings.samples.name
    found = layer_problems(layer, name, columns=("unit_id", "period", "class"))
    kinds = set(layer.geom_type)
    if not found and not (kinds <= {"Point"} or kinds <= {"Polygon", "MultiPolygon"}):
        shown = f"shapes of the kinds {', '.join(sorted(map(str, kinds)))}"
        found.append(Problem(name, shown, "points alone, or polygons alone"))
    if settings.coarse is not None:
        cells = open_layer(settings.coarse.cells, layer=settings.coarse.layer)
        columns = (settings.coarse.cell, "period", settings.coarse.area_ha)
        yield from layer_problems(cells, settings.coarse.cells.name, columns=columns, geometry="polygon")
    yield from found
    if found:
        return
    strangers = sorted(set(layer["class"].astype(str)) - set(legend.names))
    if strangers:
        yield Problem(
            f"{name} column class", ", ".join(strangers[:5]), f"classes of the legend: {', '.join(legend.names)}"
        )
    for period in context.compared:
        labels = set(layer.loc[layer["period"].astype(str) == period.name, "class"].astype(str))
        absent = [entry for entry in legend.names if entry not in labels]
        if absent:
            yield Problem(
                f"{name} period {period.name}",
                f"no sample of class {', '.join(absent)}",
                "samples of every class in every period",
                "collect them, or take the class out of the profile",
            )


def _reference_problems(context: Context) -> Iterator[Found]:
    reference = context.reference
    if reference.simulated is not None:
        from geo.vector import layer_problems, open_layer

        fields = reference.simulated.fields
        yield from layer_problems(open_layer(fields), fields.name, columns=("class", "period"), geometry="polygon")
        if reference.simulated.ground is not None:
            yield from _file_problems((reference.simulated.ground,))
    elif reference.labels is not None and reference.labels.is_file():
        yield from _label_file(context, reference.labels)
    if reference.known is not None:
        from monitor.steps.reference import read_known_labels

        read_known_labels(reference.known, context)


def _label_file(context: Context, path: Path) -> Iterator[Problem]:
    if context.reference.form != "table":
        return  # answers are held against the sample, which is drawn by then
    from monitor.steps.reference import label_problems, read_label_file

    yield from label_problems(read_label_file(path), path.name, context)
