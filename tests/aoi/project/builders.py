"""A small sound programme as plain rows, written to a folder; tests spoil one thing at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import shapely

Rows = list[dict[str, Any]]

STAMP = {"source_id": "report-19", "source_date": "2019-10-31", "confidence": "reported"}


def square(west: float, south: float, side: float = 0.1) -> shapely.Polygon:
    """Return a square in degrees."""
    return shapely.box(west, south, west + side, south + side)


COUNTRY = geopandas.GeoDataFrame({"name": ["Invented"]}, geometry=[square(-75.0, 1.0, 2.0)], crs=4326)


def sound() -> dict[str, Rows]:
    """Return tables without a mistake; each call gives a fresh copy."""
    tables: dict[str, Rows] = {
        "areas": [
            _area("AD-1", "P1", square(-74.5, 1.5)),
            _area("AD-2", "P2", square(-74.0, 2.0)),
        ],
        "projects": [_project("P1"), _project("P2")],
        "sectors": [
            {"project_id": "P1", "vocabulary": "1", "code": "31165", "percent": "60"},
            {"project_id": "P1", "vocabulary": "1", "code": "43040", "percent": "40"},
            {"project_id": "P2", "vocabulary": "1", "code": "43050", "percent": "100"},
        ],
        "markers": [{"project_id": "P1", "marker": "1", "significance": "2"}],
        "partners": [
            {"project_id": "P1", "organisation": "Coop Alto", "role": "4", "org_type": "22", "local": "yes"}
        ],
        "funding": [
            _money("T1", "2", 1000.0, value_date="2020-01-01"),
            _money("T2", "3", 600.0, value_date="2020-06-01"),
            _money("T3", "3", 300.0, value_date="2021-06-01"),
        ],
        "beneficiaries": [
            _count("household", "total", 90),
            _count("person", "female", 210),
            _count("person", "male", 190),
            _count("person", "total", 400),
        ],
        "production": [
            {"project_id": "P1", "period": "2021", "product": "cacao", "area_ha": "50", "volume_t": "20",
             "sold_t": "15", "price": "2000", "currency": "USD", "market": "export", "ad_label": "yes",
             "cut_off_date": "2020-12-31", "forest_loss_ha": "2"},
            {"project_id": "P1", "period": "2021", "product": "coffee", "area_ha": "30", "volume_t": "10",
             "sold_t": "9", "price": "3000", "currency": "USD", "market": "local", "ad_label": "no",
             "cut_off_date": "2020-12-31", "forest_loss_ha": "0"},
        ],
        "titles": [
            {"title_id": "t1", "project_id": "P1", "area_ha": "10", "holder_sex": "female", "issued": "2020-01-01"},
            {"title_id": "t2", "project_id": "P1", "area_ha": "30", "holder_sex": "joint", "issued": "2020-02-01"},
        ],
        "jobs": [
            {"project_id": "P1", "period": "2021", "fte": "4", "sex": "female"},
            {"project_id": "P1", "period": "2021", "fte": "6", "sex": "male"},
        ],
        "cooperatives": [
            {"cooperative_id": "C1", "project_id": "P1", "period": "2021", "members_f": "30", "members_m": "50",
             "members_total": "80", "leadership_f": "2", "leadership_m": "3"},
        ],
        "waves": [
            {"wave_id": "W1", "project_id": "P1", "wave": "baseline", "respondents": "beneficiaries",
             "sampling": "probability", "n": "200", "first_day": "2019-05-01", "last_day": "2019-06-01"},
        ],
        "outcomes": [
            {"project_id": "P1", "indicator_id": "licit_income", "date": "2021-06-01", "wave_id": "W1",
             "value": "300", "lo": "280", "hi": "330", "n": "200", "unit": "USD", "method": "survey"},
        ],
        "eradication": [_lot("E1", in_sample="yes", validated_ha="0.9", replanted_ha="0.1"), _lot("E2")],
    }  # fmt: skip
    return {name: [STAMP | row for row in rows] for name, rows in tables.items()}


def _area(code: str, project: str, shape: shapely.Polygon) -> dict[str, Any]:
    return {
        "ad_id": code, "project_id": project, "country": "COL", "location_reach": "1", "exactness": "1",
        "geom_method": "surveyed", "fpic_status": "not_applicable", "preventive_ad": "no", "geometry": shape,
    }  # fmt: skip


def _project(code: str) -> dict[str, Any]:
    return {
        "project_id": code, "title": f"Project {code}", "status": "2", "announcement_date": "2019-01-01",
        "planned_start": "2019-06-01", "actual_start": "2019-07-01", "planned_end": "2022-06-30",
        "agreement_type": "voluntary_substitution", "agreement_level": "community", "sdg_targets": "1.4",
        "plan_links": "NDP",
    }  # fmt: skip


def _money(code: str, kind: str, value: float, **more: str) -> dict[str, Any]:
    return {
        "transaction_id": code, "project_id": "P1", "transaction_type": kind, "value": str(value),
        "currency": "USD", "usd_constant": str(value), "base_year": "2020", **more,
    }  # fmt: skip


def _count(unit: str, sex: str, count: int) -> dict[str, Any]:
    return {
        "project_id": "P1", "period": "2021", "measure": "served", "unit": unit, "role": "all", "sex": sex,
        "count": str(count),
    }  # fmt: skip


def _lot(code: str, **more: str) -> dict[str, Any]:
    return {
        "event_id": code, "date": "2020-03-01", "method": "manual", "claimed_ha": "1.5", "verified_ha": "1",
        "evidence": "gps_polygon", "nucleus": "N1", **more,
    }  # fmt: skip


def write(folder: Path, tables: dict[str, Rows]) -> Path:
    """Write tables as CSV, those with shapes as Parquet, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        frame = pd.DataFrame(rows)
        if "geometry" in frame:
            layer = geopandas.GeoDataFrame(frame, geometry="geometry", crs=4326)
            layer.to_parquet(folder / f"{name}.parquet")
        else:
            frame.to_csv(folder / f"{name}.csv", index=False)
    return folder
