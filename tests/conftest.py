"""Rules that hold for every test: no network but loopback, and in CI no numeric test is skipped unseen."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test reach this machine only."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


ABSENT = ("is not on this machine", "are not on this machine", "is not installed")
"""What may be missing, in the words of a skip: data and programs of others."""


@cache
def numeric_tests() -> frozenset[str]:
    """Return the tests that hold numbers to something outside the code."""
    return frozenset(Path(__file__).with_name("numeric_tests.txt").read_text(encoding="utf-8").split())


def unseen_skip(nodeid: str, reason: str) -> bool:
    """Say whether a skip takes a numeric test out for anything but what is missing on the machine."""
    file, *_, name = nodeid.split("::")
    return f"{file}::{name.split('[')[0]}" in numeric_tests() and not any(word in reason for word in ABSENT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a numeric test that is skipped fail in CI."""
    report = yield
    if report.skipped and os.environ.get("CI") and unseen_skip(item.nodeid, str(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"a numeric test was skipped in CI: {report.longrepr}"
    return report
