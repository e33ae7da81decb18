"""Crop profiles: what grows in a region, what it looks like and when, read from data files with their sources.

A profile is a TOML file of one crop in one kind of country: the map legend, the season windows of composites,
and each class's growth stages with their spectra. Every number carries its source and a mark: ``found`` was
read in the source named, ``unverified`` is the authors' own judgement that nobody should quote.
"""

from __future__ import annotations

import tomllib
from calendar import isleap
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from geo.errors import InputError, Problem, SurveyFileError
from geo.files import read_utf8
from geo.legend import Legend, MapClass

__all__ = [
    "BANDS",
    "CROP_RULES",
    "ClassProfile",
    "CropProfile",
    "Cutting",
    "Range",
    "Spectrum",
    "Stage",
    "Window",
    "WindowDates",
    "load_profile",
    "profile_names",
]

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""Sentinel-2 bands that a spectrum is given in, in this order."""


def _month_day(text: str) -> str:
    """Refuse a month-day that no year has, such as 02-30."""
    try:
        date.fromisoformat(f"2000-{text}")
    except ValueError:
        raise ValueError("no day of the year; write MM-DD, such as 03-15") from None
    return text


MonthDay = Annotated[str, AfterValidator(_month_day)]
Rule = Literal["two_dates", "no_greenness", "season"]
Reflectance = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
OptionalName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]*)?$")]

CROP_RULES: Mapping[str, Rule] = {"opium_poppy": "two_dates", "coca": "no_greenness"}
"""How a crop must be told, whatever its profile says otherwise."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(_Record):
    """Anything that says where it comes from."""

    source: str = Field(min_length=3, description="Where the numbers come from")
    mark: Literal["found", "unverified"] = Field(description="Read in the source, or the authors' judgement")


class Range(Sourced):
    """A quantity as a range with its typical value."""

    low: float = Field(ge=0, description="Small but not rare")
    typical: float = Field(gt=0, description="Median")
    high: float = Field(gt=0, description="Large but not rare")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.typical <= self.high:
            raise ValueError("low, typical and high are not in rising order")
        return self


class Spectrum(Sourced):
    """Surface reflectance of a pure, level surface in the bands of `BANDS`."""

    reflectance: tuple[Reflectance, ...] = Field(
        min_length=len(BANDS), max_length=len(BANDS), description="0 to 1, in the order of BANDS"
    )


class Stage(Sourced):
    """One growth stage of a class: it sets in at `begins` and is complete at `full`."""

    name: Name = Field(description="bare, green, flower, senescent or another stage")
    spectrum: OptionalName = Field(
        default="", description="Spectrum that the class has when the stage is complete, where one is given"
    )
    begins: MonthDay = Field(description="Month-day on which the stage sets in")
    full: MonthDay = Field(description="Month-day on which the stage is complete")


class Cutting(Sourced):
    """Repeated cutting or leaf stripping, at a date of each field's own."""

    spectrum: Name = Field(description="Spectrum just after a cut")
    every_days: float = Field(gt=0, description="Days between cuts")
    recovery_days: float = Field(gt=0, description="Days until the cut no longer shows")
    depth: float = Field(gt=0, le=1, description="Share of the canopy a cut removes")


class ClassProfile(_Record):
    """One class of the legend with its look through the year."""

    code: int = Field(ge=1, le=254, description="Pixel value")
    name: Name = Field(description="Name in the legend")
    title: str = Field(description="Name for readers")
    colour: str = Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="#rrggbb")
    crop: bool = Field(default=False, description="Whether its hectares are the product")
    look_alike: bool = Field(default=False, description="Whether it is easily taken for the crop")
    stages: tuple[Stage, ...] = Field(min_length=1, description="In order; the year closes on itself")
    cutting: Cutting | None = Field(default=None, description="Repeated cuts, if any")
    calendar_spread_days: float = Field(
        default=0.0, ge=0, description="Standard deviation between fields of the calendar, days"
    )
    vigour_spread: float = Field(
        default=0.0, ge=0, lt=1, description="Standard deviation between fields of the ground cover"
    )
    field_ha: Range | None = Field(default=None, description="Size of one field, hectares")


class Window(Sourced):
    """A part of the season that one composite is made for."""

    name: Name = Field(description="Name in file and feature names")
    start: MonthDay = Field(description="First month-day")
    end: MonthDay = Field(description="Last month-day; before `start` when the window crosses the new year")
    shows: str = Field(description="What is told apart in it")


class Identification(Sourced):
    """How the crop is told from what looks like it."""

    rule: Rule = Field(
        description="two_dates: seen in both windows of `dates` or not seen at all; "
        "no_greenness: never by greenness alone; season: by its course through the season"
    )
    dates: tuple[Name, ...] = Field(default=(), description="Two windows, the earlier first, for two_dates")
    slack_days: int = Field(
        default=0, ge=0, le=15, description="Days by which an image may miss a window and still count as its date"
    )

    @model_validator(mode="after")
    def _two_dates(self) -> Self:
        if (self.rule == "two_dates") != (len(set(self.dates)) == 2):
            raise ValueError("two_dates goes with two windows in dates, and no other rule has any")
        return self


class BestSensor(Sourced):
    """What the crop is best seen with, and when."""

    sensor: str = Field(description="Sensor or kind of imagery")
    when: str = Field(description="Dates or season")


class KnownAccuracy(Sourced):
    """An accuracy that was published for the crop; its context matters more than the number."""

    place: str = Field(description="Where")
    sensor: str = Field(description="Sensor and method")
    result: str = Field(description="What was reported")
    caveat: str = Field(default="", description="What the number leaves out")


class WindowDates(_Record):
    """A window laid on the dates of one survey period."""

    name: str = Field(description="Name of the window")
    start: date = Field(description="First day")
    end: date = Field(description="Last day")


class CropProfile(_Record):
    """A whole profile.

    Examples
    --------
    >>> profile = load_profile("andes-coca")
    >>> profile.crops, profile.legend.name(1)
    (('coca',), 'coca')
    >>> [window.name for window in profile.windows_in(date(2024, 1, 1), date(2024, 12, 31))]
    ['early_year', 'dry_season', 'late_year']
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name of the profile")
    title: str = Field(description="What it describes")
    country: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="ISO alpha-3 code of the country it is for"
    )
    minimum_field_ha: Range | None = Field(
        default=None, description="Smallest field that surveys of this crop map, hectares, where it is known"
    )
    identification: Identification | None = Field(
        default=None, description="How the crop is told; required for opium poppy and coca"
    )
    best_sensors: tuple[BestSensor, ...] = Field(default=(), description="Best sensors and dates")
    accuracies: tuple[KnownAccuracy, ...] = Field(default=(), description="Published accuracies")
    windows: tuple[Window, ...] = Field(min_length=1, description="Parts of the season, in order")
    classes: tuple[ClassProfile, ...] = Field(min_length=2, description="Crops, look-alikes, background")
    soil: OptionalName = Field(default="", description="Spectrum of the ground that thin stands let through")
    spectra: dict[str, Spectrum] = Field(default={}, description="Spectra that stages and cuts name, if any")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        problems = [*self._unknown_spectra(), *self._repeated_windows(), *self._wrong_rule()]
        if not any(entry.crop for entry in self.classes):
            problems.append("no class has crop = true")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def legend(self) -> Legend:
        """The map legend."""
        return Legend(
            tuple(
                MapClass(code=entry.code, name=entry.name, colour=entry.colour, crop=entry.crop)
                for entry in self.classes
            )
        )

    @property
    def crops(self) -> tuple[str, ...]:
        """Names of the crops under control."""
        return tuple(entry.name for entry in self.classes if entry.crop)

    @property
    def look_alikes(self) -> tuple[str, ...]:
        """Names of the classes easily taken for the crop."""
        return tuple(entry.name for entry in self.classes if entry.look_alike)

    @property
    def contrasts(self) -> tuple[tuple[str, str], ...]:
        """Pairs of windows whose difference tells the crop: the two dates, and how the first came about."""
        if self.identification is None or not self.identification.dates:
            return ()
        names = [window.name for window in self.windows]
        first, second = self.identification.dates
        before = names[: names.index(first)][-1:]
        return (*((name, first) for name in before), (first, second))

    def of(self, name: str) -> ClassProfile:
        """Return the record of a class; KeyError when there is none."""
        for entry in self.classes:
            if entry.name == name:
                return entry
        raise KeyError(f"no class {name!r}; profile {self.name} has {', '.join(self.legend.names)}")

    def windows_in(self, start: date, end: date) -> tuple[WindowDates, ...]:
        """Lay the windows on a survey period from day `start` to day `end`, both included.

        Returns
        -------
        tuple of WindowDates
            In the order of the profile, cut to the period; windows that the period does not touch are left out.

        Raises
        ------
        SurveyFileError
            If the period touches none of them.
        """
        found = []
        for window in self.windows:
            spans = [_occurrence(window, year) for year in range(start.year - 1, end.year + 1)]
            cut = [(max(first, start), min(last, end)) for first, last in spans]
            inside = [(first, last) for first, last in cut if first <= last]
            if inside:
                first, last = max(inside, key=lambda span: span[1] - span[0])
                found.append(WindowDates(name=window.name, start=first, end=last))
        if not found:
            shown = ", ".join(f"{window.start}..{window.end}" for window in self.windows)
            raise SurveyFileError(
                Problem(
                    f"period {start} to {end}",
                    "no day inside a season window",
                    f"days of {shown} (profile {self.name})",
                    "correct the period, or use another profile",
                )
            )
        return tuple(found)

    def _wrong_rule(self) -> Iterator[str]:
        rule = self.identification.rule if self.identification else None
        for entry in self.classes:
            wanted = CROP_RULES.get(entry.name) if entry.crop else None
            if wanted is not None and rule != wanted:
                yield f"{entry.name} is told by {wanted}, and [identification] rule is {rule or 'missing'}"
        names = [window.name for window in self.windows]
        for name in self.identification.dates if self.identification else ():
            if name not in names:
                yield f"[identification] dates names window {name!r}, which is not there"

    def _unknown_spectra(self) -> Iterator[str]:
        if self.soil and self.soil not in self.spectra:
            yield f"soil names spectrum {self.soil!r}, which is not in [spectra]"
        for entry in self.classes:
            named = [stage.spectrum for stage in entry.stages]
            named += [entry.cutting.spectrum] if entry.cutting else []
            for spectrum in named:
                if spectrum and spectrum not in self.spectra:
                    yield f"class {entry.name} names spectrum {spectrum!r}, which is not in [spectra]"

    def _repeated_windows(self) -> Iterator[str]:
        names = [window.name for window in self.windows]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"window {name!r} stands twice"


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that come with the program."""
    entries = files("imagery.profiles").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")))


def load_profile(name_or_path: str | Path) -> CropProfile:
    """Read a crop profile.

    Parameters
    ----------
    name_or_path
        A name of `profile_names`, or the path of a profile file.

    Raises
    ------
    InputError
        If there is no such profile or file, or it is not TOML.
    SurveyFileError
        Naming every wrong entry of the file.
    """
    where, text = _profile_text(name_or_path)
    try:
        profile = CropProfile.model_validate(tomllib.loads(text))
        profile.legend  # noqa: B018 - refuses double codes and names on reading, not on first use
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(Problem(where, f"text that is not TOML ({error})", "a crop profile")) from error
    except ValidationError as error:
        raise SurveyFileError(list(_problems(where, error))) from None
    return profile


def _profile_text(name_or_path: str | Path) -> tuple[str, str]:
    if str(name_or_path) in profile_names():
        entry = files("imagery.profiles").joinpath(f"{name_or_path}.toml")
        return f"profile {name_or_path}", entry.read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(profile_names())
        raise InputError(
            Problem("[imagery] profile", f"{str(name_or_path)!r}", f"one of {known}, or a profile file")
        )
    return str(path), read_utf8(path)


def _occurrence(window: Window, year: int) -> tuple[date, date]:
    """Return the window that starts in `year`; it ends in the next year when it crosses the new year."""
    return _day(year, window.start), _day(year + (window.end < window.start), window.end)


def _day(year: int, month_day: str) -> date:
    """Return the day in a year; 29 February is the 28th where there is none."""
    if month_day == "02-29" and not isleap(year):
        month_day = "02-28"
    return date.fromisoformat(f"{year}-{month_day}")


def _problems(where: str, error: ValidationError) -> Iterator[Problem]:
    for entry in error.errors(include_url=False):
        key = ".".join(str(part) for part in entry["loc"])
        message = entry["msg"].removeprefix("Value error, ")
        found = repr(entry["input"])
        shown = found if len(found) <= 60 else "this table"
        yield Problem(f"{where} {key}".strip(), shown, message[0].lower() + message[1:])
