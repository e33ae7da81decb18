"""`altdev estimate --design --coverage`: surveys simulated for every kind of design."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.survey.interval import jeffreys
from aoi.survey.linearised import total
from aoi.survey.local_mean import Drawing
from aoi.survey.placed_population import placed_population
from aoi.survey.resampled_coverage import redraw
from aoi.survey.spatial_balance import draw_tessellation
from aoi.survey.spread import SpreadDesign
from geo.errors import QualityGateError, SurveyFileError
from monitor.tabular import simulated, simulated_nation
from monitor.tabular.told import estimate_design


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate few surveys, for time."""
    monkeypatch.setattr(simulated, "RESAMPLES", 12)
    monkeypatch.setattr(simulated_nation, "RESAMPLES", 12)


def told(folder: Path, design: str, sample: pd.DataFrame) -> dict[str, Any]:
    """Return what the program says of a design and its coverage."""
    (folder / "design.toml").write_text(design)
    sample.to_csv(folder / "sample.csv", index=False)
    content: dict[str, Any] = json.loads(
        estimate_design(folder / "sample.csv", folder / "design.toml", coverage=True, as_json=True)
    )
    return content


def units(n: int = 64) -> pd.DataFrame:
    """Return a sample on a grid with crop in a third of its units."""
    rng = np.random.default_rng(6)
    side = round(n**0.5)
    at = np.arange(n)
    return pd.DataFrame(
        {
            "unit": [f"u{k}" for k in at],
            "place": at * 10,
            "x_m": at % side * 1000.0,
            "y_m": at // side * 1000.0,
            "stratum": np.where(at < n // 2, "a", "b"),
            "inclusion": 0.1,
            "crop_ha": np.where(rng.random(n) < 0.4, rng.gamma(2, 4, n), 0.0).round(3),
            "map_ha": rng.gamma(2, 4, n).round(3),
            "seen": np.where(at % 6 == 5, "no", "yes"),
            "group": np.where(at % 2, "hill", "plain"),
        }
    )


HEAD = 'frame_ha = 64000\n[design]\nunits = 640\n{}\n[estimate]\nvalues = ["crop_ha"]\n{}'
RESPONSE = '[response]\nseen = "seen"\ngroup = "group"\ncapacity_ha = 100\n'
STRATIFIED = 'method = "unequal"\nvariance = "brewer"\nstratum = "stratum"\nstrata = "strata.csv"'
DESIGNS = {
    "spread": ('method = "spread"', ""),
    "spread in strata": ('method = "spread"\nstratum = "stratum"\nstrata = "strata.csv"', ""),
    "spread, local mean, ratio": (
        'method = "spread"\nvariance = "local-mean"',
        'estimator = "ratio"\nauxiliary = ["map_ha"]\ntotals = [5000]\n',
    ),
    "systematic": ('method = "systematic"', ""),
    "systematic, as if random": ('method = "systematic"\nvariance = "simple-random"', ""),
    "systematic in order": ('method = "systematic"\norder = "place"\nvariance = "successive-difference"', ""),
    "cloud": ('method = "random"', RESPONSE),
    "unequal in strata": (STRATIFIED, ""),
    "poisson": ('method = "unequal"\ndraw = "poisson"', ""),
}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("name", DESIGNS)
def test_every_kind_of_design_is_simulated(name: str, tmp_path: Path) -> None:
    """Laws: the truth of the sample as it is lies near its figure; the pessimistic one is larger; both are held."""
    design, further = DESIGNS[name]
    (tmp_path / "strata.csv").write_text("stratum,size\na,320\nb,320\n")
    found = told(tmp_path, HEAD.format(design, further), units())
    rows = {row["scenario"]: row for row in found["coverage"]}
    figure = found["estimates"][0]
    near = abs(rows["resampled"]["truth_ha"] - figure["value_ha"])
    assert near <= 1.5 * figure["se_ha"]
    if name in ("poisson", "unequal in strata"):
        assert near <= 1e-9 * figure["value_ha"]
    assert rows["pessimistic"]["truth_ha"] > rows["resampled"]["truth_ha"]
    assert all(0.6 <= row["covered"] <= 1 for row in rows.values())
    assert all(row["draws"] == 12 for row in rows.values())
    assert told(tmp_path, HEAD.format(design, further), units())["coverage"] == found["coverage"]  # seeded


@pytest.mark.usefixtures("few")
def test_two_phases_are_simulated(tmp_path: Path) -> None:
    """Law: with the first phase among the second the truth is the sample's own; it is held either way."""
    sample = units()
    sample.to_csv(tmp_path / "first.csv", index=False)
    two = 'estimator = "difference"\nauxiliary = ["map_ha"]\n[first_phase]\ntable = "first.csv"\n'
    found = told(tmp_path, HEAD.format('method = "random"', two), sample)
    assert found["coverage"][0]["truth_ha"] == pytest.approx(10 * sample["crop_ha"].sum(), rel=1e-9)
    larger = pd.concat([sample, sample.assign(map_ha=sample["map_ha"] * 1.2)])
    larger.to_csv(tmp_path / "first.csv", index=False)
    found = told(tmp_path, HEAD.format('method = "random"', two), sample[:40])
    assert all(0.6 <= row["covered"] <= 1 for row in found["coverage"])


@pytest.mark.usefixtures("few")
def test_a_national_design_is_simulated(tmp_path: Path) -> None:
    """Law: the truth is the sum of the provinces' figures, those that were not sampled among them."""
    design = """
frame_ha = 90000
province_column = "stratum"
[estimate]
values = ["crop_ha"]
[[province]]
name = "a"
coverage = "sampled"
frame_ha = 30000
design = { method = "random", units = 300 }
[[province]]
name = "b"
coverage = "sampled"
frame_ha = 30000
design = { method = "systematic", units = 300 }
[[province]]
name = "c"
coverage = "target"
frame_ha = 30000
value_ha = { crop_ha = 500 }
se_ha = { crop_ha = 40 }
"""
    found = told(tmp_path, design, units())
    figure = next(row for row in found["estimates"] if row["domain"] is None)
    truth = found["coverage"][0]["truth_ha"]
    assert abs(truth - figure["value_ha"]) <= 1.5 * figure["se_ha"]
    assert all(0.6 <= row["covered"] <= 1 for row in found["coverage"])


def test_what_cannot_be_drawn_again_is_refused(tmp_path: Path) -> None:
    """Laws: no coordinates, an estimator with margins, a sample too small: a plain sentence each."""
    sample = units()
    bare = HEAD.format('method = "systematic"\nvariance = "simple-random"', "")
    with pytest.raises(SurveyFileError, match="a systematic sample without coordinates"):
        told(tmp_path, bare, sample.drop(columns=["x_m", "y_m"]))
    raked = 'estimator = "post-stratified"\nmargins = { group = { hill = 300, plain = 340 } }\n'
    with pytest.raises(SurveyFileError, match="expected one of expansion"):
        told(tmp_path, HEAD.format('method = "random"', raked), sample)
    ratio = 'estimator = "ratio"\nauxiliary = ["map_ha"]\ntotals = [50]\n'
    empty = sample[:6].assign(map_ha=[0, 0, 0, 0, 0, 3.0])
    with pytest.raises(QualityGateError, match="a simulated survey that gives no figure"):
        told(tmp_path, HEAD.format('method = "random"', ratio), empty)


@pytest.mark.parametrize("drawing", ["spread", "systematic"])
def test_a_placed_population_is_drawn_without_bias(drawing: Drawing) -> None:
    """Brute force: over all samples of a grid, and over many spread ones, the mean total is the population's."""
    rng = np.random.default_rng(3)
    sample = units(36)
    xy, y = sample[["x_m", "y_m"]].to_numpy(), sample["crop_ha"].to_numpy()
    made = placed_population(
        xy, y, np.zeros(36, dtype=np.int64), drawing=drawing, scenario="resampled", level=0.95, rng=rng, places=50
    )
    if drawing == "systematic":
        totals = [y[made.donor[:, k]].sum() for k in range(50)]
        assert np.mean(totals) == pytest.approx(made.total(y), rel=1e-12)
        drawn = {round(y[made.draw(rng)[0]].sum(), 9) for _ in range(100)}
        assert drawn <= {round(one, 9) for one in totals}  # one start for all cells
        return
    totals = [y[made.draw(rng)[0]].sum() for _ in range(4000)]
    error = np.std(totals) / 4000**0.5
    assert abs(np.mean(totals) - made.total(y)) < 4 * error
    assert np.abs(made.position - xy[:, None, :]).max() <= 0.5 * 1000 / 0.62 + 1e-9


def test_hidden_crop_is_as_frequent_as_the_sample_can_hide() -> None:
    """Law: the pessimistic share of places with crop is the upper limit of the sample's share, by stratum."""
    rng = np.random.default_rng(3)
    sample = units(400)
    group = np.repeat([0, 1], 200)
    y = np.where(np.arange(400) % 40 == 0, 5.0, 0.0)
    made = placed_population(
        sample[["x_m", "y_m"]].to_numpy(), y, group, drawing="spread", scenario="pessimistic", level=0.95, rng=rng
    )
    limit = float(jeffreys(np.array([5]), np.array([200]), 0.95).hi[0])
    for code in (0, 1):
        assert set(group[made.donor[group == code]].ravel().tolist()) == {code}
        assert (y[made.donor[group == code]] > 0).mean() == pytest.approx(limit, abs=0.005)


def test_poisson_redraws_have_a_random_size() -> None:
    """Law: the size of a Poisson sample has the mean of the sample and about its variance."""
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1], [60, 40])
    chance = 1 / np.bincount(group)[group]
    sizes = [redraw(np.arange(100), group, chance, rng, random_size=True).row.size for _ in range(2000)]
    assert np.mean(sizes) == pytest.approx(100, abs=1)
    assert np.var(sizes) == pytest.approx(100, rel=0.15)
    fixed = redraw(np.arange(100), group, chance, rng)
    assert fixed.row.size == 100


@pytest.mark.slow
def test_simulated_coverage_is_near_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brute force: a patchy country sampled 200 times, beside what two samples say of their own interval."""
    monkeypatch.setattr(simulated, "RESAMPLES", 100)
    rng = np.random.default_rng(1)
    at = np.arange(1600)
    xy = np.stack([at % 40, at // 40], axis=1) * 1000.0
    wave = np.sin(xy[:, 0] / 4500) + np.sin(xy[:, 1] / 6100) + rng.normal(0, 0.6, 1600)
    y = np.round(np.maximum(wave, 0) * rng.gamma(2, 1, 1600), 3)
    pi = np.full(1600, 64 / 1600)
    samples = [draw_tessellation(xy, pi, rng=rng) for _ in range(200)]
    held = []
    for drawn in samples:
        design = SpreadDesign(coordinates=xy[drawn], inclusion=pi[drawn], population=1600)
        one = total(design, y[drawn]).estimate(ceiling=1e5)
        held.append(one.lo <= y.sum() <= one.hi)
    text = 'frame_ha = 100000\n[design]\nmethod = "spread"\nunits = 1600\n[estimate]\nvalues = ["crop_ha"]\n'
    said = []
    for drawn in samples[:2]:
        table = pd.DataFrame({"unit": drawn, "x_m": xy[drawn, 0], "y_m": xy[drawn, 1], "crop_ha": y[drawn]})
        said.append(told(tmp_path, text, table)["coverage"][0]["covered"])
    assert np.mean(said) == pytest.approx(np.mean(held), abs=0.05)
