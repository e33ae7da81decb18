"""A workflow of four small steps, and ways to kill it: run as a program of its own, since it forks and dies.

``python -m tests.monitor.fake_workflow every FOLDER`` kills it before every single thing it does to the file
system, ``... third FOLDER`` before every third, and ``... random FOLDER`` at random moments, again and again.
Each prints one JSON line of what it found.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monitor.engine import Step, execute, tidied
from monitor.manifest import Manifest
from monitor.run_folder import RunFolder

EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
KILLS = 20


class Silent:
    """A listener that says nothing."""

    def started(self, step: str) -> None:
        """Hear nothing."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Hear nothing."""

    def kept(self, step: str) -> None:
        """Hear nothing."""

    def finished(self, step: str, facts: Mapping[str, Any]) -> None:
        """Hear nothing."""


def steps(out: Path, source: Path, *, version: int, pause_s: float = 0.0) -> list[Step]:
    """Return the steps: two read the source, the others what these made; version 2 makes other files."""

    def write(staging: Path, name: str, text: str) -> None:
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        time.sleep(pause_s)

    def count(staging: Path, progress: Callable[[int, int], None]) -> Mapping[str, Any]:
        text = source.read_text()
        for part in range(2):
            write(staging, f"maps/{version}/part{part}.txt", f"{text} {part}")
            progress(part + 1, 2)
        return {"letters": len(text), "version": version}

    def common(staging: Path, progress: Callable[[int, int], None]) -> Mapping[str, Any]:
        write(staging, "tables/common.csv", source.read_text().upper())
        if version == 1:
            write(staging, "tables/first_only.csv", "x")
        return {}

    def join(staging: Path, progress: Callable[[int, int], None]) -> Mapping[str, Any]:
        maps = sorted((out / "maps" / str(version)).iterdir())
        write(staging, "tables/joined.csv", "".join(path.read_text() for path in maps))
        return {"maps": len(maps)}

    last = f"report:{version}"  # each version has a last step of another name
    return [
        Step(name="count", verb="a", inputs=(source,), parameters={"version": version}, action=count),
        Step(name="common", verb="b", inputs=(source,), parameters={"version": version}, action=common),
        Step(name="join", verb="c", needs=("count", "common"), parameters={}, action=join),
        Step(
            name=last,
            verb="d",
            needs=("join",),
            parameters={},
            action=lambda staging, _: write(staging, f"products/{version}.html", "page") or {},
        ),
    ]


def run(out: Path, source: Path, *, version: int = 1, pause_s: float = 0.0) -> Manifest:
    """Run the workflow as `monitor.workflow.run` runs a survey."""
    folder = RunFolder(out)
    with folder.held():
        folder.require_ours("fake", overwrite=False)
        base = folder.manifest() or Manifest(survey={"name": "fake", "seed": 1}, versions={}, inputs={}, steps={})
        work = steps(out, source, version=version, pause_s=pause_s)
        base = tidied(base, work, folder, root=source.parent)
        return execute(work, folder, base, root=source.parent, resume=True, listener=Silent())


def content(out: Path) -> dict[str, str]:
    """Return the hash of every file, hidden ones and the names of folders too; times of day left out."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_dir():
            found[name] = "folder"
        elif name == "manifest.json":
            manifest = json.loads(path.read_text())
            for step in manifest["steps"].values():
                step["finished"] = ""
            found[name] = json.dumps(manifest, sort_keys=True)
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _child(work: Callable[[], object]) -> tuple[int, int]:
    """Do some work in a forked process; return its exit code and the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (the parent sees the exit code, and stderr the reason)
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), os.WTERMSIG(status)


def _die_before(event_number: int, out: Path) -> None:
    """Kill this process before the given event inside the run folder."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in EVENTS or not any(str(out) in str(argument) for argument in arguments[:2]):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return  # only reads
        seen += 1
        if seen > event_number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def kill_at_every_event(folder: Path, stride: int = 1) -> dict[str, Any]:
    """Kill a change from version 1 to 2 before each event; finish it, or go back, and compare with fresh runs."""
    source = folder / "source.txt"
    source.write_text("coca")
    fresh = {version: _fresh(folder, source, version) for version in (1, 2)}
    wrong, killed = [], 0
    out = folder / "out"
    for begun in ("nothing", "fresh1"):
        for number in range(stride // 2, 10_000, stride):
            shutil.rmtree(out, ignore_errors=True)
            if begun != "nothing":
                shutil.copytree(folder / begun, out)
            _, ended_by = _child(lambda n=number: (_die_before(n, out), run(out, source, version=2)))
            final = 1 + number // stride % 2  # go back to version 1, or on with version 2
            code, _ = _child(lambda v=final: run(out, source, version=v))
            if code or content(out) != fresh[final]:
                wrong.append([begun, number, final, sorted(content(out).items() ^ fresh[final].items())])
            if not ended_by:
                break
            killed += 1
    return {"killed": killed, "wrong": wrong[:3], "wrongs": len(wrong)}


def kill_at_random(folder: Path, seed: int = 7) -> dict[str, Any]:
    """Kill one run again and again at random moments, until it ends; compare it with an uninterrupted one."""
    source = folder / "source.txt"
    source.write_text("coca")
    expected = _fresh(folder, source, 1)
    moments = random.Random(seed)
    out, killed = folder / "out", 0
    while killed < KILLS:
        child = os.fork()
        if child == 0:
            run(out, source, pause_s=0.01)
            os._exit(0)
        time.sleep(moments.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += 1
        if not os.WIFSIGNALED(status):
            shutil.rmtree(out)  # it was done: begin again
    code, _ = _child(lambda: run(out, source))
    return {"killed": killed, "code": code, "equal": content(out) == expected}


def _fresh(folder: Path, source: Path, version: int) -> dict[str, str]:
    out = folder / f"fresh{version}"
    _child(lambda: run(out, source, version=version))
    return content(out)


if __name__ == "__main__":
    os.fsync = lambda _: None  # a killed process loses nothing that it wrote; only a power cut does
    ways = {
        "every": kill_at_every_event,
        "third": lambda folder: kill_at_every_event(folder, stride=3),
        "random": kill_at_random,
    }
    print(json.dumps(ways[sys.argv[1]](Path(sys.argv[2]))))
