"""The run's identifier in tables of figures: in every row, of no weight for what is made from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import QualityGateError
from monitor.engine import Step, execute
from monitor.manifest import Manifest
from monitor.run_folder import RunFolder
from monitor.stamp import COLUMN, is_stamped, require_stamps, stamped, without_stamp
from monitor.tables import read_csv, write_csv
from monitor.verify.run import _stamps
from tests.monitor.custody.small_run import make_run
from tests.monitor.test_engine import Heard, begun, put

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=5)
)


def written(rows: list[list[str]]) -> str:
    """Return rows as the program's tables are written."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


@given(tables.filter(lambda rows: rows[0][-1] != COLUMN))
def test_a_stamp_changes_nothing_else(rows: list[list[str]]) -> None:
    """Law: with the column and without it again is the same text, whatever the cells hold; the last stamp holds."""
    text = written(rows)
    assert without_stamp(stamped(text, "bcdf")) == text
    assert stamped(stamped(text, "bcdf"), "ghjk") == stamped(text, "ghjk")
    told = list(csv.reader(io.StringIO(stamped(text, "bcdf"), newline="")))
    assert told[0] == [*rows[0], COLUMN]
    assert told[1:] == [[*row, "bcdf"] for row in rows[1:]]


def test_reading_a_stamped_table_gives_the_table(tmp_path: Path) -> None:
    """Law: a step reads the same table whether it is stamped or not."""
    table = pd.DataFrame({"domain": ["05001", "NA"], "value_ha": [1.25, None]})
    write_csv(table, tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(stamped((tmp_path / "a.csv").read_text(), "bcdf"))
    pd.testing.assert_frame_equal(read_csv(tmp_path / "a.csv"), read_csv(tmp_path / "b.csv"))


class Survey:
    """Two steps: one writes a table of figures, the other a file made from it."""

    def __init__(self, root: Path) -> None:
        self.out, self.run_id, self.value = root / "run", "bbbb", "1"

    def steps(self) -> list[Step]:
        """Return them as they stand."""
        return [
            Step(
                name="estimate",
                verb="estimate",
                parameters={"value": self.value},
                stamps=lambda: self.run_id,
                action=lambda staging, _: put(staging, "estimates/a.csv", f"crop,ha\ncoca,{self.value}\n"),
            ),
            Step(name="page", verb="map", needs=("estimate",), action=self._page),
        ]

    def run(self) -> tuple[Manifest, list[str]]:
        """Run them; return the manifest and the steps that were made."""
        folder, heard = RunFolder(self.out), Heard()
        with folder.held():
            base = folder.manifest() or Manifest(survey={"name": "t", "seed": 1}, versions={}, inputs={}, steps={})
            made = execute(self.steps(), folder, base, root=self.out.parent, resume=True, listener=heard)
        return made, begun(heard.words)

    def _page(self, staging: Path, _: object) -> Mapping[str, Any]:
        return put(staging, "page.txt", str(len(read_csv(self.out / "estimates" / "a.csv").columns)))


@pytest.fixture(name="survey")
def fixture_survey(tmp_path: Path) -> Survey:
    """Return a survey that was run once."""
    survey = Survey(tmp_path)
    assert survey.run()[1] == ["estimate", "page"]
    return survey


def test_another_run_of_the_same_figures_is_stamped_anew_and_made_no_more(survey: Survey) -> None:
    """Law: another identifier is written into the tables, and no step is done again for it."""
    table = survey.out / "estimates" / "a.csv"
    assert table.read_text() == "crop,ha,run_id\ncoca,1,bbbb\n"
    survey.run_id = "cccc"
    manifest, made = survey.run()
    assert made == []
    assert table.read_text() == "crop,ha,run_id\ncoca,1,cccc\n"
    assert manifest == RunFolder(survey.out).manifest()
    assert manifest.steps["estimate"].outputs["estimates/a.csv"].matches(table)
    assert (survey.out / "page.txt").read_text() == "2"


def test_other_figures_are_made_again_with_what_hangs_on_them(survey: Survey) -> None:
    """Negative control: a changed figure makes both steps again."""
    survey.value = "2"
    assert survey.run()[1] == ["estimate", "page"]


def test_a_table_with_a_forged_stamp_is_made_again(survey: Survey) -> None:
    """Law: the identifier is covered by the hash of the file as all else is."""
    table = survey.out / "estimates" / "a.csv"
    table.write_text(table.read_text().replace("bbbb", "cccc"))
    assert survey.run()[1] == ["estimate"]
    assert table.read_text() == "crop,ha,run_id\ncoca,1,bbbb\n"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("estimates/a.csv", "crop,ha\ncoca,1\n", "without id"),
        ("estimates/a.csv", "crop,ha,run_id\ncoca,1,cccc\n", "cccc"),
        ("indicators/a.csv", "crop,ha,run_id\ncoca,1,bbbb\npoppy,1,cccc\n", "bbbb, cccc"),
        ("products/0/estimates_hxl.csv", "crop\ncoca\n", "without id"),
        ("products/0/index.html", "<p>Run cccc</p>", "without id"),
    ],
)
def test_figures_of_another_run_are_refused_by_name(tmp_path: Path, name: str, text: str, found: str) -> None:
    """Contract: a table or page that does not carry the folder's own identifier is named."""
    put(tmp_path, name, text)
    with pytest.raises(
        QualityGateError, match=rf"{name}: found figures of run {found}; expected those of run bbbb"
    ):
        require_stamps(tmp_path, [name], "bbbb")


@pytest.mark.parametrize(
    ("name", "text", "counted"),
    [
        ("estimates/a.csv", "crop,ha,run_id\ncoca,1,bbbb\n", 1),
        ("estimates/a.csv", "crop,ha,run_id\n", 1),
        ("products/1/iati.xml", "<a>run bbbb</a>", 1),
        ("products/0/collect_earth_plots.csv", "LON,LAT\n1,2\n", 0),
        ("frame/sample.csv", "unit\n1\n", 0),
    ],
)
def test_figures_of_the_run_are_counted(tmp_path: Path, name: str, text: str, counted: int) -> None:
    """Negative control: what carries the identifier, or tells no figure, is let through."""
    put(tmp_path, name, text)
    assert require_stamps(tmp_path, [name], "bbbb") == counted
    assert is_stamped(name) == name.startswith("estimates/")


def test_verify_tells_what_is_of_an_earlier_run(tmp_path: Path) -> None:
    """Contract: a step that was not made anew since something changed is told with its run."""
    made = make_run(tmp_path)
    run, page = made.survey["run_id"], made.steps["map"]
    told = list(_stamps(tmp_path, made, run))
    assert told == [f"4 tables and pages of figures carry run {run}"]
    put(tmp_path, "products/0/index.html", "<p>Run zzzz</p>")
    stale = replace(page, run="zzzz")
    told = list(_stamps(tmp_path, replace(made, steps={**made.steps, "map": stale}), run))
    assert told[0] == f"3 tables and pages of figures carry run {run}"
    assert told[1].startswith("1 tables and pages (map) are of run zzzz, made before something changed")
    with pytest.raises(QualityGateError, match=r"index\.html: found figures of run without id; expected"):
        list(_stamps(tmp_path, made, run))
