"""`altdev verify`: every file of a run is the one that was published, and its figures can be made again from it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.eradication import operation_summary
from aoi.project.finding import Finding
from aoi.project.replanting import validation_table
from aoi.project.rights import rights_rows
from aoi.survey.parameter import Parameter
from geo.errors import AltdevError, InputError, Problem, QualityGateError, reason
from maps.disclosure.release import RECORD_NAME, verify_release
from monitor.districts import small_area_rows, threshold_rows
from monitor.figures import (
    FRAME,
    Domain,
    PeriodFacts,
    accuracy_rows,
    change_rows,
    estimate_rows,
    frame_domain,
    matrix_rows,
    period_matrix,
    unit_domains,
)
from monitor.floors import floor_rows, historical_rows
from monitor.hot_spots import recomputed_pattern
from monitor.impact_indicators import impact_indicators
from monitor.impact_tables import evaluation_of, evaluation_tables, read_impact_csv, read_impact_tables
from monitor.indicators import FOLDER, KEYS, PARTS, joined, low_counts, part_path, read_part, rows_of_harms
from monitor.ledger import LedgerInputs, ledger_rows, parameters_of
from monitor.legal import legal_rows
from monitor.manifest import MANIFEST, FileRecord, Manifest, read_manifest
from monitor.misreading import misreading_rows
from monitor.programme import (
    ProgrammeSettings,
    cultivation_indicators,
    domains_of,
    fact_table,
    from_json,
    indicator_rows,
    record_indicators,
)
from monitor.scene_table import GAP_TABLE, frame_gap_rows
from monitor.sections import ProductionSection
from monitor.steps.disclosure import safe_tables, table_texts
from monitor.steps.production import production_table
from monitor.tables import SurveyTables, read_csv, read_tables
from monitor.transitions import transition_rows

__all__ = ["verify_run"]

TOLERANCE = 2e-6
"""Figures are written with six decimals."""

NUMBERS = ("value_ha", "se_ha", "lo_ha", "hi_ha")
WORDS = ("n", "state", "verdict", "method", "flags", "certainty", "below", "term", "applied")
EFFECT_NUMBERS = (
    "value", "se", "lo", "hi", "level", "p_value", "df", "n_treated", "n_control", "clusters", "without_programme",
    "percent", "mde", "mde_percent",
)  # fmt: skip
EFFECT_WORDS = ("scale", "finding", "method", "note", "detail", "unit_of_measure", "outcome")
DIFFERENCES = ("difference_ha", "se_ha", "lo_ha", "hi_ha", "p_value")


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
        yield from _releases(out, None)  # a product by itself, as its readers have it
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
    if not manifest.steps:
        raise QualityGateError(Problem(str(out), "a manifest without steps", "steps that are done", "run it"))
    yield from _without_sample(out, manifest)
    if any(name.startswith("imagery:") for name in manifest.steps):
        yield f"{_recompute_gaps(out)} shares of the frame not seen recomputed, all equal"
    yield from _releases(out / "products", files)
    if "estimate" not in manifest.steps:
        if (out / FOLDER / "indicators.csv").is_file():
            yield _guarded(_rejoin_indicators, out)
        yield "no estimates to recompute"
        return
    try:
        yield from _recomputed(out, manifest)
    except AltdevError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        found = f"tables that nothing can be recomputed from ({type(error).__name__}: {reason(error)})"
        raise QualityGateError(Problem(str(out), found, "the tables as published", "run it again")) from error


def _recomputed(out: Path, manifest: Manifest) -> Iterator[str]:
    """Yield one line for each kind of figure that was made again."""
    tables = read_tables(out)
    yield f"{_recompute_estimates(out, tables)} estimates recomputed, all equal"
    yield f"{_recompute_districts(out, tables)} small areas and thresholds recomputed, all equal"
    yield f"{_recompute_changes(out, tables)} changes recomputed, all equal"
    made: tuple[tuple[str, str, Callable[[], int]], ...] = (
        (
            "estimates/misreading.csv",
            "figures corrected for misreading",
            lambda: _recompute_misreading(out, tables),
        ),
        ("estimates/corrections.csv", "rows of the corrections ledger", lambda: _recompute_ledger(out, tables)),
        ("estimates/production.csv", "rows of production", lambda: _recompute_production(out)),
        ("overlay/legality.csv", "rows of legal zones", lambda: _recompute_legality(out, tables)),
        ("overlay/ad_estimates.csv", "figures of the programme", lambda: _recompute_programme(out, tables)),
        ("estimates/floors.csv", "scores of maps and floors", lambda: _recompute_floors(out, tables)),
        (f"{FOLDER}/part_harm.csv", "figures of harm", lambda: _recompute_harms(out)),
    )
    for file, name, recompute in made:
        if (out / file).is_file():
            yield f"{recompute()} {name} recomputed, all equal"
    if (out / FOLDER / "indicators.csv").is_file():
        yield _rejoin_indicators(out)
    if (out / "estimates" / "transitions.csv").is_file():
        yield f"{_recompute_transitions(out, tables)} transitions recomputed, all equal"
    yield f"{_recompute_accuracy(out, tables)} accuracies and cells of the error matrix recomputed, all equal"
    if "disclosure" in manifest.steps:
        yield f"{_recompute_disclosure(out)} tables of tiers 1 and 2 decided and cut again, all equal"


def _without_sample(out: Path, manifest: Manifest) -> Iterator[str]:
    """Recompute what does not stand on a sample: the evaluation of a programme and the spatial pattern."""
    if "impact" in manifest.steps:
        yield _guarded(recompute_impact, out)
    if "hot_spots" in manifest.steps:
        yield _guarded(partial(recompute_hot_spots, seed=int(manifest.survey["seed"])), out)


def _guarded(recompute: Callable[[Path], str], out: Path) -> str:
    """Return what a recomputation says; tables that nothing can be made from are a changed run, not a bug."""
    try:
        return recompute(out)
    except AltdevError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        found = f"tables that nothing can be recomputed from ({type(error).__name__}: {reason(error)})"
        raise QualityGateError(Problem(str(out), found, "the tables as published", "run it again")) from error


def _manifest(out: Path) -> Manifest:
    manifest = read_manifest(out)
    if manifest is None:
        raise InputError(Problem(str(out), "no manifest", "the folder of a run", "give the run folder"))
    return manifest


def _recompute_gaps(out: Path) -> int:
    """Make the gaps of the frame again from the counts of observations, and see that the units add up to it."""
    rows = 0
    for path in sorted((out / "imagery").glob(f"*/{GAP_TABLE}")):
        published = _read(path).fillna({"window": ""})
        frame = published[published["domain"] == FRAME]
        windows = list(frame.loc[frame["window"] != "", "window"])
        again = frame_gap_rows(
            path.with_name("valid_count.tif"),
            period=path.parent.name,
            frame_name=str(frame["domain_name"].iloc[0]),
            windows=windows,
            min_valid=int(frame["min_valid"].iloc[0]),
        )
        text = dict.fromkeys(("period", "domain", "measure", "window"), str)
        keys, numbers = list(text), ("cells", "of_cells", "share")
        _compare(frame.astype(text), again.astype(text), keys, numbers, str(path.relative_to(out)))
        units = published[published["domain"] != FRAME].groupby(["measure", "window"], as_index=False)
        summed = units[["cells", "of_cells"]].sum()
        whole = frame[["measure", "window", "cells", "of_cells"]]
        _compare(whole, summed, ["measure", "window"], ("cells", "of_cells"), f"{path.relative_to(out)}, units")
        rows += len(frame)
    return rows


def _recompute_estimates(out: Path, tables: SurveyTables) -> int:
    published = _read(out / "estimates" / "estimates.csv")
    periods = [
        PeriodFacts(name=str(name), kind=str(kind), reference_date=str(day))
        for name, kind, day in published[["period", "kind", "reference_date"]]
        .drop_duplicates()
        .itertuples(index=False)
    ]
    again = estimate_rows(
        tables,
        list(dict.fromkeys(published["crop"])),
        periods,
        _domains(tables, published),
        method=_interval(published),
        level=float(published["level"].iloc[0]),
    )
    _compare(published, again, ["crop", "period", "domain"], NUMBERS, "estimates.csv")
    return len(published)


def _recompute_districts(out: Path, tables: SurveyTables) -> int:
    """Make small areas and thresholds again from the published estimates, which are recomputed before."""
    if not (out / "estimates" / "small_areas.csv").is_file():
        return 0  # a run of a version that made none; a file taken away is found by the manifest
    estimates, small, free = (
        _read(out / "estimates" / f"{name}.csv") for name in ("estimates", "small_areas", "thresholds")
    )
    again = small_area_rows(tables, estimates, _domains(tables, estimates)[1:])
    keys = ["crop", "period", "domain"]
    text = dict.fromkeys(keys, str)
    _compare(small.astype(text), again.astype(text), keys, NUMBERS, "small_areas.csv")
    lines = {
        str(crop): Parameter(name=f"threshold.{crop}_ha", value=float(line), unit="ha", source="published")
        for crop, line in free[["crop", "threshold_ha"]].drop_duplicates().itertuples(index=False)
    }
    held = threshold_rows(estimates, lines)
    _compare(
        free.astype(text), held.astype(text), keys, ("value_ha", "lo_ha", "hi_ha", "p_below"), "thresholds.csv"
    )
    return len(small) + len(free)


def _recompute_misreading(out: Path, tables: SurveyTables) -> int:
    """Make the figures corrected for misreading again from the published estimates and the readings."""
    published, estimates = (_read(out / "estimates" / f"{name}.csv") for name in ("misreading", "estimates"))
    again = misreading_rows(tables, estimates, read_csv(out / "frame" / "known_readings.csv"))
    keys = ["crop", "period"]
    text = dict.fromkeys(keys, str)
    numbers = (*NUMBERS, "sensitivity", "specificity", "read_ha")
    _compare(published.astype(text), again.astype(text), keys, numbers, "misreading.csv")
    return len(published)


def _recompute_ledger(out: Path, tables: SurveyTables) -> int:
    folder = out / "estimates"
    published, estimates = _read(folder / "corrections.csv"), _read(folder / "estimates.csv")
    inputs = LedgerInputs(
        groups=_read(folder / "eradication_groups.csv"),
        units=_read(folder / "eradication_units.csv"),
        dates=_read(folder / "correction_dates.csv"),
        parameters=parameters_of(_read(folder / "correction_parameters.csv")),
    )
    again = ledger_rows(tables, estimates, _domains(tables, estimates), inputs, method=_interval(estimates))
    keys = ["crop", "period", "domain", "row"]
    told, found = (
        rows.astype(dict.fromkeys(keys[:3], str)).assign(row=rows.groupby(keys[:3], sort=False).cumcount())
        for rows in (published, again)
    )
    _compare(told, found, keys, (*NUMBERS, "parameter_value"), "corrections.csv")
    return len(published)


def _recompute_production(out: Path) -> int:
    published = _read(out / "estimates" / "production.csv")
    settings = json.loads((out / "estimates" / "production.json").read_text(encoding="utf-8"))
    again = production_table(out, [ProductionSection.model_validate(entry) for entry in settings])
    keys = ["crop", "period", "domain", "part", "product"]
    text = dict.fromkeys(keys, str)
    _compare(
        published.astype(text), again.astype(text), keys, ("value_t", "se_t", "lo_t", "hi_t"), "production.csv"
    )
    return len(published)


def _recompute_floors(out: Path, tables: SurveyTables) -> int:
    published = _read(out / "estimates" / "floors.csv")
    estimates = _read(out / "estimates" / "estimates.csv")
    again = floor_rows(tables, _read(out / "estimates" / "floor_rules.csv"))
    totals = _read(out / "estimates" / "prior_totals.csv")
    past = historical_rows(totals, estimates[estimates["domain"] == FRAME])
    again = again if past.empty else pd.concat([again, past.astype({"beaten": object})], ignore_index=True)
    numbers = ("producers", "producers_se", "users", "users_se", "f1", "area_ratio", "beaten")
    _compare(published, again, ["crop", "period", "rule"], numbers, "floors.csv")
    return len(published)


def _releases(folder: Path, files: Mapping[str, FileRecord] | None) -> Iterator[str]:
    """Check the records that go out with products, and that the run itself made them."""
    for path in sorted(folder.rglob(RECORD_NAME.format("*"))):
        if files is None or path.relative_to(folder.parent).as_posix() in files:
            yield verify_release(path)


def _recompute_disclosure(out: Path) -> int:
    """Decide, cut and attack again, and compare the very text of every table."""
    folder = out / "disclosure"
    again = table_texts(safe_tables(out, folder))
    told = {
        path.relative_to(folder).as_posix()
        for path in [folder / "decision.json", *folder.glob("*/*.csv")]
        if path.is_file()
    }
    for name in sorted(told | set(again)):
        if name not in told or name not in again:
            raise QualityGateError(Problem(f"disclosure/{name}", "a table on one side only", "the same tables"))
        if (folder / name).read_text(encoding="utf-8") != again[name]:
            raise _differs(f"disclosure/{name}", "what stands there", "another text")
    return len(again) - 1


def _recompute_harms(out: Path) -> int:
    """Make every figure of harm again from the tables that the step left."""
    from monitor.harms.chapters import harm_rows
    from monitor.harms.figures import read_figures

    published = read_part(part_path(out, "harm"))
    figures = read_figures(out)
    again = rows_of_harms(harm_rows(figures), level=figures.level, low=low_counts(out))
    _compare_indicators(published, again, "part_harm.csv")
    return len(published)


def _rejoin_indicators(out: Path) -> str:
    """Join the parts again; the table holds each of their rows and no other."""
    paths = [part_path(out, name) for name in PARTS]
    published = read_part(out / FOLDER / "indicators.csv")
    again = joined([read_part(path) for path in paths if path.is_file()])
    _compare_indicators(published, again, "indicators.csv")
    return f"{len(published)} rows of indicators joined again, all equal"


def _compare_indicators(published: pd.DataFrame, again: pd.DataFrame, file: str) -> None:
    keys = list(KEYS)
    text = dict.fromkeys(keys, str)
    told, found = (rows.astype(text) for rows in (published, again))
    merged = told.merge(found, on=keys, suffixes=("", "_again"), how="outer", indicator=True)
    twice = told.duplicated(subset=keys)
    if twice.any() or (merged["_merge"] != "both").any():
        row = (told[twice] if twice.any() else merged[merged["_merge"] != "both"]).iloc[0]
        name = " ".join(str(row[key]) for key in keys)
        raise QualityGateError(Problem(f"{file} {name}", "a row twice or on one side only", "the same rows"))
    for column in ("value", "lo", "hi"):
        left, right = (merged[name].to_numpy(dtype=float) for name in (column, f"{column}_again"))
        wrong = ~np.isclose(left, right, rtol=1e-7, atol=1e-12, equal_nan=True)
        if wrong.any():
            row = merged[wrong].iloc[0]
            name = f"{file} {' '.join(str(row[key]) for key in keys)} {column}"
            raise _differs(name, row[column], row[f"{column}_again"])
    for column in ("state", "grade", "reason", "inputs"):
        wrong = (merged[column].map(_word) != merged[f"{column}_again"].map(_word)).to_numpy()
        if wrong.any():
            row = merged[wrong].iloc[0]
            name = f"{file} {' '.join(str(row[key]) for key in keys)} {column}"
            raise _differs(name, repr(row[column]), repr(row[f"{column}_again"]))


def _recompute_transitions(out: Path, tables: SurveyTables) -> int:
    published = _read(out / "estimates" / "transitions.csv")
    if published.empty:
        return 0
    again = transition_rows(
        tables,
        list(dict.fromkeys(published["crop"])),
        (str(published["from"].iloc[0]), str(published["to"].iloc[0])),
        method=_interval(published),
        level=float(published["level"].iloc[0]),
    )
    numbers = (*NUMBERS, "users", "users_se", "producers", "producers_se")
    _compare(published, again, ["crop", "transition"], numbers, "transitions.csv")
    return len(published)


def recompute_impact(out: Path) -> str:
    """Evaluate the programme again from the tables in the run folder."""
    folder = out / "impact"
    tables = read_impact_tables(folder)
    again = evaluation_tables(tables, evaluation_of(tables))
    compared = {
        "effects": (["scope", "effect"], EFFECT_NUMBERS, EFFECT_WORDS),
        "balance": (["arm", "trait"], ("treated_mean", "control_mean", "smd_before", "smd"), ("balance",)),
        "match": (["arm", "unit", "role"], ("weight",), ("reason",)),
        "zones": (["unit"], (), ("zone",)),
        "comparisons": (["kind", "treated_start", "control_start"], ("weight", "value"), ()),
        "series": (["year"], ("treated_mean", "control_mean"), ()),
    }
    count = 0
    for name, (keys, numbers, words) in compared.items():
        published = read_impact_csv(folder / f"{name}.csv")
        text = dict.fromkeys(keys, str)
        _compare(published.astype(text), again[name].astype(text), keys, numbers, f"impact/{name}.csv", words)
        count += len(published)
    if part_path(out, "impact").is_file():
        told = read_part(part_path(out, "impact"))
        made = impact_indicators(read_impact_csv(folder / "effects.csv"), tables.settings)
        _compare_indicators(told, made, "part_impact.csv")
        count += len(told)
    return f"{count} rows of the evaluation recomputed, all equal"


def recompute_hot_spots(out: Path, *, seed: int) -> str:
    """Make the spatial pattern again from the densities and neighbours in the run folder."""
    folder = out / "indicators"
    local, whole = recomputed_pattern(folder, seed)
    keys = ["crop", "domain"]
    numbers = ("local_moran", "moran_p", "moran_q", "getis_z", "getis_p", "getis_q", "neighbours")
    published = _read(folder / "hot_spots.csv")
    text = dict.fromkeys(keys, str)
    _compare(published.astype(text), local.astype(text), keys, numbers, "hot_spots.csv", ("cluster", "hot_spot"))
    told = _read(folder / "spatial_pattern.csv")
    _compare(
        told, whole, ["crop", "statistic"], ("value", "expected", "p_value", "units"), "spatial_pattern.csv", ()
    )
    return f"{len(published) + len(told)} rows of the spatial pattern recomputed, all equal"


def _recompute_changes(out: Path, tables: SurveyTables) -> int:
    published = _read(out / "estimates" / "change.csv")
    names = _read(out / "estimates" / "estimates.csv")
    if published.empty:
        if names["period"].nunique() > 1:
            raise QualityGateError(
                Problem("change.csv", "no row", "the change between the periods", "run it again")
            )
        return 0
    before, after = published[["from", "to"]].iloc[0]
    again = change_rows(
        tables,
        list(dict.fromkeys(published["crop"])),
        (str(before), str(after)),
        _domains(tables, names),
        method=_interval(published),
        level=float(published["level"].iloc[0]),
    )
    _compare(published, again, ["crop", "domain"], DIFFERENCES, "change.csv")
    return len(published)


def _recompute_legality(out: Path, tables: SurveyTables) -> int:
    folder = out / "overlay"
    published, estimates = _read(folder / "legality.csv"), _read(out / "estimates" / "estimates.csv")
    again = legal_rows(
        tables,
        _read(folder / "legal_zones.csv"),
        _read(folder / "legal_units.csv"),
        _periods(estimates),
        method=_interval(estimates),
        level=float(estimates["level"].iloc[0]),
    )
    keys = ["crop", "period", "zone", "part"]
    told, found = (rows.fillna({"zone": ""}).astype(dict.fromkeys(keys, str)) for rows in (published, again))
    _compare(told, found, keys, ("value_ha", "lo_ha", "hi_ha"), "legality.csv")
    return len(published)


def _recompute_programme(out: Path, tables: SurveyTables) -> int:
    """Make a programme's estimates, changes, validation and indicators again; those that need places are left."""
    folder, first = out / "overlay", _read(out / "estimates" / "estimates.csv")
    domains, units = _read(folder / "ad_domains.csv"), _read(folder / "ad_units.csv")
    estimates, change = _read(folder / "ad_estimates.csv"), _read(folder / "ad_change.csv")
    crops, method, level = list(dict.fromkeys(first["crop"])), _interval(first), float(first["level"].iloc[0])
    places = domains_of(tables, domains, units)
    again = estimate_rows(tables, crops, _periods(first), places, method=method, level=level)
    _compare(estimates, again, ["crop", "period", "domain"], NUMBERS, "ad_estimates.csv")
    if len(change):
        pair = (str(change["from"].iloc[0]), str(change["to"].iloc[0]))
        moved = change_rows(tables, crops, pair, places, method=_interval(change), level=level)
        _compare(change, moved, ["crop", "domain"], DIFFERENCES, "ad_change.csv")
    records, settings = from_json((folder / "ad_tables.json").read_text(encoding="utf-8"))
    validation = _read(folder / "validation.csv")
    expanded = validation_table(
        records["eradication"], cuts_ha=settings.lot_size_cuts_ha, lonely=settings.lonely, level=settings.level
    )
    figures = ("share", "share_lo", "share_hi", *NUMBERS)
    keys = ["measure", "domain"]
    text = dict.fromkeys(keys, str)
    _compare(validation.astype(text), expanded.astype(text), keys, figures, "validation.csv")
    _recompute_operations(folder, records["eradication"])
    return len(estimates) + len(change) + len(validation) + _recompute_indicators(out, tables, records, settings)


def _recompute_operations(folder: Path, events: pd.DataFrame) -> None:
    """Add operations up again but their ground, which is made of places that the run folder does not hold."""
    published = _read(folder / "eradication.csv").fillna({"method": ""})
    again = operation_summary(events, pd.DataFrame())
    keys, text = ["year", "method"], {"year": str, "method": str}
    sums = ("operations", "claimed_ha", "verified_ha", "unverified_claims_ha")
    _compare(published.astype(text), again.astype(text), keys, sums, "eradication.csv", ("kind",))


def _recompute_indicators(
    out: Path, tables: SurveyTables, records: Mapping[str, pd.DataFrame], settings: ProgrammeSettings
) -> int:
    folder = out / "overlay"
    domains, units, estimates, change = (
        _read(folder / f"ad_{name}.csv") for name in ("domains", "units", "estimates", "change")
    )
    findings = [
        Finding(row["severity"], str(row["check"]), Problem(str(row["where"]), str(row["found"])))
        for _, row in _read(folder / "ad_findings.csv").iterrows()
    ]
    found = [
        *cultivation_indicators(tables, domains, units, estimates, change),
        *record_indicators(records, settings),
        *rights_rows(records["areas"], findings),
    ]
    _compare_facts(out, fact_table(found))
    made = indicator_rows(found)
    published = read_part(part_path(out, "ad"))
    published = published[published["indicator"] != "A9"]  # made of places, which the run folder does not hold
    numbers = ("value", "lo", "hi", "level")
    _compare(published, made, list(KEYS), numbers, "part_ad.csv", rtol=1e-8)  # written with nine digits
    return len(published)


def _compare_facts(out: Path, again: pd.DataFrame) -> None:
    """Compare the facts of records; those of the sample are its units, and are left."""
    path = out / FOLDER / "fact_sheets.csv"
    published = pd.read_csv(path, dtype=str, keep_default_na=False)  # codes of places keep their zeros
    published = published[published["unit"] != "units of the sample"]
    told, made = (
        sorted(tuple(map(_word, row)) for row in rows.astype({"n": float}).to_numpy())
        for rows in (published, again)
    )
    for one, other in zip_longest(told, made, fillvalue=()):
        if one != other:
            raise _differs(f"fact_sheets.csv {' '.join((one or other)[:2])}", " ".join(one), " ".join(other))


def _periods(estimates: pd.DataFrame) -> list[PeriodFacts]:
    """Return the periods of published estimates."""
    found = estimates[["period", "kind", "reference_date"]].drop_duplicates().itertuples(index=False)
    return [PeriodFacts(name=str(name), kind=str(kind), reference_date=str(day)) for name, kind, day in found]


def _recompute_accuracy(out: Path, tables: SurveyTables) -> int:
    accuracy, cells = (_read(out / "estimates" / name) for name in ("accuracy.csv", "error_matrix.csv"))
    periods = list(dict.fromkeys(accuracy["period"].astype(str)))
    classes = list(dict.fromkeys(cells["map"]))
    matrices = {period: period_matrix(tables, period, classes) for period in periods}
    again = [
        pd.DataFrame([row for period, matrix in matrices.items() for row in rows(period, matrix)])
        for rows in (accuracy_rows, matrix_rows)
    ]
    text = accuracy.fillna({"class": ""}).astype({"period": str})
    _compare(text, again[0], ["period", "class", "measure"], ("value", "se"), "accuracy.csv")
    keys = ["period", "map", "reference"]
    _compare(cells.astype({"period": str}), again[1], keys, ("area_share", "units"), "error_matrix.csv")
    return len(accuracy) + len(cells)


def _read(path: Path) -> pd.DataFrame:
    return read_csv(path)


def _interval(published: pd.DataFrame) -> str:
    return str(published["method"].iloc[0]).rsplit("; ", 1)[-1]


def _domains(tables: SurveyTables, published: pd.DataFrame) -> list[Domain]:
    named = dict(published[["domain", "domain_name"]].drop_duplicates().itertuples(index=False))
    units = {code: name for code, name in named.items() if code != FRAME}
    return [frame_domain(tables, named[FRAME]), *unit_domains(tables, units)]


def _compare(
    published: pd.DataFrame,
    again: pd.DataFrame,
    keys: list[str],
    columns: tuple[str, ...],
    file: str,
    words: tuple[str, ...] = WORDS,
    *,
    rtol: float = 1e-9,
) -> None:
    twice = published.duplicated(subset=keys)
    if twice.any():
        name = " ".join(str(value) for value in published.loc[twice, keys].iloc[0])
        raise QualityGateError(Problem(f"{file} {name}", "a row twice", "each row once", "run it again"))
    merged = published.merge(again, on=keys, suffixes=("", "_again"), how="outer", indicator=True)
    for _, row in merged.iterrows():
        name = f"{file} {' '.join(str(row[key]) for key in keys)}"
        if row["_merge"] != "both":
            raise QualityGateError(Problem(name, "a row on one side only", "the same rows"))
        for column in columns:
            told, found = _number(row[column]), _number(row[f"{column}_again"])
            if not np.isclose(told, found, rtol=rtol, atol=TOLERANCE, equal_nan=True):
                raise _differs(f"{name} {column}", told, found)
        for column in (word for word in words if f"{word}_again" in row.index):
            said, meant = (_word(row[key]) for key in (column, f"{column}_again"))
            if said != meant:
                raise _differs(f"{name} {column}", repr(said), repr(meant))


def _differs(name: str, told: object, found: object) -> QualityGateError:
    return QualityGateError(Problem(name, f"{told}", f"{found}, recomputed from the run folder", "run it again"))


def _word(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
