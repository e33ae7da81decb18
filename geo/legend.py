"""The class legend of a map: codes, names, colours, and which classes are crops under control."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from geo.errors import Problem, SurveyFileError

__all__ = ["Legend", "MapClass"]

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapClass:
    """One class of the legend."""

    code: int
    """Pixel value, 1 to 254; 0 is outside the frame and 255 is no observation."""
    name: str
    """Name in snake case, such as ``coca``."""
    colour: str
    """``#rrggbb``."""
    crop: bool = False
    """Whether it is a crop whose hectares are the product."""


@dataclass(frozen=True, slots=True)
class Legend:
    """An ordered set of classes with unique codes and names.

    Raises
    ------
    SurveyFileError
        If a code or name is used twice, a code lies outside 1-254, or a colour is not ``#rrggbb``.

    Examples
    --------
    >>> legend = Legend((MapClass(code=1, name="coca", colour="#D55E00", crop=True),
    ...                  MapClass(code=2, name="forest", colour="#1B7837")))
    >>> legend.code("forest"), legend.name(1), legend.crops
    (2, 'coca', ('coca',))
    """

    classes: tuple[MapClass, ...]

    OUTSIDE = 0
    """Pixel value outside the area frame."""
    NOT_SEEN = 255
    """Pixel value where no valid observation was made: not seen is not zero."""

    def __post_init__(self) -> None:
        problems = [*self._duplicates(), *self._bad_entries()]
        if problems:
            raise SurveyFileError(problems)

    def __iter__(self) -> Iterator[MapClass]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(entry.name for entry in self.classes)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes in order."""
        return tuple(entry.code for entry in self.classes)

    @property
    def crops(self) -> tuple[str, ...]:
        """Names of the crops under control."""
        return tuple(entry.name for entry in self.classes if entry.crop)

    def code(self, name: str) -> int:
        """Return the code of a class name; KeyError when there is none."""
        return self._by("name", name).code

    def name(self, code: int) -> str:
        """Return the name of a code; KeyError when there is none."""
        return self._by("code", code).name

    def _by(self, attribute: str, value: object) -> MapClass:
        for entry in self.classes:
            if getattr(entry, attribute) == value:
                return entry
        raise KeyError(f"no class with {attribute} {value!r}; the legend has {', '.join(self.names)}")

    def _duplicates(self) -> Iterator[Problem]:
        for attribute, values in (("code", self.codes), ("name", self.names)):
            for value in sorted({v for v in values if values.count(v) > 1}, key=str):
                yield Problem(f"legend {attribute}", f"{value} twice", "each once", "rename one of them")

    def _bad_entries(self) -> Iterator[Problem]:
        for entry in self.classes:
            if not 1 <= entry.code <= 254:
                yield Problem(f"legend class {entry.name}", f"code {entry.code}", "a code from 1 to 254")
            if not _COLOUR.fullmatch(entry.colour):
                yield Problem(f"legend class {entry.name}", f"colour {entry.colour!r}", "#rrggbb")
