"""Tiers: which readers a layer may reach, and the refusal when a product would reach further."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from geo.errors import DisclosureError, Problem

__all__ = ["Tier", "require_tier", "require_tiers"]


class Tier(IntEnum):
    """Who may see data, from the strictest circle outwards; 0 unless somebody decided otherwise."""

    FIELD = 0
    """Field office: plots, sample units, 10 m rasters."""
    PROGRAMME = 1
    """Programme staff: figures by unit, generalised rasters."""
    PUBLIC = 2
    """Anybody, donors included."""


def require_tier(layer: Tier, product: Tier, *, where: str) -> None:
    """Refuse to put a layer into a product that more people see than may see the layer.

    Parameters
    ----------
    layer
        Tier the data were released for.
    product
        Tier of what is being written.
    where
        The layer, as the message names it.

    Raises
    ------
    DisclosureError
        If `product` is wider than `layer`.

    Examples
    --------
    >>> require_tier(Tier.PUBLIC, Tier.PROGRAMME, where="admin units")
    """
    require_tiers([(where, layer)], product)


def require_tiers(layers: Iterable[tuple[str, Tier]], product: Tier) -> None:
    """Apply `require_tier` to named layers and tell of every breach at once.

    Raises
    ------
    DisclosureError
        Naming each layer of a stricter tier than the product.

    Examples
    --------
    >>> require_tiers([("plots", Tier.FIELD), ("units", Tier.PUBLIC)], Tier.PUBLIC)
    Traceback (most recent call last):
    ...
    geo.errors.DisclosureError: plots: found tier 0 (field); expected tier 2 (public); leave it out...
    """
    breaches = [
        Problem(
            where,
            f"tier {tier.value} ({tier.name.lower()})",
            f"tier {product.value} ({product.name.lower()})",
            "leave it out, generalise it, or make the product for a stricter tier",
        )
        for where, tier in layers
        if tier < product
    ]
    if breaches:
        raise DisclosureError(breaches)
