"""What was measured, kept as JSON, and the page that is made of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scipy.stats import beta

from benchmarks.trust.summary import summary
from geo.files import write_text
from monitor.program import program_version

__all__ = ["FOLDER", "PAGE", "VARIABLE", "load", "page", "save", "told_again"]

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "ALTDEV_TRUST_RESULTS"
"""Environment variable that names another folder for what is measured, and for the page, of a trial."""
FOLDER = Path(os.environ.get(VARIABLE) or ROOT / "benchmarks" / "results" / "trust")
PAGE = FOLDER / "reliability.md" if os.environ.get(VARIABLE) else ROOT / "docs" / "reliability.md"

_HEAD = """# Reliability

Counts, made by the commands named; `make trust` runs them all. Each command adds what it measures to
`benchmarks/results/trust/` and writes this page again, so that long ones can be run in slices. The tests
hold the page to those files. What a count does not say stands beside it. Counts that were added up over several
states of the program say so: the time is that of the last change of the code they were made with, in UTC.
"""


def load(name: str) -> dict[str, Any]:
    """Return what was measured before; empty when nothing was."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save(name: str, figures: Mapping[str, Any], row: str = "all", *, added: bool = False) -> None:
    """Keep figures with the state of the program that they are of, and write the page again.

    Parameters
    ----------
    name
        Part of trust.
    figures
        All figures of the part.
    row
        What of them was measured now, where a part is measured in slices.
    added
        Whether they add to what was counted before, which then stays of its earlier state.
    """
    write_text(FOLDER / f"{name}.json", json.dumps(figures, indent=1, sort_keys=True) + "\n")
    states, now = load(STATES), state()
    told = states.setdefault(name, {})
    first = told.get(row, now)["first"] if added else now["first"]
    told[row] = now | {"first": first}
    write_text(FOLDER / f"{STATES}.json", json.dumps(states, indent=1, sort_keys=True) + "\n")
    write_text(PAGE, page())


@cache
def state() -> dict[str, str]:
    """Return the state of the program: when its last change was kept, and the hash of its code."""
    command = ["git", "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d %H:%M"]
    where = {"cwd": ROOT, "env": {**os.environ, "TZ": "UTC"}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **where)  # type: ignore[call-overload]
    when = done.stdout.strip() or "unknown"
    return {"first": when, "last": when, "program": program_version()}


def _state_words(name: str) -> str:
    """Return of which states of the program a part's figures are."""
    rows = load(STATES).get(name, {})
    if not rows:
        return ""
    first, last = min(row["first"] for row in rows.values()), max(row["last"] for row in rows.values())
    programs = {row.get("program", "") for row in rows.values()}
    only = f" ({programs.pop()})" if first == last and len(programs) == 1 and programs != {""} else ""
    return (
        f"State of the program: {first}{only}." if first == last else f"States of the program: {first} to {last}."
    )


STATES = "states"
"""Name of the file that tells of which state of the program each figure is."""


def page() -> str:
    """Return the page as the kept figures make it."""
    parts = [_HEAD, "## All parts\n\n" + "\n".join(summary(load)) + "\n"]
    for title, command, words, tell in _SECTIONS:
        name = command.split()[0]
        figures = load(name)
        lines = tell(figures) if figures else ["Not measured yet."]
        told = "\n".join([*([of, ""] if (of := _state_words(name)) else []), *lines])
        parts.append(f"## {title}\n\n`python -m benchmarks.trust.{command}` {words}\n\n{told}\n")
    return "\n".join(parts)


def _kills(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| counted | number |", "|---|---|"]
    rows += [f"| {key} | {value:,} |" for key, value in figures["counts"].items()]
    told = [f"- {name}: {text}" for name, text in sorted(figures.get("cases", {}).items())]
    return [*rows, "", *told]


def _fuzz(figures: Mapping[str, Any]) -> list[str]:
    rows = [
        "| reader | cases | read | refused | tracebacks | hangs | deaths | slowest, s | most memory, MiB | state |",
        f"|{'---|' * 10}",
    ]
    states = load(STATES).get("fuzz", {})
    keys = ("cases", "read", "refused", "tracebacks", "hangs", "deaths")
    for name, row in sorted(figures["readers"].items()):
        counts = " | ".join(f"{row[key]:,}" for key in keys)
        rows.append(
            f"| {name} | {counts} | {row['slowest_s']:.1f} | {row['most_mib']:,.0f} | {_last(states, name)} |"
        )
    every = figures["readers"].values()
    totals = " | ".join(f"{sum(row[key] for row in every):,}" for key in keys)
    slowest, most = max(row["slowest_s"] for row in every), max(row["most_mib"] for row in every)
    return [*rows, f"| all | {totals} | {slowest:.1f} | {most:,.0f} | |"]


def _last(states: Mapping[str, Any], row: str) -> str:
    return str(states.get(row, {}).get("last", ""))


def _guided(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| reader | cases | kept, since they ran new lines | tracebacks | hangs | deaths |", f"|{'---|' * 6}"]
    keys = ("cases", "kept", "tracebacks", "hangs", "deaths")
    for name, row in sorted(figures["readers"].items()):
        rows.append(f"| {name} | {' | '.join(f'{row[key]:,}' for key in keys)} |")
    every = figures["readers"].values()
    return [*rows, f"| all | {' | '.join(f'{sum(row[key] for row in every):,}' for key in keys)} |"]


def _changed(figures: Mapping[str, Any]) -> list[str]:
    files, words = figures.get("forged", {}), figures.get("words", {})
    field, tiers = ("products/0/",), ("products/1/", "products/2/", "disclosure/")
    kinds = {
        "numbers of tables and layers": [row for name, row in files.items() if not name.startswith(field + tiers)],
        "numbers of products of tier 0": [row for name, row in files.items() if name.startswith(field)],
        "numbers of tiers 1 and 2": [row for name, row in files.items() if name.startswith(tiers)],
        "words of tables": list(words.values()),
    }
    rows = ["| forged, hashes made to fit | files | forged | found |", "|---|---|---|---|"]
    for kind, some in kinds.items():
        forged, found = (sum(row[key] for row in some) for key in ("forged", "found"))
        rows.append(f"| {kind} | {len(some):,} | {forged:,} | {found:,} |")
    missed = [(f"{name} {what}") for told in (files, words) for name, row in told.items() for what in row["missed"]]
    left = [f"- `{told}`" for told in sorted(missed)]
    return [*_counts(figures["counts"]), "", *rows, *(["", "Not found:", "", *left] if left else [])]


def _mutants(figures: Mapping[str, Any]) -> list[str]:
    heads = ("package", "seed", "places", "modules", "tried", "equivalent", "killed", "by time", "survived")
    heads += ("killed, %", "at least, %", "killed since", "equivalent after all", "open")
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    samples = [(name, seed, row) for name, seeds in sorted(figures.items()) for seed, row in sorted(seeds.items())]
    rows += [
        f"| {name} | {seed} | {row['places']:,} | {row['modules']} | {_killed(row)} |"
        for name, seed, row in samples
    ]
    left = {
        f"- `{told_again(one).replace('`', '')}`: {one['now']}" for _, _, row in samples for one in row["survivors"]
    }
    words = "Survivors, each a change that no test of the package noticed at first, and what tells it today:"
    return [*rows, "", words, "", *(sorted(left) or ["none"])]


def told_again(row: Mapping[str, Any]) -> str:
    """Return what a mutant is, for a reader."""
    return f"{row['module']}:{row['at']}: {row['change']} in `{row['line']}`"


def _killed(row: Mapping[str, Any]) -> str:
    told = row["tried"] - row["equivalent"]
    counts = (row["tried"], row["equivalent"], row["killed"], row["killed by time"], told - row["killed"])
    share, least = row["killed"] / max(told, 1), beta.ppf(0.05, row["killed"], told - row["killed"] + 1)
    now = [one["now"] for one in row["survivors"]]
    same = sum(one.startswith("equivalent") for one in now)
    since = len(now) - now.count("open") - now.count("gone") - same
    shares = f"{100 * share:.1f} | {100 * least:.1f} | {since} | {same} | {now.count('open')}"
    return " | ".join(f"{count:,}" for count in counts) + f" | {shares}"


def _lines(figures: Mapping[str, Any]) -> list[str]:
    rows, states = (
        ["| package | lines | run by a test | % | state |", f"|{'---|' * 5}"],
        load(STATES).get("lines", {}),
    )
    for name, row in sorted(figures["packages"].items()):
        share = f"{100 * row['run'] / row['lines']:.1f}"
        rows.append(f"| {name} | {row['lines']:,} | {row['run']:,} | {share} | {_last(states, name)} |")
    return rows


def _numbers(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| where | outputs | same bytes | figures | largest relative difference | state |", f"|{'---|' * 6}"]
    states = load(STATES).get("numbers", {})
    for name, row in sorted(figures.items()):
        if "failed" in row:
            rows.append(f"| {name} | did not end: {row['failed']} | | | | {_last(states, name)} |")
        else:
            numbers = (row["outputs"], row["same bytes"], row["figures compared"])
            told = " | ".join(f"{number:,}" for number in numbers)
            rows.append(f"| {name} | {told} | {row['largest relative difference']:.2g} | {_last(states, name)} |")
    return rows


def _promised(figures: Mapping[str, Any]) -> list[str]:
    from benchmarks.trust.promises import promises  # which keeps its counts by this module

    rows = [*_counts(figures), "", "| promise | tests | not held by a test |", "|---|---|---|"]
    return rows + [
        f"| {one.text} | {', '.join(f'`{name}`' for name in one.tests)} | {one.lacking} |" for one in promises()
    ]


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
every table, of six keys of each JSON text, of every sheet, page, report and layer; with `--words` a word of every
column that holds words; with `--tiers` what was released at tiers 1 and 2. Hashes, manifest, card and the record
of a release are made to fit, so that only `altdev verify`'s recomputation can tell. Of rasters the class maps, the
strata and the copies in the products are forged by a cell; images, probabilities and what harms draw hold no figure
and are left out. Forging a table of outside inputs with its control totals is left to `verify --again`."""
_MUTANTS = """\
draws N places of each package, stratified by module, and changes one at a time: a comparison, an operation, a
condition, a number, a least for a greatest, an end of a loop. The package's own tests that reach the line are run
(without the slow ones, the fastest first, up to 4 s each and 30 s in all; with seeds 4 to 6, 1 s and 6 s) until
one fails. A change that no test could tell from the module stands in `benchmarks/trust/equivalent.toml` with the
reason, and out of the share. "At least" is the one-sided lower 95 % limit of the share of all places (Clopper and
Pearson). A sample stands as it was first tried; where it fell short, tests were written for what its survivors
told, and a further seed was drawn. With `--again` its survivors are tried on the code and tests of today. Seeds 1
to 3, of earlier code, are not shown.
mutmut 3 and cosmic-ray were weighed by their documents: the first changes nothing outside of functions and much
that is text, and draws no sample; the second starts a process for each mutant, which takes longer than most
mutants do here. Loops that are compiled elsewhere are run as Python here, so that they are changed too."""
_LINES = """\
watches each test of a package under coverage.py (for estimators, two files of the verbs that read tables too),
without those that are slow or take over 10 s, compiled loops run as Python, and the import of its modules."""
_LEAKS = "releases a survey at tiers 1 and 2 with canaries planted in what is tier 0, and searches every byte."
_PROMISED = """\
runs the tests that the threat model (`docs/security.md`) and the promises of trust name, once."""
_LICENCES = "reads the licence of every pinned package from the package itself, and holds it to a list."
_SBOM = "writes a bill of materials (CycloneDX 1.5) to `build/sbom.json`: packages, copied files, hashes."
_ORACLES = """\
lists the tests that hold a number to a law, a published figure, an independent program or brute force
(`tests/numeric_tests.txt`). The suite fails when one is missing, and in CI when one is skipped for any
reason but data that are not on the machine."""
_NUMBERS = """\
runs one small survey with one thread, and again with two, and with other Pythons and versions of the libraries
(`--bounds` prints the oldest, for pip);
figures are the cells of estimates, change, accuracies, effects, indicators, zones and areas of the programme."""
_SECTIONS: tuple[tuple[str, str, str, Callable[[Mapping[str, Any]], list[str]]], ...] = (
    ("Kills", "kills [N]", _KILLS, _kills),
    ("Changed afterwards", "changed [N]", _CHANGED, _changed),
    ("Broken and hostile input", "fuzz [N] [READER...]", _FUZZ, _fuzz),
    ("Guided by lines", "guided [N] [READER...]", _GUIDED, _guided),
    ("Mutants", "mutants [N] [--seed S] [--again] [PACKAGE...]", _MUTANTS, _mutants),
    ("Lines run by tests", "lines", _LINES, _lines),
    ("Leaks", "leaks", _LEAKS, _counts),
    ("The same numbers elsewhere", "numbers [LABEL=PYTHON...]", _NUMBERS, _numbers),
    ("Numeric tests", "oracles", _ORACLES, _counts),
    ("Licences", "licences", _LICENCES, _counts),
    ("Bill of materials", "sbom", _SBOM, _counts),
    ("Promises and their tests", "promises", _PROMISED, _promised),
)
