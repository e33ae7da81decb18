"""The corrections ledger of a run: it adds up, tells what did not count, and is made again by `verify`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pytest

from monitor.check import check_survey
from monitor.ledger import group_state
from monitor.tables import read_csv
from monitor.verify import verify_run


@pytest.mark.parametrize(
    ("day", "verified", "state"),
    [
        ("2024-08-01", True, "seen"),
        ("2024-08-02", True, "applied"),
        ("2024-12-31", True, "applied"),
        ("2025-01-01", True, "later"),
        ("2024-10-05", False, "claimed"),
    ],
)
def test_dates_decide(day: str, verified: bool, state: str) -> None:
    """Literal: image on 1 August, reference date 31 December; both days belong to the earlier side."""
    image, reference = date(2024, 8, 1), date(2024, 12, 31)
    assert group_state(date.fromisoformat(day), image, reference, verified=verified) == state


def test_ledger_adds_up(finished_run: Path) -> None:
    """Law: interpreted plus the applied terms is corrected, in every domain and period, each with its interval."""
    ledger = read_csv(finished_run / "estimates" / "corrections.csv")
    estimates = read_csv(finished_run / "estimates" / "estimates.csv")
    assert len(ledger[ledger["term"] == "corrected"]) == len(estimates)
    assert ledger[["value_ha", "lo_ha", "hi_ha"]].notna().all(axis=None)
    for _, rows in ledger.groupby(["crop", "period", "domain"]):
        inner = rows[~rows["term"].isin(["interpreted", "corrected"]) & rows["applied"]]
        first, last = rows.iloc[0], rows.iloc[-1]
        assert first["value_ha"] + inner["value_ha"].sum() == pytest.approx(last["value_ha"], abs=1e-4)
        assert 0 <= last["lo_ha"] <= last["value_ha"] <= last["hi_ha"]
    lots = ledger[ledger["term"] == "small_lots"].set_index(["crop", "period", "domain"])["value_ha"]
    seen = ledger[ledger["term"] == "interpreted"].set_index(["crop", "period", "domain"])["value_ha"]
    np.testing.assert_allclose(lots, 0.1 * seen[lots.index], atol=1e-5)
    assert lots.max() > 0
    taken = ledger.query("period == '2021' and domain == 'frame' and term == 'manual' and applied")
    assert taken["value_ha"].sum() < 0
    assert not ledger.query("period == '2024' and term == 'manual'")["applied"].any()


def test_ground_of_operations_is_that_of_their_polygons(finished_run: Path) -> None:
    """Independent program: overlaps dissolved by shapely have the area of the cells, to a cell's edge."""
    groups = read_csv(finished_run / "estimates" / "eradication_groups.csv")
    layer = geopandas.read_file(finished_run.parent / "inputs" / "eradication.gpkg")
    whole = groups.query("period == '2021' and domain == 'frame'")["area_ha"].sum()
    admin = geopandas.read_file(finished_run.parent / "inputs" / "admin.gpkg").to_crs(layer.crs)
    dissolved = layer.union_all().intersection(admin.union_all()).area / 1e4
    assert whole == pytest.approx(dissolved, rel=0.03)
    parts = groups.query("period == '2021' and domain != 'frame'")["area_ha"].sum()
    np.testing.assert_allclose(parts, whole, rtol=1e-6)


def test_verify_recomputes_the_ledger(finished_run: Path) -> None:
    """Law: the run folder alone gives the ledger again."""
    assert any("corrections ledger recomputed" in line for line in verify_run(finished_run))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('date = "event_id"', "days that are none"),
        ('image_date = { "1999" = 2021-01-01 }', "no period of this survey"),
        ('parameter.eradication.spray_efect = { value = 0.8, source = "trial" }', "unknown key"),
        ("verified = 'method'\nall_verified = true", "give one of verified and all_verified"),
    ],
)
def test_check_tells_what_is_wrong(thin_copy_of: Callable[[], Path], given: str, said: str) -> None:
    """Law: each mistake is told by `check` in one line, with its remedy."""
    folder = thin_copy_of()
    path = folder / "survey.toml"
    text = path.read_text(encoding="utf-8")
    head = text[: text.index("[corrections]")]
    path.write_text(f'{head}[corrections]\neradication = "inputs/eradication.gpkg"\n{given}\n', encoding="utf-8")
    problems, code = check_survey(path)
    assert code != 0
    assert any(said in str(problem) for problem in problems)
