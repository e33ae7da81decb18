"""(c) Orfeo ToolBox at the step it shares: the classification of a ready image of features.

Orfeo's random forest (100 trees) by ``otbcli_ImageClassifier``, against altdev's sweep over LightGBM's 800 trees of
31 leaves on the same file with the same features: another model, so the maps are not compared. Both read the file,
classify its cells and write the class map. Debian's package is ``otb-bin``.

    python -m benchmarks.otb [--side 1024] [--turns 3]
"""

from __future__ import annotations

import argparse
import csv
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.end_to_end import make_task, timed
from benchmarks.season import class_of
from geo.blocks import Block, blocks
from imagery.model import TrainedModel
from imagery.observe import Observer, PeriodScenes

TAUGHT = 4000


def prepare(folder: Path, side: int) -> int:
    """Write the features of a season as one image and a sample of them as a table; return how many there are."""
    season = make_task(folder, side)
    model = TrainedModel.load(folder / "model")
    observer = Observer(
        geobox=season.geobox,
        sensor=model.sensor,
        spec=model.spec,
        profile=model.profile,
        min_valid=0,
        cloud_buffer_m=0.0,
    )
    period = PeriodScenes(scenes=season.scenes, start=season.days[0], end=season.days[-1])
    profile = {
        "driver": "GTiff",
        "height": side,
        "width": side,
        "count": len(model.spec.names),
        "dtype": "float32",
        "crs": str(season.geobox.crs),
        "transform": season.geobox.transform,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "interleave": "band",
    }
    with rasterio.open(folder / "features.tif", "w", **profile) as out:
        for block in blocks((side, side)):
            planes, _ = observer.features(period, block, np.ones((block.height, block.width), dtype=bool))
            window = rasterio.windows.Window(block.col, block.row, block.width, block.height)
            cells = np.nan_to_num(planes.reshape(-1, block.height, block.width), nan=-1.0)
            out.write(cells, window=window)
            if block == Block(0, 0, block.height, block.width):
                _write_table(folder / "taught.csv", cells, class_of(block))
    return len(model.spec.names)


def _write_table(path: Path, cells: np.ndarray, code: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    place = rng.choice(code.size, TAUGHT, replace=False)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        # Without the kinds of its columns a table is text to Orfeo, and has no field to learn from
        path.with_suffix(".csvt").write_text(",".join(["Real"] * len(cells) + ["Integer"]))
        writer.writerow([*(f"f{number}" for number in range(len(cells))), "code"])
        writer.writerows(
            [*row.tolist(), int(label)]
            for row, label in zip(cells.reshape(len(cells), -1)[:, place].T, code.ravel()[place], strict=True)
        )


def classify(folder: Path) -> None:
    """Classify the image with the model's trees, block by block in two threads."""
    from geo.blocks import map_blocks
    from geo.cog import CogWriter
    from geo.raster import geobox_of, open_on_grid
    from imagery.trees import tree_bank

    grid = geobox_of(folder / "features.tif")
    bank = tree_bank((folder / "model" / "boosted_trees.txt").read_text())
    shape = (grid.shape[0], grid.shape[1])
    with (
        open_on_grid(folder / "features.tif", grid) as reader,
        CogWriter(folder / "ours.tif", grid, dtype="uint8") as out,
    ):
        bands = list(range(1, reader.dataset.count + 1))

        def codes(block: Block) -> np.ndarray:
            planes = reader.read(block, bands)
            scores = bank.scores(planes.reshape(len(planes), -1))
            return (scores.argmax(axis=0) + 1).astype(np.uint8).reshape(block.height, block.width)

        for block, cells in map_blocks(codes, shape, jobs=2):
            out.write(block, cells)


def main() -> None:
    """Train Orfeo's forest, classify by both in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files stand or go; kept")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inner:
        classify(arguments.folder)
        return
    program = shutil.which("otbcli_ImageClassifier")
    if program is None:
        raise SystemExit("Orfeo ToolBox is not installed (Debian: apt-get install otb-bin)")
    with tempfile.TemporaryDirectory(prefix="altdev-bench-") as scratch:
        folder = arguments.folder or Path(scratch)
        names = [f"f{number}" for number in range(prepare(folder, arguments.side))]
        forest, table = str(folder / "forest.txt"), str(folder / "taught.csv")
        forest_settings = ["-classifier", "rf", "-classifier.rf.max", "25", "-classifier.rf.nbtrees", "100"]
        # By default it stops at the few trees that err in less than a hundredth of what it learnt from
        forest_settings += ["-classifier.rf.acc", "0.000001"]
        given = ["-io.vd", table, "-io.out", forest, "-feat", *names, "-cfield", "code"]
        timed(["otbcli_TrainVectorClassifier", *given, *forest_settings])
        threads = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2"}
        orfeo = [
            program,
            "-in",
            str(folder / "features.tif"),
            "-model",
            forest,
            "-out",
            str(folder / "otb.tif"),
            "uint8",
        ]
        ours = [sys.executable, "-m", "benchmarks.otb", "--inner", "--folder", str(folder)]
        timed(ours)
        runs = {"altdev": [], "Orfeo ToolBox": []}
        for _ in range(arguments.turns):
            runs["altdev"].append(timed(ours))
            runs["Orfeo ToolBox"].append(timed(orfeo, threads))
    print("| classification of an image of features | wall s | CPU s | peak MiB |")
    print("|---|---|---|---|")
    for name, found in runs.items():
        wall, cpu, peak = (
            statistics.median(getattr(run, part) for run in found) for part in ("wall_s", "cpu_s", "peak_mib")
        )
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:,.0f} |")


if __name__ == "__main__":
    main()
