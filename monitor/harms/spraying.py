"""What the corrections ledger tells the harms: hectares sprayed from the air, and where crop was eradicated."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from rasterio.features import rasterize

from geo.blocks import Block
from monitor.context import Context
from monitor.harms.footprint import Scene
from monitor.harms.history import History
from monitor.steps.corrections import operations_of

__all__ = ["eradicated", "sprayed_ha"]

_YEAR = timedelta(days=365)
_STRIP = 512


def eradicated(context: Context) -> History | None:
    """Return the verified operations of the ledger by their year; None where it holds none."""
    section = getattr(context.survey, "corrections", None)
    if section is None or (section.eradication is None and not section.from_programme):
        return None
    layer = operations_of(context).to_crs(str(context.frame.geobox.crs))
    chosen = layer[layer["verified"] & ~layer.geometry.is_empty]
    year = np.array([day.year for day in chosen["day"]], dtype=np.int64)
    return History(np.asarray(chosen.geometry.values, dtype=object), year)


def sprayed_ha(scene: Scene) -> float | None:
    """Return the hectares of the frame that were sprayed, verified, in the year that ends at the reference date.

    What ``[harm] sprayed_ha`` says of the period stands. Ground sprayed twice counts once, for the ledger holds
    ground.

    Returns
    -------
    float or None
        None where neither the table nor the ledger tells.
    """
    context = scene.context
    given = scene.section.sprayed_ha.get(scene.period)
    section = getattr(context.survey, "corrections", None)
    if given is not None or section is None or (section.eradication is None and not section.from_programme):
        return given
    end = next(one.reference_date for one in context.compared if one.name == scene.period)
    layer = operations_of(context).to_crs(str(context.frame.geobox.crs))
    chosen = (
        (layer["method"] == "spray")
        & layer["verified"]
        & (layer["day"] > end - _YEAR)
        & (layer["day"] <= end)
        & ~layer.geometry.is_empty
    )
    shapes = [(shape, 1) for shape in layer.geometry[chosen]]
    if not shapes:
        return 0.0
    frame, total = context.frame, 0.0
    height, width = frame.geobox.shape
    for row in range(0, height, _STRIP):
        block = Block(row, 0, min(_STRIP, height - row), width)
        box = frame.geobox[block.slices]
        burnt = rasterize(shapes, out_shape=box.shape, transform=box.transform, dtype="uint8")
        on = (burnt > 0) & (frame.unit_of_cell[block.slices] > 0)
        total += float(np.asarray(frame.cell_area_ha[block.slices])[on].sum())
    return total
