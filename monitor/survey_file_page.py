"""The reference pages of the survey file and of the design file, made from their models: they cannot fall behind.

python -m monitor.survey_file_page > docs/survey-file.md
python -m monitor.survey_file_page design > docs/design-file.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from monitor.config import Survey
from monitor.sections import Section
from monitor.tabular.corrections import CorrectionsFile
from monitor.tabular.declaration import DesignFile
from monitor.tabular.potential import ProductionFile
from monitor.tabular.small_areas import SmallAreaFile

__all__ = ["design_file_page", "survey_file_page"]

INTRODUCTION = """# The survey file

One TOML file says what is surveyed, from what, and how. Paths are relative to the file. A key that is not listed
here is a mistake, and `altdev check survey.toml` names it; `altdev schema` prints the same as a JSON Schema. This
page is made from the program.

A survey has either `[imagery]`, `[training]` and `[reference]`, or `[official]` alone.
"""

DESIGN = """# The design file

One TOML file says how the units of a sample were drawn, or are to be drawn, and what is estimated from them, for
`altdev sample FRAME.csv --design DESIGN.toml` and `altdev estimate SAMPLE.csv --design DESIGN.toml`
([table mode](table-mode.md)). Paths are relative to the file. A key that is not listed here is a mistake. This page
is made from the program.

A file with `[small_areas]`, `[production]` or `[corrections]` says no design but what is made of a table of
figures; their keys stand at the end of the page.
"""

OTHERS: dict[str, type[Section]] = {
    "A file for small areas": SmallAreaFile,
    "A file for production": ProductionFile,
    "A file for corrections": CorrectionsFile,
}
"""Files that `altdev estimate` takes in the place of a design."""

PLACES = {"number_in": "PERIOD", "misreading": "COLUMN", "factor": "NAME", "coefficient": "NAME"}
"""What stands in the place of a name in the title of a table that is there once for each."""

WORDS = {"str": "text", "int": "whole number", "float": "number", "Path": "path", "date": "date", "bool": "yes/no"}


def survey_file_page() -> str:
    """Return the page as markdown."""
    return _page(INTRODUCTION, Survey)


def design_file_page() -> str:
    """Return the page of the design file as markdown."""
    pages = [_whole(DESIGN, DesignFile)]
    pages += [_whole(f"# {title}\n", model) for title, model in OTHERS.items()]
    return "\n".join(pages)


def _whole(introduction: str, model: type[Section]) -> str:
    """Return a page that starts with the keys of the file itself."""
    own = ["## Keys of the file itself", "", *_rows(model), ""]
    return _page("\n".join([introduction, *own]), model)


def _page(introduction: str, model: type[Section]) -> str:
    lines = [introduction]
    for title, section in _tables("", model):
        lines += [f"## `{title}`", "", *_paragraph(section), *_rows(section), ""]
    return "\n".join(lines).rstrip() + "\n"


def _tables(prefix: str, model: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    """Yield every table below a model with the words that open it in the file."""
    for name, field in model.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is not None:
            path = f"{prefix}{name}"
            repeated = _is_list(field.annotation)
            named = _is_mapping(field.annotation)
            title = f"[[{path}]]" if repeated else f"[{path}.{PLACES[name]}]" if named else f"[{path}]"
            yield title, inner
            yield from _tables(f"{path}.", inner)


def _paragraph(section: type[Section]) -> list[str]:
    text = (section.__doc__ or "").split(": ", 1)[-1].strip()
    return [text[0].upper() + text[1:], ""]


def _rows(section: type[Section]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in section.model_fields.items():
        if _section_of(field.annotation) is None:
            default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
            meaning = (field.description or "").replace("|", "\\|")
            yield f"| `{name}` | {_kind(field.annotation)} | {default} | {meaning} |"


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union, without None."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(part for part in get_args(annotation) if part is not type(None))
    return (annotation,)


def _section_of(annotation: Any) -> type[Section] | None:
    for part in _parts(annotation):
        candidates = get_args(part) if get_origin(part) in (list, dict) else (part,)
        for candidate in candidates:
            if isinstance(candidate, type) and issubclass(candidate, Section):
                return candidate
    return None


def _is_list(annotation: Any) -> bool:
    return any(get_origin(part) is list for part in _parts(annotation))


def _is_mapping(annotation: Any) -> bool:
    return any(get_origin(part) is dict for part in _parts(annotation))


def _kind(annotation: Any) -> str:
    kinds = []
    for given in _parts(annotation):
        part = get_args(given)[0] if hasattr(given, "__metadata__") else given
        origin, inner = get_origin(part), get_args(part)
        if origin is list:
            kinds.append(f"list of {_kind(inner[0])}s")
        elif origin is dict:
            kinds.append(f"table: {_kind(inner[0])} to {_kind(inner[1])}")
        elif inner and all(isinstance(entry, str) for entry in inner):
            kinds.append(", ".join(f"`{entry}`" if entry else "empty" for entry in inner))
        else:
            kinds.append(WORDS.get(getattr(part, "__name__", ""), "text"))
    return " or ".join(kinds)


def _shown(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return "none"
    return f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(design_file_page() if sys.argv[1:] == ["design"] else survey_file_page())
