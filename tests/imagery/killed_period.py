"""One period of a small world, written block by block by a program that dies: run by `tests.imagery.test_resume`.

``python -m tests.imagery.killed_period CATALOG FOLDER`` forks a process for each attempt, which writes the imagery
of 2023 with nine blocks of 16 cells and kills itself by SIGKILL as a certain block is moved into place. It prints,
for one and for two threads, what was finished after each attempt, and what the last one, left alone, still made.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from geo.files import sha256
from geo.journal import BlockJournal
from geo.runner import Runner
from imagery.prepare import PrepareOptions, write_period
from tests.imagery.test_classify import CORNER, PROFILE, SIZE
from tests.imagery.world import PERIODS, SENSOR, grid, scenes_of

ATTEMPTS = {1: (3, 1, 2), 2: (4, 2)}
"""Threads to the block, counted from the start of each attempt, at which it dies."""


def write(catalog: Path, folder: Path, jobs: int) -> dict[str, int]:
    """Write the period and tell how many blocks were made, and how many were there."""
    start, end = PERIODS["2023"]
    geobox = grid(SIZE, SIZE)
    runner = Runner(jobs=jobs, journal=BlockJournal(folder / "journal"))
    write_period(
        [scene for scene in scenes_of(catalog, geobox) if start <= scene.day <= end],
        geobox=geobox,
        sensor=SENSOR,
        profile=PROFILE,
        options=PrepareOptions(start=start, end=end, min_valid=2, cloud_buffer_m=40, block_size=16),
        inside=CORNER,
        folder=folder / "out",
        jobs=jobs,
        runner=runner,
    )
    return {"made": len(runner.made), "kept": runner.kept}


def attempt(catalog: Path, folder: Path, jobs: int, kill: int) -> tuple[int, dict[str, int]]:
    """Write the period in a process that dies at a block (0: never); return its signal and what it told."""
    told = folder / "told.json"
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), (
            json.loads(told.read_text()) if told.is_file() else {}
        )
    finished = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal finished
        if event == "os.rename" and str(arguments[1]).endswith(".block"):
            finished += 1
            if finished == kill:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    told.write_text(json.dumps(write(catalog, folder, jobs)))
    os._exit(0)


def main(catalog: Path, folder: Path) -> dict[str, Any]:
    """Return what became of every attempt."""
    found = {}
    for jobs, kills in ATTEMPTS.items():
        place = folder / str(jobs)
        (place / "out").mkdir(parents=True)
        journal = BlockJournal(place / "journal")
        rows = []
        for kill in kills:
            code, _ = attempt(catalog, place, jobs, kill)
            whole = [key for key in set(journal.keys()) if journal.read(key) is not None]
            rows.append({"signal": code, "finished": len(whole), "final": sorted(outputs(place))})
        code, told = attempt(catalog, place, jobs, 0)
        found[jobs] = {"killed": rows, "last": told | {"signal": code}, "files": outputs(place)}
    return found


def outputs(place: Path) -> dict[str, str]:
    """Return the hash of every raster under a final name."""
    return {path.name: sha256(path) for path in (place / "out").glob("[!.]*.tif")}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
