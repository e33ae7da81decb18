"""Rows D1 to D5: direct loss by origin and zone, share from forest, ring excess, fragmentation, annual rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aoi.harm.deforestation import forest_share_percent
from aoi.harm.indirect import excess_draws
from aoi.harm.result import HarmRow, absent_row, computed_row, estimated_row
from aoi.survey.estimate import Estimate
from monitor.figures import FRAME
from monitor.harms.figures import Figures, Place

__all__ = ["cumulative", "rows", "track_share"]

FloatArray = NDArray[np.float64]
_FOREST = ("hansen_treecover2000", "hansen_lossyear")
_DIRECT = "direct footprint by first use, area by the sample/1"
_TRACKS = "length by width of new access on lost forest/1"
_FRAGMENTS = {"mesh": "ha", "edge": "m", "core": "ha"}


def rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield the rows of deforestation."""
    for place in figures.places():
        if not figures.has_forest:
            for name, unit in (
                ("D1", "ha/yr"),
                ("D2", "percent"),
                ("D3", "ha/yr"),
                ("D4", "ha"),
                ("D5", "percent/yr"),
            ):
                key = figures.key(name, place, unit, method="none", grade="B")
                yield figures.lacking(key, *_FOREST)
            continue
        yield from _loss(figures, place)
        yield from _tracks(figures, place)
        yield from _origins(figures, place)
        yield _share(figures, place)
        yield from _rings(figures, place)
        yield from _fragments(figures, place)
        yield _rate(figures, place)


def cumulative(figures: Figures, place: Place, domain: str = FRAME, window: int | None = None) -> Estimate:
    """Return the estimate of the crop's area on forest that was cleared for it, hectares."""
    ceiling = figures.total(place, "forest_lost_ha", domain)
    return figures.areas(figures.direct_units(place, window), [domain], [ceiling])[0]


def _in_period(figures: Figures, place: Place, domain: str, window: int | None = None) -> Estimate:
    member = figures.direct_units(place, window) & (figures.units["loss_year"].to_numpy() > place.since)
    return figures.areas(member, [domain], [figures.total(place, "forest_lost_ha", domain)])[0]


def _loss(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield D1 a year and in all by domain, and by window over the frame."""
    for domain in figures.domains:
        yearly = _in_period(figures, place, domain)
        key = figures.key("D1", place, "ha/yr", method=_DIRECT, grade="B", domain=domain, inputs=_FOREST)
        yield estimated_row(key, *(one / place.years for one in (yearly.value, yearly.lo, yearly.hi)))
        whole = cumulative(figures, place, domain)
        key = figures.key(
            "D1", place, "ha", method=_DIRECT, grade="B", domain=domain, part="cumulative", inputs=_FOREST
        )
        yield estimated_row(key, whole.value, whole.lo, whole.hi)
    for window in sorted(place.windows):
        whole = cumulative(figures, place, window=window)
        key = figures.key("D1", place, "ha", method=_DIRECT, grade="B", part=f"window:{window}", inputs=_FOREST)
        yield estimated_row(key, whole.value, whole.lo, whole.hi)


def _tracks(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield D1 of new tracks: forest lost in the period in the part of their cells that they cover."""
    if not figures.settings.get("access"):
        key = figures.key("D1", place, "ha/yr", method=_TRACKS, grade="C", part="tracks", inputs=_FOREST)
        yield absent_row(key, "not_computed", "no layer of roads, tracks and airstrips was given")
        return
    share = track_share(figures, place)
    for domain in figures.domains:
        key = figures.key(
            "D1", place, "ha/yr", method=_TRACKS, grade="C", domain=domain, part="tracks", inputs=_FOREST
        )
        yearly = figures.total(place, "track_lost_ha", domain) / place.years * share
        yield computed_row(key, yearly, seed=figures.seed, level=figures.level)


def track_share(figures: Figures, place: Place) -> FloatArray:
    """Return draws of the share of their cells that new tracks and airstrips cover, shape (n,)."""
    by_metre, by_polygons = (figures.total(place, f"track_share_{part}") for part in ("per_m", "polygons"))
    return np.asarray(by_polygons + figures.draws_of("track_width") * by_metre)


def _origins(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield the crop area by the cover it came from; parts of forest add up to what was forest."""
    names = {int(code): name for code, name in figures.settings["cover"].items()}
    if not names or not figures.has("land_cover"):
        key = figures.key("D1", place, "ha", method=_DIRECT, grade="B", part="origin")
        yield figures.lacking(key, "land_cover")
        return
    cover, crop = figures.cover_units(place), figures.crop_units(place)
    direct = figures.direct_units(place)
    for name in dict.fromkeys([*names.values(), "unknown"]):
        codes = [code for code, own in names.items() if own == name]
        of_name = np.isin(cover, codes) if codes else ~np.isin(cover, list(names))
        for part, member in ((f"origin:{name}", crop & of_name), (f"loss_from:{name}", direct & of_name)):
            whole = figures.areas(member, [FRAME])[0]
            key = figures.key(
                "D1", place, "ha", method=_DIRECT, grade="B", part=part, inputs=(*_FOREST, "land_cover")
            )
            yield estimated_row(key, whole.value, whole.lo, whole.hi)


def _share(figures: Figures, place: Place) -> HarmRow:
    key = figures.key("D2", place, "percent", method="share of drawn areas/1", grade="B", inputs=_FOREST)
    forest, rest = _parts(figures, place)
    if not np.any(forest + rest):
        return absent_row(key, "not_estimable", "no crop was found in the sample")
    share = forest_share_percent(forest, forest + rest)
    return computed_row(key, share[np.isfinite(share)], seed=figures.seed, level=figures.level)


def _parts(figures: Figures, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of the crop on cleared forest and of the other crop, hectares."""
    direct = figures.direct_units(place)
    rest = figures.areas(figures.crop_units(place) & ~direct, [FRAME])[0]
    name = f"area:{place.crop}:{place.period}"
    return (
        figures.area_draws(cumulative(figures, place), f"{name}:direct"),
        figures.area_draws(rest, f"{name}:rest"),
    )


def _rings(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield D3: loss of each ring beyond its matched controls; it may be negative."""
    held = figures.rings
    own = held[(held["crop"] == place.crop) & (held["period"].astype(str) == place.period)]
    for zone in figures.settings["ring_names"]:
        key = figures.key(
            "D3", place, "ha/yr", method="ring less matched controls/1", grade="B", share="indirect",
            part=zone, inputs=(*_FOREST, "elevation"),
        )  # fmt: skip
        ring = own[own["zone"] == zone]
        reason = str(ring["reason"].iloc[0]) if len(ring) and isinstance(ring["reason"].iloc[0], str) else ""
        if not len(ring) or reason:
            yield absent_row(key, "not_estimable", reason or "no forest in the ring")
            continue
        draws = excess_draws(
            ring["loss_ha"].to_numpy(float),
            ring["expected_ha"].to_numpy(float),
            n=figures.n,
            seed=figures.seed,
            name=f"ring:{place.crop}:{place.period}:{zone}",
        )
        point = float((ring["loss_ha"] - ring["expected_ha"]).sum()) / place.years
        lo, hi = np.quantile(draws / place.years, [(1 - figures.level) / 2, (1 + figures.level) / 2])
        yield HarmRow(key, point, min(float(lo), point), max(float(hi), point), figures.n, figures.seed)


def _fragments(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield D4: the map as it is less the map with its plots refilled, scaled to the surveyed area."""
    mapped = figures.total(place, f"direct_ha_{place.windows[0]}")
    area = figures.area_draws(cumulative(figures, place), f"area:{place.crop}:{place.period}:direct")
    for part, unit in _FRAGMENTS.items():
        key = figures.key(
            "D4", place, unit, method="map less map refilled, scaled to the sample/1", grade="C", part=part,
            inputs=_FOREST,
        )  # fmt: skip
        if mapped <= 0 and np.any(area > 0):
            yield absent_row(key, "not_computed", "the map holds no crop on cleared forest")
            continue
        scale = area / mapped if mapped > 0 else area
        yield computed_row(
            key, figures.total(place, f"fragment_{part}") * scale, seed=figures.seed, level=figures.level
        )


def _rate(figures: Figures, place: Place) -> HarmRow:
    """Return D5: the annual rate of forest change that direct loss makes by itself."""
    key = figures.key(
        "D5", place, "percent/yr", method="Puyravaud rate of direct loss/1", grade="B", inputs=_FOREST
    )
    forest = figures.total(place, "forest_start_ha")
    if forest <= 0:
        return absent_row(key, "not_computed", "no forest in the frame at the start of the period")
    yearly = _in_period(figures, place, FRAME)
    lost = np.minimum([yearly.value, yearly.hi, yearly.lo], forest * (1 - 1e-9))
    value, lo, hi = (float(100 * np.log1p(-one / forest) / place.years) for one in lost)
    return estimated_row(key, value, lo, hi)
