"""The harms of a finished run: blocks, laws of the figures, wrong inputs each told by name, and the truth."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from geo.blocks import Block
from geo.cog import RasterStyle, write_cog
from geo.errors import InputError
from geo.grid import GeoBox
from geo.raster import geobox_of
from monitor.check import check_survey
from monitor.config import load_survey
from monitor.context import Context
from monitor.harms.chapters import harm_rows
from monitor.harms.figures import Figures, read_figures
from monitor.harms.footprint import Footprint, footprint
from monitor.harms.ground import input_problems, open_ground, require_whole
from monitor.harms.ground_water import covers_of
from monitor.harms.reading import closing_line, headlines
from monitor.indicators import part_path, read_part, rows_of_harms
from monitor.sections import HarmSection
from monitor.steps.harm import scenes_of
from tests.geo.builders import padded
from tests.monitor.conftest import altdev


def context_of(run: Path) -> Context:
    """Return the surroundings of a finished run."""
    survey = load_survey(run.parent / "survey.toml")
    return Context(survey=survey, root=run.parent, out=run)


def section_of(context: Context) -> HarmSection:
    """Return the ``[harm]`` table."""
    assert context.survey.harm is not None
    return context.survey.harm


def with_input(section: HarmSection, name: str, **changes: Any) -> HarmSection:
    """Return a section with one of its inputs changed."""
    inputs = [entry.model_copy(update=changes) if entry.name == name else entry for entry in section.input]
    return section.model_copy(update={"input": inputs})


def swept(context: Context, section: HarmSection, folder: Path, *, size: int = 512, jobs: int = 1) -> Footprint:
    """Return what a pass over the last period finds."""
    units = pd.read_csv(context.out / "frame" / "sample.csv")
    with open_ground(section, context.frame.geobox) as ground:
        *_, scene = scenes_of(context, section, ground, units)
        return footprint(scene, folder, units, jobs=jobs, progress=lambda *_: None, size=size)


def copied(path: Path, target: Path, change: Callable[[np.ndarray], np.ndarray], **style: Any) -> Path:
    """Write a raster again with its cells changed."""
    with rasterio.open(path) as source:
        cells, nodata = source.read(1), source.nodata
    write_cog(target, change(cells), geobox_of(path), style=RasterStyle(**({"nodata": nodata} | style)))
    return target


def path_of(section: HarmSection, name: str) -> Path:
    """Return the file of an input."""
    return next(entry.path for entry in section.input if entry.name == name)


def told(section: HarmSection, context: Context) -> str:
    """Return the problems of the inputs as lines."""
    return "\n".join(map(str, input_problems(section, context.frame.geobox)))


def test_blocks_and_threads_change_nothing(finished_run: Path, tmp_path: Path) -> None:
    """Law: totals, states and unit values are the same for blocks of 64 cells in three threads as for one block."""
    context = context_of(finished_run)
    one = swept(context, section_of(context), tmp_path)
    other = swept(context, section_of(context), tmp_path, size=64, jobs=3)
    assert one.totals == other.totals
    assert dict(one.patches) == dict(other.patches)
    assert np.array_equal(one.state, other.state)  # type: ignore[arg-type]
    assert all(np.array_equal(one.units[name], other.units[name]) for name in one.units)
    assert one.totals["crop_ha"][0] > 0


@pytest.fixture(scope="module")
def figures(finished_run: Path) -> Figures:
    """Return the tables of the harms."""
    return read_figures(finished_run)


def value_of(rows: list[Any], indicator: str, part: str = "", domain: str = "frame") -> float:
    """Return a figure of the last period."""
    wanted = (indicator, part, domain, "2024")
    found = [row for row in rows if (row.key.indicator, row.key.part, row.key.domain, row.key.period) == wanted]
    assert len(found) == 1, (indicator, part)
    return float(found[0].value)


def test_gases_and_pools_add_up(figures: Figures) -> None:
    """Law: in every draw the gases make the total; so the medians are close, and the frame holds its parts."""
    rows = list(harm_rows(figures))
    assert value_of(rows, "G1", "gas:co2") == pytest.approx(value_of(rows, "G1"))
    assert value_of(rows, "G1", "pool:crop_standing") < 0 < value_of(rows, "G1", "pool:roots")
    committed, spread = (value_of(rows, "G", f"view:{view}") for view in ("year_of_clearing", "amortised_20_years"))
    assert spread == pytest.approx(committed / 20, rel=1e-6)  # no nitrogen rate for this crop: G4 is not computed


def test_origins_part_the_crop(figures: Figures) -> None:
    """Law: crop by origin adds up to the crop, direct loss by origin to the direct loss."""
    rows = list(harm_rows(figures))
    place = list(figures.places())[-1]
    crop = figures.areas(figures.crop_units(place), ["frame"])[0].value
    origins = {row.key.part for row in rows if row.key.part.startswith("origin:")}
    assert sum(value_of(rows, "D1", part) for part in origins) == pytest.approx(crop)
    losses = {row.key.part for row in rows if row.key.part.startswith("loss_from:")}
    assert sum(value_of(rows, "D1", part) for part in losses) == pytest.approx(value_of(rows, "D1", "cumulative"))


def test_no_crop_is_no_harm(figures: Figures) -> None:
    """Law: a sample without crop, and a map without, give no direct harm and no gases."""
    units = figures.tables.units.copy()
    for name in [column for column in units if column.startswith("label_")]:
        units[name] = "olive"
    totals = figures.totals.copy()
    kept = totals["quantity"].isin(["cells_ha", "forest_start_ha", "forest_lost_ha"])
    totals.loc[~kept, "value"] = 0.0
    empty = replace(
        figures, tables=replace(figures.tables, units=units), totals=totals, rings=figures.rings.iloc[:0]
    )
    rows = list(harm_rows(empty))
    for indicator, part in (("D1", ""), ("D1", "cumulative"), ("S1", ""), ("G2", ""), ("B1", "")):
        assert value_of(rows, indicator, part) == 0.0, indicator


def test_missing_inputs_say_so(figures: Figures) -> None:
    """Law: an optional input that is not there leaves a state and its name, never a number."""
    lean = replace(figures, settings=dict(figures.settings) | {"inputs": []})
    rows = list(harm_rows(lean))
    heads = {row.key.indicator: row for row in rows if row.key.period == "2024" and row.key.domain == "frame"}
    assert (heads["D1"].state, heads["D1"].reason) == (
        "not_computed",
        "no input hansen_treecover2000, hansen_lossyear",
    )
    assert heads["G1"].state == "not_computed"
    assert "cci_agb" in heads["G1"].reason
    assert not any(np.isfinite(row.value) for row in rows if row.state != "computed")


def test_narrow_plots_are_not_resolvable(finished_run: Path) -> None:
    """Law: plots of some tens of metres are not seen by pixels of 250 m, and the table says so."""
    table = read_part(part_path(finished_run, "harm"))
    row = table[(table["indicator"] == "S1") & (table["part"] == "productivity")].iloc[-1]
    assert row["state"] == "not_resolvable"
    assert "250 m" in row["reason"]


def test_wrong_unit(finished_run: Path) -> None:
    """Law: a unit that the input does not come in stops the run."""
    context = context_of(finished_run)
    lines = told(with_input(section_of(context), "cci_agb", unit="kg/ha"), context)
    assert "found unit kg/ha; expected t/ha" in lines


def test_shifted_grid(finished_run: Path, tmp_path: Path) -> None:
    """Law: a raster of the frame's cells that lies 3 m beside them is told with the shift."""
    context = context_of(finished_run)
    section = section_of(context)
    path = path_of(section, "hansen_lossyear")
    with rasterio.open(path) as source:
        profile, cells = source.profile, source.read()
    profile.update(driver="GTiff", transform=Affine.translation(3, 0) @ profile["transform"])
    with rasterio.open(tmp_path / "shifted.tif", "w", **profile) as target:
        target.write(cells)
    lines = told(with_input(section, "hansen_lossyear", path=tmp_path / "shifted.tif"), context)
    assert "a grid shifted against the frame's by 3.00 m, 0.00 m" in lines


def test_degrees_where_metres_are_due(finished_run: Path, tmp_path: Path) -> None:
    """Law: heights on a grid in degrees, taken cell by cell, are refused: slopes are metres over metres."""
    context = context_of(finished_run)
    section = section_of(context)
    to_degrees = Transformer.from_crs(str(context.frame.geobox.crs), "EPSG:4326", always_xy=True)
    bounds = to_degrees.transform_bounds(*context.frame.geobox.boundingbox)
    grid = padded(GeoBox.from_bbox(bounds, "EPSG:4326", resolution=0.0001), 8)
    write_cog(tmp_path / "dem.tif", np.ones(grid.shape, np.float32), grid, style=RasterStyle(nodata=-9999.0))
    lines = told(with_input(section, "elevation", path=tmp_path / "dem.tif"), context)
    assert "heights on a grid in degrees" in lines
    smooth = with_input(section, "elevation", path=tmp_path / "dem.tif", sampling="bilinear")
    assert told(smooth, context) == ""


def test_dem_with_holes(finished_run: Path, tmp_path: Path) -> None:
    """Law: a hole of the terrain inside the frame is told with the number of its cells."""
    context = context_of(finished_run)
    section = section_of(context)

    def holed(cells: np.ndarray) -> np.ndarray:
        cells[95:100, 95:105] = -9999.0
        return cells

    path = copied(path_of(section, "elevation"), tmp_path / "dem.tif", holed)
    with pytest.raises(InputError, match="50 cells of the frame without a value"):
        swept(context, with_input(section, "elevation", path=path), tmp_path)


def test_nodata_counted_as_zero(finished_run: Path, tmp_path: Path) -> None:
    """Law: a file that states no no-data value is refused; zeros where forest stood are taken for no-data."""
    context = context_of(finished_run)
    section = section_of(context)
    bare = copied(path_of(section, "cci_agb"), tmp_path / "bare.tif", lambda cells: cells, nodata=None)
    assert "no no-data value in the file" in told(with_input(section, "cci_agb", path=bare), context)
    zero = copied(path_of(section, "cci_agb"), tmp_path / "zero.tif", np.zeros_like)
    with pytest.raises(InputError, match="state nodata = 0 if zero means not known"):
        swept(context, with_input(section, "cci_agb", path=zero), tmp_path)


def test_biomass_newer_than_clearing(finished_run: Path, tmp_path: Path) -> None:
    """Law: a biomass map of a year after every clearing shows what was left, and is refused."""
    context = context_of(finished_run)
    changed = with_input(section_of(context), "cci_agb", year=2024)
    with pytest.raises(InputError, match="newer than every clearing"):
        swept(context, changed, tmp_path)


def test_tree_cover_as_a_share(finished_run: Path, tmp_path: Path) -> None:
    """Law: a tree cover of 1 percent at most everywhere is a share, and would say that there was no forest."""
    context = context_of(finished_run)
    section = section_of(context)
    name = "hansen_treecover2000"
    path = copied(
        path_of(section, name), tmp_path / "share.tif", lambda cells: np.where(cells == 255, 255, cells / 100)
    )
    with pytest.raises(InputError, match="percent at most in all of the frame"):
        swept(context, with_input(section, name, path=path), tmp_path)


def test_tree_cover_of_nothing_where_forest_was_lost(finished_run: Path, tmp_path: Path) -> None:
    """Law: loss on ground that holds no tree at all says that zero is no-data, or a share cut to a whole."""
    context = context_of(finished_run)
    section = section_of(context)
    name = "hansen_treecover2000"
    path = copied(path_of(section, name), tmp_path / "none.tif", lambda cells: np.where(cells == 255, 255, 0))
    with pytest.raises(InputError, match=r"no tree cover in all of the frame, of which \d+ cells lost forest"):
        swept(context, with_input(section, name, path=path), tmp_path)


def test_habitat_of_the_part_in_the_frame(finished_run: Path, tmp_path: Path) -> None:
    """Law: less habitat in the whole range than the mapped crop alone took is the clipped range's, and refused."""
    context = context_of(finished_run)
    section = section_of(context)
    clipped = [one.model_copy(update={"habitat_ha": 0.001}) for one in section.species]
    with pytest.raises(InputError, match=r"0\.001 ha, and .* ha lost to mapped"):
        swept(context, section.model_copy(update={"species": clipped}), tmp_path)


def test_land_cover_newer_than_the_plots_and_codes_without_a_name(finished_run: Path) -> None:
    """Law: a land cover of the crop itself is no counterfactual; a code that nobody named is told by its number."""
    context = context_of(finished_run)
    section = section_of(context)
    with open_ground(section, context.frame.geobox) as ground:
        *_, scene = scenes_of(context, section, ground)
        assert (covers_of(scene).observed >= 0).all()
        newest = max(ground.years("land_cover"))
        only = {key: one for key, one in ground.layers.items() if key[0] != "land_cover" or key[1] == newest}
        later = only.pop(("land_cover", newest))
        only["land_cover", 2024] = replace(later, entry=later.entry.model_copy(update={"year": 2024}))
        with pytest.raises(InputError, match="a land cover of 2024, newer than what stood before every plot"):
            covers_of(replace(scene, ground=replace(ground, layers=only)))
        named = {code: name for code, name in section.cover.items() if name != "crop"}
        bare = replace(scene, section=section.model_copy(update={"cover": named}))
        assert (covers_of(bare).observed == -1).any()
        assert bare.shared["unnamed"] == [7]


def test_raster_that_leaves_the_frame(finished_run: Path, tmp_path: Path) -> None:
    """Law: a clip smaller than the frame is told, since what lies beyond it would be no-data or nothing."""
    context = context_of(finished_run)
    section = section_of(context)
    path = path_of(section, "hansen_treecover2000")
    with rasterio.open(path) as source:
        cells = source.read(1)[:80]
    write_cog(tmp_path / "clip.tif", cells, geobox_of(path)[:80, :], style=RasterStyle(nodata=255))
    assert "leaves out" in told(with_input(section, "hansen_treecover2000", path=tmp_path / "clip.tif"), context)


def test_nodata_never_becomes_zero(finished_run: Path) -> None:
    """Law: a cell of no-data is read as unknown."""
    context = context_of(finished_run)
    section = section_of(context)
    with open_ground(section, context.frame.geobox) as ground:
        layer = ground.layer("soilgrids_ocs")
        values = layer.read(Block(0, 0, *context.frame.geobox.shape))
        assert np.isfinite(values).all()
        marked = replace(layer, nodata=float(values[0, 0]))
        again = marked.read(Block(0, 0, 5, 5))
        assert np.isnan(again[0, 0])
        require_whole(marked, again, np.ones((5, 5), dtype=bool))  # soil may have holes; terrain may not


def test_check_tells_the_inputs_of_the_harms(thin_copy_of: Callable[[], Path]) -> None:
    """Law: `altdev check` names what is wrong with an input of the harms, with the key to mend."""
    folder = thin_copy_of()
    survey = folder / "survey.toml"
    text = survey.read_text().replace('unit = "t/ha"', 'unit = "Mg"', 1)
    survey.write_text(text)
    problems, code = check_survey(survey)
    assert code == 3
    assert any("[[harm.input]] cci_agb" in problem.where and problem.found == "unit Mg" for problem in problems)


def test_verb_without_table(thin_copy_of: Callable[[], Path]) -> None:
    """Law: the verb on a survey without [harm] is a mistake of the file, told before anything runs."""
    folder = thin_copy_of()
    survey = folder / "survey.toml"
    text = survey.read_text()
    start, end = text.index("[harm]"), text.index("[corrections]")
    survey.write_text(text[:start] + text[end:])
    done = altdev("harm", survey)
    assert done.code == 2
    assert "survey.toml [harm]: found nothing" in done.err


def test_a_changed_figure_is_noticed(finished_run: Path, tmp_path: Path) -> None:
    """Law (negative control): a figure of harm changed together with its hash fails verification."""
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    path = part_path(copy, "harm")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "value"] = table.loc[0, "hi"]
    table.to_csv(path, index=False, lineterminator="\n")
    record = manifest["steps"]["harm"]["outputs"]["indicators/part_harm.csv"]
    record.update(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = altdev("verify", copy)
    assert done.code == 5
    assert "part_harm.csv D1 frame" in done.err


def test_closing_lines_name_six_harms(finished_run: Path) -> None:
    """Contract: a run ends with the six harms of the last period, each with its interval or its reason."""
    table = read_part(part_path(finished_run, "harm"))
    lines = [closing_line(head) for head in headlines(table)]
    assert len(lines) == 6
    for line in lines:
        assert ("interval" in line and "grade" in line) or "not computed (" in line, line
    assert "attributable at most" in lines[0]


def test_a_headline_that_is_not_there_says_why(figures: Figures) -> None:
    """Law: without any input each of the six harms is not computed, with the reason its rows give."""
    bare = replace(figures, settings=dict(figures.settings) | {"inputs": [], "species": []})
    table = rows_of_harms(harm_rows(bare), level=0.95)
    heads = list(headlines(table))
    assert [head.state for head in heads] == ["not_computed"] * 6
    assert not [head.reason for head in heads if "no row in this run" in head.reason]


def truths(run: Path) -> Iterator[tuple[float, pd.Series]]:
    """Yield the true direct loss of each period with its row."""
    truth = json.loads((run.parent / "inputs" / "truth" / "truth.json").read_text())["direct_forest_loss_ha"]
    table = read_part(part_path(run, "harm"))
    own = table[(table["indicator"] == "D1") & (table["part"] == "cumulative") & (table["domain"] == "frame")]
    for _, row in own.iterrows():
        yield truth[str(row["period"])], row


def test_truth_of_direct_loss_lies_in_its_interval(finished_run: Path) -> None:
    """Simulated truth: the interval of both periods holds the true direct forest loss (of one seed)."""
    found = list(truths(finished_run))
    assert len(found) == 2
    for true, row in found:
        assert row["lo"] <= true <= row["hi"]
        assert true > 0
