"""Which places may have a figure: decided once, on the worst crop and period, for all products of a tier.

What the rules forbid is hidden. Then an attacker is imagined who knows the mapped hectares of every place that is
shown, exactly, from this product, from the public one and from earlier ones, and more places are hidden until none
of the forbidden ones, and no sliver between them, can be inferred to within its own value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack

from geo.errors import DisclosureError, Problem, SurveyFileError
from maps.disclosure.audit import Knowledge, protect
from maps.disclosure.policy import TierRules
from maps.disclosure.quadtree import Cell, leaf_cells, members
from maps.disclosure.safety import EMPTY, UNSAFE, amounts, state_of_places
from maps.disclosure.tier import Tier

__all__ = ["FRAME", "Decision", "Earlier", "Places", "decide", "parse_cell", "require_nesting"]

FRAME = "frame"
"""The place that is the whole frame."""

SHOWN, HIDDEN, PRIMARY, COMPLEMENTARY = "shown", "hidden", "primary", "complementary"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """What figures could be made for."""

    atoms: pd.DataFrame
    """Columns of `maps.disclosure.contribution.ATOM_COLUMNS`; `zone` has one bit for each layer."""
    patches: pd.DataFrame
    """Columns crop, period, patch, atom, area_ha."""
    units: tuple[str, ...]
    """Codes of the administrative units; an atom's `unit` is 1 + the index."""
    layers: Mapping[str, Tier]
    """Overlay layers in the order of the bits of `zone`, with their tiers."""
    base_km: int
    """Side of the cells that the atoms name."""
    grid: str
    """The CRS of the cells, as text."""
    boundaries: str
    """SHA-256 of the layer of the administrative units."""
    series: tuple[tuple[str, str], ...]
    """Crops and periods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a tier shows."""

    tier: Tier
    """Programme or public."""
    leaves: tuple[Cell, ...]
    """The cells."""
    states: Mapping[str, str]
    """Place to ``shown``, ``primary`` (hidden by a rule) or ``complementary`` (hidden to protect another)."""
    empty: frozenset[str] = frozenset()
    """Places without any mapped crop in any period."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """The tier's rules."""
    grid: str = ""
    """CRS of the cells."""
    boundaries: str = ""
    """SHA-256 of the layer of units."""
    series: tuple[tuple[str, str], ...] = ()
    """Crops and periods it was decided on."""

    def shows(self, place: str) -> bool:
        """Say whether a place may have a figure; an unknown one may not."""
        return self.states.get(place) == SHOWN

    @property
    def shown(self) -> tuple[str, ...]:
        """Places with a figure."""
        return tuple(name for name, state in self.states.items() if state == SHOWN)

    def as_record(self) -> dict[str, Any]:
        """Return it as a JSON-able record."""
        return {
            "tier": int(self.tier),
            "grid": self.grid,
            "boundaries": self.boundaries,
            "series": [list(one) for one in self.series],
            "rules": dict(self.rules),
            "cells": [cell.name for cell in self.leaves],
            "states": dict(self.states),
            "empty": sorted(self.empty),
        }

    def as_public_record(self) -> dict[str, Any]:
        """Return what may go out with a product: not why a place is hidden, nor how close it came to a rule.

        Who knew the dominance rule, or which of two places the other one protects, could infer more.
        """
        kept = {name: self.rules[name] for name in ("k", "round_ha", "cell_least_km", "cell_most_km")}
        told = {name: SHOWN if state == SHOWN else HIDDEN for name, state in self.states.items()}
        return self.as_record() | {"rules": kept, "states": told, "empty": []}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Decision:
        """Read a record; KeyError, ValueError or TypeError when it is none."""
        return cls(
            tier=Tier(record["tier"]),
            leaves=tuple(parse_cell(name) for name in record["cells"]),
            states={str(name): str(state) for name, state in record["states"].items()},
            empty=frozenset(record["empty"]),
            rules=dict(record["rules"]),
            grid=str(record["grid"]),
            boundaries=str(record["boundaries"]),
            series=tuple((str(crop), str(period)) for crop, period in record["series"]),
        )


Earlier = Sequence[Decision]
"""Decisions of products that went out before."""


def parse_cell(name: str) -> Cell:
    """Return the cell of a name.

    Examples
    --------
    >>> parse_cell("4km:E-3N12")
    Cell(side_km=4, x=-3, y=12)
    """
    found = re.fullmatch(r"(\d+)km:E(-?\d+)N(-?\d+)", name)
    if found is None:
        raise ValueError(f"no cell: {name!r}")
    side, x, y = map(int, found.groups())
    return Cell(side, x, y)


def require_nesting(programme: TierRules, public: TierRules) -> None:
    """Refuse rules under which the public product would tell more than the programme's somewhere.

    Raises
    ------
    SurveyFileError
        Naming every rule that is laxer in public.
    """
    pairs = {
        "k": public.k >= programme.k,
        "dominance_percent": public.dominance_percent <= programme.dominance_percent,
        "largest": public.largest >= programme.largest,
        "group_percent": public.group_percent <= programme.group_percent,
        "least_field_ha": public.least_field_ha >= programme.least_field_ha,
        "cell_least_km": public.cell_least_km >= programme.cell_least_km,
        "cell_most_km": public.cell_most_km == programme.cell_most_km,
        "round_ha": public.round_ha >= programme.round_ha,
        "digits": public.digits <= programme.digits,
        "least_count": public.least_count >= programme.least_count,
    }
    problems = [
        Problem(
            f"[disclosure.public] {name}",
            f"{getattr(public, name):g}, with {getattr(programme, name):g} for the programme",
            "the same" if name == "cell_most_km" else "a rule at least as strict",
            "correct one of them",
        )
        for name, fits in pairs.items()
        if not fits
    ]
    if problems:
        raise SurveyFileError(problems)


def decide(
    places: Places, rules: Mapping[Tier, TierRules], earlier: Earlier = ()
) -> dict[Tier, Decision | DisclosureError]:
    """Decide what each tier shows; a tier that cannot be made safe gets the refusal in place of a decision.

    Parameters
    ----------
    places
        The frame in its smallest parts, and who contributes to them.
    rules
        Rules of the programme and of the public tier.
    earlier
        Decisions of products that went out before, of either tier.

    Returns
    -------
    dict
        By tier its decision, or why there can be none: too few fields behind the whole frame, or a place that
        stays inferable whatever is hidden.

    Raises
    ------
    DisclosureError
        If earlier products had other cells or boundaries, whose differences could single out a place.
    SurveyFileError
        If the public rules are laxer than the programme's.
    """
    require_nesting(rules[Tier.PROGRAMME], rules[Tier.PUBLIC])
    _require_comparable(places, earlier)
    result: dict[Tier, Decision | DisclosureError] = {}
    known = list(earlier)
    for tier in (Tier.PUBLIC, Tier.PROGRAMME):
        try:
            seen = [one for one in known if one.tier >= tier]
            decision = _decide(places, tier, rules[tier], seen)
        except DisclosureError as error:
            result[tier] = error
            continue
        result[tier] = decision
        known.append(decision)  # whoever reads the programme's product reads the public one too
    return result


def _require_comparable(places: Places, earlier: Earlier) -> None:
    problems = []
    for one in earlier:
        where = f"earlier product of tier {int(one.tier)}"
        if one.grid != places.grid:
            problems.append(Problem(where, f"cells of {one.grid}", f"cells of {places.grid}", "keep [area] crs"))
        if one.boundaries != places.boundaries:
            problems.append(
                Problem(
                    where,
                    "administrative boundaries of another file",
                    "the same file: two versions can be subtracted",
                    "keep the file, or take the data owner's decision to start anew without [disclosure] earlier",
                )
            )
    if problems:
        raise DisclosureError(problems)


def _decide(places: Places, tier: Tier, rules: TierRules, earlier: Earlier) -> Decision:
    homes = places.atoms["households"].to_numpy(dtype=np.int64)
    leaves = leaf_cells(
        places.atoms,
        places.base_km,
        rules,
        lambda member: state_of_places(places.patches, member, homes, rules),
    )
    shared = _Merged(places, leaves, tier, earlier)
    state = state_of_places(places.patches, shared.rows, homes, rules)
    names = shared.names
    if state[names.index(FRAME)] == UNSAFE:
        raise DisclosureError(
            Problem(
                f"tier {int(tier)} ({tier.name.lower()}), the whole frame",
                f"fewer than {rules.k} fields, or a few that hold most of the crop, in some period",
                f"at least {rules.k}",
                "make no product of this tier, or survey a larger frame",
            )
        )
    never = np.array([name.startswith(("rest:", "old:")) for name in names])
    # Who sees only the rest of a layer's ground sees no figure of it, but can subtract
    unsafe = (state == UNSAFE) & ~np.array([name.startswith("old:") for name in names])
    before = {name for one in earlier for name, told in one.states.items() if told != SHOWN and one.tier is tier}
    hidden = unsafe | np.array([name in before for name in names])
    fixed = np.array([name == FRAME for name in names])
    slivers = np.flatnonzero(state_of_places(places.patches, shared.parts, homes, rules) == UNSAFE)
    systems = shared.systems(earlier)
    hidden, still = protect(systems, hidden & ~fixed, fixed=fixed, never=never, targets=slivers)
    if still:
        raise DisclosureError([_open_problem(tier, names, index) for index in still[:10]])
    told = {
        name: PRIMARY if unsafe[row] or name in before else COMPLEMENTARY if hidden[row] else SHOWN
        for row, name in enumerate(names)
        if not never[row]
    }
    return Decision(
        tier=tier,
        leaves=leaves,
        states=told,
        empty=frozenset(name for row, name in enumerate(names) if state[row] == EMPTY and not never[row]),
        rules=rules.as_record(),
        grid=places.grid,
        boundaries=places.boundaries,
        series=places.series,
    )


def _open_problem(tier: Tier, names: Sequence[str], index: int) -> Problem:
    place = names[index] if index >= 0 else "a place between a cell, a unit and a layer"
    return Problem(
        f"tier {int(tier)} ({tier.name.lower()})",
        f"no way to keep {place} from being inferred",
        "an interval at least as wide as its own value",
        "use larger units or cells, leave out a layer, or make no product of this tier",
    )


class _Merged:
    """The rows that figures are made for, over parts that no figure tells apart."""

    def __init__(self, places: Places, leaves: tuple[Cell, ...], tier: Tier, earlier: Earlier) -> None:
        self._places = places
        blocks = [(FRAME, csr_array(np.ones((1, len(places.atoms)))))]
        units = _selector(places.atoms["unit"].to_numpy() - 1, len(places.units))
        blocks += [(f"unit:{code}", units[[row]]) for row, code in enumerate(places.units)]
        bits = places.atoms["zone"].to_numpy()
        for bit, (layer, of) in enumerate(places.layers.items()):
            if of >= tier:
                inside = (bits >> bit & 1).astype(float)
                blocks.append((f"layer:{layer}", csr_array(inside[None, :])))
                blocks.append((f"rest:{layer}", csr_array(1.0 - inside[None, :])))
        cells = members(leaves, places.atoms, places.base_km)
        blocks += [(f"cell:{cell.name}", cells[[row]]) for row, cell in enumerate(leaves)]
        have = {name for name, _ in blocks}
        old = sorted({n for one in earlier for n in one.shown if n not in have and n.startswith("cell:")})
        if old:
            gone = members([parse_cell(name[5:]) for name in old], places.atoms, places.base_km)
            blocks += [(f"old:{name}", gone[[row]]) for row, name in enumerate(old)]
        self.names = [name for name, _ in blocks]
        self.rows = csr_array(vstack([row for _, row in blocks]))
        self.parts = self._merge()

    def _merge(self) -> csr_array:
        """Return the 0/1 matrix of atoms in parts: atoms that lie in the same rows are one part."""
        columns = csr_array(self.rows.T)
        columns.sort_indices()
        keys = [
            columns.indices[columns.indptr[atom] : columns.indptr[atom + 1]].tobytes()
            for atom in range(columns.shape[0])
        ]
        return _selector(pd.factorize(pd.Series(keys))[0], len(set(keys)))

    def systems(self, earlier: Earlier) -> list[Knowledge]:
        """Return what is known of each crop and period."""
        land = np.asarray(self.parts @ self._places.atoms["land_ha"].to_numpy())
        first = np.asarray(self.parts.argmax(axis=1)).ravel()
        rows = csr_array(self.rows[:, first])
        by_atom = amounts(self._places.patches, len(self._places.atoms))
        series = sorted({(str(c), str(p)) for c, p in self._places.patches[["crop", "period"]].to_numpy()})
        return [
            Knowledge(rows=rows, parts=np.asarray(self.parts @ amount), most=land, known=self._known(earlier, one))
            for one, amount in zip(series, by_atom, strict=True)
        ]

    def _known(self, earlier: Earlier, series: tuple[str, str]) -> NDArray[np.bool_]:
        shown = {name for one in earlier if series in one.series for name in one.shown}
        return np.array([name.removeprefix("old:") in shown for name in self.names])


def _selector(index: NDArray[np.int64], size: int) -> csr_array:
    """Return the 0/1 matrix, shape (size, n), whose row i selects the places where `index` is i."""
    there = np.flatnonzero((index >= 0) & (index < size))
    return csr_array(coo_array((np.ones(len(there)), (index[there], there)), shape=(size, len(index))))
