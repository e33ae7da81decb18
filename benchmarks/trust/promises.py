"""Each promise and each line of the threat model, and the tests that hold it: run, and counted.

``python -m benchmarks.trust.promises`` runs the tests that ``docs/security.md`` and ``promises.toml`` name, which
takes minutes, counts them, and fails where one fails or is not there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trust.results import save

__all__ = ["Promise", "main", "places", "promises", "threats"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised, or threatened, and what holds it."""

    text: str
    """In words."""
    tests: tuple[str, ...]
    """Names of functions of the suite."""
    lacking: str = ""
    """What no test holds."""


def promises() -> list[Promise]:
    """Return the promises of trust."""
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return [Promise(one["text"], tuple(one["tests"]), one.get("not", "")) for one in content["promise"]]


def threats() -> list[Promise]:
    """Return the lines of the threat model."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.split("## Threats")[1].split("## Limits")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("|")][2:]
    return [Promise(f"{who.strip()}: {what.strip()}", _named(tests)) for who, what, _, tests in rows]


def _named(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`(test_\w+)`", cell))


def places(names: set[str]) -> dict[str, list[str]]:
    """Return where each test stands, as pytest names it; a name may stand in several files."""
    found: dict[str, list[str]] = {name: [] for name in sorted(names)}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text, kind = path.read_text(encoding="utf-8"), ""
        for line in text.splitlines():
            if match := re.match(r"class (\w+)", line):
                kind = f"{match[1]}::"
            elif match := re.match(r"( *)def (test_\w+)", line):
                kind = kind if match[1] else ""
                if match[2] in found:
                    found[match[2]].append(f"{path.relative_to(ROOT).as_posix()}::{kind}{match[2]}")
    return found


def main() -> int:
    """Run the tests that are named, and count."""
    held, feared = promises(), threats()
    where = places({name for one in (*held, *feared) for name in one.tests})
    lost = [name for name, files in where.items() if not files]
    nodes = [node for files in where.values() for node in files]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", *nodes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout[-3000:])
    found = re.findall(r"(\d+) (passed|failed|skipped|error)", (done.stdout.strip().splitlines() or [""])[-1])
    counts = {kind: int(number) for number, kind in found}
    bad = counts.get("failed", 0) + counts.get("error", 0) + len(lost)
    told = {
        "promises": len(held),
        "lines of the threat model": len(feared),
        "tests named": len(where),
        "cases run": sum(counts.values()),
        "passed": counts.get("passed", 0),
        "skipped": counts.get("skipped", 0),
        "failed or not there": bad,
    }
    save("promises", told)
    sys.stdout.write(f"{told}\n")
    return int(bad > 0 or done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
