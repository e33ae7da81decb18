"""The tests that hold numbers to something outside the code, so that none of them is lost unseen.

``python -m benchmarks.trust.oracles`` writes ``tests/numeric_tests.txt`` again, and counts by what they lean on.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.trust.results import save
from geo.files import write_text

__all__ = ["LIST", "counted", "disabled", "numeric_tests"]

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "numeric_tests.txt"
NUMERIC = ("aoi", "geo", "imagery", "maps/disclosure", "monitor")
KINDS = {
    "published": "a published figure or formula",
    "oracle": "a stored oracle",
    "independent": "an independent program or route",
    "brute force": "brute force",
    "enumeration": "enumeration",
    "literal": "a literal raster",
    "law": "a law",
    "attack": "an attack",
    "exact": "exact arithmetic",
}
"""First words of a docstring, and what the test leans on."""


def numeric_tests() -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """Yield file and name, what it leans on, and the function of each such test, in order."""
    for folder in NUMERIC:
        for path in sorted((ROOT / "tests" / folder).rglob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    words = (ast.get_docstring(node) or "").lower()
                    kind = next((told for start, told in KINDS.items() if words.startswith(start)), None)
                    if kind is not None:
                        yield f"{path.relative_to(ROOT).as_posix()}::{node.name}", kind, node


def disabled(node: ast.FunctionDef) -> bool:
    """Say whether a test is marked to be skipped, or to fail."""
    return any(
        isinstance(part, ast.Attribute) and part.attr in ("skip", "xfail")
        for decorator in node.decorator_list
        for part in ast.walk(decorator)
    )


def counted() -> dict[str, int]:
    """Return how many tests lean on what."""
    kinds = Counter(kind for _, kind, _ in numeric_tests())
    return {f"tests by {kind}": number for kind, number in sorted(kinds.items())} | {
        "tests in all": sum(kinds.values()),
        "switched off": sum(disabled(node) for _, _, node in numeric_tests()),
    }


def main() -> None:
    """Write the list, and count."""
    names = sorted({name for name, _, _ in numeric_tests()})
    write_text(LIST, "".join(f"{name}\n" for name in names))
    save("oracles", counted())
    sys.stdout.write(f"{LIST}: {len(names)} tests\n")


if __name__ == "__main__":
    main()
