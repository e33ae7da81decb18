"""`altdev estimate AREAS.csv --design FILE.toml` with ``[corrections]``: the ledger of each place and term.

From the interpreted area to the area at the reference date: gaps imputed from the clear ring round them, image age,
spraying, manual eradication, re-planting, small lots. Interpreted and corrected figures both stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from aoi.survey.addition import normal_quantile
from aoi.survey.correction import Ledger, Term
from aoi.survey.correction_terms import (
    Eradication,
    GapImputation,
    age_term,
    eradication_terms,
    gap_terms,
    impute_gap,
    small_lots_term,
)
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.parameter import Parameter, load_parameters, override
from geo.errors import InputError, Problem, QualityGateError
from monitor.sections import Day, GivenParameter, Name, Section
from monitor.tabular.declaration import Column
from monitor.tabular.given_areas import MOST_HA, AreaColumns, TotalSection, given_figures
from monitor.tabular.rows import Rows, TextArray
from monitor.tabular.words import figure_words

__all__ = ["CorrectionsFile", "estimate_corrections"]

Dates = npt.NDArray[np.datetime64]

SLACK = 1e-3
"""Relative difference allowed between a figure and the sum of its images' areas, which are rounded."""
EFFECTS: tuple[Literal["spray", "manual"], ...] = ("spray", "manual")


class GapSection(Section):
    """``[corrections.gaps]``: areas without information, imputed from last year and the clear ring round them."""

    table: Path = Field(
        description="CSV with the place, gap_ha (area without information) and previous_ha (crop there last year)"
    )
    ring: Path = Field(
        description="CSV with the place and previous_ha and current_ha of each clear unit in the ring round its gap"
    )


class LedgerTable(AreaColumns):
    """``[corrections]``: the interpreted figures, and what is weighed for them."""

    crop: Name = Field(description="Crop of the figures")
    reference_date: Day = Field(description="Day of the corrected figures")
    image_date: Column | None = Field(
        default=None, description="Column with the day of the place's image, as 2024-05-31"
    )
    images: Path | None = Field(
        default=None,
        description="CSV with the place, image_date and area_ha of each image, in the place of one image_date",
    )
    area: Column | None = Field(
        default=None, description="Column with the hectares of the place: the most it can hold"
    )
    gaps: GapSection | None = Field(default=None, description="Areas without information")
    operations: Path | None = Field(
        default=None,
        description="CSV with the place, method (spray or manual), date, overlap_ha (interpreted fields inside the "
        "dissolved polygons) and verified (yes or no)",
    )
    yearly_change: GivenParameter | None = Field(
        default=None,
        description="Change a year as a share, which brings areas from their images to the reference date",
    )
    small_lots: GivenParameter | None = Field(
        default=None, description="Area of lots too small for the imagery, as a share of the interpreted area"
    )
    parameter: dict[Name, dict[str, GivenParameter]] = Field(
        default={},
        description="Parameters in place of the shipped ones, as [corrections.parameter.eradication.spray_effect]",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.lo is None) != (self.hi is None):
            raise ValueError("give lo and hi together")
        if self.image_date is not None and self.images is not None:
            raise ValueError("give one of image_date and images")
        if self.image_date is None and self.images is None and (self.operations or self.yearly_change):
            raise ValueError(
                "operations and yearly_change need image_date or images: what came before an image is in it"
            )
        if self.images is not None and self.operations is not None:
            raise ValueError(
                "operations need one image_date for each place; give its images as places of their own"
            )
        if not (self.gaps or self.operations or self.yearly_change or self.small_lots):
            raise ValueError("nothing to weigh: give gaps, operations, yearly_change or small_lots")
        return self


class CorrectionsFile(Section):
    """A design file for corrections."""

    title: str = Field(default="", description="Title, repeated with the figures")
    level: float = Field(
        default=0.95, ge=0.5, lt=1, description="Confidence level of the figures' limits and of all others"
    )
    corrections: LedgerTable = Field(description="The ledger")
    total: TotalSection | None = Field(
        default=None, description="The interpreted total with its own error; the sum of independent places if none"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weighed:
    """The ledger and what was imputed."""

    ledger: Ledger
    """Figures and terms."""
    gaps: Mapping[str, GapImputation]
    """Imputations by place."""
    total: Estimate | None
    """The interpreted total, where it was given."""


def estimate_corrections(table: Path, file: CorrectionsFile, *, as_json: bool) -> str:
    """Return the corrections ledger as text.

    Parameters
    ----------
    table
        CSV with the interpreted figure of each place.
    file
        The declaration.
    as_json
        JSON instead of lines.

    Raises
    ------
    InputError
        Naming every cell at fault.
    QualityGateError
        If corrections take away more than was interpreted, or a gap has no ring to be imputed from.
    """
    weighed = _weigh(file, file.corrections, Rows.read(table))
    if as_json:
        return json.dumps(_content(file, weighed), indent=1, ensure_ascii=False)
    return "\n".join(_lines(weighed))


def _weigh(file: CorrectionsFile, section: LedgerTable, rows: Rows) -> _Weighed:
    quantity = Quantity(crop=section.crop, kind="stock", reference="image dates")
    figures = given_figures(section, rows, level=file.level, quantity=quantity)
    places = rows.labels(section.place)
    most = None if section.area is None else rows.numbers(section.area, above=0.0, most=MOST_HA)
    days = None if section.image_date is None else _days(rows, section.image_date)
    rows.require_sound()
    gaps = {} if section.gaps is None else _gaps(section.gaps, section.place, set(figures))
    terms = [term for name, gap in gaps.items() for term in gap_terms(name, figures[name].value, gap)]
    terms += _aged(section, figures, days)
    if section.operations is not None and days is not None:
        image_of = dict(zip(places.tolist(), days.tolist(), strict=True))
        terms += _eradicated(section, section.operations, image_of)
    if section.small_lots is not None:
        share = _given("small_lots.share", section.small_lots, "share of the interpreted area")
        terms += [small_lots_term(name, one.value, share) for name, one in figures.items()]
    ledger = Ledger(figures=figures, terms=tuple(terms), reference=section.reference_date.isoformat())
    if most is not None:
        _require_room(dict(zip(places.tolist(), most.tolist(), strict=True)), ledger, gaps)
    total = None
    if file.total is not None:
        total = file.total.estimate(level=file.level, ceiling=MOST_HA).of(quantity)
    return _Weighed(ledger=ledger, gaps=gaps, total=total)


def _given(name: str, section: GivenParameter, unit: str) -> Parameter:
    return Parameter(name=name, value=section.value, se=section.se, unit=unit, source=section.source, mark="given")


def _days(rows: Rows, column: str) -> Dates:
    """Return a column of days, shape (n,); notes cells that are none."""
    text = rows.labels(column)
    days = np.full(text.size, np.datetime64("NaT", "D"), dtype="datetime64[D]")
    bad = np.zeros(text.size, dtype=bool)
    for at, cell in enumerate(text.tolist()):
        try:
            days[at] = np.datetime64(date.fromisoformat(cell), "D")
        except ValueError:
            bad[at] = cell != ""
    found = f"{str(text[bad][0])!r}" if bad.any() else ""
    rows.refuse(column, bad, found, "a day as 2024-05-31")
    return days


def _require_places(rows: Rows, column: str, names: TextArray, known: set[str]) -> None:
    """Note rows of places that have no interpreted figure."""
    rows.refuse(column, ~np.isin(names, list(known)), "a place without a figure", "places of the table of figures")


def _gaps(section: GapSection, column: str, known: set[str]) -> dict[str, GapImputation]:
    """Impute the gap of each place from its ring."""
    rows, ring = Rows.read(section.table), Rows.read(section.ring)
    names, around = rows.labels(column), ring.labels(column)
    rows.require_unique(names, column)
    _require_places(rows, column, names, known)
    area = rows.numbers("gap_ha", above=0.0, most=MOST_HA)
    before = rows.numbers("previous_ha", least=0.0, most=MOST_HA)
    if not rows.problems:
        rows.refuse("previous_ha", before > area, "more crop last year than the gap has area", "at most gap_ha")
    x = ring.numbers("previous_ha", least=0.0, most=MOST_HA)
    y = ring.numbers("current_ha", least=0.0, most=MOST_HA)
    _require_places(ring, column, around, set(names.tolist()))
    problems = [*rows.problems, *ring.problems]
    if problems:
        raise InputError(problems)
    found, gates = {}, []
    for name, gap_ha, previous_ha in zip(names.tolist(), area.tolist(), before.tolist(), strict=True):
        own = around == name
        try:
            found[str(name)] = impute_gap(x[own], y[own], gap_previous_ha=previous_ha, gap_area_ha=gap_ha)
        except QualityGateError as error:
            gates += [
                Problem(f"{ring.name}, place {name!r}: {one.where}", one.found, one.expected, one.remedy)
                for one in error.problems
            ]
    if gates:
        raise QualityGateError(gates)
    return found


def _aged(section: LedgerTable, figures: Mapping[str, Estimate], days: Dates | None) -> list[Term]:
    """Return the terms of image age; none without a yearly change."""
    if section.yearly_change is None:
        return []
    rate = _given("yearly_change", section.yearly_change, "share of the area in a year")
    reference = section.reference_date
    if days is not None:
        return [
            age_term(name, [one.value], [day], reference_date=reference, rate=rate)
            for (name, one), day in zip(figures.items(), days, strict=True)
        ]
    assert section.images is not None  # held by the section
    rows = Rows.read(section.images)
    names = rows.labels(section.place)
    _require_places(rows, section.place, names, set(figures))
    area, taken = rows.numbers("area_ha", least=0.0, most=MOST_HA), _days(rows, "image_date")
    rows.require_sound()
    sums = {name: float(area[names == name].sum()) for name in figures}
    for name, one in figures.items():
        if not np.isclose(sums[name], one.value, rtol=SLACK, atol=SLACK):
            found = f"images of {sums[name]:,.6g} ha in all"
            rows.note(
                f"place {name!r}", found, f"its figure, {one.value:,.6g} ha", "share the figure out over its images"
            )
    rows.require_sound()
    return [
        age_term(name, area[names == name], taken[names == name], reference_date=reference, rate=rate)
        for name in figures
    ]


def _eradicated(section: LedgerTable, table: Path, image_of: Mapping[str, date]) -> list[Term]:
    """Return the terms of eradication and re-planting."""
    rows = Rows.read(table)
    names, method = rows.labels(section.place), rows.labels("method")
    days, overlap = _days(rows, "date"), rows.numbers("overlap_ha", least=0.0, most=MOST_HA)
    verified = rows.answers("verified")
    _require_places(rows, section.place, names, set(image_of))
    rows.refuse("method", ~np.isin(method, list(EFFECTS)), "an unknown method", "spray or manual")
    if rows.has("operation"):
        rows.require_unique(rows.labels("operation"), "operation")
    else:
        same = np.array(["\x1f".join(row) for row in rows.table.astype(str).to_numpy().tolist()], dtype=str)
        rows.require_unique(same, f"{section.place}/method/date/overlap_ha")
    rows.require_sound()
    changes = {
        f"{group}.{name}": given.model_dump()
        for group, few in section.parameter.items()
        for name, given in few.items()
    }
    parameters = override(load_parameters("corrections"), changes)
    events = [
        Eradication(
            domain=str(name),
            method="spray" if kind == "spray" else "manual",
            event_date=day,
            image_date=image_of[str(name)],
            overlap_ha=hectares,
            verified=sure,
        )
        for name, kind, day, hectares, sure in zip(
            names.tolist(), method.tolist(), days.tolist(), overlap.tolist(), verified.tolist(), strict=True
        )
    ]
    return eradication_terms(
        events,
        reference_date=section.reference_date,
        effect={name: parameters[f"eradication.{name}_effect"] for name in EFFECTS},
        replanting=parameters["eradication.replanting_share"],
    )


def _require_room(most: Mapping[str, float], ledger: Ledger, gaps: Mapping[str, GapImputation]) -> None:
    """Refuse figures, or gaps, that are larger than their place."""
    problems = []
    for name, area in most.items():
        one = max((ledger.interpreted(name), ledger.corrected(name)), key=lambda figure: figure.value)
        if one.value > area:
            problems.append(
                Problem(f"place {name!r}", f"{one.value:,.6g} ha of crop", f"at most its {area:,.6g} ha")
            )
        if name in gaps and gaps[name].gap_area_ha > area:
            problems.append(
                Problem(
                    f"place {name!r}", f"a gap of {gaps[name].gap_area_ha:,.6g} ha", f"at most its {area:,.6g} ha"
                )
            )
    if problems:
        raise QualityGateError(problems)


def _figure(one: Estimate) -> dict[str, Any]:
    return {
        "value_ha": one.value,
        "se_ha": one.se,
        "lo_ha": one.lo,
        "hi_ha": one.hi,
        "level": one.level,
        "method": one.method,
        "flags": list(one.flags),
    }


def _term(term: Term, level: float) -> dict[str, Any]:
    half = normal_quantile(level) * term.se_ha
    return {
        "term": term.term,
        "value_ha": term.value_ha,
        "se_ha": term.se_ha,
        "lo_ha": term.value_ha - half,
        "hi_ha": term.value_ha + half,
        "parameter": term.parameter,
        "parameter_value": term.parameter_value,
        "source": term.source,
        "applied": term.applied,
    }


def _content(file: CorrectionsFile, weighed: _Weighed) -> dict[str, Any]:
    ledger = weighed.ledger
    places = []
    for name in ledger.figures:
        entry: dict[str, Any] = {
            "place": name,
            "interpreted": _figure(ledger.interpreted(name)),
            "terms": [_term(term, file.level) for term in ledger.of(name)],
            "corrected": _figure(ledger.corrected(name)),
        }
        if name in weighed.gaps:
            entry["gap"] = _gap(ledger.interpreted(name).value, weighed.gaps[name])
        places.append(entry)
    return {
        "title": file.title,
        "crop": file.corrections.crop,
        "reference_date": ledger.reference,
        "corrections": places,
        "total": {
            "interpreted": _figure(_interpreted(weighed)),
            "corrected": _figure(ledger.total(weighed.total)),
            "imputed_ha": sum(gap.imputed_ha for gap in weighed.gaps.values()),
        },
    }


def _interpreted(weighed: _Weighed) -> Estimate:
    """Return the interpreted total: as given, or the sum of the places."""
    if weighed.total is not None:
        return weighed.total
    bare = Ledger(figures=weighed.ledger.figures, terms=(), reference="image dates")
    return bare.total()


def _gap(interpreted_ha: float, gap: GapImputation) -> dict[str, float]:
    low, high = gap.bounds_ha(interpreted_ha)
    return {
        "gap_ha": gap.gap_area_ha,
        "ratio": gap.ratio,
        "imputed_ha": gap.imputed_ha,
        "se_ha": gap.se_ha,
        "share_imputed": gap.share_imputed(interpreted_ha),
        "lower_bound_ha": low,
        "upper_bound_ha": high,
    }


def _lines(weighed: _Weighed) -> Iterator[str]:
    ledger = weighed.ledger
    for name in ledger.figures:
        interpreted = ledger.interpreted(name)
        yield f"{name}, interpreted: {figure_words(interpreted)}"
        for term in ledger.of(name):
            applied = "" if term.applied else " (not applied)"
            yield (
                f"{name}, {term.term.replace('_', ' ')}{applied}: {term.value_ha:+,.2f} ha (standard error "
                f"{term.se_ha:,.2f} ha; {term.parameter} {term.parameter_value:g}; {term.source})"
            )
        if name in weighed.gaps:
            gap = _gap(interpreted.value, weighed.gaps[name])
            yield (
                f"{name}: {100 * gap['share_imputed']:.1f} % of what stood at the image is imputed; without crop "
                f"in the gap it would be {gap['lower_bound_ha']:,.2f} ha, full of crop "
                f"{gap['upper_bound_ha']:,.2f} ha"
            )
        yield f"{name}, corrected to {ledger.reference}: {figure_words(ledger.corrected(name))}"
    yield f"all places, interpreted: {figure_words(_interpreted(weighed))}"
    yield f"all places, corrected to {ledger.reference}: {figure_words(ledger.total(weighed.total))}"
