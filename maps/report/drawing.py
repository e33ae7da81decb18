"""A picture of shapes and labels, kept apart: a browser draws both, the PDF sets the labels in its own fonts.

Shapes are SVG; a label is text at a place. Not every PDF maker shapes the text inside an SVG (Arabic falls
apart), so that the PDF gets the shapes as a picture and the labels as text laid over it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Drawing", "Label", "circle", "line", "path", "rectangle"]

Anchor = Literal["start", "middle", "end"]
INK = "#1D2B33"
FONTS = "'Noto Sans', 'Noto Sans Arabic', 'Noto Sans SC', system-ui, sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A line of text in a drawing."""

    x: float
    """Place of the anchor, in units of the drawing."""
    y: float
    """Middle of the line's height."""
    text: str
    """What it says."""
    anchor: Anchor = "start"
    """Part of the text that stands at `x`; left is start in every script."""
    size: float = 11.0
    """Height of the type."""
    bold: bool = False
    """Weight."""
    colour: str = INK
    """``#rrggbb``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture of `width` by `height` units, with words for those who cannot see it.

    Examples
    --------
    >>> dot = Drawing(width=10, height=10, shapes=(circle(5, 5, 2, fill="#000000"),), described="a dot")
    >>> dot.svg(labels=False).startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"')
    True
    """

    width: float
    """Units across."""
    height: float
    """Units down."""
    shapes: tuple[str, ...]
    """SVG elements, in order of drawing."""
    labels: tuple[Label, ...] = ()
    """Text over them."""
    definitions: str = ""
    """SVG definitions, such as hatching."""
    described: str = ""
    """What it shows, in a sentence."""

    def svg(self, *, labels: bool) -> str:
        """Return the picture as SVG, with or without its labels."""
        text = "".join(_text(label) for label in self.labels) if labels else ""
        defs = f"<defs>{self.definitions}</defs>" if self.definitions else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
            f'role="img" aria-label="{html.escape(self.described)}">{defs}{"".join(self.shapes)}{text}</svg>'
        )


def rectangle(
    x: float, y: float, width: float, height: float, *, fill: str, stroke: str = "none", opacity: float = 1.0
) -> str:
    """Return an SVG rectangle."""
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{fill}" '
        f'stroke="{stroke}" fill-opacity="{_n(opacity)}"/>'
    )


def line(start: tuple[float, float], end: tuple[float, float], *, stroke: str, width: float = 1.0) -> str:
    """Return an SVG line."""
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{stroke}" '
        f'stroke-width="{_n(width)}"/>'
    )


def circle(x: float, y: float, radius: float, *, fill: str, stroke: str = "none") -> str:
    """Return an SVG circle."""
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}" stroke="{stroke}"/>'


def path(rings: Iterable[Iterable[tuple[float, float]]], *, fill: str, stroke: str, width: float = 0.5) -> str:
    """Return closed rings as one SVG path, holes by the even-odd rule."""
    outline = ("M " + "L".join(f"{_n(x)} {_n(y)}" for x, y in ring) + "Z" for ring in rings)
    look = f'fill="{fill}" fill-rule="evenodd" stroke="{stroke}" stroke-width="{_n(width)}"'
    return f'<path d="{"".join(outline)}" {look}/>'


def _text(label: Label) -> str:
    weight = ' font-weight="700"' if label.bold else ""
    # Text is laid out left to right from its anchor; inside it the browser orders the signs
    return (
        f'<text x="{_n(label.x)}" y="{_n(label.y)}" dy="0.35em" font-family="{FONTS}" '
        f'font-size="{_n(label.size)}" text-anchor="{label.anchor}" direction="ltr" unicode-bidi="plaintext"'
        f'{weight} fill="{label.colour}">{html.escape(label.text)}</text>'
    )


def _n(value: float) -> str:
    """Return a number in few digits, so that equal drawings are equal bytes."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
