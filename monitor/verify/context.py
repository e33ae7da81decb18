"""The surroundings of a run that is over, from its folder alone: the manifest says what its steps were told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aoi.frame import AreaFrame, build_frame
from geo.grid import GeoBox
from geo.legend import Legend, MapClass
from geo.raster import geobox_of
from monitor.config import Survey
from monitor.context import Context
from monitor.kept_shapes import UNITS, read_shapes
from monitor.sections import (
    AreaSection,
    DisclosureSection,
    EstimateSection,
    IatiSection,
    ImagerySection,
    MapSection,
    OfficialSection,
    PeriodSection,
    ReferenceSection,
    SampleSection,
    SurveySection,
)

__all__ = ["context_of", "frame_of"]

STRATA = "frame/strata.tif"


def context_of(out: Path, told: Mapping[str, Any], run: str, *, cells: bool = False) -> Context:
    """Return what a step that makes products may look at, without any layer of the survey file.

    Parameters
    ----------
    out
        Run folder.
    told
        Parameters of the step, as the manifest tells them.
    run
        Identifier that its products carry.
    cells
        Give the frame its cells too, which products do not need.

    Raises
    ------
    KeyError, ValueError
        If the parameters are not those of such a step.
    """
    shown, tiers = told.get("shown", {}), told.get("tiers", [0, 0, 0])
    official = told.get("official")
    survey = Survey.model_construct(
        survey=SurveySection.model_validate(told["survey"]),
        area=AreaSection.model_validate({**told["area"], "admin": "units", "tier": tiers[0]}),
        period=[PeriodSection.model_validate(one) for one in told["periods"]],
        map=MapSection.model_validate({**told.get("map", {}), "tier": tiers[1]}),
        iati=None if told.get("iati") is None else IatiSection.model_validate(told["iati"]),
        estimate=EstimateSection(level=shown.get("level", EstimateSection().level)),
        official=None if official is None else OfficialSection.model_construct(**{**official, "tier": tiers[2]}),
        overlay=[],
        sample=SampleSection.model_validate(told.get("sample", {})),
        disclosure=DisclosureSection(),
        imagery=ImagerySection.model_construct(min_valid=shown.get("min_valid")),
        reference=ReferenceSection.model_construct(simulated=True if shown.get("simulated") else None),
    )
    context = Context(survey=survey, root=out, out=out, identify=lambda: run)
    classes = shown.get("legend", [])
    legend = Legend(tuple(MapClass(code=c, name=n, colour=k, crop=crop) for c, n, k, crop in classes))
    made: dict[str, Any] = {"profile": SimpleNamespace(legend=legend), "published_units": read_shapes(out, UNITS)}
    if official is None:
        grid = geobox_of(out / STRATA)
        grid = GeoBox(grid.shape, grid.transform, survey.area.crs)  # named as by the survey file
        made["frame"] = frame_of(out) if cells else SimpleNamespace(admin=made["published_units"], geobox=grid)
    context.__dict__.update(made)  # in the place of what would be read from inputs
    return context


def frame_of(out: Path) -> AreaFrame:
    """Return the area frame of a run folder, from its strata and its units."""
    grid = geobox_of(out / STRATA)
    units = read_shapes(out, UNITS)
    return build_frame(
        units, code="code", name="name", crs=str(grid.crs), resolution_m=abs(float(grid.transform.a))
    )
