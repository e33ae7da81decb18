"""Table mode with several interpreters: agreement, the label that counts, misreading carried into the interval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.errors import InputError, QualityGateError, SurveyFileError
from monitor.table_mode import estimate_tables
from monitor.tabular.interpreters import table_readers
from tests.monitor.conftest import altdev

STRATA = "stratum,size\ncoca,2000\nrest,8000\n"


def labelled(seed: int = 1) -> pd.DataFrame:
    """Make a sample of 300 units read by three interpreters, one of whom skipped some."""
    rng = np.random.default_rng(seed)
    stratum = np.repeat(["coca", "rest"], 150)
    truth = np.where(rng.random(300) < np.where(stratum == "coca", 0.8, 0.05), "coca", "rest")
    table = pd.DataFrame({"stratum": stratum, "map": stratum})
    for name in ("ana", "ben", "eva"):
        flip = rng.random(300) < 0.04
        table[name] = np.where(flip, np.where(truth == "coca", "rest", "coca"), truth)
    table.loc[:19, "eva"] = ""
    table["sam"] = truth
    return table


def told(folder: Path, table: pd.DataFrame, known: str | None = None, **readers: Any) -> dict[str, Any]:
    """Return what table mode says."""
    table.to_csv(folder / "sample.csv", index=False)
    (folder / "strata.csv").write_text(STRATA)
    if known is not None:
        (folder / "known.csv").write_text(known)
    given = {
        "interpreters": None,
        "senior": None,
        "known": None if known is None else folder / "known.csv",
    } | readers
    content: dict[str, Any] = json.loads(
        estimate_tables(
            folder / "sample.csv",
            folder / "strata.csv",
            unit_area_ha=1.0,
            domain=None,
            interval="default",
            level=0.95,
            coverage=False,
            as_json=True,
            readers=table_readers(**given),
        )
    )
    return content


KNOWN = "read,known\n" + "coca,coca\n" * 90 + "rest,coca\n" * 10 + "rest,rest\n" * 196 + "coca,rest\n" * 4


def test_majority_agreement_and_correction(tmp_path: Path) -> None:
    """Brute force: agreement by loops over pairs; majority by counting; Rogan and Gladen's correction."""
    table = labelled()
    content = told(tmp_path, table, KNOWN, interpreters="ana, ben, eva", senior="sam")
    names = ("ana", "ben", "eva")
    alike, pairs = [], []
    for k, a in enumerate(names):
        for b in names[k + 1 :]:
            both = (table[a] != "") & (table[b] != "")
            alike.append((table.loc[both, a] == table.loc[both, b]).sum())
            pairs.append(both.sum())
    found = content["interpretation"]
    assert found["observed_agreement"] == pytest.approx(sum(alike) / sum(pairs), rel=1e-12)
    assert found["by_majority"] + found["by_senior"] == 300
    settled = []
    for row in table[[*names, "sam"]].itertuples(index=False):
        votes = [label for label in row[:3] if label]
        first = max(set(votes), key=votes.count)
        settled.append(first if 2 * votes.count(first) > len(votes) else row[3])
    plain = told(tmp_path, table.drop(columns=[*names, "sam"]).assign(reference=settled))
    assert content["estimates"] == plain["estimates"]
    assert "interpretation" not in plain
    coca = next(row for row in content["estimates"] if row["class"] == "coca")
    corrected = next(row for row in content["corrected_for_misreading"] if row["class"] == "coca")
    assert (corrected["sensitivity"], corrected["specificity"]) == (0.9, 0.98)
    assert corrected["value_ha"] == pytest.approx((coca["value_ha"] - 0.02 * 10_000) / 0.88, rel=1e-12)
    assert corrected["hi_ha"] - corrected["lo_ha"] > coca["hi_ha"] - coca["lo_ha"]


@pytest.mark.parametrize(
    ("change", "readers", "known", "error", "words"),
    [
        (lambda t: t, {"interpreters": "ana,ben"}, None, InputError, "without a majority"),
        (lambda t: t.assign(reference="coca"), {"interpreters": "ana"}, None, InputError, "settled already"),
        (lambda t: t, {"interpreters": "ana,joe"}, None, InputError, "a column 'joe'"),
        (lambda t: t, {"interpreters": "ana,ana"}, None, SurveyFileError, "each once"),
        (lambda t: t, {"senior": "sam"}, None, SurveyFileError, "--interpreters beside it"),
        (lambda t: t, {"interpreters": "sam"}, "read,known\nmaize,coca\n", InputError, "'maize'"),
        (
            lambda t: t, {"interpreters": "sam"}, "read,known\nrest,coca\ncoca,rest\n", QualityGateError,
            "no better than chance",
        ),
    ],
)  # fmt: skip
def test_refused(
    change: Any, readers: dict[str, str], known: str | None, error: type, words: str, tmp_path: Path
) -> None:
    """Law: an open unit, columns that are not there and readings that are chance stop with a plain sentence."""
    with pytest.raises(error) as raised:
        told(tmp_path, change(labelled()), known, **readers)
    assert words in str(raised.value)


def test_command_line(tmp_path: Path) -> None:
    """Law: the verb tells agreement and the corrected figure in words."""
    labelled().to_csv(tmp_path / "sample.csv", index=False)
    (tmp_path / "strata.csv").write_text(STRATA)
    (tmp_path / "known.csv").write_text(KNOWN)
    done = altdev(
        "estimate", tmp_path / "sample.csv", "--strata", tmp_path / "strata.csv", "--interpreters", "ana,ben,eva",
        "--senior", "sam", "--known", tmp_path / "known.csv",
    )  # fmt: skip
    assert done.code == 0
    assert "interpreters agreed on" in done.out
    assert "coca, corrected for misreading (sensitivity 0.900, specificity 0.980):" in done.out
