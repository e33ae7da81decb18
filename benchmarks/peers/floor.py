"""(d) The limit: every file decoded and the model's scores taken, nothing else.

python -m benchmarks.peers.floor FOLDER OUT decode|score
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks.peers.common import Task


def main() -> None:
    """Do one of the two."""
    task = Task.from_command_line()
    {"decode": decode, "score": score}[sys.argv[3]](task)


def decode(task: Task) -> None:
    """Decode all tiles of all files, each file opened once, threads over files."""
    paths = [task.path(day, band) for day in task.days for band in (*task.bands, "SCL")]
    with ThreadPoolExecutor(task.jobs) as pool:
        list(pool.map(_decode, paths))


def _decode(path: object) -> None:
    with rasterio.open(path) as source:
        height, width = source.block_shapes[0]
        for row in range(0, source.height, height):
            for col in range(0, source.width, width):
                window = Window(col, row, min(width, source.width - col), min(height, source.height - row))
                source.read(1, window=window)


def score(task: Task) -> None:
    """Score as many cells as the task has, from features that stand in memory."""
    from imagery.trees import tree_bank

    bank = tree_bank(Path(task.model_path).read_text(encoding="utf-8"))
    planes = np.load(task.folder / "planes.npy")
    turns = -(-task.told["cells"] // planes.shape[1])
    with ThreadPoolExecutor(task.jobs) as pool:
        list(pool.map(lambda _: bank.scores(planes), range(turns)))


if __name__ == "__main__":
    main()
