"""Mistakes that published surveys have made, shown here to be refused or avoided: 1, 2, 3, 7, 8, 10, 13, 17, 18."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aoi.survey.allocation import rare_class_safe
from aoi.survey.change import area_change
from aoi.survey.design import StratifiedDesign
from aoi.survey.error_matrix import error_matrix
from aoi.survey.estimator import class_areas, stratified_totals
from aoi.survey.published import change_from_bounds
from aoi.survey.selection import draw_stratified
from aoi.survey.table import estimate_table
from geo.errors import QualityGateError

ROOT = Path(__file__).resolve().parents[3]
SIZES = np.array([9_434, 53_824, 936_742])
"""Units mapped as crop, at its edge, and the rest: one hectare each."""
COUNTRY = StratifiedDesign.of_units(["map", "edge", "rest"], SIZES, unit_area_ha=1.0)
CROP = np.array([7_739, 1_413, 848])
"""Units of crop in each: 10,000 in all."""


def drawn_sample(seed: int, n: tuple[int, int, int] = (300, 300, 300)) -> tuple[np.ndarray, np.ndarray]:
    """Return strata and labels of a sample of the country."""
    found = np.random.default_rng(seed).hypergeometric(CROP, SIZES - CROP, n)
    label = np.concatenate([np.arange(size) < hits for size, hits in zip(n, found, strict=True)])
    return np.repeat([0, 1, 2], n), label.astype(float)


def test_1_only_the_survey_package_makes_estimates() -> None:
    """Law: no module outside aoi.survey calls Estimate, so that a count of pixels cannot become one."""
    makers = []
    for package in ("geo", "imagery", "maps", "monitor", "aoi"):
        for path in (ROOT / package).rglob("*.py"):
            if "survey" in path.parts:
                continue
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            makers += [path.name for call in calls if getattr(call.func, "id", "") == "Estimate"]
    assert makers == []


def test_1_the_estimate_is_not_the_pixel_count() -> None:
    """Brute force: over 300 samples the estimate centres on the 10,000 ha of crop, not on the 9,434 mapped."""
    values = [class_areas(*drawn_sample(seed), COUNTRY)[0].value for seed in range(300)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - 10_000) < 3.5 * error
    assert abs(np.mean(values) - 9_434) > 3.5 * error


def test_2_stratum_weights_are_never_left_out() -> None:
    """Brute force: the unweighted share of a stratified sample is 27 times the crop; the estimate is not."""
    stratum, label = drawn_sample(0)
    assert label.mean() * SIZES.sum() > 20 * 10_000
    assert class_areas(stratum, label, COUNTRY)[0].value < 2 * 10_000


def test_2_a_new_map_does_not_become_the_strata() -> None:
    """Law: after re-mapping, accuracy uses the strata the sample was drawn from and the map only as a label."""
    rng = np.random.default_rng(2)
    stratum, label = drawn_sample(2)
    reference = label.astype(np.int64)
    new_map = np.where(rng.random(900) < 0.9, reference, 1 - reference)
    right = error_matrix(stratum, new_map, reference, COUNTRY, ["other", "crop"])
    two = StratifiedDesign.of_units(["other", "crop"], [990_000, 10_000], unit_area_ha=1.0)
    wrong = error_matrix(new_map, new_map, reference, two, ["other", "crop"])
    assert right.overall.value == pytest.approx(0.9, abs=0.05)
    assert abs(wrong.users[1].value - right.users[1].value) > 0.2


def test_3_zero_count_is_not_zero_variance() -> None:
    """Law: crop unseen in the large stratum leaves the upper limit thousands of hectares above the estimate."""
    stratum = np.repeat([0, 1, 2], 300)
    label = np.concatenate([np.arange(300) < hits for hits in (246, 8, 0)]).astype(float)
    found = class_areas(stratum, label, COUNTRY)[0]
    wald = class_areas(stratum, label, COUNTRY, method="wald")[0]
    assert wald.hi < 10_300
    assert found.hi > 17_000
    assert found.flags == wald.flags == ("LOW_COUNT",)


def test_3_no_lower_limit_below_what_was_seen() -> None:
    """Law: even the Wald interval of three units does not reach below them, let alone below zero."""
    design = StratifiedDesign.of_units(["all"], [100_000], unit_area_ha=2.0)
    label = (np.arange(500) < 3).astype(float)
    found = class_areas(np.zeros(500, dtype=np.int64), label, design, method="wald")[0]
    assert found.value - 1.96 * found.se < 0
    assert found.lo == pytest.approx(6.0)


def test_3_single_unit_strata_are_not_dropped() -> None:
    """Law: a stratum of one unit stops the estimate and is named."""
    with pytest.raises(QualityGateError, match="'rest': found one sampled unit"):
        class_areas(np.array([0, 0, 1, 1, 2]), np.ones(5), COUNTRY)


def test_6_the_correction_is_stated() -> None:
    """Law: a stratified total cannot be asked for without saying whether it is corrected for a finite frame."""
    with pytest.raises(TypeError, match="fpc"):
        stratified_totals(np.array([0, 0, 1, 1, 2, 2]), np.ones(6), COUNTRY)  # type: ignore[call-arg]


def test_7_a_hopeful_map_cannot_starve_the_unmapped_stratum() -> None:
    """Law: with no crop expected outside the map half of the sample goes there, and some everywhere."""
    found = rare_class_safe(900, SIZES, [0.95, 0.0, 0.0])
    assert found[2] >= 450
    assert found.min() >= 50


def test_8_domains_are_not_cut_out() -> None:
    """Brute force: over many samples the zero-extended variance of a domain is right and the cut-out one is not."""
    rng = np.random.default_rng(8)
    inside = rng.random(2_000) < 0.3
    y = np.where(inside, 5.0 + rng.random(2_000), 0.0)
    design = StratifiedDesign.of_units(["all"], [2_000], unit_area_ha=1.0)
    totals, extended, cut = [], [], []
    for _ in range(1_500):
        at = draw_stratified(np.zeros(2_000, dtype=np.int64), [100], rng)
        found = stratified_totals(np.zeros(100, dtype=np.int64), y[at], design, fpc=True)
        part = y[at][inside[at]]
        totals.append(found.totals[0])
        extended.append(found.covariance[0, 0])
        cut.append((2_000 / 100 * part.size) ** 2 * part.var(ddof=1) / part.size)
    assert np.mean(extended) == pytest.approx(np.var(totals), rel=0.12)
    assert np.mean(cut) < 0.05 * np.var(totals)


def panel() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a panel in which crop fell by two fifths where it was mapped."""
    stratum, first = drawn_sample(3, (500, 1000, 4000))
    gone = np.random.default_rng(9).random(first.size) < 0.4
    return stratum, first, np.where((first == 1) & gone, 0.0, first)


def test_10_the_covariance_of_shared_units_is_used() -> None:
    """Law: the panel's change is surer than the two years taken as independent would have it."""
    found = area_change(*panel(), COUNTRY)
    independent = np.hypot(found.earlier.se, found.later.se)
    assert found.difference.se < 0.6 * independent
    assert found.verdict == "decrease"


def test_10_overlapping_intervals_are_not_the_test() -> None:
    """Published: bounds of Afghanistan 2012 and 2013 overlap and yet the change is significant."""
    assert change_from_bounds((154, 125, 189), (209, 173, 238)).verdict == "increase"
    assert change_from_bounds((123, 104, 145), (131, 109, 155)).verdict == "no significant change"


def test_10_no_increase_without_significance() -> None:
    """Brute force: with no change in truth at most a few of 25 panels are given a direction."""
    rng = np.random.default_rng(10)
    stratum = np.repeat([0, 1, 2], [300, 300, 600])
    words = []
    for _ in range(25):
        first = rng.random(1200) < np.array([0.8, 0.03, 0.001])[stratum]
        moved = rng.random(1200) < np.array([0.05, 0.01, 0.0005])[stratum]
        words.append(area_change(stratum, first, first ^ moved & (rng.random(1200) < 0.5), COUNTRY).verdict)
    assert sum(word == "increase" for word in words) <= 2


def test_13_areas_of_units_are_the_frame_s_own() -> None:
    """Law: the estimate takes each stratum's true hectares, so that cells of unlike area are weighed right."""
    north = StratifiedDesign(names=("low", "high"), sizes=np.array([500, 500]), areas_ha=np.array([500.0, 250.0]))
    found = class_areas(np.repeat([0, 1], 50), np.repeat([0.0, 1.0], 50), north)[0]
    assert found.value == 250.0
    with pytest.raises(QualityGateError, match="the frame"):
        StratifiedDesign.of_units(["a", "b"], [500, 500], unit_area_ha=1.0, frame_area_ha=750.0)


def test_17_accuracy_is_not_read_off_the_raw_counts() -> None:
    """Law: producer's accuracy of a stratified sample is that of areas, far below that of the count matrix."""
    stratum = np.repeat([0, 1], 300)
    mapped = 1 - stratum
    reference = np.concatenate([np.arange(300) < 280, np.arange(300) < 6]).astype(np.int64)
    design = StratifiedDesign.of_units(["crop", "rest"], [10_000, 990_000], unit_area_ha=1.0)
    found = error_matrix(stratum, mapped, reference, design, ["other", "crop"], fpc=False)
    raw = found.counts[1, 1] / found.counts[:, 1].sum()
    assert raw > 0.97
    assert found.producers[1].value == pytest.approx(0.3204, abs=1e-4)
    p = 280 / 300
    assert found.users[1].se == pytest.approx(np.sqrt(p * (1 - p) / 299), rel=1e-12)


def test_18_seeds_and_hash_order_change_nothing() -> None:
    """Law: two processes with different hash seeds print the same draw, estimate and limits."""
    script = (
        "import numpy as np, pandas as pd, json\n"
        "from aoi.survey.selection import draw_stratified\n"
        "from aoi.survey.table import estimate_table\n"
        "rng = np.random.default_rng(5)\n"
        "drawn = draw_stratified(rng.integers(0, 3, 900), [5, 5, 5], np.random.default_rng(6))\n"
        "names = np.array(['crop', 'edge', 'rest'])\n"
        "table = pd.DataFrame({'stratum': names[rng.integers(0, 3, 200)]})\n"
        "table['map'] = table['stratum']\n"
        "table['reference'] = names[rng.integers(0, 3, 200)]\n"
        "table['place'] = names[rng.integers(0, 3, 200)]\n"
        "strata = pd.DataFrame({'stratum': names, 'size': [900, 800, 7000]})\n"
        "print(drawn.tolist(), json.dumps(estimate_table(table, strata, domain='place').to_json_dict()))\n"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PATH": ""},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "3")
    }
    assert len(texts) == 1
    assert len(texts.pop()) > 1000


def test_a_hectare_without_an_interval_cannot_leave_the_table() -> None:
    """Law: every class of a table has limits, even where no unit of it was seen."""
    sample = pd.DataFrame({"stratum": ["a"] * 9, "map": ["a"] * 9, "reference": ["a"] * 9})
    strata = pd.DataFrame({"stratum": ["a"], "size": [1000]})
    row = estimate_table(sample, strata).to_json_dict()["estimates"][0]
    assert row["se_ha"] == 0.0
    assert row["lo_ha"] < row["value_ha"] == row["hi_ha"] == 1000.0
