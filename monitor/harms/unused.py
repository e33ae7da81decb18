"""Inputs that are accepted and that no figure of this survey rests on: told, so that nobody counts on them."""

from __future__ import annotations

from collections.abc import Iterator

from geo.errors import Problem
from monitor.harms.rain import MONTHS
from monitor.harms.soil import MADE_OF, NITROGEN, STOCK, depths_given, stock_lacking
from monitor.sections import HarmSection

__all__ = ["unused_inputs"]

_NONE = {
    "soilgrids_cec": "no figure of harm has a use for it",
    "soilgrids_phh2o": "no figure of harm has a use for it",
}
_TEXTURE = ("soilgrids_clay", "soilgrids_sand", "soilgrids_silt")


def unused_inputs(section: HarmSection) -> Iterator[Problem]:
    """Yield each input that no figure of the survey rests on, with the reason."""
    for name, why in _reasons(section).items():
        yield Problem(
            f"[[harm.input]] {name}",
            "an input that no figure rests on",
            why,
            "leave it out, or see data-sources.md",
        )


def _reasons(section: HarmSection) -> dict[str, str]:
    names = list(dict.fromkeys(entry.name for entry in section.input))
    lacking = stock_lacking(depths_given(section.input))
    carbon, density, stones = MADE_OF
    told = {name: _NONE[name] for name in names if name in _NONE}
    for name in (density, stones):
        if name in names and (lacking or STOCK in names):
            told[name] = lacking or f"{STOCK} is the stock already"
    if NITROGEN in names and (lacking or carbon not in names):
        told[NITROGEN] = lacking or f"no input {carbon}, which it is set against"
    if "erodibility_k" in names:
        told |= {name: "erodibility_k is given" for name in _TEXTURE if name in names}
        if carbon in names and NITROGEN not in names and (lacking or STOCK in names):
            told[carbon] = lacking or f"erodibility_k and {STOCK} are given"
    if "chirps_rain" in names and "gloreda_r" in names:
        told["chirps_rain"] = "gloreda_r is given; rain stands in where it is not"
    yearless = {"fournier_ratio", MONTHS} & set(names)
    if yearless and not {"gloreda_r", "chirps_rain"} & set(names):
        told |= dict.fromkeys(sorted(yearless), "no gloreda_r, the level that it scales")
    return {name: told[name] for name in names if name in told}
