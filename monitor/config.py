"""The survey file: `survey.toml` read into one frozen record, with every mistake told at once.

The file says what is surveyed, from what, and how; nothing in it is code. Paths are relative to the file.
`survey_schema()` is its JSON Schema.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from geo.errors import InputError, Problem, SurveyFileError, is_hidden
from monitor.impact_sections import ImpactSection
from monitor.pattern_section import HotSpotSection
from monitor.sections import (
    NO_ZONE,
    AreaSection,
    ClassifierSection,
    CorrectionsSection,
    DisclosureSection,
    EstimateSection,
    FeaturesSection,
    HarmSection,
    IatiSection,
    ImagerySection,
    LegalitySection,
    MapSection,
    OfficialSection,
    OverlayLayer,
    PeriodSection,
    PriorSection,
    ProductionSection,
    ProgrammeSection,
    ReferenceSection,
    SampleSection,
    Section,
    SurveySection,
    TrainingSection,
)

__all__ = ["Survey", "load_survey", "salvage_survey", "survey_schema"]


_COMPARED = ("baseline", "current")

_ROUNDS = 4
"""Times a wrong file is mended: taking a value out may show that it was required."""

_STAND_INS: dict[str, Any] = {
    "survey.name": "unnamed",
    "survey.title": "",
    "survey.country": "ZZZ",
    "survey.seed": 0,
}
"""Required values that no input depends on."""


class Survey(Section):
    """A whole survey file."""

    survey: SurveySection
    area: AreaSection
    period: list[PeriodSection] = Field(min_length=1)
    imagery: ImagerySection | None = None
    training: TrainingSection | None = None
    prior_cultivation: PriorSection | None = None
    features: FeaturesSection = FeaturesSection()
    classifier: ClassifierSection = ClassifierSection()
    sample: SampleSection = SampleSection()
    reference: ReferenceSection | None = None
    official: OfficialSection | None = None
    estimate: EstimateSection = EstimateSection()
    corrections: CorrectionsSection | None = None
    production: list[ProductionSection] = Field(default=[])
    overlay: list[OverlayLayer] = Field(default=[])
    harm: HarmSection | None = None
    hot_spots: HotSpotSection | None = None
    impact: ImpactSection | None = None
    ad: ProgrammeSection | None = None
    legality: LegalitySection | None = None
    map: MapSection = MapSection()
    disclosure: DisclosureSection = DisclosureSection()
    iati: IatiSection | None = None

    def role(self, role: str) -> PeriodSection | None:
        """Return the period that plays a role, or None."""
        return next((period for period in self.period if period.role == role), None)

    @property
    def part_tiers(self) -> dict[str, int]:
        """Widest circle of each part beside the hectares of places: ``ad``, ``harm``, ``impact``."""
        parts = {"ad": self.ad, "harm": self.harm, "impact": self.impact}
        return {name: section.tier for name, section in parts.items() if section is not None}


def load_survey(path: Path) -> Survey:
    """Read a survey file; its paths come back absolute.

    Raises
    ------
    InputError
        If the file is missing.
    SurveyFileError
        If it is not TOML, or naming every wrong key of the file.
    """
    raw = _read(path)
    problems = [*text_problems(path.name, raw), *_whole_file_problems(path.name, raw)]
    try:
        survey = Survey.model_validate(raw)
    except ValidationError as error:
        raise SurveyFileError([*value_problems(path.name, error), *problems]) from None
    problems += _path_problems(path.name, survey.model_dump())
    if problems:
        raise SurveyFileError(problems)
    return _absolute(survey, path.resolve().parent)


def salvage_survey(path: Path) -> Survey | None:
    """Return what a wrong survey file still says, so that its inputs can be checked; None when too little is left.

    Values that are refused are taken as not given. For checking only: nothing may be estimated from it.

    Raises
    ------
    SurveyFileError
        If the file is not TOML.
    """
    raw = _read(path)
    for _ in range(_ROUNDS):
        try:
            return _absolute(Survey.model_validate(raw), path.resolve().parent)
        except ValidationError as error:
            faults = {tuple(entry["loc"]): entry["type"] == "missing" for entry in error.errors(include_url=False)}
            for location in sorted(faults, key=len, reverse=True):  # values before the tables they stand in
                _take_out(raw, location, missing=faults[location])
            raw = _without_holes(raw)
    return None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            Problem(str(path), "no such survey file", "a survey.toml", "write one with 'altdev init DIR'")
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SurveyFileError(Problem(str(path), f"text that is not TOML ({error})", "a TOML file")) from error


def _take_out(raw: dict[str, Any], location: tuple[int | str, ...], *, missing: bool) -> None:
    """Remove a refused value, or the table that lacks one; give a harmless value where no input depends on it."""
    stand_in = _STAND_INS.get(".".join(map(str, location)))
    *way, last = location[:-1] if missing and stand_in is None and len(location) > 1 else location
    table: Any = raw
    for part in way:
        table = (
            table.get(part) if isinstance(table, dict) else table[int(part)] if isinstance(table, list) else None
        )
    if table is None:
        return  # taken out already
    if stand_in is not None:
        table[last] = stand_in
    elif isinstance(table, list) and isinstance(last, int):
        table[last] = None  # keeps the places of the others; emptied below
    elif isinstance(table, dict):
        table.pop(last, None)


def _without_holes(raw: dict[str, Any]) -> dict[str, Any]:
    lists = {
        key: [entry for entry in value if entry is not None]
        for key, value in raw.items()
        if isinstance(value, list)
    }
    return raw | lists


def survey_schema() -> dict[str, Any]:
    """Return the JSON Schema of the survey file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Survey.model_json_schema()}


def _whole_file_problems(file: str, raw: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between tables; looks at the text as read, so that no other mistake hides it."""
    periods = _tables(raw, "period")
    for table in ("period", "overlay"):
        names = [str(entry.get("name")) for entry in _tables(raw, table)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem(f"{file} [[{table}]]", f"the name {name!r} twice", "each name once", "rename one")
    for name in sorted(
        {str(entry.get("name")) for entry in _tables(raw, "overlay")} & {"frame", NO_ZONE, "border"}
    ):
        yield Problem(f"{file} [[overlay]]", f"the name {name!r}", "a name the tables do not use", "rename it")
    roles = [entry.get("role") for entry in periods]
    if periods and roles.count("current") != 1:
        found = f"{roles.count('current')} periods with role current"
        yield Problem(f"{file} [[period]]", found, "exactly one", "give the others role baseline or other")
    if roles.count("baseline") > 1:
        yield Problem(f"{file} [[period]]", f"{roles.count('baseline')} baselines", "at most one", "keep one")
    yield from _order_problems(file, periods)
    yield from _same_season(file, periods)
    given = [name for name in ("imagery", "training", "reference") if name in raw]
    if "official" in raw and given:
        yield Problem(file, f"[official] and [{given[0]}]", "[official] alone, or the others", "take one out")
    elif "official" not in raw and len(given) < 3:
        absent = ", ".join(f"[{name}]" for name in ("imagery", "training", "reference") if name not in raw)
        yield Problem(file, f"no {absent}", "[imagery], [training] and [reference], or [official]", "add them")
    crops = raw["survey"].get("crops") if isinstance(raw.get("survey"), dict) else None
    yield from _threshold_problems(file, raw.get("estimate"), crops)
    yield from _prior_problems(file, raw.get("prior_cultivation"), crops)
    yield from _production_problems(file, raw)
    yield from _harm_key_problems(file, raw.get("harm"), periods, crops)
    yield from _official_alone(file, raw)
    corrections = raw.get("corrections")
    if isinstance(corrections, dict) and corrections.get("from_programme") and "ad" not in raw:
        yield Problem(f"{file} [corrections] from_programme", "no [ad]", "the programme's tables", "add [ad]")
    impact = raw.get("impact")
    if isinstance(impact, dict) and impact.get("projects") and "ad" not in raw:
        yield Problem(f"{file} [impact] projects", "no [ad]", "the programme's tables", "add [ad], or take it out")
    if isinstance(crops, list) and len({str(crop) for crop in crops}) < len(crops):
        yield Problem(f"{file} [survey] crops", "a crop twice", "each crop once", "take one out")
    if "official" in raw and isinstance(crops, list) and len(crops) > 1:
        yield Problem(f"{file} [survey] crops", f"{len(crops)} crops", "one crop with [official]", "one file each")


def _official_alone(file: str, raw: dict[str, Any]) -> Iterator[Problem]:
    """Yield tables that need images or a sample beside published figures."""
    if "official" not in raw:
        return
    if "harm" in raw:
        yield Problem(file, "[official] and [harm]", "harms of a survey from images", "take [harm] out")
    for name in ("ad", "legality"):
        if name in raw:
            found, expected = f"[official] and [{name}]", "a survey with a sample"
            yield Problem(file, found, expected, f"take [{name}] out: published figures have no sample units")
    if any("buffer_m" in entry for entry in _tables(raw, "overlay")):
        yield Problem(f"{file} [[overlay]] buffer_m", "a buffer with [official]", "no buffer", "take it out")


def _threshold_problems(file: str, estimate: Any, crops: Any) -> Iterator[Problem]:
    """Yield a threshold of a crop that the survey does not estimate."""
    lines = estimate.get("thresholds_ha") if isinstance(estimate, dict) else None
    if not isinstance(lines, dict) or not isinstance(crops, list):
        return
    for crop in lines:
        if crop not in crops:
            known = ", ".join(map(str, crops))
            yield Problem(f"{file} [estimate] thresholds_ha {crop}", "no crop of this survey", known, "correct it")


def _harm_key_problems(file: str, harm: Any, periods: list[dict[str, Any]], crops: Any) -> Iterator[Problem]:
    """Yield a value of the harms for a period or a crop that the survey has not, which nobody would hear of."""
    if not isinstance(harm, dict):
        return
    known: dict[str, tuple[str, list[Any]]] = {"sprayed_ha": ("period", [str(one.get("name")) for one in periods])}
    if isinstance(crops, list):
        known["window_years"] = ("crop", crops)
    for key, (what, there) in known.items():
        given = harm.get(key)
        for name in given if isinstance(given, dict) else ():
            if name not in there:
                shown = ", ".join(map(str, there))
                yield Problem(f"{file} [harm] {key} {name}", f"no {what} of this survey", shown, "correct it")


def _prior_problems(file: str, prior: Any, crops: Any) -> Iterator[Problem]:
    """Yield earlier fields that nobody says the crop of."""
    if isinstance(prior, dict) and isinstance(crops, list) and len(crops) > 1 and not prior.get("crop"):
        yield Problem(
            f"{file} [prior_cultivation]",
            f"no column with the crop, and {len(crops)} crops",
            "the column that says which",
            'add crop = "..."',
        )


def _production_problems(file: str, raw: dict[str, Any]) -> Iterator[Problem]:
    """Yield a production of a stock that nothing makes a harvested area."""
    periods, entries = (raw.get(name) for name in ("period", "production"))
    if not isinstance(periods, list) or not isinstance(entries, list):
        return
    stock = any(isinstance(one, dict) and one.get("kind", "stock") == "stock" for one in periods)
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, dict) and stock and not {"harvested_ratio", "stock_as_harvested"} & set(entry):
            yield Problem(
                f"{file} [[production]] {number}",
                "a stock at a date and no way to the area harvested",
                "harvested_ratio with its source, or stock_as_harvested with its ground",
                "add one of them",
            )


def _order_problems(file: str, periods: list[dict[str, Any]]) -> Iterator[Problem]:
    """Yield a baseline that is not before the current period, which would turn the change round."""
    day = {entry.get("role"): entry.get("reference_date") for entry in periods if entry.get("role") in _COMPARED}
    before, after = (day.get(role) for role in _COMPARED)
    if type(before) is date and type(after) is date and before >= after:
        yield Problem(
            f"{file} [[period]]",
            f"a baseline of {before} and a current period of {after}",
            "a baseline that comes first",
            "swap the roles, or correct reference_date",
        )


def _same_season(file: str, periods: list[dict[str, Any]]) -> Iterator[Problem]:
    """Yield periods that share their days: their scenes would be the same, and so any change nil."""
    days: list[Any] = [
        entry.get(key)
        for role in _COMPARED
        for entry in periods
        if entry.get("role") == role
        for key in ("start", "end")
    ]
    if len(days) != 2 * len(_COMPARED) or not all(type(day) is date for day in days):
        return  # told by the check of the values
    first, last, begin, end = days
    if first <= end and begin <= last:
        yield Problem(
            f"{file} [[period]]",
            f"a baseline of {first} to {last} and a current period of {begin} to {end}",
            "periods that share no day",
            "correct start and end",
        )


def text_problems(file: str, raw: dict[str, Any]) -> Iterator[Problem]:
    """Yield texts that would break or reorder the line they are printed on."""
    for where, value in _leaves(raw, ()):
        if isinstance(value, str) and (bad := sorted({letter for letter in value if is_hidden(letter)})):
            found = "the character " + ", ".join(map(ascii, bad[:3]))
            yield Problem(f"{file} {_key(where)}", found, "text without control characters", "take it out")


def _path_problems(file: str, content: dict[str, Any]) -> Iterator[Problem]:
    """Yield paths that no file system takes."""
    for where, value in _leaves(content, ()):
        if (
            isinstance(value, Path)
            and (longest := max((len(part.encode()) for part in value.parts), default=0)) > 255
        ):
            expected = "names of at most 255 bytes"
            yield Problem(f"{file} {_key(where)}", f"a name of {longest} bytes", expected, "correct the path")


def _leaves(value: Any, where: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    """Yield every value of nested tables with its place."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is None or (not where and not isinstance(value, dict)):
        yield where, value
        return
    for key, entry in entries:
        yield from _leaves(entry, (*where, key))


def _tables(raw: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the entries of an array of tables; none when it is something else."""
    entries = raw.get(name, [])
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def value_problems(file: str, error: ValidationError) -> Iterable[Problem]:
    for entry in error.errors(include_url=False):
        where = f"{file} {_key(entry['loc'])}".strip()
        if entry["type"] == "extra_forbidden":
            yield Problem(where, "an unknown key", "a key of this table", "see 'altdev schema'; check the spelling")
        elif entry["type"] == "missing":
            yield Problem(where, "nothing", "a value (it is required)", "add it")
        else:
            message = entry["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            shown = repr(entry["input"])
            found = shown if len(shown) <= 60 and not isinstance(entry["input"], dict) else "this table"
            yield Problem(where, found, message[0].lower() + message[1:])


def _key(location: tuple[int | str, ...]) -> str:
    """Write a location as the file shows it: ``[[period]] 2 end``, ``[survey] crops 1``."""
    words: list[str] = []
    for index, part in enumerate(location):
        if isinstance(part, int):
            words[-1] = f"[{words[-1]}] {part + 1}" if index == 1 else f"{words[-1]} {part + 1}"
        elif index == 0:
            words.append(f"[{part}]")
        else:
            words.append(part)
    return " ".join(words)


def _absolute(survey: Survey, base: Path) -> Survey:
    content = _resolve(survey.model_dump(), base)
    if content["imagery"] is not None:  # a name is looked up among the program's own; a file is the survey's
        for key in ("sensor", "profile"):
            value = content["imagery"][key]
            content["imagery"][key] = str(base / value) if value.endswith(".toml") else value
        for one in content["imagery"]["further"]:
            one["sensor"] = str(base / one["sensor"]) if one["sensor"].endswith(".toml") else one["sensor"]
    if content["legality"] is not None and content["legality"]["law"].endswith(".toml"):
        content["legality"]["law"] = str(base / content["legality"]["law"])
    return Survey.model_validate(content)


def _resolve(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return value if value.is_absolute() else base / value
    if isinstance(value, dict):
        return {key: _resolve(entry, base) for key, entry in value.items()}
    if isinstance(value, list):
        return [_resolve(entry, base) for entry in value]
    return value
