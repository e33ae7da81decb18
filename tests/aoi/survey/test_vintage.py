"""Vintages: what was known on a day, what was revised, and series that may not be spliced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aoi.survey.estimate import Quantity
from aoi.survey.figure import Figure
from aoi.survey.vintage import as_published_on, require_one_series, revisions
from geo.errors import QualityGateError


def figure(domain: str, year: str, best: float, published: str, **meaning: str) -> Figure:
    """Return a published figure."""
    quantity = Quantity(crop="opium_poppy", kind="harvestable", reference=year, vintage=published)
    return Figure(domain=domain, quantity=replace(quantity, **meaning), best=best, published=published)  # type: ignore[arg-type]


AFGHANISTAN = [figure("AF", "2022", 233_000, "2022-11-01"), figure("AF", "2022", 232_000, "2023-11-05")]
MEXICO = [figure("MX", "2014-15", 24_800, "2016-06-22"), figure("MX", "2014-15", 26_100, "2018-11-30")]


@pytest.mark.parametrize(
    ("day", "best"), [("2022-11-01", 233_000), ("2023-01-01", 233_000), ("2024-01-01", 232_000)]
)
def test_as_published_on_gives_the_vintage_of_the_day(day: str, best: float) -> None:
    """Published: Afghanistan 2022 was 233,000 ha and became 232,000 ha a year later."""
    assert [one.best for one in as_published_on(AFGHANISTAN, day)] == [best]


def test_nothing_is_known_before_it_is_published() -> None:
    """Law: a figure cannot be had before its day."""
    assert as_published_on(AFGHANISTAN + MEXICO, "2016-06-21") == ()
    with pytest.raises(QualityGateError, match="no day of publication"):
        as_published_on([replace(AFGHANISTAN[0], published="")], "2024-01-01")


def test_revisions_are_listed_with_their_size() -> None:
    """Published: Mexico 2014-15 rose from 24,800 to 26,100 ha after an erratum (+5.2 %)."""
    found = {one.domain: one.percent for one in revisions(MEXICO + AFGHANISTAN)}
    assert found == pytest.approx({"MX": 100 * 1_300 / 24_800, "AF": -100 * 1_000 / 233_000})


def test_a_figure_republished_unchanged_is_no_revision() -> None:
    """Law: only a change of value or state is a revision."""
    assert revisions([MEXICO[0], replace(MEXICO[0], published="2017-06-22")]) == ()


def test_two_sources_are_never_spliced() -> None:
    """Published: Colombia 2010, UNODC 62,000 ha, 2011 ONDCP 83,000 ha are two series."""
    unodc = figure("CO", "2010", 62_000, "2011-06-01", source="UNODC")
    ondcp = figure("CO", "2011", 83_000, "2012-07-01", source="ONDCP")
    with pytest.raises(QualityGateError, match=r"2011 source: found 'ONDCP'; expected 'UNODC'.*side by side"):
        require_one_series([ondcp, unodc])
    require_one_series([unodc, figure("CO", "2011", 64_000, "2012-07-25", source="UNODC")])
