"""How often the interval of an effect holds the truth, in programmes whose truth is known.

python -m benchmarks.impact_coverage [RUNS]

Each run draws a province with a programme (`imagery.simulate.programme`): placed where crop is dense, announced two
years before it begins, which makes people plant, with spill-over into three rings. The table says how often the
95 % interval of the mean effect holds the true one, how often no effect is taken for one, and what careless
comparisons on the same data would have said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.impact.aggregate import anticipation, simple
from aoi.impact.displacement import Ring, Sites, exposure, net
from aoi.impact.group_time import NEVER, Arm, group_time_effects
from aoi.impact.panel import LEVEL, TREND, Panel, baselines
from aoi.impact.study import Settings, Study, build_study, cells_of, interval_of, refined
from aoi.impact.two_way import two_way
from geo.errors import QualityGateError
from imagery.simulate.programme import Programme, ProgrammeTruth, simulate_programme

__all__ = ["CALIPERS", "Scenario", "main", "panel_of", "runs_of"]

CALIPERS = ((LEVEL, 1.5), (TREND, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of programme."""

    name: str
    """Said in the table."""
    truth: ProgrammeTruth
    """What it does."""
    municipalities: int = 12
    """Municipalities with it."""
    grid: int = 10
    """Municipalities along a side of the province."""
    share: float = 1.0
    """Share of the runs: with few clusters each run is a bootstrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One drawn province."""

    truth: float
    """Mean true effect on the matched units from the start on."""
    value: float
    """Estimate."""
    se: float
    """Its standard error."""
    lo: float
    """Lower limit."""
    hi: float
    """Upper limit."""
    naive: tuple[float, float, float]
    """Two-way fixed effects; baseline at the start; neighbours as controls."""
    parts: dict[str, bool]
    """Whether the intervals of announcement, rings and net hold the truth; a part that was refused is absent."""


SCENARIOS = (
    Scenario(name="effect -6 ha", truth=ProgrammeTruth()),
    Scenario(name="no effect", truth=ProgrammeTruth(effect_ha=0.0)),
    Scenario(name="no effect, 6 municipalities", truth=ProgrammeTruth(effect_ha=0.0), municipalities=6),
    Scenario(
        name="no effect, 25 clusters in all",
        truth=ProgrammeTruth(effect_ha=0.0),
        municipalities=6,
        grid=5,
        share=1 / 3,
    ),
)


def panel_of(drawn: Programme) -> Panel:
    """Return a drawn province as a panel."""
    return Panel(
        units=tuple(f"{number:04d}" for number in range(len(drawn.start))),
        years=drawn.years,
        outcome=drawn.crop_ha,
        start=drawn.start,
        baseline=baselines(drawn.start, drawn.announced),
        cluster=drawn.municipality,
        region=drawn.region,
        exact={"region": drawn.region},
        xy_km=drawn.xy_km,
    )


def runs_of(scenario: Scenario, runs: int, *, parts: bool = False) -> Iterator[Run | None]:
    """Yield the result of each run, with announcement, rings and net if wanted; None where balance refused."""
    settings = Settings(calipers=CALIPERS, draws=399)
    for seed in range(runs):
        drawn = simulate_programme(
            np.random.default_rng(seed),
            truth=scenario.truth,
            municipalities=scenario.municipalities,
            grid=scenario.grid,
        )
        panel = panel_of(drawn)
        rings, beyond = exposure(panel.treated, Sites.of_places(panel.xy_km, panel.start, panel.baseline))
        try:
            study = build_study(panel, panel.start, panel.baseline, beyond, settings)
        except QualityGateError:
            yield None
            continue
        told = interval_of(simple(cells_of(study, panel)), study.treated, panel, settings)
        told = refined(told, study, panel, settings, np.random.default_rng(seed))
        yield Run(
            truth=_true_mean(drawn, panel, study),
            value=told.value,
            se=told.se,
            lo=told.lo,
            hi=told.hi,
            naive=_naive(panel),
            parts=dict(_parts(drawn, panel, study, rings, beyond)) if parts else {},
        )


def _parts(
    drawn: Programme, panel: Panel, study: Study, rings: list[Ring], beyond: NDArray[np.bool_]
) -> Iterator[tuple[str, bool]]:
    """Yield whether the interval of each part holds its truth."""
    settings = Settings(calipers=CALIPERS)
    cells = cells_of(study, panel)
    waiting = anticipation(cells)
    assert waiting is not None
    told = interval_of(waiting, study.treated, panel, settings)
    yield "announcement", told.lo <= ProgrammeTruth().announcement_ha <= told.hi
    effects, units, touched = [], [], study.treated
    true_total = _true_mean(drawn, panel, study) * int(study.treated.sum())
    for ring in rings:
        try:
            one = build_study(panel, ring.start, ring.baseline, beyond, settings, name=ring.name)
        except QualityGateError:
            continue
        effect, count = simple(cells_of(one, panel)), int(one.treated.sum())
        told, truth = interval_of(effect, one.treated, panel, settings), _true_mean(drawn, panel, one)
        if np.isfinite(told.lo):  # without an interval nothing is told of the ring
            yield ring.name, told.lo <= truth <= told.hi
        effects.append((effect, count))
        units.append(count)
        touched = touched | one.treated
        true_total += truth * count
    whole = net(simple(cells), int(study.treated.sum()), effects)
    told = interval_of(whole, touched, panel, settings)
    yield "net", told.lo <= true_total <= told.hi


def _true_mean(drawn: Programme, panel: Panel, study: Study) -> float:
    active = study.treated[:, None] & (panel.years[None, :] >= study.arm.start[:, None])
    return float(drawn.effect_ha[active].mean())


def _naive(panel: Panel) -> tuple[float, float, float]:
    untreated = panel.start == NEVER
    at_start = np.where(untreated, NEVER, panel.start - 1)
    late = Arm(start=panel.start, baseline=at_start, control=untreated)
    near = Arm(start=panel.start, baseline=panel.baseline, control=untreated)
    return (
        two_way(panel.outcome, panel.years, panel.start, panel.cluster).value,
        simple(group_time_effects(panel.outcome, panel.years, late)).value,
        simple(group_time_effects(panel.outcome, panel.years, near)).value,
    )


def summary(scenario: Scenario, found: list[Run | None]) -> str:
    """Return a line of the table."""
    made = [run for run in found if run is not None]
    value, truth, se, lo, hi = (
        np.array([getattr(run, key) for run in made]) for key in ("value", "truth", "se", "lo", "hi")
    )
    naive = np.array([run.naive for run in made]) - truth[:, None]
    covered = 100 * np.mean((lo <= truth) & (truth <= hi))
    rejected = 100 * np.mean((lo > 0) | (hi < 0))
    words = " | ".join(f"{bias:+.2f}" for bias in naive.mean(axis=0))
    return (
        f"| {scenario.name} | {len(made)} | {covered:.1f} | {rejected:.1f} | {np.mean(value - truth):+.2f} | "
        f"{np.mean(se):.2f} | {np.std(value - truth):.2f} | {words} |"
    )


def main(runs: int = 300) -> None:
    """Print the table."""
    print("| programme | runs | covered, % | told, % | bias, ha | mean se | spread | two-way | late base | near |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    told: list[tuple[str, list[bool]]] = []
    for scenario in SCENARIOS:
        found = list(runs_of(scenario, round(runs * scenario.share), parts=scenario is SCENARIOS[0]))
        print(summary(scenario, found), flush=True)
        first = [run.parts for run in found if run is not None] if scenario is SCENARIOS[0] else []
        told += [
            (name, [one[name] for one in first if name in one])
            for name in sorted({k for one in first for k in one})
        ]
    print("\n| part of the first programme | runs | covered, % |")
    print("|---|---|---|")
    for name, hits in told:
        print(f"| {name} | {len(hits)} | {100 * np.mean(hits):.1f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
