"""`altdev verify`: every file of a run is the one that was published, and its figures can be made again from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from geo.errors import AltdevError, InputError, Problem, QualityGateError, reason
from maps.disclosure.release import RECORD_NAME
from monitor.indicators import FOLDER
from monitor.manifest import MANIFEST, FileRecord, Manifest, read_manifest
from monitor.run_card import require_run_card
from monitor.stamp import require_stamps
from monitor.steps.classify import MODEL_FOLDER
from monitor.tables import read_tables
from monitor.totals import FOLDER as CONTROL
from monitor.totals import require_totals
from monitor.verify.design import design_context, recompute_design, recompute_fields, recompute_model_scores
from monitor.verify.indicators import (
    recompute_benefits,
    recompute_disclosure,
    recompute_harms,
    rejoin_indicators,
    releases,
)
from monitor.verify.official import recompute_official
from monitor.verify.products import recompute_pages
from monitor.verify.programme import recompute_hot_spots, recompute_impact, recompute_legality, recompute_programme
from monitor.verify.remade import remake_products, same_program
from monitor.verify.survey import (
    recompute_accuracy,
    recompute_changes,
    recompute_districts,
    recompute_estimates,
    recompute_floors,
    recompute_gaps,
    recompute_ledger,
    recompute_misreading,
    recompute_production,
    recompute_transitions,
    recompute_zones,
)


def verify_run(out: Path) -> Iterator[str]:
    """Yield one line for each thing found right; raise at the first kind of thing that is not.

    Parameters
    ----------
    out
        Run folder.

    Raises
    ------
    InputError
        If there is no manifest.
    QualityGateError
        Naming every file that changed since it was published, or the first figure that differs.
    """
    if not (out / MANIFEST).is_file() and list(out.glob(RECORD_NAME.format("*"))):
        yield from releases(out, None)  # a product by itself, as its readers have it
        return
    manifest = _manifest(out)
    unfinished = [name for name, step in manifest.steps.items() if not step.is_done]
    if unfinished:
        raise QualityGateError(
            [Problem(f"{out}, step {name}", "one that was cut short", "a step that is done") for name in unfinished]
        )
    files = {name: record for step in manifest.steps.values() for name, record in step.outputs.items()}
    changed = [name for name, record in sorted(files.items()) if not record.matches(out / name)]
    if changed:
        raise QualityGateError(
            [
                Problem(str(out / name), "a file that is missing or changed", "the one published", "run it again")
                for name in changed
            ]
        )
    yield f"{len(files)} files are as published"
    yield from _told_custody(manifest)
    if not manifest.steps and not manifest.custody:
        raise QualityGateError(Problem(str(out), "a manifest without steps", "steps that are done", "run it"))
    yield from _figures(out, manifest, files)
    run = require_run_card(out, manifest)
    yield from _stamps(out, manifest, run)
    yield f"run card is that of run {run}"


def _figures(out: Path, manifest: Manifest, files: Mapping[str, FileRecord]) -> Iterator[str]:
    """Yield one line for each kind of figure that was made again."""
    if any(name.startswith(f"{CONTROL}/") for name in files):
        yield f"{require_totals(out, files)} control totals of tables made of inputs added up again, all equal"
    yield from _without_sample(out, manifest)
    if any(name.startswith("imagery:") for name in manifest.steps):
        yield _guarded(lambda out: f"{recompute_gaps(out)} shares of the frame not seen recomputed, all equal", out)
    yield from releases(out / "products", files)
    if "estimate" in manifest.steps:
        yield from _each(out, _recomputed(out, manifest))
    else:
        yield from _each(out, _without_estimates(out, manifest))
    yield from _each(out, _products(out, manifest))


def _without_estimates(out: Path, manifest: Manifest) -> Iterator[str]:
    """Yield one line for each kind of figure of a run that has no sample."""
    if "disclosure" in manifest.steps:
        yield f"{recompute_disclosure(out)} tables of tiers 1 and 2 decided and cut again, all equal"
    if (out / FOLDER / "indicators.csv").is_file():
        yield rejoin_indicators(out)
    if "official" in manifest.steps:
        yield f"{recompute_official(out)} rows derived from official figures recomputed, all equal"
    else:
        yield "no estimates to recompute"


def _recomputed(out: Path, manifest: Manifest) -> Iterator[str]:
    """Yield one line for each kind of figure that was made again."""
    tables = read_tables(out)
    if (out / MODEL_FOLDER / "model.json").is_file():
        yield f"{recompute_model_scores(out)} scores of the classifier as the model tells them"
    context = design_context(out, manifest)
    frame = None if context is None else context.frame
    if context is not None:
        rows = recompute_design(out, context, whole_files=same_program(manifest))
        yield f"{rows} rows of strata, sample, labels, gaps and counts on the maps made again, all equal"
        yield f"{recompute_fields(out, context, manifest)} fields of the maps made again, all equal"
    yield f"{recompute_estimates(out, tables)} estimates recomputed, all equal"
    yield f"{recompute_districts(out, tables)} small areas and thresholds recomputed, all equal"
    if "compare" in manifest.steps:
        yield f"{recompute_changes(out, tables)} changes recomputed, all equal"
    made: tuple[tuple[str, str, Callable[[], int]], ...] = (
        (
            "estimates/misreading.csv",
            "figures corrected for misreading",
            lambda: recompute_misreading(out, tables),
        ),
        (
            "estimates/corrections.csv",
            "rows of the corrections ledger",
            lambda: recompute_ledger(out, tables, manifest.steps["corrections"].parameters, frame),
        ),
        ("estimates/production.csv", "rows of production", lambda: recompute_production(out)),
        ("overlay/zone_domains.csv", "figures of zones", lambda: recompute_zones(out, tables)),
        ("overlay/legality.csv", "rows of legal zones", lambda: recompute_legality(out, tables)),
        ("overlay/ad_estimates.csv", "figures of the programme", lambda: recompute_programme(out, tables)),
        ("estimates/floors.csv", "scores of maps and floors", lambda: recompute_floors(out, tables)),
        (f"{FOLDER}/part_harm.csv", "figures of harm", lambda: recompute_harms(out)),
        (f"{FOLDER}/part_benefit.csv", "co-benefits of the programme", lambda: recompute_benefits(out)),
    )
    for file, name, recompute in made:
        if (out / file).is_file():
            yield f"{recompute()} {name} recomputed, all equal"
    if (out / FOLDER / "indicators.csv").is_file():
        yield rejoin_indicators(out)
    if (out / "estimates" / "transitions.csv").is_file():
        yield f"{recompute_transitions(out, tables)} transitions recomputed, all equal"
    yield f"{recompute_accuracy(out, tables)} accuracies and cells of the error matrix recomputed, all equal"
    if "disclosure" in manifest.steps:
        yield f"{recompute_disclosure(out)} tables of tiers 1 and 2 decided and cut again, all equal"


def _products(out: Path, manifest: Manifest) -> Iterator[str]:
    """Hold products to the tables, which were made again before."""
    yield f"{recompute_pages(out)} figures of pages and workbooks recomputed from their tables, all equal"
    if same_program(manifest):
        yield from remake_products(out, manifest)
    else:
        yield "products are of another version of the program or its libraries: not made again byte by byte"


def _without_sample(out: Path, manifest: Manifest) -> Iterator[str]:
    """Recompute what does not stand on a sample: the evaluation of a programme and the spatial pattern."""
    if "impact" in manifest.steps:
        language = manifest.steps["impact"].parameters.get("language") if same_program(manifest) else None
        yield _guarded(partial(recompute_impact, language=language), out)
    if "hot_spots" in manifest.steps:
        yield _guarded(partial(recompute_hot_spots, seed=int(manifest.survey["seed"])), out)


def _guarded(recompute: Callable[[Path], str], out: Path) -> str:
    """Return what a recomputation says; tables that nothing can be made from are a changed run, not a bug."""
    return next(_each(out, (again(out) for again in (recompute,))))


def _each(out: Path, lines: Iterator[str]) -> Iterator[str]:
    """Yield what recomputations say; tables that nothing can be made from are a changed run, not a bug."""
    try:
        yield from lines
    except AltdevError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        found = f"tables that nothing can be recomputed from ({type(error).__name__}: {reason(error)})"
        raise QualityGateError(Problem(str(out), found, "the tables as published", "run it again")) from error


def _stamps(out: Path, manifest: Manifest, run: str) -> Iterator[str]:
    """Hold the identifier in tables and pages to what their step was given, and tell those of an earlier run."""
    given = {step.run for step in manifest.steps.values()} - {""}
    for one in sorted(given, key=lambda name: (name != run, name)):
        steps = [name for name, step in manifest.steps.items() if step.run == one]
        number = require_stamps(out, [file for name in steps for file in manifest.steps[name].outputs], one)
        if one == run:
            yield f"{number} tables and pages of figures carry run {run}"
        else:
            of = f"{number} tables and pages ({', '.join(sorted(steps))}) are of run {one}"
            yield f"{of}, made before something changed; 'altdev run' brings all to one run"


def _told_custody(manifest: Manifest) -> Iterator[str]:
    """Yield what became of files of tier 0, whose figures cannot be made again without them."""
    for act in manifest.custody:
        yield f"{act.get('files')} field files {act.get('act')} on {act.get('at')}"


def _manifest(out: Path) -> Manifest:
    manifest = read_manifest(out)
    if manifest is None:
        raise InputError(Problem(str(out), "no manifest", "the folder of a run", "give the run folder"))
    return manifest
