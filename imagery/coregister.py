"""Whether scenes lie where the others do: the shift of each against the median of all, by phase correlation.

A scene that lies half a field beside the others mixes field and hedge in every composite. Nothing else shows it:
each image looks right by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block
from geo.grid import GeoBox
from imagery.composite import median
from imagery.scene import Scene

__all__ = ["Alignment", "alignments", "phase_shift", "tiles_of"]

Number = TypeVar("Number", np.float64, np.bool_)
Reader = Callable[[Scene, Block], tuple[NDArray[np.int16], NDArray[np.bool_]]]
TILE = 256
"""Side of the tiles compared, cells."""
_ACROSS = 3  # tiles along each side of the grid
_LEAST_SIDE = 32
_LEAST_SHARED = 0.4  # share of a tile that scene and reference both show
_LEAST_INSIDE = 0.2  # share of a tile in the frame
_LEAST_SCENES = 3
_REACH = 16  # cells: a scene farther off than this is not found
_FINE = 20  # parts of a cell that a shift is told to
_PASS = 0.25  # cycles per cell: finer structure is mostly noise
_LEAST_CORRELATION = 0.3
_WHOLE_MEDIAN = 5  # with fewer scenes each would pull the median it is compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How far a scene must be moved to lie where the others do."""

    scene: str
    """Name of the scene."""
    east_m: float | None
    """Towards the east, metres; None where it could not be measured."""
    north_m: float | None
    """Towards the north, metres."""
    tiles: int
    """Tiles it was measured on."""

    @property
    def distance_m(self) -> float | None:
        """Length of the shift, metres; None where it could not be measured."""
        if self.east_m is None or self.north_m is None:
            return None
        return float(np.hypot(self.east_m, self.north_m))


def tiles_of(shape: tuple[int, int], inside: NDArray[np.bool_] | None = None) -> list[Block]:
    """Return the tiles that scenes are compared on, which depend on the grid and the frame alone.

    Examples
    --------
    >>> [(tile.row, tile.col) for tile in tiles_of((100, 600))]
    [(0, 0), (0, 344)]
    """
    sides = [min(TILE, length) for length in shape]
    if min(sides) < _LEAST_SIDE:
        return []
    rows, cols = (_starts(length, side) for length, side in zip(shape, sides, strict=True))
    tiles = [Block(row, col, *sides) for row in rows for col in cols]
    return [tile for tile in tiles if inside is None or inside[tile.slices].mean() >= _LEAST_INSIDE]


def _starts(length: int, side: int) -> list[int]:
    """Return where tiles begin along a side: as many as fit without sharing cells, evenly spread."""
    tiles = min(_ACROSS, max(1, length // side))
    return (
        [(length - side) // 2] if tiles == 1 else [(length - side) * part // (tiles - 1) for part in range(tiles)]
    )


def alignments(
    scenes: Sequence[Scene], geobox: GeoBox, *, inside: NDArray[np.bool_] | None, read: Reader
) -> list[Alignment]:
    """Return how far each scene must be moved to lie where the median of all does.

    With fewer than three scenes nothing can be said, and with fewer than five each is compared with the others.

    Parameters
    ----------
    scenes
        Of one period.
    geobox
        The analysis grid.
    inside
        Cells of the area frame, shape (h, w); None for all.
    read
        Gives one band of a scene in units of the sensor, shape (h, w), and its clear cells, for a block.

    Raises
    ------
    BrokenSceneError
        From `read`.
    """
    found: dict[str, list[tuple[float, float]]] = {scene.id: [] for scene in scenes}
    if len(scenes) >= _LEAST_SCENES:
        for tile in tiles_of((geobox.shape[0], geobox.shape[1]), inside):
            layers = [read(scene, tile) for scene in scenes]
            values = np.stack([layer[0] for layer in layers])
            valid = np.stack([layer[1] for layer in layers])
            for scene, shift in zip(scenes, _tile_shifts(values, valid), strict=True):
                if shift is not None:
                    found[scene.id].append(shift)
    width_m, height_m = abs(geobox.transform.a), abs(geobox.transform.e)
    return [_alignment(scene.id, found[scene.id], width_m, height_m) for scene in scenes]


def _alignment(scene: str, shifts: Sequence[tuple[float, float]], width_m: float, height_m: float) -> Alignment:
    if not shifts:
        return Alignment(scene=scene, east_m=None, north_m=None, tiles=0)
    row, col = np.median(np.array(shifts), axis=0)
    return Alignment(
        scene=scene,
        east_m=round(float(col) * width_m, 2) + 0.0,
        north_m=round(-float(row) * height_m, 2) + 0.0,
        tiles=len(shifts),
    )


def _tile_shifts(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> list[tuple[float, float] | None]:
    """Return the shift in rows and columns of every scene of a tile, shapes (t, h, w)."""
    whole = _median(values, valid) if len(values) >= _WHOLE_MEDIAN else None
    shifts: list[tuple[float, float] | None] = []
    for layer in range(len(values)):
        others = np.arange(len(values)) != layer
        reference, known = whole if whole is not None else _median(values[others], valid[others])
        shared = known & valid[layer]
        if shared.mean() < _LEAST_SHARED:
            shifts.append(None)
        else:
            shifts.append(phase_shift(values[layer].astype(np.float64), reference, shared))
    return shifts


def _median(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    known = np.asarray(valid.any(axis=0))
    return np.where(known, median(values, valid), 0).astype(np.float64), known


def phase_shift(
    image: NDArray[np.float64], reference: NDArray[np.float64], shared: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Return by how many rows and columns an image must be moved to lie on a reference; None where they differ.

    Parameters
    ----------
    image, reference
        Shape (h, w).
    shared
        Cells that both show; the others take no part.

    References
    ----------
    Kuglin, C. D. and Hines, D. C. (1975), Proceedings of the IEEE Conference on Cybernetics and Society, 163-165:
    phase correlation. Guizar-Sicairos, M., Thurman, S. T. and Fienup, J. R. (2008), Optics Letters 33, 156-158,
    doi:10.1364/OL.33.000156: the peak between cells by a matrix-multiply Fourier transform.
    """
    near = _peak(image, reference, shared)
    if near is None:
        return None
    row, col = round(near[0]), round(near[1])
    shift = near
    if row or col:
        # Once more from where it lies in whole cells: what the frame of the tile shows at both would pull it back
        fine = _peak(_rolled(image, row, col), reference, _rolled(shared, row, col) & shared)
        shift = near if fine is None else (row + fine[0], col + fine[1])
    return shift if _correlation(image, reference, shared, shift) >= _LEAST_CORRELATION else None


def _rolled(plane: NDArray[Number], row: int, col: int) -> NDArray[Number]:
    """Return a plane moved by whole cells; what comes in at the edges is 0."""
    out = np.zeros_like(plane)
    height, width = plane.shape
    out[max(row, 0) : height + min(row, 0), max(col, 0) : width + min(col, 0)] = plane[
        max(-row, 0) : height - max(row, 0), max(-col, 0) : width - max(col, 0)
    ]
    return out


def _peak(
    image: NDArray[np.float64], reference: NDArray[np.float64], shared: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """Return where the phase correlation peaks, rows and columns; None for planes without structure."""
    if not shared.any():
        return None
    taper = np.outer(np.hanning(image.shape[0] + 2)[1:-1], np.hanning(image.shape[1] + 2)[1:-1])
    ours, theirs = (_centred(plane, shared) * taper for plane in (image, reference))
    if not ours.any() or not theirs.any():
        return None
    product = np.fft.fft2(theirs) * np.conj(np.fft.fft2(ours))
    size = np.abs(product)
    phase = np.divide(product, size, out=np.zeros_like(product), where=size > size.max() * 1e-12)
    rows, cols = (np.fft.fftfreq(length) for length in image.shape)
    phase *= np.exp(-(rows[:, None] ** 2 + cols[None, :] ** 2) / (2 * _PASS**2))
    surface = np.fft.ifft2(phase).real
    reach_rows, reach_cols = (min(_REACH, length // 4) for length in image.shape)
    near = np.roll(surface, (reach_rows, reach_cols), axis=(0, 1))[: 2 * reach_rows + 1, : 2 * reach_cols + 1]
    row, col = np.unravel_index(int(near.argmax()), near.shape)
    return _finer(phase, (int(row) - reach_rows, int(col) - reach_cols), rows, cols)


def _centred(plane: NDArray[np.float64], shared: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(shared, plane - plane[shared].mean(), 0.0)


def _finer(
    phase: NDArray[np.complex128], near: tuple[int, int], rows: NDArray[np.floating], cols: NDArray[np.floating]
) -> tuple[float, float]:
    """Return the place of the peak to a part of a cell, near where it lies in whole cells."""
    steps = np.arange(-_FINE, _FINE + 1) / _FINE
    down, across = near[0] + steps, near[1] + steps
    left = np.exp(2j * np.pi * np.outer(down, rows))
    right = np.exp(2j * np.pi * np.outer(cols, across))
    # Plain sums: the threads of a matrix product decide its last digits, and outlast it in waiting
    surface = np.einsum("ij,jk->ik", np.einsum("ij,jk->ik", left, phase), right).real
    row, col = np.unravel_index(int(surface.argmax()), surface.shape)
    return float(down[row]), float(across[col])


def _correlation(
    image: NDArray[np.float64],
    reference: NDArray[np.float64],
    shared: NDArray[np.bool_],
    shift: tuple[float, float],
) -> float:
    """Return the correlation of the image, moved by whole cells, with the reference where both are known."""
    row, col = round(shift[0]), round(shift[1])
    moved, both = _rolled(image, row, col), _rolled(shared, row, col) & shared
    if both.sum() < _LEAST_SIDE or moved[both].std() == 0 or reference[both].std() == 0:
        return 0.0
    return float(np.corrcoef(moved[both], reference[both])[0, 1])
