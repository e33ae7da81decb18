"""Where harms are told apart: the frame, its units, overlay layers and their zones, strips along a border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.membership import zone_of_cells
from aoi.zones import ZoneLayer, Zones, stack
from geo.areas import polygon_areas_ha
from geo.blocks import Block
from monitor.borders import BORDER, strips_of
from monitor.context import Context
from monitor.figures import FRAME
from monitor.harms.history import BURNING

__all__ = ["Codes", "Domains"]

Codes = Sequence[NDArray[np.uint16]]
"""Part of each cell or value in each layer of domains."""


@dataclass(eq=False)
class Domains:
    """The domains of a survey; they overlap, so their figures do not add up across layers."""

    context: Context

    @cached_property
    def zones(self) -> dict[str, Zones]:
        """The zones of every overlay layer by its name, each layer by itself; last the strips along a border."""
        crs = str(self.context.frame.geobox.crs)
        found = {
            entry.name: stack(
                [ZoneLayer(name=entry.name, frame=self.context.read_overlay(index), label="label")], crs
            )
            for index, entry in enumerate(self.context.survey.overlay)
        }
        strips = strips_of(self.context)
        if strips is not None:
            found[BORDER] = stack([ZoneLayer(name=BORDER, frame=strips, label="country")], crs)
        return found

    @cached_property
    def table(self) -> pd.DataFrame:
        """Columns domain, domain_name, kind; the whole of a layer stands before its parts."""
        admin, survey = self.context.frame.admin, self.context.survey
        rows = [(FRAME, survey.survey.title, "frame")]
        rows += [(code, name, "unit") for code, name in zip(admin["code"], admin["name"], strict=True)]
        for entry in survey.overlay:
            labels = self.zones[entry.name].frame["zone"].astype(str)
            rows += [(entry.name, entry.title, entry.kind)]
            rows += [(f"{entry.name}:{label}", label, entry.kind) for label in labels]
        if BORDER in self.zones:
            labels = self.zones[BORDER].frame["zone"].astype(str)
            rows += [(BORDER, "Border strips", BORDER)]
            rows += [(f"{BORDER}:{label}", label, BORDER) for label in labels]
        return pd.DataFrame(rows, columns=["domain", "domain_name", "kind"])

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Place in the table of the whole of each layer: the frame, whose parts are units, then the overlays."""
        found = [0]
        for zones in (None, *self.zones.values()):
            size = len(self.context.frame.admin) if zones is None else len(zones)
            found.append(found[-1] + 1 + size)
        return tuple(found[:-1])

    def codes(self, block: Block) -> tuple[NDArray[np.uint16], ...]:
        """Return for each layer the part that every cell of a block lies in, 0 in none or outside the frame."""
        unit = self.context.frame.unit_of_cell[block.slices]
        geobox = self.context.frame.geobox[block.slices]
        with BURNING:
            burnt = [zone_of_cells(geobox, zones) for zones in self.zones.values()]
        return (unit, *(np.where(unit > 0, codes, 0) for codes in burnt))

    def masks(self, block: Block) -> NDArray[np.bool_]:
        """Return which cells of a block lie in each domain, shape (domains, height, width); for few domains."""
        found = []
        for start, part, end in zip(
            self.starts, self.codes(block), (*self.starts[1:], len(self.table)), strict=True
        ):
            found += [part > 0, *(part == code for code in range(1, end - start))]
        return np.stack(found)

    @cached_property
    def strips_ha(self) -> dict[str, float]:
        """The true ground of each border strip by its domain, hectares."""
        if BORDER not in self.zones:
            return {}
        frame = self.zones[BORDER].frame
        codes = [f"{BORDER}:{label}" for label in frame["zone"].astype(str)]
        return dict(zip(codes, polygon_areas_ha(frame).tolist(), strict=True))

    def sums(self, values: NDArray[np.float64], codes: Codes) -> NDArray[np.float64]:
        """Return the sum of values in each domain of the table; whole numbers add up exactly.

        Parameters
        ----------
        values
            Whole numbers, shape (n,), whose sum is below 2 ** 53.
        codes
            Part of each value in each layer, shape (n,) each.
        """
        found = np.zeros(len(self.table))
        for start, part, end in zip(self.starts, codes, (*self.starts[1:], len(found)), strict=True):
            by_part = np.bincount(part, weights=values, minlength=end - start)
            found[start] = by_part[1:].sum()
            found[start + 1 : end] = by_part[1:]
        return found

    def members(self, codes: Codes) -> list[list[int]]:
        """Return the places in the table of the domains that each value lies in."""
        layers = [(start, part.tolist()) for start, part in zip(self.starts, codes, strict=True)]
        rows = zip(*(part for _, part in layers), strict=True)
        starts = [start for start, _ in layers]
        return [
            [place for start, code in zip(starts, row, strict=True) if code for place in (start, start + code)]
            for row in rows
        ]
