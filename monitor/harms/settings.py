"""The settings that figures of harm are made with, kept in the run folder so that they can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aoi.harm.factor import Factor, load_factors, override_factors
from monitor.sections import HarmSection

__all__ = ["factor_records", "factors_from", "factors_of"]


def factors_of(section: HarmSection) -> dict[str, Factor]:
    """Return the shipped factors with the survey's own in their place.

    Raises
    ------
    InputError
        If a name is unknown or an entry is not whole.
    """
    changes = {name: entry.model_dump(exclude_none=True) for name, entry in section.factor.items()}
    return override_factors(load_factors(), changes)


def factor_records(factors: Mapping[str, Factor]) -> dict[str, dict[str, Any]]:
    """Return factors as JSON-able records; limits that do not bind are left out."""
    return {
        name: {key: value for key, value in asdict(one).items() if value not in (float("inf"), -float("inf"))}
        for name, one in factors.items()
    }


def factors_from(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Factor]:
    """Return the factors of `factor_records`."""
    return {name: Factor(**record) for name, record in records.items()}
