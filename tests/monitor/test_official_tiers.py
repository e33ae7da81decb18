"""Official series at tiers 1 and 2: what the authority released, as it was published, and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from geo.errors import DisclosureError, QualityGateError
from monitor.terminal import TerminalListener
from monitor.verify import verify_run
from monitor.workflow import RunOptions, run
from tests.monitor.test_official import SURVEY
from tests.monitor.test_official import towns as towns


def product(towns: Path, tier: int, verb: str) -> Path:
    """Make a product of a tier and return its folder."""
    out = towns.parent / "run"
    options = RunOptions(out=out, tier=tier, today=date(2026, 6, 1))
    run(towns, options, verb=verb, listener=TerminalListener(quiet=True))
    return out / "products" / str(tier)


def release(towns: Path, tier: int) -> None:
    """Let the authority release its table, the boundaries and the programme's municipalities."""
    text = SURVEY.replace("[area]\n", f"[area]\ntier = {tier}\n")
    text = text.replace("[official]\n", f"[official]\ntier = {tier}\n")
    text = text.replace('kind = "ad_area"', f'kind = "ad_area"\ntier = {tier}')
    towns.write_text(text + '\n[map]\nnotes = ["The ministry asks to be told of errors."]\n')


def test_nothing_goes_out_by_default(towns: Path) -> None:
    """Law: boundaries and figures are each a line, exit 4, and nothing is written."""
    with pytest.raises(DisclosureError) as caught:
        product(towns, 1, "map")
    assert caught.value.exit_code == 4
    assert [str(one).split(":")[0] for one in caught.value.problems] == [
        "--tier 1, [official] tier",
        "--tier 1, [area] tier",
    ]
    assert not (towns.parent / "run" / "products").exists()


def test_programme_gets_the_figures_as_published(towns: Path) -> None:
    """Literal: page, report, tables and shapes hold the published figures, unrounded, without interval."""
    release(towns, 1)
    for verb in ("map", "report", "export"):
        folder = product(towns, 1, verb)
    estimates = pd.read_csv(folder / "estimates.csv", dtype={"domain": str, "period": str})
    assert set(estimates["domain"]) == {"frame", "05", "08", "05001", "05002", "08001"}
    rows = estimates.set_index(["domain", "period"])
    assert rows.loc[("05001", "2015"), "value_ha"] == 1100.5
    assert rows.loc[("08001", "2015"), "state"] == "missing"
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert "no difference between two of them can be tested" in html
    assert "The ministry asks to be told of errors." in html.split('id="data"')[0]
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, flags=re.S)[1])  # type: ignore[index]
    assert data["about"]["tier"] == 1
    assert [one["name"] for one in data["overlays"]] == ["ad"]
    assert data["units"]["codes"] == ["05001", "05002"]
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "Permanence" in report
    assert "no interval published" in report.lower()
    assert {path.name for path in folder.iterdir()} >= {
        "units.geojson",
        "zones.csv",
        "permanence.csv",
        "report.pdf",
    }
    assert not (folder / "cells.geojson").exists()
    sheets = openpyxl.load_workbook(folder / "tables.xlsx").sheetnames
    assert "Zones, each alone" in sheets
    assert "Zones, adding up" not in sheets


def test_strict_layers_stay_out(towns: Path) -> None:
    """Attack: neither names nor corners of parks and reserves are in any byte; they were not released."""
    release(towns, 1)
    for verb in ("map", "report", "export"):
        folder = product(towns, 1, verb)
    for path in folder.iterdir():
        content = path.read_bytes()
        assert b'"reserve"' not in content, path.name
        assert b'"park"' not in content
        assert b"Parks" not in content
        assert b"Reserves" not in content
    assert set(pd.read_csv(folder / "zones.csv")["domain"]) == {"ad"}


def test_public_needs_two_approvals(towns: Path) -> None:
    """Law: the public product of an official series has the same two approvals and signature as any other."""
    release(towns, 2)
    with pytest.raises(DisclosureError, match="signing_key") as caught:
        product(towns, 2, "map")
    assert "approvals" in str(caught.value)
    assert "households" not in str(caught.value)


def test_verify_cuts_the_tables_again(towns: Path) -> None:
    """Law: verify makes the released tables anew, and finds one that was changed although its hash fits."""
    release(towns, 1)
    product(towns, 1, "map")
    out = towns.parent / "run"
    assert any("decided and cut again" in line for line in verify_run(out))
    path = out / "disclosure" / "1" / "estimates.csv"
    path.write_text(path.read_text().replace("1100.5", "1100.7", 1))
    manifest = json.loads((out / "manifest.json").read_text())
    entry = manifest["steps"]["disclosure"]["outputs"]["disclosure/1/estimates.csv"]
    entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(QualityGateError, match=r"estimates\.csv: found what stands there"):
        list(verify_run(out))
