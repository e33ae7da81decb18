"""Operations added up: the sum may exceed the ground, claims are not verified hectares."""

from __future__ import annotations

import geopandas
import pandas as pd
import pytest
import shapely

from aoi.eradication import operation_summary
from geo.areas import polygon_areas_ha

CRS = "EPSG:32618"


def events() -> pd.DataFrame:
    """Return three operations of one year, the second on ground of the first, the third only claimed."""
    return pd.DataFrame(
        {
            "event_id": ["e1", "e2", "e3"],
            "date": pd.to_datetime(["2020-02-01", "2020-09-01", "2020-05-01"]),
            "method": ["manual", "manual", "spray"],
            "claimed_ha": [2.0, 2.0, 7.0],
            "verified_ha": [1.0, 0.9, float("nan")],
        }
    )


def shapes() -> geopandas.GeoDataFrame:
    """Return two squares of a hectare that share half."""
    boxes = [shapely.box(500_000, 200_000, 500_100, 200_100), shapely.box(500_050, 200_000, 500_150, 200_100)]
    return geopandas.GeoDataFrame({"event_id": ["e1", "e2"]}, geometry=boxes, crs=CRS)


def test_cumulative_operations_exceed_the_ground() -> None:
    """Brute force: two hectares drawn on one and a half; the half counts as repeated, and nothing is taken off."""
    rows = operation_summary(events(), shapes()).set_index("method")
    hectare = float(polygon_areas_ha(shapes())[0])
    manual = rows.loc["manual"]
    assert manual["drawn_ha"] == pytest.approx(2 * hectare, rel=1e-6)
    assert manual["ground_ha"] == pytest.approx(1.5 * hectare, rel=1e-6)
    assert manual["repeated_ha"] == pytest.approx(0.5 * hectare, rel=1e-5)
    assert set(rows["kind"]) == {"cumulative"}


def test_ground_of_all_methods_counts_once_and_each_year_for_itself() -> None:
    """Brute force: the same half hectare of two methods is one ground in a year, and two grounds in two years."""
    hectare = float(polygon_areas_ha(shapes())[0])
    mixed = events().assign(method=["manual", "spray", "spray"])
    rows = operation_summary(mixed, shapes()).set_index("method")
    assert rows.loc[["manual", "spray"], "ground_ha"].tolist() == pytest.approx([hectare, hectare], rel=1e-6)
    assert rows.loc["", "ground_ha"] == pytest.approx(1.5 * hectare, rel=1e-6)
    assert rows.loc["", "repeated_ha"] == pytest.approx(0.5 * hectare, rel=1e-5)
    later = events().assign(date=pd.to_datetime(["2020-02-01", "2021-02-01", "2020-05-01"]))
    whole = operation_summary(later, shapes()).query("method == ''").set_index("year")
    assert whole["ground_ha"].tolist() == pytest.approx([hectare, hectare], rel=1e-6)
    assert whole["repeated_ha"].tolist() == pytest.approx([0, 0], abs=1e-9)


def test_a_claim_is_not_verified() -> None:
    """Law: what nobody looked at is a claim; the methods of a year make its last row."""
    rows = operation_summary(events(), shapes()).set_index("method")
    assert rows.loc["spray", ["claimed_ha", "verified_ha", "unverified_claims_ha"]].tolist() == [7, 0, 7]
    assert rows.loc["", "claimed_ha"] == rows["claimed_ha"].iloc[:-1].sum() == 11
    assert rows.loc["", "operations"] == 3


def test_published_hectares_of_the_substitution_programme() -> None:
    """Published: 43,711 ha eradicated are 37,693 ha verified and 6,018 ha of other lots."""
    rows = events().iloc[:2].assign(claimed_ha=[37_693.0, 6_018.0], verified_ha=[37_693.0, float("nan")])
    whole = operation_summary(rows, shapes().iloc[:0]).iloc[-1]
    assert whole[["claimed_ha", "verified_ha", "unverified_claims_ha"]].tolist() == [43_711, 37_693, 6_018]


def test_operations_without_shapes_have_no_ground() -> None:
    """Law: a table without polygons still adds up its hectares."""
    rows = operation_summary(events(), shapes().iloc[:0])
    assert rows["ground_ha"].tolist() == [0, 0, 0]
    assert rows["claimed_ha"].tolist() == [4, 7, 11]
