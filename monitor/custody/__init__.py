"""Keeping of what only the field may see (tier 0): how long it stays, and that it can be locked away."""
