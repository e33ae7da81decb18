"""`altdev estimate AREAS.csv --design FILE.toml` with ``[corrections]``: the ledger from tables."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from geo.errors import AltdevError, InputError, QualityGateError, SurveyFileError
from monitor.tabular.told import estimate_design
from tests.monitor.conftest import altdev
from tests.shared import oracle

AREAS = pd.DataFrame(
    {
        "place": ["gap", "cleared"],
        "value_ha": ["540", "1000"],
        "se_ha": ["30", "50"],
        "image_date": ["2024-08-01", "2024-08-01"],
        "area_ha": ["20000", "5000"],
    }
)
RING = "place,previous_ha,current_ha\n" + "".join(
    f"gap,{x},{y}\n" for x, y in zip([120, 80, 45, 200, 10], [150, 70, 60, 260, 0], strict=True)
)
GAPS = "place,gap_ha,previous_ha\ngap,900,35\n"
OPERATIONS = (
    "place,method,date,overlap_ha,verified,reported_ha\ncleared,manual,2024-10-05,33,yes,60\n"
    "cleared,manual,2024-06-10,22,yes,22\ncleared,manual,2025-01-20,50,yes,50\ncleared,spray,2024-11-01,40,no,90\n"
)
GAP = '[corrections.gaps]\ntable = "gaps.csv"\nring = "ring.csv"\n'
EFFECTS = (
    '[corrections.parameter.eradication.manual_effect]\nvalue = 0.95\nse = 0.02\nsource = "trial"\n'
    '[corrections.parameter.eradication.replanting_share]\nvalue = 0.3\nse = 0.05\nsource = "visits"\n'
)
HEAD = '[corrections]\ncrop = "coca"\nreference_date = 2024-12-31\n'
FULL = HEAD + 'image_date = "image_date"\noperations = "operations.csv"\narea = "area_ha"\n' + GAP + EFFECTS


def told(folder: Path, design: str, areas: pd.DataFrame = AREAS, **tables: str) -> dict[str, Any]:
    """Return what the program says of a table and its file."""
    (folder / "file.toml").write_text(design)
    areas.to_csv(folder / "areas.csv", index=False)
    for name, text in {"ring": RING, "gaps": GAPS, "operations": OPERATIONS, **tables}.items():
        (folder / f"{name}.csv").write_text(text)
    paths = (folder / "areas.csv", folder / "file.toml")
    content: dict[str, Any] = json.loads(estimate_design(*paths, coverage=False, as_json=True))
    return content


def place(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of one place."""
    return next(one for one in content["corrections"] if one["place"] == name)


def test_a_gap_is_imputed_with_its_share_and_bounds(tmp_path: Path) -> None:
    """Oracle: 41.538 ha in the gap, 581.538 ha in all, bounds 540 and 1,440 ha; both figures stay."""
    known = oracle("nonresponse_mi")["area_without_information"]
    found = place(told(tmp_path, HEAD + GAP), "gap")
    assert found["interpreted"]["value_ha"] == 540
    assert found["gap"]["imputed_ha"] == pytest.approx(known["imputed_gap_ha"], rel=1e-12)
    assert found["corrected"]["value_ha"] == pytest.approx(known["total_ha"], rel=1e-12)
    assert found["gap"]["share_imputed"] == pytest.approx(known["share_imputed"], rel=1e-12)
    assert [found["gap"]["lower_bound_ha"], found["gap"]["upper_bound_ha"]] == known["worst_case_bounds_ha"]
    assert found["gap"]["se_ha"] == pytest.approx(known["prediction_se"], rel=1e-12)
    applied = [term["value_ha"] for term in found["terms"] if term["applied"]]
    assert 540 + sum(applied) == pytest.approx(found["corrected"]["value_ha"], rel=1e-12)
    moved = place(told(tmp_path, HEAD + GAP, ring=RING.replace("gap,80,70", "gap,80,71")), "gap")
    assert moved["gap"]["imputed_ha"] != pytest.approx(found["gap"]["imputed_ha"], rel=1e-6)


def test_eradication_is_dated_and_counted_once(tmp_path: Path) -> None:
    """Oracle: 978.055 ha net; before the image nothing, after the reference date nothing, claims nothing."""
    known = oracle("nonresponse_mi")["eradication_cutoff"]
    found = place(told(tmp_path, FULL), "cleared")
    assert found["corrected"]["value_ha"] == pytest.approx(known["net_ha"], rel=1e-12)
    assert found["interpreted"]["value_ha"] == 1000
    taken = [term for term in found["terms"] if term["term"] in ("manual", "spray")]
    assert [term["applied"] for term in taken] == [True, False, False, False]
    assert "already seen" in taken[1]["source"]
    assert "after the reference date" in taken[2]["source"]
    assert "claimed, not verified" in taken[3]["source"]
    # reported hectares are kept apart: another claim changes nothing
    other = told(tmp_path, FULL, operations=OPERATIONS.replace(",yes,60", ",yes,600"))
    assert place(other, "cleared")["corrected"] == found["corrected"]
    scale = 0.978055
    errors = [33 * 0.7 * 0.02, 33 * 0.95 * 0.05]
    assert found["corrected"]["se_ha"] == pytest.approx(math.hypot(scale * 50, *errors), rel=1e-12)


def test_age_and_small_lots_by_arithmetic(tmp_path: Path) -> None:
    """Law: area x rate x days / 365 for each image; small lots a share; one image is the sum of its parts."""
    lots = '[corrections.small_lots]\nvalue = 0.05\nse = 0.01\nsource = "visits"\n'
    rate = '[corrections.yearly_change]\nvalue = 0.1\nsource = "last year"\n'
    one = told(tmp_path, HEAD + 'image_date = "image_date"\n' + lots + rate)
    terms = {term["term"]: term for term in place(one, "cleared")["terms"]}
    assert terms["age"]["value_ha"] == pytest.approx(1000 * 0.1 * 152 / 365, rel=1e-12)
    assert terms["small_lots"]["value_ha"] == pytest.approx(50)
    assert terms["small_lots"]["se_ha"] == pytest.approx(10)
    images = "place,image_date,area_ha\ngap,2024-08-01,540\ncleared,2024-08-01,400\ncleared,2024-12-31,600\n"
    parts = told(tmp_path, HEAD + 'images = "images.csv"\n' + rate, images=images)
    assert place(parts, "cleared")["terms"][0]["value_ha"] == pytest.approx(400 * 0.1 * 152 / 365, rel=1e-12)
    with pytest.raises(InputError, match=r"place 'cleared': found images of 900 ha.*1,000 ha"):
        told(tmp_path, HEAD + 'images = "images.csv"\n' + rate, images=images.replace(",600", ",500"))


def test_the_total_shares_one_parameters_error(tmp_path: Path) -> None:
    """Law: one share for two places is one number: its errors add as they are, interpretation errors in squares."""
    lots = '[corrections.small_lots]\nvalue = 0.05\nse = 0.01\nsource = "visits"\n'
    total = told(tmp_path, HEAD + lots)["total"]
    assert total["interpreted"]["value_ha"] == 1540
    assert total["corrected"]["value_ha"] == pytest.approx(1540 * 1.05)
    whole = math.hypot(1.05 * math.hypot(30, 50), 0.01 * 1540)
    assert total["corrected"]["se_ha"] == pytest.approx(whole, rel=1e-12)
    given = told(tmp_path, HEAD + lots + "[total]\nvalue_ha = 1540\nse_ha = 80\n")["total"]
    assert given["corrected"]["se_ha"] == pytest.approx(math.hypot(1.05 * 80, 15.4), rel=1e-12)
    with pytest.raises(QualityGateError, match="the domains' sum"):
        told(tmp_path, HEAD + lots + "[total]\nvalue_ha = 1500\nse_ha = 80\n")


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("operations", "manual,2024-10-05,33", "manual,2024-10-05,3300", "dissolve overlapping polygons"),
        ("operations", "2024-10-05", "05.10.2024", "a day as 2024-05-31"),
        ("operations", ",33,yes", ",33,perhaps", "yes or no"),
        ("operations", "manual,2024-10-05", "burnt,2024-10-05", "spray or manual"),
        ("operations", "cleared,spray", "elsewhere,spray", "a place without a figure"),
        (
            "operations",
            "cleared,manual,2024-06-10,22,yes,22",
            "cleared,manual,2024-10-05,33,yes,60",
            "stands above",
        ),
        ("operations", ",33,", ",-33,", "0 or more"),
        ("gaps", "gap,900,35", "gap,30,35", "more crop last year than the gap has area"),
        ("gaps", "gap,900,35", "gap,90000,35", "at most its 20,000 ha"),
        ("gaps", "gap,900,35", "cleared,900,35", "a place without a figure"),
        ("ring", "gap,120,150\ngap,80,70\ngap,45,60\ngap,200,260\n", "", "widen the ring"),
        ("ring", "gap,80,70", "gap,80,", "an empty cell"),
    ],
)
def test_tables_that_cannot_be_are_refused(table: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    """Hostile: each slip stops with its row, or with the cure of the contradiction."""
    tables = {"ring": RING, "gaps": GAPS, "operations": OPERATIONS}
    assert old in tables[table]
    with pytest.raises(AltdevError, match=said):
        told(tmp_path, FULL, **{table: tables[table].replace(old, new, 1)})


@pytest.mark.parametrize(
    ("design", "said"),
    [
        (HEAD, "nothing to weigh"),
        (HEAD + 'operations = "operations.csv"\n', "what came before an image is in it"),
        (HEAD + 'images = "i.csv"\nimage_date = "image_date"\n' + GAP, "give one of"),
        (FULL.replace("manual_effect", "magic"), "an unknown key"),
        (FULL.replace("value = 0.3", "value = 3"), "a share of 0 to 1"),
    ],
)
def test_files_that_cannot_be_are_refused(design: str, said: str, tmp_path: Path) -> None:
    """Hostile: the file's own contradictions."""
    with pytest.raises((SurveyFileError, InputError), match=said):
        told(tmp_path, design)


def test_by_the_verb(tmp_path: Path) -> None:
    """The command itself: interpreted and corrected figures with their intervals, every term between them."""
    told(tmp_path, FULL)
    made = altdev("estimate", tmp_path / "areas.csv", "--design", tmp_path / "file.toml")
    assert (made.code, made.err) == (0, "")
    assert "gap, interpreted: 540.00 ha (95 % interval" in made.out
    assert "7.1 % of what stood at the image is imputed" in made.out
    assert "full of crop 1,440.00 ha" in made.out
    assert "cleared, corrected to 2024-12-31: 978.05 ha (95 % interval" in made.out
    assert "(not applied)" in made.out
