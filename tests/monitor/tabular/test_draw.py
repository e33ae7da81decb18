"""`altdev sample FRAME.csv --design DESIGN.toml`: seeded draws that the same design file then estimates."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.errors import InputError, QualityGateError, SurveyFileError
from monitor.tabular.declaration import load_design
from monitor.tabular.draw import draw_units
from monitor.tabular.drawn import draw_from_table
from monitor.tabular.rows import Rows
from monitor.tabular.told import estimate_design
from tests.monitor.conftest import altdev


def frame(n: int = 400) -> pd.DataFrame:
    """Make a frame of cells whose crop is known."""
    rng = np.random.default_rng(11)
    side = int(n**0.5)
    crop = np.where(rng.random(n) < 0.5, rng.gamma(2.0, 8.0, n), 0.0).round(2)
    return pd.DataFrame(
        {
            "cell": [f"c{number:03d}" for number in range(n)],
            "region": np.where(np.arange(n) < n * 0.7, "plain", "hill"),
            "x_m": np.arange(n) % side * 1000.0,
            "y_m": np.arange(n) // side * 1000.0,
            "map_ha": (crop * rng.uniform(0.5, 1.1, n)).round(2),
            "crop_ha": crop,
            "mask_ha": 60.0,
        }
    )


HEAD = 'frame_ha = 40000\nseed = 4\n[design]\nunit = "cell"\n'
TAIL = '\n[estimate]\nvalues = ["crop_ha"]\n'
STRATA = "stratum,size,coca,poppy\nplain,280,0.02,0.3\nhill,120,0.2,0.1\n"
IN_REGIONS = 'stratum = "region"\nstrata = "strata.csv"'
BY_MAP = '[sample]\nsize = 60\nsize_column = ["map_ha"]\nsize_floor = 4'
DESIGNS = {
    "random": 'method = "random"\nunits = 400\n[sample]\nsize = 80',
    "stratified": f'method = "random"\n{IN_REGIONS}\n[sample]\nsize = 80\nallocation = "power"',
    "systematic": 'method = "systematic"\nunits = 400\n[sample]\nsize = 80',
    "spread": 'method = "spread"\nunits = 400\n[sample]\nsize = 80',
    "spread in strata": f'method = "spread"\n{IN_REGIONS}\n[sample]\nsize = 80',
    "local pivotal": 'method = "spread"\ndraw = "local-pivotal"\nunits = 400\n[sample]\nsize = 80',
    "sampford": f'method = "unequal"\njoint = "joint.csv"\n{BY_MAP}',
    "conditional poisson in strata": (
        f'method = "unequal"\ndraw = "conditional-poisson"\njoint = "joint.csv"\n{IN_REGIONS}\n{BY_MAP}'
    ),
    "systematic in proportion to size": (
        f'method = "unequal"\ndraw = "pps-systematic"\nvariance = "brewer"\n{BY_MAP}'
    ),
    "several crops, of one size": (
        'method = "unequal"\njoint = "joint.csv"\n'
        '[sample]\nsizes = [40, 30]\nsize_column = ["map_ha", "mask_ha"]\nsize_floor = 4'
    ),
    "several crops, spread": (
        'method = "spread"\nunits = 400\n'
        '[sample]\nsizes = [40, 30]\nsize_column = ["map_ha", "mask_ha"]\nsize_floor = 4'
    ),
    "several crops": (
        'method = "unequal"\ndraw = "poisson"\n'
        '[sample]\nsizes = [40, 30]\nsize_column = ["map_ha", "mask_ha"]\nsize_floor = 4'
    ),
}  # fmt: skip


def drawn(folder: Path, design: str, table: pd.DataFrame, **options: Any) -> Path:
    """Draw a sample into a folder of its own and return that."""
    out = folder / "drawn"
    (folder / "design.toml").write_text(HEAD + design + TAIL)
    (folder / "strata.csv").write_text(STRATA)
    table.to_csv(folder / "frame.csv", index=False)
    draw_from_table(folder / "frame.csv", folder / "design.toml", out=out, overwrite=True, as_json=False, **options)
    (out / "design.toml").write_text(HEAD + design + TAIL)
    return out


@pytest.mark.parametrize("name", DESIGNS)
def test_what_was_drawn_is_estimated_by_the_same_file(name: str, tmp_path: Path) -> None:
    """Round trip: the figure's interval holds the known crop; weights sum to about the frame; the seed decides."""
    table = frame()
    out = drawn(tmp_path, DESIGNS[name], table)
    sample = pd.read_csv(out / "sample.csv")
    assert sample["cell"].is_unique
    assert sample["weight"].to_numpy() == pytest.approx(1 / sample["inclusion"].to_numpy())
    assert 250 < sample["weight"].sum() < 560
    content = json.loads(estimate_design(out / "sample.csv", out / "design.toml", coverage=False, as_json=True))
    figure = content["estimates"][0]
    assert figure["lo_ha"] <= table["crop_ha"].sum() <= figure["hi_ha"]
    assert figure["value_ha"] == pytest.approx(float((sample["crop_ha"] * sample["weight"]).sum()), rel=1e-9)
    first = (out / "sample.csv").read_bytes()
    assert (drawn(tmp_path, DESIGNS[name], table) / "sample.csv").read_bytes() == first
    (tmp_path / "other").mkdir()
    other = drawn(tmp_path / "other", DESIGNS[name].replace("\n[sample]", "\n[sample]", 1), table)
    assert (other / "sample.csv").read_bytes() == first
    text = (tmp_path / "design.toml").read_text().replace("seed = 4", "seed = 5")
    (tmp_path / "design.toml").write_text(text)
    again = draw_from_table(
        tmp_path / "frame.csv", tmp_path / "design.toml", out=None, overwrite=False, as_json=False
    )
    assert again.encode() + b"\n" != first


@pytest.mark.parametrize("name", ["random", "stratified", "spread", "sampford"])
def test_order_of_the_frame_decides_nothing(name: str, tmp_path: Path) -> None:
    """Law: a frame whose rows are shuffled gives the same units."""
    table = frame()
    first = pd.read_csv(drawn(tmp_path, DESIGNS[name], table) / "sample.csv")
    second = pd.read_csv(drawn(tmp_path, DESIGNS[name], table.sample(frac=1, random_state=1)) / "sample.csv")
    assert set(first["cell"]) == set(second["cell"])


def test_inclusion_by_many_draws(tmp_path: Path) -> None:
    """Brute force: over 300 seeds each unit of a small frame comes as often as its probability says."""
    table = frame(16)
    counts, stated = np.zeros(16), np.zeros(16)
    (tmp_path / "frame.csv").write_text(table.to_csv(index=False))
    design = (
        HEAD + 'method = "unequal"\ndraw = "tille"\n[sample]\nsize = 5\nsize_column = ["map_ha"]\nsize_floor = 3\n'
    )
    (tmp_path / "design.toml").write_text(design)
    file, rows = load_design(tmp_path / "design.toml"), Rows.read(tmp_path / "frame.csv")
    for seed in range(300):
        found = draw_units(file.model_copy(update={"seed": seed}), rows).sample
        at = found["cell"].str[1:].astype(int).to_numpy()
        counts[at] += 1
        stated[at] = found["inclusion"]
    assert stated.sum() == pytest.approx(5)
    error = np.sqrt(np.maximum(stated * (1 - stated), 1e-9) / 300)
    assert (np.abs(counts / 300 - stated) < 4.5 * error + 1e-12).all()


def test_two_stages(tmp_path: Path) -> None:
    """Law: pixels are drawn by number inside each segment; weights are those of both stages."""
    text = (
        HEAD + 'method = "random"\nunits = 400\n[design.second_stage]\nunit = "pixel"\nunits = 100\n'
        "[sample]\nsize = 20\nwithin = 25\n"
    )
    (tmp_path / "design.toml").write_text(text)
    frame().to_csv(tmp_path / "frame.csv", index=False)
    told = draw_from_table(
        tmp_path / "frame.csv", tmp_path / "design.toml", out=None, overwrite=False, as_json=False
    )
    sample = pd.read_csv(StringIO(told))
    assert len(sample) == 500
    assert not sample.duplicated(["cell", "pixel"]).any()
    assert sample["pixel"].between(1, 100).all()
    assert (sample["weight"] == 80).all()


def test_size_for_wanted_margins(tmp_path: Path) -> None:
    """Closed form: the size is that of Cochran's formula for the harder of two crops; Neyman shares it out."""
    design = (
        'method = "random"\nstratum = "region"\nstrata = "strata.csv"\n'
        '[sample]\nexpected = ["coca", "poppy"]\nmargin_ha = [1500, 4000]\nallocation = "neyman"'
    )
    out = drawn(tmp_path, design, frame())
    facts = json.loads((out / "draw.json").read_text())
    sizes, areas = np.array([280, 120]), np.array([28000.0, 12000.0])
    needed = []
    for shares, margin in (((0.02, 0.2), 1500), ((0.3, 0.1), 4000)):
        spread = areas * np.sqrt(np.array(shares) * (1 - np.array(shares)))
        needed.append(spread.sum() ** 2 / ((margin / 1.959963984540054) ** 2 + (spread**2 / sizes).sum()))
    assert facts["n"] == int(np.ceil(max(needed)))
    assert sum(facts["allocation"].values()) == facts["n"]
    assert len(facts["frame_sha256"]) == 64


@pytest.mark.parametrize(
    ("design", "change", "error", "words"),
    [
        ('method = "random"\nunits = 400', None, SurveyFileError, "no [sample]"),
        ('method = "random"\nunits = 399\n[sample]\nsize = 9', None, QualityGateError, "400 rows"),
        ('method = "random"\nunits = 400\n[sample]\nsize = 500', None, InputError, "at most the frame's 400"),
        (DESIGNS["stratified"], lambda t: t[5:], QualityGateError, "275 rows; expected 280"),
        (DESIGNS["stratified"], lambda t: t.assign(region="sea"), InputError, "'sea'"),
        (DESIGNS["random"], lambda t: pd.concat([t[:399], t[:1]]), InputError, "stands above already"),
        (DESIGNS["sampford"].replace("\nsize_floor = 4", ""), None, QualityGateError, "no floor under it"),
        (DESIGNS["sampford"], lambda t: t.assign(map_ha=-1), InputError, "a number of 0 or more"),
        (DESIGNS["sampford"], lambda t: t.assign(map_ha=""), InputError, "an empty cell"),
        (DESIGNS["several crops"].replace("[40, 30]", "[40]"), None, SurveyFileError, "one for each column"),
        (
            DESIGNS["random"].replace("size = 80", "size_column = ['map_ha']"),
            None,
            SurveyFileError,
            "method unequal",
        ),
        (DESIGNS["stratified"].replace("power", "neyman"), None, SurveyFileError, "no expected shares"),
        (
            DESIGNS["stratified"].replace("size = 80", "size = 80\nfloor = 60"),
            None,
            QualityGateError,
            "floors of 2",
        ),
        (DESIGNS["spread"], lambda t: t.assign(x_m="east"), InputError, "'east'"),
    ],
)
def test_refused_draws(design: str, change: Any, error: type, words: str, tmp_path: Path) -> None:
    """Law: a frame that is not the declared one, or a draw that cannot be, stops with a plain sentence."""
    table = frame() if change is None else change(frame())
    with pytest.raises(error) as raised:
        drawn(tmp_path, design, table)
    assert words in str(raised.value)
    assert not (tmp_path / "drawn").exists()


def test_draw_that_would_not_fit_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a draw with joint probabilities from a huge frame is refused before it starts, with a way out."""
    monkeypatch.setattr("monitor.tabular.draw.MOST_CELLS", 1000)
    with pytest.raises(SurveyFileError, match="pps-systematic"):
        drawn(tmp_path, DESIGNS["sampford"], frame())
    drawn(tmp_path, DESIGNS["systematic in proportion to size"], frame())


def test_command_line_keeps_a_drawn_sample(tmp_path: Path) -> None:
    """Law: the verb prints the sample, or writes it once; a second draw over it is refused unless asked for."""
    out = drawn(tmp_path, DESIGNS["stratified"], frame())
    arguments = ("sample", tmp_path / "frame.csv", "--design", tmp_path / "design.toml")
    printed = altdev(*arguments)
    assert printed.code == 0
    assert printed.out == (out / "sample.csv").read_text()
    assert altdev(*arguments, "--no-resume").code == 2
    paths = (tmp_path / "frame.csv", tmp_path / "design.toml")
    with pytest.raises(InputError, match="stands there already"):
        draw_from_table(*paths, out=out, overwrite=False, as_json=False)
    again = json.loads(draw_from_table(*paths, out=out, overwrite=True, as_json=True))
    assert again["allocation"] == json.loads((out / "draw.json").read_text())["allocation"]
