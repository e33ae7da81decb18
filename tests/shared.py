"""Where the oracles and real cases lie, and the plain skip when they are not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("ALTDEV_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def oracle_path(name: str) -> Path:
    """Return the path of an oracle file or folder, or skip with its name."""
    path = SHARED / "oracles" / name
    if not path.exists():
        pytest.skip(f"oracle {name} is not on this machine (folder 'shared' beside the checkout)")
    return path


def oracle(name: str) -> Any:
    """Return the expected numbers of an oracle folder as parsed JSON, or skip."""
    return json.loads((oracle_path(name) / "expected.json").read_text())


def case(name: str) -> Path:
    """Return the path of a real case, or skip with its name."""
    path = SHARED / "cases" / name
    if not path.exists():
        pytest.skip(f"real case {name} is not on this machine (folder 'shared' beside the checkout)")
    return path
