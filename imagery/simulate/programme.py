"""Villages of an invented province and a programme whose effect, spill-over and announcement are known.

Crop grows and shrinks by region and with how much there is; programmes go where crop is dense, municipality by
municipality. Announcement makes people plant; the work takes crop away, and some of it comes back next door.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from imagery.simulate.landscape import Landscape

__all__ = ["Programme", "ProgrammeTruth", "programme_tables", "simulate_programme"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeTruth:
    """What the programme does, in hectares a village."""

    effect_ha: float = -6.0
    """From the start on."""
    announcement_ha: float = 2.5
    """Between announcement and start."""
    spill_ha: tuple[float, float, float] = (3.0, 1.5, 0.7)
    """From the start on, in villages within each ring."""
    rings_km: tuple[float, float, float] = (1.0, 5.0, 10.0)
    """Outer radii of the rings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Programme:
    """A panel of villages; arrays of n villages, T years."""

    years: IntArray
    """Years, shape (T,)."""
    xy_km: FloatArray
    """Places, shape (n, 2)."""
    municipality: IntArray
    """Level at which the programme is assigned."""
    region: IntArray
    """Region."""
    slope: FloatArray
    """Slope of the land, degrees."""
    start: IntArray
    """First year of the programme; 0 without."""
    announced: IntArray
    """Year of the announcement; 0 without."""
    crop_ha: FloatArray
    """Crop by village and year, shape (n, T)."""
    crop_se_ha: FloatArray
    """Standard error of the crop as a survey would tell it, shape (n, T)."""
    eradicated_ha: FloatArray
    """Eradicated by hand, by village and year, shape (n, T)."""
    forest_loss_ha: FloatArray
    """An outcome that the programme does not touch, shape (n, T)."""
    effect_ha: FloatArray
    """What programme and spill-over really did, shape (n, T)."""


def simulate_programme(
    rng: np.random.Generator,
    *,
    truth: ProgrammeTruth | None = None,
    villages: int = 900,
    side_km: float = 150.0,
    years: tuple[int, int] = (2006, 2019),
    municipalities: int = 12,
    grid: int = 10,
    survey_se_ha: float = 0.0,
) -> Programme:
    """Draw a province with a programme.

    Parameters
    ----------
    rng
        Source of everything.
    truth
        What the programme does.
    villages
        Number of villages.
    side_km
        Side of the province.
    years
        First and last year.
    municipalities
        Municipalities with the programme: half from the year 2013, half from 2015, announced two years before.
    grid
        Municipalities along a side: they are squares.
    survey_se_ha
        Standard error with which the crop is measured.
    """
    truth = truth or ProgrammeTruth()
    span = np.arange(years[0], years[1] + 1)
    xy = rng.uniform(0, side_km, (villages, 2))
    cell = np.minimum((xy / (side_km / grid)).astype(np.int64), grid - 1)
    municipality = cell[:, 0] * grid + cell[:, 1]
    region = cell[:, 0] * 3 // grid
    # a cut-off scale: no village is empty, so that a subtraction never meets a floor
    density = 22.0 + 6.0 * np.clip(rng.standard_normal(villages), -1.5, 2.5)
    chosen = _chosen(municipality, density, region, municipalities, rng)
    start = np.zeros(villages, dtype=np.int64)
    for number, code in enumerate(chosen):
        start[municipality == code] = (2013, 2015)[number % 2]
    announced = np.where(start > 0, start - 2, 0)
    effect = _effects(xy, span, start, announced, truth)
    trend = _trends(region, density, span, rng)
    shock = _autoregressive(rng, (grid**2, len(span)), 0.7)[municipality]
    own = _autoregressive(rng, (villages, len(span)), 1.2)
    crop = np.clip(density[:, None] + trend + shock + own + effect, 0.0, None)
    seen = np.clip(crop + survey_se_ha * rng.standard_normal(crop.shape), 0.0, None)
    eradicating = rng.random(grid**2)[municipality] < 0.4
    eradicated = np.where(eradicating[:, None] & (span >= 2012), rng.gamma(2.0, 0.5, crop.shape), 0.0)
    return Programme(
        years=span,
        xy_km=xy,
        municipality=municipality,
        region=region,
        slope=np.clip(rng.normal(12, 4, villages), 0, None),
        start=start,
        announced=announced,
        crop_ha=seen,
        crop_se_ha=np.full(crop.shape, survey_se_ha),
        eradicated_ha=eradicated,
        forest_loss_ha=np.clip(3 + 0.1 * density[:, None] + rng.normal(0, 1, crop.shape), 0, None),
        effect_ha=effect,
    )


def programme_tables(
    drawn: Programme, landscape: Landscape
) -> tuple[geopandas.GeoDataFrame, pd.DataFrame, pd.DataFrame]:
    """Return villages, their panel, and what really happened, with the landscape in the middle of the province.

    Returns
    -------
    villages : GeoDataFrame
        Points with ``village``, ``municipality``, ``region``, ``slope``, ``announced`` and ``started`` (0: never).
    panel : DataFrame
        ``village``, ``year``, ``crop_ha``, ``crop_se_ha``, ``eradicated_ha``, ``forest_loss_ha``.
    truth : DataFrame
        ``village``, ``year``, ``effect_ha``.
    """
    codes = np.array([f"V{number:04d}" for number in range(len(drawn.start))])
    box = landscape.geobox.boundingbox
    middle = np.array([(box.left + box.right) / 2, (box.bottom + box.top) / 2])
    places = np.round(middle + 1000 * (drawn.xy_km - drawn.xy_km.mean(axis=0)))
    villages = geopandas.GeoDataFrame(
        {
            "village": codes,
            "municipality": [f"M{number:03d}" for number in drawn.municipality],
            "region": [f"R{number + 1}" for number in drawn.region],
            "slope": np.round(drawn.slope, 1),
            "announced": drawn.announced,
            "started": drawn.start,
        },
        geometry=shapely.points(places),
        crs=landscape.scenario.crs,
    )
    keys = {"village": np.repeat(codes, len(drawn.years)), "year": np.tile(drawn.years, len(codes))}
    columns = ("crop_ha", "crop_se_ha", "eradicated_ha", "forest_loss_ha")
    panel = pd.DataFrame({**keys, **{name: getattr(drawn, name).ravel() for name in columns}})
    return villages, panel, pd.DataFrame({**keys, "effect_ha": drawn.effect_ha.ravel()})


def _chosen(
    municipality: IntArray, density: FloatArray, region: IntArray, count: int, rng: np.random.Generator
) -> IntArray:
    """Choose municipalities where crop is dense, not next to each other only by chance."""
    codes = np.unique(municipality)
    mean = np.array([density[municipality == code].mean() for code in codes])
    of_region = np.array([region[municipality == code][0] for code in codes])
    appeal = mean / mean.std() + 0.5 * of_region + 1.5 * rng.standard_normal(len(codes))
    return np.asarray(rng.permutation(codes[np.argsort(-appeal)[:count]]))


def _effects(
    xy: FloatArray, years: IntArray, start: IntArray, announced: IntArray, truth: ProgrammeTruth
) -> FloatArray:
    effect = np.zeros((len(xy), len(years)))
    treated = np.flatnonzero(start > 0)
    effect[treated] += truth.effect_ha * (years >= start[treated, None])
    waiting = (years >= announced[treated, None]) & (years < start[treated, None])
    effect[treated] += truth.announcement_ha * waiting
    if not treated.size:
        return effect
    apart = np.hypot(xy[:, None, 0] - xy[None, treated, 0], xy[:, None, 1] - xy[None, treated, 1])
    nearest = apart.min(axis=1)
    inner = -1.0
    for outer, spill in zip(truth.rings_km, truth.spill_ha, strict=True):
        for village in np.flatnonzero((start == 0) & (nearest > inner) & (nearest <= outer)):
            first = start[treated[apart[village] <= outer]].min()
            effect[village] += spill * (years >= first)
        inner = outer
    return effect


def _trends(region: IntArray, density: FloatArray, years: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return what happens everywhere: by region, and more where there is more."""
    shocks = rng.normal(0, 0.8, (int(region.max()) + 1, len(years))).cumsum(axis=1)
    common = np.clip(years - 2010, 0, None) * 0.04
    return np.asarray(shocks[region] + (density - density.mean())[:, None] * common)


def _autoregressive(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> FloatArray:
    """Return noise that remembers half of the year before."""
    noise = rng.standard_normal(shape) * scale
    for year in range(1, shape[1]):
        noise[:, year] = 0.5 * noise[:, year - 1] + noise[:, year] * np.sqrt(0.75)
    return noise
