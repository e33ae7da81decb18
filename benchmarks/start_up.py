"""What a user waits for before anything is made: `altdev --help`, and `altdev check` of surveys of several sizes.

    python -m benchmarks.start_up [turns, 5] [command of altdev, that of this environment]

Writes the examples and a small survey of one layer of units into a temporary folder, asks each command once so
that files and compiled modules are in memory, and prints the medians of the turns: until the first line
stands at a terminal, until all is told, and of the processor. Seconds mean something on an otherwise idle machine
only.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.start import write_project

__all__ = ["first_line_s", "main", "measured", "surveys"]

EXAMPLES = ("andes-coca", "helmand-poppy", "rif-cannabis")
SMALL = """
[survey]
name = "small"
title = "A small survey"
country = "ZZZ"
crops = ["coca"]
seed = 1

[area]
admin = "{inputs}/admin.gpkg"
admin_code = "adm_code"
admin_name = "adm_name"
resolution_m = 10

[[period]]
name = "2024"
role = "current"
start = 2024-01-01
end = 2024-12-31
reference_date = 2024-12-31

[imagery]
catalog = "{inputs}/stac/catalog.json"
sensor = "sentinel-2-l2a"
profile = "andes-coca"

[training]
samples = "{inputs}/training.gpkg"

[reference]
labels = "labels.csv"
"""
"""A survey file that names no more than it must: units, one year of images, samples."""


def surveys(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write surveys into a folder and yield what each is and its file."""
    paths = {name: write_project(folder / name, example=name, seed=1) for name in EXAMPLES}
    small, mistaken = folder / "small.toml", folder / "mistaken.toml"
    text = SMALL.format(inputs=paths["andes-coca"].parent / "inputs")
    small.write_text(text, encoding="utf-8")
    mistaken.write_text(SMALL.format(inputs="nowhere").replace("= 10\n", '= "ten"\n'), encoding="utf-8")
    yield "a survey file with a mistake, its inputs not there", mistaken
    yield "a survey of units, one year of images and samples", small
    for name, path in paths.items():
        yield f"the example `{name}`", path


def measured(command: Sequence[str], turns: int) -> tuple[float, float]:
    """Return the medians of the seconds of the clock and of the processor that a command takes."""
    surroundings = _surroundings()
    told = []
    for _ in range(turns + 1):
        began = time.perf_counter()
        child = subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(child.pid, 0)
        told.append((time.perf_counter() - began, usage.ru_utime + usage.ru_stime))
    clock, processor = zip(*told[1:], strict=True)
    return statistics.median(clock), statistics.median(processor)


def first_line_s(command: Sequence[str], turns: int) -> float:
    """Return the median of the seconds until a command has written something to a terminal."""
    told = []
    for _ in range(turns + 1):
        ours, theirs = pty.openpty()
        began = time.perf_counter()
        with subprocess.Popen(command, env=_surroundings(), stdout=theirs, stderr=theirs):
            os.close(theirs)
            os.read(ours, 1)
            told.append(time.perf_counter() - began)
            _read_out(ours)
        os.close(ours)
    return statistics.median(told[1:])


def _read_out(terminal: int) -> None:
    """Read until the other side is closed, which a terminal tells as an error."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        return


def _surroundings() -> dict[str, str]:
    """Return the environment as after an installation, which compiles modules once and for all."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main(arguments: Sequence[str]) -> None:
    """Print a table of what each command takes."""
    turns = int(arguments[0]) if arguments else 5
    altdev = arguments[1] if len(arguments) > 1 else str(Path(sys.executable).with_name("altdev"))
    print("| command | first line at a terminal | seconds | seconds of the processor |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        commands = [("`--help`", [altdev, "--help"])]
        commands += [(f"`check` of {told}", [altdev, "check", str(path)]) for told, path in surveys(Path(folder))]
        for name, command in commands:
            clock, processor = measured(command, turns)
            first = first_line_s(command, turns)
            print(f"| {name} | {first:.2f} | {clock:.2f} | {processor:.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
