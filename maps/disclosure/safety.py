"""Whether enough people stand behind a figure: the k, dominance and group rules.

A place is safe when at least k fields contribute to it, its largest fields do not hold most of it, and fields are
not so many beside the households that to live there is to be known as a grower. A place without any mapped crop is
empty, which is not the same as safe.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from maps.disclosure.policy import TierRules

__all__ = ["EMPTY", "SAFE", "UNSAFE", "amounts", "state_of_places"]

EMPTY, SAFE, UNSAFE = 0, 1, 2
"""States of a place."""


def amounts(patches: pd.DataFrame, n_atoms: int) -> NDArray[np.float64]:
    """Return the mapped hectares in each atom, shape (n_series, n_atoms); a series is a crop and a period."""
    series = list(_series(patches))
    result = np.zeros((len(series), n_atoms))
    for row, (_, rows) in zip(result, series, strict=True):
        np.add.at(row, rows["atom"].to_numpy(), rows["area_ha"].to_numpy())
    return result


def state_of_places(
    patches: pd.DataFrame,
    member: csr_array,
    households: NDArray[np.int64],
    rules: TierRules,
) -> NDArray[np.int64]:
    """Return the worst state of each place over all crops and periods.

    Parameters
    ----------
    patches
        Columns crop, period, patch, atom, area_ha.
    member
        0/1 matrix, shape (n_places, n_atoms): the atoms of each place.
    households
        Households in each atom, shape (n_atoms,); negative where not known.
    rules
        The tier's.

    Returns
    -------
    ndarray, shape (n_places,)
        `EMPTY` where no crop was ever mapped, `UNSAFE` where any crop and period breaks a rule, else `SAFE`.
    """
    homes = np.asarray(member @ np.maximum(households, 0))
    worst = np.full(member.shape[0], EMPTY, dtype=np.int64)
    for _, rows in _series(patches):
        worst = np.maximum(worst, _states(rows, member, homes, rules, known=bool((households >= 0).all())))
    return worst


def _series(patches: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    return [((str(crop), str(period)), rows) for (crop, period), rows in patches.groupby(["crop", "period"])]


def _states(
    rows: pd.DataFrame, member: csr_array, homes: NDArray[np.int64], rules: TierRules, *, known: bool
) -> NDArray[np.int64]:
    n_places, n_atoms = member.shape
    patch = pd.factorize(rows["patch"], sort=True)[0]
    shape = (n_atoms, int(patch.max(initial=-1)) + 1)
    by_atom = csr_array((rows["area_ha"].to_numpy(), (rows["atom"].to_numpy(), patch)), shape=shape)
    inside = csr_array(member @ by_atom)
    inside.sort_indices()
    states = np.full(n_places, EMPTY, dtype=np.int64)
    for place in range(n_places):
        held = inside.data[inside.indptr[place] : inside.indptr[place + 1]]
        held = held[held > 0]
        if held.size:
            states[place] = SAFE if _is_safe(held, int(homes[place]), rules, known=known) else UNSAFE
    return states


def _is_safe(held_ha: NDArray[np.float64], homes: int, rules: TierRules, *, known: bool) -> bool:
    fields = np.sort(held_ha[held_ha >= rules.least_field_ha])[::-1]
    if len(fields) < rules.k:
        return False
    if fields[: rules.largest].sum() > rules.dominance_percent / 100 * fields.sum():
        return False
    return not known or rules.group_percent >= 100 or 100 * len(fields) <= rules.group_percent * homes
