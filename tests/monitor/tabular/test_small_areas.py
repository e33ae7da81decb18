"""`altdev estimate AREAS.csv --design FILE.toml` with ``[small_areas]``: models from tables against R `sae`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.survey.area_figures import Finish, area_level_figures, pooled_variances
from aoi.survey.estimate import Estimate
from geo.errors import AltdevError, InputError, QualityGateError, SurveyFileError
from monitor.tabular.told import estimate_design
from tests.monitor.conftest import altdev
from tests.shared import oracle, oracle_path

MILK = """
frame_ha = {frame}
[small_areas]
model = "fay-herriot"
value = "yi"
se = "SD"
n = "ni"
area = "SmallArea"
covariates = ["m2", "m3", "m4"]
{more}
[total]
value_ha = {total}
se_ha = 1.5
"""
TOY = pd.DataFrame(
    {
        "area": ["a", "b", "c", "d", "e", "f", "g"],
        "direct_ha": ["10", "14", "8", "20", "13", "", "0"],
        "se_ha": ["2", "2", "2", "2", "2", "", "0"],
        "n": ["9", "9", "9", "9", "9", "", "9"],
        "area_ha": ["100"] * 7,
        "map_ha": ["9", "12", "9", "18", "14", "11", "3"],
    }
)
TOY_FILE = """
frame_ha = 700
[small_areas]
model = "fay-herriot"
value = "direct_ha"
se = "se_ha"
covariates = ["map_ha"]
smooth_variances = true
threshold_ha = 12
threshold_source = "rule of the test"
[total]
value_ha = 80
se_ha = 5
"""


def told(folder: Path, table: pd.DataFrame, design: str, **others: pd.DataFrame) -> dict[str, Any]:
    """Return what the program says of a table and its file."""
    (folder / "file.toml").write_text(design)
    for name, one in {"areas": table, **others}.items():
        one.to_csv(folder / f"{name}.csv", index=False)
    content: dict[str, Any] = json.loads(
        estimate_design(folder / "areas.csv", folder / "file.toml", coverage=False, as_json=True)
    )
    return content


def milk(move: float = 0.0) -> pd.DataFrame:
    """Return the milk data with its groups as columns."""
    data = pd.read_csv(oracle_path("small_area") / "milk.csv")
    data.loc[0, "yi"] += move
    groups = {f"m{code}": (data["MajorArea"] == code).astype(int) for code in (2, 3, 4)}
    return data.assign(area_ha=10.0, **groups)


@pytest.mark.parametrize("name", ["REML", "ML", "FH"])
def test_fay_herriot_from_a_table(name: str, tmp_path: Path) -> None:
    """Oracle: R `sae` on the milk data, its predictions summed so that benchmarking moves nothing."""
    root = oracle("small_area")["milk"][name]["exact_root_numpy"]
    fit = {"REML": "reml", "ML": "ml", "FH": "moment"}[name]
    design = MILK.format(frame=430, total=repr(float(np.sum(root["eblup"]))), more=f'fit = "{fit}"')
    found = told(tmp_path, milk(), design)
    rows = found["small_areas"]
    np.testing.assert_allclose([row["value_ha"] for row in rows], root["eblup"], rtol=1e-9)
    np.testing.assert_allclose([row["se_ha"] for row in rows], np.sqrt(root["mse"]), rtol=1e-9)
    assert found["model"]["variance_between_areas"] == pytest.approx(root["refvar"], rel=1e-10)
    np.testing.assert_allclose(list(found["model"]["coefficients"].values()), root["beta"], rtol=1e-10)
    other = told(tmp_path, milk(move=0.001), design)
    assert other["model"]["variance_between_areas"] != pytest.approx(root["refvar"], rel=1e-6)


def test_nested_error_from_tables(tmp_path: Path) -> None:
    """Oracle: R `sae` on Iowa corn, county means times segments; the limit of the tolerance is the reference's."""
    folder = oracle_path("small_area")
    expected = oracle("small_area")["cornsoy"]["CornHec_REML_drop33"]
    units = pd.read_csv(folder / "cornsoybean.csv").drop(index=32)
    means = pd.read_csv(folder / "cornsoybeanmeans.csv")
    population = pd.DataFrame(
        {
            "County": means["CountyIndex"],
            "units": means["PopnSegments"],
            "area_ha": means["PopnSegments"] * 300,
            "CornPix": means["MeanCornPixPerSeg"],
            "SoyBeansPix": means["MeanSoyBeansPixPerSeg"],
        }
    )
    known = np.array([one["eblup"] for one in expected["eblup"]]) * means["PopnSegments"].to_numpy()
    design = f"""
frame_ha = {float(population["area_ha"].sum())!r}
[small_areas]
model = "nested-error"
area = "County"
value = "CornHec"
covariates = ["CornPix", "SoyBeansPix"]
population = "population.csv"
[total]
value_ha = {float(known.sum())!r}
se_ha = 1000
"""
    found = told(tmp_path, units, design, population=population)
    np.testing.assert_allclose([row["value_ha"] for row in found["small_areas"]], known, rtol=1e-6)
    assert found["model"]["variance_between_areas"] == pytest.approx(expected["refvar"], rel=1e-6)
    assert found["model"]["variance_of_units"] == pytest.approx(expected["errorvar"], rel=1e-6)
    # a county that was not sampled is the line through its means, and says so
    alone = units[units["County"] != 1]
    row = told(tmp_path, alone, design, population=population)["small_areas"][0]
    assert (row["own_weight"], row["n"], row["direct_ha"], row["flags"]) == (0.0, 0, None, ["INDICATIVE"])
    # units that were drawn with unequal chances inside a county are none of this model's
    uneven = units.assign(weight=[1.0 + at for at in range(len(units))])
    with pytest.raises(InputError, match=r"weights that differ within an area.*use fay-herriot"):
        told(tmp_path, uneven, design, population=population)
    even = units.assign(weight=units["County"])
    assert told(tmp_path, even, design, population=population)["small_areas"] == found["small_areas"]


def test_areas_add_up_and_say_what_they_rest_on(tmp_path: Path) -> None:
    """Laws: figures add up to the total, an area without a sample is indicative, a threshold can be straddled."""
    found = told(tmp_path, TOY, TOY_FILE)
    rows = {row["area"]: row for row in found["small_areas"]}
    assert sum(row["value_ha"] for row in rows.values()) == pytest.approx(80, rel=1e-12)
    assert rows["f"]["own_weight"] == 0
    assert rows["f"]["flags"] == ["INDICATIVE"]
    assert "synthetic" in rows["f"]["method"]
    assert all(0 <= row["lo_ha"] <= row["value_ha"] <= row["hi_ha"] <= 100 for row in rows.values())
    certainties = {row["threshold"]["certainty"] for row in rows.values()}
    assert "straddles the threshold" in certainties
    for row in rows.values():
        inside = row["lo_ha"] < 12 <= row["hi_ha"]
        assert (row["threshold"]["certainty"] == "straddles the threshold") == inside
    shuffled = told(tmp_path, TOY.iloc[::-1], TOY_FILE)
    for row in shuffled["small_areas"]:
        assert row["value_ha"] == pytest.approx(rows[row["area"]]["value_ha"], rel=1e-9)


def test_shares_are_hectares_where_areas_are_alike(tmp_path: Path) -> None:
    """Law: with areas of one size the model of shares is the model of hectares in another unit."""
    scaled = TOY.assign(map_ha=[str(float(cell) / 100) for cell in TOY["map_ha"]])
    hectares = told(tmp_path, TOY, TOY_FILE)["small_areas"]
    shares = told(tmp_path, scaled, TOY_FILE.replace("[total]", 'modelled = "share"\n[total]'))["small_areas"]
    for one, other in zip(hectares, shares, strict=True):
        assert one["value_ha"] == pytest.approx(other["value_ha"], rel=1e-8)
        assert one["se_ha"] == pytest.approx(other["se_ha"], rel=1e-8)


def test_no_variance_between_areas_is_told(tmp_path: Path) -> None:
    """Law: where direct figures lie on the line, all figures are the model's, and it is said."""
    table = TOY.assign(direct_ha=["9", "12", "9", "18", "14", "", "3"], se_ha=["4"] * 5 + ["", "4"])
    assert told(tmp_path, table, TOY_FILE)["model"]["variance_between_areas"] == 0
    lines = estimate_design(tmp_path / "areas.csv", tmp_path / "file.toml", coverage=False, as_json=False)
    assert "every figure is the model's alone" in lines
    assert lines.count("[INDICATIVE]; synthetic") == 7


def test_pooled_variances_are_those_of_one_pool() -> None:
    """Brute force: the pooled unit variance is the within sum of squares over its degrees of freedom."""
    groups = [np.array([0.0, 0, 1, 0]), np.array([0.0, 0]), np.array([1.0, 1, 0])]
    n = np.array([len(one) for one in groups])
    variance = np.array([one.var(ddof=1) / len(one) for one in groups])
    within = sum(((one - one.mean()) ** 2).sum() for one in groups) / (n - 1).sum()
    np.testing.assert_allclose(pooled_variances(variance, n), within / n, rtol=1e-12)
    with pytest.raises(QualityGateError, match="too small for a model"):
        pooled_variances([0.0, 0.0], [4, 4])


def test_intervals_hold_on_average_in_simulated_countries() -> None:
    """Brute force: 300 countries of 40 districts, 8 of them unsampled; direct errors known, benchmark on."""
    rng = np.random.default_rng(8)
    x = np.column_stack([np.ones(40), rng.uniform(10, 60, 40)])
    held = []
    for _ in range(300):
        truth = x @ [20.0, 1.2] + rng.normal(0, 8, 40)
        psi = rng.uniform(20, 120, 40)
        y = truth + rng.normal(0, np.sqrt(psi))
        y[32:] = np.nan
        national = truth.sum() + rng.normal(0, 30)
        total = Estimate(value=national, se=30, lo=0, hi=1e5, n=100, method="direct")
        finish = Finish(total=total, area_ha=np.full(40, 1e4))
        figures = area_level_figures(y, psi, np.where(np.isnan(y), 0, 9), x, finish).figures
        held.append([one.lo <= t <= one.hi for one, t in zip(figures, truth, strict=True)])
    covered = np.array(held)
    assert 0.93 <= covered[:, :32].mean() <= 0.97
    assert 0.92 <= covered[:, 32:].mean() <= 0.98


@pytest.mark.parametrize(
    ("column", "row", "cell", "said"),
    [
        ("se_ha", 0, "0", None),
        ("se_ha", 0, "-1", r"column 'se_ha', row 2: found '-1'"),
        ("direct_ha", 0, "200", "more crop than the area"),
        ("area_ha", 0, "0", "above 0"),
        ("area_ha", 0, "90", r"areas of 690 ha in all; expected frame_ha, 700 ha"),
        ("area", 0, "b", "stands above already"),
        ("map_ha", 5, "", "row 7: found an empty cell"),
        ("n", 0, "", "an empty cell"),
    ],
)
def test_tables_that_cannot_be_are_refused(
    column: str, row: int, cell: str, said: str | None, tmp_path: Path
) -> None:
    """Hostile: each slip stops with its cell named; a zero error passes only where variances are smoothed."""
    table = TOY.copy()
    table.loc[row, column] = cell
    if said is None:
        assert told(tmp_path, table, TOY_FILE)
        with pytest.raises(InputError, match="smooth_variances = true"):
            told(tmp_path, table, TOY_FILE.replace("smooth_variances = true", ""))
        return
    with pytest.raises(AltdevError, match=said):
        told(tmp_path, table, TOY_FILE)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value_ha = 80", "value_ha = 800", "larger than frame_ha"),
        ('threshold_source = "rule of the test"', "", "needs its source"),
        ('se = "se_ha"', "", "needs se"),
        ("[total]", "[totals]", "unknown key"),
        ('"fay-herriot"', '"nested-error"', "needs population"),
        ('["map_ha"]', '["map_ha", "map_ha"]', "stands twice"),
    ],
)
def test_files_that_cannot_be_are_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Hostile: the file's own contradictions, exit 2."""
    with pytest.raises(SurveyFileError, match=said):
        told(tmp_path, TOY, TOY_FILE.replace(old, new))


def test_a_total_that_would_push_an_area_below_zero_or_above_itself_is_refused(tmp_path: Path) -> None:
    """Law: no area holds less than nothing or more than its hectares."""
    with pytest.raises(QualityGateError, match="fuller than they can be"):
        told(tmp_path, TOY, TOY_FILE.replace("value_ha = 80", "value_ha = 690"))


def test_by_the_verb(tmp_path: Path) -> None:
    """The command itself: lines, and a refusal of --coverage and of two kinds in one file."""
    told(tmp_path, TOY, TOY_FILE)
    call = ["estimate", str(tmp_path / "areas.csv"), "--design", str(tmp_path / "file.toml")]
    made = altdev(*call)
    assert (made.code, made.err) == (0, "")
    assert "[INDICATIVE]; synthetic" in made.out
    assert "straddles" in made.out
    refused = altdev(*call, "--coverage")
    assert refused.code == 2
    assert "a file with [small_areas]" in refused.err
    (tmp_path / "file.toml").write_text(TOY_FILE + '[design]\nmethod = "random"\nunits = 5\n')
    both = altdev(*call)
    assert both.code == 2
    assert "give each a file of its own" in both.err
