"""The records of a page refuse what does not fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geo.errors import DisclosureError, InputError
from maps.disclosure import Tier
from maps.page import AdminLayer, Figures, Page, RasterLayer
from tests.maps import builders


@pytest.fixture
def estimates() -> object:
    """Return sound figures."""
    return builders.estimates(builders.units())


def test_sound_figures_pass(estimates: object) -> None:
    """Negative control: the figures that the other tests break are accepted whole."""
    Figures(estimates=estimates)


def test_value_outside_its_interval(estimates: object) -> None:
    """Literal: an interval that does not hold its value is refused, with the row."""
    estimates.loc[0, "hi_ha"] = estimates.loc[0, "value_ha"] - 1
    with pytest.raises(InputError, match=r"row 1: .*an interval that holds its value"):
        Figures(estimates=estimates)


def test_one_limit_alone(estimates: object) -> None:
    """Literal: one limit without the other is no interval."""
    estimates.loc[1, "lo_ha"] = np.nan
    with pytest.raises(InputError, match="row 2"):
        Figures(estimates=estimates)


def test_number_in_an_empty_cell(estimates: object) -> None:
    """Literal: a suppressed cell that still holds its number is refused."""
    row = estimates.index[estimates["state"] == "suppressed"][0]
    estimates.loc[row, ["value_ha", "lo_ha", "hi_ha"]] = 4.0
    with pytest.raises(InputError, match=r"4\.0 in a cell that is suppressed; expected no number"):
        Figures(estimates=estimates)


def test_unknown_state_and_column(estimates: object) -> None:
    """Literal: an unknown state, and a missing column, are each named."""
    with pytest.raises(InputError, match="found 'lost'"):
        Figures(estimates=estimates.assign(state="lost"))
    with pytest.raises(InputError, match="no column method"):
        Figures(estimates=estimates.drop(columns="method"))


def test_page_problems_come_together(tmp_path: Path) -> None:
    """Literal: a raster of an unknown period and units without names are told in one error."""
    page = builders.page(tmp_path)
    stray = RasterLayer(kind="class", period="1999", path=tmp_path / "x.tif", tier=Tier.PUBLIC)
    nameless = AdminLayer(frame=page.admin.frame.drop(columns="name"), tier=Tier.PUBLIC)
    with pytest.raises(InputError, match=r"period '1999'[\s\S]*no column 'name'"):
        Page(
            about=page.about,
            figures=page.figures,
            crops=page.crops,
            periods=page.periods,
            legend=page.legend,
            admin=nameless,
            rasters=(stray,),
        )


def test_strict_layer_in_a_public_page(tmp_path: Path) -> None:
    """Literal: one field raster is enough to refuse a public page."""
    layer = RasterLayer(kind="class", period="2024", path=tmp_path / "class_2024.tif")
    with pytest.raises(DisclosureError, match="class map 2024"):
        builders.page(tmp_path, rasters=(layer,))
