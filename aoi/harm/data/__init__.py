"""Factors of the harms, with their sources."""
