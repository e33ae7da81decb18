"""Make harms again, join the table of indicators again, decide and cut the disclosed tables again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from geo.errors import Problem, QualityGateError
from maps.disclosure.release import RECORD_NAME, verify_release
from monitor.benefit import benefit_indicators, read_benefits
from monitor.facts import facts_path, read_facts
from monitor.indicators import FOLDER, PARTS, joined, low_counts, part_path, read_part, rows_of_harms
from monitor.manifest import FileRecord
from monitor.steps.disclosure import safe_tables, table_texts
from monitor.verify.compare import compare_indicators, differs


def recompute_harms(out: Path) -> int:
    """Make every figure of harm again from the tables that the step left."""
    from monitor.harms.chapters import harm_rows
    from monitor.harms.figures import read_figures

    published = read_part(part_path(out, "harm"))
    figures = read_figures(out)
    again = rows_of_harms(harm_rows(figures), level=figures.level, low=low_counts(out))
    compare_indicators(published, again, "part_harm.csv")
    return len(published)


def recompute_benefits(out: Path) -> int:
    """Hold harms inside the programme's areas against their controls again, from cells and years."""
    published = read_part(part_path(out, "benefit"))
    compare_indicators(published, benefit_indicators(read_benefits(out / FOLDER)), "part_benefit.csv")
    return len(published)


def rejoin_indicators(out: Path) -> str:
    """Join the parts again; the table holds each of their rows and no other."""
    paths = [part_path(out, name) for name in PARTS]
    published = read_part(out / FOLDER / "indicators.csv")
    again = joined([read_part(path) for path in paths if path.is_file()])
    compare_indicators(published, again, "indicators.csv")
    sheets = [facts_path(out, name) for name in PARTS if facts_path(out, name).is_file()]
    whole = out / FOLDER / "fact_sheets.csv"
    if sheets and not pd.concat([read_facts(path) for path in sheets], ignore_index=True).equals(read_facts(whole)):
        raise differs("fact_sheets.csv", "other rows", "the fact sheets of the steps, one under the other")
    return f"{len(published)} rows of indicators joined again, all equal"


def recompute_disclosure(out: Path) -> int:
    """Decide, cut and attack again, and compare the very text of every table."""
    folder = out / "disclosure"
    again = table_texts(safe_tables(out, folder))
    told = {
        path.relative_to(folder).as_posix()
        for path in [folder / "decision.json", *folder.glob("*/*.csv")]
        if path.is_file()
    }
    for name in sorted(told | set(again)):
        if name not in told or name not in again:
            raise QualityGateError(Problem(f"disclosure/{name}", "a table on one side only", "the same tables"))
        if (folder / name).read_text(encoding="utf-8") != again[name]:
            raise differs(f"disclosure/{name}", "what stands there", "another text")
    return len(again) - 1


def releases(folder: Path, files: Mapping[str, FileRecord] | None) -> Iterator[str]:
    """Check the records that go out with products, and that the run itself made them."""
    for path in sorted(folder.rglob(RECORD_NAME.format("*"))):
        if files is None or path.relative_to(folder.parent).as_posix() in files:
            yield verify_release(path)
