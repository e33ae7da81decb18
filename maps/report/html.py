"""A report as one HTML file: no script, no request, a policy that allows neither."""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import singledispatch
from importlib.resources import files

from maps.language import Language
from maps.offline import content_policy
from maps.page_fonts import font_faces
from maps.report.document import Block, Bullets, Equation, Heading, Paragraph, Picture, Report, Table

__all__ = ["html_report"]


def html_report(report: Report) -> str:
    """Return the report as an HTML document that loads nothing; equal reports give equal text.

    Raises
    ------
    ValueError
        If the document would load anything from outside.
    """
    words = report.words
    style = font_faces(words.code) + (files("maps.assets") / "report.css").read_text(encoding="utf-8")
    numbered = list(_numbered(report.blocks, words))
    document = (
        f'<!DOCTYPE html>\n<html lang="{words.code}" dir="{words.direction}">\n<head>\n'
        '<meta charset="utf-8">\n@policy@'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(report.title)}</title>\n<style>\n{style}\n</style>\n</head>\n<body>\n<main>\n"
        f'<header><p class="kind">{_text(words.text("report.title"))}</p><h1>{_text(report.title)}</h1>'
        f'<p class="sub">{_text(report.subtitle)}</p>'
        + "".join(f'<p class="mark">{_text(mark)}</p>' for mark in report.marks)
        + f"</header>\n{_contents(report, words)}\n"
        + "\n".join(numbered)
        + f"\n<footer>{_text(report.footer)}</footer>\n</main>\n</body>\n</html>\n"
    )
    policy = content_policy(document).replace("style-src ", "style-src-attr 'none'; style-src ")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
    return document.replace("@policy@", meta, 1)


def _contents(report: Report, words: Language) -> str:
    items = [block for block in report.blocks if isinstance(block, Heading) and block.level == 1]
    links = "".join(f'<li><a href="#s{number}">{_text(item.text)}</a></li>' for number, item in enumerate(items, 1))
    return f'<nav aria-label="{_text(words.text("report.contents"))}"><ol>{links}</ol></nav>'


def _numbered(blocks: tuple[Block, ...], words: Language) -> Iterator[str]:
    """Yield the blocks as HTML, with sections, pictures and tables numbered in their order."""
    sections = pictures = tables = 0
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1:
            sections += 1
            yield f'<h2 id="s{sections}">{sections}. {_text(block.text)}</h2>'
        elif isinstance(block, Picture):
            pictures += 1
            yield _picture(block, f"{words.text('report.figure')} {words.number(pictures, scale=100)}")
        elif isinstance(block, Table):
            tables += 1
            yield _table(block, f"{words.text('report.table')} {words.number(tables, scale=100)}")
        else:
            yield _block(block)


def _picture(block: Picture, number: str) -> str:
    wide = " narrow" if block.share < 0.8 else ""
    room = f'<div dir="ltr" tabindex="0" role="group" aria-label="{_text(number)}">'
    return (
        f'<figure class="picture{wide}">{room}{block.drawing.svg(labels=True)}</div>'
        f"<figcaption><b>{_text(number)}.</b> {_text(block.caption)}</figcaption></figure>"
    )


def _table(block: Table, number: str) -> str:
    kinds = [' class="number"' if numeric else "" for numeric in block.numeric]
    head = "".join(
        f'<th scope="col"{kind}>{_text(text)}</th>' for text, kind in zip(block.head, kinds, strict=True)
    )
    shaded = block.shaded or (False,) * len(block.rows)
    body = "".join(
        ('<tr class="total">' if total else "<tr>")
        + "".join(f"<td{kind}><bdi>{_text(cell)}</bdi></td>" for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row, total in zip(block.rows, shaded, strict=True)
    )
    wide = ' class="wide"' if len(block.head) > 3 else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(block.caption)}"><table{wide}>'
        f"<caption><b>{_text(number)}.</b> {_text(block.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


@singledispatch
def _block(block: Block) -> str:
    raise TypeError(f"no HTML for a {type(block).__name__}")


@_block.register
def _(block: Heading) -> str:
    return f"<h3>{_text(block.text)}</h3>"


@_block.register
def _(block: Paragraph) -> str:
    kind = "finding" if block.strong else "small" if block.small else ""
    return f'<p class="{kind}">{_text(block.text)}</p>' if kind else f"<p>{_text(block.text)}</p>"


@_block.register
def _(block: Bullets) -> str:
    return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in block.items) + "</ul>"


@_block.register
def _(block: Equation) -> str:
    return (
        f'<div class="equation"><p class="math" dir="ltr">{_text(block.spoken)}</p>'
        f'<p class="small">{_text(block.where)} {_text(block.source)}</p></div>'
    )


def _text(text: str) -> str:
    return html.escape(text)
