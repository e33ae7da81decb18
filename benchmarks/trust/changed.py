"""Change a run after it was published, and count what `altdev verify` finds.

``python -m benchmarks.trust.changed [N] [--forge PATTERN...] [--words] [--tiers]`` flips N bytes (3 when none is
named) of every file of a run, one at a time. Then it forges, one at a time, a number of every column of each table,
of six keys of each JSON text, of every sheet, page, report and layer (see `benchmarks.trust.forgery`), and makes
hashes, manifest and run card fit, so that nothing but a recomputation can tell. With ``--words`` a word of every
column of the tables that holds words is forged instead: it becomes that of another row. With ``--tiers`` the run is
released at tiers 1 and 2 first, and what is forged is of those: tables and products, with the record of their
release, whose signature goes. The run is that of the kills. Forgeries are counted by file, so that patterns make
slices of them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.trust import kills
from benchmarks.trust.forgery import fit, forgeries, restored
from benchmarks.trust.results import load, save
from geo.errors import AltdevError
from monitor.manifest import MANIFEST, read_manifest
from monitor.program import program_version
from monitor.run_card import require_run_card
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


def forged(
    source: Path, run: Path, patterns: list[str], chance: random.Random, *, words: bool = False
) -> Iterator[tuple[str, str, bool]]:
    """Yield the file of each number, or word, that was forged, what it was, and whether it was found."""
    manifest = read_manifest(run)
    assert manifest is not None
    every = sorted(name for step in manifest.steps.values() for name in step.outputs)
    held = [name for name in every if not name.endswith(".tif") or any(fnmatchcase(name, one) for one in RASTERS)]
    names = [name for name in held if any(fnmatchcase(name, pattern) for pattern in patterns)]
    # Products are read after all tables: verification is brought there once, past its look at the hashes, and goes
    # on in a child for each forgery, so that the tables need not be made again for every one
    before = verify_run(run)
    for line in before:
        if LAST_OF_TABLES.match(line):
            break
    for one in forgeries(source, names, chance, words=words):
        is_field = one.file.startswith(f"{PRODUCTS}0/")
        one.make(run / one.file)
        if not is_field:
            fit(run, manifest, one.file)
        yield one.file, one.what, _is_refused(before if is_field else verify_run(run))
        restored(run, source, one.file)


RASTERS = ("class_map/[0-9]*.tif", "frame/strata.tif", "products/*.tif")
"""Rasters that figures can be made again from; the others come of images and layers, and hold no figure."""
PRODUCTS = "products/"
LAST_OF_TABLES = re.compile(r"\d+ accuracies and cells of the error matrix recomputed")
"""What verification says last before it reads products."""


def _is_refused(lines: Iterator[str]) -> bool:
    """Verify in a process of its own; say whether the run was refused."""
    started = os.fork()
    if started == 0:
        code = 2
        try:
            for _ in lines:
                pass
            code = 0
        except AltdevError:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(started, 0)[1]) == 1


def released(folder: Path) -> Path:
    """Return a run that was released at tiers 1 and 2; it is made once by each program, with its key beside it."""
    from tests.monitor.test_tiers import release

    survey, done = folder / "survey", folder / "done"
    if not done.is_file() or done.read_text() != program_version():
        shutil.rmtree(folder, ignore_errors=True)
        kills.write_survey(survey, SIZE)
        kills.survey(survey)
        release(survey)
        done.write_text(program_version())
    return survey / "run"


SIZE = 200
"""Cells on a side of the landscape whose figures are released: fewer hold too few fields."""
OF_TIERS = ["disclosure/*", "products/[12]/*"]
"""What is forged of a run that was released."""


def main(arguments: list[str]) -> int:
    """Count both, and fail where anything was not found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust.changed")
    parser.add_argument("number", nargs="?", type=int, default=3, help="bytes of each file")
    parser.add_argument("--forge", nargs="*", metavar="PATTERN", help="files to forge; all when left out")
    parser.add_argument("--words", action="store_true", help="forge words of tables instead of numbers")
    parser.add_argument("--tiers", action="store_true", help="forge what was released at tiers 1 and 2")
    given = parser.parse_args(arguments)
    kills.WORK.mkdir(parents=True, exist_ok=True)
    kills.prepare()
    source, run, chance = kills.WORK / "undisturbed", kills.WORK / "changed", random.Random(1)
    if given.tiers:
        source = released(kills.WORK / "released")
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(source, run, ignore=shutil.ignore_patterns(".lock", ".blocks"))
    figures = load("changed")
    told = figures.get("counts", {})
    if given.number:
        told = flipped(run, given.number, chance)
        save("changed", figures | {"counts": told}, "bytes")
    kind = "words" if given.words else "forged"
    files = figures.get(kind, {})
    counted: dict[str, dict[str, Any]] = {}
    for name, what, found in forged(
        source, run, given.forge or (OF_TIERS if given.tiers else ["*"]), chance, words=given.words
    ):
        row = counted.setdefault(name, {"forged": 0, "found": 0, "missed": []})
        row["forged"] += 1
        row["found"] += found
        row["missed"] += [] if found else [what]
        if not found:
            sys.stdout.write(f"not found: {name} {what}\n")
            sys.stdout.flush()
        files[name] = row
        save("changed", load("changed") | {kind: files}, kind, added=True)
    sys.stdout.write(
        f"{sum(r['found'] for r in counted.values())} of {sum(r['forged'] for r in counted.values())}\n"
    )
    lost = told.get("bytes changed", 0) - told.get("of the bytes found, by name of the file", 0)
    return int(lost > 0 or any(row["missed"] for row in counted.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
