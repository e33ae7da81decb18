"""Mutants: each thing is changed as said, samples can be had again, and the tests named notice the fixed ones."""

from __future__ import annotations

import ast
import gc
import json
import math
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from benchmarks.trust.lines import LEAST as LEAST_LINES
from benchmarks.trust.lines import PACKAGES
from benchmarks.trust.mutants import LEAST, Mutant, equivalent, modules, mutants_of, sampled
from benchmarks.trust.mutation import mutated, places
from benchmarks.trust.results import _mutants, load
from benchmarks.trust.warm import (
    ROOT,
    Ended,
    Suite,
    first_failure_anew,
    forked,
    functions_below,
    limit_processor,
    replace_functions,
    with_tests,
)

FIXED = tomllib.loads((ROOT / "benchmarks" / "trust" / "fixed.toml").read_text(encoding="utf-8"))["mutant"]


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("x = a < b <= c", {"x = a <= b <= c", "x = a < b < c"}),
        ("x = a * b + 1", {"x = a * b - 1", "x = a / b + 1", "x = a * b + 2"}),
        ("x = not a and -b", {"x = not a or -b", "x = a and -b", "x = not a and b"}),
        ("x = [~y for y in z if y]", {"x = [y for y in z if y]", "x = [~y for y in z if not y]"}),
        ("x = a if b else np.maximum(c)", {"x = a if not b else np.maximum(c)", "x = a if b else np.minimum(c)"}),
        ("for x in y:\n    x += 1\n    break", None),
        ("def f(a: int = True) -> 'x':\n    raise ValueError('1' * 3)", {"def f(a: int=False) -> 'x':"}),
        ("def f():\n    raise InputError(Problem('a', 1 + 1))", set()),
        ("x = zip(a, b, strict=True)\nassert x > 1\ny = f'{x + 1}'", set()),
        ("@cache(1)\ndef f() -> g[1]:\n    warn('x', 1)", set()),
    ],
)
def test_each_thing_is_changed_once(source: str, changes: set[str] | None) -> None:
    """Literal: every mutant of a line, by hand; what decides on no number is left as it is."""
    made = [ast.unparse(mutated(source, place.number)) for place in places(ast.parse(source))]
    if changes is None:
        ends = ("x += 1", "x -= 1", "x += 2"), ("break", "continue")
        wanted = [(ends[0][1], "break"), (ends[0][2], "break"), ("x += 1", "continue")]
        assert made == [f"for x in y:\n    {first}\n    {last}" for first, last in wanted]
    else:
        assert {text.split("\n")[0] for text in made} == changes
        assert len(made) == len(changes)


def test_lines_of_a_place_are_those_of_its_statement_without_the_body() -> None:
    """Literal: a head of a loop of two lines, its body, and a default before any call."""
    source = "def f(a=1):\n    for x in (\n        2,\n    ):\n        y = 3\n"
    found = {place.change: (place.first, place.last, place.inside) for place in places(ast.parse(source))}
    assert found == {"1 to 2": (1, 1, False), "2 to 3": (2, 4, True), "3 to 4": (5, 5, True)}


def test_every_mutant_of_a_module_is_another_program() -> None:
    """Law: each mutant compiles, and differs from the module; no two are the same."""
    path = ROOT / "aoi" / "survey" / "interval.py"
    source = path.read_text(encoding="utf-8")
    made = [ast.unparse(mutated(source, place.number)) for place in places(ast.parse(source))]
    assert len(made) > 50
    assert ast.unparse(ast.parse(source)) not in made
    assert len(set(made)) == len(made)
    assert all(compile(text, "x", "exec") for text in made)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_sample_is_stratified_and_can_be_had_again(package: str) -> None:
    """Law: a seed gives one sample, another seed another; no mutant twice; modules by their share of places."""
    sample = sampled(package, 100, 5)
    assert [one.name for one in sample] == [one.name for one in sampled(package, 100, 5)]
    assert len({one.name for one in sample}) == 100
    assert {one.name for one in sample} != {one.name for one in sampled(package, 100, 6)}
    assert {one.name for one in sampled(package, 50, 5)} < {one.name for one in sample}
    drawn = Counter(one.module for one in sample)
    every = {module: len(mutants_of(module)) for module in modules(package)}
    for module, number in every.items():
        assert abs(drawn[module] - 100 * number / sum(every.values())) <= 1.5


def test_each_mutant_has_a_name_of_its_own() -> None:
    """Law: no two mutants of a package share a name, and each equivalent one is still there, with its reason."""
    for package in PACKAGES:
        names = Counter(one.name for module in modules(package) for one in mutants_of(module))
        assert max(names.values()) == 1
        known = {name: why for name, why in equivalent().items() if name[0].startswith(f"{package}/")}
        assert sorted(set(known) - set(names)) == []
        assert all(len(why) > 10 for why in known.values())


def test_mutants_are_counted_once_and_enough_lines_are_run() -> None:
    """Law: mutants are killed, equivalent or named; 85 % of a last sample are killed, 95 % of lines run."""
    for seeds in load("mutants").values():
        for row in seeds.values():
            assert row["killed"] + len(row["survivors"]) + row["equivalent"] == row["tried"]
        last = seeds[max(seeds, key=int)]
        assert 100 * last["killed"] >= LEAST * (last["tried"] - last["equivalent"])
        assert last["tried"] >= 150
    for row in load("lines").get("packages", {}).values():
        assert 100 * row["run"] >= LEAST_LINES * row["lines"]


def test_the_page_tells_a_share_its_limit_and_what_became_of_survivors() -> None:
    """Literal: 96 of 100 killed are 96 % and at least 91.1 % (Clopper-Pearson); of four survivors one is open."""
    name = {"module": "aoi/a.py", "line": "b = 1", "change": "1 to 2", "nth": 1}
    told = ("open", "tests/test_a.py::test_b", "equivalent: b is never read", "gone")
    row = {"places": 1234, "modules": 5, "tried": 103, "equivalent": 3, "killed": 96, "killed by time": 1}
    row["survivors"] = [{**name, "at": at, "now": now} for at, now in enumerate(told)]
    lines = _mutants({"aoi/survey": {"4": row}})
    assert "| aoi/survey | 4 | 1,234 | 5 | 103 | 3 | 96 | 1 | 4 | 96.0 | 91.1 | 1 | 1 | 1 |" in lines
    assert lines[-4:] == [f"- `aoi/a.py:{at}: 1 to 2 in b = 1`: {now}" for at, now in enumerate(told)]
    tail = sum(math.comb(100, k) * 0.9108**k * 0.0892 ** (100 - k) for k in range(96, 101))
    assert tail == pytest.approx(0.05, abs=1e-4)


def _of(row: dict[str, Any]) -> Mutant:
    name = (row["module"], row["line"], row["change"], row.get("nth", 1))
    return next(one for one in mutants_of(row["module"]) if one.name == name)


def _first_failures(suite: Suite, row: dict[str, Any]) -> list[str]:
    """Return the first failure of a row's test on the module as it is, and on the mutant."""
    path = ROOT / row["module"]
    source = path.read_text(encoding="utf-8")
    functions = functions_below(path.parent)
    names = [(name, 60.0) for name in suite.items if name.split("[")[0] == row["test"]]
    found = []
    for tree in (ast.parse(source), mutated(source, _of(row).place.number)):
        code = compile(tree, str(path), "exec", dont_inherit=True)

        def work(code: CodeType = code) -> str:
            changed = replace_functions(functions, code)
            return f"{changed} changed: {suite.first_failure(names)}"

        found.append(forked(work).answer.split("[")[0])
    return found


def test_functions_are_found_whatever_was_set_aside() -> None:
    """Law: a command that ended in this process, which sets its objects aside, hides no function from a change."""
    before = functions_below(ROOT / "benchmarks")
    assert before
    gc.freeze()
    assert functions_below(ROOT / "benchmarks").keys() >= before.keys()


def test_the_tests_named_notice() -> None:
    """Law: a test that holds numbers fails once their formula is changed, and passes on the module as it is."""

    def work() -> str:
        found: list[list[str]] = []
        files = sorted({row["test"].split("::")[0] for row in FIXED})
        with_tests(files, lambda suite: found.extend(_first_failures(suite, row) for row in FIXED))
        return json.dumps(found)

    wanted = [["0 changed: ", f"1 changed: {row['test']}"] for row in FIXED]
    assert json.loads(forked(work).answer) == wanted
    assert len(FIXED) >= 10


def test_a_change_that_acts_on_import_is_noticed() -> None:
    """Law: a constant changed before anything is imported fails the test that holds it; unchanged it passes."""
    module, test = (
        "aoi/harm/carbon.py",
        "tests/aoi/harm/test_harms.py::test_fertiliser_and_mineralised_nitrogen_warm_alike",
    )
    (place,) = (one.place for one in mutants_of(module) if one.change == "28.0 to 29.0")
    assert not place.inside
    source = (ROOT / module).read_text(encoding="utf-8")
    for tree, failing in ((ast.parse(source), ""), (mutated(source, place.number), test)):
        code = compile(tree, str(ROOT / module), "exec", dont_inherit=True)
        assert forked(lambda code=code: first_failure_anew(module, code, [(test, 60)])) == Ended(failing, 0)


SMALL = """
LIMIT = 1

def f(a):
    return [b + LIMIT for b in a]

class C:
    def g(self):
        return super().__eq__(self) is True and 1 < 2

def made():
    def inner():
        return 3
    return inner

kept = made()
"""


def test_changed_code_reaches_every_holder_of_a_function(tmp_path: Path) -> None:
    """Law: what was imported by name, a method and a function made by another run the changed code."""
    path = tmp_path / "small.py"
    path.write_text(SMALL)
    space: dict[str, object] = {}
    exec(compile(SMALL, str(path), "exec"), space)
    f, made, kept, bound = space["f"], space["made"], space["kept"], space["C"]().g  # type: ignore[operator]
    assert isinstance(f, FunctionType)
    functions = functions_below(tmp_path)
    assert replace_functions(functions, compile(SMALL, str(path), "exec")) == 0
    changed = SMALL.replace("b + LIMIT", "b - LIMIT").replace("1 < 2", "2 < 2").replace("return 3", "return 4")
    assert replace_functions(functions, compile(changed, str(path), "exec")) == 4
    assert (f([1]), made()(), kept(), bound()) == ([0], 4, 4, False)  # type: ignore[operator]


def test_a_forked_process_answers_fails_or_dies() -> None:
    """Negative control: an answer, a death by the processor's limit, and a mistake of the work are told apart."""
    assert forked(lambda: "x" * 100_000) == Ended("x" * 100_000, 0)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        forked(lambda: str(1 / 0))

    def endless() -> str:
        limit_processor(0)
        while True:
            pass

    started = time.process_time()
    assert forked(endless).signal != 0
    assert time.process_time() - started < 1
    assert "small" not in sys.modules
