"""The data model: which tables there are, their fields and code lists, read from data files.

`data/tables.toml` says the tables, `data/codes.toml` the code lists; a survey may add codes of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from geo.errors import InputError, Problem

__all__ = ["CodeList", "DataModel", "Field", "FieldType", "Table", "data_model", "with_codes"]

FieldType = Literal["text", "whole", "number", "date", "yes_no", "code", "codes", "texts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """One list of codes."""

    name: str
    title: str
    source: str
    mark: str
    """``found`` or ``unverified``."""
    codes: Mapping[str, str]
    """Code to its meaning; a list of bare codes gives each as its own meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a table."""

    name: str
    type: FieldType
    meaning: str
    required: bool = False
    codes: str = ""
    """Code list, of a ``code`` or ``codes`` field."""
    to: str = ""
    """Table whose key it must be found in."""
    unit: str = ""
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table."""

    name: str
    title: str
    fields: Mapping[str, Field]
    key: tuple[str, ...]
    """Columns that are together used once."""
    geometry: str = ""
    """``polygon`` or ``point``; empty for a table without shapes."""
    geometry_required: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that every row needs."""
        return tuple(name for name, one in self.fields.items() if one.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataModel:
    """All tables and code lists."""

    tables: Mapping[str, Table]
    codes: Mapping[str, CodeList] = field(default_factory=dict)

    def codes_of(self, one: Field) -> Mapping[str, str]:
        """Return the codes a field may hold."""
        return self.codes[one.codes].codes


@cache
def data_model() -> DataModel:
    """Return the shipped data model.

    Examples
    --------
    >>> model = data_model()
    >>> model.codes["sector"].codes["31165"]
    'Agricultural alternative development'
    >>> len(model.codes["sdg_target"].codes)
    169
    """
    tree = _read("tables.toml")
    common = tree.pop("common")["fields"]
    tables = {name: _table(name, content, common) for name, content in tree.items()}
    lists = {name: _code_list(name, content) for name, content in _read("codes.toml").items()}
    return DataModel(tables=MappingProxyType(tables), codes=MappingProxyType(lists))


def with_codes(model: DataModel, text: str, *, where: str) -> DataModel:
    """Return the model with codes of a user's own added.

    Parameters
    ----------
    model
        The shipped model; left as it is.
    text
        TOML in the form of the shipped code lists.
    where
        File that the text comes from, for messages.

    Raises
    ------
    InputError
        If it is no such file, or names a list that the model does not have.
    """
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(where, f"text that is not TOML ({error})", "lists of codes")) from error
    lists = dict(model.codes)
    problems = []
    for name, content in tree.items():
        known = isinstance(content, dict) and isinstance(content.get("codes"), dict) and content.get("source")
        if name not in lists or not known:
            found = f"the list {name!r}" if name not in lists else f"the list {name!r} without source or codes"
            problems.append(Problem(where, found, f"one of {', '.join(lists)}, with source and codes"))
            continue
        old = lists[name]
        added = _code_list(name, {"title": old.title, "mark": "given"} | content)
        lists[name] = CodeList(
            name=name,
            title=added.title,
            source=f"{old.source}; {added.source}",
            mark=old.mark,
            codes=MappingProxyType({**old.codes, **added.codes}),
        )
    if problems:
        raise InputError(problems)
    return DataModel(tables=model.tables, codes=MappingProxyType(lists))


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("aoi.project.data").joinpath(name).read_text(encoding="utf-8"))


def _table(name: str, content: Mapping[str, Any], common: Mapping[str, Any]) -> Table:
    fields = {key: Field(name=key, **entry) for key, entry in {**content["fields"], **common}.items()}
    return Table(
        name=name,
        title=content["title"],
        fields=MappingProxyType(fields),
        key=tuple(content["key"]),
        geometry=content.get("geometry", ""),
        geometry_required=content.get("geometry_required", False),
    )


def _code_list(name: str, content: Mapping[str, Any]) -> CodeList:
    codes = content["codes"]
    bare = codes["words"].split() if set(codes) == {"words"} else None
    named = {word: word for word in bare} if bare is not None else {str(k): str(v) for k, v in codes.items()}
    return CodeList(
        name=name,
        title=content["title"],
        source=content["source"],
        mark=content["mark"],
        codes=MappingProxyType(named),
    )
