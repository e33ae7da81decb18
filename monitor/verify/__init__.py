"""Verification of a run: nothing changed since it was published, every figure made again."""

from monitor.verify.programme import recompute_hot_spots, recompute_impact
from monitor.verify.run import verify_run

__all__ = ["recompute_hot_spots", "recompute_impact", "verify_run"]
