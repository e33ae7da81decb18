"""Rules that hold for every test: no network but loopback, and in CI no numeric test is left out unseen."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.browser import browser as browser

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


def listed_name(nodeid: str) -> str:
    """Return the name by which a test stands in the list: its file and function."""
    file, *_, name = nodeid.split("::")
    return f"{file}::{name.split('[')[0]}"


def unseen_skip(nodeid: str, reason: str) -> bool:
    """Say whether a skip takes a numeric test out for anything but what is missing on the machine."""
    return listed_name(nodeid) in numeric_tests() and not any(word in reason for word in ABSENT)


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


SEEN: set[str] = set()
"""Tests that were run or skipped, by listed name."""
ABSENT_FILES: set[str] = set()
"""Files that were not collected since what they need is not on the machine."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note that a test came to its turn."""
    SEEN.add(listed_name(report.nodeid))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that says what it misses before any of its tests is known."""
    if report.skipped and any(word in str(report.longrepr) for word in ABSENT):
        ABSENT_FILES.add(report.nodeid)


def lost_tests() -> list[str]:
    """Return the numeric tests that never came to their turn."""
    return sorted(name for name in numeric_tests() - SEEN if name.split("::")[0] not in ABSENT_FILES)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let a whole run in CI fail that a numeric test had no part in: skipped with its file, or not collected."""
    option = session.config.option
    whole = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS and not (
        option.markexpr or option.keyword or option.collectonly
    )
    worker = hasattr(session.config, "workerinput")
    if not (os.environ.get("CI") and whole and not worker and exitstatus == pytest.ExitCode.OK):
        return
    lost = lost_tests()
    if lost:
        sys.stderr.write(f"{len(lost)} numeric tests of tests/numeric_tests.txt were not run: {lost[:5]}\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
