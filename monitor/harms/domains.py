"""Where harms are told apart: the frame, its administrative units, every overlay layer and every zone in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.membership import zone_of_cells
from aoi.zones import ZoneLayer, Zones, stack
from geo.blocks import Block
from monitor.context import Context
from monitor.figures import FRAME

__all__ = ["Domains"]


@dataclass(eq=False)
class Domains:
    """The domains of a survey; they overlap, so their figures do not add up across layers."""

    context: Context

    @cached_property
    def zones(self) -> dict[str, Zones]:
        """The zones of every overlay layer by its name, each layer by itself."""
        crs = str(self.context.frame.geobox.crs)
        return {
            entry.name: stack(
                [ZoneLayer(name=entry.name, frame=self.context.read_overlay(index), label="label")], crs
            )
            for index, entry in enumerate(self.context.survey.overlay)
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        """Columns domain, domain_name, kind; row order is the order of masks."""
        admin, survey = self.context.frame.admin, self.context.survey
        rows = [(FRAME, survey.survey.title, "frame")]
        rows += [(code, name, "unit") for code, name in zip(admin["code"], admin["name"], strict=True)]
        for entry in survey.overlay:
            labels = self.zones[entry.name].frame["zone"].astype(str)
            rows += [(entry.name, entry.title, entry.kind)]
            rows += [(f"{entry.name}:{label}", label, entry.kind) for label in labels]
        return pd.DataFrame(rows, columns=["domain", "domain_name", "kind"])

    def masks(self, block: Block) -> NDArray[np.bool_]:
        """Return which cells of a block lie in each domain, shape (domains, height, width)."""
        unit = self.context.frame.unit_of_cell[block.slices]
        inside = unit > 0
        found = [inside, *(unit == index for index in range(1, len(self.context.frame.admin) + 1))]
        geobox = self.context.frame.geobox[block.slices]
        for zones in self.zones.values():
            codes = zone_of_cells(geobox, zones)
            found.append((codes > 0) & inside)
            found += [(codes == code) & inside for code in range(1, len(zones) + 1)]
        return np.stack(found)
