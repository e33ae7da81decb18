"""Step ``report``: the survey report as HTML and as PDF, from what the run folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geo.files import atomic, write_text
from maps.page import Page
from maps.report.content import build
from maps.report.html import html_report
from maps.report.pdf import pdf_report
from monitor.context import Context, Progress

__all__ = ["write_report"]

TIER_FOLDER = "products/0"


def write_report(context: Context, staging: Path, progress: Progress, *, language: str) -> Mapping[str, Any]:
    """Write ``products/0/report.html`` and ``products/0/report.pdf``."""
    report = build(_page(context, language))
    folder = staging / TIER_FOLDER
    write_text(folder / "report.html", html_report(report))
    progress(1, 2)
    with atomic(folder / "report.pdf") as part:
        part.write_bytes(pdf_report(report))
    progress(2, 2)
    return {"report_bytes": (folder / "report.pdf").stat().st_size}


def _page(context: Context, language: str) -> Page:
    """Return the figures and units of the run, as the map has them."""
    if context.survey.official is not None:
        from monitor.official_page import official_page

        return official_page(context, language)
    from monitor.steps.products import survey_page

    return survey_page(context, language)
