"""Run an example on real data: ``python examples/run.py NAME [--cases DIR] [--out DIR]``.

The data are not part of the project. Where they are not on this machine the example is skipped, in one line.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from geo.errors import AltdevError

HERE = Path(__file__).resolve().parent
DEFAULT_CASES = "../../../shared/cases"
"""Where the survey files of the examples look, relative to themselves."""


class Example(Protocol):
    """The ``run.py`` in the folder of an example, which has the name of its folder of data."""

    def main(self, survey: Path, out: Path) -> None:
        """Run the example that a file describes, writing to the folder `out`."""


def names() -> list[str]:
    """Return the examples that have a ``run.py``."""
    return sorted(path.parent.name for path in HERE.glob("*/run.py"))


def load(name: str) -> Example:
    """Return the program of an example."""
    # The examples are a folder beside the packages and are not installed with them
    if str(HERE.parent) not in sys.path:
        sys.path.insert(0, str(HERE.parent))
    return cast("Example", importlib.import_module(f"examples.{name}.run"))


def placed(name: str, cases: Path, out: Path) -> Path:
    """Return the example's file, or a copy of it beside `out` that looks for the data in `cases`."""
    original = next(path for path in (HERE / name / n for n in ("survey.toml", "example.toml")) if path.is_file())
    if cases == (original.parent / DEFAULT_CASES).resolve():
        return original
    copy = out.with_name(f"{out.name}.toml")
    copy.parent.mkdir(parents=True, exist_ok=True)
    text = original.read_text(encoding="utf-8")
    copy.write_text(text.replace(DEFAULT_CASES, cases.as_posix()), encoding="utf-8")
    return copy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example named on the command line and return the exit code."""
    default = os.environ.get("ALTDEV_CASES") or HERE / "colombia" / DEFAULT_CASES
    parser = argparse.ArgumentParser(prog="examples/run.py", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--cases", type=Path, default=Path(default), help="folder of the real cases")
    parser.add_argument("--out", type=Path, help="run folder (default: runs/NAME)")
    given = parser.parse_args(arguments)
    data = given.cases.resolve() / given.name
    if not data.is_dir():
        print(f"skipped: {given.name} needs {data}, which is not here (--cases or ALTDEV_CASES)")
        return 0
    out = (given.out or HERE.parent / "runs" / given.name).resolve()
    try:
        load(given.name).main(placed(given.name, data.parent, out), out)
    except AltdevError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
