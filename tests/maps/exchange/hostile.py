"""Names that try to be something else: a script, a formula, a path, or text that runs backwards."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HOSTILE = "=cmd|'/c calc'!A1\"></name><script>alert(1)</script>\u202egpj.exe ../../etc/passwd &lt;\n{{7*7}}"
"""One name with all of it."""


def program(name: str, *arguments: str | Path) -> str:
    """Return what another program says of a file; skip where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (gdal-bin)")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
