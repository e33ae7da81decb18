"""Make the figures of a programme again: zones of law, areas, operations, effect, spatial pattern."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.eradication import operation_summary
from aoi.project.access import access_rows
from aoi.project.finding import Finding
from aoi.project.indicator import FactSheet, Indicator
from aoi.project.replanting import validation_table
from aoi.project.rights import rights_rows
from geo.errors import Problem, QualityGateError
from maps.impact_chart import impact_charts
from maps.language import language as words_of
from monitor.facts import fact_table, facts_path, read_facts
from monitor.figures import (
    change_rows,
    estimate_rows,
)
from monitor.hot_spots import recomputed_pattern
from monitor.impact_indicators import impact_facts, impact_indicators, refused_indicators
from monitor.impact_tables import (
    ImpactTables,
    evaluation_of,
    evaluation_tables,
    programme_cost,
    read_impact_csv,
    read_impact_tables,
    refusal_reasons,
    refusal_table,
)
from monitor.indicators import KEYS, part_path, read_part
from monitor.kept_shapes import OPERATIONS, read_shapes
from monitor.legal import legal_rows
from monitor.programme import (
    ProgrammeSettings,
    access_from,
    cultivation_indicators,
    domains_of,
    from_json,
    indicator_rows,
    record_indicators,
)
from monitor.tables import SurveyTables, read_csv
from monitor.verify.compare import (
    DIFFERENCES,
    NUMBERS,
    compare,
    compare_indicators,
    differs,
    interval_method,
    published_periods,
    word_of,
)

EFFECT_NUMBERS = (
    "value", "se", "lo", "hi", "level", "p_value", "df", "n_treated", "n_control", "clusters", "without_programme",
    "percent", "mde", "mde_percent",
)  # fmt: skip
EFFECT_WORDS = ("scale", "finding", "method", "note", "detail", "unit_of_measure", "outcome")


def recompute_legality(out: Path, tables: SurveyTables) -> int:
    """Make the totals by zone of law again; return the rows compared."""
    folder = out / "overlay"
    published, estimates = read_csv(folder / "legality.csv"), read_csv(out / "estimates" / "estimates.csv")
    again = legal_rows(
        tables,
        read_csv(folder / "legal_zones.csv"),
        read_csv(folder / "legal_units.csv"),
        published_periods(estimates),
        method=interval_method(out, estimates),
        level=float(estimates["level"].iloc[0]),
    )
    keys = ["crop", "period", "zone", "part"]
    told, found = (rows.fillna({"zone": ""}).astype(dict.fromkeys(keys, str)) for rows in (published, again))
    compare(told, found, keys, ("value_ha", "lo_ha", "hi_ha"), "legality.csv")
    return len(published)


def recompute_programme(out: Path, tables: SurveyTables) -> int:
    """Make a programme's estimates, changes, validation and indicators again; those that need places are left."""
    folder, first = out / "overlay", read_csv(out / "estimates" / "estimates.csv")
    domains, units = read_csv(folder / "ad_domains.csv"), read_csv(folder / "ad_units.csv")
    estimates, change = read_csv(folder / "ad_estimates.csv"), read_csv(folder / "ad_change.csv")
    crops, method, level = (
        list(dict.fromkeys(first["crop"])),
        interval_method(out, first),
        float(first["level"].iloc[0]),
    )
    places = domains_of(tables, domains, units)
    again = estimate_rows(tables, crops, published_periods(first), places, method=method, level=level)
    compare(estimates, again, ["crop", "period", "domain"], NUMBERS, "ad_estimates.csv")
    if len(change):
        pair = (str(change["from"].iloc[0]), str(change["to"].iloc[0]))
        moved = change_rows(tables, crops, pair, places, method=interval_method(out, change), level=level)
        compare(change, moved, ["crop", "domain"], DIFFERENCES, "ad_change.csv")
    records, settings = from_json((folder / "ad_tables.json").read_text(encoding="utf-8"))
    validation = read_csv(folder / "validation.csv")
    expanded = validation_table(
        records["eradication"], cuts_ha=settings.lot_size_cuts_ha, lonely=settings.lonely, level=settings.level
    )
    figures = ("share", "share_lo", "share_hi", *NUMBERS)
    keys = ["measure", "domain"]
    text = dict.fromkeys(keys, str)
    compare(validation.astype(text), expanded.astype(text), keys, figures, "validation.csv")
    _recompute_operations(out, records["eradication"])
    return len(estimates) + len(change) + len(validation) + _recompute_indicators(out, tables, records, settings)


def _recompute_operations(out: Path, events: pd.DataFrame) -> None:
    """Add operations and their ground up again."""
    published = read_csv(out / "overlay" / "eradication.csv").fillna({"method": ""})
    again = operation_summary(events, read_shapes(out, OPERATIONS))
    keys, text = ["year", "method"], {"year": str, "method": str}
    sums = ("operations", "claimed_ha", "verified_ha", "unverified_claims_ha")
    compare(published.astype(text), again.astype(text), keys, sums, "eradication.csv", ("kind",))


def _recompute_indicators(
    out: Path, tables: SurveyTables, records: Mapping[str, pd.DataFrame], settings: ProgrammeSettings
) -> int:
    folder = out / "overlay"
    domains, units, estimates, change = (
        read_csv(folder / f"ad_{name}.csv") for name in ("domains", "units", "estimates", "change")
    )
    findings = [
        Finding(row["severity"], str(row["check"]), Problem(str(row["where"]), str(row["found"])))
        for _, row in read_csv(folder / "ad_findings.csv").iterrows()
    ]
    found = [
        *cultivation_indicators(tables, domains, units, estimates, change),
        *record_indicators(records, settings),
        *rights_rows(records["areas"], findings),
        *_access_again(folder),
    ]
    _compare_facts(out, "ad", fact_table(found))
    made = indicator_rows(found)
    published = read_part(part_path(out, "ad"))
    numbers = ("value", "lo", "hi", "level")
    compare(published, made, list(KEYS), numbers, "part_ad.csv", rtol=1e-8)  # written with nine digits
    return len(published)


def _access_again(folder: Path) -> list[Indicator]:
    """Make A9 again from how far each settlement is; the places are not in the run folder."""
    reach, lacking = access_from((folder / "ad_access.json").read_text(encoding="utf-8"))
    return list(access_rows(read_csv(folder / "ad_access.csv"), reach, lacking=lacking))


def _compare_facts(out: Path, name: str, again: pd.DataFrame) -> None:
    """Compare the facts of one step; those of sample units and of settlements are of files, and are left."""
    path = facts_path(out, name)
    published = read_facts(path)
    published = published[~published["unit"].isin(["units of the sample", "settlements"])]
    told, made = (
        sorted(tuple(map(word_of, row)) for row in rows.astype({"n": float}).to_numpy())
        for rows in (published, again)
    )
    for one, other in zip_longest(told, made, fillvalue=()):
        if one != other:
            raise differs(f"{path.name} {' '.join((one or other)[:2])}", " ".join(one), " ".join(other))


def recompute_impact(out: Path, *, language: str | None = None) -> str:
    """Evaluate the programme again from the tables in the run folder.

    Parameters
    ----------
    out
        Run folder.
    language
        Code of the language that its figures are drawn in, to draw them again sign by sign; none where another
        program drew them.
    """
    folder = out / "impact"
    tables = read_impact_tables(folder)
    _compare_cost(out, tables.settings)
    _compare_facts(out, "impact", fact_table(_impact_facts(out, tables)))
    if (folder / "refusal.csv").is_file():
        return _repeat_refusal(out, tables)
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
        compare(published.astype(text), again[name].astype(text), keys, numbers, f"impact/{name}.csv", words)
        count += len(published)
    if language is not None:
        _redraw(folder / "figures", again, language)
    if part_path(out, "impact").is_file():
        told = read_part(part_path(out, "impact"))
        made = impact_indicators(read_impact_csv(folder / "effects.csv"), tables.settings)
        compare_indicators(told, made, "part_impact.csv")
        count += len(told)
    return f"{count} rows of the evaluation recomputed, all equal"


def _redraw(folder: Path, tables: Mapping[str, pd.DataFrame], language: str) -> None:
    """Draw the figures of an evaluation again."""
    drawn = {
        f"{name}.svg": one.svg(labels=True) + "\n"
        for name, one in impact_charts(tables, words_of(language)).items()
    }
    told = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.svg")}
    for name in sorted(set(told) | set(drawn)):
        if told.get(name) != drawn.get(name):
            raise differs(f"impact/figures/{name}", "another drawing", "that of the tables")


def _impact_facts(out: Path, tables: ImpactTables) -> list[FactSheet]:
    """Return the facts of an evaluation; the name of its source stands in the table alone."""
    sheets = read_facts(facts_path(out, "impact"))
    source = str(sheets["sources"].iloc[0]) if len(sheets) else ""
    return list(impact_facts(tables.units["cluster"].tolist(), tables.settings, source))


def _compare_cost(out: Path, settings: Mapping[str, Any]) -> None:
    """Add up again what the projects of the programme spent."""
    told = settings.get("cost")
    if not told:
        return
    records, _ = from_json((out / "overlay" / "ad_tables.json").read_text(encoding="utf-8"))
    last, share = int(settings["years"][1]), float(told["most_left_out"])
    again = programme_cost(records["funding"], told["projects"], last, most_left_out=share)
    if told != again:
        raise differs("impact/settings.json cost", str(told["usd"]), str(again["usd"]))


def _repeat_refusal(out: Path, tables: ImpactTables) -> str:
    """Evaluate again what was refused, and see that it is refused for the same reasons."""
    told = read_impact_csv(out / "impact" / "refusal.csv")
    try:
        evaluation_of(tables)
    except QualityGateError as error:
        again = refusal_table(error)
    else:
        raise differs("impact/refusal.csv", "an evaluation refused", "one that is not")
    if not told.fillna("").astype(str).equals(again.fillna("").astype(str)):
        raise differs("impact/refusal.csv", refusal_reasons(told)[0], refusal_reasons(again)[0])
    made = refused_indicators(refusal_reasons(told), tables.settings)
    rows = read_part(part_path(out, "impact"))
    compare_indicators(rows, made, "part_impact.csv")
    return f"the refusal of an evaluation and its {len(rows)} rows of indicators repeated, all equal"


def recompute_hot_spots(out: Path, *, seed: int) -> str:
    """Make the spatial pattern again from the densities and neighbours in the run folder."""
    folder = out / "indicators"
    local, whole = recomputed_pattern(folder, seed)
    keys = ["crop", "domain"]
    numbers = ("local_moran", "moran_p", "moran_q", "getis_z", "getis_p", "getis_q", "neighbours")
    published = read_csv(folder / "hot_spots.csv")
    text = dict.fromkeys(keys, str)
    compare(published.astype(text), local.astype(text), keys, numbers, "hot_spots.csv", ("cluster", "hot_spot"))
    told = read_csv(folder / "spatial_pattern.csv")
    compare(
        told, whole, ["crop", "statistic"], ("value", "expected", "p_value", "units"), "spatial_pattern.csv", ()
    )
    return f"{len(published) + len(told)} rows of the spatial pattern recomputed, all equal"
