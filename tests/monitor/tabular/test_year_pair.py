"""`altdev compare --design`: change by the difference estimator, in two phases and of a national design."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.errors import SurveyFileError
from monitor.tabular.compared import compare_design
from monitor.tabular.told import estimate_design

POPULATION = pd.DataFrame(
    {
        "unit": list("abcdef"),
        "y1": [3.0, 0.0, 5.0, 2.0, 8.0, 1.0],
        "y2": [4.0, 1.0, 3.0, 2.0, 9.0, 5.0],
        "x1": [2.0, 0.0, 6.0, 1.0, 7.0, 2.0],
        "x2": [5.0, 0.0, 4.0, 2.0, 9.0, 3.0],
    }
)
TRUTH = float(POPULATION["y2"].sum() - POPULATION["y1"].sum())
DIFFERENCE = """
frame_ha = 1000
[design]
method = "random"
units = 6
[estimate]
values = ["y1"]
estimator = "difference"
auxiliary = {auxiliary}
totals = {totals}
{more}
"""


def changes(folder: Path, design: str, sample: pd.DataFrame, columns: tuple[str, str] = ("y1", "y2")) -> list[Any]:
    """Return the changes that the program tells."""
    (folder / "design.toml").write_text(design)
    sample.to_csv(folder / "sample.csv", index=False)
    told = compare_design(
        folder / "sample.csv", folder / "design.toml", columns=columns, percent_of="exact", as_json=True
    )
    found: list[Any] = json.loads(told)["changes"]
    return found


@pytest.mark.parametrize("names", [["x1"], ["x1", "x2"]])
def test_difference_estimator_over_all_samples(names: list[str], tmp_path: Path) -> None:
    """Enumeration: over all samples the change is unbiased and its variance estimate is the true variance."""
    totals = [float(POPULATION[name].sum()) for name in names]
    design = DIFFERENCE.format(auxiliary=json.dumps(names), totals=totals, more="")
    rows = [changes(tmp_path, design, POPULATION.iloc[list(one)])[0] for one in combinations(range(6), 3)]
    values = np.array([row["difference_ha"] for row in rows])
    assert values.mean() == pytest.approx(TRUTH, rel=1e-10)
    assert np.mean([row["se_ha"] ** 2 for row in rows]) == pytest.approx(values.var(), rel=1e-10)
    for row in rows:
        assert row["later"]["value_ha"] - row["earlier"]["value_ha"] == pytest.approx(
            row["difference_ha"], rel=1e-9
        )


@pytest.mark.parametrize("names", [["x1"], ["x1", "x2"]])
def test_two_phases_over_all_samples(names: list[str], tmp_path: Path) -> None:
    """Enumeration: over all first phases of four and second phases of two, unbiased with the true variance."""
    design = DIFFERENCE.format(
        auxiliary=json.dumps(names), totals="[]", more='[first_phase]\ntable = "first.csv"\n'
    )
    rows = []
    for first in combinations(range(6), 4):
        POPULATION.iloc[list(first)].to_csv(tmp_path / "first.csv", index=False)
        rows += [changes(tmp_path, design, POPULATION.iloc[list(one)])[0] for one in combinations(first, 2)]
    values = np.array([row["difference_ha"] for row in rows])
    assert values.mean() == pytest.approx(TRUTH, rel=1e-10)
    assert np.mean([row["se_ha"] ** 2 for row in rows]) == pytest.approx(values.var(), rel=1e-10)


SIMPLE = 'frame_ha = 4000\n[design]\nmethod = "random"\nunits = 400\n[estimate]\nvalues = ["y1"]\n'


def test_one_changed_unit_is_no_significant_change(tmp_path: Path) -> None:
    """Law: what a sample saw is no floor of a change, since units that were not drawn may have lost."""
    sample = pd.DataFrame({"unit": range(40), "y1": [2.0] * 40, "y2": [7.0] + [2.0] * 39})
    row = changes(tmp_path, SIMPLE, sample)[0]
    assert row["verdict"] == "no significant change"
    assert row["lo_ha"] < 0 < row["hi_ha"]
    assert row["p_value"] > 0.05
    turned = changes(tmp_path, SIMPLE, sample, columns=("y2", "y1"))[0]
    assert turned["lo_ha"] == pytest.approx(-row["hi_ha"], rel=1e-9)
    assert turned["hi_ha"] == pytest.approx(-row["lo_ha"], rel=1e-9)


def test_a_sample_without_change_may_have_missed_some_on_either_side(tmp_path: Path) -> None:
    """Law: no change seen is no proof of none, and the limits are alike on both sides."""
    sample = pd.DataFrame({"unit": range(40), "y1": [2.0] * 40, "y2": [2.0] * 40})
    row = changes(tmp_path, SIMPLE, sample)[0]
    assert row["difference_ha"] == 0
    assert row["lo_ha"] == pytest.approx(-row["hi_ha"])
    assert row["hi_ha"] > 100
    assert row["flags"] == ["LOW_COUNT"]


def test_false_alarms_are_as_rare_as_the_level_says(tmp_path: Path) -> None:
    """Brute force: 150 panels of a country whose fields move about without net change."""
    rng = np.random.default_rng(4)
    y1 = np.where(rng.random(2000) < 0.3, rng.gamma(2, 3, 2000), 0.0)
    y2 = np.where(rng.random(2000) < 0.15, rng.permutation(y1), y1)
    y2 *= y1.sum() / y2.sum()
    alarms = 0
    for _ in range(150):
        drawn = rng.choice(2000, 150, replace=False)
        sample = pd.DataFrame({"unit": drawn, "y1": y1[drawn], "y2": y2[drawn]})
        design = SIMPLE.replace("400", "2000").replace("4000", "100000")
        alarms += changes(tmp_path, design, sample)[0]["verdict"] != "no significant change"
    assert alarms <= 15  # 7.5 expected, three Monte Carlo errors


NATION = """
frame_ha = {frame}
province_column = "province"
[estimate]
values = ["y1"]
{estimate}
[[province]]
name = "North"
coverage = "sampled"
frame_ha = 10000
{north}
design = {{ method = "random", units = 60 }}
[[province]]
name = "West"
coverage = "sampled"
frame_ha = 8000
{west}
design = {{ method = "random", units = 40 }}
"""
OTHERS = """
[[province]]
name = "East"
coverage = "target"
frame_ha = 7000
value_ha = { y1 = 120, y2 = 90 }
se_ha = { y1 = 6, y2 = 8 }
[[province]]
name = "South"
coverage = "village-survey"
frame_ha = 5000
value_ha = { y1 = 40, y2 = 45 }
se_ha = { y1 = 9, y2 = 9 }
villages = 24
"""


def country() -> pd.DataFrame:
    """Return a panel of two provinces."""
    rng = np.random.default_rng(2)
    north, west = (
        pd.DataFrame(
            {
                "unit": [f"{name}{k}" for k in range(n)],
                "province": name,
                "valley": np.where(np.arange(n) % 3 == 0, "dry", "wet"),
                "y1": rng.gamma(2, 3, n).round(3),
                "map": rng.gamma(2, 3, n).round(3),
            }
        )
        for name, n in (("North", 20), ("West", 16))
    )
    both = pd.concat([north, west], ignore_index=True)
    return both.assign(y2=(both["y1"] * 0.7 + rng.gamma(1, 1, 36)).round(3))


def test_change_of_a_national_design(tmp_path: Path) -> None:
    """Laws: changes and variances of provinces add; each is what it gives alone; villages are indicative."""
    design = NATION.format(frame=30000, estimate="", north="", west="") + OTHERS
    rows = {row["domain"]: row for row in changes(tmp_path, design, country())}
    parts = [rows[name] for name in ("North", "West", "East", "South")]
    assert rows[None]["difference_ha"] == pytest.approx(sum(row["difference_ha"] for row in parts), rel=1e-12)
    assert rows[None]["se_ha"] == pytest.approx(math.hypot(*(row["se_ha"] for row in parts)), rel=1e-12)
    assert rows["East"]["difference_ha"] == -30
    assert rows["East"]["se_ha"] == 10
    assert "INDICATIVE" in rows[None]["flags"]
    assert "INDICATIVE" in rows["South"]["flags"]
    assert "INDICATIVE" not in rows["North"]["flags"]
    own = country()
    alone = changes(
        tmp_path,
        'frame_ha = 10000\n[design]\nmethod = "random"\nunits = 60\n[estimate]\nvalues = ["y1"]\n',
        own[own["province"] == "North"],
    )[0]
    for key in ("difference_ha", "se_ha", "lo_ha", "hi_ha", "p_value", "verdict"):
        assert rows["North"][key] == alone[key]
    lost = design.replace("value_ha = { y1 = 120, y2 = 90 }", "value_ha = { y1 = 120 }")
    with pytest.raises(Exception, match="no figure of 'y2'"):
        changes(tmp_path, lost, country())


def test_a_province_where_nothing_changed_widens_the_nation(tmp_path: Path) -> None:
    """Law: a sample without any change has no variance, and yet may have missed some."""
    still = country()
    still.loc[still["province"] == "West", "y2"] = still["y1"]
    rows = {
        row["domain"]: row
        for row in changes(tmp_path, NATION.format(frame=18000, estimate="", north="", west=""), still)
    }
    north, west, whole = rows["North"], rows["West"], rows[None]
    assert whole["se_ha"] == north["se_ha"]
    above = math.hypot(north["hi_ha"] - north["difference_ha"], west["hi_ha"])
    assert whole["hi_ha"] - whole["difference_ha"] == pytest.approx(above, rel=1e-9)
    assert "LOW_COUNT" in whole["flags"]


def estimates(folder: Path, design: str, sample: pd.DataFrame) -> dict[str | None, Any]:
    """Return the estimates by domain."""
    (folder / "design.toml").write_text(design)
    sample.to_csv(folder / "sample.csv", index=False)
    told = estimate_design(folder / "sample.csv", folder / "design.toml", coverage=False, as_json=True)
    return {row["domain"]: row for row in json.loads(told)["estimates"]}


def test_domains_of_a_national_design(tmp_path: Path) -> None:
    """Laws: domains add up to their province, and across provinces only where every one was sampled."""
    domain = 'domain = "valley"'
    rows = estimates(tmp_path, NATION.format(frame=18000, estimate=domain, north="", west=""), country())
    for name in ("North", "West"):
        parts = [rows[f"{name}, {valley}"]["value_ha"] for valley in ("dry", "wet")]
        assert sum(parts) == pytest.approx(rows[name]["value_ha"], rel=1e-12)
    assert rows["dry"]["value_ha"] + rows["wet"]["value_ha"] == pytest.approx(rows[None]["value_ha"], rel=1e-12)
    both = math.hypot(rows["North, dry"]["se_ha"], rows["West, dry"]["se_ha"])
    assert rows["dry"]["se_ha"] == pytest.approx(both, rel=1e-12)
    mixed = estimates(tmp_path, NATION.format(frame=30000, estimate=domain, north="", west="") + OTHERS, country())
    assert "North, dry" in mixed
    assert "dry" not in mixed  # a target province may hold some of it


def test_calibration_of_a_national_design(tmp_path: Path) -> None:
    """Law: each province is calibrated to its own totals or margins, as it would be alone."""
    calibrated = 'estimator = "calibrated"\nauxiliary = ["map"]'
    rows = estimates(
        tmp_path,
        NATION.format(frame=18000, estimate=calibrated, north="totals = [380]", west="totals = [230]"),
        country(),
    )
    own = country()
    alone = estimates(
        tmp_path,
        'frame_ha = 10000\n[design]\nmethod = "random"\nunits = 60\n[estimate]\nvalues = ["y1"]\n'
        + calibrated
        + "\ntotals = [380]\n",
        own[own["province"] == "North"],
    )[None]
    assert rows["North"]["value_ha"] == alone["value_ha"]
    assert rows["North"]["se_ha"] == alone["se_ha"]
    post = NATION.format(
        frame=18000,
        estimate='estimator = "post-stratified"',
        north="margins = { valley = { dry = 25, wet = 35 } }",
        west="margins = { valley = { dry = 10, wet = 30 } }",
    )
    north = own[own["province"] == "North"].groupby("valley")["y1"].mean()
    found = estimates(tmp_path, post, own)["North"]["value_ha"]
    assert found == pytest.approx(25 * north["dry"] + 35 * north["wet"], rel=1e-12)
    with pytest.raises(SurveyFileError, match="West: post-stratified needs margins"):
        estimates(tmp_path, post.replace("margins = { valley = { dry = 10, wet = 30 } }", ""), own)
    with pytest.raises(SurveyFileError, match="margins of a province go with"):
        estimates(tmp_path, post.replace('estimator = "post-stratified"', ""), own)


def test_a_province_without_crop_keeps_its_upper_limit(tmp_path: Path) -> None:
    """Law: a sample that saw no crop may have missed some, in the country as in the province."""
    bare = country().assign(y1=0.0)
    rows = estimates(tmp_path, NATION.format(frame=18000, estimate="", north="", west=""), bare)
    above = math.hypot(rows["North"]["hi_ha"], rows["West"]["hi_ha"])
    assert rows[None]["value_ha"] == 0
    assert rows[None]["hi_ha"] == pytest.approx(above, rel=1e-9)
    assert rows[None]["flags"] == ["LOW_COUNT"]


def test_two_maps_are_for_two_years(tmp_path: Path) -> None:
    """Law: an estimate of one year takes one map."""
    design = DIFFERENCE.format(auxiliary='["x1", "x2"]', totals="[18, 23]", more="")
    with pytest.raises(SurveyFileError, match="of the years that compare"):
        estimates(tmp_path, design, POPULATION)
