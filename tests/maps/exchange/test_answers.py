"""Answers read back: sound ones as labels, broken and hostile ones refused by their row."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from geo.errors import InputError
from maps.exchange.answers import labels_of_answers
from maps.exchange.collect_earth import plot_text, sample_text

UNITS = {"U001": (-75.0, 1.5), "U002": (-75.1, 1.6)}
SETTINGS: dict[str, Any] = {"units": UNITS, "periods": ("2021", "2024"), "legend": ("coca", "forest")}


def odk(*rows: tuple[str, ...], prefix: str = "") -> pd.DataFrame:
    """Return answers as Kobo or ODK export them."""
    names = ("unit_id", "period", "interpreter", "label", "_place_latitude", "_place_longitude")
    return pd.DataFrame(rows, columns=[f"{prefix}{n}" if not n.startswith("_") else n for n in names])


GOOD = (
    ("U001", "2021", "7", "coca", "1.5001", "-75.0"),
    ("U001", "2024", "7", "forest", "", ""),
    ("U002", "2021", "7", "forest", "1.6", "-75.1"),
)


@pytest.mark.parametrize("prefix", ["", "group_a/", "group_a/page-1/", "group-"])
def test_answers_of_a_form(prefix: str) -> None:
    """Literal: labels come back whatever groups the questions stood in."""
    labels = labels_of_answers(odk(*GOOD, prefix=prefix), "xlsform", "a.csv", **SETTINGS)
    assert labels.to_numpy().tolist() == [
        ["U001", "2021", "7", "coca"], ["U001", "2024", "7", "forest"], ["U002", "2021", "7", "forest"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("U009", "2021", "7", "coca", "", ""), "unit_id: found 'U009'"),
        (("U002", "2022", "7", "coca", "", ""), "period: found '2022'"),
        (("U002", "2024", "7", "", "", ""), "label: found nothing"),
        (("U002", "2024", "", "coca", "", ""), "interpreter: found nothing"),
        (("U002", "2024", "=1+1", "coca", "", ""), "interpreter: found text that is no answer"),
        (("U002", "2024", "7", "<script>alert(1)</script>", "", ""), "label: found '<script>"),
        (("U002", "2024", "7\u202e", "coca", "", ""), "interpreter: found text that is no answer"),
        (("U002", "2024", "7" * 500, "coca", "", ""), "interpreter: found text that is no answer"),
        (("U002", "2024", "7", "coca", "9.6", "-75.1"), "place: found a place 891 km from the unit"),
        (("U002", "2024", "7", "coca", "north", "-75.1"), "place: found no place"),
        (("U002", "2024", "7", "coca", "nan", "-75.1"), "place: found no place"),
        (("U001", "2021", "7", "forest", "", ""), "found unit U001 labelled again, after row 2"),
    ],
)
def test_broken_answers_are_refused_by_row(row: tuple[str, ...], told: str) -> None:
    """Literal: what is wrong is told with the row of the file, in one line without the text's tricks."""
    with pytest.raises(InputError) as caught:
        labels_of_answers(odk(*GOOD, row), "xlsform", "a.csv", **SETTINGS)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("a.csv row 5")
    assert told in lines[0]
    assert "\u202e" not in lines[0]
    assert len(lines[0]) < 300


def test_every_broken_row_is_told() -> None:
    """Law: all rows are looked at, not only the first that is wrong."""
    bad = [("U003", "2021", "7", "coca", "", ""), ("U002", "1999", "7", "maize", "", "")]
    with pytest.raises(InputError) as caught:
        labels_of_answers(odk(*GOOD, *bad), "xlsform", "a.csv", **SETTINGS)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "a.csv row 5 unit_id", "a.csv row 6 period", "a.csv row 6 label",
    ]  # fmt: skip


def test_missing_columns_are_named() -> None:
    """Literal: a file of something else is told at once."""
    with pytest.raises(InputError, match="no column period, interpreter, label"):
        labels_of_answers(pd.DataFrame({"unit_id": ["U001"]}), "xlsform", "a.csv", **SETTINGS)


def sample() -> pd.DataFrame:
    """Return the sample of two units."""
    return pd.DataFrame(
        {
            "unit_id": list(UNITS),
            "longitude": [x for x, _ in UNITS.values()],
            "latitude": [y for _, y in UNITS.values()],
        }
    )


def test_collect_earth_out_and_in() -> None:
    """Law: what goes out as plots comes back as labels of the same units, addresses replaced by numbers."""
    assert plot_text(sample()).splitlines()[1] == "-75.0,1.5,1,U001"
    assert sample_text(sample()).splitlines()[:2] == ["LON,LAT,PLOTID,SAMPLEID", "-75.0,1.5,1,1"]
    back = pd.DataFrame(
        {
            "plotid": ["1", "2"],
            "email": ["eve@example.org", "ada@example.org"],
            "Land cover:2021": ["Coca", "forest"],
            "Land cover:2024": ["forest", "forest"],
        }
    )
    labels = labels_of_answers(back, "collect-earth", "c.csv", **SETTINGS)
    assert labels.to_numpy().tolist() == [
        ["U001", "2021", "P1", "coca"], ["U001", "2024", "P1", "forest"],
        ["U002", "2021", "P2", "forest"], ["U002", "2024", "P2", "forest"],
    ]  # fmt: skip
    assert "@" not in labels.to_csv()


def test_a_plot_that_is_none_is_refused() -> None:
    """Literal: a number beyond the sample, and a name that is no unit's, are refused by row."""
    back = pd.DataFrame({"plotid": ["3", "٣"], "email": ["7", "7"], "2021": ["coca"] * 2, "2024": ["coca"] * 2})
    with pytest.raises(InputError) as caught:
        labels_of_answers(back, "collect-earth", "c.csv", **SETTINGS)
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == {
        "c.csv row 2 unit_id", "c.csv row 3 unit_id",
    }  # fmt: skip
