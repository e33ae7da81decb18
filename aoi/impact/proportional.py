"""The effect where treated and controls would have moved by the same share, not by the same amount: Poisson.

For counts and for hectares of which many are zero the logarithm has no place; the Poisson pseudo-likelihood has.
With a saturated model it is solved by hand: what the treated would have had is what they had at the baseline times
what their controls became of theirs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aoi.impact.aggregate import Effect, simple
from aoi.impact.group_time import NEVER, group_time_effects
from aoi.impact.panel import Panel
from aoi.impact.study import Study
from geo.errors import Problem, QualityGateError

__all__ = ["proportional_effect"]

FloatArray = NDArray[np.float64]


def proportional_effect(study: Study, panel: Panel) -> Effect:
    """Return the mean effect by unit and year under proportional trends, in the outcome's unit.

    Parameters
    ----------
    study
        Matched treated units and controls.
    panel
        Their outcome, 0 or more.

    Raises
    ------
    QualityGateError
        If the controls of a cohort had nothing at its baseline, so that nothing can be a share of it.

    Notes
    -----
    For cohort g at t, from its baseline b, with the controls' weighted means C and the treated's means Y,
    ``ATT = Y_t - Y_b C_t / C_b``: the Poisson pseudo-likelihood with cohort and year effects, Wooldridge (2023),
    Econometrics Journal 26, C31-C66, doi:10.1093/ectj/utad016. Its influence is that of the difference in
    differences of ``Y_it - r Y_ib`` for the treated and of ``k (Y_jt - r Y_jb)`` for the controls, with
    ``r = C_t / C_b`` and ``k = Y_b / C_b``, to which it is equal in value. Where all have the same controls that is
    the delta method; with sets of their own what a set shares is no error, as in the main effect.
    """
    at = {int(year): index for index, year in enumerate(panel.years)}
    parts, sizes = [], []
    for group in study.arm.groups:
        members = study.arm.members(group)
        weight = np.asarray(study.arm.match[np.flatnonzero(members)].mean(axis=0), dtype=float).ravel()
        base = panel.outcome[:, at[int(group[1])]]
        ours, theirs = float(base[members].mean()), float(weight @ base)
        if not theirs > 0:
            problem = Problem(f"cohort {group[0]}", "controls with nothing at the baseline", "some outcome")
            raise QualityGateError(problem)
        ratio = (weight @ panel.outcome) / theirs
        moved = panel.outcome - ratio[None, :] * base[:, None]
        moved[~members] *= ours / theirs
        arm = replace(
            study.arm,
            start=np.where(members, study.arm.start, NEVER),
            baseline=np.where(members, study.arm.baseline, NEVER),
        )
        cells = group_time_effects(moved, panel.years, arm, clusters=panel.cluster)
        parts.append(simple(cells))
        sizes.append(int(members.sum()) * int(cells.post.sum()))
    whole = sum(sizes)
    total = parts[0] * (sizes[0] / whole)
    for part, size in zip(parts[1:], sizes[1:], strict=True):
        total = total + part * (size / whole)
    return Effect(value=total.value, influence=total.influence, label="proportional")
