"""Interpreters of an example: they read the truth, and err as often as they are said to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import Problem, SurveyFileError
from imagery.profile import CropProfile

__all__ = ["SENIOR", "Interpretation", "interpret"]

SENIOR = "senior"
"""Name of the interpreter who reads the units that the others disagree on."""

_SENIOR_ERRORS = 0.5  # the senior errs half as often


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """Labels of a set of units."""

    interpreters: tuple[str, ...]
    """Names, without the senior."""
    labels: NDArray[np.str_]
    """Label by unit and interpreter, shape (n, interpreters)."""
    senior: NDArray[np.str_]
    """Label of the senior where the others disagree, an empty text elsewhere, shape (n,)."""

    @property
    def agreed(self) -> NDArray[np.str_]:
        """The label that stands: the common one, or the senior's, shape (n,)."""
        return np.where(self.senior == "", self.labels[:, 0], self.senior)

    def rows(self) -> list[tuple[int, str, str]]:
        """Return (unit, interpreter, label) for every label given, units counted from 0, in unit order."""
        result = []
        for unit, (labels, senior) in enumerate(zip(self.labels.tolist(), self.senior.tolist(), strict=True)):
            result += [(unit, name, label) for name, label in zip(self.interpreters, labels, strict=True)]
            result += [(unit, SENIOR, senior)] if senior else []
        return result


def interpret(
    true_labels: NDArray[np.str_],
    profile: CropProfile,
    *,
    omission: float,
    commission: float,
    interpreters: int,
    rng: np.random.Generator,
) -> Interpretation:
    """Label units as interpreters with stated error rates would, each independently of the others.

    Parameters
    ----------
    true_labels
        Class of each unit, shape (n,).
    profile
        Says which classes are crops and which look alike.
    omission
        Chance that a crop unit is called one of the crop's look-alikes.
    commission
        Chance that another unit is called crop.
    interpreters
        Number of interpreters; with one there is no disagreement and no senior.
    rng
        Source of the errors.

    Raises
    ------
    SurveyFileError
        If a label is none of the profile's classes.

    Examples
    --------
    >>> from imagery.profile import load_profile
    >>> read = interpret(np.array(["coca", "forest"]), load_profile("andes-coca"), omission=0.0,
    ...                  commission=0.0, interpreters=2, rng=np.random.default_rng(1))
    >>> read.rows()
    [(0, 'A', 'coca'), (0, 'B', 'coca'), (1, 'A', 'forest'), (1, 'B', 'forest')]
    """
    truth = np.asarray(true_labels, dtype=np.str_)
    unknown = sorted(set(truth.tolist()) - set(profile.legend.names))
    if unknown:
        known = ", ".join(profile.legend.names)
        raise SurveyFileError(Problem("true labels", f"class {unknown[0]!r}", f"one of {known}"))
    names = tuple(chr(ord("A") + index) for index in range(interpreters))
    readings = [_read(truth, profile, omission, commission, rng) for _ in names]
    labels = np.stack(readings, axis=1)
    senior = _read(truth, profile, _SENIOR_ERRORS * omission, _SENIOR_ERRORS * commission, rng)
    split = (labels != labels[:, :1]).any(axis=1)
    return Interpretation(interpreters=names, labels=labels, senior=np.where(split, senior, ""))


def _read(
    truth: NDArray[np.str_],
    profile: CropProfile,
    omission: float,
    commission: float,
    rng: np.random.Generator,
) -> NDArray[np.str_]:
    """Return one interpreter's labels."""
    crop = np.isin(truth, profile.crops)
    chance = rng.random(len(truth))
    taken_for = rng.choice(np.array(profile.look_alikes), len(truth))
    called_crop = rng.choice(np.array(profile.crops), len(truth))
    missed, added = crop & (chance < omission), ~crop & (chance < commission)
    return np.where(missed, taken_for, np.where(added, called_crop, truth))
