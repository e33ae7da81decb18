"""Spoil inputs at random and read them: every reader reads, or refuses in one line.

``python -m benchmarks.trust.fuzz [N] [READER...]`` adds N cases (1000 when none is named) of each reader to those
counted before; each case follows from the reader's name and its number, so that a finding can be had again with
``python -m benchmarks.trust.fuzz --case READER NUMBER``.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.trust.readers import READERS
from benchmarks.trust.results import load, save

__all__ = ["Outcome", "case", "main", "spoiled"]

HANG_S = 20
"""A case that takes more processor time counts as a hang, however busy the machine is."""
WAITING_S = 900
"""So does one that waits so long."""
SPACE = 8 << 30
"""Address space of the reading process, bytes; libraries take more than half of it."""
SLICE = 250
"""Cases read by one process, after which a fresh one goes on."""

TOKENS = (
    "", " ", "0", "-0", "-1", "1e308", "-1e308", "1e-308", "NaN", "nan", "inf", "-inf", "null", "true",
    "1,000", "1.000,5", "1 000", "９", "٣", "0x10", "1_000", "=1+1", "@SUM(A1)", "'", '"', '""', ";",
    "\t", "\r\n", "\r", "\n", "\x00", "\ufeff", "\u202e", "\u200b", "é", "𝔘", "a" * 3000, "../../x",
    "/etc/passwd", "C:\\x", "&amp;", "[", "]", "file:///etc/passwd", "http://127.0.0.1/", "{", "}",
    "[" * 200, "{" * 200, "[" * 100_000, '{"a":' * 50_000, "9" * 400, "2024-02-30", "24:60", "0000-00-00",
    "<!DOCTYPE a>", "<a>", "%s", "{0}", "\\u0000", "TRUE", "None", "n/a", "<5", "*", "-", "--",
)  # fmt: skip
"""What tired hands and hostile ones put into a cell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case."""

    kind: str
    """``read``, ``refused``, ``tracebacks``, ``hangs`` or ``deaths``."""
    seconds: float
    """Processor time that it took."""
    told: str = ""
    """The refusal, or the traceback."""


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """Return data with one to four things spoiled: bytes, tokens, lines, cells, or JSON values."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        data = chance.choice(_WAYS)(data, chance)
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _drop(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.randint(1, 40) :]


def _double(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.randint(1, 200)]
    return data[:start] + piece * chance.choice((2, 3, 50)) + data[start + len(piece) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.choice(TOKENS).encode("utf-8", "surrogatepass") + data[place:]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    value = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)).to_bytes(4, chance.choice(("little", "big")))
    return data[:place] + value + data[place + 4 :]


def _cell(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    number = chance.randrange(len(lines))
    cells = lines[number].split(b",")
    cells[chance.randrange(len(cells))] = chance.choice(TOKENS).encode()
    lines[number] = b",".join(cells)
    return b"\n".join(lines)


def _line(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    number = chance.randrange(len(lines))
    way = chance.randrange(4)
    if way == 0:
        del lines[number]
    elif way == 1:
        lines.insert(number, lines[chance.randrange(len(lines))])
    elif way == 2:
        lines[number] = lines[number] + b"," + chance.choice(TOKENS).encode()
    else:
        lines = [lines[number], *lines[:number], *lines[number + 1 :]]
    return b"\n".join(lines)


def _dialect(data: bytes, chance: random.Random) -> bytes:
    old, new = chance.choice(
        (
            (b",", b";"),
            (b",", b"\t"),
            (b".", b","),
            (b"\n", b"\r\n"),
            (b"\n", b"\r"),
            (b'"', b"'"),
            (b" ", b"\xc2\xa0"),
        )
    )
    text = data.replace(old, new)
    if chance.random() < 0.3:
        try:
            return text.decode("utf-8").encode(
                chance.choice(("utf-16", "latin-1", "utf-8-sig", "cp1252")), "replace"
            )
        except UnicodeDecodeError:
            return text
    return text


def _value(data: bytes, chance: random.Random) -> bytes:
    """Put another value in the place of one of a JSON text."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _insert(data, chance)
    places: list[tuple[Any, Any]] = []
    pending = [content]
    while pending:
        entry = pending.pop()
        keys = list(entry) if isinstance(entry, dict) else range(len(entry)) if isinstance(entry, list) else ()
        places += [(entry, key) for key in keys]
        pending += [entry[key] for key in keys]
    if not places:
        return _insert(data, chance)
    entry, key = chance.choice(places)
    values = (None, True, 0, -1, 1e308, 10**400, "", "x", [], {}, [[]], {"a": None}, chance.choice(TOKENS))
    if chance.random() < 0.2:
        del entry[key]
    else:
        entry[key] = chance.choice(values)
    return json.dumps(content).encode()


_WAYS = (
    *(_flip, _flip, _cut, _drop, _double, _overwrite),
    *(_insert, _insert, _cell, _cell, _line, _dialect, _value, _value),
)


def case(name: str, number: int, sound: bytes, folder: Path) -> Outcome:
    """Read one case in this process."""
    from geo.errors import AltdevError

    reader = READERS[name]
    chance = random.Random(zlib.crc32(f"{name} {number}".encode()))
    path = folder / f"case{reader.suffix}"
    path.write_bytes(spoiled(sound, chance))
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    signal.alarm(WAITING_S)
    try:
        reader.read(path)
        kind, told = "read", ""
    except AltdevError as error:
        kind, told = "refused", str(error)
    except Exception:  # noqa: BLE001  (whatever it is, it is a finding)
        kind, told = "tracebacks", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return Outcome(kind, time.process_time() - started, told)


def run_slice(name: str, sound: bytes, first: int, last: int, folder: Path, pipe: int) -> None:
    """Read cases one after another, telling each that begins and how it ended; ends the process."""
    import warnings

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    for number in range(first, last):
        os.write(pipe, (json.dumps([number]) + "\n").encode())
        ended = case(name, number, sound, folder)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(pipe, (json.dumps([number, ended.kind, ended.seconds, most, ended.told[-1500:]]) + "\n").encode())
    os._exit(0)


def fuzz(name: str, number: int) -> None:
    """Read so many further cases of a reader, and keep the counts."""
    figures = load("fuzz") or {"readers": {}}
    row = figures["readers"].setdefault(
        name,
        {
            "cases": 0,
            "read": 0,
            "refused": 0,
            "tracebacks": 0,
            "hangs": 0,
            "deaths": 0,
            "slowest_s": 0.0,
            "most_mib": 0.0,
        },
    )
    goal = row["cases"] + number
    with tempfile.TemporaryDirectory() as home:
        sound = READERS[name].sound(Path(home))
    while row["cases"] < goal:
        folder = Path(tempfile.mkdtemp(prefix="altdev-fuzz-"))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                run_slice(name, sound, row["cases"], min(goal, row["cases"] + SLICE), folder, writing)
            finally:
                os._exit(1)
        os.close(writing)
        begun = None
        with os.fdopen(reading) as lines:
            for line in lines:
                begun = _count(name, row, json.loads(line))
        _, status = os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)
        if begun is not None:
            slow = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF)
            kind = "hangs" if slow else "deaths"
            row[kind] += 1
            row["cases"] += 1
            sys.stdout.write(f"{name} {begun}: {kind} (status {status})\n")
        elif not os.WIFEXITED(status) or os.WEXITSTATUS(status):
            raise SystemExit(f"{name}: the reading process ended with status {status} before any case")
        save("fuzz", figures, name, added=True)


def _count(name: str, row: dict[str, Any], told: Sequence[Any]) -> int | None:
    """Add an outcome; return the number of a case that has begun and not ended."""
    if len(told) == 1:
        return int(told[0])
    number, kind, seconds, most, text = told
    row["cases"] += 1
    row[kind] += 1
    row["slowest_s"] = max(row["slowest_s"], round(seconds, 2))
    row["most_mib"] = max(row["most_mib"], round(most))
    lines = text.strip().splitlines()
    if kind == "tracebacks":
        sys.stdout.write(f"{name} {number}: {lines[-1]}\n")
    return None


def main(arguments: list[str]) -> int:
    """Fuzz the readers named, or all, or tell one case; 1 where anything was neither read nor refused."""
    if arguments[:1] == ["--case"]:
        with tempfile.TemporaryDirectory() as folder:
            sound = READERS[arguments[1]].sound(Path(folder))
            print(case(arguments[1], int(arguments[2]), sound, Path(folder)).told)
        return 0
    number = int(arguments[0]) if arguments else 1000
    bad = 0
    for name in arguments[1:] or READERS:
        fuzz(name, number)
        row = load("fuzz")["readers"][name]
        sys.stdout.write(f"{name}: {row}\n")
        bad += row["tracebacks"] + row["hangs"] + row["deaths"]
    sys.stdout.write(f"{bad} cases neither read nor refused\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
