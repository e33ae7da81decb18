"""What a survey gives for its corrections: operations of eradication, and parameters in the place of shipped ones.

Kept apart from the estimators, so that a survey is checked without loading them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.parameter import Parameter, load_parameters, override
from geo.errors import InputError, Problem
from geo.vector import read_layer
from monitor.sections import CorrectionsSection

__all__ = ["SMALL_LOTS", "YEARLY_CHANGE", "ledger_parameters", "operations"]

YEARLY_CHANGE = "yearly_change"
SMALL_LOTS = "small_lots"
_YES = ("true", "yes", "1", "y")


def ledger_parameters(section: CorrectionsSection) -> dict[str, Parameter]:
    """Return the shipped parameters with the survey's own in place of some.

    Raises
    ------
    InputError
        If a key is unknown.
    """
    given = {
        f"{table}.{name}": {"value": one.value, "se": one.se, "source": one.source}
        for table, names in section.parameter.items()
        for name, one in names.items()
    }
    found = override(load_parameters("corrections"), given)
    kept = {key: one for key, one in found.items() if key.startswith("eradication.")}
    own = ((YEARLY_CHANGE, section.yearly_change, "share a year"), (SMALL_LOTS, section.small_lots, "share"))
    for name, one, unit in own:
        if one is not None:
            kept[name] = Parameter(
                name=name, value=one.value, se=one.se, unit=unit, source=one.source, mark="given"
            )
    return kept


def operations(section: CorrectionsSection) -> Any:
    """Read the polygons of eradication with columns ``day``, ``method`` (spray or manual) and ``verified``.

    Returns
    -------
    geopandas.GeoDataFrame
        In the layer's own CRS.

    Raises
    ------
    InputError
        If the layer is broken, or naming every row whose day is not one.
    """
    path = section.eradication
    assert path is not None
    columns = [section.date, section.method, *([section.verified] if section.verified else [])]
    layer = read_layer(path, layer=section.layer, columns=columns, geometry="polygon")
    days = pd.to_datetime(layer[section.date].astype(str), format="%Y-%m-%d", errors="coerce", exact=False)
    wrong = [f"row {at + 1}: {layer[section.date].iloc[at]!r}" for at in np.flatnonzero(days.isna())]
    if wrong:
        found = f"{len(wrong)} days that are none ({'; '.join(wrong[:5])})"
        raise InputError(
            Problem(f"{path.name} column {section.date}", found, "days such as 2024-05-31", "correct them")
        )
    spray = {word.strip().lower() for word in section.spray_methods}
    said = layer[section.method].astype(str).str.strip().str.lower()
    sure = (
        layer[section.verified].astype(str).str.strip().str.lower().isin(_YES)
        if section.verified
        else pd.Series(section.all_verified, index=layer.index)
    )
    return layer[[layer.geometry.name]].assign(
        day=days.dt.date.to_numpy(), method=np.where(said.isin(spray), "spray", "manual"), verified=sure.to_numpy()
    )
