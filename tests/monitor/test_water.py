"""Erosion and loads on water in a run: rows from the table of draws, reasons where an input is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aoi.harm.inputs import known_input
from aoi.harm.mapped import MappedFigure
from geo.errors import InputError
from monitor.harms.ground import open_ground
from monitor.harms.ground_water import lacking_inputs, picked, rain_and_soil
from monitor.harms.water_rows import read_draws, write_draws
from monitor.steps.harm import scenes_of
from tests.monitor.test_harm_run import context_of, section_of


def figure(part: str, draws: list[float], **other: object) -> MappedFigure:
    """Return a figure of the frame."""
    given = {"indicator": "W1", "domain": "05005", "unit": "t/yr", "method": "m/1", "grade": "D", "mapped_ha": 2.5}
    return MappedFigure(**(given | {"scaled": True} | other), part=part, draws=np.array(draws))  # type: ignore[arg-type]


def test_table_of_draws_comes_back_as_it_was(tmp_path: Path) -> None:
    """Law: codes keep their zeros, an empty part stays empty, missing draws are no zeros."""
    told = figure("", [], state="not_computed", reason="no map, of people", scaled=False)
    figures = [figure("fertiliser", [1.5, -2.0, 1e-7]), figure("leaching", [2.25], scaled=False), told]
    write_draws(figures, tmp_path / "table.csv", 3)
    for one, other in zip(read_draws(tmp_path / "table.csv"), figures, strict=True):
        assert one.draws.tolist() == pytest.approx(other.draws.tolist(), rel=1e-8)
        for name in (
            "indicator",
            "domain",
            "part",
            "unit",
            "method",
            "grade",
            "mapped_ha",
            "scaled",
            "state",
            "reason",
        ):
            assert getattr(one, name) == getattr(other, name)


def test_missing_inputs_are_named() -> None:
    """Literal inputs: a map of erodibility stands in for the soil maps, nothing for the rain."""
    held = {"elevation", "land_cover", "erodibility_k"}
    assert lacking_inputs(held.__contains__) == ["gloreda_r"]
    assert "soilgrids_silt" in lacking_inputs({"elevation"}.__contains__)
    assert lacking_inputs((held | {"chirps_rain"}).__contains__) == []


def test_rain_stands_in_for_its_erosivity_within_its_range(finished_run: Path) -> None:
    """Published equation (Renard and Freimund 1994), cell by cell; beyond its range it is refused by name."""
    context = context_of(finished_run)
    with open_ground(section_of(context), context.frame.geobox) as ground:
        *_, scene = scenes_of(context, section_of(context), ground)
        layers = dict(ground.layers)
        mapped = layers.pop(("gloreda_r", None))
        entry = mapped.entry.model_copy(update={"name": "chirps_rain", "unit": "mm"})
        layers["chirps_rain", None] = replace(mapped, entry=entry, known=known_input("chirps_rain", "mm"))
        dry = replace(scene, ground=replace(ground, layers=layers))
        cells = np.arange(0, 20_000, 100, dtype=np.int32)
        cells = cells[picked(dry, "chirps_rain")(cells) <= 1600]
        mm = picked(dry, "chirps_rain")(cells)
        assert mm.max() > 900
        erosivity, _, _ = rain_and_soil(dry)
        assert callable(erosivity)
        expected = [0.0483 * p**1.61 if p < 850 else 587.8 - 1.219 * p + 0.004105 * p**2 for p in mm]
        assert erosivity(cells) == pytest.approx(expected)
        tight = dict(dry.factors) | {"renard_freimund_most_mm": replace(dry.factors["steep_share"], value=900.0)}
        beyond, _, _ = rain_and_soil(replace(dry, factors=tight))
        with pytest.raises(InputError, match=r"erosivity from rain: found .* expected at most 900 mm"):
            beyond(cells)  # type: ignore[operator]


def test_a_run_has_erosion_and_loads_with_intervals(finished_run: Path) -> None:
    """Law: every indicator of both harms is there, computed ones inside their interval."""
    rows = pd.read_csv(finished_run / "indicators" / "indicators.csv", dtype={"domain": str, "period": str})
    own = rows[rows["indicator"].str.match("^[EW]") & (rows["domain"] == "frame") & (rows["period"] == "2024")]
    computed = set(own.loc[own["state"] == "computed", "indicator"])
    assert computed == {"E1", "E2", "E3", "W1", "W3", "W4", "W5", "W7"}
    assert (own.loc[own["indicator"] == "W2", "reason"] == "no published load of cannabis").all()
    figures = own[own["state"] == "computed"]
    assert ((figures["lo"] <= figures["value"]) & (figures["value"] <= figures["hi"])).all()
    assert (own.loc[own["state"] != "computed", "reason"].str.len() > 0).all()
    loss = own[own["indicator"] == "E1"].set_index("part")
    assert (loss.drop(index="new_clearing")["method"] == "rusle-sdr-sample/3").all()
    assert loss.loc["new_clearing", "lo"] <= loss.loc["new_clearing", "value"]
    table = pd.read_csv(finished_run / "indicators" / "water_cannabis_2024.csv", dtype={"domain": str})
    mapped = table.loc[(table["indicator"] == "E1") & (table["domain"] == "frame") & table["part"].isna()]
    ratio = mapped.filter(like="draw_").to_numpy().ravel() / float(mapped["mapped_ha"].iloc[0])
    per_hectare = own[(own["indicator"] == "E1") & (own["part"] == "per_hectare")].iloc[0]
    assert per_hectare["lo"] < np.median(ratio) < per_hectare["hi"]  # the map's mean is near the sample's, not it
    assert per_hectare["value"] != pytest.approx(np.median(ratio), rel=1e-6)
    units = pd.read_csv(finished_run / "indicators" / "harm_units.csv")
    assert (units.filter(like="bare_loss_t_ha_") > 0).all(axis=None)
