"""Disclosure control: what a wider circle may see of data about people who could be harmed by it.

`tier` says who may see a layer; `policy` holds the rules of each tier as data; `contribution`, `quadtree` and
`pattern` decide which places may have a figure, the same for all years and products; `audit` computes what an
attacker could still infer; `generalise` rounds and cuts tables to their allow-lists; `leak` reads every byte that
is about to leave; `release` holds approvals, embargo and signature.
"""

from maps.disclosure.tier import Tier, require_tier, require_tiers

__all__ = ["Tier", "require_tier", "require_tiers"]
