"""Colombia: the evaluation under other choices, and the dynamics of the coca beside it.

A single choice of baseline year or of last year decides what a map says; here each is made, and all are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from aoi.membership import zone_of_points
from aoi.survey.permanence import EnclaveRule, enclave_cells
from aoi.zones import ZoneLayer, stack
from geo.errors import AltdevError, reason
from geo.vector import read_layer
from monitor.config import Survey, load_survey
from monitor.impact_inputs import read_impact
from monitor.impact_tables import evaluation_of, evaluation_tables
from monitor.official_inputs import read_inputs
from monitor.sections import OverlayLayer

DRAWS = 199


def variants(path: Path) -> pd.DataFrame:
    """Return the effect under other choices, one row each."""
    survey = load_survey(path)
    return pd.DataFrame([_variant(name, changed) for name, changed in _choices(survey)])


def _choices(survey: Survey) -> Iterator[tuple[str, Survey]]:
    section = survey.impact
    assert section is not None
    programme = section.programme
    plain = section.model_copy(update={"draws": DRAWS})

    def with_(**changes: Any) -> Survey:
        return survey.model_copy(update={"impact": plain.model_copy(update=changes)})

    yield "as in the survey file", with_()
    for years in (0, 2):
        name = f"baseline {years + 1} year{'s' if years else ''} before the first project"
        yield name, with_(programme=programme.model_copy(update={"anticipation": years}))
    yield "panel to 2009", with_(last_year=2009)
    yield "panel to 2023", with_(last_year=2023)
    yield "panel from 2003, all of it with spraying", with_(first_year=2003)
    yield "eradication not matched", with_(calipers={k: v for k, v in section.calipers.items() if "before" in k})
    yield "closer in coca", with_(calipers=dict(section.calipers) | {"log level before": 0.5})


def _variant(name: str, survey: Survey) -> dict[str, Any]:
    try:
        tables, _ = read_impact(survey)
        found = evaluation_tables(tables, evaluation_of(tables))["effects"].set_index(["scope", "effect"])
    except AltdevError as error:
        return {"choice": name, "finding": "refused", "note": reason(error)}
    row = found.loc[("overall", "programme")]
    return {
        "choice": name,
        "effect_ha": row["value"],
        "lo_ha": row["lo"],
        "hi_ha": row["hi"],
        "municipalities": row["n_treated"],
        "without_programme_ha": row["without_programme"],
        "smallest_told_percent": row["mde_percent"],
        "p_trend_before": found.loc[("check", "trend before the announcement"), "p_value"],
        "p_redrawn": found.loc[("check", "re-drawn assignment"), "p_value"],
        "finding": row["finding"],
        "note": row["note"],
    }


def effects(out: Path) -> pd.DataFrame:
    """Return the main lines of the evaluation in a run folder."""
    table = pd.read_csv(out / "impact" / "effects.csv")
    kept = table[table["scope"].isin(["overall", "announcement", "ring", "net", "co_treatment", "sensitivity"])]
    return kept[["scope", "effect", "scale", "value", "lo", "hi", "n_treated", "mde_percent", "finding", "note"]]


def dynamics(out: Path) -> pd.DataFrame:
    """Return the permanence of the coca with and without the programme, and who holds it."""
    classes = pd.read_csv(out / "indicators" / "permanence.csv", dtype={"domain": str})
    zones = pd.read_csv(out / "impact" / "sites.csv", dtype={"site": str})
    classes["programme"] = np.where(classes["domain"].isin(zones["site"]), "programme", "none")
    counted = classes.pivot_table(
        index="class", columns="programme", values="domain", aggfunc="count", fill_value=0
    )
    held = classes.pivot_table(index="class", columns="programme", values="value_ha", aggfunc="sum", fill_value=0.0)
    return counted.join(held.round(0).add_suffix(" ha"))


def dense(path: Path) -> pd.DataFrame:
    """Return the municipalities as dense as an enclave for as long; municipalities are not the survey's cells."""
    inputs = read_inputs(load_survey(path))
    codes, area = inputs.series.matrix()
    units = inputs.units.frame.set_index("code")
    rule = EnclaveRule.from_parameters()
    rows = []
    for code, history in zip(codes, area, strict=True):
        if code in units.index:
            km2 = float(units.loc[code, "area_ha"]) / 100
            own = EnclaveRule(
                density_ha_km2=rule.density_ha_km2,
                min_years=rule.min_years,
                window_years=rule.window_years,
                cell_km2=km2,
            )
            if bool(enclave_cells(history[None, :], own)[0]):
                rows.append({"code": code, "name": units.loc[code, "name"], "coca_ha": history[-1]})
    return pd.DataFrame(rows, columns=["code", "name", "coca_ha"])


VILLAGES = "unodc_ad_project_veredas_points.gpkg"
FOREST = (("parks", "parques", "Bosque_200"), ("resguardos", "resguardos", "Bosque_05"))
"""Kind of zone, end of the layer's name, and its column with the forest of 2005, hectares."""


def villages_in_zones(path: Path) -> pd.DataFrame:
    """Return how many project villages lie in each kind of special zone: by precedence, and each kind alone."""
    survey = load_survey(path)
    points = read_layer(survey.area.admin.parent / VILLAGES, columns=("Tipo_Proy",), geometry="point")
    layers = [entry for entry in survey.overlay if entry.code is None]
    zones = stack([_zone_layer(entry) for entry in layers], str(points.crs))
    owner = zones.names(zone_of_points(points, zones).tolist())["layer"]
    rows = [
        {
            "zone": entry.title,
            "villages": int((owner == entry.name).sum()),
            "villages_alone": int((zone_of_points(points, zones.only(entry.name)) > 0).sum()),
        }
        for entry in layers
    ]
    rows.append({"zone": "in none of them", "villages": int((owner == "").sum()), "villages_alone": None})
    return pd.DataFrame([*rows, {"zone": "all project villages", "villages": len(points), "villages_alone": None}])


def _zone_layer(entry: OverlayLayer) -> ZoneLayer:
    frame = read_layer(entry.path, layer=entry.layer, geometry="polygon")
    return ZoneLayer(name=entry.name, frame=frame.assign(label=frame[entry.label].fillna("")), label="label")


def forest_of_zones(path: Path) -> pd.DataFrame:
    """Return the forest that coca took in parks and reserves, with and without a project village inside."""
    folder = load_survey(path).area.admin.parent
    points = read_layer(folder / VILLAGES, geometry="point")
    rows = []
    for kind, name, forest in FOREST:
        zones = read_layer(folder / f"giz_deforestation_degradation_{name}.gpkg", geometry="polygon")
        inside = shapely.STRtree(np.asarray(points.to_crs(zones.crs).geometry.values)).query(
            np.asarray(zones.geometry.values), predicate="intersects"
        )[0]
        held = np.isin(np.arange(len(zones)), inside)
        for told, chosen in (("with a project village", held), ("without", ~held)):
            own = zones[chosen]
            rows.append(
                {
                    "zones": f"{kind}, {told}",
                    "number": int(chosen.sum()),
                    "forest_2005_ha": float(own[forest].sum()),
                    "taken_2005_10_ha": float(own["Defo_05_10"].sum()),
                    "taken_2010_14_ha": float(own["Defo_10_14"].sum()),
                    "per_10000_ha_a_year_2005_10": _rate(own["Defo_05_10"].sum(), own[forest].sum(), 5),
                    "per_10000_ha_a_year_2010_14": _rate(own["Defo_10_14"].sum(), own[forest].sum(), 4),
                }
            )
    return pd.DataFrame(rows)


def _rate(taken_ha: float, forest_ha: float, years: int) -> float:
    return float(1e4 * taken_ha / forest_ha / years) if forest_ha > 0 else float("nan")


def report(path: Path, out: Path) -> str:
    """Return everything as text."""
    shown = {"index": False, "float_format": "%.2f", "na_rep": ""}
    parts = {
        "did coca change where alternative development worked? (ha a municipality and year)": effects(out),
        "the same under other choices": variants(path),
        "municipalities and hectares of 2023 by permanence over ten years": dynamics(out).reset_index(),
        "municipalities as dense as an enclave": dense(path),
        "project villages in special zones (by precedence they add up; alone they do not)": villages_in_zones(path),
        "forest taken by coca in parks and reserves (ha as published, no interval)": forest_of_zones(path),
    }
    return "\n".join(f"\n{title}:\n{table.to_string(**shown)}" for title, table in parts.items())
