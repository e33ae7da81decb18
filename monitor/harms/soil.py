"""The stock of soil carbon to 30 cm: from its own map, or made of concentration, bulk density and fragments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aoi.harm.carbon import soil_stock_t_c_ha
from geo.errors import Problem

if TYPE_CHECKING:
    from geo.blocks import Block
    from monitor.harms.ground import Ground
    from monitor.sections import HarmInputSection

__all__ = [
    "BY_DEPTH",
    "MADE_OF",
    "NITROGEN",
    "STOCK",
    "depth_problems",
    "depths_given",
    "stock_inputs",
    "stock_lacking",
    "stock_t_ha",
]

STOCK = "soilgrids_ocs"
MADE_OF = ("soilgrids_soc", "soilgrids_bdod", "soilgrids_cfvo")
"""Organic carbon and bulk density of the fine earth, and the volume of coarse fragments."""
NITROGEN = "soilgrids_nitrogen"
_TEXTURE = ("soilgrids_clay", "soilgrids_sand", "soilgrids_silt")
BY_DEPTH = (*MADE_OF, NITROGEN, *_TEXTURE, "soilgrids_cec", "soilgrids_phh2o")
"""Inputs that come one map a depth."""
_BOTTOM_CM = 30.0

Depth = tuple[float, float]
Given = tuple[str, Depth | None]
"""Name of an input and its depth."""


def depths_given(entries: Sequence[HarmInputSection]) -> list[Given]:
    """Return name and depth of each input."""
    return [(entry.name, entry.depth_cm) for entry in entries]


def stock_inputs(given: Sequence[Given]) -> tuple[str, ...]:
    """Return the names of the inputs that the stock comes from; none where it cannot be had."""
    if any(name == STOCK for name, _ in given):
        return (STOCK,)
    return () if stock_lacking(given) else MADE_OF


def stock_lacking(given: Sequence[Given]) -> str:
    """Return what is missing for the stock, nothing where it can be had."""
    names = {name for name, _ in given}
    if STOCK in names:
        return ""
    missing = [name for name in MADE_OF if name not in names]
    if missing:
        return (
            f"no input {STOCK}" if len(missing) == len(MADE_OF) else f"no input {STOCK}, nor {', '.join(missing)}"
        )
    depths = {name: _depths(given, name) for name in MADE_OF}
    short = next((name for name, held in depths.items() if not _whole(held)), None)
    if short is not None:
        return f"no input {STOCK}, and depth_cm of {short} does not go from 0 to {_BOTTOM_CM:g} without a gap"
    if len(set(map(tuple, depths.values()))) > 1:
        return f"no input {STOCK}, and depth_cm of {', '.join(MADE_OF)} differ"
    return ""


def _depths(given: Sequence[Given], name: str) -> list[Depth]:
    return sorted(depth for known, depth in given if known == name and depth is not None)


def _whole(depths: list[Depth]) -> bool:
    """Say whether layers lie one upon the other from the surface to the bottom; deeper ones are not looked at."""
    at = 0.0
    for top, bottom in depths:
        if at >= _BOTTOM_CM:
            break
        if top != at:
            return False
        at = bottom
    return at == _BOTTOM_CM


def stock_t_ha(ground: Ground, block: Block) -> NDArray[np.float64]:
    """Return the stock of a block, t C/ha, NaN where one of its inputs is not known."""
    if ground.has(STOCK):
        return ground.read(STOCK, block)
    total = np.zeros((block.height, block.width))
    for carbon, density, stones in zip(*(ground.soil_layers(name) for name in MADE_OF), strict=True):
        top, bottom = carbon.depth_cm
        if bottom <= _BOTTOM_CM:
            percent, share = carbon.read(block) / 10, stones.read(block) / 100  # g/kg, percent of the volume
            total += soil_stock_t_c_ha(percent, density.read(block), bottom - top, share)
    return total


def depth_problems(entries: Sequence[HarmInputSection]) -> Iterator[Problem]:
    """Yield depths that are none, that no map of this kind has, or that lie one over the other."""
    for entry in entries:
        where = f"{entry.path.name} ([[harm.input]] {entry.name}) depth_cm"
        if entry.depth_cm is None:
            continue
        top, bottom = entry.depth_cm
        if entry.name not in (*BY_DEPTH, STOCK):
            yield Problem(where, "a depth", f"none: {entry.name} is no map of soil", "take depth_cm out")
        elif not 0 <= top < bottom:
            yield Problem(
                where, f"{top:g} to {bottom:g} cm", "from the upper to the lower depth", "such as [5, 15]"
            )
        elif entry.name == STOCK and (top, bottom) != (0.0, _BOTTOM_CM):
            yield Problem(where, f"{top:g} to {bottom:g} cm", f"0 to {_BOTTOM_CM:g} cm", "take the stock to 30 cm")
    for name in BY_DEPTH:
        held = _depths(depths_given(entries), name)
        maps = sum(entry.name == name for entry in entries)
        if maps > 1 and len(held) < maps:
            yield Problem(f"[[harm.input]] {name}", f"{maps} maps", "depth_cm of each", "tell the depths apart")
        for (top, bottom), (below, _) in pairwise(held):
            if below < bottom:
                yield Problem(
                    f"[[harm.input]] {name}",
                    f"depths {top:g} to {bottom:g} and {below:g} onwards, one over the other",
                    "each depth once",
                    "take one out",
                )
    yield from _nitrogen_problems(entries)


def _nitrogen_problems(entries: Sequence[HarmInputSection]) -> Iterator[Problem]:
    """Yield nitrogen of another depth than the carbon that it is set against."""
    tops = [[entry.depth_cm for entry in entries if entry.name == name] for name in (NITROGEN, MADE_OF[0])]
    nitrogen, carbon = (min(held, key=lambda one: one or (0.0, 0.0)) if held else None for held in tops)
    if all(tops) and nitrogen != carbon:
        yield Problem(
            f"[[harm.input]] {NITROGEN}",
            f"depth_cm {_shown(nitrogen)}, and {_shown(carbon)} of {MADE_OF[0]}",
            "the same depth, since the two are divided",
            "give both of one depth",
        )


def _shown(depth: Depth | None) -> str:
    return "not stated" if depth is None else f"{depth[0]:g} to {depth[1]:g}"
