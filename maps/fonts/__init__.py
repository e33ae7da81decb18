"""Fonts of the report: subsets that carry every sign of six languages; `LOCK.json` tells how they were made."""
