"""One row for each promise of trust, with what was counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["WRONG", "summary"]


def summary(load: Callable[[str], Mapping[str, Any]]) -> list[str]:
    """Return one row for each promise, with its count, as the lines of a table.

    Parameters
    ----------
    load
        Gives what was measured of a part; empty when nothing was.
    """
    rows = ["| promise | held by | counted |", "|---|---|---|"]
    for promise, part, told in _PROMISES:
        figures = load(part)
        rows.append(f"| {promise} | `{part}` | {told(figures) if figures else 'not measured yet'} |")
    return rows


def _killed_words(figures: Mapping[str, Any]) -> str:
    counts = figures["counts"]
    bad = counts["runs with other bytes"] + counts["files that no manifest named"] + counts["tracebacks"]
    ended = counts["killed runs gone on with to their end"]
    return f"{ended:,} random kills gone on with to their end, {bad} not as they should be"


def _case_words(figures: Mapping[str, Any]) -> str:
    cases = figures.get("cases", {})
    bad = sum(any(word in text for word in WRONG) for text in cases.values())
    return f"{len(cases)} other ways ({', '.join(sorted(cases))}), {bad} not as they should be"


def _byte_words(figures: Mapping[str, Any]) -> str:
    counts = figures["counts"]
    return (
        f"{counts['of the bytes found, by name of the file']:,} of {counts['bytes changed']:,} changed bytes found"
    )


def _forged_words(figures: Mapping[str, Any]) -> str:
    told = []
    for kind, name in (("forged", "numbers"), ("words", "words")):
        rows = figures.get(kind, {}).values()
        if rows:
            found, made = (sum(row[key] for row in rows) for key in ("found", "forged"))
            told.append(f"{found:,} of {made:,} forged {name} found, in {len(rows):,} files")
    return "; ".join(told)


def _fuzz_words(figures: Mapping[str, Any]) -> str:
    rows = figures["readers"].values()
    bad = sum(row[key] for row in rows for key in ("tracebacks", "hangs", "deaths"))
    cases = sum(row["cases"] for row in rows)
    return f"{cases:,} spoiled inputs of {len(rows)} readers, {bad} tracebacks, hangs and deaths"


def _mutant_words(figures: Mapping[str, Any]) -> str:
    told = []
    for name, seeds in sorted(figures.items()):
        seed = max(seeds)
        row = seeds[seed]
        share = 100 * row["killed"] / max(row["tried"] - row["equivalent"], 1)
        told.append(f"{name} {share:.1f} % of {row['tried'] - row['equivalent']} (seed {seed})")
    return "killed: " + ", ".join(told)


def _line_words(figures: Mapping[str, Any]) -> str:
    rows = sorted(figures["packages"].items())
    return "run by a test: " + ", ".join(f"{name} {100 * row['run'] / row['lines']:.1f} %" for name, row in rows)


def _number_words(figures: Mapping[str, Any]) -> str:
    same = sum("failed" not in row and row["largest relative difference"] == 0 for row in figures.values())
    return f"{same} of {len(figures)} other ways give the same figures: {', '.join(sorted(figures))}"


def _list_words(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value:,}" for key, value in figures.items())


WRONG = ("FAILS", "DIFFERS", "traceback", "lines:", "does not name")
"""Words of a way to disturb a run that came out otherwise than it should."""

_PROMISES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("1 a killed run ends with the same bytes", "kills", _killed_words),
    ("1 a run that is disturbed otherwise does too, or is refused in one line", "kills", _case_words),
    ("2 a changed byte is found", "changed", _byte_words),
    ("2 a figure that was forged, hashes made to fit, is found", "changed", _forged_words),
    ("3 a broken or hostile input is read or refused", "fuzz", _fuzz_words),
    ("3 the same, guided by lines", "guided", _fuzz_words),
    ("4 numbers are held to laws, published figures, other programs and brute force", "oracles", _list_words),
    ("4 the same numbers elsewhere", "numbers", _number_words),
    ("5 nothing of tier 0 is in what goes out", "leaks", _list_words),
    ("1 to 7 each promise, and each line of the threat model, has its tests", "promises", _list_words),
    ("6 licences", "licences", _list_words),
    ("6 a bill of materials, copied scripts with hash and licence", "sbom", _list_words),
    ("7 tests notice a change of the code", "mutants", _mutant_words),
    ("7 tests run the code", "lines", _line_words),
)
"""Number of the promise, what holds it, and how it is told."""
