"""What is brought to the plots in a year (W1, W2), less what licit crops there would be given; what is sprayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aoi.harm.loads import CLASSES, ClassLoad
from aoi.harm.mapped import MappedFigure
from aoi.harm.potential import FrameOf, Waters
from aoi.harm.slopes import Slopes
from geo.errors import InputError, Problem

__all__ = ["brought", "require_one_unit", "sprayed"]

FloatArray = NDArray[np.float64]


def require_one_unit(loads: tuple[ClassLoad, ...], units: Mapping[str, ClassLoad]) -> None:
    """Refuse loads of one class in two units: litres and tonnes do not subtract."""
    problems = [
        Problem(f"load of {one.crop}, {one.substance}", one.unit, f"{units[one.substance].unit}, as of the crop")
        for one in loads
        if one.substance in units and one.unit != units[one.substance].unit
    ]
    if problems:
        raise InputError(problems)


def brought(
    slopes: Slopes,
    domain: str,
    inside: NDArray[np.bool_],
    drawn: Mapping[tuple[str, str], FloatArray],
    units: Mapping[str, ClassLoad],
    frame: FrameOf,
) -> Iterator[MappedFigure]:
    """Yield W1 and W2 of a domain: what is brought to the plots, less what licit crops there would be given."""
    area_ha, before = slopes.area_ha[slopes.plots], slopes.counterfactual[slopes.plots]
    mapped = float(area_ha[inside].sum())
    for substance, load in units.items():
        total = drawn[frame.crop, substance] * mapped
        for code, name in enumerate(slopes.names):
            if (name, substance) in drawn:
                total = total - drawn[name, substance] * float(area_ha[inside & (before == code)].sum())
        indicator = "W1" if CLASSES[substance] == "field" else "W2"
        one = frame.figure(indicator, substance, load.mass_unit, total, scaled=True)
        yield replace(one, domain=domain, mapped_ha=mapped)


def sprayed(given: Waters, frame: FrameOf) -> Iterator[MappedFigure]:
    """Yield the herbicide of eradication, a source of its own and no part of the crop's load."""
    if given.sprayed_ha is None:
        return
    if not 0 <= given.sprayed_ha < np.inf:
        raise InputError(Problem("sprayed area", f"{given.sprayed_ha} ha", "0 or more"))
    load = frame.draws("eradication_herbicide")["eradication_herbicide"] * given.sprayed_ha
    yield frame.figure("W1", "eradication_herbicide", "kg/yr", load, scaled=False, method="eradication-load/1")
