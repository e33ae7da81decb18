"""The last lines of a run, for a person and as JSON: hectares with their interval, accuracy, and the map's path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geo.errors import Problem
from monitor.manifest import Manifest

__all__ = ["closing_lines", "refusals", "result_json"]


def closing_lines(manifest: Manifest, out: Path) -> Iterator[str]:
    """Yield the lines a run ends with.

    A hectare figure never stands without its interval, nor a count of pixels without the word that it is one.
    """
    facts = {name: step.facts for name, step in manifest.steps.items()}
    unskilled = set(_facts(facts, "maps_without_skill"))
    for figure in _facts(facts, "headline"):
        # A map without skill has no count worth a reader's time
        counted = f"{figure['crop']} {figure['period']}" not in unskilled
        yield _figure_line(figure if counted else {**figure, "mapped_ha": None})
    for change in _facts(facts, "changes"):
        yield (
            f"change {change['from']} to {change['to']}, {change['crop']}: {change['difference_ha']:+,.0f} ha "
            f"({_level(change)} interval {change['lo_ha']:+,.0f} to {change['hi_ha']:+,.0f}): "
            f"{change['verdict']}"
        )
    for accuracy in _facts(facts, "accuracy"):
        yield (
            f"map {accuracy['period']}: overall accuracy {accuracy['overall']:.3f} "
            f"(standard error {accuracy['overall_se']:.3f}); "
            + "; ".join(
                f"{entry['class']} user's {_share(entry, 'users')}, producer's {_share(entry, 'producers')}"
                for entry in accuracy["classes"]
            )
        )
    for note in _facts(facts, "notes"):
        yield str(note)
    page = _page(manifest, out)
    if page is not None:
        yield f"map: {page}"
    if manifest.survey.get("run_id"):
        yield f"run: {manifest.survey['run_id']}"


def refusals(manifest: Manifest) -> list[Problem]:
    """Return what steps refused to tell, although the run went on: its last word, and an exit code of its own."""
    return [Problem(**entry) for step in manifest.steps.values() for entry in step.facts.get("refused", [])]


def result_json(manifest: Manifest, out: Path) -> dict[str, Any]:
    """Return the same as a JSON-able record."""
    facts = {name: step.facts for name, step in manifest.steps.items()}
    page = _page(manifest, out)
    return {
        "survey": manifest.survey["name"],
        "run": manifest.survey.get("run_id"),
        "out": str(out),
        "estimates": _facts(facts, "headline"),
        "changes": _facts(facts, "changes"),
        "accuracy": _facts(facts, "accuracy"),
        "notes": _facts(facts, "notes"),
        "refused": [str(problem) for problem in refusals(manifest)],
        "map": None if page is None else str(page),
        "steps": sorted(manifest.steps),
    }


def _page(manifest: Manifest, out: Path) -> Path | None:
    """Return the page of the widest tier that the steps made."""
    for step, tier in (("map:2", "2"), ("map:1", "1"), ("map", "0")):
        page = out / "products" / tier / "index.html"
        if step in manifest.steps and page.is_file():
            return page
    return None


def _facts(facts: dict[str, Any], key: str) -> list[Any]:
    return [entry for name in sorted(facts) for entry in facts[name].get(key, [])]


def _figure_line(figure: dict[str, Any]) -> str:
    text = f"{figure['crop']} {figure['period']}: {figure['value_ha']:,.0f} ha"
    if figure.get("lo_ha") is None:
        text += " (published without interval)"
    else:
        text += f" ({_level(figure)} interval {figure['lo_ha']:,.0f} to {figure['hi_ha']:,.0f} ha)"
    if figure.get("flags"):
        text += f" [{figure['flags']}]"
    if figure.get("mapped_ha") is not None:
        text += f"; counted on the map, biased: {figure['mapped_ha']:,.0f} ha"
    return text


def _share(entry: dict[str, Any], measure: str) -> str:
    value, se = entry[measure], entry.get(f"{measure}_se")
    if value is None:
        return "undefined"
    return f"{value:.2f}" if se is None else f"{value:.2f} (standard error {se:.2f})"


def _level(figure: dict[str, Any]) -> str:
    """Return the level of an interval; a flagged one is nominal only."""
    return f"{'nominal ' if figure.get('flags') else ''}{100 * figure['level']:g} %"
