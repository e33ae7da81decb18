"""The bar of the harms: every stage has its share, it never goes back, and it ends full."""

from __future__ import annotations

from threading import get_ident
from typing import Any

import pytest

from aoi.harm.erosion import in_threads
from monitor.harms.stages import LENGTH, STAGES, Stages


def test_every_stage_moves_the_bar_and_it_ends_full() -> None:
    """Law: two crops one after another, all stages in order, parts inside their stage; no step back."""
    told: list[tuple[int, int]] = []
    heard: list[str] = []
    for number in range(2):
        bar = Stages(lambda done, total: told.append((done, total)), number, 2, hears=heard.append)
        for name in STAGES:
            before = len(told)
            bar.begin(name)
            for part in range(1, 5):
                bar.part(part, 4)
            assert len(told) > before
        bar.end()
    done = [one for one, _ in told]
    assert done == sorted(done)
    assert {total for _, total in told} == {2 * LENGTH}
    assert told[-1] == (2 * LENGTH, 2 * LENGTH)
    assert (LENGTH, 2 * LENGTH) in told
    assert heard == 2 * list(STAGES)


def test_stages_that_are_not_needed_are_skipped() -> None:
    """Law: without inputs of erosion the bar goes from the rings to its end; a stage of no parts is no error."""
    told: list[int] = []
    bar = Stages(lambda done, _: told.append(done))
    bar.begin("pass over blocks")
    bar.part(0, 0)
    bar.begin("rings and fragments")
    bar.end()
    assert told == [0, STAGES["pass over blocks"], LENGTH]
    with pytest.raises(ValueError, match="not in list"):
        bar.begin("tea")


def test_draws_are_told_one_by_one_from_any_thread() -> None:
    """Law: every draw is done once and told once, in a count without gaps, by as many threads as asked."""
    seen: list[int] = []
    told: list[tuple[int, int]] = []
    threads = set()

    def work(draws: Any) -> None:
        threads.add(get_ident())
        seen.extend(draws)

    in_threads(work, 20, 3, lambda done, total: told.append((done, total)))
    assert sorted(seen) == list(range(20))
    assert told == [(one, 20) for one in range(1, 21)]
    assert 1 <= len(threads) <= 3
