"""Every part of trust, one after another, and which of them came out as they should.

``python -m benchmarks.trust [--kills N] [--cases N] [--guided N] [--mutants N] [LABEL=PYTHON...]`` adds to what was
measured before; with ``--small`` all counts are small and what is measured goes to ``build/trust``, which shows in
minutes that each part runs. What a part says stands in ``build/trust/PART.log``. Ends with 1 where one failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.trust.results import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "trust"
USUAL = {"kills": 20, "cases": 1000, "guided": 10_000, "mutants": 150}
SMALL = {"kills": 5, "cases": 20, "guided": 200, "mutants": 5}


def parts(given: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Yield each part with what it is told, the short ones first."""
    few = ["--forge", "estimates/estimates.csv"] if given.small else []
    yield "licences", []
    yield "sbom", []
    yield "oracles", []
    yield "leaks", []
    yield "promises", []
    yield "kills", [str(given.kills)]
    yield "changed", ["1", *few] if given.small else []
    yield "numbers", given.pythons
    yield "fuzz", [str(given.cases)]
    if find_spec("atheris") is not None:
        yield "guided", [str(given.guided)]
    yield "lines", ["aoi/harm"] if given.small else []
    yield "mutants", [str(given.mutants)]


def asked_for(arguments: list[str]) -> argparse.Namespace:
    """Return what the words of the command ask for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust")
    for name in USUAL:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--small", action="store_true", help="small counts, kept apart")
    parser.add_argument("pythons", nargs="*", metavar="LABEL=PYTHON", help="Pythons to give the same numbers")
    given = parser.parse_args(arguments)
    for name, usual in (SMALL if given.small else USUAL).items():
        if getattr(given, name) is None:
            setattr(given, name, usual)
    return given


def main(arguments: list[str]) -> int:
    """Run every part in a process of its own, tell how each ended, and fail where one did."""
    given = asked_for(arguments)
    LOGS.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **({VARIABLE: str(LOGS / "results")} if given.small else {})}
    failed = []
    for name, words in parts(given):
        started = time.monotonic()
        log = LOGS / f"{name}.log"
        with log.open("w", encoding="utf-8") as stream:
            command = [sys.executable, "-m", f"benchmarks.trust.{name}", *words]
            done = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False
            )
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        state = "ok" if done.returncode == 0 else f"FAILED with {done.returncode}"
        print(
            f"{name}: {state}, {time.monotonic() - started:.0f} s: {lines[-1][:200] if lines else ''}", flush=True
        )
        failed += [name] if done.returncode else []
    if find_spec("atheris") is None:
        print("guided: left out, since atheris (the extra 'fuzz') is not installed")
    print(
        f"failed: {', '.join(failed)}; see {LOGS.relative_to(ROOT)}"
        if failed
        else "every part came out as it should"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
