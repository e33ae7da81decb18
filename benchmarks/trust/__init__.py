"""How far the program can be trusted, measured: each module is a command, and writes its counts.

``make trust`` runs them all. Each adds to ``benchmarks/results/trust/`` and writes docs/reliability.md again.
"""
