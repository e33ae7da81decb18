"""The whole evaluation of a programme: effect, rings, net, cohorts, years, co-treatment, checks, with their words.

Nothing here is estimated anew: each part is one study (`aoi.impact.study`) with its interval and its verdict. What
cannot be estimated has a row that says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aoi.impact.aggregate import Effect, anticipation, by_calendar, by_event, by_group, simple
from aoi.impact.checks import PreTrend, leave_one_out, placebo_date, placebo_outcome, pre_trend, randomised
from aoi.impact.displacement import Ring, Sites, exposure, leakage, net, weighted_displacement_quotient
from aoi.impact.group_time import NEVER, Cells, group_time_effects
from aoi.impact.imputation import imputation
from aoi.impact.inference import FEW_CLUSTERS, Interval, conley_se
from aoi.impact.matching import Balance
from aoi.impact.panel import Panel, require_assignment_level
from aoi.impact.proportional import proportional_effect
from aoi.impact.study import Settings, Study, build_study, cells_of, interval_of, refined
from aoi.impact.two_way import Comparison, decomposition, two_way
from aoi.impact.verdict import Verdict, minimum_detectable, verdict
from aoi.survey.multiple_imputation import pool_imputations
from geo.errors import AltdevError, QualityGateError, reason

__all__ = ["Evaluation", "Row", "evaluate"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PROGRAMME = "programme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of ``effects.csv``."""

    scope: str
    """``overall``, ``cohort``, ``event``, ``year``, ``announcement``, ``ring``, ``net``, ``co_treatment``,
    ``sensitivity``, ``check`` or ``diagnostic``."""
    effect: str
    """Which effect of it."""
    scale: str = "level"
    """``level`` (the outcome's unit), ``log1p``, ``asinh``, ``total`` (all units together) or ``ratio``."""
    value: float = math.nan
    """The effect."""
    se: float = math.nan
    """Standard error."""
    lo: float = math.nan
    """Lower limit."""
    hi: float = math.nan
    """Upper limit."""
    level: float = math.nan
    """Confidence level."""
    p_value: float = math.nan
    """Two-sided p-value against no effect."""
    df: float = math.nan
    """Degrees of freedom."""
    n_treated: int = 0
    """Matched treated units."""
    n_control: int = 0
    """Their controls."""
    clusters: int = 0
    """Clusters behind the standard error."""
    without_programme: float = math.nan
    """Mean that the treated would have had without the programme."""
    percent: float = math.nan
    """Effect in per cent of that."""
    mde: float = math.nan
    """Smallest effect that would have been found with a chance of 80 %."""
    mde_percent: float = math.nan
    """The same in per cent of the reference."""
    finding: str = ""
    """What may be said (`Verdict`)."""
    method: str = ""
    """Estimator; interval."""
    note: str = ""
    """What has to be said beside it, as a key of the catalogues."""
    detail: str = ""
    """Why there is no figure, or on what it stands."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Everything an evaluation found."""

    rows: tuple[Row, ...]
    """Effects, checks and diagnostics."""
    balance: tuple[tuple[str, Balance], ...]
    """Balance of each trait: (arm, row)."""
    unmatched: tuple[tuple[str, int, str], ...]
    """Treated units left out: (arm, unit, why)."""
    zone: tuple[str, ...]
    """Part that each unit plays: programme, a ring, control or no part."""
    comparisons: tuple[Comparison, ...]
    """The two-by-two comparisons inside a two-way coefficient: a diagnostic."""
    series: tuple[tuple[int, float, float], ...]
    """(year, mean of matched treated units, weighted mean of their controls)."""
    study: Study
    """The programme's own study."""


def evaluate(panel: Panel, settings: Settings, *, rng: np.random.Generator) -> Evaluation:
    """Evaluate a programme.

    Parameters
    ----------
    panel
        Units by year.
    settings
        How.
    rng
        Source of bootstrap, permutations and draws of error.

    Raises
    ------
    QualityGateError
        If no effect may be told: fewer than two years before the announcement, no valid control, controls that are
        not like the treated units.
    """
    require_assignment_level(panel)
    rings, beyond = _exposed(panel, settings.radii_km)
    study = build_study(panel, panel.start, panel.baseline, beyond, settings)
    cells = cells_of(study, panel)
    overall = simple(cells)
    level = refined(interval_of(overall, study.treated, panel, settings), study, panel, settings, rng)
    ring_rows, ring_studies = _rings(panel, settings, rings, beyond)
    test = pre_trend(study, panel)
    apart = test is not None and test.p_value < 1 - settings.level
    note = "moved_apart" if apart else ""
    rows = [
        _row(panel, settings, study, overall, scope="overall", effect=PROGRAMME, interval=level, note=note),
        *_parts(panel, settings, study, cells),
        *ring_rows,
        *_net(panel, settings, study, overall, ring_studies),
        *_scales(panel, settings, study),
        *_sensitivity(panel, settings, study, overall, level, rng),
        *_co_treatment(panel, settings, beyond),
        *_checks(panel, settings, study, test, rng),
        *_diagnostics(panel, settings, study),
    ]
    studies = [(PROGRAMME, study), *((ring.name, one) for ring, one, _ in ring_studies)]
    return Evaluation(
        rows=tuple(rows),
        balance=tuple((name, row) for name, one in studies for row in one.balance),
        unmatched=tuple((name, unit, why) for name, one in studies for unit, why in one.unmatched),
        zone=tuple(_zones(panel, rings, beyond)),
        comparisons=tuple(_comparisons(panel, study)),
        series=tuple(_series(panel, study)),
        study=study,
    )


def _exposed(panel: Panel, radii_km: tuple[float, ...]) -> tuple[list[Ring], BoolArray]:
    sites = panel.sites or Sites.of_places(panel.xy_km, panel.start, panel.baseline)
    busy = panel.treated if panel.other_km is None else panel.treated | (panel.other_km <= 0)
    return exposure(busy, sites, radii_km=radii_km, other_km=panel.other_km)


def _row(
    panel: Panel,
    settings: Settings,
    study: Study,
    estimate: Effect,
    *,
    scope: str,
    effect: str,
    interval: Interval | None = None,
    active: BoolArray | None = None,
    scale: str = "level",
    note: str = "",
) -> Row:
    """Return the line of an effect; `active` are the treated unit-years it is the mean of."""
    told = interval or interval_of(estimate, study.treated, panel, settings)
    where = _active(panel, study.arm.start) if active is None else active
    reference = _reference(panel, where, estimate.value, scale)
    mde = minimum_detectable(told.se, told.df, level=told.level) if told.se > 0 else math.nan
    known = told.value if math.isfinite(told.se) else math.nan
    percent, mde_percent = _percent(known, reference, scale), abs(_percent(mde, reference, scale))
    held = reference if scale == "level" else 1.0
    return Row(
        scope=scope,
        effect=effect,
        scale=scale,
        value=known,  # no figure without its interval
        se=told.se,
        lo=told.lo,
        hi=told.hi,
        level=told.level,
        p_value=told.p_value,
        df=told.df,
        n_treated=int(where.any(axis=1).sum()),
        n_control=study.n_control,
        clusters=told.clusters,
        without_programme=reference,
        percent=percent,
        mde=mde,
        mde_percent=mde_percent,
        finding=verdict(told.lo, told.hi, mde=mde, reference=held).value,
        method=f"cohort by year against matched controls; {told.method}",
        note=note,
    )


def _active(panel: Panel, start: IntArray) -> BoolArray:
    return np.asarray((start[:, None] != NEVER) & (panel.years[None, :] >= start[:, None]))


def _reference(panel: Panel, active: BoolArray, effect: float, scale: str) -> float:
    if scale != "level" or not active.any():
        return math.nan
    return float(panel.outcome[active].mean() - effect)


def _percent(value: float, reference: float, scale: str) -> float:
    if scale == "level":
        return 100 * value / reference if reference > 0 else math.nan
    return 100 * math.expm1(value) if scale in ("log1p", "asinh") and math.isfinite(value) else math.nan


def _parts(panel: Panel, settings: Settings, study: Study, cells: Cells) -> Iterator[Row]:
    since = panel.years[None, :] - study.arm.start[:, None]
    treated = study.treated[:, None]
    for effect in by_group(cells)[0]:
        inside = _active(panel, study.arm.start) & (study.arm.start == int(effect.label))[:, None]
        yield _row(panel, settings, study, effect, scope="cohort", effect=effect.label, active=inside)
    against_baseline = group_time_effects(
        panel.outcome, panel.years, study.arm, base="universal", clusters=panel.cluster
    )
    for effect in by_event(against_baseline)[0]:
        inside = treated & (since == int(effect.label))
        yield _row(panel, settings, study, effect, scope="event", effect=effect.label, active=inside)
    for effect in by_calendar(cells)[0]:
        inside = _active(panel, study.arm.start) & (panel.years == int(effect.label))[None, :]
        yield _row(panel, settings, study, effect, scope="year", effect=effect.label, active=inside)
    waiting = anticipation(cells)
    if waiting is not None:
        inside = treated & (panel.years > study.arm.baseline[:, None]) & (since < 0)
        note = "before_start"
        yield _row(
            panel, settings, study, waiting, scope="announcement", effect=PROGRAMME, active=inside, note=note
        )


def _not_estimable(scope: str, effect: str, why: str, *, scale: str = "level") -> Row:
    return Row(scope=scope, effect=effect, scale=scale, finding=Verdict.NOT_ESTIMABLE.value, detail=why)


def _rings(
    panel: Panel, settings: Settings, rings: Sequence[Ring], beyond: BoolArray
) -> tuple[list[Row], list[tuple[Ring, Study, Effect]]]:
    rows, studies = [], []
    for ring in rings:
        try:
            study = build_study(panel, ring.start, ring.baseline, beyond, settings, name=ring.name)
            effect = simple(cells_of(study, panel))
        except AltdevError as error:
            rows.append(_not_estimable("ring", ring.name, reason(error)))
            continue
        rows.append(_row(panel, settings, study, effect, scope="ring", effect=ring.name))
        studies.append((ring, study, effect))
    return rows, studies


def _net(
    panel: Panel, settings: Settings, study: Study, overall: Effect, rings: Sequence[tuple[Ring, Study, Effect]]
) -> Iterator[Row]:
    """Yield the effect on all units together, with and without the rings, and the displacement quotients."""
    count = int(study.treated.sum())
    note = "matched_total"
    direct = overall * count
    yield replace(
        _row(panel, settings, study, direct, scope="net", effect="direct", scale="total", note=note), finding=""
    )
    if not rings:
        yield _not_estimable("net", "direct and rings", "no ring can be estimated", scale="total")
        return
    parts = [(effect, int(one.treated.sum())) for _, one, effect in rings]
    whole = net(overall, count, parts)
    touched = study.treated | np.logical_or.reduce([one.treated for _, one, _ in rings])
    interval = interval_of(whole, touched, panel, settings)
    units = count + sum(size for _, size in parts)
    row = _row(
        panel, settings, study, whole, scope="net", effect="direct and rings", scale="total", interval=interval
    )
    moved = sum(effect.value * size for effect, size in parts)
    reached = np.logical_or.reduce([_active(panel, one.arm.start) for one in (study, *(r[1] for r in rings))])
    reference = float(panel.outcome[reached].mean()) * units - whole.value
    yield replace(
        row,
        without_programme=reference,
        percent=100 * whole.value / reference if reference > 0 else math.nan,
        mde_percent=100 * row.mde / reference if reference > 0 else math.nan,
        n_treated=units,
        n_control=int(
            np.logical_or.reduce([one.control_weight > 0 for one in (study, *(r[1] for r in rings))]).sum()
        ),
        finding=verdict(interval.lo, interval.hi, mde=row.mde, reference=reference).value,
        note="matched_total",
    )
    note = "ratio_without_interval"
    yield Row(scope="net", effect="leakage", scale="ratio", value=leakage(direct.value, moved), note=note)
    yield _quotient(panel, study, rings)


def _quotient(panel: Panel, study: Study, rings: Sequence[tuple[Ring, Study, Effect]]) -> Row:
    ring = np.logical_or.reduce([one.treated for _, one, _ in rings])
    first, last = int(study.arm.baseline[study.treated].min()), int(panel.years[-1])
    columns = [int(np.flatnonzero(panel.years == year)[0]) for year in (first, last)]
    totals = [
        panel.outcome[inside][:, columns].sum(axis=0) for inside in (study.treated, ring, study.control_weight > 0)
    ]
    if not (totals[2] > 0).all():
        return _not_estimable("net", "displacement quotient", "controls without outcome", scale="ratio")
    value = weighted_displacement_quotient(*totals)
    return Row(
        scope="net",
        effect="displacement quotient",
        scale="ratio",
        value=value,
        note="displacement",
        detail=f"{first} against {last}",
    )


def _scales(panel: Panel, settings: Settings, study: Study) -> Iterator[Row]:
    """Yield the effect on the logarithm, where a village of two hectares counts like one of two hundred."""
    if (panel.outcome < 0).any():
        return
    for scale, transform in (("log1p", np.log1p), ("asinh", np.arcsinh)):
        effect = simple(cells_of(study, panel, transform(panel.outcome)))
        note = "each_unit_alike"
        yield _row(panel, settings, study, effect, scope="sensitivity", effect=scale, scale=scale, note=note)
    try:
        effect = proportional_effect(study, panel)
    except QualityGateError as error:
        yield _not_estimable("sensitivity", "proportional", reason(error))
        return
    yield _row(panel, settings, study, effect, scope="sensitivity", effect="proportional", note="moved_by_share")


def _sensitivity(
    panel: Panel,
    settings: Settings,
    study: Study,
    overall: Effect,
    level: Interval,
    rng: np.random.Generator,
) -> Iterator[Row]:
    base = _row(panel, settings, study, overall, scope="sensitivity", effect="")
    yield _imputed(panel, study, base, name="imputation")
    if panel.eradicated is not None:
        yield _imputed(panel, study, base, name="imputation, eradication as covariate")
    se = conley_se(overall.influence, panel.xy_km, cutoff_km=settings.spatial_km)
    method = f"Conley, Bartlett {settings.spatial_km:g} km"
    yield _with_se(base, overall.value, se, "spatial standard error", method)
    yield _donut(panel, settings)
    if panel.outcome_se is not None and (panel.outcome_se > 0).any():
        yield _measured(panel, settings, study, base, level, rng)


def _with_se(base: Row, value: float, se: float, effect: str, method: str, note: str = "") -> Row:
    quantile = float(stats.t.ppf(0.5 + base.level / 2, base.df))
    lo, hi = value - quantile * se, value + quantile * se
    mde = minimum_detectable(se, base.df, level=base.level) if se > 0 else math.nan
    return replace(
        base,
        effect=effect,
        value=value,
        se=se,
        lo=lo,
        hi=hi,
        p_value=float(2 * stats.t.sf(abs(value) / se, base.df)) if se > 0 else math.nan,
        percent=_percent(value, base.without_programme, base.scale),
        mde=mde,
        mde_percent=abs(_percent(mde, base.without_programme, base.scale)),
        finding=verdict(lo, hi, mde=mde, reference=base.without_programme).value,
        method=method,
        note=note,
    )


def _imputed(panel: Panel, study: Study, base: Row, *, name: str) -> Row:
    """Return the imputation estimator on the matched sample; region by year where regions are matched exactly."""
    inside = study.treated | (study.control_weight > 0)
    covariates = _region_years(panel, inside, study) if "region" in panel.exact else None
    note = "not_weighted"
    if name != "imputation" and panel.eradicated is not None:
        own = panel.eradicated[inside][..., None]
        covariates = own if covariates is None else np.concatenate([covariates, own], axis=2)
        note = "eradication_follows"
    try:
        found = imputation(
            panel.outcome[inside],
            panel.years,
            study.arm.start[inside],
            study.arm.baseline[inside],
            panel.cluster[inside],
            covariates=covariates,
        )
    except QualityGateError as error:
        return _not_estimable("sensitivity", name, reason(error))
    method = "imputation (Borusyak, Jaravel and Spiess); cluster-robust"
    return _with_se(base, found.value, found.se, name, method, note)


def _region_years(panel: Panel, inside: BoolArray, study: Study) -> FloatArray:
    """Return dummies of region by year, the first region and year left out, for regions with controls."""
    region = panel.region[inside]
    names = np.unique(region[~study.treated[inside]])[1:]
    years = np.eye(len(panel.years))[:, 1:]
    return (
        np.concatenate([(region == name)[:, None, None] * years[None] for name in names], axis=2)
        if len(names)
        else np.zeros((int(inside.sum()), len(panel.years), 0))
    )


def _donut(panel: Panel, settings: Settings) -> Row:
    """Return the effect against controls from farther away only."""
    last = settings.radii_km[-1]
    farther = (*settings.radii_km, 2 * last)
    name = f"controls beyond {2 * last:g} km"
    try:
        _, beyond = _exposed(panel, farther)
        study = build_study(panel, panel.start, panel.baseline, beyond, settings, name=name)
        return _row(panel, settings, study, simple(cells_of(study, panel)), scope="sensitivity", effect=name)
    except AltdevError as error:
        return _not_estimable("sensitivity", name, reason(error))


def _measured(
    panel: Panel, settings: Settings, study: Study, base: Row, level: Interval, rng: np.random.Generator
) -> Row:
    """Return the effect with the outcome's own error carried in, by draws and Rubin's rules."""
    assert panel.outcome_se is not None
    values, variances = [], []
    for _ in range(settings.error_draws):
        drawn = np.clip(panel.outcome + panel.outcome_se * rng.standard_normal(panel.outcome.shape), 0.0, None)
        effect = simple(cells_of(study, panel, drawn))
        values.append(effect.value)
        variances.append(interval_of(effect, study.treated, panel, settings).se ** 2)
    if not np.isfinite(variances).all():
        return _not_estimable("sensitivity", "error of the outcome", "too few clusters")
    pooled = pool_imputations(
        values, variances, n=base.n_treated + base.n_control, share_imputed=1.0, complete_df=level.df
    )
    method = f"{settings.error_draws} draws of the outcome's error, Rubin's rules"
    return _with_se(replace(base, df=pooled.df), pooled.value, pooled.se, "error of the outcome", method)


def _co_treatment(panel: Panel, settings: Settings, beyond: BoolArray) -> Iterator[Row]:
    """Yield the effects of programme alone, eradication alone and both, against neither; and their interaction."""
    if panel.eradicated is None:
        return
    eradicated = panel.eradicated > 0
    start, baseline = panel.start, panel.baseline
    since = np.where(panel.treated, start, int(start[panel.treated].min()))
    with_eradication = (eradicated & (panel.years[None, :] >= since[:, None])).any(axis=1)
    first = np.where(eradicated.any(axis=1), panel.years[eradicated.argmax(axis=1)], NEVER)
    only = beyond & with_eradication
    neither = beyond & ~eradicated.any(axis=1)
    arms = {
        "programme without eradication": (panel.treated & ~with_eradication, start, baseline),
        "programme and eradication": (panel.treated & with_eradication, start, baseline),
        "eradication without programme": (only, first, first - 1),
    }
    found = {}
    for name, (inside, begin, before) in arms.items():
        try:
            study = build_study(
                panel, np.where(inside, begin, NEVER), np.where(inside, before, NEVER), neither, settings, name=name
            )
            effect = simple(cells_of(study, panel))
        except AltdevError as error:
            yield _not_estimable("co_treatment", name, reason(error))
            continue
        found[name] = (study, effect)
        note = "eradication_chosen"
        yield _row(panel, settings, study, effect, scope="co_treatment", effect=name, note=note)
    if len(found) < len(arms):
        yield _not_estimable("co_treatment", "interaction", "one of the groups cannot be estimated")
        return
    (alone, both, other) = (found[name] for name in arms)
    interaction = both[1] + alone[1] * -1.0 + other[1] * -1.0
    treated = alone[0].treated | both[0].treated | other[0].treated
    interval = interval_of(interaction, treated, panel, settings)
    row = _row(panel, settings, both[0], interaction, scope="co_treatment", effect="interaction", interval=interval)
    note = "interaction"
    yield replace(row, percent=math.nan, note=note)


def _checks(
    panel: Panel, settings: Settings, study: Study, test: PreTrend | None, rng: np.random.Generator
) -> Iterator[Row]:
    if test is None:
        yield _not_estimable("check", "trend before the announcement", "too few years or clusters", scale="F")
    else:
        rejected = test.p_value < 1 - settings.level
        note = "moved_apart" if rejected else "not_rejected"
        yield Row(
            scope="check",
            effect="trend before the announcement",
            scale="F",
            value=test.statistic,
            df=test.df[1],
            p_value=test.p_value,
            method=f"F({test.df[0]}, {test.df[1]:g}), cluster-robust",
            note=note,
        )
    for effect, name, why in (
        (placebo_date(study, panel), "placebo date", "too few years before the announcement"),
        (placebo_outcome(study, panel), "placebo outcome", "none was given"),
    ):
        if effect is None:
            yield _not_estimable("check", name, why)
            continue
        row = _row(panel, settings, study, effect, scope="check", effect=name)
        note = "placebo"
        yield replace(
            row, without_programme=math.nan, percent=math.nan, mde_percent=math.nan, finding="", note=note
        )
    p = randomised(study, panel, draws=settings.draws, rng=rng)
    yield Row(
        scope="check",
        effect="re-drawn assignment",
        scale="p",
        value=p,
        p_value=p,
        method=f"{settings.draws} permutations of clusters inside regions",
        note="redrawn_few" if _few(panel, study) else "redrawn",
    )
    for region, one, effect in leave_one_out(study, panel):
        if effect is None:
            yield _not_estimable("check", f"without {region}", "nothing left to compare")
        else:
            yield _row(panel, settings, one, effect, scope="check", effect=f"without {region}")


def _few(panel: Panel, study: Study) -> bool:
    inside = study.treated | (study.control_weight > 0)
    return len(np.unique(panel.cluster[inside])) < FEW_CLUSTERS


def _diagnostics(panel: Panel, settings: Settings, study: Study) -> Iterator[Row]:
    """Yield what a two-way regression would have said, named as what it is."""
    inside = study.treated | (study.control_weight > 0)
    clusters = panel.cluster[inside]
    if len(np.unique(clusters)) > 1:
        found = two_way(panel.outcome[inside], panel.years, study.arm.start[inside], clusters)
        df = len(np.unique(clusters)) - 1
        reach = float(stats.t.ppf(0.5 + settings.level / 2, df)) * found.se
        yield Row(
            scope="diagnostic",
            effect="two-way fixed effects",
            value=found.value,
            se=found.se,
            lo=found.value - reach,
            hi=found.value + reach,
            level=settings.level,
            df=df,
            clusters=df + 1,
            method="two-way fixed effects; cluster-robust (CR1)",
            note="two_way",
        )
    share = sum(one.weight for one in _comparisons(panel, study) if "forbidden" in one.kind)
    note = "forbidden"
    yield Row(scope="diagnostic", effect="forbidden comparisons", scale="ratio", value=share, note=note)


def _comparisons(panel: Panel, study: Study) -> list[Comparison]:
    inside = study.treated | (study.control_weight > 0)
    return decomposition(panel.outcome[inside], panel.years, study.arm.start[inside])


def _series(panel: Panel, study: Study) -> Iterator[tuple[int, float, float]]:
    weight = study.control_weight
    for index, year in enumerate(panel.years.tolist()):
        column = panel.outcome[:, index]
        yield year, float(column[study.treated].mean()), float(weight @ column / weight.sum())


def _zones(panel: Panel, rings: Sequence[Ring], beyond: BoolArray) -> Iterator[str]:
    for unit in range(len(panel.units)):
        if panel.start[unit] != NEVER:
            yield PROGRAMME
            continue
        inside = [ring.name for ring in rings if ring.start[unit] != NEVER]
        yield inside[0] if inside else "control" if beyond[unit] else "none"
