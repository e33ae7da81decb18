"""An optional network for photographs of very high resolution, where shape and texture tell what a cell does not.

A small encoder and decoder with bridges (U-Net), fine-tuned from weights that were saved before, or taught anew. It
needs the extra ``network`` (torch) and downloads nothing. Weights are kept as plain arrays: nothing in a file is
run when it is read.

References
----------
Ronneberger, O., Fischer, P. and Brox, T. (2015), U-Net: convolutional networks for biomedical image segmentation,
MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem
from geo.files import atomic
from geo.limits import require_within

__all__ = ["SegmentSettings", "Segmenter", "fit_segmenter", "is_available"]

_ABOUT = "about.json"
_MALFORMED = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    ArithmeticError, RuntimeError,
)  # fmt: skip
"""What an archive that is no network, or is none at all, makes Python raise."""
_HEAD = "head."


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """How the network is built and taught."""

    width: int = 16
    """Features of the first level; each further one has twice as many."""
    levels: int = 3
    """Levels below the first, each of half the resolution."""
    tile: int = 96
    """Side of the pieces it is taught on, cells; a multiple of ``2 ** levels``."""
    batch: int = 8
    """Pieces in a step."""
    steps: int = 300
    """Steps."""
    learning_rate: float = 2e-3
    """Of the optimiser (Adam), falling to nothing along half a cosine."""
    seed: int = 0
    """Seed of weights, pieces and turns."""

    @property
    def reach(self) -> int:
        """Cells to each side that bear on a cell, a multiple of ``2 ** levels``."""
        return int((6 * 2**self.levels) * 2)


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A taught network as plain arrays."""

    codes: tuple[int, ...]
    """Class codes, in the order of the probabilities (K)."""
    mean: NDArray[np.float32]
    """Mean of each band (b)."""
    scale: NDArray[np.float32]
    """Its standard deviation (b)."""
    weights: Mapping[str, NDArray[np.float32]]
    """Name to weights."""
    settings: SegmentSettings
    """How it was built."""

    def probabilities(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of every class, shape (K, h, w); each cell's sum to 1.

        Parameters
        ----------
        image
            Bands, shape (b, h, w).

        Raises
        ------
        InputError
            If torch is not installed.
        """
        torch = _torch()
        step = 2**self.settings.levels
        height, width = image.shape[1:]
        pad = [(0, 0), *((0, -size % step) for size in (height, width))]
        ready = np.pad(self._standardised(image), pad, mode="edge")
        with _alone(torch, self.settings.seed), torch.no_grad():
            network = _network(torch, len(self.mean), len(self.codes), self.settings)
            network.load_state_dict({name: torch.from_numpy(np.array(kept)) for name, kept in self.weights.items()})
            network.eval()
            scores = network(torch.from_numpy(ready[None]))[0]
            return np.asarray(torch.softmax(scores, dim=0).numpy()[:, :height, :width])

    def save(self, path: Path) -> None:
        """Write the network: an archive of plain arrays and a JSON text; equal networks give equal bytes."""
        about = {
            "codes": list(self.codes),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "settings": asdict(self.settings),
            "weights": {name: list(kept.shape) for name, kept in self.weights.items()},
        }
        with atomic(path) as part, zipfile.ZipFile(part, "w") as archive:
            archive.writestr(zipfile.ZipInfo(_ABOUT), json.dumps(about, indent=1, sort_keys=True))
            for name, kept in sorted(self.weights.items()):
                archive.writestr(zipfile.ZipInfo(name), np.ascontiguousarray(kept, dtype="<f4").tobytes())

    @classmethod
    def read(cls, path: Path) -> Segmenter:
        """Read a network back.

        Raises
        ------
        InputError
            If the file is no such network.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
                require_within("table_bytes", size, where=str(path), what="bytes when unpacked")
                about = json.loads(archive.read(_ABOUT))
                weights = {
                    name: np.frombuffer(archive.read(name), dtype="<f4").reshape(shape)
                    for name, shape in about["weights"].items()
                }
            return cls(
                codes=tuple(int(code) for code in about["codes"]),
                mean=np.array(about["mean"], dtype=np.float32),
                scale=np.array(about["scale"], dtype=np.float32),
                weights=weights,
                settings=SegmentSettings(**about["settings"]),
            )
        except _MALFORMED as error:
            raise InputError(
                Problem(str(path), f"no network ({error})", "one that was saved", "teach it again")
            ) from error

    def _standardised(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((image - self.mean[:, None, None]) / self.scale[:, None, None], dtype=np.float32)


def is_available() -> bool:
    """Say whether torch is installed, without which there is no network."""
    return find_spec("torch") is not None


def fit_segmenter(
    images: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.uint8]],
    codes: Sequence[int],
    settings: SegmentSettings,
    start: Segmenter | None = None,
) -> Segmenter:
    """Teach a network; equal input gives equal weights on one machine.

    Parameters
    ----------
    images
        Bands of each photograph, shape (b, h, w), at least a tile on each side.
    labels
        Class codes of each, shape (h, w); cells of other codes teach nothing.
    codes
        Classes (K).
    settings
        How it is built and taught.
    start
        A network to go on from; its last layer only where it has the same classes.

    Raises
    ------
    InputError
        If torch is not installed, a class is nowhere, or the network to go on from has another build.
    """
    torch = _torch()
    counts = np.array([sum(int((label == code).sum()) for label in labels) for code in codes], dtype=np.float64)
    if not counts.all():
        absent = ", ".join(str(code) for code, count in zip(codes, counts, strict=True) if not count)
        raise InputError(Problem("network", f"no cell of class {absent}", "cells of every class"))
    mean, scale = _moments(images, labels, codes) if start is None else (start.mean, start.scale)
    rng = np.random.default_rng(settings.seed)
    shell = Segmenter(tuple(codes), mean, scale, {}, settings)
    ready = [shell._standardised(image) for image in images]
    targets = [_targets(label, codes) for label in labels]
    with _alone(torch, settings.seed):
        network = _network(torch, len(mean), len(codes), settings)
        if start is not None:
            _go_on(torch, network, start, tuple(codes))
        # Rare classes weigh by the square root of their share, as `imagery.balance` has it
        weight = torch.from_numpy(
            (np.sqrt(counts.sum() / counts) / np.sqrt(counts.sum() / counts).mean()).astype(np.float32)
        )
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        network.train()
        for _ in range(settings.steps):
            image, target = _pieces(ready, targets, settings, rng)
            scores = network(torch.from_numpy(image))
            loss = torch.nn.functional.cross_entropy(
                scores, torch.from_numpy(target), weight=weight, ignore_index=-1
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        weights = {
            name: kept.detach().numpy().astype(np.float32).copy()
            for name, kept in network.state_dict().items()
            if kept.dtype.is_floating_point
        }
    return Segmenter(tuple(codes), mean, scale, weights, settings)


def _torch() -> Any:
    if not is_available():
        raise InputError(
            Problem("network", "no torch", "the extra network", "pip install 'altdev[network]', or use no network")
        )
    import torch

    return torch


@contextmanager
def _alone(torch: Any, seed: int) -> Iterator[None]:
    """Work on one thread with a seed of its own, and leave torch as it was."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def _network(torch: Any, bands: int, classes: int, settings: SegmentSettings) -> Any:
    """Return the network: two convolutions a level, halved on the way down, doubled and joined on the way up."""
    nn = torch.nn

    def twice(before: int, after: int) -> Any:
        parts: list[Any] = []
        for size in (before, after):
            # Without running means a cell would depend on the piece it was looked at in
            parts += [nn.Conv2d(size, after, 3, padding=1, bias=False), _norm(nn, after), nn.ReLU()]
        return nn.Sequential(*parts)

    sizes = [settings.width * 2**level for level in range(settings.levels + 1)]

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(twice(a, b) for a, b in zip([bands, *sizes[:-1]], sizes, strict=True))
            self.up = nn.ModuleList(twice(b + a, a) for a, b in pairwise(sizes))
            self.head = nn.Conv2d(sizes[0], classes, 1)

        def forward(self, x: Any) -> Any:
            kept = []
            for level, block in enumerate(self.down):
                x = block(x if level == 0 else nn.functional.max_pool2d(x, 2))
                kept.append(x)
            x = kept.pop()
            for block, beside in zip(reversed(self.up), reversed(kept), strict=True):
                x = block(torch.cat([x.repeat_interleave(2, 2).repeat_interleave(2, 3), beside], dim=1))
            return self.head(x)

    return Network()


def _norm(nn: Any, size: int) -> Any:
    return nn.BatchNorm2d(size, track_running_stats=True)


def _go_on(torch: Any, network: Any, start: Segmenter, codes: tuple[int, ...]) -> None:
    own = network.state_dict()
    taken = {
        name: torch.from_numpy(np.array(kept))
        for name, kept in start.weights.items()
        if not name.startswith(_HEAD) or start.codes == codes
    }
    stray = [name for name, kept in taken.items() if name not in own or own[name].shape != kept.shape]
    if stray:
        raise InputError(
            Problem(
                "network",
                f"weights of another build ({stray[0]})",
                "the same bands, width and levels",
                "teach anew",
            )
        )
    network.load_state_dict(taken, strict=False)


def _moments(
    images: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.uint8]], codes: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of each band over the cells that teach."""
    seen = np.concatenate(
        [image[:, np.isin(label, codes)] for image, label in zip(images, labels, strict=True)], axis=1
    )
    scale = seen.std(axis=1, dtype=np.float64)
    return seen.mean(axis=1, dtype=np.float64).astype(np.float32), np.where(scale > 0, scale, 1.0).astype(
        np.float32
    )


def _targets(label: NDArray[np.uint8], codes: Sequence[int]) -> NDArray[np.int64]:
    out = np.full(label.shape, -1, dtype=np.int64)
    for number, code in enumerate(codes):
        out[label == code] = number
    return out


def _pieces(
    images: Sequence[NDArray[np.float32]],
    targets: Sequence[NDArray[np.int64]],
    settings: SegmentSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw pieces: half of them around a cell of any class with equal chance, turned and mirrored at random."""
    side, found = settings.tile, []
    for number in range(settings.batch):
        at = int(rng.integers(len(images)))
        image, target = images[at], targets[at]
        room = [size - side for size in target.shape]
        corner = [int(rng.integers(free + 1)) for free in room]
        if number % 2:
            cells = np.argwhere(target == rng.integers(target.max() + 1))
            if len(cells):
                middle = cells[rng.integers(len(cells))] - rng.integers(side, size=2)
                corner = [int(np.clip(start, 0, free)) for start, free in zip(middle, room, strict=True)]
        part = slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)
        turn, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        piece, truth = np.rot90(image[:, *part], turn, axes=(1, 2)), np.rot90(target[part], turn)
        found.append((piece[:, ::-1], truth[::-1]) if mirrored else (piece, truth))
    return np.ascontiguousarray([piece for piece, _ in found]), np.ascontiguousarray([truth for _, truth in found])
