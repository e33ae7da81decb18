"""Programmes whose effect, spill-over and announcement are known: intervals hold the truth, careless ones miss."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from aoi.impact.evaluation import Evaluation, Row, evaluate
from aoi.impact.group_time import NEVER
from aoi.impact.panel import Panel, baselines
from aoi.impact.study import Settings
from benchmarks.impact_coverage import CALIPERS, SCENARIOS, Run, panel_of, runs_of
from geo.errors import InputError, QualityGateError
from imagery.simulate.programme import simulate_programme

RUNS = 50


def drawn(seed: int = 4, **changes: object) -> tuple[Panel, np.ndarray]:
    """Return a panel and the true effects."""
    found = simulate_programme(np.random.default_rng(seed), survey_se_ha=1.0)
    panel = panel_of(found)
    given = {
        "region_names": ("A", "B", "C"),
        "traits": {"slope": found.slope},
        "eradicated": found.eradicated_ha,
        "placebo": found.forest_loss_ha,
        "outcome_se": found.crop_se_ha,
        **changes,
    }
    content = {name: getattr(panel, name) for name in panel.__dataclass_fields__}
    return Panel(**(content | given)), found.effect_ha


@cache
def evaluation() -> tuple[Evaluation, Panel, np.ndarray]:
    """Return one full evaluation, its panel and the true effects."""
    panel, truth = drawn()
    settings = Settings(calipers=(*CALIPERS, ("slope", 8.0)), draws=199)
    return evaluate(panel, settings, rng=np.random.default_rng(1)), panel, truth


def row(scope: str, effect: str) -> Row:
    """Return a line of the evaluation."""
    (found,) = [one for one in evaluation()[0].rows if (one.scope, one.effect) == (scope, effect)]
    return found


@cache
def runs(number: int) -> tuple[Run, ...]:
    """Return the runs of a scenario in which an effect is told."""
    return tuple(run for run in runs_of(SCENARIOS[number], RUNS) if run is not None)


def test_interval_holds_the_known_effect() -> None:
    """Brute force: of 50 programmes with an effect of -6 ha at least 92 % of intervals hold it."""
    found = runs(0)
    assert len(found) > 0.9 * RUNS
    assert np.mean([run.lo <= run.truth <= run.hi for run in found]) >= 0.92
    assert np.mean([run.hi < 0 for run in found]) == 1.0
    ratio = np.mean([run.se for run in found]) / np.std([run.value - run.truth for run in found])
    assert 0.85 < ratio < 1.35


@pytest.mark.slow
def test_rings_announcement_and_net_hold_theirs() -> None:
    """Brute force: so do the intervals of the announcement, of the rings and of all units together."""
    found = [run.parts for run in runs_of(SCENARIOS[0], RUNS, parts=True) if run is not None]
    for part in ("announcement", "ring 1-5 km", "ring 5-10 km", "net"):
        assert np.mean([parts[part] for parts in found if part in parts]) >= 0.92


def test_no_effect_is_seldom_told() -> None:
    """Brute force: where nothing was done at most 8 % of 50 programmes are told to have an effect."""
    assert np.mean([run.lo > 0 or run.hi < 0 for run in runs(1)]) <= 0.08


def test_careless_comparisons_miss() -> None:
    """Brute force (negative control): two-way effects and a baseline at the start are off by more than chance."""
    bias = np.mean([np.subtract(run.naive, run.truth) for run in runs(0)], axis=0)
    error = np.std([run.value - run.truth for run in runs(0)])
    assert bias[0] < -error
    assert bias[1] < -5 * error


def test_parts_hold_their_truth() -> None:
    """Brute force: announcement, rings, cohorts and net of one programme hold what was really done."""
    found, panel, truth = evaluation()
    unmatched = {unit for _, unit, _ in found.unmatched}
    kept = np.array([unit not in unmatched for unit in range(len(panel.units))])
    active = (panel.start[:, None] != NEVER) & (panel.years >= panel.start[:, None]) & kept[:, None]
    overall = row("overall", "programme")
    assert overall.lo <= truth[active].mean() == pytest.approx(-6.0)
    assert truth[active].mean() <= overall.hi
    assert overall.finding == "associated with less"
    announced = row("announcement", "programme")
    assert announced.lo <= 2.5 <= announced.hi
    assert announced.finding == "associated with more"
    assert row("ring", "ring 0-1 km").finding == "not estimable"  # four villages, unlike their controls
    for ring, size in (("ring 1-5 km", 1.5), ("ring 5-10 km", 0.7)):
        told = row("ring", ring)
        assert told.lo <= size <= told.hi
    net, direct = row("net", "direct and rings"), row("net", "direct")
    assert net.lo > direct.value  # what rings take back is far more than chance
    assert row("net", "leakage").value == pytest.approx(1 - net.value / direct.value)
    events = {int(one.effect): one for one in found.rows if one.scope == "event"}
    assert all(events[event].lo <= -6 <= events[event].hi for event in range(7))
    assert all(abs(events[event].value) < 1 for event in events if event < -2)
    assert all(
        2.5 - 1.5 < events[event].value < 2.5 + 1.5 for event in (-2, -1)
    )  # the announcement, from the baseline


def test_error_of_the_outcome_widens_the_interval() -> None:
    """Law: carried in by Rubin's rules, the error of the hectares makes the effect less sure, never more."""
    assert row("sensitivity", "error of the outcome").se > row("overall", "programme").se


def test_co_treatment_by_four_groups() -> None:
    """Brute force: with eradication that does nothing, programme with and without it differ by chance alone."""
    both, alone = (
        row("co_treatment", "programme and eradication"),
        row("co_treatment", "programme without eradication"),
    )
    assert both.lo <= -6 <= both.hi
    assert alone.lo <= -6 <= alone.hi
    assert row("co_treatment", "eradication without programme").finding == "no difference found"
    interaction = row("co_treatment", "interaction")
    assert interaction.lo < 0 < interaction.hi


def test_checks_find_nothing_where_nothing_happened() -> None:
    """Literal: placebos hold zero, and a trend that is not rejected is said to be no proof."""
    for name in ("placebo date", "placebo outcome"):
        assert row("check", name).lo < 0 < row("check", name).hi
    trend = row("check", "trend before the announcement")
    assert trend.p_value > 0.05
    assert trend.note == "not_rejected"
    assert row("check", "re-drawn assignment").p_value == pytest.approx(1 / 200)
    assert row("diagnostic", "two-way fixed effects").note == "two_way"


def test_equal_seeds_give_equal_rows() -> None:
    """Law: the same panel, settings and seed give the same numbers."""
    panel, _ = drawn()
    settings = Settings(calipers=(*CALIPERS, ("slope", 8.0)), draws=199)
    again = evaluate(panel, settings, rng=np.random.default_rng(1))
    assert repr(again.rows) == repr(evaluation()[0].rows)


def test_refusals_have_their_own_words() -> None:
    """Literal: no control beyond the rings, too few years, an announcement after the start, unlike controls."""
    settings = Settings(calipers=CALIPERS, draws=19)
    panel, _ = drawn()
    with pytest.raises(QualityGateError, match="no valid control"):
        evaluate(panel, Settings(radii_km=(1.0, 300.0)), rng=np.random.default_rng(1))
    late = panel.years >= 2012
    short, _ = drawn(years=panel.years[late], outcome=panel.outcome[:, late], eradicated=None, placebo=None)
    with pytest.raises(QualityGateError, match="at least 2 before and one after"):
        evaluate(short, settings, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="announced in 2014 and begun in 2013"):
        baselines(np.array([2013, 0]), np.array([2014, 0]))
    higher, _ = drawn(traits={"altitude": np.arange(900) % 7 + 400.0 * (panel.start > 0)})
    with pytest.raises(QualityGateError, match="balance of altitude"):
        evaluate(higher, settings, rng=np.random.default_rng(1))
    with pytest.raises(QualityGateError, match="has a valid control"):
        evaluate(drawn(exact={"law": np.where(panel.start > 0, 1, 2)})[0], settings, rng=np.random.default_rng(1))


def test_other_programmes_and_their_neighbours_are_no_controls() -> None:
    """Law: units within the last ring of another programme leave the controls, the others stay."""
    panel, _ = drawn()
    control = np.flatnonzero(np.array(evaluation()[0].zone) == "control")
    apart = np.hypot(*(panel.xy_km - panel.xy_km[control[0]]).T)
    found = evaluate(drawn(other_km=apart)[0], Settings(calipers=CALIPERS, draws=19), rng=np.random.default_rng(1))
    zone = np.array(found.zone)
    assert not (zone[apart <= 10] == "control").any()
    assert (zone[control][apart[control] > 10] == "control").all()
