"""(d) The limit: every file decoded, the model's scores taken and the rasters of the result packed, nothing else.

python -m benchmarks.peers.floor FOLDER OUT decode|score|encode
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rasterio.windows import Window

from benchmarks.peers.common import Task


def main() -> None:
    """Do one of the three."""
    task = Task.from_command_line()
    {"decode": decode, "score": score, "encode": encode}[sys.argv[3]](task)


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


def unpack(task: Task, made: Path) -> None:
    """Leave the rasters of a result unpacked, with their overviews, for `encode`."""
    for path in sorted(made.glob("*.tif")):
        with rasterio.open(path) as source:
            levels, kind = source.overviews(1), "mode" if source.dtypes[0] == "uint8" else "average"
        raw = task.folder / f"raw-{path.name}"
        copy(
            path,
            raw,
            driver="GTiff",
            compress="NONE",
            tiled=True,
            blockxsize=512,
            blockysize=512,
            interleave="band",
        )
        if levels:
            with rasterio.open(raw, "r+") as target:
                target.build_overviews(levels, Resampling[kind])


def encode(task: Task) -> None:
    """Pack the rasters of a result as they are handed out, from unpacked ones."""
    for raw in sorted(task.folder.glob("raw-*.tif")):
        with rasterio.open(raw) as source:
            large = np.dtype(source.dtypes[0]).itemsize > 1
        looks = (
            {"compress": "ZSTD", "predictor": "YES", "level": "1"}
            if large
            else {"compress": "DEFLATE", "level": "5"}
        )
        copy(raw, task.out / raw.name, driver="COG", blocksize=512, num_threads=str(task.jobs), **looks)


if __name__ == "__main__":
    main()
