"""The threat model names only tests that exist, at least one for each line."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.trust.promises import places, promises, threats

ROOT = Path(__file__).resolve().parents[2]


def test_every_line_of_the_threat_model_is_held_by_tests_that_exist() -> None:
    """Law: each threat names who, what, how and a test; each test named is a function of the suite."""
    rows = threats()
    assert len(rows) > 20
    for row in rows:
        assert row.text.strip(": ")
        assert row.tests, row.text
    where = places({name for row in rows for name in row.tests})
    assert [name for name, files in where.items() if not files] == []


def test_every_promise_is_held_by_tests_that_exist() -> None:
    """Law: as for threats; what no test holds is said beside it."""
    rows = promises()
    assert len(rows) > 25
    assert all(row.text and row.tests for row in rows)
    where = places({name for row in rows for name in row.tests})
    assert [name for name, files in where.items() if not files] == []


def test_a_test_is_found_where_it_stands() -> None:
    """Literal: in a class, at the top of a module, and nowhere."""
    found = places({"test_json_depth", "test_at_random_moments", "test_of_nothing"})
    assert found["test_json_depth"] == ["tests/geo/test_limits.py::test_json_depth"]
    assert found["test_of_nothing"] == []
    (place,) = found["test_at_random_moments"]
    assert re.fullmatch(r"tests/monitor/test_engine\.py::\w+::test_at_random_moments", place)


def test_no_test_of_the_threat_model_is_switched_off() -> None:
    """Law: none of them is marked to be skipped or expected to fail."""
    named = {name for row in (*threats(), *promises()) for name in row.tests}
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        for mark, name in re.findall(r"((?:^ *@[^\n]*\n)*)^ *def (test_\w+)", text, re.MULTILINE):
            assert name not in named or not re.search(r"mark\.(skip|xfail)", mark), name
