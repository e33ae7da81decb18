"""Survey files for tests: a sound one as plain values, and values written as TOML."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any


def sound() -> dict[str, Any]:
    """Return the content of a survey file without a mistake; each call gives a fresh copy."""
    return {
        "survey": {"name": "test", "title": "Test", "country": "ZZZ", "crops": ["coca"], "seed": 1},
        "area": {"admin": "inputs/admin.gpkg", "admin_code": "adm_code", "admin_name": "adm_name"},
        "period": [period("2021", "baseline"), period("2024", "current")],
        "imagery": {"catalog": "inputs/catalog.json", "sensor": "sentinel-2-l2a", "profile": "andes-coca"},
        "training": {"samples": "inputs/training.gpkg"},
        "reference": {"labels": "inputs/labels.csv"},
    }


def period(year: str, role: str) -> dict[str, Any]:
    """Return a period of one calendar year."""
    days = {
        "start": date(int(year), 1, 1),
        "end": date(int(year), 12, 31),
        "reference_date": date(int(year), 12, 31),
    }
    return {"name": year, "role": role, **days}


def toml(value: Any) -> str:
    """Write a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(entry) for entry in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, str) else repr(value)


def save(folder: Path, content: dict[str, Any], name: str = "survey.toml") -> Path:
    """Write a survey file and return its path."""
    path = folder / name
    path.write_text(
        "\n".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in content.items()), encoding="utf-8"
    )
    return path
