"""Soil and rain of the harms from what providers publish: by depth, by month; and inputs that serve no figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from geo.cog import RasterStyle, write_cog
from geo.errors import InputError
from geo.grid import GeoBox
from monitor.check import checked
from monitor.context import Context
from monitor.harms.carbon import rows as gas_rows
from monitor.harms.carbon import soil_loss_t_c
from monitor.harms.degradation import rows as degradation_rows
from monitor.harms.figures import Figures, read_figures
from monitor.harms.ground import open_ground
from monitor.harms.ground_water import rain_and_soil
from monitor.harms.rain import rain_problems
from monitor.harms.soil import depth_problems, stock_inputs, stock_lacking
from monitor.harms.unused import unused_inputs
from monitor.sections import HarmInputSection, HarmSection
from monitor.steps.harm import scenes_of
from tests.geo.builders import padded
from tests.monitor.test_harm_run import context_of, section_of, swept, told

LAYERS = (  # depth, organic carbon dg/kg, bulk density cg/cm3, fragments permille
    ((0.0, 5.0), 600, 100, 0),
    ((5.0, 15.0), 400, 110, 100),
    ((15.0, 30.0), 200, 130, 200),
    ((30.0, 60.0), 100, 140, 300),
)
STOCK_T_HA = 6 * 1.0 * 5 + 4 * 1.1 * 10 * 0.9 + 2 * 1.3 * 15 * 0.8
"""By hand, percent x g/cm3 x cm x share of fine earth: 30 + 39.6 + 31.2; nothing of the layer below 30 cm."""
UNITS = {"soc": "dg/kg", "bdod": "cg/cm3", "cfvo": "permille", "nitrogen": "cg/kg", "cec": "mmol/kg"}


def grid_of(context: Context, degrees: float = 0.002) -> GeoBox:
    """Return a grid in degrees with cells over the whole frame."""
    to_degrees = Transformer.from_crs(str(context.frame.geobox.crs), "EPSG:4326", always_xy=True)
    bounds = to_degrees.transform_bounds(*context.frame.geobox.boundingbox)
    return padded(GeoBox.from_bbox(bounds, "EPSG:4326", resolution=degrees), 2)


def soil_map(context: Context, folder: Path, name: str, value: int, depth: tuple[float, float] | None) -> Any:
    """Write a map of one value everywhere, in the provider's unit, and return its entry."""
    grid = grid_of(context)
    path = folder / f"{name}_{depth}.tif"
    write_cog(path, np.full(grid.shape, value, np.int16), grid, style=RasterStyle(nodata=-32768))
    return HarmInputSection(name=f"soilgrids_{name}", path=path, unit=UNITS[name], depth_cm=depth)


def with_maps(section: HarmSection, maps: Sequence[HarmInputSection], *without: str) -> HarmSection:
    """Return a section with further inputs and without some of its own."""
    names = {one.name for one in maps} | set(without)
    kept = [entry for entry in section.input if entry.name not in names]
    return section.model_copy(update={"input": [*kept, *maps]})


def by_depth(context: Context, folder: Path) -> list[HarmInputSection]:
    """Return the maps that a stock is made of, in no order."""
    maps = [
        soil_map(context, folder, name, value, depth)
        for depth, *values in LAYERS
        for name, value in zip(("soc", "bdod", "cfvo"), values, strict=True)
    ]
    return maps[::-1]


def remade(figures: Figures, totals: dict[str, list[int]], section: HarmSection) -> Figures:
    """Return figures of the last period with the soil of another pass and its inputs."""
    place = list(figures.places())[-1]
    table = figures.totals[~figures.totals["quantity"].astype(str).str.startswith("soil_")]
    domains = figures.domains
    rows = [
        {"crop": place.crop, "period": place.period, "quantity": name, "domain": domain, "value": value / 1e9}
        for name, values in totals.items()
        if name.startswith("soil_")
        for domain, value in zip(domains, values, strict=True)
    ]
    records = [
        {"id": one.name, "version": "", "year": one.year, "unit": one.unit, "cell": 250.0, "checksum": ""}
        | {"depth_cm": one.depth_cm}
        for one in section.input
    ]
    settings = dict(figures.settings) | {"inputs": records}
    return replace(figures, totals=pd.concat([table, pd.DataFrame(rows)], ignore_index=True), settings=settings)


def test_stock_made_by_depth(finished_run: Path, tmp_path: Path) -> None:
    """Hand arithmetic: 100.8 t/ha under every cell of mapped crop on natural land, and S2 is in that proportion."""
    context = context_of(finished_run)
    section = with_maps(section_of(context), by_depth(context, tmp_path), "soilgrids_ocs")
    assert told(section, context) == ""
    found = swept(context, section, tmp_path)
    assert found.totals["soil_ha"][0] > 0
    assert found.totals["soil_t"][0] / found.totals["soil_ha"][0] == pytest.approx(STOCK_T_HA, rel=1e-6)
    figures = read_figures(finished_run)
    made, place = remade(figures, found.totals, section), list(figures.places())[-1]
    assert made.soil_inputs == ("soilgrids_soc", "soilgrids_bdod", "soilgrids_cfvo")
    old, new = soil_loss_t_c(figures, place, 20.0), soil_loss_t_c(made, place, 20.0)
    mapped = figures.total(place, "soil_t") / figures.total(place, "soil_ha")
    assert isinstance(old, np.ndarray)
    assert isinstance(new, np.ndarray)
    assert new == pytest.approx(old * STOCK_T_HA / mapped, rel=1e-6)
    row = next(row for row in degradation_rows(made) if row.key.indicator == "S2" and row.key.period == "2024")
    assert {one.id for one in row.key.inputs} >= {"soilgrids_soc", "soilgrids_bdod", "soilgrids_cfvo"}


def test_a_stock_that_cannot_be_made_says_why(finished_run: Path) -> None:
    """Literal inputs: nothing is guessed for a depth that is missing, not stated or not the others'."""
    depths = [(f"soilgrids_{name}", depth) for depth, *_ in LAYERS for name in ("soc", "bdod", "cfvo")]
    assert stock_inputs(depths) == ("soilgrids_soc", "soilgrids_bdod", "soilgrids_cfvo")
    assert stock_inputs([*depths, ("soilgrids_ocs", None)]) == ("soilgrids_ocs",)
    assert stock_lacking([]) == "no input soilgrids_ocs"
    lacking = stock_lacking([one for one in depths if one[0] != "soilgrids_cfvo"])
    assert lacking == "no input soilgrids_ocs, nor soilgrids_cfvo"
    holed = [one for one in depths if one != ("soilgrids_bdod", (5.0, 15.0))]
    assert "depth_cm of soilgrids_bdod does not go from 0 to 30" in stock_lacking(holed)
    assert "does not go from 0" in stock_lacking([(name, None) for name, _ in depths[:3]])
    one = [(name, depth) for name, depth in depths if name != "soilgrids_cfvo"] + [("soilgrids_cfvo", (0.0, 30.0))]
    assert "differ" in stock_lacking(one)
    record = {"id": "soilgrids_soc", "version": "", "checksum": "", "depth_cm": [0, 30]}
    figures = read_figures(finished_run)
    bare = replace(figures, settings=dict(figures.settings) | {"inputs": [record]})
    row = next(row for row in degradation_rows(bare) if row.key.indicator == "S2")
    assert (row.state, row.reason) == ("not_computed", "no input soilgrids_ocs, nor soilgrids_bdod, soilgrids_cfvo")


def test_depths_that_are_wrong(finished_run: Path, tmp_path: Path) -> None:
    """Literal inputs: each wrong depth is told by name."""
    context = context_of(finished_run)

    def lines(*entries: HarmInputSection) -> str:
        return "\n".join(map(str, depth_problems(entries)))

    def entry(name: str, depth: tuple[float, float] | None) -> HarmInputSection:
        return HarmInputSection(name=name, path=tmp_path / f"{name}.tif", unit="x", depth_cm=depth)

    assert "15 to 5 cm" in lines(entry("soilgrids_soc", (15, 5)))
    assert "cci_agb is no map of soil" in lines(entry("cci_agb", (0, 5)))
    assert "expected 0 to 30 cm" in lines(entry("soilgrids_ocs", (0, 100)))
    assert "one over the other" in lines(entry("soilgrids_soc", (0, 15)), entry("soilgrids_soc", (5, 15)))
    assert "depth_cm of each" in lines(entry("soilgrids_soc", (0, 5)), entry("soilgrids_soc", None))
    assert "the same depth" in lines(entry("soilgrids_soc", (0, 5)), entry("soilgrids_nitrogen", (5, 15)))
    assert lines(entry("soilgrids_soc", None), entry("soilgrids_nitrogen", None)) == ""
    twice = [soil_map(context, tmp_path, "soc", 100, (0.0, 5.0))] * 2
    assert "soilgrids_soc twice" in told(with_maps(section_of(context), twice), context)


@pytest.mark.parametrize(("nitrogen", "times"), [(200, 1.0), (150, 15 / 20)])
def test_nitrogen_of_the_maps(finished_run: Path, tmp_path: Path, nitrogen: int, times: float) -> None:
    """Hand arithmetic: 30 g/kg of carbon over 2 of nitrogen is the default ratio of 15; over 1.5 it is 20."""
    context = context_of(finished_run)
    maps = [soil_map(context, tmp_path, "soc", 300, None), soil_map(context, tmp_path, "nitrogen", nitrogen, None)]
    section = with_maps(section_of(context), maps)
    figures = read_figures(finished_run)
    made = remade(figures, swept(context, section, tmp_path).totals, section)
    old, new = (
        next(
            row.value
            for row in gas_rows(one)
            if (row.key.indicator, row.key.part, row.key.period) == ("G2", "gas:n2o", "2024")
        )
        for one in (figures, made)
    )
    assert new == pytest.approx(times * old)
    assert old > 0


def test_nitrogen_in_the_wrong_unit(finished_run: Path, tmp_path: Path) -> None:
    """Law: no soil has 150 parts of carbon to one of nitrogen: the scale of one of them is wrong."""
    context = context_of(finished_run)
    maps = [soil_map(context, tmp_path, "soc", 300, None), soil_map(context, tmp_path, "nitrogen", 20, None)]
    with pytest.raises(InputError, match=r"150 parts of soil carbon to one of nitrogen"):
        swept(context, with_maps(section_of(context), maps), tmp_path)


def test_inputs_that_serve_no_figure_are_told(finished_run: Path, tmp_path: Path) -> None:
    """Law: what is accepted and not used is named; what is used is not."""
    context = context_of(finished_run)
    section = section_of(context)
    assert not list(unused_inputs(section))
    cec = [soil_map(context, tmp_path, "cec", 200, None), *by_depth(context, tmp_path)]
    names = {problem.where: problem.expected for problem in unused_inputs(with_maps(section, cec))}
    assert names["[[harm.input]] soilgrids_cec"] == "no figure of harm has a use for it"
    assert names["[[harm.input]] soilgrids_bdod"] == "soilgrids_ocs is the stock already"
    served = {problem.where for problem in unused_inputs(with_maps(section, cec, "soilgrids_ocs"))}
    assert served == {"[[harm.input]] soilgrids_cec"}


def test_check_warns_of_an_input_without_use(thin_copy_of: Callable[[], Path]) -> None:
    """Law: `altdev check` tells it as a warning and ends with 0."""
    survey = thin_copy_of() / "survey.toml"
    text = survey.read_text()
    start = text.index('[[harm.input]]\nname = "soilgrids_ocs"')
    entry = text[start : text.index("[[", start + 5)].replace("soilgrids_ocs", "soilgrids_phh2o")
    survey.write_text(text[:start] + entry.replace("t/ha", "pH") + text[start:])
    found = checked(survey)
    assert "[[harm.input]] soilgrids_phh2o" in {one.where for one in found.warnings}
    assert (found.problems, found.code) == ((), 0)


MONTHS_MM = np.array([50, 60, 100, 150, 200, 220, 180, 160, 170, 180, 120, 80], dtype=np.float32)


def rain_of(context: Context, folder: Path, year: int, times: float, bands: int = 12) -> HarmInputSection:
    """Write the rain of a year, a multiple of the months; June of 2024 is twice that in the eastern half."""
    grid = grid_of(context, 0.005)
    cells = np.broadcast_to(MONTHS_MM[:, None, None] * times, (12, *grid.shape)).copy()
    if year == 2024:  # the year alone has its wettest month doubled in the east
        cells[5, :, grid.shape[1] // 2 :] *= 2
    path = folder / f"rain_{year}.tif"
    write_cog(path, cells[:bands].astype(np.float32), grid, style=RasterStyle(nodata=-9999.0))
    return HarmInputSection(name="chirps_monthly_rain", path=path, unit="mm", year=year)


def test_erosivity_of_the_year_from_monthly_rain(finished_run: Path, tmp_path: Path) -> None:
    """Hand arithmetic: sum of squares over sum, the year over the mean of ten years, in the west and the east."""
    context = context_of(finished_run)
    times = {year: 1.0 + 0.1 * (year - 2015) for year in range(2015, 2025)}
    section = with_maps(section_of(context), [rain_of(context, tmp_path, *one) for one in times.items()])
    assert list(rain_problems(section, [2024])) == []
    with open_ground(section, context.frame.geobox) as ground:
        *_, scene = scenes_of(context, section, ground)
        anomaly = rain_and_soil(scene)[2]
        assert callable(anomaly)
        height, width = context.frame.geobox.shape
        west, east = anomaly(np.array([width * 5, width * 6 - 1], dtype=np.int32))
    plain = float((MONTHS_MM**2).sum() / MONTHS_MM.sum())
    assert plain == pytest.approx(159.940, abs=5e-4)
    wet = MONTHS_MM.copy()
    wet[5] *= 2
    doubled = float((wet**2).sum() / wet.sum())
    others = [plain * times[year] for year in range(2015, 2024)]
    assert west == pytest.approx(plain * times[2024] / np.mean([*others, plain * times[2024]]), rel=1e-6)
    assert east == pytest.approx(doubled * times[2024] / np.mean([*others, doubled * times[2024]]), rel=1e-6)
    assert height > 6


def test_monthly_rain_that_is_wrong(finished_run: Path, tmp_path: Path) -> None:
    """Law: too few years, no rain of the year, other bands or another grid are each told by name."""
    context = context_of(finished_run)
    section = section_of(context)
    few = [rain_of(context, tmp_path, year, 1.0) for year in (2020, 2021)]
    lines = "\n".join(map(str, rain_problems(with_maps(section, few), [2024])))
    assert "2 years; expected at least 10" in lines
    assert "no rain of 2024" in lines
    short = rain_of(context, tmp_path, 2022, 1.0, bands=11)
    assert "11 bands; expected twelve" in "\n".join(map(str, rain_problems(with_maps(section, [short]), [2022])))
    lines = told(
        with_maps(section, [short.model_copy(update={"name": "gloreda_r", "unit": "MJ mm/ha/h/yr"})]), context
    )
    assert "11 bands; expected one" in lines
    dry = [rain_of(context, tmp_path, year, 0.0) for year in range(2015, 2025)]
    with open_ground(with_maps(section, dry), context.frame.geobox) as ground:
        *_, scene = scenes_of(context, with_maps(section, dry), ground)
        with pytest.raises(InputError, match="state nodata = 0 if zero is no-data"):
            rain_and_soil(scene)
