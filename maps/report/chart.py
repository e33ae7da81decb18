"""Charts of figures with their intervals: dots by unit, series by period, the error matrix.

Every dot is drawn with its interval; a rough one (few sample units, or an interval wider than the figure) is open
and its interval dashed, so that it stands apart in black and white too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from maps.report.drawing import INK, Drawing, Label, circle, line, rectangle
from maps.style import ramp

__all__ = ["Dot", "DotRow", "SeriesPoint", "bars", "dots", "matrix", "series", "ticks"]

_GRID, _MUTED, _BAR = "#D9DEE2", "#4A5A64", "#2C7FB8"
_WIDTH = 640.0
_ROW, _DOT_ROW = 24.0, 15.0
_LABELS, _RIGHT = 190.0, 24.0
_SHADES = ramp(("#FFFFFF", "#2C7FB8"), 21)
_DARK = 0.55  # share from which text on a shade is white


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A figure with its interval; limits are NaN where none was published."""

    value: float
    lo: float
    hi: float
    colour: str
    rough: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DotRow:
    """One line of a dot chart: a name and its dots, or the words for why there are none."""

    label: str
    dots: tuple[Dot, ...] = ()
    absent: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One period of a series."""

    label: str
    dot: Dot | None
    broken: bool = False
    """Whether the method or the area changed before it."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """A linear axis from numbers to places."""

    low: float
    high: float
    start: float
    end: float
    marks: tuple[float, ...] = field(default=())

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Return round numbers that cover a range evenly.

    Examples
    --------
    >>> ticks(0, 83)
    (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    >>> ticks(-30, 12)
    (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0)
    """
    if not high > low:
        high = low + 1.0
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = (step * power * scale for scale in (1, 10) for step in (1.0, 2.0, 5.0))
    step = next(s for s in steps if math.ceil(high / s - 1e-9) - math.floor(low / s + 1e-9) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(float(f"{number * step:.10g}") + 0.0 for number in range(first, last + 1))


def dots(
    rows: Sequence[DotRow],
    *,
    number: Callable[[float], str],
    axis: str,
    key: Sequence[tuple[str, str]] = (),
    described: str = "",
) -> Drawing:
    """Return a chart with one line per unit: dots at the figures, lines along their intervals.

    Parameters
    ----------
    rows
        From top to bottom.
    number
        How to write a number on the axis.
    axis
        What the axis measures, with its unit.
    key
        Colours of several dots in a row: (name, colour).
    described
        The chart in a sentence.
    """
    every = [dot for row in rows for dot in row.dots]
    ends = [end for dot in every for end in (dot.value, dot.lo, dot.hi) if math.isfinite(end)]
    marks = ticks(min([0.0, *ends]), max([0.0, *ends]) or 1.0)
    scale = _Scale(marks[0], marks[-1], _LABELS, _WIDTH - _RIGHT, marks)
    top = 30.0 if key else 8.0
    heights = [max(_ROW, _DOT_ROW * len(row.dots) + 6) for row in rows]
    bottom = top + sum(heights)
    shapes = [line((scale.at(mark), top), (scale.at(mark), bottom), stroke=_GRID) for mark in marks]
    if marks[0] < 0 < marks[-1]:
        shapes.append(line((scale.at(0), top), (scale.at(0), bottom), stroke=INK))
    labels = [*_key(key), *_axis_labels(scale, number, bottom, axis)]
    shapes += [circle(16 + 150 * place, 14, 4.5, fill=colour) for place, (_, colour) in enumerate(key)]
    y = top
    for row, height in zip(rows, heights, strict=True):
        labels.append(
            Label(x=_LABELS - 10, y=y + height / 2, text=_short(row.label), anchor="end", bold=row.strong)
        )
        if row.absent and not row.dots:
            labels.append(Label(x=_LABELS + 6, y=y + height / 2, text=row.absent, size=10, colour=_MUTED))
        first = y + height / 2 - _DOT_ROW * (len(row.dots) - 1) / 2
        for place, dot in enumerate(row.dots):
            shapes += _across(dot, scale, first + place * _DOT_ROW)
        y += height
    return Drawing(
        width=_WIDTH, height=bottom + 42, shapes=tuple(shapes), labels=tuple(labels), described=described or axis
    )


def bars(
    rows: Sequence[tuple[str, float]], *, number: Callable[[float], str], axis: str, described: str
) -> Drawing:
    """Return a bar for each count; for counts of things alone, since a bar has no interval.

    Parameters
    ----------
    rows
        Name and count, from top to bottom.
    number
        How to write a count.
    axis
        What is counted.
    described
        The chart in a sentence.
    """
    marks = ticks(0.0, max([1.0, *(count for _, count in rows)]))
    scale = _Scale(marks[0], marks[-1], _LABELS, _WIDTH - _RIGHT, marks)
    top, bottom = 8.0, 8.0 + _ROW * len(rows)
    shapes = [line((scale.at(mark), top), (scale.at(mark), bottom), stroke=_GRID) for mark in marks]
    labels = _axis_labels(scale, number, bottom, axis)
    for place, (name, count) in enumerate(rows):
        y = top + place * _ROW
        shapes.append(rectangle(_LABELS, y + 5, scale.at(count) - _LABELS, _ROW - 10, fill=_BAR))
        labels.append(Label(x=_LABELS - 10, y=y + _ROW / 2, text=_short(name), anchor="end"))
        labels.append(Label(x=scale.at(count) + 5, y=y + _ROW / 2, text=number(count), size=10))
    return Drawing(
        width=_WIDTH, height=bottom + 42, shapes=tuple(shapes), labels=tuple(labels), described=described
    )


def series(
    points: Sequence[SeriesPoint], *, number: Callable[[float], str], axis: str, described: str = ""
) -> Drawing:
    """Return figures by period with their intervals; nothing joins the points on both sides of a break."""
    ends = [
        end
        for point in points
        if point.dot is not None
        for end in (point.dot.value, point.dot.lo, point.dot.hi)
        if math.isfinite(end)
    ]
    marks = ticks(0.0, max([0.0, *ends]) or 1.0)
    left, top, bottom, right = 78.0, 26.0, 236.0, _WIDTH - _RIGHT
    scale = _Scale(marks[0], marks[-1], bottom, top, marks)
    shapes = [line((left, scale.at(mark)), (right, scale.at(mark)), stroke=_GRID) for mark in marks]
    labels = [Label(x=left - 8, y=scale.at(mark), text=number(mark), anchor="end", size=10) for mark in marks]
    labels.append(Label(x=left, y=top - 16, text=axis, size=10, colour=_MUTED))
    step = (right - left) / max(1, len(points))
    before: tuple[float, float] | None = None
    sparse = max(1, math.ceil(len(points) / 14))
    for place, point in enumerate(points):
        x = left + step * (place + 0.5)
        if place % sparse == 0:
            labels.append(Label(x=x, y=bottom + 16, text=_short(point.label, 14), anchor="middle", size=10))
        if point.broken:
            shapes.append(_dashed((x - step / 2, top), (x - step / 2, bottom), _MUTED))
            before = None
        if point.dot is None:
            before = None
            continue
        here = (x, scale.at(point.dot.value))
        if before is not None:
            shapes.append(line(before, here, stroke=point.dot.colour, width=1.2))
        shapes += _upright(point.dot, scale, x)
        before = here
    return Drawing(
        width=_WIDTH, height=bottom + 34, shapes=tuple(shapes), labels=tuple(labels), described=described or axis
    )


def matrix(
    names: Sequence[str],
    shares: Sequence[Sequence[float]],
    *,
    percent: Callable[[float], str],
    rows: str,
    columns: str,
    described: str = "",
) -> Drawing:
    """Return the error matrix in shares of the area, shaded by the share of its row.

    Parameters
    ----------
    names
        Classes, n of them.
    shares
        n rows (class on the map) by n columns (reference class), adding up to one.
    percent
        How to write a share.
    rows, columns
        What rows and columns stand for.
    """
    left, top, cell = 170.0, 58.0, min(78.0, (_WIDTH - 190.0) / max(1, len(names)))
    high = 30.0
    shapes, labels = (
        [],
        [Label(x=left, y=14, text=columns, bold=True), Label(x=8, y=top - 12, text=rows, bold=True)],
    )
    for place, name in enumerate(names):
        text = _short(name, max(6, int(cell / 6.2)))
        labels.append(Label(x=left + cell * (place + 0.5), y=36, text=text, anchor="middle", size=10))
        labels.append(Label(x=left - 10, y=top + high * (place + 0.5), text=_short(name), anchor="end", size=10))
    for i, row in enumerate(shares):
        total = sum(row)
        for j, share in enumerate(row):
            part = share / total if total > 0 else 0.0
            x, y = left + cell * j, top + high * i
            fill = _SHADES[round(part * (len(_SHADES) - 1))]
            shapes.append(rectangle(x, y, cell, high, fill=fill, stroke=INK if i == j else _GRID))
            labels.append(
                Label(
                    x=x + cell / 2,
                    y=y + high / 2,
                    text=percent(share) if share > 0 else "0",
                    anchor="middle",
                    size=10,
                    colour="#FFFFFF" if part > _DARK else INK,
                )
            )
    height = top + high * len(names) + 10
    width = left + cell * len(names) + 16
    return Drawing(width=width, height=height, shapes=tuple(shapes), labels=tuple(labels), described=described)


def _across(dot: Dot, scale: _Scale, y: float) -> list[str]:
    shapes = []
    if math.isfinite(dot.lo) and math.isfinite(dot.hi):
        start, end = scale.at(dot.lo), scale.at(dot.hi)
        draw = _dashed if dot.rough else _solid
        shapes.append(draw((start, y), (end, y), dot.colour))
        shapes += [line((x, y - 4), (x, y + 4), stroke=dot.colour, width=1.6) for x in (start, end)]
    return [*shapes, _mark(dot, scale.at(dot.value), y)]


def _upright(dot: Dot, scale: _Scale, x: float) -> list[str]:
    shapes = []
    if math.isfinite(dot.lo) and math.isfinite(dot.hi):
        start, end = scale.at(dot.lo), scale.at(dot.hi)
        draw = _dashed if dot.rough else _solid
        shapes.append(draw((x, start), (x, end), dot.colour))
        shapes += [line((x - 4, y), (x + 4, y), stroke=dot.colour, width=1.6) for y in (start, end)]
    return [*shapes, _mark(dot, x, scale.at(dot.value))]


def _mark(dot: Dot, x: float, y: float) -> str:
    if dot.rough:
        return circle(x, y, 4.2, fill="#FFFFFF", stroke=dot.colour)
    return circle(x, y, 4.6, fill=dot.colour)


def _solid(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    return line(start, end, stroke=colour, width=2.0)


def _dashed(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    return line(start, end, stroke=colour, width=1.6).replace("/>", ' stroke-dasharray="4 3"/>')


def _key(key: Sequence[tuple[str, str]]) -> list[Label]:
    return [Label(x=26 + 150 * place, y=14, text=name) for place, (name, _) in enumerate(key)]


def _axis_labels(scale: _Scale, number: Callable[[float], str], bottom: float, axis: str) -> list[Label]:
    marks = [
        Label(x=scale.at(mark), y=bottom + 12, text=number(mark), anchor="middle", size=10) for mark in scale.marks
    ]
    middle = (scale.start + scale.end) / 2
    return [*marks, Label(x=middle, y=bottom + 30, text=axis, anchor="middle", size=10, colour=_MUTED)]


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"
