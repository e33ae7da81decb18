"""`altdev estimate SAMPLE.csv --design DESIGN.toml`: declared designs against R `survey` and published toys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.errors import InputError, QualityGateError, SurveyFileError
from monitor.tabular.told import estimate_design
from tests.monitor.conftest import altdev
from tests.shared import oracle, oracle_path

MASK = """
frame_ha = 46000
[design]
method = "random"
unit = "cell"
units = 40
[estimate]
values = ["poppy_ha"]
"""
CELLS = "cell,poppy_ha,mask_ha\na,40,400\nb,300,1200\nc,90,800\nd,700,2500\ne,30,600\nf,330,1500\n"


def write(folder: Path, design: str, sample: pd.DataFrame | str, **tables: pd.DataFrame | str) -> tuple[Path, Path]:
    """Write a design file, its sample and its further tables."""
    (folder / "design.toml").write_text(design)
    for name, table in {"sample": sample, **tables}.items():
        text = table if isinstance(table, str) else table.to_csv(index=False)
        (folder / f"{name}.csv").write_text(text)
    return folder / "sample.csv", folder / "design.toml"


def estimated(
    folder: Path, design: str, sample: pd.DataFrame | str, **tables: pd.DataFrame | str
) -> dict[str, Any]:
    """Return what the program says of a declared design."""
    paths = write(folder, design, sample, **tables)
    content: dict[str, Any] = json.loads(estimate_design(*paths, coverage=False, as_json=True))
    return content


def api(name: str) -> pd.DataFrame:
    """Return a sample of R `survey`, its auxiliary without dots in its name."""
    table = pd.read_csv(oracle_path("survey_api") / f"{name}.csv", dtype={"cds": str})
    return table.rename(columns={"api.stu": "api_stu", "sch.wide": "wide"})


def declared(design: str, estimate: str = "") -> str:
    """Return a design file whose variable is enrolment."""
    return f'frame_ha = 1e8\n[design]\nmethod = "random"\n{design}\n[estimate]\nvalues = ["enroll"]\n{estimate}'


STRATA = (
    "stratum,size,total_enroll,total_api99\nE,4421,1877350,2810017\nH,755,1013824,463021\nM,1018,920298,641031\n"
)
IN_STRATA = 'unit = "snum"\nweight = "pw"\nstratum = "stype"\nstrata = "strata.csv"'
SIMPLE = 'unit = "snum"\nunits = 6194'
CLUSTER = 'unit = "dnum"\nunits = 757\nweight = "pw"\nwhole_units = true'
TWO_STAGE = 'unit = "dnum"\nunits = 757\n[design.second_stage]\nunit = "snum"\nunits = "fpc2"'
CASES = {
    "simple random": ("apisrs", SIMPLE, "", ("srs", "total_enroll_fpc")),
    "stratified": ("apistrat", IN_STRATA, "", ("strat", "total_enroll")),
    "one-stage clusters": ("apiclus1", CLUSTER, "", ("clus1", "total_enroll")),
    "two-stage clusters": ("apiclus2", TWO_STAGE, "", ("clus2", "total_apistu")),
    "post-stratified": (
        "apiclus1",
        CLUSTER,
        'estimator = "post-stratified"\nmargins = { stype = { E = 4421, H = 755, M = 1018 } }',
        ("poststrat", "clus1_total_enroll"),
    ),
    "raked": (
        "apiclus1",
        CLUSTER,
        'estimator = "raked"\n[estimate.margins]\nstype = {E=4421, H=755, M=1018}\nwide = {No=1072, Yes=5122}',
        ("rake", "clus1_total_enroll"),
    ),
    "regression": (
        "apisrs",
        SIMPLE,
        'estimator = "regression"\nauxiliary = ["api99"]\ntotals = [3914069]',
        ("calibrate", "srs_regression_api99", "total_enroll"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_declared_designs_against_r_survey(name: str, tmp_path: Path) -> None:
    """Oracle: total enrolment and its standard error as R `survey` 4.1.1 gives them."""
    table, design, estimate, way = CASES[name]
    expected = oracle("survey_api")
    for key in way:
        expected = expected[key]
    sample = api(table)
    # enrolment is missing in some schools of the two-stage sample, students tested in none
    sample["enroll"] = sample["api_stu"] if way[-1] == "total_apistu" else sample["enroll"]
    found = estimated(tmp_path, declared(design, estimate), sample, strata=STRATA)["estimates"][0]
    assert found["value_ha"] == pytest.approx(expected["est"], rel=1e-10)
    assert found["se_ha"] == pytest.approx(expected["se"], rel=1e-10)
    # negative control: one value altered is noticed
    sample.loc[sample.index[3], "enroll"] += 50
    other = estimated(tmp_path, declared(design, estimate), sample, strata=STRATA)["estimates"][0]
    assert other["value_ha"] != pytest.approx(expected["est"], rel=1e-10)


def test_replicate_variances_against_r_survey(tmp_path: Path) -> None:
    """Oracle: R `survey`, JK1 of clusters, JKn of a ratio in strata; the bootstrap is near the linearised one."""
    known = oracle("survey_api")["replicate"]
    jack = 'replicates = "jackknife"\n'
    found = estimated(tmp_path, declared(CLUSTER, jack), api("apiclus1"))["estimates"][0]
    assert found["se_ha"] == pytest.approx(known["jk1_clus1_total_enroll"]["se"], rel=1e-10)
    assert found["method"].startswith("expansion; jackknife JK1")
    ratio = jack + 'estimator = "ratio"\nauxiliary = ["enroll"]\ntotals = [1000]\n'
    text = declared(IN_STRATA, ratio).replace('values = ["enroll"]', 'values = ["api_stu"]')
    endless = "stratum,size\nE,4421000000000\nH,755000000000\nM,1018000000000\n"  # R's has no correction
    found = estimated(tmp_path, text, api("apistrat"), strata=endless)["estimates"][0]
    assert found["se_ha"] == pytest.approx(1000 * known["jkn_strat_ratio"]["se"], rel=1e-8)
    boot = estimated(tmp_path, declared(SIMPLE, 'replicates = "bootstrap"'), api("apisrs"))["estimates"][0]
    plain = estimated(tmp_path, declared(SIMPLE), api("apisrs"))["estimates"][0]
    assert boot["value_ha"] == plain["value_ha"]
    assert boot["se_ha"] == pytest.approx(plain["se_ha"], rel=0.06)
    assert boot["se_ha"] != plain["se_ha"]
    with pytest.raises(SurveyFileError, match="replicates go with"):
        estimated(
            tmp_path, declared(SIMPLE, jack + 'estimator = "regression"\nauxiliary=["api99"]\ntotals=[1]'), CELLS
        )
    spread = declared(SIMPLE, jack).replace('"random"', '"systematic"')
    with pytest.raises(SurveyFileError, match="a design other than a random sample"):
        estimated(tmp_path, spread, api("apisrs").assign(x_m=range(200), y_m=0))


@pytest.mark.parametrize("kind", ["combined", "separate"])
def test_ratio_totals_against_r_survey(kind: str, tmp_path: Path) -> None:
    """Oracle: combined and separate ratio of students tested, the enrolment of the strata known."""
    expected = oracle("survey_api")["strat"][f"{kind}_ratio_total"]
    estimator = "ratio" if kind == "combined" else "separate-ratio"
    totals = "totals = [3811472]" if kind == "combined" else ""
    text = declared(IN_STRATA, f'estimator = "{estimator}"\nauxiliary = ["enroll"]\n{totals}')
    found = estimated(
        tmp_path, text.replace('values = ["enroll"]', 'values = ["api_stu"]'), api("apistrat"), strata=STRATA
    )
    assert found["estimates"][0]["value_ha"] == pytest.approx(expected["est"], rel=1e-10)
    assert found["estimates"][0]["se_ha"] == pytest.approx(expected["se"], rel=1e-10)


def test_domains_against_r_survey(tmp_path: Path) -> None:
    """Oracle: domain totals by zero extension; they add up to the frame's."""
    expected = oracle("survey_api")["strat"]["domain_total_enroll_by_schwide"]
    rows = estimated(tmp_path, declared(IN_STRATA, 'domain = "wide"'), api("apistrat"), strata=STRATA)["estimates"]
    by_domain = {row["domain"]: row for row in rows}
    for place in ("No", "Yes"):
        assert by_domain[place]["value_ha"] == pytest.approx(expected["est"][place], rel=1e-10)
        assert by_domain[place]["se_ha"] == pytest.approx(expected["se"][place], rel=1e-10)
    assert by_domain["No"]["value_ha"] + by_domain["Yes"]["value_ha"] == pytest.approx(by_domain[None]["value_ha"])


@pytest.mark.parametrize(
    ("variance", "key"),
    [("sen-yates-grundy", "dYG"), ("brewer", "dbr"), ("hansen-hurwitz", "dwr"), ("hartley-rao", None)],
)
def test_unequal_probabilities_with_joint_ones(variance: str, key: str | None, tmp_path: Path) -> None:
    """Oracle: votes in 40 counties drawn with unequal probabilities; the joint ones in a table of their own."""
    expected = oracle("survey_api")["pps"]
    sample = pd.read_csv(oracle_path("survey_api") / "election_pps.csv").rename(columns={"p": "inclusion"})
    pairs = np.loadtxt(oracle_path("survey_api") / "election_jointprob.csv", delimiter=",")
    turned = np.random.default_rng(1).permutation(40)
    names = sample["row"].to_numpy()[turned]
    joint = pd.DataFrame(pairs[np.ix_(turned, turned)], columns=names)
    joint.insert(0, "row", names)
    text = (
        'frame_ha = 1e9\n[design]\nmethod = "unequal"\nunit = "row"\n'
        f'joint = "joint.csv"\nvariance = "{variance}"\n[estimate]\nvalues = ["Bush"]'
    )
    found = estimated(tmp_path, text, sample, joint=joint)["estimates"][0]
    assert found["value_ha"] == pytest.approx(expected["dYG"]["Bush"]["est"], rel=1e-10)
    if key is not None:
        assert found["se_ha"] == pytest.approx(expected[key]["Bush"]["se"], rel=1e-8)
    if variance == "brewer":
        with pytest.raises(InputError, match=r"joint.csv: found 1 drawn units that the sample lacks \("):
            estimated(tmp_path, text, sample.iloc[1:], joint=joint)
        text = text.replace('joint = "joint.csv"\nvariance = "brewer"\n', "")
        with pytest.raises(QualityGateError, match="no joint probabilities"):
            estimated(tmp_path, text, sample)


def test_agricultural_mask_and_its_buffers(tmp_path: Path) -> None:
    """Oracle: the published toy of the Afghan ratio estimator, and how it moves with the mask's buffer."""
    ratio = MASK + 'estimator = "ratio"\nauxiliary = ["mask_ha"]\ntotals = [46000]\n'
    buffers = """
[[mask]]
buffer_m = 0
mask = "mask_ha"
crop = "poppy_ha"
total_ha = 46000
[[mask]]
buffer_m = 30
mask = "wide_ha"
crop = "poppy_ha"
total_ha = 52000
"""
    cells = pd.read_csv(pd.io.common.StringIO(CELLS)).assign(wide_ha=[460, 1300, 900, 2700, 700, 1640])
    content = estimated(tmp_path, ratio + buffers, cells)
    found = content["estimates"][0]
    assert (round(found["value_ha"], 2), round(found["se_ha"], 2)) == (9791.43, 1458.73)
    first, second = content["mask_sensitivity"]
    assert first["change"] == 0
    assert second["value_ha"] == pytest.approx(52000 * 1490 / 7700, rel=1e-12)
    assert second["change"] == pytest.approx(52000 * 1490 / 7700 / found["value_ha"] - 1, rel=1e-12)
    nothing = estimated(tmp_path, ratio + buffers, cells.assign(poppy_ha=0))["mask_sensitivity"]
    assert [row["change"] for row in nothing] == [None, None]
    plain = estimated(tmp_path, MASK, cells)["estimates"][0]
    assert (round(plain["value_ha"], 2), round(plain["se_ha"], 2)) == (9933.33, 3864.79)


def test_cloud_is_adjusted_and_bounded(tmp_path: Path) -> None:
    """Oracle: two-phase response adjustment as R `survey`'s twophase; what was imputed stands beside it."""
    sample = pd.read_csv(oracle_path("nonresponse_mi") / "apisrs_resp.csv")
    sample["snum"] = np.arange(len(sample))
    column = next(name for name in sample.columns if name.lower().startswith("resp"))
    sample["seen"] = np.where(sample[column].astype(str).str.lower().isin(["1", "true"]), "yes", "no")
    sample.loc[sample["seen"] == "no", "enroll"] = np.nan
    text = declared(SIMPLE) + '[response]\nseen = "seen"\ngroup = "stype"\ncapacity_ha = 5000\n'
    content = estimated(tmp_path, text, sample)
    found, missing = content["estimates"][0], content["not_seen"][0]
    assert found["value_ha"] == pytest.approx(3496963.42687, rel=1e-9)
    assert found["se_ha"] == pytest.approx(185260.705547, rel=1e-9)
    assert missing["lower_bound_ha"] < found["value_ha"] < missing["upper_bound_ha"]
    assert missing["share_imputed"] == pytest.approx(1 - missing["lower_bound_ha"] / found["value_ha"])
    with pytest.raises(InputError, match="column 'enroll', row"):
        estimated(tmp_path, text, sample.assign(seen="yes", enroll=[np.nan, *sample["enroll"].fillna(1)[1:]]))


def test_two_phases(tmp_path: Path) -> None:
    """Closed form: the difference estimator with an auxiliary known for a larger first sample."""
    rng = np.random.default_rng(2)
    x = rng.gamma(2.0, 3.0, 60).round(3)
    y = (x[:20] + rng.normal(0, 1, 20)).clip(0).round(3)
    first = pd.DataFrame({"unit": range(60), "map_ha": x})
    second = pd.DataFrame({"unit": range(20), "map_ha": x[:20], "crop_ha": y})
    text = (
        'frame_ha = 1e6\n[design]\nmethod = "random"\nunits = 900\n[first_phase]\ntable = "first.csv"\n'
        '[estimate]\nvalues = ["crop_ha"]\nestimator = "difference"\nauxiliary = ["map_ha"]\n'
    )
    found = estimated(tmp_path, text, second, first=first)["estimates"][0]
    e = y - x[:20]
    variance = 900**2 * ((1 / 60 - 1 / 900) * y.var(ddof=1) + (1 / 20 - 1 / 60) * e.var(ddof=1))
    assert found["value_ha"] == pytest.approx(900 * (x.mean() + e.mean()), rel=1e-12)
    assert found["se_ha"] == pytest.approx(variance**0.5, rel=1e-12)


def test_placed_samples_name_their_variance(tmp_path: Path) -> None:
    """Law: spread and systematic samples say how they were placed and what stands in for their variance."""
    rng = np.random.default_rng(5)
    xy = rng.uniform(0, 50_000, (80, 2)).round(1)
    sample = pd.DataFrame({"unit": range(80), "x_m": xy[:, 0], "y_m": xy[:, 1], "crop_ha": rng.gamma(1.0, 5.0, 80)})
    sample["place"] = rng.permutation(80)
    head = 'frame_ha = 1e6\n[design]\nunits = 8000\n{}\n[estimate]\nvalues = ["crop_ha"]\n'
    wanted = {
        'method = "spread"': "larger of local-mean and nearest-pair",
        'method = "spread"\nvariance = "local-mean"': "spread sample, local-mean",
        'method = "spread"\nvariance = "simple-random"': "spread sample, simple-random variance (too large",
        'method = "systematic"': "systematic sample, local-mean",
        'method = "systematic"\norder = "place"\nvariance = "successive-difference"': "systematic; successive",
    }
    values = set()
    for words, method in wanted.items():
        found = estimated(tmp_path, head.format(words), sample)["estimates"][0]
        assert method in found["method"]
        values.add(round(found["value_ha"], 6))
    assert values == {round(100 * sample["crop_ha"].sum(), 6)}
    with pytest.raises(SurveyFileError, match="name variance"):
        estimated(tmp_path, head.format('method = "systematic"\norder = "place"'), sample)


NATION = """
frame_ha = 300000
province_column = "province"
[estimate]
values = ["poppy_ha"]
estimator = "ratio"
auxiliary = ["mask_ha"]
[[province]]
name = "North"
coverage = "sampled"
frame_ha = 100000
totals = [46000]
design = { method = "random", unit = "cell", units = 40 }
[[province]]
name = "East"
coverage = "target"
frame_ha = 150000
value_ha = { poppy_ha = 1200 }
se_ha = { poppy_ha = 30 }
[[province]]
name = "South"
coverage = "village-survey"
frame_ha = 50000
value_ha = { poppy_ha = 400 }
se_ha = { poppy_ha = 90 }
villages = 24
"""


def test_mixed_national_design(tmp_path: Path) -> None:
    """Law: values and variances of provinces add; villages make it indicative; no province is left out silently."""
    cells = pd.read_csv(pd.io.common.StringIO(CELLS)).assign(province="North")
    rows = {row["domain"]: row for row in estimated(tmp_path, NATION, cells)["estimates"]}
    north = rows["North"]
    assert (round(north["value_ha"], 2), round(north["se_ha"], 2)) == (9791.43, 1458.73)
    assert rows[None]["value_ha"] == pytest.approx(north["value_ha"] + 1600, rel=1e-12)
    assert rows[None]["se_ha"] == pytest.approx((north["se_ha"] ** 2 + 30**2 + 90**2) ** 0.5, rel=1e-12)
    assert "INDICATIVE" in rows[None]["flags"]
    assert "INDICATIVE" in rows["South"]["flags"]
    assert "INDICATIVE" not in rows["East"]["flags"]
    with pytest.raises(QualityGateError, match="provinces of 250,000 ha"):
        estimated(tmp_path, NATION.split('[[province]]\nname = "South"')[0], cells)
    with pytest.raises(InputError, match="rows of province 'West'"):
        estimated(tmp_path, NATION, pd.concat([cells, cells.assign(province="West")]))


def test_misreading_is_carried_into_the_interval(tmp_path: Path) -> None:
    """Closed form: Rogan and Gladen's correction beside the figure as read, with a wider interval."""
    text = MASK + "[misreading.poppy_ha]\nhits = 90\nof_crop = 100\nrejections = 990\nof_others = 1000\n"
    read, corrected = estimated(tmp_path, text, CELLS)["estimates"]
    assert (read["as_read"], corrected["as_read"]) == (True, False)
    assert corrected["value_ha"] == pytest.approx((read["value_ha"] - 0.01 * 46000) / 0.89, rel=1e-12)
    assert corrected["se_ha"] > read["se_ha"] / 0.89
    assert "corrected for misreading" in corrected["method"]


def test_bootstrap_t_is_reproducible_and_coverage_is_told(tmp_path: Path) -> None:
    """Law: the same seed gives the same limits, another one others; coverage stands beside the figure."""
    rng = np.random.default_rng(7)
    sample = pd.DataFrame({"unit": range(60), "crop_ha": np.where(rng.random(60) < 0.4, rng.gamma(2, 4, 60), 0.0)})
    text = 'frame_ha = 1e5\n[design]\nmethod = "random"\nunits = 1000\n[estimate]\nvalues = ["crop_ha"]\n'
    boot = text + 'interval = "bootstrap-t"\n'
    first, again = (estimated(tmp_path, boot, sample)["estimates"][0] for _ in range(2))
    other = estimated(tmp_path, "seed = 9\n" + boot, sample)["estimates"][0]
    assert first == again
    assert first["hi_ha"] != other["hi_ha"]
    assert "bootstrap-t" in first["method"]
    paths = write(tmp_path, text, sample)
    told = json.loads(estimate_design(*paths, coverage=True, as_json=True))
    scenarios = {row["scenario"]: row for row in told["coverage"]}
    assert scenarios["resampled"]["truth_ha"] == pytest.approx(told["estimates"][0]["value_ha"], rel=1e-12)
    assert scenarios["pessimistic"]["truth_ha"] > scenarios["resampled"]["truth_ha"]
    assert all(0.85 < row["covered"] <= 1 for row in scenarios.values())
    assert "held the truth in" in estimate_design(*paths, coverage=True, as_json=False).splitlines()[0]
    with pytest.raises(SurveyFileError, match="no bootstrap inside"):
        estimate_design(*write(tmp_path, boot, sample), coverage=True, as_json=True)


REFUSED = {
    "an unsampled stratum": (5, IN_STRATA, {"strata": STRATA + "X,10,1,1\n"}, {}, "stratum 'X'"),
    "a one-unit stratum": (
        5, IN_STRATA, {}, {"": lambda t: t[(t.stype != "H") | ~t.stype.duplicated()]}, "stratum 'H': found one",
    ),
    "strata that do not add up": (5, IN_STRATA + "\nunits = 6000", {}, {}, "6,194 units in all"),
    "an area that does not add up": (
        5, IN_STRATA, {"strata": "stratum,size,area_ha\nE,4421,1\nH,755,1\nM,1018,1\n"}, {}, "the frame's",
    ),
    "a stratum outside the table": (
        3, IN_STRATA, {}, {"": lambda t: t.assign(stype=["Q", *t.stype[1:]])},
        "sample.csv, column 'stype', row 2: found stratum 'Q'; expected one of the strata of strata.csv",
    ),
    "a duplicated unit": (3, IN_STRATA, {}, {"": lambda t: pd.concat([t, t[:1]])}, "stands above already"),
    "a negative size": (3, IN_STRATA, {"strata": STRATA.replace("755,", "-755,")}, {}, "a number of 1 or more"),
    "a missing size": (3, IN_STRATA, {"strata": STRATA.replace("755,", ",")}, {}, "an empty cell"),
    "a negative value": (3, IN_STRATA, {}, {"": lambda t: t.assign(enroll=-1)}, "a number of 0 or more"),
    "more in a unit than in the frame": (3, IN_STRATA, {}, {"": lambda t: t.assign(enroll=1e300)}, "up to 1e+08"),
    "more in all than in the frame": (3, IN_STRATA, {}, {"": lambda t: t.assign(enroll=9e7)}, "in the sample"),
    "a missing value": (3, IN_STRATA, {}, {"": lambda t: t.assign(enroll="")}, "missing is not zero"),
    "a frame smaller than its sample": (3, 'unit = "snum"\nunits = 5', {}, {}, "200 units drawn from a frame of 5"),
    "a weight that is none": (3, IN_STRATA, {}, {"": lambda t: t.assign(pw=0)}, "a number above 0"),
    "a probability as weight": (3, IN_STRATA, {}, {"": lambda t: t.assign(pw=0.1)}, "weights of 1 or more"),
    "a missing column": (3, 'unit = "nothing"\nunits = 6194', {}, {}, "a column 'nothing'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    """Law: each fault of a design or a table stops with a plain sentence and its exit code, nothing on stdout."""
    code, design, tables, change, words = REFUSED[name]
    sample = pd.DataFrame(
        {"snum": range(200), "stype": ["E"] * 100 + ["H"] * 50 + ["M"] * 50, "enroll": np.arange(200.0), "pw": 30}
    )
    for alter in change.values():
        sample = alter(sample)
    paths = write(tmp_path, declared(design), sample, **({"strata": STRATA} | tables))
    with pytest.raises((InputError, QualityGateError, SurveyFileError)) as raised:
        estimate_design(*paths, coverage=False, as_json=True)
    assert raised.value.exit_code == code
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frame_ha = -1\n", "[frame_ha]"),
        (MASK + 'estimator = "ratio"\n', "ratio needs auxiliary"),
        (MASK.replace('"random"', '"at will"'), "method"),
        (MASK.replace("units = 40", ""), "give units"),
        (MASK + "[weather]\n", "unknown key"),
        (MASK.replace("units = 40", 'units = 40\nvariance = "brewer"'), "variance with method random"),
        (MASK + '[response]\nseen = "s"\ngroup = "g"\n', "capacity_ha"),
        ("frame_ha = [", "not TOML"),
        (MASK + 'estimator = "hajek"\nauxiliary = ["mask_ha"]\n', "hajek uses no auxiliary"),
        (MASK + "bounds = [0.5, 2]\n", "neither distance nor bounds"),
        (
            MASK + 'estimator = "difference"\nauxiliary = ["mask_ha"]\ntotals = [1]\ndomain = "d"\n',
            "would not add up",
        ),
        (MASK.replace("units = 40", 'units = 40\njoint = "j.csv"'), "joint goes with method unequal"),
        (
            NATION.replace('estimator = "ratio"', 'estimator = "ratio"\ninterval = "t"'),
            "skew-corrected limits",
        ),
        (
            MASK + "[misreading.coca_ha]\nhits = 1\nof_crop = 1\nrejections = 1\nof_others = 1\n",
            "misreading.coca_ha",
        ),
    ],
)
def test_wrong_design_files(text: str, words: str, tmp_path: Path) -> None:
    """Law: a design file that cannot be is refused with its key (exit 2), before any table is read."""
    paths = write(tmp_path, text, CELLS)
    with pytest.raises(SurveyFileError) as raised:
        estimate_design(*paths, coverage=False, as_json=True)
    assert words in str(raised.value)


def test_command_line(tmp_path: Path) -> None:
    """Law: the verb prints the figure with its interval; flags without effect are refused; no traceback."""
    sample, design = write(tmp_path, MASK, CELLS)
    done = altdev("estimate", sample, "--design", design)
    assert done.code == 0
    assert "poppy_ha: 9,933.33 ha (nominal 95 % interval" in done.out
    refused = altdev("estimate", sample, "--design", design, "--level", "0.9", "--strata", sample)
    assert refused.code == 2
    assert refused.err.count("say it in the design file") == 2
    lost = altdev("estimate", sample, "--design", tmp_path / "none.toml")
    assert (lost.code, "Traceback" in lost.err) == (3, False)
