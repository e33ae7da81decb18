"""Change a run after it was published, and count what `altdev verify` finds.

``python -m benchmarks.trust.changed [N] [--forged N]`` flips N bytes (3 when none is named) of every file of a run,
one at a time. Then it forges: in N tables of figures (all, unless told) it moves one number by a hundredth and
makes hashes, manifest and run card fit, so that nothing but the recomputed figure can tell. The run is that of the
kills.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.trust import kills
from benchmarks.trust.results import save
from geo.errors import AltdevError
from monitor.manifest import MANIFEST, FileRecord, Manifest, read_manifest
from monitor.run_card import RUN_CARD, require_run_card, run_card
from monitor.stamp import COLUMN, content_sha256, is_stamped
from monitor.verify import verify_run

__all__ = ["flipped", "forged", "main"]


def flipped(run: Path, number: int, chance: random.Random) -> dict[str, int]:
    """Return how many bytes were changed, and how many of them were found with the name of their file."""
    told = {
        "files in which bytes were changed": 0,
        "bytes changed": 0,
        "of the bytes found, by name of the file": 0,
    }
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run)
        data = path.read_bytes()
        if name.parts[0].startswith(".") or not data:
            continue
        told["files in which bytes were changed"] += 1
        for _ in range(number):
            place = chance.randrange(len(data))
            path.write_bytes(data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :])
            told["bytes changed"] += 1
            told["of the bytes found, by name of the file"] += _is_found(run, str(name))
        path.write_bytes(data)
    return told


def _is_found(run: Path, name: str) -> bool:
    try:
        next(iter(verify_run(run)))  # hashes of all files, which is the first thing it says
        manifest = read_manifest(run)
        assert manifest is not None
        require_run_card(run, manifest)
    except AltdevError as error:
        return name in str(error) or name == MANIFEST  # the card is told as the one that does not fit it
    return False


def forged(run: Path, number: int | None, chance: random.Random) -> tuple[dict[str, int], list[str]]:
    """Return how many tables were forged and found, and those that were not."""
    manifest = read_manifest(run)
    assert manifest is not None
    tables = [name for step in manifest.steps.values() for name in step.outputs if is_stamped(name)]
    numeric = [name for name in sorted(tables) if _cells(run / name)]
    chosen = numeric if number is None else sorted(chance.sample(numeric, min(number, len(numeric))))
    missed = []
    for name in chosen:
        data, card = (run / name).read_bytes(), (run / RUN_CARD).read_bytes()
        row, column = chance.choice(_cells(run / name))
        _forge(run, manifest, name, row, column)
        try:
            list(verify_run(run))
            missed.append(f"{name} {_title(data, column)}")
        except AltdevError:
            pass
        (run / name).write_bytes(data)
        (run / RUN_CARD).write_bytes(card)
        (run / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    found = {
        "tables of figures forged with hashes made to fit": len(chosen),
        "of the tables found": len(chosen) - len(missed),
    }
    return found, missed


def _rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


def _cells(path: Path) -> list[tuple[int, int]]:
    """Return the cells of a table that hold a number with decimals that is not zero."""
    return [
        (number, column)
        for number, row in enumerate(_rows(path))
        for column, cell in enumerate(row)
        if number and "." in cell and _number(cell)
    ]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return 0.0


def _title(data: bytes, column: int) -> str:
    return next(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))[column]


def _forge(run: Path, manifest: Manifest, name: str, row: int, column: int) -> None:
    """Move a number by a hundredth, and let all that vouches for the table fit it."""
    rows = _rows(run / name)
    rows[row][column] = f"{_number(rows[row][column]) * 1.01:.9g}"
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    (run / name).write_bytes(buffer.getvalue().encode("utf-8"))
    assert rows[0][-1] == COLUMN
    record = replace(FileRecord.of(run / name), content=content_sha256(run / name))
    steps = {
        step: replace(told, outputs={**told.outputs, name: record}) if name in told.outputs else told
        for step, told in manifest.steps.items()
    }
    forgery = replace(manifest, steps=steps)
    text = forgery.to_json()
    (run / RUN_CARD).write_text(run_card(run, forgery, text.encode("utf-8")), encoding="utf-8")
    (run / MANIFEST).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Count both, and fail where anything was not found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust.changed")
    parser.add_argument("number", nargs="?", type=int, default=3, help="bytes of each file")
    parser.add_argument("--forged", type=int, help="tables")
    given = parser.parse_args(arguments)
    kills.WORK.mkdir(parents=True, exist_ok=True)
    kills.prepare()
    run, chance = kills.WORK / "changed", random.Random(1)
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(kills.WORK / "undisturbed", run, ignore=shutil.ignore_patterns(".lock"))
    told = flipped(run, given.number, chance)
    more, missed = forged(run, given.forged, chance)
    told |= more
    save("changed", {"counts": told, "missed": missed})
    sys.stdout.write(json.dumps(told | {"missed": missed}, indent=1) + "\n")
    return int(told["bytes changed"] > told["of the bytes found, by name of the file"] or bool(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
