"""`altdev compare CELLS.csv --cells`: permanence, enclaves and concentration with their parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geo.errors import InputError, SurveyFileError
from monitor.tabular.cells import cell_dynamics
from tests.monitor.conftest import altdev

RULES = (
    "permanence.window_years=4",
    "permanence.absent_years=3",
    "permanence.expansion_years=1",
    "permanence.long_affected_years=4",
    "enclave.window_years=3",
    "enclave.min_years=2",
    "enclave.density_ha_km2=10",
)
CELLS = """row,col,areacoca_2019,areacoca2020,coca2021_,2022
0,0,12,12,12,12
0,1,11,11,0,11
0,2,5,0,0,0
1,4,0,0,0,3
2,4,0,,0,0
3,4,0,0,0,0
3,0,0,20,20,0
"""


def found(folder: Path, text: str = CELLS, settings: tuple[str, ...] = RULES) -> dict[str, Any]:
    """Return what the program says of cells."""
    (folder / "cells.csv").write_text(text)
    content: dict[str, Any] = json.loads(cell_dynamics(folder / "cells.csv", settings=settings, as_json=True))
    return content


def test_classes_enclaves_and_concentration_by_hand(tmp_path: Path) -> None:
    """By hand: seven cells, the irregular column names of the official grid, a year not surveyed."""
    content = found(tmp_path)
    classes = {row["cell"]: row["class"] for row in content["by_cell"]}
    assert classes == {
        "0/0": "permanent", "0/1": "intermittent", "0/2": "abandoned", "1/4": "expansion", "2/4": "unknown",
        "3/4": "unaffected", "3/0": "intermittent",
    }  # fmt: skip
    assert content["classes"]["intermittent"] == 2
    assert content["affected_territory_km2"] == 5.0
    # dense in two of the last three years: 0/0 and 0/1 touch, 3/0 is an enclave of its own
    assert content["enclaves"] == {"number": 2, "cells": 3, "share_of_latest_crop": pytest.approx(23 / 26)}
    assert content["concentration"]["share_of_territory_with_half_the_crop"] == pytest.approx((1 + 1 / 11) / 5)
    marks = {row["name"]: (row["value"], row["mark"]) for row in content["parameters"]}
    assert marks["enclave.density_ha_km2"] == (10.0, "given")
    assert marks["grid.cell_km2"] == (1.0, "found")


def test_shipped_parameters_are_told_with_their_marks(tmp_path: Path) -> None:
    """Law: without settings the shipped windows apply, and an unverified one is called so."""
    years = ",".join(map(str, range(2010, 2022)))
    content = found(tmp_path, f"cell,{years}\na,{','.join(['9'] * 12)}\n", ())
    assert content["classes"] == {"permanent": 1}
    assert content["enclaves"]["number"] is None
    marks = {row["name"]: row["mark"] for row in content["parameters"]}
    assert marks["enclave.density_ha_km2"] == "unverified"


@pytest.mark.parametrize(
    ("text", "settings", "error", "words"),
    [
        (CELLS.replace("coca2021_", "coca_x"), RULES, InputError, "without 2021"),
        (CELLS.replace("areacoca2020", "2022_b"), RULES, InputError, "2022_b, 2022 for 2022"),
        (CELLS.replace("3,4,0", "3,0,0"), RULES, InputError, "stands above already"),
        (CELLS.replace("12,12,12,12", "12,12,12,-1"), RULES, InputError, "a number of 0 or more"),
        (CELLS.replace("12,12,12,12", "12,12,12,400"), RULES, InputError, "no more crop than land"),
        (CELLS, (), InputError, "the window of 10 years"),
        (CELLS, ("enclave.density=3",), SurveyFileError, "the name 'enclave.density'"),
        (CELLS, ("grid.cell_km2=wide",), SurveyFileError, "NAME=NUMBER"),
        (CELLS, (*RULES, "permanence.absent_years=9"), InputError, "runs of 1 year up to the window"),
        (CELLS, (*RULES, "grid.cell_km2=nan"), SurveyFileError, "a finite number"),
    ],
)
def test_refused(text: str, settings: tuple[str, ...], error: type, words: str, tmp_path: Path) -> None:
    """Law: a gap, a cell twice, more crop than land or a rule that cannot be stops with a plain sentence."""
    with pytest.raises(error) as raised:
        found(tmp_path, text, settings)
    assert words in str(raised.value)


def test_command_line(tmp_path: Path) -> None:
    """Law: the verb tells classes and parameters; a flag of another comparison is refused."""
    (tmp_path / "cells.csv").write_text(CELLS)
    settings = [word for rule in RULES for word in ("--set", rule)]
    done = altdev("compare", tmp_path / "cells.csv", "--cells", *settings)
    assert done.code == 0
    assert "permanent: 1 cells" in done.out
    assert "enclave.density_ha_km2 = 10" in done.out
    assert altdev("compare", tmp_path / "cells.csv", "--cells", "--correlation", "0").code == 2
