"""What was measured, kept as JSON, and the page that is made of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from geo.files import write_text

__all__ = ["FOLDER", "PAGE", "VARIABLE", "load", "page", "save"]

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "ALTDEV_TRUST_RESULTS"
"""Environment variable that names another folder for what is measured, and for the page, of a trial."""
FOLDER = Path(os.environ.get(VARIABLE) or ROOT / "benchmarks" / "results" / "trust")
PAGE = FOLDER / "reliability.md" if os.environ.get(VARIABLE) else ROOT / "docs" / "reliability.md"

_HEAD = """# Reliability

Counts, made by the commands named; `make trust` runs them all. Each command adds what it measures to
`benchmarks/results/trust/` and writes this page again, so that long ones can be run in slices. The tests
hold the page to those files. What a count does not say stands beside it.
"""


def load(name: str) -> dict[str, Any]:
    """Return what was measured before; empty when nothing was."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save(name: str, figures: Mapping[str, Any]) -> None:
    """Keep figures, and write the page again."""
    write_text(FOLDER / f"{name}.json", json.dumps(figures, indent=1, sort_keys=True) + "\n")
    write_text(PAGE, page())


def page() -> str:
    """Return the page as the kept figures make it."""
    parts = [_HEAD]
    for title, command, words, tell in _SECTIONS:
        name = command.split()[0]
        figures = load(name)
        lines = tell(figures) if figures else ["Not measured yet."]
        parts.append(f"## {title}\n\n`python -m benchmarks.trust.{command}` {words}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _kills(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| counted | number |", "|---|---|"]
    rows += [f"| {key} | {value:,} |" for key, value in figures["counts"].items()]
    told = [f"- {name}: {text}" for name, text in sorted(figures.get("cases", {}).items())]
    return [*rows, "", *told]


def _fuzz(figures: Mapping[str, Any]) -> list[str]:
    rows = [
        "| reader | cases | read | refused | tracebacks | hangs | deaths | slowest, s | most memory, MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    keys = ("cases", "read", "refused", "tracebacks", "hangs", "deaths")
    for name, row in sorted(figures["readers"].items()):
        counts = " | ".join(f"{row[key]:,}" for key in keys)
        rows.append(f"| {name} | {counts} | {row['slowest_s']:.1f} | {row['most_mib']:,.0f} |")
    every = figures["readers"].values()
    totals = " | ".join(f"{sum(row[key] for row in every):,}" for key in keys)
    slowest, most = max(row["slowest_s"] for row in every), max(row["most_mib"] for row in every)
    return [*rows, f"| all | {totals} | {slowest:.1f} | {most:,.0f} |"]


def _guided(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| reader | cases | kept, since they ran new lines | tracebacks | hangs | deaths |", f"|{'---|' * 6}"]
    keys = ("cases", "kept", "tracebacks", "hangs", "deaths")
    for name, row in sorted(figures["readers"].items()):
        rows.append(f"| {name} | {' | '.join(f'{row[key]:,}' for key in keys)} |")
    every = figures["readers"].values()
    return [*rows, f"| all | {' | '.join(f'{sum(row[key] for row in every):,}' for key in keys)} |"]


def _changed(figures: Mapping[str, Any]) -> list[str]:
    files = figures.get("forged", {})
    counts = dict(figures["counts"])
    for kind, is_product in (("tables and layers", False), ("products", True)):
        rows = [row for name, row in files.items() if name.startswith("products/") == is_product]
        counts[f"files of {kind} in which numbers were forged, hashes made to fit"] = len(rows)
        counts[f"numbers of {kind} forged"] = sum(row["forged"] for row in rows)
        counts[f"of the numbers of {kind} found"] = sum(row["found"] for row in rows)
    left = [f"- `{name} {what}`" for name, row in sorted(files.items()) for what in row["missed"]]
    return [*_counts(counts), *(["", "Not found:", "", *left] if left else [])]


def _mutants(figures: Mapping[str, Any]) -> list[str]:
    rows = [
        "| package | seed | places | modules | tried | equivalent | killed | by time | survived | killed, % |",
        f"|{'---|' * 10}",
    ]
    keys = ("tried", "equivalent", "killed", "killed by time")
    samples = [(name, seed, row) for name, seeds in sorted(figures.items()) for seed, row in sorted(seeds.items())]
    for seed in sorted({seed for _, seed, _ in samples}):
        some = [row for _, one, row in samples if one == seed]
        rows += [
            f"| {name} | {seed} | {row['places']:,} | {row['modules']} | {_killed(row)} |"
            for name, one, row in samples
            if one == seed
        ]
        total = {key: sum(row[key] for row in some) for key in keys}
        rows.append(f"| all | {seed} | | | {_killed(total)} |")
    left = [f"- `{told.replace('`', '')}`" for _, _, row in samples for told in row["survivors"]]
    words = "Survivors, each a change that no test of the package noticed:"
    return [*rows, "", words, "", *(sorted(set(left)) or ["none"])]


def _killed(row: Mapping[str, Any]) -> str:
    told = row["tried"] - row["equivalent"]
    counts = (row["tried"], row["equivalent"], row["killed"], row["killed by time"], told - row["killed"])
    return " | ".join(f"{count:,}" for count in counts) + f" | {100 * row['killed'] / max(told, 1):.1f}"


def _lines(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| package | lines | run by a test | % |", "|---|---|---|---|"]
    for name, row in sorted(figures["packages"].items()):
        rows.append(f"| {name} | {row['lines']:,} | {row['run']:,} | {100 * row['run'] / row['lines']:.1f} |")
    return rows


def _numbers(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| where | outputs | same bytes | figures | largest relative difference |", f"|{'---|' * 5}"]
    for name, row in sorted(figures.items()):
        if "failed" in row:
            rows.append(f"| {name} | did not end: {row['failed']} | | | |")
        else:
            numbers = (row["outputs"], row["same bytes"], row["figures compared"])
            told = " | ".join(f"{number:,}" for number in numbers)
            rows.append(f"| {name} | {told} | {row['largest relative difference']:.2g} |")
    return rows


def _counts(figures: Mapping[str, Any]) -> list[str]:
    return ["| counted | number |", "|---|---|", *(f"| {key} | {value:,} |" for key, value in figures.items())]


_KILLS = """\
runs a survey of every kind of step and kills it (SIGKILL) again and again on its way: half of the times after a
random while, half before a random act on the disk, the last manifest among them. After each kill the run is gone on
with to its end and held, byte by byte and hidden files too (finished blocks aside, which hold their seconds), to a
run that nobody disturbed; then it is put back as the kill left it, and killed further on."""
_FUZZ = """\
spoils sound inputs of every reader at random, by bytes and by what they mean, and reads them in a process
of its own with 8 GiB of address space. A case is read, or refused in one line; anything else is counted,
and fails. Memory is the most that the process held, libraries included."""
_GUIDED = """\
does the same with the readers that are Python throughout, by atheris: what runs a line that nothing ran before is
kept, and spoiled further. It takes the extra `fuzz`, and is no part of the tests."""
_CHANGED = """\
changes bytes of every file of a finished run, one at a time, then forges numbers, one at a time: of every column of
every table, of six keys of each JSON text, of every sheet, page, report and layer. Hashes, manifest and run card
are made to fit, so that only `altdev verify`'s recomputation can tell. Rasters, and the STAC items that tell where
they lie, hold no figure and are left out."""
_MUTANTS = """\
draws N places of each package, stratified by module, and changes one at a time: a comparison, an operation, a
condition, a number, a least for a greatest, an end of a loop. The package's own tests that reach the line are run
(without the slow ones, the fastest first, up to 1 s each and 6 s in all) until one fails. A change that no test
could tell from the module stands in `benchmarks/trust/equivalent.toml` with the reason, and out of the share.
Seed 1 stands as it was first tried, before tests were written for its survivors; seed 2 was drawn after that,
seed 3 of harms after tests were written for what seed 2 told of harms.
mutmut 3 and cosmic-ray were weighed by their documents: the first changes nothing outside of functions and much
that is text, and draws no sample; the second starts a process for each mutant, which takes longer than most
mutants do here. Loops that are compiled elsewhere are run as Python here, so that they are changed too."""
_LINES = """\
watches each test of a package under coverage.py (for estimators, two files of the verbs that read tables too),
without those that are slow or take over 10 s, compiled loops run as Python, and the import of its modules."""
_LEAKS = "releases a survey at tiers 1 and 2 with canaries planted in what is tier 0, and searches every byte."
_ORACLES = """\
lists the tests that hold a number to a law, a published figure, an independent program or brute force
(`tests/numeric_tests.txt`). The suite fails when one is missing, and in CI when one is skipped for any
reason but data that are not on the machine."""
_NUMBERS = """\
runs one small survey with one thread, and again with two, and with other Pythons and versions of the libraries;
figures are the cells of estimates, change, accuracies, effects, indicators, zones and areas of the programme."""
_SECTIONS: tuple[tuple[str, str, str, Callable[[Mapping[str, Any]], list[str]]], ...] = (
    ("Kills", "kills [N]", _KILLS, _kills),
    ("Changed afterwards", "changed [N]", _CHANGED, _changed),
    ("Broken and hostile input", "fuzz [N] [READER...]", _FUZZ, _fuzz),
    ("Guided by lines", "guided [N] [READER...]", _GUIDED, _guided),
    ("Mutants", "mutants [N] [--seed S] [PACKAGE...]", _MUTANTS, _mutants),
    ("Lines run by tests", "lines", _LINES, _lines),
    ("Leaks", "leaks", _LEAKS, _counts),
    ("The same numbers elsewhere", "numbers [LABEL=PYTHON...]", _NUMBERS, _numbers),
    ("Numeric tests", "oracles", _ORACLES, _counts),
)
