"""Coarse labels: hectares of a crop in large cells, which teach where no plot is known.

A density of a square kilometre is no label of any cell in it. What it tells is how many of its cells are crop;
which they are, a classifier taught on labelled places says best where it is surest. So in each coarse cell the
places that look most like the crop are taken for it, at most half of as many as the density asks for, and those
that look least like it for what else they look like; the rest teaches nothing.

References
----------
Quadrianto, N., Smola, A. J., Caetano, T. S. and Le, Q. V. (2009), Estimating labels from label proportions, J.
Machine Learning Research 10, 2349. Lee, D.-H. (2013), Pseudo-label, ICML workshop on challenges in representation
learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.areas import polygon_areas_ha
from geo.errors import InputError, Problem
from geo.grid import GeoBox
from geo.vector import read_layer
from imagery.training import TrainingSamples, places_in

__all__ = ["CoarseLabels", "CoarsePlaces", "held_at_cells", "read_coarse", "taken_labels"]

SURE = 0.5
"""Share of the places that a density asks for, and of those that it leaves, that are taken: the surest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseLabels:
    """Places drawn in coarse cells, whose own labels nobody knows."""

    places: TrainingSamples
    """The places; their codes mean nothing."""
    cell: NDArray[np.int64]
    """Coarse cell of each place, one number for each cell and period (n)."""
    share: NDArray[np.float64]
    """Share of the crop in that cell (n)."""
    crop: int
    """Code of the crop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarsePlaces:
    """Features of n places in coarse cells."""

    planes: NDArray[np.float32]
    """Features, shape (k, n)."""
    period: NDArray[np.str_]
    """Period (n)."""
    fold: NDArray[np.int64]
    """Fold that the coarse cell lies in (n)."""
    cell: NDArray[np.int64]
    """Coarse cell (n)."""
    share: NDArray[np.float64]
    """Share of the crop in the coarse cell (n)."""
    crop: int
    """Code of the crop."""

    def where(self, keep: NDArray[np.bool_]) -> CoarsePlaces:
        """Return the places for which `keep` is true."""
        return CoarsePlaces(
            planes=self.planes[:, keep],
            period=self.period[keep],
            fold=self.fold[keep],
            cell=self.cell[keep],
            share=self.share[keep],
            crop=self.crop,
        )


def read_coarse(
    path: Path,
    *,
    layer: str | None,
    cell: str,
    area_ha: str,
    periods: Sequence[str],
    crop: int,
    geobox: GeoBox,
    per_cell: int,
) -> CoarseLabels:
    """Read coarse cells with the hectares of a crop in each, and draw places in them.

    Parameters
    ----------
    path, layer
        Polygons with the columns `cell`, ``period`` and `area_ha`.
    cell, area_ha
        Columns with the name of a coarse cell and the hectares of crop in it.
    periods
        Periods of the survey; rows of others are left out.
    crop
        Code of the crop.
    geobox
        The analysis grid.
    per_cell
        Places drawn in each coarse cell, spread evenly.

    Raises
    ------
    InputError
        If hectares are no number, below 0 or more than the cell holds, a cell stands twice in a period, or no row
        is of a period of the survey.
    """
    cells = read_layer(path, layer=layer, columns=(cell, "period", area_ha), geometry="polygon")
    cells = cells[cells["period"].astype(str).isin(list(periods))]
    if cells.empty:
        raise InputError(
            Problem(f"{path} column period", "no period of the survey", ", ".join(periods), "correct it")
        )
    # A census covers more land than a survey: only cells on the grid teach, which is where the images are
    here = cells.to_crs(str(geobox.crs)).intersects(shapely.box(*geobox.boundingbox))
    if not here.any():
        raise InputError(Problem(str(path), "no cell on the area of the survey", "cells there", "check its CRS"))
    cells = cells[here.to_numpy()]
    hectares, whole = pd.to_numeric(cells[area_ha], errors="coerce").to_numpy(dtype=float), polygon_areas_ha(cells)
    bad = ~np.isfinite(hectares) | (hectares < 0) | (hectares > whole * (1 + 1e-6))
    twice = cells.duplicated([cell, "period"]).to_numpy()
    problems = []
    if bad.any():
        shown = "; ".join(f"{name}: {value}" for name, value in cells.loc[bad, [cell, area_ha]].head(5).to_numpy())
        problems.append(
            Problem(f"{path} column {area_ha}", shown, "hectares from 0 to those of the cell", "correct it")
        )
    if twice.any():
        shown = ", ".join(cells.loc[twice, cell].astype(str).head(5))
        problems.append(Problem(f"{path} column {cell}", f"{shown} twice in a period", "each once", "correct it"))
    if problems:
        raise InputError(problems)
    named = cells[[cells.geometry.name]].assign(
        unit_id=cells[cell].astype(str), period=cells["period"].astype(str), **{"class": ""}
    )
    named["share"] = hectares / whole
    named = named.to_crs(str(geobox.crs)).sort_values(["period", "unit_id"], kind="stable").reset_index(drop=True)
    points = places_in(named, str(path), geobox, per_cell)
    row, col = points["row"].to_numpy(), points["col"].to_numpy()
    of = points["polygon"].to_numpy(dtype=np.int64)
    places = TrainingSamples(
        unit_id=points["unit_id"].to_numpy(dtype=str),
        period=points["period"].to_numpy(dtype=str),
        code=np.zeros(len(points), dtype=np.uint8),
        x_m=points["site_x"].to_numpy(dtype=float),
        y_m=points["site_y"].to_numpy(dtype=float),
        row=row.astype(np.int64),
        col=col.astype(np.int64),
    )
    return CoarseLabels(places=places, cell=of, share=named["share"].to_numpy()[of], crop=crop)


def taken_labels(probability: NDArray[np.float64], codes: Sequence[int], coarse: CoarsePlaces) -> NDArray[np.uint8]:
    """Return the labels that places in coarse cells may be taken to have; 0 where they teach nothing.

    Parameters
    ----------
    probability
        Class probabilities by a classifier that never saw a label of these places, shape (K, n).
    codes
        Class codes, rising (K).
    coarse
        The places.

    Notes
    -----
    Of m places in a cell with share p the ``floor(SURE p m)`` likeliest are taken for the crop, and the
    ``floor(SURE (1 - p) m)`` least likely for the likeliest other class. Places that tie go in their order.
    """
    at = list(codes).index(coarse.crop)
    others = np.delete(np.arange(len(codes)), at)
    likeliest = np.asarray(codes, dtype=np.uint8)[others][probability[others].argmax(axis=0)]
    labels = np.zeros(len(coarse.cell), dtype=np.uint8)
    for cell in np.unique(coarse.cell):
        of = np.flatnonzero(coarse.cell == cell)
        order = of[np.argsort(-probability[at, of], kind="stable")]
        share = float(coarse.share[of[0]])
        most, least = int(SURE * share * len(of)), int(SURE * (1 - share) * len(of))
        labels[order[:most]] = coarse.crop
        bottom = order[len(order) - least :]
        labels[bottom] = likeliest[bottom]
    return labels


def held_at_cells(said: NDArray[np.bool_], coarse: CoarsePlaces) -> dict[str, float]:
    """Return how predictions agree with the densities, cell by cell: a coarse label can be held at nothing finer.

    Parameters
    ----------
    said
        Whether each place is said to be crop, by a classifier taught without its fold (n).
    coarse
        The places.

    Returns
    -------
    dict
        ``cells``; ``bias`` and ``rmse`` of the share of crop; ``mean_rmse``, what the mean share of all cells
        reaches, the floor; ``ratio`` of the shares said to those labelled.
    """
    cells, index = np.unique(coarse.cell, return_index=True)
    labelled = coarse.share[index]
    mapped = np.array([said[coarse.cell == cell].mean() for cell in cells])
    total = float(labelled.sum())
    return {
        "cells": float(len(cells)),
        "bias": float((mapped - labelled).mean()),
        "rmse": float(np.sqrt(((mapped - labelled) ** 2).mean())),
        "mean_rmse": float(np.sqrt(((labelled.mean() - labelled) ** 2).mean())),
        "ratio": float(mapped.sum()) / total if total > 0 else float("nan"),
    }
