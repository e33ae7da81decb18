"""How far the harms are: one bar over all stages of a crop in a period, each with its share of the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from monitor.context import Progress

__all__ = ["LENGTH", "STAGES", "Stages"]

STAGES: Mapping[str, int] = MappingProxyType(
    {
        "pass over blocks": 300,
        "rings and fragments": 60,
        "flow network": 180,
        "hillslopes": 120,
        "erosion (E1 to E3)": 170,
        "loads on water (W1 to W7)": 150,
        "tables and maps": 20,
    }
)
"""Stage to its share of the bar, by the seconds of `benchmarks.harm_speed`."""
LENGTH = sum(STAGES.values())


class Stages:
    """Where the work on one crop in one period stands.

    Parameters
    ----------
    progress
        Hears parts done and parts in all.
    number, count
        Place of this crop and period among all, and how many there are.
    hears
        Hears the name of each stage as it begins.
    """

    def __init__(
        self, progress: Progress, number: int = 0, count: int = 1, *, hears: Callable[[str], None] = lambda _: None
    ) -> None:
        self._progress, self._hears = progress, hears
        self._first, self._total = number * LENGTH, count * LENGTH
        self._start, self._share, self._at = 0, 0, -1

    def begin(self, name: str) -> None:
        """Go on to a stage; those before it are done or were not needed."""
        self._hears(name)
        names = list(STAGES)
        self._start = sum(STAGES[one] for one in names[: names.index(name)])
        self._share = STAGES[name]
        self._tell(self._start)

    def part(self, done: int, total: int) -> None:
        """Tell how much of the stage is done; may be called from any thread."""
        self._tell(self._start + self._share * done // max(total, 1))

    def end(self) -> None:
        """Tell that all is done."""
        self._tell(LENGTH)

    def _tell(self, at: int) -> None:
        if at > self._at:
            self._at = at
            self._progress(self._first + at, self._total)
