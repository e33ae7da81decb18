"""A report as PDF, typeset by Typst from data alone, with the fonts that come with the program.

No text of a survey becomes part of the typesetter's program: the template is a fixed file and everything else is
JSON that it reads, so that a village called ``#image("...")`` is printed as it is spelled. The template evaluates
one kind of entry, the equations, and those come from `maps.report.equations`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from typing import Any
from unicodedata import east_asian_width

from maps.language import Language
from maps.locked import locked, locked_names
from maps.report.document import Block, Bullets, Equation, Heading, Paragraph, Picture, Report, Table
from maps.report.equations import EQUATIONS

__all__ = ["contents", "pdf_report", "vendored_fonts"]

_MOST_SHARE = 30  # signs: beyond this a column is no wider for longer text
_SIGNS = 112  # Latin letters in a row of a table as wide as the page
_PADDING = 2  # signs: the white on both sides of a cell


def pdf_report(report: Report) -> bytes:
    """Return the report as PDF bytes; equal reports give equal bytes.

    Raises
    ------
    ValueError
        If a font of the program differs from its lock, or an equation is none of the program's own.
    """
    import typst

    vendored_fonts()
    template = (files("maps.assets") / "report.typ").read_bytes()
    with as_file(files("maps.fonts")) as fonts:
        made = typst.compile(
            template,
            font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
            format="pdf",
            pdf_standards="ua-1",
            sys_inputs={"report": json.dumps(contents(report), ensure_ascii=False)},
        )
    if not isinstance(made, bytes):
        raise TypeError("the typesetter returned several files for one report")
    return made


@cache
def vendored_fonts() -> tuple[str, ...]:
    """Return the names of the program's fonts after checking each against the lock.

    Raises
    ------
    ValueError
        If a font is missing or differs.
    """
    names = locked_names("maps.fonts")
    for name in names:
        locked("maps.fonts", name)
    return names


def contents(report: Report) -> dict[str, Any]:
    """Return everything that the typesetter reads, ready for JSON."""
    words = report.words
    return {
        "language": words.code,
        "direction": words.direction,
        "label": words.text("report.title"),
        "contents": words.text("report.contents"),
        "title": report.title,
        "subtitle": report.subtitle,
        "marks": list(report.marks),
        "footer": report.footer,
        "blocks": list(_entries(report.blocks, words)),
    }


def _entries(blocks: tuple[Block, ...], words: Language) -> Iterator[dict[str, Any]]:
    pictures = tables = 0
    for block in blocks:
        if isinstance(block, Heading):
            yield {"kind": "heading", "level": block.level, "text": block.text}
        elif isinstance(block, Paragraph):
            yield {"kind": "paragraph", "text": block.text, "strong": block.strong, "small": block.small}
        elif isinstance(block, Bullets):
            yield {"kind": "bullets", "items": list(block.items)}
        elif isinstance(block, Equation):
            yield _equation(block)
        elif isinstance(block, Picture):
            pictures += 1
            yield _picture(block, f"{words.text('report.figure')} {words.number(pictures, scale=100)}")
        elif isinstance(block, Table):
            tables += 1
            yield _table(block, f"{words.text('report.table')} {words.number(tables, scale=100)}")


def _equation(block: Equation) -> dict[str, Any]:
    if block.math not in {formula.math for formula in EQUATIONS.values()}:
        raise ValueError("an equation that is none of the program's own is not typeset")
    return {
        "kind": "equation",
        "math": block.math,
        "spoken": block.spoken,
        "where": block.where,
        "source": block.source,
    }


def _picture(block: Picture, number: str) -> dict[str, Any]:
    drawing = block.drawing
    return {
        "kind": "picture",
        "number": number,
        "caption": block.caption,
        "share": block.share,
        "width": drawing.width,
        "height": drawing.height,
        "svg": drawing.svg(labels=False),
        "labels": [
            {
                "x": label.x,
                "y": label.y,
                "text": label.text,
                "anchor": label.anchor,
                "size": label.size,
                "bold": label.bold,
                "colour": label.colour,
            }
            for label in drawing.labels
        ],
    }


def _table(block: Table, number: str) -> dict[str, Any]:
    return {
        "kind": "table",
        "number": number,
        "caption": block.caption,
        "head": list(block.head),
        "rows": [list(row) for row in block.rows],
        "numeric": list(block.numeric),
        "shaded": list(block.shaded or (False,) * len(block.rows)),
        "columns": _shares(block),
    }


def _shares(block: Table) -> list[int]:
    """Return the widths of the columns relative to each other.

    Each column can hold its longest word, and what room is left goes by the longest text, within a limit.
    """
    least, wished = [], []
    for place, head in enumerate(block.head):
        texts = [row[place] for row in block.rows]
        words = [word for text in (head, *texts) for word in re.split(r"[\s\u200b-]+", text)]
        least.append(_PADDING + max(map(_word_width, words)))
        wished.append(min(_MOST_SHARE, max(_width(head) // 2, *map(_width, texts), 0)) if texts else _width(head))
    room = max(_SIGNS - sum(least), 0)
    more = [max(wish - low, 0) for wish, low in zip(wished, least, strict=True)]
    whole = max(sum(more), 1)
    return [10 * low + round(10 * room * extra / whole) for low, extra in zip(least, more, strict=True)]


def _width(text: str) -> int:
    """Return the width of a text in Latin letters; a Chinese sign takes two."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _word_width(word: str) -> int:
    """Return the width of what stays on one line: Chinese text breaks after any sign."""
    return 2 if any(east_asian_width(sign) in "WF" for sign in word) else len(word)
