"""The same task written with other programs: each reads ``task.json`` and imports nothing of altdev."""
