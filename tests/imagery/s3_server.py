"""An S3-compatible server (moto) on loopback, in its own process, that answers nobody without a name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "a-session-token-nobody-may-see",
}
"""Those that AWS prints in its handbook, and a token."""

_OWNER = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={CREDENTIALS['AWS_ACCESS_KEY_ID']}/20260101/us-east-1/s3/"
    "aws4_request, SignedHeaders=host, Signature=none"
}
"""The server wants to know who asks, and believes it."""

_SERVE = """
import sys
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print("AT", *server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A running store."""

    endpoint: str
    """Address."""

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object into a bucket, which is made when it is not there."""
        for place, body in ((bucket, b""), (f"{bucket}/{key}", content)):
            requests.put(f"{self.endpoint}/{place}", data=body, headers=_OWNER, timeout=20).raise_for_status()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a store; skips where moto is not installed."""
    packages = Path(sys.prefix) / "store"
    if not (packages / "moto").is_dir():
        pytest.skip("the object store of tests/store.txt is not installed ('make test' does)")
    command = [sys.executable, "-W", "ignore", "-c", _SERVE]
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(packages)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        line = next(line for line in server.stdout if line.startswith("AT "))
        _, host, port = line.split()
        try:
            yield ObjectStore(f"http://{host}:{port}")
        finally:
            server.stdin.close()
