"""The alternative-development programme of an example: invented projects, counts, money and validated eradication.

Nobody in it exists, and no row is a person. Eradication is validated by a sample of lots against the fields that
the landscape really gave up.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray

from geo.areas import polygon_areas_ha
from geo.files import write_text
from geo.vector import Layer, write_gpkg
from imagery.simulate.landscape import Landscape
from imagery.simulate.layers import eradication_events, project_layers, road_lines, typed
from imagery.simulate.noise import stream

__all__ = ["law_text", "write_programme"]

_STREAM = 53
_STAMP = {"source_id": "example-2024", "source_date": "2024-12-31", "confidence": "reported"}
_PROJECTS = ("P-001", "P-002", "P-003")
_EARLIER = "P-000"
"""The programme in the villages around, of earlier years: no areas in the frame."""
_LOT_SAMPLE = 8  # lots validated in each nucleus
_VERIFIED = 0.85

Rows = list[dict[str, Any]]


def write_programme(landscape: Landscape, units: geopandas.GeoDataFrame, folder: Path) -> None:
    """Write the tables of the programme, and the countries and settlements around it.

    Parameters
    ----------
    landscape
        The landscape.
    units
        Administrative units.
    folder
        Where the tables go; ``around`` below it holds the layers that are no tables.
    """
    frame = shapely.union_all(np.asarray(units.geometry.values))
    layers = {
        "areas": _areas(landscape, frame),
        "eradication": _eradication(landscape, units),
        "infrastructure": _infrastructure(landscape, frame),
    }
    for name, layer in layers.items():
        write_gpkg(folder / f"{name}.gpkg", {name: Layer(frame=layer, title=f"Invented {name}")})
    for name, rows in _tables(landscape, units).items():
        table = pandas.DataFrame([row | _STAMP for row in rows])
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    around = {
        "border": _countries(frame, landscape),
        "settlements": _settlements(landscape, frame),
        "markets": _markets(landscape, frame),
    }
    for name, layer in around.items():
        write_gpkg(folder / "around" / f"{name}.gpkg", {name: Layer(frame=layer, title=f"Invented {name}")})


def law_text(crop: str) -> str:
    """Return the invented law of the example as TOML."""
    rules = (
        ("protected", "PROTECTED_NOT_PERMITTED", "No cultivation in reserves", ""),
        ("pilot", "AUTHORISED_CAPPED", "Pilot zone, up to 3 ha", "cap_ha = 3.0\n"),
        ("customary", "TRADITIONAL_USE_REVIEW", "Customary use, under review", ""),
        ("everywhere", "NOT_AUTHORISED", "Elsewhere", ""),
    )
    text = (
        '# The law of an invented place; it means nothing elsewhere.\n\ntitle = "Invented law"\ncountry = "ZZZ"\n'
    )
    for zone, name, basis, cap in rules:
        text += (
            f'\n[[rule]]\nzone = "{zone}"\ncrop = "{crop}"\nclass = "{name}"\n{cap}legal_basis = "{basis}"\n'
            'valid_from = 2000-01-01\nauthority = "Invented ministry"\nsource = "invented"\nmark = "given"\n'
        )
    return text


def _areas(landscape: Landscape, frame: shapely.Geometry) -> geopandas.GeoDataFrame:
    drawn = project_layers(landscape, frame)["ad_areas"]
    columns: dict[str, list[Any]] = {
        "ad_id": drawn["ad_code"].tolist(),
        "project_id": list(_PROJECTS),
        "name": drawn["ad_name"].tolist(),
        "country": ["ZZZ"] * 3,
        "location_reach": ["1"] * 3,
        "exactness": ["1"] * 3,
        "geom_method": ["surveyed", "surveyed", "digitised"],
        "tenure_class": ["possession", "titled_individual", "customary"],
        "indigenous_territory_id": ["", "", "IND-1"],
        "fpic_status": ["not_applicable", "not_applicable", "in_process"],
        "traditional_licit_use": ["none", "none", "claimed"],
        "protected_area_ids": ["PA-1", "", ""],
        "pa_zone_allows": ["no", "", ""],
        "preventive_ad": ["no", "no", "yes"],
    }
    stamped = {name: [value] * 3 for name, value in _STAMP.items()}
    return geopandas.GeoDataFrame(columns | stamped, geometry=list(drawn.geometry), crs=drawn.crs)


def _tables(landscape: Landscape, units: geopandas.GeoDataFrame) -> dict[str, Rows]:
    rng = stream(landscape.seed, _STREAM)
    first, last = (period.year for period in landscape.scenario.periods)
    codes = units["adm_code"].tolist()
    return {
        "projects": [
            *(_project(code, first, last, at) for at, code in enumerate(_PROJECTS)),
            {"project_id": _EARLIER, "title": "Village programme", "status": "4", "announcement_date": "2011-03-01",
             "planned_start": "2013-02-01", "actual_start": "2013-02-01", "planned_end": "2019-12-31",
             "sdg_targets": "1.4;15.3", "plan_links": "NDP-0",
             "actual_end": "2019-12-31", "agreement_type": "voluntary_substitution",
             "agreement_level": "community", "eradication_sequence": "none"},
        ],
        "sectors": [
            {"project_id": "P-001", "vocabulary": "1", "code": "31165", "percent": 70},
            {"project_id": "P-001", "vocabulary": "1", "code": "21020", "percent": 30},
            {"project_id": "P-002", "vocabulary": "1", "code": "31165", "percent": 100},
            {"project_id": "P-003", "vocabulary": "1", "code": "43050", "percent": 100},
            {"project_id": _EARLIER, "vocabulary": "1", "code": "31165", "percent": 100},
        ],
        "markers": [{"project_id": code, "marker": "1", "significance": "1"} for code in _PROJECTS],
        "partners": [
            {"project_id": code, "organisation": f"Association {at}", "role": "4", "org_type": "22",
             "local": "yes" if at < 3 else "no"}
            for at, code in enumerate(_PROJECTS, start=1)
        ],
        "funding": _funding(first, last, codes, rng),
        "beneficiaries": _beneficiaries(last),
        "production": [
            {"project_id": code, "period": str(last), "product": product, "area_ha": area, "volume_t": volume,
             "sold_t": round(0.8 * volume, 1), "price": price, "currency": "USD", "market": "national",
             "ad_label": label, "cut_off_date": "2020-12-31", "forest_loss_ha": loss}
            for code, product, area, volume, price, label, loss in (
                ("P-001", "coffee", 42.0, 31.0, 2800, "yes", 1.5),
                ("P-001", "honey", 3.0, 2.4, 4100, "no", 0.0),
                ("P-002", "cacao", 55.0, 24.0, 2500, "yes", 0.0),
            )
        ],
        "titles": [
            {"title_id": f"T{number}", "project_id": "P-002", "area_ha": area, "holder_sex": holder,
             "issued": f"{last}-0{number}-15"}
            for number, (area, holder) in enumerate(
                [(12.0, "female"), (18.0, "joint"), (9.0, "male"), (60.0, "collective")], start=1
            )
        ],
        "jobs": [
            {"project_id": "P-001", "period": str(last), "fte": fte, "sex": sex, "formal": "yes", "youth": "no"}
            for sex, fte in (("female", 7.5), ("male", 11.0))
        ],
        "cooperatives": [
            {"cooperative_id": "C-1", "project_id": "P-001", "period": str(year), "members_f": women,
             "members_m": men, "members_total": women + men, "leadership_f": 2, "leadership_m": 3}
            for year, women, men in ((first, 22, 41), (last, 30, 38))
        ],
        "waves": [
            {"wave_id": wave, "project_id": "P-001", "wave": wave, "respondents": "beneficiaries",
             "sampling": "probability", "n": 120, "first_day": f"{year}-05-02", "last_day": f"{year}-06-10",
             "places": ";".join(codes[:2])}
            for wave, year in (("baseline", first), ("endline", last))
        ],
        "outcomes": [
            {"project_id": "P-001", "indicator_id": name, "result_type": "2", "unit": "USD a month",
             "wave_id": wave, "date": f"{year}-06-10", "value": value, "lo": value - 18, "hi": value + 21, "n": 120,
             "method": "household survey, invented"}
            for wave, year, licit, illicit in (("baseline", first, 140, 110), ("endline", last, 210, 60))
            for name, value in (("licit_income", licit), ("illicit_income", illicit))
        ],
        "municipalities": [
            {"adm_code": code, "population": int(rng.integers(800, 4000)),
             "vulnerability_index": round(float(rng.uniform(0.2, 0.9)), 2), "index_source": "invented, 2020"}
            for code in codes
        ],
    }  # fmt: skip


def _project(code: str, first: int, last: int, at: int) -> dict[str, Any]:
    return {
        "project_id": code,
        "title": ("Upper valley project", "Lower valley project", "Western slopes project")[at],
        "status": "2",
        "announcement_date": f"{first + 1}-01-10",
        "planned_start": f"{first + 1}-02-01",
        "actual_start": f"{first + 1}-02-01",
        "planned_end": f"{last}-12-31",
        "sdg_targets": "1.4;2.3;15.3",
        "plan_links": "NDP-1",
        "agreement_type": "voluntary_substitution",
        "agreement_level": ("community", "cooperative", "household")[at],
        "eradication_sequence": "after_livelihoods",
        "eligible_title_ha": ("", 150.0, "")[at],
    }


def _funding(first: int, last: int, codes: list[str], rng: np.random.Generator) -> Rows:
    rows: Rows = []
    for project in _PROJECTS:
        committed = float(rng.integers(80, 160) * 1000)
        rows.append(
            _money(project, "2", committed, f"{first + 1}-01-15", "") | {"flexible": "yes", "private": "no"}
        )
        years = list(range(first + 1, last + 1))
        for year in years[: 3 if project == "P-001" else 2]:
            amount = round(committed / len(years), -2)
            code = codes[int(rng.integers(len(codes)))]
            rows.append(
                _money(project, "3", amount, f"{year}-07-01", code) | {"women_value": round(0.4 * amount, 2)}
            )
    rows.append(_money(_EARLIER, "2", 2_100_000.0, "2013-01-15", "") | {"flexible": "no", "private": "no"})
    rows += [_money(_EARLIER, "3", 300_000.0, f"{year}-07-01", "") for year in range(2013, 2020)]
    return [{"transaction_id": f"TR-{number:03d}"} | row for number, row in enumerate(rows, start=1)]


def _money(project: str, kind: str, value: float, day: str, code: str) -> dict[str, Any]:
    return {
        "project_id": project, "transaction_type": kind, "value": value, "currency": "USD", "value_date": day,
        "usd_constant": value, "base_year": 2020, "adm_code": code, "flow_type": "10", "finance_type": "110",
    }  # fmt: skip


def _beneficiaries(last: int) -> Rows:
    rows: Rows = []
    for project, households, women, men in (
        ("P-001", 84, 190, 171),
        ("P-002", 61, 120, 139),
        ("P-003", 40, 77, 80),
    ):
        head = {"project_id": project, "period": str(last), "role": "all", "measure": "served"}
        rows += [
            head | {"unit": "household", "sex": "total", "count": households},
            head | {"unit": "household", "measure": "affected", "sex": "total", "count": households + 30},
            head | {"unit": "person", "sex": "female", "count": women},
            head | {"unit": "person", "sex": "male", "count": men},
            head | {"unit": "person", "sex": "unknown", "count": 4},
            head | {"unit": "person", "sex": "total", "count": women + men + 4},
        ]
    return rows


def _eradication(landscape: Landscape, units: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the operations with what verifiers and a sample of lots found on the true fields."""
    rng = stream(landscape.seed, _STREAM, 1)
    events = eradication_events(landscape).reset_index(drop=True)
    shapes = np.asarray(events.geometry.values)
    where = shapely.STRtree(np.asarray(units.geometry.values)).query_nearest(
        shapely.centroid(shapes), all_matches=False
    )[1] if len(events) else np.zeros(0, dtype=int)  # fmt: skip
    codes = units["adm_code"].to_numpy()[where]
    field_ha, again = _true_fields(landscape, events, shapes)
    verified = rng.random(len(events)) < _VERIFIED
    drawn = _drawn(codes, rng)
    rows = {
        "event_id": events["event_id"].tolist(),
        "date": events["date"].tolist(),
        "method": events["method"].tolist(),
        "growth_stage": ["vegetative"] * len(events),
        "claimed_ha": events["claimed_ha"].tolist(),
        "verified_ha": np.where(verified, np.round(field_ha, 3), np.nan).tolist(),
        "evidence": np.where(verified, "gps_polygon", "claim").tolist(),
        "phase": [f"{day[:4]}" for day in events["date"]],
        "nucleus": [f"N-{code}" for code in codes],
        "adm_code": codes.tolist(),
        "in_sample": np.where(drawn, "yes", "no").tolist(),
        "validated_ha": np.where(drawn, np.round(field_ha, 3), np.nan).tolist(),
        "replanted_ha": np.where(drawn, np.round(np.where(again, field_ha, 0.0), 3), np.nan).tolist(),
        "replanting_date": [
            (date.fromisoformat(day) + timedelta(days=330)).isoformat() if taken else None
            for day, taken in zip(events["date"], drawn, strict=True)
        ],
    }
    stamped = {name: [value] * len(events) for name, value in _STAMP.items()}
    layer = geopandas.GeoDataFrame(rows | stamped, geometry=list(shapes), crs=events.crs)
    return typed(layer, numbers=[name for name in rows if name.endswith("_ha")])


def _true_fields(
    landscape: Landscape, events: geopandas.GeoDataFrame, shapes: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the hectares of the field of each operation, and whether it had the crop again a year later."""
    fields = np.asarray(landscape.land_use.fields, dtype=object)
    crop = landscape.profile.legend.code(landscape.scenario.crop)
    event, field = shapely.STRtree(fields).query(shapes, predicate="covers")
    own = np.full(len(events), -1)
    areas = shapely.area(fields)
    for at in np.argsort(areas[field], kind="stable"):  # the largest field inside is the one
        own[event[at]] = field[at]
    hectares = polygon_areas_ha(geopandas.GeoSeries(fields[own], crs=landscape.scenario.crs))
    last = landscape.scenario.years[-1]
    years = [min(int(day[:4]) + 1, last) for day in events["date"]]
    again = [bool(landscape.classes_of(year)[at] == crop) for year, at in zip(years, own, strict=True)]
    return np.asarray(hectares, dtype=float), np.array(again, dtype=bool)


def _drawn(codes: NDArray[np.object_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw lots in every nucleus, all of them where there are few."""
    drawn = np.zeros(codes.size, dtype=bool)
    for code in sorted(set(codes.tolist())):
        own = np.flatnonzero(codes == code)
        drawn[rng.choice(own, size=min(_LOT_SAMPLE, own.size), replace=False)] = True
    return drawn


def _infrastructure(landscape: Landscape, frame: shapely.Geometry) -> geopandas.GeoDataFrame:
    rng = stream(landscape.seed, _STREAM, 2)
    kinds = [("school", "existing"), ("school", "project"), ("clinic", "existing"), ("storage", "project")]
    points = _points(frame, len(kinds), rng)
    stamp: dict[str, Any] = dict(_STAMP)
    rows = [
        {
            "infrastructure_id": f"I-{number}", "project_id": "P-001" if built == "project" else "", "type": kind,
            "built_by": built, "quantity": 1.0, "unit": "number", "completed": "2023-03-01",
        } | stamp
        for number, (kind, built) in enumerate(kinds, start=1)
    ]  # fmt: skip
    return geopandas.GeoDataFrame(rows, geometry=points, crs=landscape.scenario.crs)


def _markets(landscape: Landscape, frame: shapely.Geometry) -> geopandas.GeoDataFrame:
    """Return an invented market that was there and one that a project built."""
    points = _points(frame, 2, stream(landscape.seed, _STREAM, 4))
    columns = {"name": ["Old market", "New market"], "built_by": ["existing", "project"]}
    return geopandas.GeoDataFrame(columns, geometry=points, crs=landscape.scenario.crs)


def _settlements(landscape: Landscape, frame: shapely.Geometry) -> geopandas.GeoDataFrame:
    """Return invented settlements on the roads; each holds many households."""
    rng = stream(landscape.seed, _STREAM, 3)
    roads = [line for line in road_lines(landscape).geometry if line.intersects(frame)]
    line = shapely.union_all(roads) if roads else frame.boundary
    points = [line.interpolate(float(share), normalized=True) for share in np.linspace(0.1, 0.9, 6)]
    counts = rng.integers(150, 900, len(points))
    return geopandas.GeoDataFrame(
        {
            "name": [f"Settlement {number}" for number in range(1, 7)],
            "population": counts,
            "population_f": counts // 2,
            "population_m": counts - counts // 2,
        },
        geometry=list(shapely.set_precision(np.array(points, dtype=object), 0.01)),
        crs=landscape.scenario.crs,
    )


def _countries(frame: shapely.Geometry, landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return two invented countries that part the frame from north to south."""
    west, south, east, north = frame.bounds
    middle = (west + east) / 2
    halves = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    land = [shapely.intersection(half, frame) for half in halves]
    return geopandas.GeoDataFrame({"country": ["ZZW", "ZZE"]}, geometry=land, crs=landscape.scenario.crs)


def _points(frame: shapely.Geometry, count: int, rng: np.random.Generator) -> list[shapely.Point]:
    west, south, east, north = frame.bounds
    found: list[shapely.Point] = []
    while len(found) < count:
        point = shapely.Point(round(rng.uniform(west, east), 2), round(rng.uniform(south, north), 2))
        if frame.contains(point):
            found.append(point)
    return found
