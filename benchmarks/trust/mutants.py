"""Change one thing in a module, run the tests that reach it, and count how often they notice.

``python -m benchmarks.trust.mutants [N] [--seed S] [--again] [PACKAGE...]`` draws N places (150 when none is
named) of each of estimators, disclosure and harms, stratified by module, and changes one at a time. The package's
own tests (the mirrored ones and its doctests, without the slow ones) are collected once; for each mutant a forked
process runs those that reach the changed line, the fastest first, until one fails or takes too long: then it is
killed. A survivor is named with its line. A change that no test can tell from the module stands in
``equivalent.toml`` with the reason, and is counted apart. Ends with 1 where less than 85 % of the others are
killed. ``--again`` draws nothing: it tries the survivors that are kept, on the code and tests of today, and adds
to each what became of it; the share as first tried stays.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import signal
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.trust.lines import PACKAGES, PLAIN, TESTS
from benchmarks.trust.mutation import Place, mutated, places
from benchmarks.trust.reach import Reach, reach
from benchmarks.trust.results import load, save, told_again
from benchmarks.trust.warm import (
    ROOT,
    Suite,
    first_failure_anew,
    forked,
    functions_below,
    limit_processor,
    replace_functions,
    with_tests,
)

__all__ = ["EQUIVALENT", "LEAST", "Mutant", "equivalent", "main", "mutants_of", "sampled"]

LEAST = 85
"""Per cent of mutants that the tests must kill."""
SEED = 4
"""Seed of the sample that is drawn unless another is asked for."""
LONGEST_S, MOST_S = 4.0, 30.0
"""Processor time that a test, and all tests of a mutant, may take: what survives may be noticed by slower ones."""
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Mutant:
    """A module with one thing changed, named so that the name holds when lines move."""

    module: str
    text: str
    """The line, without the space before it."""
    change: str
    nth: int
    """Which of the same changes of the same text it is, from 1."""
    place: Place

    @property
    def name(self) -> tuple[str, str, str, int]:
        """What it is known by."""
        return self.module, self.text, self.change, self.nth

    @property
    def told(self) -> str:
        """What it is, for a reader."""
        return told_again(_row(self))


def modules(package: str) -> list[str]:
    """Return the modules of a package, by path."""
    found = sorted((ROOT / package).rglob("*.py"))
    return [path.relative_to(ROOT).as_posix() for path in found]


def mutants_of(module: str) -> list[Mutant]:
    """Return every mutant of a module, in order."""
    source = (ROOT / module).read_text(encoding="utf-8")
    text = source.splitlines()
    seen: dict[tuple[str, str], int] = {}
    found = []
    for place in places(ast.parse(source)):
        line = text[place.line - 1].strip()
        seen[line, place.change] = nth = seen.get((line, place.change), 0) + 1
        found.append(Mutant(module, line, place.change, nth, place))
    return found


def equivalent() -> dict[tuple[str, str, str, int], str]:
    """Return the mutants that no test can tell from the module, and why."""
    rows = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(row["module"], row["line"], row["change"], row.get("nth", 1)): row["why"] for row in rows}


def sampled(package: str, number: int, seed: int) -> list[Mutant]:
    """Draw mutants of a package: each module its share by places, drawn at random in it, none twice."""
    every = {module: mutants_of(module) for module in modules(package)}
    for module, those in every.items():
        random.Random(f"{seed} {module}").shuffle(those)
    total = sum(map(len, every.values()))
    # order by the share of a module that is drawn already: any first part of it is stratified too
    offset = random.Random(f"{seed} {package}")
    ranked = [
        ((at + offset.random()) / len(those), mutant) for those in every.values() for at, mutant in enumerate(those)
    ]
    ranked.sort(key=lambda pair: (pair[0], pair[1].module))
    return sorted(
        (mutant for _, mutant in ranked[: min(number, total)]), key=lambda one: (one.module, one.place.number)
    )


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    killed_by: str
    """The test that noticed, ``time`` or a signal; none for a survivor."""
    tests: int
    """How many could be tried."""
    seconds: float


class Runner:
    """Tries mutants of a package on its collected tests."""

    def __init__(self, package: str, suite: Suite) -> None:
        self._suite = suite
        self._reach = reach(package, suite)
        self._functions = functions_below(ROOT / package)

    def tests_of(self, mutant: Mutant) -> list[tuple[str, float]]:
        """Return the tests that reach a mutant's statement, the fastest first, with the time each may take."""
        place = mutant.place
        wanted = set(range(place.first, place.last + 1))

        def reaches(one: Reach) -> bool:
            lines = one.lines.get(mutant.module, frozenset())
            return bool(lines & wanted) if place.inside else bool(lines)

        found = [(one.seconds, name) for name, one in self._reach.items() if reaches(one)]
        chosen, total = [], 0.0
        for seconds, name in sorted(found):
            total += seconds
            if seconds <= LONGEST_S and total <= MOST_S:
                chosen.append((name, 2 + 10 * seconds))
        return chosen

    def tried(self, mutant: Mutant) -> Verdict:
        """Run the tests of a mutant on it."""
        started = time.monotonic()
        names = self.tests_of(mutant)
        source = (ROOT / mutant.module).read_text(encoding="utf-8")
        path = ROOT / mutant.module
        code = compile(mutated(source, mutant.place.number), str(path), "exec", dont_inherit=True)

        def work() -> str:
            if mutant.place.inside:
                limit_processor(10)
                if replace_functions(self._functions, code):
                    return self._suite.first_failure(names)
            return first_failure_anew(mutant.module, code, names)

        ended = forked(work) if names else None
        killer = ended.answer if ended else ""
        if ended and ended.signal:
            killer = "time" if ended.signal in (signal.SIGXCPU, signal.SIGKILL) else f"signal {ended.signal}"
        return Verdict(killer, len(names), time.monotonic() - started)


def tried(package: str, number: int, seed: int) -> Mapping[str, Any]:
    """Try a sample of a package's mutants; return the counts and the survivors."""
    known = equivalent()
    sample = sampled(package, number, seed)
    rows: list[tuple[Mutant, Verdict]] = []

    def work(suite: Suite) -> None:
        runner = Runner(package, suite)
        for mutant in sample:
            if mutant.name in known:
                continue
            verdict = runner.tried(mutant)
            rows.append((mutant, verdict))
            if not verdict.killed_by:
                _say(f"survived {verdict.tests} tests: {mutant.told} (nth {mutant.nth})")
            _log(package, seed, mutant, verdict)

    with_tests([*TESTS[package], package], work)
    survivors = [mutant for mutant, verdict in rows if not verdict.killed_by]
    return {
        "modules": len(modules(package)),
        "places": sum(len(mutants_of(module)) for module in modules(package)),
        "tried": len(sample),
        "equivalent": len(sample) - len(rows),
        "killed": len(rows) - len(survivors),
        "killed by time": sum(verdict.killed_by == "time" for _, verdict in rows),
        "survivors": [{**_row(mutant), "now": "open"} for mutant in survivors],
    }


def _row(mutant: Mutant) -> dict[str, Any]:
    """Return a mutant's name as it is kept, with the line it stood in."""
    row = dict(zip(("module", "line", "change", "nth"), mutant.name, strict=True))
    return {**row, "at": mutant.place.line}


def tried_again(package: str, survivors: Sequence[dict[str, Any]]) -> None:
    """Say of each survivor what becomes of it today: a test that kills it, a reason, that it is gone, or open."""
    known = equivalent()
    today = {mutant.name: mutant for module in modules(package) for mutant in mutants_of(module)}

    def work(suite: Suite) -> None:
        runner = Runner(package, suite)
        for row in survivors:
            name = row["module"], row["line"], row["change"], row["nth"]
            if name not in today:
                row["now"] = "gone"
            elif name in known:
                row["now"] = f"equivalent: {known[name]}"
            else:
                row["at"] = today[name].place.line
                row["now"] = runner.tried(today[name]).killed_by or "open"
            _say(f"{told_again(row)}: {row['now']}")

    with_tests([*TESTS[package], package], work)


def _say(text: str) -> None:
    print(text, flush=True)


def _log(package: str, seed: int, mutant: Mutant, verdict: Verdict) -> None:
    path = ROOT / "build" / "mutants" / f"{package.replace('/', '-')}-{seed}.jsonl"
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps({**asdict(mutant), **asdict(verdict)}) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Try samples of the packages named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust.mutants")
    parser.add_argument("number", nargs="?", type=int, default=150, help="mutants of each package")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(PACKAGES))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--again", action="store_true", help="try the survivors that are kept")
    given = parser.parse_intermixed_args(arguments)
    os.environ.update(PLAIN)
    low = 0
    for package in given.packages or PACKAGES:
        if given.again:
            figures = load("mutants")
            tried_again(package, [row for seed in figures.get(package, {}).values() for row in seed["survivors"]])
            save("mutants", figures, f"survivors of {package}")
            continue
        row = tried(package, given.number, given.seed)
        figures = load("mutants")
        figures.setdefault(package, {})[str(given.seed)] = row
        save("mutants", figures, f"{package} {given.seed}")
        told = row["tried"] - row["equivalent"]
        share = 100 * row["killed"] / max(told, 1)
        _say(f"{package}: {row['killed']} of {told} killed ({share:.1f} %), {row['equivalent']} equivalent")
        low += share < LEAST
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
