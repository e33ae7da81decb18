"""The design file: how units were (or are to be) drawn, and what is estimated from them, as one frozen record.

One file serves the draw and the estimate, so that what is analysed is what was drawn.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from geo.errors import InputError, Problem, SurveyFileError
from monitor.config import text_problems, value_problems
from monitor.sections import Section

__all__ = [
    "AssistedBy",
    "Column",
    "DesignFile",
    "DesignSection",
    "DrawSection",
    "FigureSection",
    "MaskSection",
    "MisreadingSection",
    "ProvinceSection",
    "load_design",
    "read_toml",
    "validated",
]

Kind = TypeVar("Kind", bound=Section)
Column = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

AssistedBy = Literal[
    "expansion",
    "hajek",
    "ratio",
    "separate-ratio",
    "difference",
    "regression",
    "separate-regression",
    "post-stratified",
    "raked",
    "calibrated",
]


class SecondStage(Section):
    """``[design.second_stage]``: units drawn inside each unit."""

    unit: Column = Field(description="Column that names the unit drawn at the second stage")
    units: int | str = Field(
        description="Units inside each first-stage unit: one number, or a column of the sample"
    )


class DesignSection(Section):
    """``[design]``: how the units of the sample are drawn from the frame."""

    method: Literal["random", "systematic", "spread", "unequal"] = Field(
        description="random: every set as likely; systematic: in steps from a random start; spread: balanced over "
        "the map; unequal: with unequal probabilities"
    )
    unit: Column = Field(default="unit", description="Column that names the unit drawn first, such as a segment")
    units: Count | None = Field(default=None, description="Units in the frame, where there are no strata")
    stratum: Column | None = Field(default=None, description="Column with the stratum of each unit")
    strata: Path | None = Field(
        default=None,
        description="CSV with stratum and size (units); if wanted area_ha, and total_COLUMN of an auxiliary",
    )
    lonely: Literal["refuse", "remove", "certainty", "adjust", "center", "average"] = Field(
        default="refuse", description="Policy for a stratum of one unit"
    )
    whole_units: bool = Field(
        default=False, description="Rows are parts of units that were taken in whole (one-stage clusters)"
    )
    second_stage: SecondStage | None = Field(default=None, description="Second stage of the draw")
    weight: Column | None = Field(
        default=None, description="Column with the design weight of a random sample; from the counts when left out"
    )
    x: Column = Field(default="x_m", description="Column with the easting, for spread and systematic samples")
    y: Column = Field(default="y_m", description="Column with the northing")
    order: Column | None = Field(
        default=None, description="Column with the place in the frame, for a systematic sample without coordinates"
    )
    draw: Literal[
        "tessellation", "local-pivotal", "sampford", "conditional-poisson", "tille", "midzuno", "pps-systematic",
        "poisson",
    ] | None = Field(default=None, description="How a spread or unequal sample is drawn")  # fmt: skip
    inclusion: Column = Field(default="inclusion", description="Column with the inclusion probability of each unit")
    joint: Path | None = Field(
        default=None, description="CSV of joint inclusion probabilities, a row and a column for each drawn unit"
    )
    variance: Literal[
        "sen-yates-grundy", "brewer", "deville", "hartley-rao", "hansen-hurwitz", "poisson",
        "larger-of-two", "local-mean", "nearest-pair", "successive-difference", "simple-random",
    ] | None = Field(default=None, description="Variance estimator, where the method has several")  # fmt: skip

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.stratum is None) != (self.strata is None):
            raise ValueError("give stratum and strata together")
        counted = self.method != "unequal"
        if counted and self.strata is None and self.units is None:
            raise ValueError("give units, how many the frame has, or stratum and strata")
        if self.second_stage is not None and self.method != "random":
            raise ValueError("a second stage goes with method random only")
        if self.whole_units and (self.method != "random" or self.second_stage is not None):
            raise ValueError("whole_units goes with method random and no second stage")
        if self.weight is not None and self.method != "random":
            raise ValueError("weight goes with method random; others have inclusion probabilities")
        if self.method == "systematic" and self.order is not None and self.stratum is not None:
            raise ValueError("a systematic sample in strata needs coordinates (x, y), not order")
        if self.joint is not None and self.method != "unequal":
            raise ValueError("joint goes with method unequal")
        if self.order is not None and self.method != "systematic":
            raise ValueError("order goes with method systematic")
        if self.order is not None and self.variance is None:
            raise ValueError("name variance, successive-difference or simple-random: none is unbiased")
        allowed = VARIANCES[self.method] if self.order is None else VARIANCES["order"]
        if self.variance is not None and self.variance not in allowed:
            raise ValueError(f"variance with method {self.method} is one of {', '.join(allowed) or 'its own only'}")
        if self.draw is not None and self.draw not in DRAWS[self.method]:
            raise ValueError(f"draw with method {self.method} is one of {', '.join(DRAWS[self.method]) or 'none'}")
        return self


VARIANCES: dict[str, tuple[str, ...]] = {
    "random": (),
    "systematic": ("local-mean", "simple-random"),
    "order": ("successive-difference", "simple-random"),
    "spread": ("larger-of-two", "local-mean", "nearest-pair", "simple-random"),
    "unequal": ("sen-yates-grundy", "brewer", "deville", "hartley-rao", "hansen-hurwitz", "poisson"),
}
DRAWS: dict[str, tuple[str, ...]] = {
    "random": (),
    "systematic": (),
    "spread": ("tessellation", "local-pivotal"),
    "unequal": ("sampford", "conditional-poisson", "tille", "midzuno", "pps-systematic", "poisson"),
}


class DrawSection(Section):
    """``[sample]``: how many units `altdev sample` draws, and where."""

    size: Count | None = Field(default=None, description="Units in all")
    sizes: list[Count] = Field(default=[], description="For several size columns, units each would need by itself")
    size_column: list[Column] = Field(
        default=[], description="Columns of the frame with the size that probabilities follow"
    )
    size_floor: float | None = Field(
        default=None, ge=0, description="Least size a unit counts with; the map misses crop, so it must be named"
    )
    allocation: Literal["rare-class-safe", "proportional", "neyman", "power"] = Field(
        default="proportional", description="How units are shared out over strata"
    )
    floor: Count = Field(default=2, description="Fewest units in a stratum")
    exponent: float = Field(default=0.5, ge=0, le=1, description="Exponent of the power allocation")
    expected: list[Column] = Field(
        default=[],
        description="Columns of the strata table with the expected crop as a share of each stratum, for neyman, "
        "rare-class-safe and margin_ha",
    )
    margin_ha: list[Positive] = Field(
        default=[], description="Wanted half-width for each column of expected; sets the size where none is given"
    )
    within: Count | None = Field(default=None, description="Units drawn inside each unit, at the second stage")


class FigureSection(Section):
    """``[estimate]``: what is estimated, and by which estimator."""

    values: list[Column] = Field(min_length=1, description="Columns with the hectares seen in each row")
    estimator: AssistedBy = Field(default="expansion", description="Estimator of the total")
    auxiliary: list[Column] = Field(
        default=[], description="Columns with the auxiliary: mapped hectares, mask, or the post-stratum of each row"
    )
    totals: list[float] = Field(default=[], description="Known total of each auxiliary in the frame")
    margins: dict[str, dict[str, float]] = Field(
        default={}, description="Post-stratified and raked: for each auxiliary, units of the frame by label"
    )
    distance: Literal["linear", "raking", "logit"] = Field(default="linear", description="Distance of calibration")
    bounds: tuple[float, float] | None = Field(default=None, description="Least and largest factor of a weight")
    domain: Column | None = Field(default=None, description="Column by which figures are also given")
    interval: Literal["skew-corrected", "t", "bootstrap-t"] = Field(
        default="skew-corrected", description="How limits are put round a figure"
    )
    replicates: Literal["bootstrap", "jackknife"] | None = Field(
        default=None, description="Variance by replicates of a random sample, in the place of the linearised one"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.replicates is not None and self.estimator not in ("expansion", "hajek", "ratio"):
            raise ValueError("replicates go with expansion, hajek and ratio")
        if self.replicates is not None and self.interval == "bootstrap-t":
            raise ValueError("bootstrap-t has its own replicates; leave one of the two out")
        by_label = self.estimator in ("post-stratified", "raked")
        if self.estimator in ("expansion", "hajek") and (self.auxiliary or self.totals or self.margins):
            raise ValueError(f"{self.estimator} uses no auxiliary; name another estimator")
        if self.margins and not by_label:
            raise ValueError(f"{self.estimator} uses no margins; post-stratified and raked do")
        if by_label and (self.auxiliary or self.totals):
            raise ValueError(f"{self.estimator} uses margins alone, no auxiliary and no totals")
        if self.estimator != "calibrated" and (self.distance != "linear" or self.bounds is not None):
            raise ValueError(f"{self.estimator} uses neither distance nor bounds; calibrated does")
        if self.estimator in ("separate-ratio", "separate-regression") and self.totals:
            raise ValueError(f"{self.estimator} reads total_COLUMN of the strata table, not totals")
        if self.estimator == "difference" and self.domain is not None:
            raise ValueError("domains of a difference would not add up; use ratio or regression")
        if self.estimator not in ("expansion", "hajek") and not self.auxiliary and not by_label:
            raise ValueError(f"{self.estimator} needs auxiliary")
        if self.estimator == "difference" and len(self.auxiliary) not in (1, 2):
            raise ValueError("difference takes one auxiliary, or for compare one of each year")
        single = ("ratio", "separate-ratio", "separate-regression")
        if self.estimator in single and len(self.auxiliary) != 1:
            raise ValueError(f"{self.estimator} takes one auxiliary")
        return self

    @property
    def needs_totals(self) -> bool:
        """Whether totals of the auxiliaries in the whole frame must be known."""
        return self.estimator in ("ratio", "difference", "regression", "calibrated")


class ResponseSection(Section):
    """``[response]``: drawn units that could not be seen, such as under cloud."""

    seen: Column = Field(description="Column that says yes or no: whether the unit was seen")
    group: Column = Field(description="Column with the response group, known for units not seen too")
    capacity_ha: float | str = Field(description="The most a unit can hold: one number, or a column of the sample")


class PhaseSection(Section):
    """``[first_phase]``: a larger sample in which only the auxiliary was measured."""

    table: Path = Field(description="CSV with every first-phase unit, those of the second phase among them")


class MisreadingSection(Section):
    """``[misreading.COLUMN]``: how units of known label were read, which is carried into the interval."""

    hits: int = Field(ge=0, description="Units of the crop that were read as the crop")
    of_crop: Count = Field(description="Units of the crop")
    rejections: int = Field(ge=0, description="Other units that were not read as the crop")
    of_others: Count = Field(description="Other units")


class MaskSection(Section):
    """``[[mask]]``: one buffer of the agricultural mask, for the sensitivity of a ratio estimate."""

    buffer_m: float = Field(description="Distance by which the mask's edge was moved, metres; negative inward")
    mask: Column = Field(description="Column with the buffered mask of each cell, hectares")
    crop: Column = Field(description="Column with the crop inside it, hectares")
    total_ha: Positive = Field(description="Buffered mask of the whole frame, hectares")


class ProvinceSection(Section):
    """``[[province]]``: one province of a national design, and how it was surveyed."""

    name: Column = Field(description="Name or code, as in the sample")
    coverage: Literal["sampled", "target", "village-survey"] = Field(
        description="sampled: a probability sample; target: covered whole; village-survey: villages asked"
    )
    frame_ha: Positive = Field(description="The most the province can hold, hectares")
    design: DesignSection | None = Field(default=None, description="Design of a sampled province")
    totals: list[float] = Field(default=[], description="Known totals of the auxiliaries in it")
    margins: dict[str, dict[str, float]] = Field(
        default={}, description="Post-stratified and raked: for each auxiliary, units of the province by label"
    )
    value_ha: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="Hectares by column of values, for a province that was not sampled"
    )
    se_ha: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={}, description="Their standard errors: of the interpretation, or of the village survey"
    )
    villages: Count | None = Field(default=None, description="Villages asked, in a village survey")
    probability_sample: bool = Field(default=False, description="Whether villages were a probability sample")

    @model_validator(mode="after")
    def _surveyed(self) -> Self:
        if (self.coverage == "sampled") != (self.design is not None):
            raise ValueError("a sampled province has a design, and no other has")
        if self.coverage != "sampled" and not self.value_ha:
            raise ValueError(f"a {self.coverage} province needs value_ha")
        if self.coverage == "village-survey" and (not self.se_ha or self.villages is None):
            raise ValueError("a village survey needs se_ha and villages")
        return self


class DesignFile(Section):
    """A whole design file."""

    title: str = Field(default="", description="Title, repeated with the figures")
    frame_ha: Positive = Field(description="Hectares of the frame: no figure and no limit exceeds them")
    level: float = Field(default=0.95, ge=0.5, lt=1, description="Confidence level")
    seed: int = Field(default=1, ge=0, description="Seed of draws, bootstraps and simulated coverage")
    province_column: Column | None = Field(default=None, description="Column of the sample with the province")
    design: DesignSection | None = Field(default=None, description="The draw")
    sample: DrawSection | None = Field(default=None, description="Size and allocation of the draw")
    estimate: FigureSection | None = Field(default=None, description="The figures")
    response: ResponseSection | None = Field(default=None, description="Units not seen")
    first_phase: PhaseSection | None = Field(default=None, description="First of two phases")
    misreading: dict[str, MisreadingSection] = Field(default={}, description="Misreading, by column of values")
    mask: list[MaskSection] = Field(default=[], description="Buffers of the agricultural mask")
    province: list[ProvinceSection] = Field(default=[], description="Provinces of a national design")

    @model_validator(mode="after")
    def _one_design(self) -> Self:
        if (self.design is None) == (not self.province):
            raise ValueError("give [design], or [[province]] for a national design")
        if self.province and self.province_column is None:
            raise ValueError("a national design needs province_column")
        for problem in _mixed(self):
            raise ValueError(problem)
        return self


def _mixed(file: DesignFile) -> Iterator[str]:
    """Yield what does not go together across tables."""
    design, figures = file.design, file.estimate
    plain = design is not None and design.method == "random" and design.second_stage is None
    if file.response is not None and not plain:
        yield "[response] goes with a one-stage random sample, in strata or not"
    if file.first_phase is not None and not (plain and design is not None and design.stratum is None):
        yield "[first_phase] goes with a random sample without strata"
    if file.first_phase is not None and (figures is None or figures.estimator != "difference"):
        yield "[first_phase] goes with estimator difference"
    if file.first_phase is not None and file.response is not None:
        yield "give one of [response] and [first_phase]"
    if file.mask and not (plain and design is not None and design.stratum is None):
        yield "[[mask]] goes with a random sample of cells without strata; give a design file to each province"
    if file.mask and 0.0 not in [one.buffer_m for one in file.mask]:
        yield "[[mask]] needs the published mask, buffer_m = 0, among the buffers"
    if figures is not None and figures.needs_totals:
        known = [("[estimate]", figures.totals)] if design is not None and file.first_phase is None else []
        known += [(f"[[province]] {one.name}", one.totals) for one in file.province if one.design is not None]
        for where, totals in known:
            if len(totals) != len(figures.auxiliary):
                yield f"{where}: {figures.estimator} needs totals, one for each auxiliary"
    yield from _margins(file, figures)
    values = [] if figures is None else figures.values
    for name in file.misreading:
        if name not in values:
            yield f"[misreading.{name}] is no column of [estimate] values"
    yield from _national(file, figures)


def _margins(file: DesignFile, figures: FigureSection | None) -> Iterator[str]:
    """Yield margins that are missing, or too many."""
    if figures is None or figures.estimator not in ("post-stratified", "raked"):
        if any(one.margins for one in file.province):
            yield "margins of a province go with post-stratified and raked"
        return
    known = [("[estimate]", figures.margins)] if file.design is not None else []
    known += [(f"[[province]] {one.name}", one.margins) for one in file.province if one.design is not None]
    for where, margins in known:
        if not margins:
            yield f"{where}: {figures.estimator} needs margins, units by label"
        elif figures.estimator == "post-stratified" and len(margins) != 1:
            yield f"{where}: post-stratified takes one margin; several are raked"


def _national(file: DesignFile, figures: FigureSection | None) -> Iterator[str]:
    """Yield what a national design cannot have."""
    names = [one.name for one in file.province]
    if len(set(names)) < len(names):
        yield "a province stands twice"
    if not names or figures is None:
        return
    if figures.interval != "skew-corrected" or file.misreading:
        yield "a national design has skew-corrected limits and no [misreading]"
    if figures.margins:
        yield "margins of a national design stand in each [[province]]: those of the country are not of a province"


def load_design(path: Path) -> DesignFile:
    """Read a design file; its paths come back absolute.

    Raises
    ------
    InputError
        If the file is missing.
    SurveyFileError
        If it is not TOML, or naming every wrong key.
    """
    return validated(path, read_toml(path), DesignFile)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of table mode.

    Raises
    ------
    InputError
        If the file is missing.
    SurveyFileError
        If it is not TOML.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "no such design file", "a TOML file", "see docs/table-mode.md"))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SurveyFileError(Problem(str(path), f"text that is not TOML ({error})", "a TOML file")) from error


def validated(path: Path, raw: dict[str, Any], kind: type[Kind]) -> Kind:
    """Return what a TOML file of table mode declares; its paths come back absolute.

    Raises
    ------
    SurveyFileError
        Naming every wrong key.
    """
    hidden = list(text_problems(path.name, raw))
    try:
        file = kind.model_validate(raw)
    except ValidationError as error:
        raise SurveyFileError([*value_problems(path.name, error), *hidden]) from None
    if hidden:
        raise SurveyFileError(hidden)
    return kind.model_validate(_beside(file.model_dump(), path.resolve().parent))


def _beside(value: Any, folder: Path) -> Any:
    """Return values with every path made absolute, relative ones taken beside the file."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, dict):
        return {key: _beside(entry, folder) for key, entry in value.items()}
    return [_beside(entry, folder) for entry in value] if isinstance(value, list) else value
