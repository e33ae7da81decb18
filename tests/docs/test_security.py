"""The threat model names only tests that exist, at least one for each line."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_line_of_the_threat_model_is_held_by_tests_that_exist() -> None:
    """Law: each threat names who, what, how and a test; each test named is a function of the suite."""
    page = (ROOT / "docs" / "security.md").read_text().split("## Threats")[1].split("## Limits")[0]
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 20
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    for who, what, how, tests in rows:
        assert all(cell.strip() for cell in (who, what, how))
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, what
        assert set(named) <= there, set(named) - there


def test_no_test_of_the_threat_model_is_switched_off() -> None:
    """Law: none of them is marked to be skipped or expected to fail."""
    page = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        for mark, name in re.findall(r"((?:^ *@[^\n]*\n)*)^ *def (test_\w+)", text, re.MULTILINE):
            assert name not in named or not re.search(r"mark\.(skip|xfail)", mark), name
