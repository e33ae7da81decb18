"""The reference page of a programme's tables, made from the data model so that it cannot fall behind it.

python -m aoi.project.page > docs/alternative-development-tables.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from aoi.project.model import Field, Table, data_model

__all__ = ["tables_page"]

_INTRODUCTION = """# Tables of an alternative-development programme

This page is made from the program. How to fill the tables in is told in
[alternative development](alternative-development.md).

A table is a layer of one GeoPackage, or a CSV, Parquet or GeoPackage file named after it in one folder. Fields in
**bold** are needed in every row. Dates are written as 2024-05-31, numbers with a decimal point, several codes or
texts parted by `;`. No table holds a name, an identity, a telephone number or the place of a person.
"""
_TYPES = {
    "text": "text", "texts": "texts", "whole": "whole number", "number": "number", "date": "date",
    "yes_no": "yes/no", "code": "code", "codes": "codes",
}  # fmt: skip
_MOST = 60


def tables_page() -> str:
    """Return the page as markdown."""
    model = data_model()
    lines = [_INTRODUCTION]
    for table in model.tables.values():
        lines += list(_table(table))
    lines += [
        "## Code lists",
        "",
        "`unverified` lists were retyped and not compared with their present edition.",
        "",
    ]
    for codes in model.codes.values():
        shown = [f"`{code}` {text}" if text != code else f"`{code}`" for code, text in codes.codes.items()]
        told = "; ".join(shown) if len(shown) <= _MOST else f"{len(shown)} codes"
        lines += [f"### `{codes.name}`", "", f"{codes.title}. Source: {codes.source} ({codes.mark}). {told}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> Iterator[str]:
    yield f"## `{table.name}`"
    yield ""
    has = "has" if table.geometry_required else "may have"
    shape = f" Each row {has} a {table.geometry}." if table.geometry else ""
    yield f"{table.title}. Used once: {', '.join(f'`{name}`' for name in table.key)}.{shape}"
    yield ""
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for field in table.fields.values():
        name = f"**`{field.name}`**" if field.required else f"`{field.name}`"
        yield f"| {name} | {_type(field)} | {field.meaning}{_limits(field)} |"
    yield ""


def _type(field: Field) -> str:
    return f"{_TYPES[field.type]} of `{field.codes}`" if field.codes else _TYPES[field.type]


def _limits(field: Field) -> str:
    parts = [f"{word} {limit:g}" for word, limit in (("from", field.min), ("to", field.max)) if limit is not None]
    parts = [field.unit, *parts] if field.unit else parts
    parts += [f"found in `{field.to}`"] if field.to else []
    return f" ({', '.join(parts)})" if parts else ""


if __name__ == "__main__":
    sys.stdout.write(tables_page())
