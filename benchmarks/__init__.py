"""Measurements: each module is one study, run with ``python -m benchmarks.NAME``."""
