"""Kill a survey at random moments, and see that it ends with the same bytes; and other ways to disturb a run.

``python -m benchmarks.trust.kills [N] [--fresh] [--no-cases]`` adds N kills (20 when none is named) to those
counted before, or begins anew; each killed run is gone on with to its end, and held to one that nobody disturbed.
The other ways are tried once more each time, unless they are left out. Ends with 1 where a run came out otherwise.
The work lies in ``build/kills``; stop it at any time, and go on later. Linux: it forks, and mounts small disks
where it may.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import pkgutil
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.trust.results import load, save
from benchmarks.trust.summary import WRONG
from monitor.program import program_version

__all__ = ["content", "disturb", "kill", "main", "thin", "write_survey"]

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "kills"
SIZE = 120
"""Cells on a side of the landscape: small, for many kills."""
IN_THE_MIDDLE_S = 4.0
"""A while after which a run is under way, seconds."""
AHEAD = 0.3
"""Longest part of a whole run between two kills of it: longer than any step, or a run would never end."""
EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")


def prepare() -> Path:
    """Return the folder of the survey, with a run that nobody disturbed; both are made once by each program."""
    project, done = WORK / "project", WORK / "project" / "done"
    if not done.is_file() or done.read_text() != program_version():
        shutil.rmtree(WORK, ignore_errors=True)
        write_survey(project, SIZE)
        start, seen = resource.getrusage(resource.RUSAGE_CHILDREN), WORK / "acts"
        code, _ = child(lambda: (count_acts(project / "run", seen), survey(project)))
        if code:
            raise SystemExit((WORK / "stderr").read_text()[-2000:])
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime - start.ru_utime - start.ru_stime
        told = {"seconds": seconds, "acts": seen.stat().st_size}
        (WORK / "whole.json").write_text(json.dumps(told))
        (project / "run").rename(WORK / "undisturbed")
        done.write_text(program_version())
    return project


def write_survey(project: Path, size: int) -> None:
    """Write a survey of every kind of step, with few scenes and small models."""
    from imagery.simulate.example import write_example

    write_example("rif-cannabis", project, seed=3, size=size)
    thin(project / "inputs" / "stac" / "catalog.json")
    path = project / "survey.toml"
    text = path.read_text()
    for before, after in _SMALLER:
        assert before in text, before
        text = text.replace(before, after)
    text = re.sub(r"\[ad\.travel\].*?(?=\n\[(?!ad\.travel))", "", text, flags=re.DOTALL)  # straight lines
    path.write_text(text + _MORE)


def thin(catalog: Path) -> None:
    """Leave every third scene in a catalogue."""
    content = json.loads(catalog.read_text())
    scenes = sorted(link["href"] for link in content["links"] if link["rel"] == "item")
    left_out = set(scenes) - set(scenes[::3])
    content["links"] = [link for link in content["links"] if link["href"] not in left_out]
    catalog.write_text(json.dumps(content))


_SMALLER = (
    ("size = 600", "size = 240"), ("floor = 50", "floor = 15"), ("permutations = 999", "permutations = 99"),
    ("[classifier]\nfolds = 5", "[classifier]\ntrees = 8\ntune = false\nforest_trees = 8\nfolds = 2"),
    ("[harm]\n", "[harm]\ndraws = 200\n"),
)  # fmt: skip
"""What makes the example quick: every step runs all the same."""

_MORE = """
[corrections]
eradication = "inputs/eradication.gpkg"
all_verified = true
image_date = { "2021" = 2021-01-01 }

[[production]]
crop = "cannabis"
product = "dry herb"
region = "Jbel Amara"
vintage = "2024"
yield_kg_ha = 800.0
yield_se_kg_ha = 50.0
source = "invented"

[iati]
identifier = "XX-TEST-1"
organisation = "XX-TEST"
organisation_name = "An invented office"
organisation_type = "10"
"""


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


def survey(project: Path, *, out: Path | None = None, overwrite: bool = False) -> None:
    """Run the whole survey in this process."""
    from monitor.workflow import RunOptions, run

    options = RunOptions(out=out or project / "run", overwrite=overwrite)
    run(project / "survey.toml", options, verb=None, listener=Silent())


def content(out: Path) -> dict[str, str]:
    """Return the hash of every file, hidden ones too; times of day in manifest and card are left out.

    Finished blocks, which may be deleted at any time, hold the seconds they took, and are left out too.
    """
    found = {}
    files = (path for path in out.rglob("*") if path.is_file() and path.name != ".lock")
    for path in sorted(path for path in files if path.relative_to(out).parts[0] != ".blocks"):
        data = path.read_bytes()
        if path.name == "manifest.json":
            manifest = json.loads(data)
            for step in manifest["steps"].values():
                step["finished"] = ""
            data = json.dumps(manifest, sort_keys=True).encode()
        elif path.name == "ro-crate-metadata.json":
            card = json.loads(data)
            for entity in card["@graph"]:
                for key in ("endTime", "datePublished", *(("sha256",) if entity["@id"] == "manifest.json" else ())):
                    entity.pop(key, None)
            data = json.dumps(card, sort_keys=True).encode()
        found[path.relative_to(out).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def child(work: Callable[[], object], *, kill_after_s: float | None = None) -> tuple[int, int]:
    """Do some work in a forked process; return its exit code and the signal that ended it."""
    from geo.errors import AltdevError

    started = os.fork()
    if started == 0:
        with (WORK / "stderr").open("w") as errors:
            os.dup2(errors.fileno(), 2)
            try:
                work()
            except AltdevError as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(error.exit_code)
            except BaseException as error:  # noqa: BLE001  (the parent sees the exit code)
                print(f"Traceback {error!r}", file=sys.stderr, flush=True)
                os._exit(99)
            os._exit(0)
    if kill_after_s is not None and not _ended_within(started, kill_after_s):
        os.kill(started, signal.SIGKILL)
    _, status = os.waitpid(started, 0)
    return (0, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (os.WEXITSTATUS(status), 0)


def _ended_within(process: int, seconds: float) -> bool:
    """Wait until a process has ended, or used so much processor time; say whether it has ended."""
    while _processor_s(process) < seconds:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        time.sleep(min(0.02, seconds))
    return False


def _processor_s(process: int) -> float:
    """Return the processor time that a process of this one has used, however busy the machine is."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _at_each_act(out: Path, hear: Callable[[], object]) -> None:
    """Let something be done before each act of this process on the run folder that changes anything."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not any(str(out) in str(argument) for argument in arguments[:2]):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return  # only reads
        hear()

    sys.addaudithook(hook)


def count_acts(out: Path, seen: Path) -> None:
    """Let this process leave a byte for each of its acts on the run folder."""
    target = os.open(seen, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    _at_each_act(out, lambda: os.write(target, b"."))


def die_before(event_number: int, out: Path) -> None:
    """Let this process be killed before its numbered act on the run folder."""
    left = iter(range(event_number))

    def hear() -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    _at_each_act(out, hear)


def unnamed(out: Path) -> list[str]:
    """Return visible files that the manifest of a killed run does not name."""
    path = out / "manifest.json"
    steps = json.loads(path.read_text())["steps"].values() if path.is_file() else ()
    named = {name for step in steps for name in step["outputs"]} | {"manifest.json", "ro-crate-metadata.json"}
    files = (file.relative_to(out) for file in out.rglob("*") if file.is_file())
    visible = {file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts)}
    return sorted(visible - named)


def kill(number: int, chance: random.Random) -> None:
    """Kill so many times, go on with what each kill left to its end, and compare it.

    A run is killed again and again on its way; after each kill its folder is set aside, the run goes on to its end
    and is compared, and the folder is put back as the kill had left it. Half of the kills come after a while, half
    before one of the acts by which a run changes the disk, the last manifest among them.
    """
    project = prepare()
    expected = content(WORK / "undisturbed")
    whole = json.loads((WORK / "whole.json").read_text())
    counts = load("kills").get("counts") or dict.fromkeys(COUNTED, 0)
    out, aside, done = project / "run", WORK / "aside", 0
    shutil.rmtree(out, ignore_errors=True)
    while done < number:
        if not _kill_once(project, whole, chance, counts):
            shutil.rmtree(out)  # it ended; the next begins anew
            continue
        done += 1
        shutil.rmtree(aside, ignore_errors=True)
        if out.exists():
            shutil.copytree(out, aside, symlinks=True)
        code, _ = child(lambda: survey(project))
        counts["tracebacks"] += code == 99
        counts["killed runs gone on with to their end"] += 1
        counts["runs with other bytes"] += code != 0 or content(out) != expected
        shutil.rmtree(out)
        if aside.exists():
            aside.rename(out)
        save("kills", load("kills") | {"counts": counts}, "kills", added=True)
    shutil.rmtree(out, ignore_errors=True)


def _kill_once(project: Path, whole: Mapping[str, float], chance: random.Random, counts: dict[str, int]) -> bool:
    """Begin or go on with a run, and kill it; say whether it was killed, or had ended before."""
    out = project / "run"
    if chance.random() < 0.5:
        how, moment = "kills before a random act on the disk", chance.randrange(int(whole["acts"] * AHEAD))
        code, ended_by = child(lambda: (die_before(moment, out), survey(project)))
    else:
        how = "kills after a random while"
        code, ended_by = child(lambda: survey(project), kill_after_s=chance.uniform(0, whole["seconds"] * AHEAD))
    counts["tracebacks"] += code == 99
    if not ended_by:
        return False
    counts[how] += 1
    counts["files that no manifest named"] += len(unnamed(out)) if out.exists() else 0
    return True


COUNTED = (
    "kills after a random while", "kills before a random act on the disk", "killed runs gone on with to their end",
    "runs with other bytes", "files that no manifest named", "tracebacks",
)  # fmt: skip
BAD = COUNTED[3:]
"""Counts that must stay zero."""


def disturb() -> None:
    """Disturb a run in each of the other ways once, and keep what was seen."""
    project = prepare()
    told = {}
    for name, case in CASES.items():
        shutil.rmtree(project / "run", ignore_errors=True)
        told[name] = case(project, content(WORK / "undisturbed"))
        sys.stdout.write(f"{name}: {told[name]}\n")
        save("kills", {"counts": {}} | load("kills") | {"cases": told}, "cases")
    shutil.rmtree(project / "run", ignore_errors=True)


def _said() -> str:
    lines = (WORK / "stderr").read_text().strip().splitlines()
    if not lines:
        return "nothing said"
    traced = (
        "a traceback" if lines[0].startswith("Traceback") else f"{len(lines)} line{'s' if len(lines) > 1 else ''}"
    )
    return f"{traced}: {lines[-1][lines[-1].find('found') :][:120]}"


def _ended(project: Path, expected: Mapping[str, str]) -> str:
    code, _ = child(lambda: survey(project))
    if code:
        return f"FAILS with exit {code}, {_said()}"
    found = content(project / "run")
    others = sorted(name for name, _ in found.items() ^ expected.items())
    return f"DIFFERS in {len(set(others))} files, such as {others[0]}" if others else "ends with the same bytes"


@contextmanager
def _small_disk(path: Path, options: str) -> Iterator[bool]:
    path.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(path)], check=False)


def _full_disk(project: Path, expected: Mapping[str, str]) -> str:
    with _small_disk(WORK / "disk", "size=2m") as mounted:
        if mounted:
            out = WORK / "disk" / "run"
            code, _ = child(lambda: survey(project, out=out))
            said = f"a disk of 2 MiB: exit {code}, {_said()}"
            shutil.copytree(out, project / "run", ignore=shutil.ignore_patterns(".lock"))
        else:

            def limited() -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                survey(project)

            code, _ = child(limited)
            said = f"files of 60,000 bytes at most (no disk could be mounted): exit {code}, {_said()}"
    return f"{said}; with room the next run {_ended(project, expected)}"


def _read_only(project: Path, _: Mapping[str, str]) -> str:
    with _small_disk(WORK / "disk", "size=2m,ro") as mounted:
        if not mounted:
            return "not tried: no disk could be mounted"
        code, _ = child(lambda: survey(project, out=WORK / "disk" / "run"))
        return f"exit {code}, {_said()}"


def _vanished(project: Path, expected: Mapping[str, str]) -> str:
    child(lambda: survey(project), kill_after_s=IN_THE_MIDDLE_S)
    path = project / "inputs" / "admin.gpkg"
    path.rename(WORK / "away")
    code, _ = child(lambda: survey(project))
    said = f"exit {code}, {_said()}"
    (WORK / "away").rename(path)
    return f"{said}; brought back the next run {_ended(project, expected)}"


def _clock(project: Path, expected: Mapping[str, str]) -> str:
    from datetime import UTC, datetime

    from monitor import engine

    class Past(datetime):
        @classmethod
        def now(cls, tz: Any = UTC) -> Past:
            return cls(2001, 1, 1, tzinfo=tz)

    child(lambda: survey(project), kill_after_s=IN_THE_MIDDLE_S)

    def early() -> None:
        engine.datetime = Past  # type: ignore[misc]
        survey(project)

    child(early, kill_after_s=IN_THE_MIDDLE_S)
    return f"killed, gone on with in 2001, killed, gone on with today: it {_ended(project, expected)}"


def _twice(project: Path, expected: Mapping[str, str]) -> str:
    first = os.fork()
    if first == 0:
        try:
            survey(project)
        finally:
            os._exit(0)
    while not (project / "run" / ".lock").is_file() or not (project / "run" / ".lock").read_text():
        time.sleep(0.05)
    code, _ = child(lambda: survey(project))
    named = f"process {first}" in (WORK / "stderr").read_text()
    os.waitpid(first, 0)
    told = "names the first" if named else "does not name the first"
    return f"the second ends with exit {code} and {told}; the first {_ended(project, expected)}"


def _overwrite(project: Path, expected: Mapping[str, str]) -> str:
    shutil.copytree(WORK / "undisturbed", project / "run", ignore=shutil.ignore_patterns(".lock"))
    other = WORK / "other"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(project, other, ignore=shutil.ignore_patterns("run"))
    path = other / "survey.toml"
    path.write_text(path.read_text().replace('name = "rif-cannabis-3"', 'name = "another"'))
    kept = killed = 0
    while killed < OVERWRITES:
        code, ended_by = child(
            lambda: survey(other, out=project / "run", overwrite=True), kill_after_s=1.0 + 0.3 * killed
        )
        if not ended_by:  # it goes on where it was killed, so that many kills let it end
            return f"after {killed} kills it ended with exit {code}, which FAILS to show anything"
        killed += 1
        found = content(project / "run")
        kept += {name: digest for name, digest in found.items() if not name.startswith(".")} == dict(expected)
    child(lambda: survey(project, out=project / "run"))
    ended = "ends with the same bytes" if content(project / "run") == expected else "DIFFERS"
    told = "" if kept == killed else ", which FAILS"
    return (
        f"after {kept} of {killed} kills the old result stood byte by byte{told}; the old survey's next run {ended}"
    )


OVERWRITES = 6
"""Kills of one overwriting run, which together must not let it end."""
CASES: dict[str, Callable[[Path, Mapping[str, str]], str]] = {
    "full disk": _full_disk,
    "read-only folder": _read_only,
    "vanished input": _vanished,
    "clock set back": _clock,
    "two runs at once": _twice,
    "interrupted --overwrite": _overwrite,
}


def main(arguments: list[str]) -> int:
    """Import everything once, so that each kill forks a warm process; then kill."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust.kills")
    parser.add_argument("number", nargs="?", type=int, default=20, help="kills")
    parser.add_argument("--fresh", action="store_true", help="forget what was counted before")
    parser.add_argument("--no-cases", action="store_true", help="leave out the other ways")
    given = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    WORK.mkdir(parents=True, exist_ok=True)
    import monitor.steps

    for module in pkgutil.iter_modules(monitor.steps.__path__):
        importlib.import_module(f"monitor.steps.{module.name}")
    os.fsync = lambda _: None  # a killed process loses nothing that it wrote; only a power cut does
    if given.fresh:
        save("kills", {"counts": dict.fromkeys(COUNTED, 0)}, "kills")
    kill(given.number, random.Random(time.time_ns()))
    if not given.no_cases:
        disturb()
    told = load("kills")
    for key, value in told["counts"].items():
        sys.stdout.write(f"{key}: {value}\n")
    bad = [key for key in BAD if told["counts"][key]]
    bad += [name for name, text in told.get("cases", {}).items() if any(word in text for word in WRONG)]
    if bad:
        sys.stdout.write(f"not as they should be: {', '.join(bad)}\n")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
