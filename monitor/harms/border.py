"""Harms along a border (A19): the chapters of the frame made again for each strip, by one code on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from aoi.harm.result import HarmKey, HarmRow, absent_row
from aoi.survey.estimate import Estimate
from monitor.borders import COVERED
from monitor.figures import FRAME
from monitor.harms.figures import BoolArray, Chapter, Figures, FloatArray, Place

__all__ = ["Within", "rows"]

SHOWN: dict[str, tuple[str, ...] | None] = {
    "D1": ("", "cumulative"),
    "E1": ("",),
    "E2": ("",),
    "S1": ("",),
    "S2": ("",),
    "B1": ("",),
    "W1": None,
    "W2": None,
    "G": ("view:year_of_clearing",),
}
"""Indicators that speak for a harm to their parts shown of a strip; None for each part."""


@dataclass(eq=False)
class Within(Figures):
    """Figures of one domain in the place of the frame's.

    Draws keep the names of the frame's streams, so that nothing depends on what a strip is called.
    """

    whole: Figures
    own: str
    """Code of the domain."""

    @classmethod
    def of(cls, whole: Figures, own: str) -> Within:
        """Return the figures of a domain of `whole`."""
        return cls(**{one.name: getattr(whole, one.name) for one in fields(Figures)}, whole=whole, own=own)

    def _mine(self, domain: str) -> str:
        return self.own if domain == FRAME else domain

    @property
    def domains(self) -> list[str]:
        """The one domain."""
        return [self.own]

    def inside(self, domain: str) -> BoolArray:
        """Say which sample units lie in a domain."""
        return self.whole.inside(self._mine(domain))

    def total(self, place: Place, quantity: str, domain: str = FRAME) -> float:
        """Return a sum over the mapped footprint; the error of biomass as if it were one error everywhere."""
        if domain == FRAME and quantity == "biomass_se_t":
            held = self.whole.total(place, "biomass_low_t") + self.whole.total(place, "biomass_high_t")
            mine = self.total(place, "biomass_low_t") + self.total(place, "biomass_high_t")
            return self.whole.total(place, "biomass_se_full_t") * mine / held if held > 0 else 0.0
        return self.whole.total(place, quantity, self._mine(domain))

    def areas(
        self, member: BoolArray, domains: Sequence[str], ceilings_ha: Sequence[float] | None = None
    ) -> list[Estimate]:
        """Return the survey's estimate of a class of units in domains, hectares."""
        return super().areas(member, [self._mine(domain) for domain in domains], ceilings_ha)

    def area_draws(self, figure: Estimate, name: str) -> FloatArray:
        """Return draws of an estimate that keep its interval, shape (n,)."""
        return super().area_draws(figure, name.removesuffix(f":{self.own}"))

    def key(self, indicator: str, place: Place, unit: str, *, domain: str = FRAME, **more: Any) -> HarmKey:
        """Return what a row is about."""
        return super().key(indicator, place, unit, domain=self._mine(domain), **more)


def rows(figures: Figures, chapters: dict[str, Chapter]) -> Iterator[HarmRow]:
    """Yield A19 of each harm in each strip; a strip that the frame does not hold has no figure."""
    for strip, ground_ha in figures.settings.get("strips_ha", {}).items():
        within = Within.of(figures, strip)
        held = within.domain_ha(strip) / ground_ha if ground_ha > 0 else 0.0
        for harm, chapter in chapters.items():
            for row in chapter(within):
                if row.key.domain != strip or not _shown(row.key):
                    continue
                name = " ".join(part for part in (row.key.indicator, row.key.part) if part)
                key = replace(row.key, indicator="A19", part=f"{harm}: {name}")
                if held < COVERED:
                    reason = f"the frame holds {100 * held:.0f} % of the strip"
                    yield absent_row(key, "not_estimable", reason)
                else:
                    yield replace(row, key=key)


def _shown(key: HarmKey) -> bool:
    if key.indicator not in SHOWN:
        return False
    parts = SHOWN[key.indicator]
    return parts is None or key.part in parts
