"""`altdev sample FRAME.csv --design DESIGN.toml`: the units drawn, printed or written with their strata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import InputError, Problem
from geo.files import atomic, sha256
from monitor.tabular.declaration import load_design
from monitor.tabular.draw import Draw, draw_units
from monitor.tabular.rows import Rows

__all__ = ["draw_from_table"]


def draw_from_table(frame: Path, design: Path, *, out: Path | None, overwrite: bool, as_json: bool) -> str:
    """Draw a sample and return what is to be printed.

    Parameters
    ----------
    frame
        CSV, one row for each unit of the frame.
    design
        The design file.
    out
        Folder for ``sample.csv``, ``strata.csv``, ``joint.csv`` and ``draw.json``; None prints the sample.
    overwrite
        Replace files that stand there.
    as_json
        JSON instead of a table or lines.

    Raises
    ------
    SurveyFileError, InputError, QualityGateError
        As `draw_units`; if a file stands there already.
    """
    drawn = draw_units(load_design(design), Rows.read(frame))
    facts = drawn.facts | {"frame": frame.name, "frame_sha256": sha256(frame), "design_sha256": sha256(design)}
    if out is None:
        if as_json:
            return json.dumps(facts | {"sample": drawn.sample.to_dict("records")}, indent=1, ensure_ascii=False)
        return _csv(drawn.sample).rstrip("\n")
    files = _write(drawn, facts, out, overwrite=overwrite)
    if as_json:
        return json.dumps(facts | {"files": files}, indent=1, ensure_ascii=False)
    shared = ", ".join(f"{name}: {n}" for name, n in facts["allocation"].items())
    return "\n".join(
        [f"{facts['n']} units drawn of {facts['frame_units']} (seed {facts['seed']}); {shared}", *files]
    )


def _csv(table: pd.DataFrame) -> str:
    """Return a table as text; probabilities keep every digit, since an estimate is made of them."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def _write(drawn: Draw, facts: dict[str, Any], out: Path, *, overwrite: bool) -> list[str]:
    """Write the tables of a draw and return their paths."""
    texts = {"sample.csv": _csv(drawn.sample), "draw.json": json.dumps(facts, indent=1, ensure_ascii=False) + "\n"}
    for name, table in (("strata.csv", drawn.strata), ("joint.csv", drawn.joint)):
        if table is not None:
            texts[name] = _csv(table)
    there = [out / name for name in texts if (out / name).exists()]
    if there and not overwrite:
        remedy = "a sample that is drawn stays; give another folder, or --overwrite"
        raise InputError([Problem(str(path), "a file that stands there already", "none", remedy) for path in there])
    for name, text in texts.items():
        with atomic(out / name) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    return [str(out / name) for name in texts]
