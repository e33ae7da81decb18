"""What a person at a terminal sees of a run: one line a step, and a progress bar where there is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import click

__all__ = ["TerminalListener"]


class TerminalListener:
    """Writes to stderr; a bar is drawn on a terminal only.

    Parameters
    ----------
    quiet
        Write nothing.
    verbose
        Write each step's facts too.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._since = 0.0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_bar()

    def started(self, step: str) -> None:
        """Remember when a step began; say so at once in verbose mode."""
        self._since = time.monotonic()
        if self._verbose:
            self._say(f"{step} ...")

    def progress(self, step: str, done: int, total: int) -> None:
        """Draw the bar of a step that has more than one part."""
        if self._quiet or total <= 1 or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(length=total, label=step, file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(done - self._bar.pos)

    def kept(self, step: str) -> None:
        """Say that a finished step is kept."""
        self._say(f"{step:<22} kept from an earlier run")

    def finished(self, step: str, facts: Mapping[str, Any]) -> None:
        """Say that a step ended, and what it found when asked to."""
        self._close_bar()
        self._say(f"{step:<22} done in {time.monotonic() - self._since:.1f} s")
        if self._verbose:
            for name, value in facts.items():
                self._say(f"    {name}: {value}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text, err=True)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
