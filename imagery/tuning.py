"""Settings chosen by what left-out land says, inside the folds they are judged in.

A choice made on all places and judged on the same places flatters itself; here each fold is judged by a choice that
was made without it (nested validation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imagery.ensemble import EnsembleSettings

__all__ = ["best_of", "candidates"]

Score = Callable[[EnsembleSettings], float]


def candidates(settings: EnsembleSettings) -> tuple[EnsembleSettings, ...]:
    """Return the settings to choose from: those given first, then other members and other sizes of trees.

    Examples
    --------
    >>> [found.members for found in candidates(EnsembleSettings())][1:3]
    [('boosted_trees',), ('linear_discriminant',)]
    """
    alone = [replace(settings, members=(kind,)) for kind in settings.members if len(settings.members) > 1]
    sizes = []
    if "boosted_trees" in settings.members:
        for leaves, trees in ((7, 150), (15, 160)):
            sizes.append(replace(settings, boost=replace(settings.boost, leaves=leaves, trees=trees)))
    return (settings, *alone, *(found for found in sizes if found != settings))


def best_of(options: Sequence[EnsembleSettings], score: Score) -> tuple[EnsembleSettings, NDArray[np.float64]]:
    """Return the settings of the highest score, the first of those that tie, and all scores.

    Examples
    --------
    >>> one, two = EnsembleSettings(), EnsembleSettings(members=("random_forest",))
    >>> best_of([one, two], lambda found: float("random_forest" in found.members))[0] == two
    True
    """
    scores = np.array([score(option) for option in options])
    return options[int(scores.argmax())], scores
