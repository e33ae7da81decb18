"""What a report is made of, whatever it is written as: headings, paragraphs, tables, pictures, equations."""

from __future__ import annotations

from dataclasses import dataclass

from maps.language import Language
from maps.report.drawing import Drawing

__all__ = ["Block", "Bullets", "Equation", "Heading", "Paragraph", "Picture", "Report", "Table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading of level 1 (section) or 2."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph; `strong` for the finding that must not be missed, `small` for remarks."""

    text: str
    strong: bool = False
    small: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of texts; numbers are words already, in the language of the report."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    """Whether each column is set to the right."""
    shaded: tuple[bool, ...] = ()
    """Whether each row is a total or otherwise stands out; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing with its caption."""

    caption: str
    drawing: Drawing
    share: float = 1.0
    """Share of the text's width that it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """An equation: for the typesetter, for a reader's ear, and its source."""

    math: str
    """In Typst's notation; from the program's own files, never from data."""
    spoken: str
    """In plain signs."""
    where: str
    """What the symbols mean."""
    source: str
    """Paper and equation."""


Block = Heading | Paragraph | Bullets | Table | Picture | Equation


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report."""

    title: str
    subtitle: str
    words: Language
    """Language it is written in."""
    marks: tuple[str, ...]
    """Lines under the title: tier, draft, run."""
    blocks: tuple[Block, ...]
    footer: str
    """Line at the foot of each page."""
