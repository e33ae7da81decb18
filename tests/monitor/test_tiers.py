"""Products of tiers 1 and 2 from the command line: what is refused, what is written, what is in no byte."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.trust.forgery import forgeries
from geo.errors import DisclosureError, QualityGateError
from maps.disclosure.leak import Needles, leaks
from monitor.custody.purge import purge
from monitor.manifest import read_manifest
from monitor.verify import verify_run
from monitor.verify.remade import remake_products
from monitor.workflow import RunOptions
from monitor.workflow import run as run_survey
from tests.monitor.conftest import Finished, altdev

CANARY = "CANARY-4711 Finca Escondida"
CANARY_FAMILY = "CANARY-0815 family"
APPROVER = "Wilhelmina Approver"


class Silent:
    """A listener that hears nothing."""

    def started(self, step: str) -> None:
        """Hear nothing."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Hear nothing."""

    def kept(self, step: str) -> None:
        """Hear nothing."""

    def finished(self, step: str, facts: object) -> None:
        """Hear nothing."""


@pytest.fixture(scope="module")
def released(project: Path, finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the finished example in which both tiers were released, with canaries in what is strict."""
    folder = tmp_path_factory.mktemp("released") / "rif"
    shutil.copytree(project, folder)
    release(folder)
    return folder


def release(folder: Path) -> None:
    """Plant canaries in a finished survey and release it at both tiers."""
    (folder / "run" / ".lock").unlink(missing_ok=True)
    plant_canaries(folder)
    key = folder.parent / "key.pem"
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    change(folder, "[area]\n", "[area]\ntier = 2\n")
    change(folder, 'kind = "protected"', 'kind = "protected"\ntier = 2')
    change(folder, 'kind = "community"', 'kind = "community"\ntier = 1')
    change(folder, "[map]", "[map]\ntier = 2")
    for part in ("ad", "harm", "impact"):
        change(folder, f"\n[{part}]\n", f"\n[{part}]\ntier = 2\n")
    text = f'[disclosure]\nhouseholds = "inputs/households.gpkg"\nsigning_key = {json.dumps(str(key))}\n'
    (folder / "survey.toml").write_text(
        (folder / "survey.toml").read_text() + text + 'approvals = "approvals.toml"\n'
    )
    run(folder, 1)
    run(folder, 1, verb="report")
    run(folder, 1, verb="export")
    with pytest.raises(DisclosureError, match="approvals: found 0") as caught:
        run(folder, 2)
    tables = re.search(r"hash ([0-9a-f]{64})", str(caught.value))
    assert tables is not None
    approve(folder, tables[1])
    run(folder, 2)
    run(folder, 2, verb="report")
    run(folder, 2, verb="export")


def run(folder: Path, tier: int, *, verb: str | None = "map", today: date | None = None) -> None:
    """Run a verb at a tier in this process."""
    options = RunOptions(out=folder / "run", tier=tier, today=today or date(2026, 6, 1))
    run_survey(folder / "survey.toml", options, verb=verb, listener=Silent())


def change(folder: Path, before: str, after: str) -> None:
    """Replace a text of the survey file that is there."""
    path = folder / "survey.toml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def approve(folder: Path, tables: str) -> None:
    """Write two approvals."""
    entry = '[[approval]]\nname = "{}"\noffice = "{}"\ndate = 2026-02-01\ntier = 2\ntables = "{}"\n'
    text = entry.format(APPROVER, "Statistics office", tables) + entry.format("Ben Second", "Ministry", tables)
    (folder / "approvals.toml").write_text(text)


def plant_canaries(folder: Path) -> None:
    """Give the AD areas, which stay tier 0, a field of their own, and add households with a name."""
    path = folder / "inputs" / "ad_areas.gpkg"
    areas = geopandas.read_file(path)
    centre = areas.geometry.iloc[0].representative_point()
    areas.loc[0, "ad_name"] = CANARY
    areas = areas.set_geometry(
        [areas.geometry.iloc[0].union(centre.buffer(41.123, quad_segs=3)), *areas.geometry.iloc[1:]]
    )
    areas.to_file(path, layer="ad_areas", driver="GPKG")
    x0, y0, x1, y1 = geopandas.read_file(folder / "inputs" / "admin.gpkg").total_bounds
    rng = np.random.default_rng(1)
    points = shapely.points(rng.uniform(x0, x1, 400), rng.uniform(y0, y1, 400))
    homes = geopandas.GeoDataFrame(
        {"family": [f"{CANARY_FAMILY} {number:03d}" for number in range(400)]}, geometry=points, crs=areas.crs
    )
    homes.to_file(folder / "inputs" / "households.gpkg", layer="households", driver="GPKG")


def secrets(folder: Path) -> Needles:
    """Return everything strict of the example, gathered here and not by the program."""
    run_folder = folder / "run"
    sample = pd.read_csv(run_folder / "frame" / "sample.csv")
    areas = geopandas.read_file(folder / "inputs" / "ad_areas.gpkg")
    homes = geopandas.read_file(folder / "inputs" / "households.gpkg")
    training = geopandas.read_file(folder / "inputs" / "training.gpkg")
    admin = geopandas.read_file(folder / "inputs" / "admin.gpkg")  # released; AD areas share vertices with it
    layers = [layer.to_crs(areas.crs) for layer in (areas.iloc[:1], homes, training)]
    places = [layer.get_coordinates().to_numpy() for layer in layers]
    degrees = [layer.to_crs(4326).get_coordinates().to_numpy() for layer in layers]
    with rasterio.open(run_folder / "class_map" / "2024.tif") as source:
        names = {v: int(k.removeprefix("CLASS_")) for k, v in source.tags().items() if k.startswith("CLASS_")}
        rows, cols = np.nonzero(source.read(1) == names["cannabis"])
        fields = np.column_stack(source.xy(rows, cols))
    return Needles(
        words=frozenset({CANARY, APPROVER, *sample["unit_id"], *(f"{CANARY_FAMILY} {n:03d}" for n in range(400))}),
        metres=np.concatenate([*places, fields, sample[["x_m", "y_m"]].to_numpy()]),
        degrees=np.concatenate([*degrees, sample[["longitude", "latitude"]].to_numpy()]),
        numbers=tuple(areas.geometry.area[:1] / 1e4),
        allowed=np.concatenate([admin.get_coordinates(), admin.to_crs(4326).get_coordinates()]),
    )


def files_of(folder: Path) -> list[Path]:
    """Return the files under a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sought(path: Path, needles: Needles) -> Needles:
    """Return what is looked for in a file: in a PDF no bare numbers.

    The places of signs on paper are thousands of short decimals, any of which may be near an area.
    """
    return replace(needles, numbers=()) if path.suffix == ".pdf" else needles


def printed(path: Path) -> str:
    """Return the words of a PDF, read by another program, whose signs stand in it by their number in the font."""
    if shutil.which("pdftotext") is None:
        return ""
    return subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("tier", [1, 2])
def test_canaries_are_in_no_byte(released: Path, tier: int) -> None:
    """Attack: ids, names, coordinates and areas of what is tier 0 are in no byte of what went out."""
    needles, files = secrets(released), files_of(released / "run" / "products" / str(tier))
    assert len(files) >= 12
    assert ("data.gpkg" in {path.name for path in files}) == (tier == 1)
    for path in files:
        assert not leaks(path.read_bytes(), sought(path, needles)), path.name
        assert path.suffix != ".pdf" or not re.search("CANARY|Escondida|Wilhelmina|U\\d{3}", printed(path))
        for word in ("CANARY", "Escondida", "Wilhelmina", str(released)):
            assert word.encode() not in path.read_bytes()


def test_the_same_search_finds_them_in_the_field_product(released: Path) -> None:
    """Negative control: in the files of tier 0 the canaries are there to be found."""
    run(released, 0)
    needles = secrets(released)
    assert leaks((released / "run" / "products" / "0" / "index.html").read_bytes(), needles)
    assert leaks((released / "run" / "frame" / "sample.gpkg").read_bytes(), needles)


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("products/2/index.html", "data .*"),
        ("products/2/tables.xlsx", ".*"),
        ("products/2/units.geojson", "features properties .*"),
        ("products/1/cells.csv", "hi_ha"),
        ("products/1/report.html", "a cell"),
        ("products/2/release-map.json", "release decision .*"),
        ("products/1/release-export.json", "release tier"),
    ],
)
def test_a_forged_product_of_a_tier_is_found(released: Path, file: str, what: str) -> None:
    """Law: what was released is made again from its tables; a record without signature says what they make."""
    out = released / "run"
    manifest = read_manifest(out)
    assert manifest is not None
    step = next(name for name, record in manifest.steps.items() if file in record.outputs)
    one = next(one for one in forgeries(out, [file], random.Random(1)) if re.fullmatch(what, one.what))
    before = (out / file).read_bytes()
    one.make(out / file)
    assert (out / file).read_bytes() != before
    with pytest.raises(QualityGateError) as caught:
        list(remake_products(out, replace(manifest, steps={step: manifest.steps[step]})))
    assert file in str(caught.value)
    (out / file).write_bytes(before)


def test_tables_hide_what_the_decision_hides(released: Path) -> None:
    """Law: a hidden place has a state and no number in estimates and change, in both tiers."""
    folder = released / "run" / "disclosure"
    decision = json.loads((folder / "decision.json").read_text())
    hidden_somewhere = 0
    for tier in ("1", "2"):
        states = decision[tier]["states"]
        estimates = pd.read_csv(folder / tier / "estimates.csv", dtype={"domain": str})
        differences = pd.read_csv(folder / tier / "change.csv", dtype={"domain": str})
        hidden = [p.removeprefix("unit:") for p, s in states.items() if s != "shown" and p.startswith("unit:")]
        hidden_somewhere += len(hidden)
        for table, value in ((estimates, "value_ha"), (differences, "difference_ha")):
            rows = table[table["domain"].isin(hidden)]
            assert rows["state"].eq("suppressed").all()
            assert rows[[value, "lo_ha", "hi_ha"]].isna().all().all()
    assert hidden_somewhere > 3
    assert "layer:indigenous" in decision["1"]["states"]
    assert "layer:indigenous" not in decision["2"]["states"]
    assert "layer:ad" not in decision["1"]["states"]
    assert "layer:ad:P-001" in decision["2"]["states"]


def test_figures_are_rounded_estimates_with_limits(released: Path) -> None:
    """Law: every hectare is an estimate with its interval, at multiples of the base, around the exact interval."""
    exact = pd.read_csv(released / "run" / "estimates" / "estimates.csv", dtype={"domain": str})
    for tier, base in (("1", 1.0), ("2", 10.0)):
        told = pd.read_csv(released / "run" / "disclosure" / tier / "estimates.csv", dtype={"domain": str})
        shown = told[told["state"] == "estimated"]
        assert len(shown)
        numbers = shown[["value_ha", "lo_ha", "hi_ha"]].to_numpy()
        assert np.allclose(numbers / base, np.rint(numbers / base))
        both = shown.merge(exact, on=["crop", "period", "domain"], suffixes=("", "_exact"))
        assert (both["lo_ha"] <= both["lo_ha_exact"] + 1e-6).all()
        assert (both["hi_ha"] >= both["hi_ha_exact"] - 1e-6).all()


def test_cells_add_up_to_the_frame_before_rounding(released: Path) -> None:
    """Law: but for the rounding of each the cells of a period add up to the frame's figure."""
    cells = pd.read_csv(released / "run" / "disclosure" / "1" / "cells.csv")
    frame = pd.read_csv(released / "run" / "estimates" / "estimates.csv").query("domain == 'frame'")
    for period, rows in cells.groupby("period"):
        whole = frame.loc[frame["period"].astype(str) == str(period), "value_ha"].item()
        assert abs(rows["value_ha"].fillna(0).sum() - whole) <= 0.5 * len(rows) + 1e-6


def test_releases_are_signed_and_verified(released: Path) -> None:
    """Law: verify makes every table again, and finds a record, a table or a file that was changed."""
    lines = list(verify_run(released / "run"))
    assert any("signed by the key 03a107bff3ce10be" in line for line in lines)
    assert any("tables of tiers 1 and 2 decided and cut again" in line for line in lines)
    record = json.loads((released / "run" / "products" / "2" / "release-map.json").read_text())["release"]
    assert record["approved_by"] == ["Ministry", "Statistics office"]
    assert "primary" not in json.dumps(record)


def test_an_altered_table_is_noticed(released: Path, tmp_path: Path) -> None:
    """Negative control: a hidden figure written back into a table is found although its hash is made to fit."""
    out = tmp_path / "run"
    shutil.copytree(released / "run", out)
    path = out / "disclosure" / "2" / "estimates.csv"
    path.write_text(path.read_text().replace(",suppressed,,,", ",estimated,10.0,0.0,20.0", 1))
    manifest = json.loads((out / "manifest.json").read_text())
    entry = manifest["steps"]["disclosure"]["outputs"]["disclosure/2/estimates.csv"]
    entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    (out / "manifest.json").write_text(json.dumps(manifest))
    # whichever is looked at first: the table made again, or the page that still hides the figure
    told = r"disclosure/2/estimates.csv: found what stands there|products/2/index.html .* found None; expected 10"
    with pytest.raises(Exception, match=told):
        list(verify_run(out))


def test_products_verify_by_themselves_after_a_purge(released: Path, tmp_path: Path) -> None:
    """Law: with every field file gone, the released products are as they were and verify, and no canary is left."""
    shutil.copytree(released / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    out = tmp_path / "run"
    products = {
        path: path.read_bytes() for tier in "12" for path in (out / "products" / tier).rglob("*") if path.is_file()
    }
    purge(out)
    assert {path for path in out.rglob("*") if path.is_file()} - {out / ".lock"} == {
        *products,
        out / "manifest.json",
        out / "ro-crate-metadata.json",
    }
    assert all(path.read_bytes() == data for path, data in products.items())
    told = list(verify_run(out))
    assert any("signature" in line or "signed" in line for line in told), told
    needles = secrets(released)
    assert [path.name for path in files_of(out) if leaks(path.read_bytes(), sought(path, needles))] == []


@pytest.mark.parametrize("tier", [1, 2])
def test_the_log_of_a_release_tells_no_secret(released: Path, tier: int) -> None:
    """Attack: what a run at tiers 1 and 2 prints, told in full, holds no name, id or place that is tier 0."""
    done = altdev("map", released / "survey.toml", "-o", released / "run", "--tier", str(tier), "-v")
    assert done.code == 0, done.err
    text = (done.out + done.err).replace(str(released), "")
    assert not leaks(text.encode(), secrets(released))
    assert "CANARY" not in text
    assert "Wilhelmina" not in text


def test_equal_runs_give_equal_bytes(released: Path) -> None:
    """Law: pages, workbooks and signatures of a second run are the first one's, byte for byte."""
    product = released / "run" / "products" / "2"
    before = {path.name: path.read_bytes() for path in files_of(product)}
    for name, verb in (("index.html", "map"), ("cells.csv", "export")):
        (product / name).unlink()
        run(released, 2, verb=verb)
    assert {path.name: path.read_bytes() for path in files_of(product)} == before


def test_changed_tables_need_new_approvals(released: Path, tmp_path: Path) -> None:
    """Law: approvals name tables; with another rule there are others, and nobody approved them."""
    folder = tmp_path / "copy"
    shutil.copytree(released, folder)
    (folder / "run" / ".lock").unlink(missing_ok=True)
    change(
        folder, 'approvals = "approvals.toml"', 'approvals = "approvals.toml"\n[disclosure.public]\nround_ha = 20'
    )
    with pytest.raises(DisclosureError, match="approvals: found 0"):
        run(folder, 2)


@pytest.fixture
def bare(project: Path, finished_run: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished example as it ships."""
    folder = tmp_path / "bare"
    shutil.copytree(project, folder)
    (folder / "run" / ".lock").unlink(missing_ok=True)
    return folder


def refused(done: Finished) -> list[str]:
    """Return the lines of a refusal with exit 4."""
    assert done.code == 4, done.err
    assert "Traceback" not in done.err
    return done.lines


def test_everything_undecided_is_told_at_once(bare: Path) -> None:
    """Law: boundaries, households, key and approvals are each one line, and nothing is written."""
    lines = refused(altdev("map", bare / "survey.toml", "--tier", "2"))
    assert [line.split(":")[0] for line in lines] == [
        "--tier 2, [area] tier",
        "--tier 2, [disclosure]",
        "--tier 2, [disclosure] signing_key",
        "--tier 2, [disclosure] approvals",
    ]
    assert not (bare / "run" / "products" / "2").exists()
    assert not (bare / "run" / "disclosure").exists()


def test_other_verbs_write_tier_0_only(bare: Path) -> None:
    """Law: a tier that a verb cannot write is refused, not passed over."""
    assert "estimate" in refused(altdev("estimate", bare / "survey.toml", "--tier", "1"))[0]


def test_an_embargo_is_kept(bare: Path) -> None:
    """Law: before the end of an embargo nothing goes out, on its day it may."""
    change(bare, "[area]\n", "[area]\ntier = 1\n")
    with pytest.raises(DisclosureError, match="embargo: found 2024-11-14; expected 2024-11-15"):
        run(bare, 1, today=date(2024, 11, 14))
    (bare / "survey.toml").write_text(
        (bare / "survey.toml").read_text() + "\n[disclosure]\nembargo_until = 2031-01-01\n"
    )
    with pytest.raises(DisclosureError, match="expected 2031-01-01 or later"):
        run(bare, 1)


@pytest.mark.parametrize(
    ("rule", "told"),
    [("[disclosure.public]\ncell_least_km = 1", "at least 2 km"), ("[disclosure.public]\nk = 4", "k")],
)
def test_rules_below_the_floor_are_mistakes_of_the_survey_file(bare: Path, rule: str, told: str) -> None:
    """Law: exit 2, naming the rule."""
    change(bare, "[area]\n", "[area]\ntier = 2\n")
    (bare / "survey.toml").write_text((bare / "survey.toml").read_text() + f"\n{rule}\n")
    done = altdev("map", bare / "survey.toml", "--tier", "1")
    assert done.code == 2
    assert told in done.err


def test_field_products_need_none_of_this(finished_run: Path, copy_of: Callable[[], Path]) -> None:
    """Law: a plain run decides nothing on disclosure and writes tier 0."""
    assert not (finished_run / "disclosure").exists()
    assert sorted(path.name for path in (finished_run / "products").iterdir()) == ["0"]


def test_exported_cells_lie_on_the_grid(released: Path) -> None:
    """Law: each vertex of the public cells is a multiple of the cell's side; figures carry their limits or none."""
    cells = geopandas.read_file(released / "run" / "products" / "2" / "cells.geojson")
    crs = geopandas.read_file(released / "inputs" / "admin.gpkg").crs
    for side, rows in cells.groupby("side_km"):
        corners = rows.to_crs(crs).get_coordinates().to_numpy() / (1000.0 * float(side))
        assert np.abs(corners - np.rint(corners)).max() < 1e-3
        assert side >= 4
    numbers = cells[["value_ha", "lo_ha", "hi_ha"]].isna()
    assert (numbers["lo_ha"] == numbers["hi_ha"]).all()


def test_tables_for_other_bodies_hide_what_is_hidden(released: Path) -> None:
    """Law: the World Drug Report table of a tier has no figure of a hidden unit."""
    product = released / "run" / "products" / "2"
    estimates = pd.read_csv(product / "estimates.csv", dtype={"domain": str})
    hidden = set(estimates.loc[estimates["state"] == "suppressed", "domain_name"])
    wdr = pd.read_csv(product / "wdr_table.csv").set_index("area")
    assert hidden
    assert (wdr.loc[sorted(hidden)].drop(columns=["crop", "run_id"]) == "..").all().all()


def test_reports_of_tiers_come_from_released_tables(released: Path) -> None:
    """Law: the report of a tier has the rounded figures, no count on the map, and no figure of a hidden unit."""
    text = (released / "run" / "products" / "2" / "report.html").read_text()
    assert (released / "run" / "products" / "2" / "report.pdf").read_bytes().startswith(b"%PDF")
    estimates = pd.read_csv(released / "run" / "disclosure" / "2" / "estimates.csv", dtype={"domain": str})
    frame = estimates[estimates["domain"] == "frame"]
    for row in frame.itertuples():
        assert re.search(rf"{row.value_ha:.0f}\s+ha\b", text)
    assert "Counted on the map" not in text
    assert "not shown, to protect people" in text
    assert "Associated with less. " in text
    assert "68 units with the programme against 149 matched units without it." in text


def test_parts_are_cut_to_their_tier(released: Path) -> None:
    """Law: harms and effects have few digits with limits outwards; a hidden project keeps no hectare."""
    exact = pd.read_csv(released / "run" / "impact" / "effects.csv", dtype={"effect": str})
    for tier, digits in (("1", 3), ("2", 2)):
        folder = released / "run" / "disclosure" / tier
        told = pd.read_csv(folder / "effects.csv", dtype={"effect": str})
        told["effect"] = told["effect"].str.lstrip("'")
        both = told.merge(exact, on=["scope", "effect"], suffixes=("", "_exact")).dropna(subset="lo")
        assert len(both) > 10
        assert (both["lo"] <= both["lo_exact"] + 1e-9).all()
        assert (both["hi"] >= both["hi_exact"] - 1e-9).all()
        scale = both[["value_exact", "lo_exact", "hi_exact"]].abs().max(axis=1)
        steps = both["value"] / 10.0 ** (np.floor(np.log10(scale)) - digits + 1)
        assert np.allclose(steps, np.rint(steps))
        harms = pd.read_csv(folder / "harms.csv")
        assert set(harms["harm"]) == {
            "deforestation", "erosion", "degradation", "species", "contamination", "gases",
        }  # fmt: skip
        decision = json.loads((released / "run" / "disclosure" / "decision.json").read_text())[tier]["states"]
        zones = pd.read_csv(folder / "zones.csv")
        hidden = [place.removeprefix("layer:") for place, state in decision.items() if state != "shown"]
        assert zones.loc[zones["domain"].isin(hidden), ["value_ha", "lo_ha", "hi_ha"]].isna().all().all()
        assert {"ad:P-001", "ad:programme"} <= set(zones["domain"])


def test_nothing_of_a_part_goes_out_by_default(released: Path, tmp_path: Path) -> None:
    """Law: with their tier taken back harms, effects and projects are in no file of the product."""
    folder = tmp_path / "copy"
    shutil.copytree(released, folder)
    (folder / "run" / ".lock").unlink(missing_ok=True)
    for part in ("ad", "harm", "impact"):
        change(folder, f"\n[{part}]\ntier = 2\n", f"\n[{part}]\ntier = 0\n")
    run(folder, 1)
    names = {path.name for path in (folder / "run" / "disclosure" / "1").iterdir()}
    assert not names & {"harms.csv", "effects.csv", "portfolio.csv", "zone_change.csv"}
    page = (folder / "run" / "products" / "1" / "index.html").read_text()
    assert "Upper valley project" not in page
    assert "associated with less" not in page.split('id="words"')[0]


def test_a_leak_stops_the_product(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a fault that lets a unit of the sample into a file is caught; nothing goes out, exit 4."""
    from monitor.steps import tier_products

    change(bare, "[area]\n", "[area]\ntier = 1\n")
    sample = pd.read_csv(bare / "run" / "frame" / "sample.csv")
    write = tier_products.write_text

    def faulty(path: Path, text: str) -> None:
        write(path, text + (f"\n{sample['unit_id'][3]}\n" if path.name == "cells.csv" else ""))

    monkeypatch.setattr(tier_products, "write_text", faulty)
    with pytest.raises(DisclosureError, match=r"cells.csv: found an id or name"):
        run(bare, 1, verb="export")
    assert not (bare / "run" / "products" / "1").exists()
