"""The STAC API of `tests.imagery.stac_server` in a process of its own, and the world it serves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.imagery.world import Shot, write_item


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    folder: Path
    """What it serves and writes."""
    address: str
    """Where it answers."""

    def orders(self, **orders: Any) -> None:
        """Say how it misbehaves from now on."""
        (self.folder / "counts.json").unlink(missing_ok=True)
        (self.folder / "control.json").write_text(json.dumps(orders))

    def searches(self) -> list[dict[str, Any]]:
        """Return the searches it was asked so far, a page each."""
        path = self.folder / "requests.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def lay_out(folder: Path, shots: Sequence[Shot]) -> None:
    """Write the items and files that the server serves."""
    (folder / "items").mkdir(parents=True, exist_ok=True)
    for shot in shots:
        write_item(folder / "files" / shot.name, shot)
        item = json.loads((folder / "files" / shot.name / f"{shot.name}.json").read_text())
        for asset in item["assets"].values():
            asset["href"] = asset["href"].removeprefix("./")
        (folder / "items" / f"{shot.name}.json").write_text(json.dumps(item))


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Run the server on a free port of loopback."""
    script = Path(__file__).with_name("stac_server.py")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield Served(folder, f"http://127.0.0.1:{port}/")
        finally:
            process.terminate()
