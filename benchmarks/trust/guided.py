"""Spoil inputs guided by the lines they reach: what runs a new line is kept and spoiled further.

``python -m benchmarks.trust.guided [N] [READER...]`` reads N cases (10,000 when none is named) of each reader that
is Python throughout and adds them to those counted before. Needs atheris, the extra ``fuzz``, which is not
installed with the tests. What was kept lies in ``build/guided``, so that a later call goes on from there.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.trust.fuzz import HANG_S, spoiled
from benchmarks.trust.readers import PURE, READERS
from benchmarks.trust.results import load, save

__all__ = ["main"]

WORK = Path(__file__).resolve().parents[2] / "build" / "guided"
OURS = ("aoi", "geo", "imagery", "maps", "monitor")
LONGEST = 60_000
"""Bytes of a case, at most."""
MOST_MIB = 4096
"""Memory of the reading process, libraries included, above which a case counts as a death."""
_DONE = re.compile(r"^Done (\d+) runs|^#(\d+)\s", re.MULTILINE)
_FOUND = {"crash-": "tracebacks", "timeout-": "hangs", "oom-": "deaths"}


def read_many(name: str, number: int, seed: int) -> None:
    """Read so many cases in this process, which libFuzzer ends."""
    import atheris

    from geo.errors import AltdevError

    corpus, found = folders(name)
    reader = READERS[name]
    home = Path(tempfile.mkdtemp(prefix="altdev-guided-"))
    path = home / f"case{reader.suffix}"
    with atheris.instrument_imports(include=[*OURS]):  # readers import what they need when they are first called
        path.write_bytes((corpus / "sound").read_bytes())
        reader.read(path)

    def one(data: bytes) -> None:
        path.write_bytes(data)
        try:
            reader.read(path)
        except AltdevError:
            return

    def mutated(data: bytes, longest: int, seed: int) -> bytes:
        chance = random.Random(seed)
        return spoiled(data, chance)[:longest] if chance.random() < 0.7 else bytes(atheris.Mutate(data, longest))

    arguments = (f"-runs={number}", f"-seed={seed}", f"-max_len={LONGEST}", f"-timeout={HANG_S}")
    told = (f"-rss_limit_mb={MOST_MIB}", f"-artifact_prefix={found}/", "-print_final_stats=0")
    atheris.Setup([sys.argv[0], *arguments, *told, str(corpus)], one, custom_mutator=mutated)
    atheris.Fuzz()


def folders(name: str) -> tuple[Path, Path]:
    """Return where the inputs of a reader are kept, the sound one among them, and where findings are."""
    corpus, found = WORK / name.replace(" ", "-"), WORK / "found" / name.replace(" ", "-")
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    if not (corpus / "sound").is_file():  # made here: what makes one may be compiled, which no tracing goes through
        with tempfile.TemporaryDirectory() as home:
            (corpus / "sound").write_bytes(READERS[name].sound(Path(home)))
    return corpus, found


def count(name: str, number: int) -> dict[str, Any]:
    """Read cases in a process of its own and return the counts of the reader so far."""
    figures = load("guided") or {"readers": {}}
    row = figures["readers"].setdefault(
        name, {"cases": 0, "kept": 0, "tracebacks": 0, "hangs": 0, "deaths": 0, "seed": 0}
    )
    corpus, found = folders(name)
    before = _artefacts(found)
    row["seed"] += 1
    command = [sys.executable, "-m", "benchmarks.trust.guided", "--one", name, str(number), str(row["seed"])]
    done = subprocess.run(command, cwd=WORK.parents[1], capture_output=True, text=True, check=False)
    runs = [int(a or b) for a, b in _DONE.findall(done.stderr)]
    if not runs:
        raise SystemExit(f"{name}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    row["cases"] += max(runs)
    row["kept"] = sum(1 for path in corpus.iterdir() if path.name != "sound")
    for artefact in sorted(_artefacts(found) - before):
        kind = next(kind for start, kind in _FOUND.items() if artefact.startswith(start))
        row[kind] += 1
        lines = [line for line in done.stderr.splitlines() if "Error" in line or "Exception" in line]
        sys.stdout.write(f"{name}: {kind}, {found / artefact}: {lines[-1] if lines else ''}\n")
    save("guided", figures, name, added=True)
    return dict(row)


def _artefacts(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    return {path.name for path in folder.iterdir() if path.name.startswith(tuple(_FOUND))}


def main(arguments: list[str]) -> int:
    """Count the readers named, or all; fail where anything is neither read nor refused."""
    if find_spec("atheris") is None:
        sys.stdout.write("atheris is not installed (the extra 'fuzz'); nothing was read\n")
        return 1
    if arguments[:1] == ["--one"]:
        read_many(arguments[1], int(arguments[2]), int(arguments[3]))
        return 0
    number = int(arguments[0]) if arguments else 10_000
    bad = 0
    for name in arguments[1:] or PURE:
        row = count(name, number)
        bad += row["tracebacks"] + row["hangs"] + row["deaths"]
        sys.stdout.write(f"{name}: {row}\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
