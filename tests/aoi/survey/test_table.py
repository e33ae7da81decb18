"""Table mode: published examples as CSV tables, every refusal in a plain sentence, clusters, weights, domains."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.survey.estimate import LOW_COUNT
from aoi.survey.table import TableOptions, TableResult, estimate_table
from geo.errors import AltdevError, InputError, QualityGateError
from tests.shared import oracle, oracle_path

PUBLISHED = 1e-12
"""Relative: the oracle agrees with two independent programs to 1e-14."""


def olofsson(name: str = "olofsson2014_table8") -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return a published example as the two tables of table mode, read from CSV as text."""
    case = oracle("accuracy_area")[name]
    classes, counts = np.array(case["classes"]), np.array(case["counts_rows_map_cols_ref"])
    mapped, reference = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), classes.size)
    labels = {"stratum": classes[mapped], "map": classes[mapped], "reference": classes[reference]}
    sample = as_csv(pd.DataFrame(labels))
    return sample, as_csv(pd.DataFrame({"stratum": classes, "size": list(case["map_totals"].values())})), case


def as_csv(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as the command line reads it: through CSV, all text, empty cells empty."""
    return pd.read_csv(io.StringIO(table.to_csv(index=False)), dtype=str, keep_default_na=False)


def small() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a small sample of two strata."""
    sample = pd.DataFrame(
        {
            "unit": range(1, 9),
            "stratum": ["crop"] * 4 + ["rest"] * 4,
            "map": ["coca"] * 4 + ["other"] * 4,
            "reference": ["coca", "coca", "other", "coca", "other", "other", "coca", "other"],
        }
    )
    return sample, pd.DataFrame({"stratum": ["crop", "rest"], "size": [100, 900]})


def rows(result: TableResult) -> dict[str, dict[str, Any]]:
    """Return the estimates of the frame by class."""
    return {row["class"]: row for row in result.to_json_dict()["estimates"] if "domain" not in row}


@pytest.mark.parametrize("name", ["olofsson2013_ex1", "olofsson2014_table8"])
def test_olofsson_by_table(name: str) -> None:
    """Published: areas, standard errors and accuracies of Olofsson et al. from two CSV tables."""
    sample, strata, case = olofsson(name)
    result, expected = estimate_table(sample, strata), case["expected"]
    found, accuracy = rows(result), result.to_json_dict()["accuracy"]
    assert result.fpc is False
    for label in case["classes"]:
        assert found[label]["value_ha"] == pytest.approx(expected["area"][label], rel=PUBLISHED)
        assert found[label]["se_ha"] == pytest.approx(expected["SE_area"][label], rel=PUBLISHED)
        for key, ours in (("UA", "users"), ("PA", "producers")):
            assert accuracy[ours][label]["value"] == pytest.approx(expected[key][label], rel=PUBLISHED)
            assert accuracy[ours][label]["se"] == pytest.approx(expected[f"SE_{key}"][label], rel=PUBLISHED)
    assert accuracy["overall"]["value"] == pytest.approx(expected["OA"], rel=PUBLISHED)
    assert accuracy["overall"]["se"] == pytest.approx(expected["SE_OA"], rel=PUBLISHED)


def test_published_hectares() -> None:
    """Published: 21 158 ha of deforestation, plus and minus 6 158 ha by the Wald interval."""
    sample, strata, _ = olofsson()
    found = rows(estimate_table(sample, strata, unit_area_ha=0.09, interval="wald"))["Deforestation"]
    assert round(found["value_ha"]) == 21_158
    assert round((found["hi_ha"] - found["lo_ha"]) / 2) == 6_158


def test_stehman_by_table() -> None:
    """Published: strata that are not map classes, with the finite population correction of Stehman 2014."""
    case = oracle("accuracy_area")["stehman2014"]
    sample = pd.read_csv(oracle_path("accuracy_area/stehman2014_input.csv"), dtype=str)
    sample = sample.rename(columns={"ref": "reference"})
    strata = pd.DataFrame({"stratum": list(case["Nh_strata"]), "size": list(case["Nh_strata"].values())})
    result, expected = estimate_table(sample, strata, unit_area_ha=1e-5), case["expected"]
    assert result.fpc is True
    for label, row in rows(result).items():
        assert row["value_ha"] == pytest.approx(expected["area_prop"][label], rel=PUBLISHED)
        assert row["se_ha"] == pytest.approx(expected["SE_area_prop"][label], rel=PUBLISHED)
    producers = result.to_json_dict()["accuracy"]["producers"]
    assert producers["B"]["se"] == pytest.approx(expected["SE_PA"]["B"], rel=PUBLISHED)


def test_no_hectare_without_its_interval() -> None:
    """Law: each figure that leaves table mode has limits around it, a level, a method and a number of units."""
    sample, strata, _ = olofsson()
    text = json.dumps(estimate_table(sample, strata).to_json_dict(), allow_nan=False)
    for row in json.loads(text)["estimates"]:
        assert row["lo_ha"] <= row["value_ha"] <= row["hi_ha"]
        assert {"se_ha", "n", "method", "level", "flags"} <= set(row)


def test_classes_and_domains_add_up() -> None:
    """Law: classes add up to the frame, and the domains of each class to the class."""
    sample, strata, _ = olofsson()
    sample["district"] = np.random.default_rng(0).choice(["north", "south", "west"], len(sample))
    result = estimate_table(sample, strata, domain="district").to_json_dict()["estimates"]
    whole = {row["class"]: row["value_ha"] for row in result if "domain" not in row}
    assert sum(whole.values()) == pytest.approx(10_000_000, rel=1e-12)
    for label, value in whole.items():
        parts = [row["value_ha"] for row in result if row.get("domain") and row["class"] == label]
        assert len(parts) == 3
        assert sum(parts) == pytest.approx(value, rel=1e-12)


def test_rows_and_strata_in_any_order() -> None:
    """Law: shuffled rows, strata and columns give the same figures."""
    sample, strata, _ = olofsson()
    shuffled = sample.sample(frac=1, random_state=3)[["reference", "map", "stratum"]]
    assert rows(estimate_table(shuffled, strata)) == rows(estimate_table(sample, strata))
    turned = rows(estimate_table(sample, strata.iloc[::-1]))
    for label, row in rows(estimate_table(sample, strata)).items():
        assert turned[label]["value_ha"] == pytest.approx(row["value_ha"], rel=1e-12)


def test_inputs_are_left_alone() -> None:
    """Law: the tables given are not changed."""
    sample, strata = small()
    before = sample.copy(), strata.copy()
    estimate_table(sample, strata, options=TableOptions(legend=("coca", "other")))
    pd.testing.assert_frame_equal(sample, before[0])
    pd.testing.assert_frame_equal(strata, before[1])


def test_equal_weights_change_nothing() -> None:
    """Law: a weight column that is constant within strata gives the estimate without the correction."""
    sample, strata = small()
    plain = rows(estimate_table(sample, strata, options=TableOptions(fpc=False)))["coca"]
    weighted = rows(estimate_table(sample.assign(weight=[25] * 4 + [225] * 4), strata))["coca"]
    assert weighted["value_ha"] == pytest.approx(plain["value_ha"], rel=1e-12)
    assert weighted["se_ha"] == pytest.approx(plain["se_ha"], rel=1e-12)


def test_clusters_widen_the_error() -> None:
    """Law: alike units of one primary unit are worth less than independent ones, and the method says so."""
    sample, strata, _ = olofsson()
    plain = rows(estimate_table(sample, strata))["Deforestation"]
    clustered = rows(estimate_table(sample.assign(psu=np.arange(len(sample)) // 5), strata))["Deforestation"]
    assert clustered["se_ha"] > 1.3 * plain["se_ha"]
    assert "clusters" in clustered["method"]


def test_few_units_are_said() -> None:
    """Law: a class seen in a handful of units carries the flag and keeps an open upper limit."""
    sample, strata, _ = olofsson()
    found = rows(estimate_table(sample, strata))["Deforestation"]
    assert LOW_COUNT in found["flags"]
    assert found["hi_ha"] - found["value_ha"] > found["value_ha"] - found["lo_ha"]


def test_perturbing_one_label_moves_the_figures() -> None:
    """Law: one reference label less of a class changes its area and the overall accuracy."""
    sample, strata, _ = olofsson()
    moved = sample.copy()
    moved.loc[0, "reference"] = "Stable forest"
    one, two = rows(estimate_table(sample, strata)), rows(estimate_table(moved, strata))
    assert one["Deforestation"]["value_ha"] - two["Deforestation"]["value_ha"] == pytest.approx(200_000 / 75)


def refusal(sample: pd.DataFrame, strata: pd.DataFrame, **more: Any) -> AltdevError:
    """Return the error a pair of tables ends in, through CSV as the command line reads it."""
    with pytest.raises(AltdevError) as caught:
        estimate_table(as_csv(sample), as_csv(strata), **more)
    return caught.value


def change(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    """Return a table with one cell changed."""
    changed = table.astype(object).copy()
    changed.loc[row, column] = value
    return changed


SAMPLE, STRATA = (table for table in small())
REFUSALS: dict[str, tuple[pd.DataFrame, pd.DataFrame, type[AltdevError], str]] = {
    "unsampled stratum": (
        SAMPLE,
        pd.concat([STRATA, pd.DataFrame({"stratum": ["edge"], "size": [50]})]),
        QualityGateError,
        r"stratum 'edge': found no sampled unit",
    ),
    "one-unit stratum": (
        SAMPLE.iloc[:5],
        STRATA,
        QualityGateError,
        r"stratum 'rest': found one sampled unit",
    ),
    "stratum not in the strata table": (
        change(SAMPLE, 2, "stratum", "edge"),
        STRATA,
        InputError,
        r"column 'stratum', row 4: found label 'edge'; expected one of the strata table's strata: 'crop', 'rest'",
    ),
    "label outside the legend": (
        change(SAMPLE, 5, "reference", "cocaa"),
        STRATA,
        InputError,
        r"column 'reference', row 7: found label 'cocaa'; expected one of the legend",
    ),
    "duplicated unit": (
        change(SAMPLE, 3, "unit", 1),
        STRATA,
        InputError,
        r"column 'unit', row 5: found a unit that stands above already",
    ),
    "negative size": (
        SAMPLE,
        change(STRATA, 1, "size", -900),
        InputError,
        r"column 'size', row 3: found size -900",
    ),
    "missing size": (SAMPLE, change(STRATA, 0, "size", None), InputError, r"column 'size', row 2: found size"),
    "fractional size": (SAMPLE, change(STRATA, 0, "size", 99.5), InputError, r"found size 99.5; expected a whole"),
    "infinite size": (SAMPLE, change(STRATA, 0, "size", "inf"), InputError, r"found size inf"),
    "size in words": (SAMPLE, change(STRATA, 0, "size", "many"), InputError, r"found size many"),
    "zero weight": (
        SAMPLE.assign(weight=[1, 0, 1, 1, 1, 1, 1, 1]),
        STRATA,
        InputError,
        r"column 'weight', row 3: found weight 0; expected a positive number",
    ),
    "negative weight": (SAMPLE.assign(weight=[-1.5] + [1] * 7), STRATA, InputError, r"row 2: found weight -1.5"),
    "probabilities as weights": (
        SAMPLE.assign(weight=[0.04] * 4 + [0.5] * 4),
        STRATA,
        InputError,
        r"column 'weight': found weights of at most 0.5, as probabilities are; expected weights of 1 or more",
    ),
    "missing weight": (change(SAMPLE.assign(weight=1), 0, "weight", None), STRATA, InputError, r"column 'weight'"),
    "missing label": (
        change(SAMPLE, 0, "reference", None),
        STRATA,
        InputError,
        r"column 'reference', row 2: found an empty cell",
    ),
    "label NaN": (change(SAMPLE, 0, "reference", "NaN"), STRATA, InputError, r"row 2: found an empty cell"),
    "missing column": (SAMPLE.drop(columns="map"), STRATA, InputError, r"expected a column 'map'"),
    "missing size column": (SAMPLE, STRATA.drop(columns="size"), InputError, r"strata table.*a column 'size'"),
    "empty sample": (SAMPLE.iloc[:0], STRATA, InputError, r"sample table: found no rows"),
    "stratum twice": (
        SAMPLE,
        pd.concat([STRATA, STRATA.iloc[:1]]),
        InputError,
        r"strata table, column 'stratum', row 4: found stratum 'crop' again",
    ),
    "more units than the stratum": (
        SAMPLE,
        change(STRATA, 0, "size", 3),
        InputError,
        r"stratum 'crop': found 4 sampled units; expected at most its 3 units",
    ),
    "lone primary unit": (
        SAMPLE.assign(psu=[1, 1, 2, 2, 3, 3, 3, 3]),
        STRATA,
        QualityGateError,
        r"stratum 'rest': found one sampled primary unit",
    ),
}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_refusals(name: str) -> None:
    """Law: each fault of the tables stops in one sentence that names table, column, row, found and expected."""
    sample, strata, kind, message = REFUSALS[name]
    with pytest.raises(kind, match=message) as caught:
        estimate_table(as_csv(sample), as_csv(strata))
    assert "np." not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_strata_that_do_not_add_up() -> None:
    """Law: strata that miss part of the frame are refused."""
    with pytest.raises(QualityGateError, match=r"1,000 ha in all; expected the frame's 1,200 ha"):
        estimate_table(SAMPLE, STRATA, options=TableOptions(frame_area_ha=1200.0))


def test_all_faults_at_once() -> None:
    """Law: a table with four faults is told all four."""
    sample = change(change(SAMPLE, 0, "reference", None), 1, "stratum", "edge").assign(weight=[0] + [1] * 7)
    text = str(refusal(sample, change(STRATA, 0, "size", -1)))
    for part in ("empty cell", "'edge'", "weight 0", "size -1"):
        assert part in text


def test_an_unknown_interval_or_domain_is_refused() -> None:
    """Law: a method or a column that does not exist is named."""
    assert "'bayes'" in str(refusal(SAMPLE, STRATA, interval="bayes"))
    assert "a column 'district'" in str(refusal(SAMPLE, STRATA, domain="district"))


def test_a_slip_in_the_map_column_is_no_new_class() -> None:
    """Law: where the strata are map classes, another map label is a slip and is refused."""
    sample, strata, _ = olofsson()
    sample.loc[4, "map"] = "Deforestaton"
    with pytest.raises(InputError, match=r"column 'map', row 6: found label 'Deforestaton'"):
        estimate_table(sample, strata)


def test_numbers_as_labels() -> None:
    """Law: class 1 read as 1, 1.0 or ' 1' is one class."""
    sample = SAMPLE.assign(map=[1, 1, 1, 1, 2, 2, 2, 2], reference=[1.0, 1, 2, 1, 2, 2, 1, 2])
    assert set(rows(estimate_table(sample, STRATA))) == {"1", "2"}


def test_a_named_policy_for_lone_units() -> None:
    """Law: with a policy named, a one-unit stratum passes and the policy decides its variance."""
    found = estimate_table(SAMPLE.iloc[:5], STRATA, options=TableOptions(lonely="certainty"))
    assert rows(found)["coca"]["value_ha"] == pytest.approx(75.0)


@pytest.mark.slow
def test_a_million_rows_with_domains() -> None:
    """Law: a million rows in two hundred domains pass through table mode in seconds and add up."""
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c", "d"])
    sample = pd.DataFrame(
        {
            "stratum": names[rng.integers(0, 4, 1_000_000)],
            "map": names[rng.integers(0, 4, 1_000_000)],
            "reference": names[rng.integers(0, 4, 1_000_000)],
            "district": rng.integers(0, 200, 1_000_000),
        }
    )
    result = estimate_table(sample, pd.DataFrame({"stratum": names, "size": 10**7}), domain="district")
    assert len(result.areas) == 4 * 201


def test_strata_of_another_province_are_no_doubt_about_this_one() -> None:
    """Law: with strata drawn by province, a province's limits are those of its own strata alone."""
    north, south = small()[0], small()[0].assign(unit=range(11, 19))
    sample = pd.concat([north.assign(province="north"), south.assign(province="south")])
    sample["stratum"] = sample["province"] + " " + sample["stratum"]
    sizes = {"north crop": 100, "north rest": 900, "south crop": 50_000, "south rest": 90_000}
    strata = pd.DataFrame({"stratum": list(sizes), "size": list(sizes.values())})
    options = TableOptions(legend=("coca", "other"))
    both = estimate_table(sample, strata, domain="province", options=options).to_json_dict()["estimates"]
    found = next(row for row in both if row.get("domain") == "north" and row["class"] == "coca")
    alone = sample[sample["province"] == "north"]
    own = rows(estimate_table(alone, strata.iloc[:2], options=options))["coca"]
    assert {key: found[key] for key in ("value_ha", "lo_ha", "hi_ha")} == pytest.approx(
        {key: own[key] for key in ("value_ha", "lo_ha", "hi_ha")}, rel=1e-12
    )
    assert found["hi_ha"] <= 1000
