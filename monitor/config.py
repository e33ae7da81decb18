"""The survey file: `survey.toml` read into one frozen record, with every mistake told at once.

The file says what is surveyed, from what, and how; nothing in it is code. Paths are relative to the file.
`survey_schema()` is its JSON Schema.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from geo.errors import InputError, Problem, SurveyFileError
from monitor.sections import (
    AreaSection,
    ClassifierSection,
    EstimateSection,
    ImagerySection,
    MapSection,
    OfficialSection,
    OverlayLayer,
    PeriodSection,
    ReferenceSection,
    SampleSection,
    Section,
    SurveySection,
    TrainingSection,
)

__all__ = ["Survey", "load_survey", "survey_schema"]


class Survey(Section):
    """A whole survey file."""

    survey: SurveySection
    area: AreaSection
    period: list[PeriodSection] = Field(min_length=1)
    imagery: ImagerySection | None = None
    training: TrainingSection | None = None
    classifier: ClassifierSection = ClassifierSection()
    sample: SampleSection = SampleSection()
    reference: ReferenceSection | None = None
    official: OfficialSection | None = None
    estimate: EstimateSection = EstimateSection()
    overlay: list[OverlayLayer] = Field(default=[])
    map: MapSection = MapSection()

    @model_validator(mode="after")
    def _periods_agree(self) -> Self:
        names = [period.name for period in self.period]
        if len(set(names)) < len(names):
            raise ValueError("two [[period]] tables have the same name; rename one")
        roles = [period.role for period in self.period]
        if roles.count("current") != 1 or roles.count("baseline") > 1:
            raise ValueError("exactly one [[period]] must have role current, and at most one role baseline")
        layers = [layer.name for layer in self.overlay]
        if len(set(layers)) < len(layers):
            raise ValueError("two [[overlay]] tables have the same name; rename one")
        return self

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        parts = (self.imagery, self.training, self.reference)
        if (self.official is not None) == any(part is not None for part in parts) or (
            self.official is None and not all(part is not None for part in parts)
        ):
            raise ValueError("give [official] alone, or [imagery], [training] and [reference]")
        if self.official is not None and len(self.survey.crops) != 1:
            raise ValueError("with [official] there is exactly one crop; write one survey file for each")
        return self

    def role(self, role: str) -> PeriodSection | None:
        """Return the period that plays a role, or None."""
        return next((period for period in self.period if period.role == role), None)


def load_survey(path: Path) -> Survey:
    """Read a survey file; its paths come back absolute.

    Raises
    ------
    InputError
        If the file is missing or is not TOML.
    SurveyFileError
        Naming every wrong key of the file.
    """
    if not path.is_file():
        raise InputError(
            Problem(str(path), "no such survey file", "a survey.toml", "write one with 'altdev init DIR'")
        )
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SurveyFileError(Problem(str(path), f"text that is not TOML ({error})", "a TOML file")) from error
    try:
        survey = Survey.model_validate(raw)
    except ValidationError as error:
        raise SurveyFileError(list(_problems(path.name, error))) from None
    return _absolute(survey, path.resolve().parent)


def survey_schema() -> dict[str, Any]:
    """Return the JSON Schema of the survey file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Survey.model_json_schema()}


def _problems(file: str, error: ValidationError) -> Iterable[Problem]:
    for entry in error.errors(include_url=False):
        where = f"{file} {_key(entry['loc'])}".strip()
        if entry["type"] == "extra_forbidden":
            yield Problem(where, "an unknown key", "a key of this table", "see 'altdev schema'; check the spelling")
        elif entry["type"] == "missing":
            yield Problem(where, "nothing", "a value (it is required)", "add it")
        else:
            message = entry["msg"].removeprefix("Value error, ")
            shown = repr(entry["input"])
            found = shown if len(shown) <= 60 and not isinstance(entry["input"], dict) else "this table"
            yield Problem(where, found, message[0].lower() + message[1:])


def _key(location: tuple[int | str, ...]) -> str:
    """Write a location as the file shows it: ``[[period]] 2 end``."""
    words: list[str] = []
    for index, part in enumerate(location):
        if isinstance(part, int):
            words[-1] = f"[{words[-1]}] {part + 1}"
        elif index == 0:
            words.append(f"[{part}]")
        else:
            words.append(part)
    return " ".join(words)


def _absolute(survey: Survey, base: Path) -> Survey:
    return Survey.model_validate(_resolve(survey.model_dump(), base))


def _resolve(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return value if value.is_absolute() else base / value
    if isinstance(value, dict):
        return {key: _resolve(entry, base) for key, entry in value.items()}
    if isinstance(value, list):
        return [_resolve(entry, base) for entry in value]
    return value
