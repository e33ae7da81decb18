"""A product never carries a layer of a stricter tier."""

from __future__ import annotations

import pytest

from geo.errors import DisclosureError
from maps.disclosure import Tier, require_tier, require_tiers


@pytest.mark.parametrize("layer", list(Tier))
@pytest.mark.parametrize("product", list(Tier))
def test_require_tier(layer: Tier, product: Tier) -> None:
    """Brute force: of the nine pairs, those that widen the circle are refused and the others pass."""
    if layer < product:
        with pytest.raises(DisclosureError, match=f"found tier {layer.value}"):
            require_tier(layer, product, where="plots")
    else:
        require_tier(layer, product, where="plots")


def test_every_breach_is_told() -> None:
    """Literal: all layers that must not go out are named at once, and the exit code is 4."""
    layers = [("plots", Tier.FIELD), ("units", Tier.PUBLIC), ("grid", Tier.PROGRAMME)]
    with pytest.raises(DisclosureError, match=r"plots[\s\S]*grid") as caught:
        require_tiers(layers, Tier.PUBLIC)
    assert len(caught.value.problems) == 2
    assert caught.value.exit_code == 4
