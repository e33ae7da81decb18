"""The steps of a survey, in order, and how a run of them begins and ends.

The workflow orders; what a step does stands in `monitor.steps`, and the numbers are made below that.
"""

from __future__ import annotations

import math
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from geo.blocks import BLOCK_SIZE
from geo.errors import AltdevError, DisclosureError, Problem, SurveyFileError
from geo.files import sha256, write_text
from maps.disclosure.tier import Tier
from monitor.config import Survey, load_survey
from monitor.context import BLOCKS, Context, Progress, blocks_folder, require_no_link
from monitor.custody.strict import require_unsealed
from monitor.engine import Listener, Step, execute, selected, tidied
from monitor.identity import identified, identifier, require_licences_used
from monitor.indicators import PARTS
from monitor.manifest import MANIFEST, FileRecord, Manifest
from monitor.program import program_version
from monitor.run_card import RUN_CARD, run_card
from monitor.run_folder import RunFolder
from monitor.sections import PeriodSection, Section

__all__ = ["FETCH", "RunOptions", "default_out", "fetch", "plan", "run"]

FETCH = "fetch"
"""Name of what comes before all steps: images from the web, brought to the survey's folder."""

TIERED_VERBS = ("map", "report", "export")
"""Verbs that make products of one tier."""

CARRYING = tuple(f"{verb}{tier}" for verb in TIERED_VERBS for tier in ("", ":1", ":2"))
"""Verbs whose products name the run; tables of the others are stamped when they are done."""

_TOTALLED = {
    "imagery": ("imagery/*/scenes.csv", "imagery/*/topography.csv"),
    "train": ("class_map/model/*.json",),
    "classify": ("class_map/fields_*.gpkg",),
    "transitions": ("class_map/openings.gpkg",),
    "suggest": ("class_map/next_units.gpkg",),
    "frame": ("frame/strata.csv", "frame/known_units.csv"),
    "reference": ("frame/interpretation.csv", "frame/known_readings.csv"),
    "floors": ("estimates/floor_rules.csv", "estimates/prior_totals.csv"),
    "overlay": ("overlay/zone_domains.csv", "overlay/zone_units.csv"),
    "ad": ("overlay/ad_access.*", "overlay/ad_domains.csv", "overlay/ad_tables.json"),
    "production": ("estimates/production.json",),
    "legality": ("overlay/legal_zones.csv", "overlay/legal_units.csv"),
    "harm": (
        *(f"indicators/{name}.csv" for name in ("harm_units", "footprint", "rings", "water_*")),
        "indicators/harm_settings.json",
    ),
    "benefit": ("indicators/benefit_*.csv", "indicators/benefit.json"),
    "impact": (
        *(f"impact/{name}.csv" for name in ("panel", "units", "distances", "sites")),
        "impact/settings.json",
    ),
    "hot_spots": ("indicators/hot_spot*.csv", "indicators/hot_spots.gpkg"),
    "official": ("estimates/*.csv", "overlay/*.csv", "indicators/concentration.csv"),
}
"""Step to its tables that are made of inputs outside the run folder."""

DISCLOSURE = "disclosure"
"""Step that products of tiers 1 and 2 need; no verb of its own."""

_LIBRARIES = (
    "numpy", "pandas", "geopandas", "shapely", "rasterio", "pyproj", "pyogrio", "pyarrow", "lightgbm", "scipy",
    "folium", "pillow", "typst", "xlsxwriter",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run, as opposed to what."""

    out: Path
    """Run folder."""
    jobs: int = 1
    """Threads."""
    resume: bool = True
    """Keep finished steps and finished blocks."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers make the blocks; None makes them here."""
    overwrite: bool = False
    """Use a folder that holds something else."""
    language: str = "en"
    """Language the map opens in."""
    tier: int = 0
    """Disclosure tier of the products."""
    today: date = field(default_factory=date.today)
    """Day that embargoes are held against."""


def default_out(survey_path: Path) -> Path:
    """Return the run folder used when none is given: ``run`` beside the survey file."""
    return survey_path.resolve().parent / "run"


def run(survey_path: Path, options: RunOptions, *, verb: str | None, listener: Listener) -> Manifest:
    """Run a survey, or the steps of one verb and what they need.

    Parameters
    ----------
    survey_path
        The survey file.
    options
        How to run.
    verb
        Command whose steps are wanted; None for all.
    listener
        Hears progress.

    Returns
    -------
    Manifest
        The steps wanted and what they made; the folder's own manifest holds every step.

    Raises
    ------
    AltdevError
        With the exit code that fits: a broken input, a refused figure, a folder in use.
    """
    survey = load_survey(survey_path)
    require_tier_open(survey, survey_path, options, verb)
    if options.scheduler is not None:
        from geo.cluster import connected

        with connected(options.scheduler):  # no work before it is known to answer
            pass
    folder = RunFolder(options.out)
    if not options.overwrite:
        folder.require_ours(survey.survey.name, overwrite=False)  # before the lock leaves its file there
    with folder.held():
        require_unsealed(folder)
        if not (options.overwrite and folder.holds_other(survey.survey.name)):
            folder.give_up_overwriting()
            return _run_in(folder, survey, survey_path, options, verb, listener)
        inner = folder.overwriting()
        with inner.held():
            made = _run_in(inner, survey, survey_path, replace(options, out=inner.path), verb, listener)
        whole = folder.take_over(inner)  # the old result stood until here
        _close(folder, whole)
        folder.give_up_overwriting()
        return made


def _run_in(
    folder: RunFolder, survey: Survey, survey_path: Path, options: RunOptions, verb: str | None, listener: Listener
) -> Manifest:
    """Run in a folder that is held."""
    folder.require_ours(survey.survey.name, overwrite=options.overwrite)
    earlier = folder.manifest()
    base = base_manifest(survey, survey_path)
    fetch(survey, survey_path, options, listener=listener)
    if earlier is not None and earlier.survey.get("name") == survey.survey.name:
        base = replace(base, steps=earlier.steps, inputs=earlier.inputs, custody=earlier.custody)
    hashes: dict[Path, FileRecord] = {}
    steps = plan(survey, survey_path, options, hashes=hashes)
    wanted = chosen(steps, verb, options.tier)
    if not wanted:
        raise SurveyFileError(
            Problem(
                survey_path.name,
                f"nothing for 'altdev {verb}' to do",
                f"a table that asks for it, such as [{verb}]",
                "see docs/survey-file.md",
            )
        )
    root = survey_path.resolve().parent
    require_licences_used(survey.map.licences, steps, root=root, where=survey_path.name)
    base = tidied(base, steps, folder, root=root)
    _forget_blocks(folder, steps)
    made = execute(wanted, folder, base, root=root, resume=options.resume, listener=listener, hashes=hashes)
    made = identified(made, steps, root=root, hashes=hashes, told=_told(survey), aside=approvals_of(survey))
    _close(folder, made)
    return replace(made, steps={step.name: made.steps[step.name] for step in wanted})


def _told(survey: Survey) -> dict[str, Any]:
    """Return what the run card says of licences and sources."""
    licences = [
        list(pair) for pair in survey.map.licences.items()
    ]  # the first pattern that fits holds: order counts
    return {"licence": survey.map.licence, "sources": survey.map.sources, "licences": licences}


def _close(folder: RunFolder, manifest: Manifest) -> None:
    """Write the last manifest of a run and its card, unless they stand there already."""
    text = manifest.to_json()
    card = run_card(folder.path, manifest, text.encode("utf-8"))
    for name, content in ((RUN_CARD, card), (MANIFEST, text)):  # the manifest last: it alone says what is done
        path = folder.path / name
        if not path.is_file() or path.read_bytes() != content.encode("utf-8"):
            write_text(path, content)


def _forget_blocks(folder: RunFolder, steps: Sequence[Step]) -> None:
    """Delete the finished blocks of steps that the survey no longer has."""
    home, named = folder.path / BLOCKS, {blocks_folder(step.name) for step in steps}
    require_no_link(home)
    for place in home.glob("*"):
        if place.name not in named and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)


def fetch(
    survey: Survey, survey_path: Path, options: RunOptions, *, listener: Listener, again: bool = False
) -> list[str]:
    """Bring images of a source on the web to the survey's folder, unless they are here, and return what was lost.

    Parameters
    ----------
    survey, survey_path, options
        As in `run`.
    listener
        Hears progress.
    again
        Look also where everything was asked for before: for files that failed, and for a catalogue of this machine
        whose images are on the web.
    """
    from monitor.steps.fetch import bring, is_fetched

    context = _context(survey, survey_path, options)
    if survey.imagery is None or (is_fetched(context) and not again and not survey.imagery.in_place):
        return []
    listener.started(FETCH)
    facts = bring(context, lambda done, total: listener.progress(FETCH, done, total), again=again)
    listener.finished(FETCH, facts)
    return list(facts["notes"])


def _context(survey: Survey, survey_path: Path, options: RunOptions) -> Context:
    return Context(
        survey=survey,
        root=survey_path.resolve().parent,
        out=options.out,
        jobs=options.jobs,
        resume=options.resume,
        scheduler=options.scheduler,
    )


def require_tier_open(survey: Survey, survey_path: Path, options: RunOptions, verb: str | None) -> None:
    """Refuse a tier that a verb cannot write, or whose products may not be made yet.

    Raises
    ------
    DisclosureError
        Naming everything that stands in the way.
    """
    if not options.tier:
        return
    where = f"--tier {options.tier}"
    if verb not in (None, *TIERED_VERBS):
        raise DisclosureError(
            Problem(
                where,
                f"{verb}, whose files are tier 0 (field)",
                f"one of run, {', '.join(TIERED_VERBS)}",
                "leave --tier out, and share the files only with those who may see fields",
            )
        )
    from monitor.gate import require_open

    root = survey_path.resolve().parent
    context = Context(survey=survey, root=root, out=options.out, jobs=options.jobs)
    require_open(context, Tier(options.tier), options.today)


def chosen(steps: list[Step], verb: str | None, tier: int) -> list[Step]:
    """Return the steps of a verb at a tier and all they need; products of other tiers are left as they are."""
    verbs = [f"{name}:{tier}" if tier else name for name in TIERED_VERBS]
    if verb is not None:
        return selected(steps, f"{verb}:{tier}" if tier and verb in TIERED_VERBS else verb)
    products = set(TIERED_VERBS) | {f"{name}:{other}" for name in TIERED_VERBS for other in (1, 2)}
    first = [step.name for step in steps if step.verb not in products and step.verb != DISCLOSURE]
    last = [step.name for one in verbs for step in selected(steps, one)]
    return [step for step in steps if step.name in {*first, *last}]


def plan(
    survey: Survey, survey_path: Path, options: RunOptions, *, hashes: dict[Path, FileRecord] | None = None
) -> list[Step]:
    """Return the steps of a survey in the order they run; `hashes` takes those of inputs that had to be read."""
    context = _context(survey, survey_path, options)
    steps = _official_steps(context, options) if survey.official is not None else _steps(context, options)
    base = base_manifest(survey, survey_path)
    known = {} if hashes is None else hashes
    context.identify = identifier(steps, base, root=context.root, hashes=known, aside=approvals_of(survey))
    steps = [replace(step, totalled=_TOTALLED.get(step.name.partition(":")[0], ())) for step in steps]
    return [
        replace(step, **{"carries" if step.verb in CARRYING else "stamps": context.identify})  # type: ignore[arg-type]
        for step in steps
    ]


def approvals_of(survey: Survey) -> tuple[Path, ...]:
    """Return the file of approvals, which come after the numbers and change none: the run stays the same."""
    path = survey.disclosure.approvals
    return () if path is None else (path,)


def _steps(context: Context, options: RunOptions) -> list[Step]:
    return [
        *(_imagery_step(context, period) for period in context.compared),
        _train_step(context),
        *(_classify_step(context, period) for period in context.compared),
        *(_with_own_files(step, context) for step in _late_steps(context, options)),
    ]


def _late_steps(context: Context, options: RunOptions) -> list[Step]:
    """Return the steps from the frame on."""
    steps = _with_indicators(context, [*_survey_steps(context), *_impact_steps(context, options)])
    made = tuple(step.name for step in steps if step.name in ("harm", "indicators"))
    products = (replace(step, needs=(*step.needs, *made)) for step in _product_steps(context, options))
    # What is released comes from the parts: joined again with them, a folder never tells two states of one figure
    joined = tuple(name for name in made if name == "indicators" and any(context.survey.part_tiers.values()))
    tiers = _tier_steps(context, options)
    tiers = [replace(one, needs=(*one.needs, *joined)) if one.name == DISCLOSURE else one for one in tiers]
    return [*steps, *products, *tiers]


def _with_own_files(step: Step, context: Context) -> Step:
    """Let a step depend on the survey's own profile, whose legend every later step reads."""
    return replace(step, inputs=(*step.inputs, *_own_files(context)))


def base_manifest(survey: Survey, survey_path: Path) -> Manifest:
    """Return the manifest of a survey of which nothing is done yet."""
    versions = {"python": platform.python_version(), "altdev": program_version()}
    return Manifest(
        survey={
            "name": survey.survey.name,
            "title": survey.survey.title,
            "seed": survey.survey.seed,
            "file": survey_path.name,
            "file_sha256": sha256(survey_path),
        },
        versions={**versions, **{name: version(name) for name in _LIBRARIES}},
        inputs={},
        steps={},
    )


def _lazy(module: str, function: str, context: Context, **arguments: Any) -> Callable[..., Mapping[str, Any]]:
    """Return an action that imports its step's module when it runs, so that the command line starts fast."""

    def action(staging: Path, progress: Progress) -> Mapping[str, Any]:
        from importlib import import_module

        result: Mapping[str, Any] = getattr(import_module(f"monitor.steps.{module}"), function)(
            context, staging, progress, **arguments
        )
        return result

    return action


def _dump(section: Any, *, without: tuple[str, ...] = ()) -> Any:
    """Return the settings of a table without its paths: files count by their bytes, wherever they lie."""
    if section is None:
        return None
    content = section.model_dump(mode="json", exclude={"tier", *without})  # who may see it changes no figure
    return {key: value for key, value in content.items() if not isinstance(getattr(section, key), Path)}


def _imagery_step(context: Context, period: PeriodSection) -> Step:
    return Step(
        name=f"imagery:{period.name}",
        verb="imagery",
        inputs=(
            context.survey.area.admin,
            *_own_files(context),
            *_ground(context),
            *_scene_inputs(context, period),
        ),
        blocks=_blocks(context),
        parameters=_imagery_parameters(context) | {"period": _dump(period)},
        action=_lazy("imagery", "prepare", context, period=period),
    )


def _imagery_parameters(context: Context) -> dict[str, Any]:
    imagery = _dump(context.survey.imagery, without=("further", "in_place")) | {"profile": _profile_name(context)}
    further = [_dump(one) | {"sensor": Path(one.sensor).name} for one in context.imagery.further]
    imagery |= {"further": further} if further else {}
    imagery["sensor"] = Path(imagery["sensor"]).name
    return {"imagery": imagery, "area": _dump(context.survey.area)}


def _profile_name(context: Context) -> str:
    """Return the profile's name; of a file the last part, wherever it lies."""
    return Path(context.imagery.profile).name


def _train_step(context: Context) -> Step:
    scenes = _all_scenes(context)
    survey = context.survey
    return Step(
        name="train",
        verb="classify",
        needs=tuple(f"imagery:{period.name}" for period in context.compared),
        inputs=(
            survey.area.admin,
            context.training.samples,
            *((context.training.coarse.cells,) if context.training.coarse is not None else ()),
            *_prior_files(context),
            *_own_files(context),
            *_ground(context),
            *scenes,
        ),
        parameters=_imagery_parameters(context)
        | {
            "crops": survey.survey.crops,
            "prior": _dump(survey.prior_cultivation),
            "classifier": _dump(survey.classifier),
            "features": _dump(survey.features),
            "training": _dump(survey.training, without=("coarse",)),
            "coarse": _dump(context.training.coarse),
            "periods": [_dump(period) for period in context.compared],
        },
        action=_lazy("classify", "train", context),
    )


def _classify_step(context: Context, period: PeriodSection) -> Step:
    return Step(
        name=f"classify:{period.name}",
        verb="classify",
        needs=(f"imagery:{period.name}", "train"),
        inputs=(
            context.survey.area.admin,
            *_own_files(context),
            *_ground(context),
            *_scene_inputs(context, period),
        ),
        blocks=_blocks(context),
        parameters=_imagery_parameters(context)
        | {
            "period": _dump(period),
            "crops": context.survey.survey.crops,
            "classifier": _dump(context.survey.classifier),
        },
        action=_lazy("classify", "write_maps", context, period=period),
    )


def _all_scenes(context: Context) -> tuple[Path, ...]:
    return tuple(path for period in context.compared for path in _scene_inputs(context, period))


def _prior_files(context: Context) -> tuple[Path, ...]:
    """Return the file of earlier cultivation, if the survey names one."""
    section = context.survey.prior_cultivation
    return (section.fields,) if section is not None else ()


def _own_files(context: Context) -> tuple[Path, ...]:
    """Return the survey's own profile and sensor files, which count by their bytes as any input does."""
    imagery = context.imagery
    names = (imagery.profile, imagery.sensor, *(one.sensor for one in imagery.further))
    return tuple(Path(name) for name in names if name.endswith(".toml"))


def _ground(context: Context) -> tuple[Path, ...]:
    """Return the elevation that scenes are corrected with."""
    imagery = context.imagery
    return (imagery.elevation,) if imagery.topographic != "none" and imagery.elevation is not None else ()


def _blocks(context: Context) -> int:
    from imagery.stack import working_side

    geobox = context.frame.geobox
    side = working_side(geobox, BLOCK_SIZE)
    return math.prod(math.ceil(length / side) for length in geobox.shape)


def _scene_inputs(context: Context, period: PeriodSection) -> tuple[Path, ...]:
    from monitor.steps.fetch import NotFetchedError
    from monitor.steps.imagery import scene_inputs

    try:
        paths: tuple[Path, ...] = scene_inputs(context, period)
    except NotFetchedError:  # a plan is made without asking anybody; a run fetches first
        return ()
    return paths


def _survey_steps(context: Context) -> list[Step]:
    """Return the steps from strata to harms, in the order they run."""
    survey = context.survey
    maps = tuple(f"classify:{period.name}" for period in context.compared)
    common = {"crops": survey.survey.crops, "area": _dump(survey.area), "profile": _profile_name(context)}
    periods = common | {"periods": [_dump(period) for period in context.compared]}
    zones = periods | {"overlay": [_dump(layer) for layer in survey.overlay]}
    return [
        *_sample_steps(context, maps, common, periods),
        *_figure_steps(context, maps, periods),
        *_comparison_steps(context, maps, periods),
        Step(
            name="overlay",
            verb="overlay",
            needs=(*maps, "frame", "sample", "reference"),
            inputs=(survey.area.admin, *(layer.path for layer in survey.overlay)),
            parameters=zones | {"estimate": _dump(survey.estimate)},
            action=_lazy("overlay", "overlay", context),
        ),
        *_programme_steps(context, zones),
        *_legality_steps(context, zones),
        *_production_steps(context),
        *_harm_steps(context, maps),
        *_benefit_steps(context, maps),
    ]


def _sample_steps(
    context: Context, maps: tuple[str, ...], common: dict[str, Any], periods: dict[str, Any]
) -> list[Step]:
    """Return the steps from strata to reference labels."""
    survey = context.survey
    mask = survey.area.agricultural_mask
    return [
        Step(
            name="frame",
            verb="frame",
            needs=("train", *maps),
            inputs=(
                survey.area.admin,
                context.training.samples,
                *_prior_files(context),
                *((mask,) if mask else ()),
            ),
            parameters={
                **common,
                "prior": _dump(survey.prior_cultivation),
                "training": _dump(survey.training, without=("coarse",)),
                "sample": _dump(survey.sample),
            },
            action=_lazy("frame", "make_strata", context),
        ),
        Step(
            name="sample",
            verb="sample",
            needs=(*maps, "frame"),
            inputs=(survey.area.admin, context.training.samples),
            parameters=common | {"sample": _dump(survey.sample), "title": survey.survey.title},
            action=_lazy("sample", "draw_sample", context),
        ),
        Step(
            name="suggest",
            verb="sample",
            needs=(*maps, "sample"),
            inputs=(survey.area.admin, context.training.samples),
            parameters=periods | {"training": _dump(survey.training, without=("coarse",))},
            action=_lazy("suggest", "suggest", context),
        ),
        Step(
            name="reference",
            verb="estimate",
            needs=("frame", "sample"),
            inputs=(survey.area.admin, *_reference_inputs(context)),
            parameters=periods | {"reference": _dump_reference(context)},
            action=_lazy("reference", "read_reference", context),
        ),
    ]


def _figure_steps(context: Context, maps: tuple[str, ...], periods: dict[str, Any]) -> list[Step]:
    """Return the steps that make hectares and the scores of the maps."""
    survey = context.survey
    return [
        Step(
            name="estimate",
            verb="estimate",
            needs=(*maps, "frame", "sample", "reference"),
            inputs=(survey.area.admin,),
            parameters=periods
            | {"estimate": _dump(survey.estimate), "survey": _dump(survey.survey), "shown": _shown(context)},
            action=_lazy("estimate", "estimate", context),
        ),
        Step(
            name="floors",
            verb="estimate",
            needs=("train", *maps, "frame", "sample", "reference", "estimate"),
            inputs=(survey.area.admin, *_prior_files(context)),
            parameters=periods | {"prior": _dump(survey.prior_cultivation)},
            action=_lazy("floors", "write_floors", context),
        ),
        *_correction_steps(context, periods),
    ]


def _comparison_steps(context: Context, maps: tuple[str, ...], periods: dict[str, Any]) -> list[Step]:
    """Return the steps that compare the periods."""
    survey = context.survey
    return [
        Step(
            name="compare",
            verb="compare",
            needs=("frame", "sample", "reference"),
            inputs=(survey.area.admin,),
            parameters=periods | {"estimate": _dump(survey.estimate)},
            action=_lazy("compare", "compare", context),
        ),
        Step(
            name="transitions",
            verb="compare",
            needs=("train", *maps, "frame", "sample", "reference"),
            inputs=(survey.area.admin, *_prior_files(context), *_all_scenes(context)),
            parameters=periods
            | {"estimate": _dump(survey.estimate), "prior": _dump(survey.prior_cultivation)}
            | _imagery_parameters(context),
            action=_lazy("transitions", "write_transitions", context),
        ),
    ]


def _harm_steps(context: Context, maps: tuple[str, ...]) -> list[Step]:
    section, survey = context.survey.harm, context.survey
    if section is None:
        return []
    files = [entry.path for entry in section.input] + [entry.range for entry in section.species]
    files += [section.loads] if section.loads is not None else []
    files += [one.path for one in (section.rivers, section.sites, section.access) if one is not None]
    spraying, sprayed = _spraying(context)
    layers = tuple(layer.path for layer in survey.overlay)
    border = None if survey.ad is None else survey.ad.border
    layers += () if border is None or survey.ad is None else (border,)
    return [
        Step(
            name="harm",
            verb="harm",
            needs=(*maps, "frame", "sample", "reference", "estimate"),
            inputs=(survey.area.admin, *layers, *_prior_files(context), *dict.fromkeys((*files, *spraying))),
            blocks=_frame_blocks(context),
            parameters={
                **sprayed,
                "harm": _without_paths(section),
                "border": None if border is None else _without_paths(survey.ad),
                "prior": _dump(survey.prior_cultivation),
                "overlay": [_dump(layer) for layer in survey.overlay],
                "survey": _dump(survey.survey),
                "area": _dump(survey.area),
                "estimate": _dump(survey.estimate),
                "periods": [_dump(period) for period in context.compared],
            },
            action=_lazy("harm", "harm", context),
        )
    ]


def _benefit_steps(context: Context, maps: tuple[str, ...]) -> list[Step]:
    """Return the step that holds harms inside the programme's areas against land far from them."""
    programme = context.survey.ad
    found = _harm_steps(context, maps)
    if programme is None or not found:
        return []
    harm = found[0]
    return [
        replace(
            harm,
            name="benefit",
            needs=(*maps, "frame", "harm"),
            inputs=(*harm.inputs, *_table_files(programme.tables)),
            parameters={**harm.parameters, "ad": _without_paths(programme)},
            action=_lazy("benefit", "co_benefits", context),
        )
    ]


def _spraying(context: Context) -> tuple[tuple[Path, ...], dict[str, Any]]:
    """Return the files and settings of the operations that say what was sprayed; none without a ledger."""
    section = context.survey.corrections
    return ((), {}) if section is None else (_operation_files(context), {"corrections": _dump(section)})


def _operation_files(context: Context) -> tuple[Path, ...]:
    """Return the files that the operations of the ledger stand in."""
    section = context.survey.corrections
    assert section is not None
    if section.from_programme and context.survey.ad is not None:
        return _table_files(context.survey.ad.tables)
    return () if section.eradication is None else (section.eradication,)


def _without_paths(section: Any) -> Any:
    """Return nested settings without their paths, which count by their bytes."""
    if isinstance(section, Section):
        # who may see a part changes no figure of it
        values = ((key, getattr(section, key)) for key in type(section).model_fields if key != "tier")
        return {key: _without_paths(value) for key, value in values if not isinstance(value, Path)}
    if isinstance(section, dict):
        return {key: _without_paths(value) for key, value in section.items()}
    if isinstance(section, list | tuple):
        return [_without_paths(value) for value in section]
    return section


def _frame_blocks(context: Context) -> int:
    return math.prod(math.ceil(length / BLOCK_SIZE) for length in context.frame.geobox.shape)


def _programme_steps(context: Context, parameters: Mapping[str, Any]) -> list[Step]:
    section = context.survey.ad
    if section is None:
        return []
    given = (section.country, section.codes, section.border, section.settlements, section.markets)
    travel = () if section.travel is None else section.travel.files
    return [
        Step(
            name="ad",
            verb="overlay",
            needs=("frame", "sample", "reference"),
            inputs=(
                context.survey.area.admin,
                *_table_files(section.tables),
                *(path for path in given if path is not None),
                *travel,
            ),
            parameters={**parameters, "ad": _without_paths(section), "estimate": _dump(context.survey.estimate)},
            action=_lazy("programme", "programme", context),
        )
    ]


def _table_files(tables: Path) -> tuple[Path, ...]:
    """Return the files of a programme's tables."""
    if not tables.is_dir():
        return (tables,)
    return tuple(sorted(path for path in tables.iterdir() if path.suffix in (".csv", ".parquet", ".gpkg")))


def _legality_steps(context: Context, parameters: Mapping[str, Any]) -> list[Step]:
    section = context.survey.legality
    if section is None:
        return []
    layers = tuple(layer.path for layer in context.survey.overlay)
    own = section.law.endswith(".toml")
    law = {"law": Path(section.law).name if own else section.law, "zones": section.zones}
    return [
        Step(
            name="legality",
            verb="overlay",
            needs=("frame", "sample", "reference"),
            inputs=(context.survey.area.admin, *layers, *((Path(section.law),) if own else ())),
            parameters={**parameters, "legality": law, "estimate": _dump(context.survey.estimate)},
            action=_lazy("legality", "legality", context),
        )
    ]


def _correction_steps(context: Context, parameters: Mapping[str, Any]) -> list[Step]:
    section = context.survey.corrections
    if section is None:
        return []
    return [
        Step(
            name="corrections",
            verb="estimate",
            needs=("frame", "sample", "reference", "estimate"),
            inputs=(context.survey.area.admin, *_operation_files(context)),
            parameters={**parameters, "corrections": _dump(section), "estimate": _dump(context.survey.estimate)},
            action=_lazy("corrections", "corrections", context),
        )
    ]


def _production_steps(context: Context) -> list[Step]:
    entries = context.survey.production
    if not entries:
        return []
    return [
        Step(
            name="production",
            verb="estimate",
            needs=("estimate", *(step.name for step in _correction_steps(context, {})), "overlay"),
            parameters={"production": [_dump(entry) for entry in entries]},
            action=_lazy("production", "make_production", context),
        )
    ]


def _with_indicators(context: Context, steps: Sequence[Step]) -> list[Step]:
    """Add the step that joins the indicators of those steps that make any."""
    makers = [step.name for step in steps if step.name in PARTS]
    if not makers:
        return list(steps)
    joining = Step(
        name="indicators",
        verb="harm" if "harm" in makers else "overlay" if "ad" in makers else "impact",
        needs=tuple(makers),
        parameters={"parts": makers},
        action=_lazy("indicators", "join_indicators", context, parts=makers),
    )
    return [*steps, joining]


def _reference_inputs(context: Context) -> tuple[Path, ...]:
    reference = context.reference
    known = (reference.known,) if reference.known is not None and reference.known.is_file() else ()
    if reference.simulated is not None:
        ground = reference.simulated.ground
        return (reference.simulated.fields, *((ground,) if ground else ()), *known)
    return (*((reference.labels,) if reference.labels is not None and reference.labels.is_file() else ()), *known)


def _dump_reference(context: Context) -> dict[str, Any]:
    reference = context.reference
    known = reference.known is not None
    return {"simulated": _dump(reference.simulated), "known": known, "form": reference.form}


def _product_steps(context: Context, options: RunOptions) -> list[Step]:
    survey = context.survey
    layers = [layer.path for layer in survey.overlay]
    layers += [path for path in (survey.map.rivers, survey.map.roads, survey.map.elevation) if path is not None]
    page = [
        Step(
            name="map",
            verb="map",
            needs=(
                *(f"classify:{period.name}" for period in context.compared),
                "train",
                "frame",
                "estimate",
                "floors",
                *(step.name for step in [*_correction_steps(context, {}), *_production_steps(context)]),
                "compare",
                "overlay",
                *(step.name for step in [*_programme_steps(context, {}), *_legality_steps(context, {})]),
            ),
            inputs=(survey.area.admin, *layers),
            parameters={
                "survey": _dump(survey.survey),
                "area": _dump(survey.area),
                "map": _dump(survey.map),
                "overlay": [_dump(layer) for layer in survey.overlay],
                "periods": [_dump(period) for period in context.compared],
                "shown": _shown(context),
                "language": options.language,
            },
            action=_lazy("products", "write_products", context, language=options.language),
        )
    ]
    further = _pattern_steps(context)
    shown = [*further, *_impact_steps(context, options)]  # the evaluation stands before the indicators already
    return [*further, *_after(page, shown, context, options), _export_step(context)]


def _shown(context: Context) -> dict[str, Any]:
    """Return what products show of tables that no figure stands in, so that they can be made again without them."""
    survey = context.survey
    try:
        legend = [[one.code, one.name, one.colour, one.crop] for one in context.profile.legend]
    except AltdevError:  # of a profile that cannot be read: told by the steps that need it, in their words
        legend = []
    return {
        "legend": legend,
        "level": survey.estimate.level,
        "min_valid": context.imagery.min_valid,
        "simulated": context.reference.simulated is not None,
    }


def _export_step(context: Context) -> Step:
    """Return the step that writes the field product's files for other programs."""
    survey = context.survey
    return Step(
        name="export",
        verb="export",
        needs=(
            *(f"{name}:{period.name}" for name in ("imagery", "classify") for period in context.compared),
            "sample",
            "estimate",
            "floors",
            "transitions",
        ),
        inputs=(survey.area.admin, *(layer.path for layer in survey.overlay)),
        parameters={
            "survey": _dump(survey.survey),
            "area": _dump(survey.area),
            "licence": survey.map.licence,
            "iati": _dump(survey.iati),
            "overlay": [_dump(layer) for layer in survey.overlay],
            "periods": [_dump(period) for period in context.compared],
            "shown": _shown(context),
        },
        action=_lazy("export", "write_files", context),
    )


def _report_step(page: Step, context: Context, options: RunOptions) -> Step:
    """Return the step that writes the report: of the same figures as the map."""
    action = _lazy("report", "write_report", context, language=options.language)
    return replace(page, name="report", verb="report", action=action)


def _tier_steps(context: Context, options: RunOptions) -> list[Step]:
    """Return the decision on disclosure, and the products of tiers 1 and 2 that it is for."""
    survey, section = context.survey, context.survey.disclosure
    households = () if section.households is None else (section.households,)
    approvals = () if section.approvals is None or not section.approvals.is_file() else (section.approvals,)
    overlays = tuple(layer.path for layer in survey.overlay)
    lines = [path for path in (survey.map.rivers, survey.map.roads, survey.map.elevation) if path is not None]
    settings = {
        "survey": _dump(survey.survey),
        "area": _dump(survey.area),
        "overlay": [_dump(layer) for layer in survey.overlay],
        "periods": [_dump(period) for period in context.compared],
        "disclosure": _dump(section, without=("earlier",)),
        "tiers": [survey.area.tier, survey.map.tier, *(layer.tier for layer in survey.overlay)],
        "parts": survey.part_tiers,
    }
    maps = tuple(f"classify:{period.name}" for period in context.compared)
    parts = [name for name, tier in survey.part_tiers.items() if tier]
    programme = () if survey.ad is None or "ad" not in parts else _table_files(survey.ad.tables)
    needs = (*maps, "frame", "sample", "reference", "estimate", "compare", "overlay", *parts)
    steps = [
        Step(
            name=DISCLOSURE,
            verb=DISCLOSURE,
            needs=needs,
            inputs=(survey.area.admin, *overlays, *lines, *households, *section.earlier, *programme),
            parameters=settings | {"map": _dump(survey.map)},
            action=_lazy("disclosure", "disclose", context),
        )
    ]
    inputs = (survey.area.admin, context.training.samples, *overlays, *lines, *households, *approvals)
    settings |= {"shown": _shown(context)}
    for tier in (1, 2):
        common: dict[str, Any] = {"tier": Tier(tier), "today": options.today}
        steps.append(
            Step(
                name=f"map:{tier}",
                verb=f"map:{tier}",
                needs=("sample", DISCLOSURE),
                inputs=inputs,
                parameters=settings | {"map": _dump(survey.map), "language": options.language},
                action=_lazy("tier_products", "write_map", context, language=options.language, **common),
            )
        )
        steps.append(
            replace(
                steps[-1],
                name=f"report:{tier}",
                verb=f"report:{tier}",
                action=_lazy("tier_products", "write_report", context, language=options.language, **common),
            )
        )
        steps.append(
            Step(
                name=f"export:{tier}",
                verb=f"export:{tier}",
                needs=("sample", DISCLOSURE),
                inputs=inputs,
                parameters=settings | {"map": _dump(survey.map), "iati": _dump(survey.iati)},
                action=_lazy("tier_products", "write_export", context, **common),
            )
        )
    return steps


def _official_steps(context: Context, options: RunOptions) -> list[Step]:
    survey = context.survey
    official = context.survey.official
    tables = (official.table,) if official is not None else ()
    layers = tuple(layer.path for layer in survey.overlay)
    settings = {
        "official": _dump(official),
        "survey": _dump(survey.survey),
        "area": _dump(survey.area),
        "overlay": [_dump(layer) for layer in survey.overlay],
        "periods": [_dump(period) for period in survey.period],
        "map": _dump(survey.map),
    }
    steps = [
        Step(
            name="official",
            verb="estimate",
            inputs=(survey.area.admin, *tables, *layers),
            parameters=settings,
            action=_lazy("official", "read_official", context),
        ),
        Step(
            name="map",
            verb="map",
            needs=("official",),
            inputs=(survey.area.admin, *layers),
            parameters=settings | {"language": options.language},
            action=_lazy("official", "write_products", context, language=options.language),
        ),
        Step(
            name="export",
            verb="export",
            needs=("official",),
            inputs=(survey.area.admin, *layers),
            parameters=settings | {"iati": _dump(survey.iati)},
            action=_lazy("export", "write_official", context),
        ),
    ]
    further = [*_pattern_steps(context), *_with_indicators(context, _impact_steps(context, options))]
    official_step, page, export = steps
    products = [*_after([page], further, context, options), export]
    return [official_step, *further, *products, *_official_tier_steps(context, options, settings)]


def _official_tier_steps(context: Context, options: RunOptions, settings: Mapping[str, Any]) -> list[Step]:
    """Return the decision on an official series, and the products of tiers 1 and 2 that it is for."""
    survey, section = context.survey, context.survey.disclosure
    official = survey.official
    assert official is not None
    approvals = () if section.approvals is None or not section.approvals.is_file() else (section.approvals,)
    layers = tuple(layer.path for layer in survey.overlay)
    lines = [path for path in (survey.map.rivers, survey.map.roads, survey.map.elevation) if path is not None]
    tiers = [survey.area.tier, survey.map.tier, official.tier, *(layer.tier for layer in survey.overlay)]
    told = {
        **settings,
        "disclosure": _dump(section, without=("earlier",)),
        "tiers": tiers,
        "parts": survey.part_tiers,
    }
    steps = [
        Step(
            name=DISCLOSURE,
            verb=DISCLOSURE,
            needs=("official", *(["impact"] if survey.part_tiers.get("impact") else [])),
            inputs=(survey.area.admin, *layers, *lines),
            parameters=told,
            action=_lazy("disclosure", "disclose", context),
        )
    ]
    for tier in (1, 2):
        common: dict[str, Any] = {"tier": Tier(tier), "today": options.today}
        for verb in TIERED_VERBS:
            spoken = {} if verb == "export" else {"language": options.language}
            steps.append(
                Step(
                    name=f"{verb}:{tier}",
                    verb=f"{verb}:{tier}",
                    needs=("official", DISCLOSURE),
                    inputs=(survey.area.admin, *layers, *lines, *approvals),
                    parameters=told | spoken | ({"iati": _dump(survey.iati)} if verb == "export" else {}),
                    action=_lazy("tier_products", f"write_{verb}", context, **spoken, **common),
                )
            )
    return steps


def _after(page: list[Step], further: list[Step], context: Context, options: RunOptions) -> list[Step]:
    """Return page and report, which show what further steps found."""
    known = tuple(step.name for step in further)
    told = [replace(step, needs=(*step.needs, *known)) for step in page]
    return [*told, *(_report_step(step, context, options) for step in told)]


def _pattern_steps(context: Context) -> list[Step]:
    section, official = context.survey.hot_spots, context.survey.official
    if section is None:
        return []
    survey = context.survey
    current = survey.role("current")
    return [
        Step(
            name="hot_spots",
            verb="overlay",
            needs=() if official is not None or current is None else (f"classify:{current.name}",),
            inputs=(survey.area.admin, *((official.table,) if official is not None else _own_files(context))),
            parameters={
                "hot_spots": _dump(section),
                "official": _dump(official),
                "survey": _dump(survey.survey),
                "area": _dump(survey.area),
                "current": None if current is None else current.name,
            },
            action=_lazy("hot_spots", "find_hot_spots", context),
        )
    ]


def _impact_steps(context: Context, options: RunOptions) -> list[Step]:
    section = context.survey.impact
    if section is None:
        return []
    survey = context.survey
    official = survey.official
    return [
        Step(
            name="impact",
            verb="impact",
            needs=("ad",) if section.projects and survey.ad is not None else (),
            inputs=tuple(dict.fromkeys(_impact_inputs(context))),
            parameters={
                "impact": _without_paths(section),
                "official": _dump(official) if section.outcome is None or section.region is None else None,
                "survey": _dump(survey.survey),
                "level": survey.estimate.level,
                "crs": survey.area.crs,
                "cost": _without_paths(survey.ad) if section.projects else None,
                "language": options.language,
            },
            action=_lazy("impact", "evaluate_programme", context, language=options.language),
        )
    ]


def _impact_inputs(context: Context) -> Iterator[Path]:
    section, official = context.survey.impact, context.survey.official
    assert section is not None
    yield section.units or context.survey.area.admin
    for table in (section.outcome, section.programme, *section.series, *section.other):
        if table is not None and table.table is not None:
            yield table.table
    if official is not None and (section.outcome is None or section.region is None):
        yield official.table
