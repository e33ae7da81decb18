"""A country of square municipalities with official figures and a programme whose effect is known."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely

YEARS = range(2004, 2019)
SIDE = 16
EFFECT_HA, NEIGHBOUR_HA, ANNOUNCED_HA = -30.0, 12.0, 10.0

SURVEY = """
[survey]
name = "squares"
title = "Squares"
country = "ZZZ"
crops = ["coca"]
seed = 7
source = "ministry"
vintage = "2019"

[area]
admin = "admin.gpkg"
admin_code = "adm_code"
admin_name = "adm_name"

[[period]]
name = "2004"
role = "baseline"
start = 2004-01-01
end = 2004-12-31
reference_date = 2004-12-31

[[period]]
name = "2018"
role = "current"
start = 2018-01-01
end = 2018-12-31
reference_date = 2018-12-31

[official]
table = "coca.csv"
code = "CODE"
name = "NAME"
code_pattern = '\\d{5}'
parent = "DEPT"
parent_name = "DEPTNAME"
periods = '(20\\d\\d)'

[impact]
exact = ["region"]
rings_km = [1, 15]
draws = 99

[impact.calipers]
"level before" = 40
"trend before" = 20

[impact.programme]
table = "programme.csv"
code = "code"
start = "start"
announced = "announced"
"""


def write_country(folder: Path, *, survey: str = SURVEY) -> Path:
    """Write boundaries, figures, dates and the survey file; return the survey file."""
    rng = np.random.default_rng(11)
    column, row = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    column, row = column.ravel(), row.ravel()
    codes = np.array(
        [f"{1 + r // 8}{1 + c // 8}{number:03d}" for number, (c, r) in enumerate(zip(column, row, strict=True))]
    )
    shapes = [
        shapely.box(-75 + 0.1 * c, 1 + 0.1 * r, -74.9 + 0.1 * c, 1.1 + 0.1 * r)
        for c, r in zip(column, row, strict=True)
    ]
    geopandas.GeoDataFrame({"adm_code": codes, "adm_name": codes}, geometry=shapes, crs=4326).to_file(
        folder / "admin.gpkg"
    )
    treated = (column % 5 == 2) & (row % 5 == 2)
    start = np.where(treated, np.where(row % 2 == 0, 2011, 2013), 0)
    near = np.zeros(len(codes), dtype=np.int64)
    for unit in np.flatnonzero(treated):
        touching = (np.abs(column - column[unit]) <= 1) & (np.abs(row - row[unit]) <= 1) & ~treated
        near[touching] = start[unit]
    years = np.array(YEARS)
    level = rng.uniform(120, 220, len(codes))
    crop = level[:, None] + rng.normal(0, 6, (len(codes), len(years))) + rng.normal(0, 10, len(years))
    crop += EFFECT_HA * (treated[:, None] & (years >= start[:, None]))
    crop += ANNOUNCED_HA * (treated[:, None] & (years >= start[:, None] - 2) & (years < start[:, None]))
    crop += NEIGHBOUR_HA * ((near[:, None] > 0) & (years >= near[:, None]))
    table = pd.DataFrame(np.round(crop, 2), columns=[str(year) for year in years])
    parent = [code[:2] for code in codes]
    for place, (name, values) in enumerate(
        (("DEPT", parent), ("DEPTNAME", parent), ("CODE", codes), ("NAME", codes))
    ):
        table.insert(place, name, values)
    table.to_csv(folder / "coca.csv", index=False)
    dates = pd.DataFrame({"code": codes[treated], "start": start[treated], "announced": start[treated] - 2})
    dates.to_csv(folder / "programme.csv", index=False)
    (folder / "survey.toml").write_text(survey)
    return folder / "survey.toml"
