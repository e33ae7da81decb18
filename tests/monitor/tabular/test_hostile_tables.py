"""Hostile tables and design files: an answer or one plain refusal, never a traceback, a warning or a NaN."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from geo.errors import AltdevError
from monitor.tabular.cells import cell_dynamics
from monitor.tabular.compared import compare_series
from monitor.tabular.drawn import draw_from_table
from monitor.tabular.told import estimate_design

JUNK = (
    "", "NA", "nan", "inf", "-inf", "1e400", "1e308", "-1", "0", "abc", "1,5", "１２", '"x', "=1+1", "\u202e",
    "\x00", "999999999999999999999", "  3 ", "0x10", "None", "2001", "-0.0",
)  # fmt: skip
LINES = (
    "[", "x = 1", "[design]", "level = 2", "seed = -1", 'frame_ha = "a"', "[[province]]", "units = 1e99",
    "values = []", "totals = [nan]", "frame_ha = inf", 'unit = ""', 'title = "\\u202e"', "margins = { a = 1 }",
    "bounds = [2, 1]",
)  # fmt: skip
SAMPLE = pd.DataFrame(
    {
        "unit": [f"u{number}" for number in range(12)],
        "stratum": ["a"] * 6 + ["b"] * 6,
        "crop_ha": [0, 1, 2, 0, 3, 4, 0, 0, 5, 1, 2, 0],
        "map_ha": [1, 1, 2, 0, 3, 3, 0, 1, 5, 1, 2, 1],
        "x_m": range(12),
        "y_m": [number**2 % 7 for number in range(12)],
        "inclusion": [0.1] * 12,
        "group": ["g"] * 6 + ["h"] * 6,
        "seen": ["yes"] * 10 + ["no"] * 2,
    }
).astype(str)
STRATA = "stratum,size,total_map_ha,share\na,60,70,0.1\nb,60,80,0.2\n"
DESIGNS = {
    "random": 'method = "random"\nunits = 120',
    "strata": 'method = "random"\nstratum = "stratum"\nstrata = "strata.csv"',
    "spread": 'method = "spread"\nunits = 120',
    "systematic": 'method = "systematic"\nunits = 120',
    "unequal": 'method = "unequal"\nvariance = "brewer"',
}
ESTIMATORS = (
    "", 'domain = "group"\n', 'interval = "bootstrap-t"\n',
    'estimator = "ratio"\nauxiliary = ["map_ha"]\ntotals = [150]\n',
    'estimator = "regression"\nauxiliary = ["map_ha"]\ntotals = [150]\n',
    'estimator = "separate-ratio"\nauxiliary = ["map_ha"]\n',
    'estimator = "raked"\n[estimate.margins]\ngroup = { g = 70, h = 50 }\n',
)  # fmt: skip
RESPONSE = '[response]\nseen = "seen"\ngroup = "group"\ncapacity_ha = 100\n'


def refused_or_answered(call: Callable[[], str]) -> bool:
    """Return whether an answer came; anything but an answer or a refusal of ours fails the test."""
    told, refusal = "", ""
    try:
        told = call()
    except AltdevError as error:
        refusal = str(error)
    if not told:
        assert refusal
        assert "object at" not in refusal
        return False
    assert "NaN" not in told
    assert "Infinity" not in told
    return True


def declared(design: str, estimate: str, further: str = "") -> str:
    """Return a design file."""
    return f'frame_ha = 12000\n[design]\n{DESIGNS[design]}\n[estimate]\nvalues = ["crop_ha"]\n{estimate}{further}'


@pytest.mark.parametrize("design", DESIGNS)
def test_junk_in_samples_and_strata(design: str, tmp_path: Path) -> None:
    """Law: whatever stands in one cell, in a column or in the strata, nothing breaks; clean tables give figures."""
    rng, answers = random.Random(7), 0
    for estimate in ESTIMATORS:
        for turn in range(7):
            table, strata = SAMPLE.copy(), STRATA
            column = rng.choice(list(table.columns))
            if turn == 1:
                table[column] = rng.choice(JUNK)
            elif turn == 2:
                table = table[: rng.randrange(1, 4)]
            elif turn == 3:
                strata = strata.replace(rng.choice(["60", "a", "size", "70"]), rng.choice(JUNK), 1)
            elif turn > 3:
                table.loc[rng.randrange(12), column] = rng.choice(JUNK)
            further = RESPONSE if turn == 4 else ""
            (tmp_path / "design.toml").write_text(declared(design, estimate, further))
            (tmp_path / "strata.csv").write_text(strata)
            table.to_csv(tmp_path / "sample.csv", index=False)
            paths = (tmp_path / "sample.csv", tmp_path / "design.toml")
            answers += refused_or_answered(lambda p=paths: estimate_design(*p, coverage=False, as_json=True))
    assert answers >= 4


def test_junk_in_design_files(tmp_path: Path) -> None:
    """Law: a design file with a line taken out, put in or altered is read or refused."""
    rng = random.Random(8)
    SAMPLE.to_csv(tmp_path / "sample.csv", index=False)
    (tmp_path / "strata.csv").write_text(STRATA)
    whole = declared("strata", ESTIMATORS[3], RESPONSE) + "[sample]\nsize = 5\n"
    for _ in range(120):
        lines = whole.split("\n")
        at, act = rng.randrange(len(lines)), rng.randrange(3)
        if act == 0:
            del lines[at]
        elif act == 1:
            lines.insert(at, rng.choice(LINES))
        else:
            values = ("1", '"x"', "[]", "true", "-5", "1e400", "nan", "{}", "[[1]]", '""', "2020-01-01", "[nan]")
            lines[at] = lines[at].split("=")[0] + "= " + rng.choice(values)
        (tmp_path / "design.toml").write_text("\n".join(lines))
        paths = (tmp_path / "sample.csv", tmp_path / "design.toml")
        refused_or_answered(lambda p=paths: estimate_design(*p, coverage=False, as_json=True))
        refused_or_answered(lambda p=paths: draw_from_table(*p, out=None, overwrite=False, as_json=True))


def test_junk_in_series_and_cells(tmp_path: Path) -> None:
    """Law: so do series and cells by year, whatever the settings."""
    rng, answers = random.Random(9), 0
    series = [["year", "value_ha", "se_ha", "place"]] + [[str(2000 + k), str(100 + k), "5", "p"] for k in range(6)]
    cells = [["row", "col", "2019", "2020", "2021"], ["0", "0", "1", "2", "3"], ["0", "1", "0", "", "0"]]
    settings = (
        "permanence.window_years=3",
        "permanence.absent_years=2",
        "enclave.window_years=3",
        "enclave.min_years=2",
    )
    for _ in range(80):
        for rows, read in ((series, False), (cells, True)):
            changed = [list(row) for row in rows]
            for _ in range(rng.randrange(3)):
                row = changed[rng.randrange(len(changed))]
                row[rng.randrange(len(row))] = rng.choice(JUNK)
            path = tmp_path / "table.csv"
            path.write_text("\n".join(",".join(row) for row in changed))
            if read:
                answers += refused_or_answered(lambda p=path: cell_dynamics(p, settings=settings, as_json=True))
                continue
            given = {
                "correlation": rng.choice([0.0, 0.5, 0.999999]),
                "breaks": rng.choice([(), (2003.0,), (2003.0,) * 2]),
            }
            answers += refused_or_answered(
                lambda p=path, g=given: compare_series(p, percent_of="exact", level=0.95, as_json=True, **g)
            )
    assert answers >= 20


def test_answers_are_strict_json(tmp_path: Path) -> None:
    """Law: every answer is JSON that a strict reader takes, also without any crop."""
    (tmp_path / "design.toml").write_text(declared("random", ESTIMATORS[1]))
    SAMPLE.assign(crop_ha="0").to_csv(tmp_path / "sample.csv", index=False)
    told = estimate_design(tmp_path / "sample.csv", tmp_path / "design.toml", coverage=False, as_json=True)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    figure = json.loads(told, parse_constant=refuse)["estimates"][0]
    assert figure["value_ha"] == 0
    assert figure["hi_ha"] > 0
    assert figure["flags"] == ["LOW_COUNT"]


KINDS = {
    "small_areas": (
        (
            'frame_ha = 600\n[small_areas]\nmodel = "fay-herriot"\nvalue = "y"\nse = "s"\nsmooth_variances = true\n'
            'covariates = ["m"]\nthreshold_ha = 9\nthreshold_source = "x"\n[total]\nvalue_ha = 70\nse_ha = 5\n'
        ),
        {
            "table": "area,y,s,n,area_ha,m\na,10,2,5,100,9\nb,14,2,5,100,12\nc,8,2,5,100,9\nd,20,3,5,100,18\n"
            "e,13,2,5,100,14\nf,,,,100,11\n"
        },
    ),
    "nested": (
        (
            'frame_ha = 600\n[small_areas]\nmodel = "nested-error"\nvalue = "y"\ncovariates = ["m"]\n'
            'population = "other.csv"\n[total]\nvalue_ha = 70\nse_ha = 5\n'
        ),
        {
            "table": "area,y,m\na,1,1\na,2,3\nb,2,3\nb,4,4\nc,1,2\nc,0,1\n",
            "other": "area,units,area_ha,m\na,10,200,2\nb,10,200,3\nc,10,100,2\nd,10,100,1\n",
        },
    ),
    "production": (
        (
            '[production]\ncrop = "opium_poppy"\nproduct = "dry opium"\nkind = "harvestable"\nreference = "2024"\n'
            '[production.capsules]\nplots = "other.csv"\nvintage = "2024"\nsource = "x"\n'
            '[[production.conversion]]\nproduct = "heroin"\nvintage = "2019"\nunprocessed_high_t = 0.1\n'
        ),
        {
            "table": "place,value_ha,se_ha\na,100,10\nb,200,0\n",
            "other": "place,field,volume_cm3_m2\na,f,100\na,g,300\nb,h,200\nb,i,500\n",
        },
    ),
    "corrections": (
        (
            '[corrections]\ncrop = "coca"\nreference_date = 2024-12-31\nimage_date = "day"\n'
            'operations = "other.csv"\n'
            '[corrections.gaps]\ntable = "gaps.csv"\nring = "ring.csv"\n'
            '[corrections.small_lots]\nvalue = 0.1\nsource = "x"\n'
        ),
        {
            "table": "place,value_ha,se_ha,day\na,100,10,2024-08-01\nb,200,0,2024-08-02\n",
            "other": "place,method,date,overlap_ha,verified\na,manual,2024-09-01,5,yes\nb,spray,2024-09-01,5,no\n",
            "gaps": "place,gap_ha,previous_ha\na,50,5\n",
            "ring": "place,previous_ha,current_ha\na,5,6\na,7,5\n",
        },
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_junk_in_tables_of_figures(kind: str, tmp_path: Path) -> None:
    """Law: whatever stands in one cell or one line of the file, an answer or a plain refusal."""
    design, tables = KINDS[kind]
    rng, answers = random.Random(11), 0
    for turn in range(48):
        changed, text = {name: table.split("\n") for name, table in tables.items()}, design
        if turn % 3 == 1:
            rows = changed[rng.choice(list(changed))]
            at = rng.randrange(len(rows) - 1)
            cells = rows[at].split(",")
            cells[rng.randrange(len(cells))] = rng.choice(JUNK)
            rows[at] = ",".join(cells)
        elif turn % 3 == 2:
            lines = design.split("\n")
            at = rng.randrange(len(lines) - 1)
            values = ("1", '"x"', "[]", "true", "-5", "1e400", "nan", "{}", '""', "2020-01-01", "1e300", "0")
            lines[at] = rng.choice(("", rng.choice(LINES), lines[at].split("=")[0] + "= " + rng.choice(values)))
            text = "\n".join(lines)
        (tmp_path / "file.toml").write_text(text)
        for name, rows in changed.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(rows))
        paths = (tmp_path / "table.csv", tmp_path / "file.toml")
        answers += refused_or_answered(lambda p=paths: estimate_design(*p, coverage=False, as_json=True))
        refused_or_answered(lambda p=paths: estimate_design(*p, coverage=False, as_json=False))
    assert answers >= 16
