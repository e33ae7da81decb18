"""Release a survey at tiers 1 and 2 with canaries in what is tier 0, and search every byte of what went out.

``python -m benchmarks.trust.leaks`` makes the survey of the tests (minutes), and counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.trust.results import save

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[2]
_TEST = """
import json
from pathlib import Path
from maps.disclosure.leak import leaks
from maps.disclosure.packed import opened
from tests.monitor.test_tiers import files_of, released, secrets, sought

def test_count(released):
    needles, told = secrets(released), {}
    files = [path for tier in "12" for path in files_of(released / "run" / "products" / tier)]
    parts = [blob for path in files for _, blob in opened(path.name, path.read_bytes())]
    told["files of tiers 1 and 2 searched"] = len(files)
    told["parts searched, packed ones too"] = len(parts)
    told["bytes searched"] = sum(map(len, parts))
    told["secrets looked for: names"] = len(needles.words)
    told["secrets looked for: places"] = len(needles.metres)
    told["leaks found"] = sum(bool(leaks(path.read_bytes(), sought(path, needles))) for path in files)
    field = [path for name in ("frame", "overlay") for path in files_of(released / "run" / name)]
    told["control: field files in which they are found"] = sum(bool(leaks(p.read_bytes(), needles)) for p in field)
    Path(__file__).with_name("told.json").write_text(json.dumps(told))
"""


def main() -> int:
    """Count, and fail on a leak, or where the search finds nothing in the field's own files."""
    import json

    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_leaks.py"
        test.write_text(_TEST)
        (Path(folder) / "conftest.py").write_text("from tests.monitor.conftest import *\n")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(ROOT),
            str(test),
        ]
        subprocess.run([*command, "-c", str(ROOT / "pyproject.toml")], cwd=ROOT, check=True)
        told = json.loads(test.with_name("told.json").read_text())
    save("leaks", told)
    sys.stdout.write(f"{told}\n")
    return int(told["leaks found"] > 0 or told["control: field files in which they are found"] == 0)


if __name__ == "__main__":
    sys.exit(main())
