"""Potential loads of the crop on soil and water (W1 to W7), observed less what a licit crop there would bring.

Nothing here is a measurement: every row is a potential load. Loads are by class of substance. Litres and tonnes are
never added. All is graded D.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aoi.harm.brought import brought, require_one_unit, sprayed
from aoi.harm.carried import carried_draws, fate_of, paths_of
from aoi.harm.erosion import FRAME, Progress, silent
from aoi.harm.exposure import exposure
from aoi.harm.factor import Factor
from aoi.harm.groundwater import groundwater
from aoi.harm.irrigation import irrigation
from aoi.harm.loads import CLASSES, ClassLoad, load_draws
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.potential import METHOD, METHOD_ASSUMED_PLACE, FrameOf, Waters
from aoi.harm.result import HarmKey, HarmRow
from aoi.harm.slopes import Slopes
from geo.flow import FlowNetwork

__all__ = ["METHOD", "METHOD_ASSUMED_PLACE", "Waters", "contamination", "contamination_figures"]

FloatArray = NDArray[np.float64]


def contamination(
    slopes: Slopes,
    network: FlowNetwork,
    domains: Mapping[str, NDArray[np.bool_]],
    areas_ha: Mapping[str, FloatArray],
    loads: tuple[ClassLoad, ...],
    factors: Mapping[str, Factor],
    key: HarmKey,
    *,
    seed: int,
    waters: Waters | None = None,
    jobs: int = 1,
) -> list[HarmRow]:
    """Return the rows of W1 to W7: `contamination_figures`, and the survey's area.

    Parameters
    ----------
    slopes
        Ground of the hillslopes, as of `aoi.harm.slopes.prepare_slopes`.
    network
        Flow network it was made on.
    domains
        By name, which of the cells of `slopes.plots` lie in it; "frame" is one of them.
    areas_ha
        Draws of the survey's area by domain, shape (n,) each; domains without one get no load.
    loads
        Loads by crop and class; those of licit covers make up the counterfactual.
    factors
        Factors by name.
    key
        Crop, period and inputs; all else is the figure's.
    seed
        Of the draws.
    waters
        Flow, people, intakes and vulnerability.
    jobs
        Threads; change no figure.

    Raises
    ------
    InputError
        When an input of `waters` does not fit, or loads of one class are in two units.
    """
    n = next(iter(areas_ha.values())).size
    figures = contamination_figures(
        slopes, network, domains, loads, factors, key.crop, n=n, seed=seed, waters=waters, jobs=jobs
    )
    return list(rows_of_mapped(figures, areas_ha, key, seed=seed))


def contamination_figures(
    slopes: Slopes,
    network: FlowNetwork,
    domains: Mapping[str, NDArray[np.bool_]],
    loads: tuple[ClassLoad, ...],
    factors: Mapping[str, Factor],
    crop: str,
    *,
    n: int,
    seed: int,
    waters: Waters | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> list[MappedFigure]:
    """Return the figures over the mapped crop in n draws; parameters as of `contamination` and `carried_draws`."""
    given, drawn = waters or Waters(), load_draws(loads, n=n, seed=seed)
    classes = tuple(one for one in CLASSES if (crop, one) in drawn)
    units = {one: next(load for load in loads if (load.crop, load.substance) == (crop, one)) for one in classes}
    require_one_unit(loads, units)
    on_crop = slopes.on_crop[slopes.plots]
    area_ha = slopes.area_ha[slopes.plots]
    mapped = {name: float(area_ha[inside & on_crop].sum()) for name, inside in domains.items()}
    frame = FrameOf(
        crop=crop, mapped_ha=mapped[FRAME], n=n, seed=seed, factors=factors, placed=given.sites is not None
    )
    figures = [
        one
        for name, inside in domains.items()
        for one in brought(slopes, name, inside & on_crop, drawn, units, frame)
    ]
    for stage, indicator in (("field", "W1"), ("processing", "W2")):
        if not any(CLASSES[one] == stage for one in classes):
            figures.append(frame.without(indicator, "", "t/yr", f"no published load of {crop}"))
    fate = fate_of(classes, units, factors, n=n, seed=seed)
    paths = paths_of(slopes, network, given)
    carried_off = carried_draws(
        slopes, paths, fate, drawn, factors, crop, n=n, seed=seed, jobs=jobs, progress=progress
    )
    figures += [frame.figure(*what, values, scaled=what[2] != "km") for what, values in carried_off.items()]
    if given.discharge is None:
        told = "no flow of streams was given"
        figures += [frame.without("W4", f"{one}:highest", "ug/L", told) for one in classes]
    figures += exposure(network, paths, given, frame)
    figures += groundwater(network, slopes, given, classes, frame)
    figures += irrigation(slopes, domains[FRAME] & on_crop, given, network, frame)
    figures += sprayed(given, frame)
    return figures
