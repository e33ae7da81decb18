"""The programme of every example: sound tables without a person, eradication validated on the true fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aoi.legality.rule import parse_law
from aoi.project.finding import errors_of
from aoi.project.programme import examine
from aoi.project.replanting import validation_table
from imagery.simulate.admin import admin_units
from imagery.simulate.landscape import Landscape
from imagery.simulate.programme_tables import law_text, write_programme


@pytest.mark.parametrize("name", ["andes-coca", "helmand-poppy", "rif-cannabis"])
def test_the_programme_of_every_example_is_sound(
    name: str, tmp_path: Path, landscape_of: Callable[[str], Landscape]
) -> None:
    """Independent program: the reader of the tables finds conflicts to show, and no error."""
    landscape = landscape_of(name)
    write_programme(landscape, admin_units(landscape), tmp_path)
    programme, findings = examine(tmp_path)
    assert errors_of(findings) == []
    assert {one.rule for one in findings} >= {"rights_pa_zone_allows", "rights_fpic_status"}
    assert len(programme.areas) == 3
    law = parse_law(law_text(landscape.scenario.crop), where="law.toml")
    assert {rule.crop for rule in law.rules} == {landscape.scenario.crop}


def test_validation_finds_less_than_was_claimed(tmp_path: Path, landscape_of: Callable[[str], Landscape]) -> None:
    """Truth: claims are a third larger than the fields, so that a sample of lots finds about three quarters."""
    landscape = landscape_of("rif-cannabis")
    write_programme(landscape, admin_units(landscape), tmp_path)
    events = examine(tmp_path)[0].tables["eradication"]
    found = validation_table(events).set_index(["measure", "domain"]).loc[("validated", "all")]
    assert 0.6 < found["share"] < 0.95
    assert found["share_lo"] <= found["share"] <= found["share_hi"]
