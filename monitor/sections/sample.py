"""Tables that say what is drawn and interpreted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from monitor.sections.base import Section


class SampleSection(Section):
    """``[sample]``: the probability sample that reference labels are collected on."""

    size: int = Field(default=600, ge=10, description="Sample units, all strata together")
    floor: int = Field(default=50, ge=2, description="Fewest units in a stratum")
    allocation: Literal["rare-class-safe", "proportional", "neyman", "power"] = Field(default="rare-class-safe")
    buffer_m: float = Field(default=20.0, ge=0, description="Width of the stratum around mapped crop")
    chips: bool = Field(default=False, description="Write before-and-after images of every unit to frame/chips")


class SimulatedReference(Section):
    """``[reference.simulated]``: interpreters of an example whose truth is known."""

    fields: Path = Field(description="True fields: polygons with columns class and period")
    ground: Path | None = Field(default=None, description="Raster with the class of the ground between the fields")
    interpreters: int = Field(default=2, ge=1, le=5, description="Independent interpreters of every unit")
    omission: float = Field(default=0.03, ge=0, lt=0.5, description="Chance to miss a crop unit")
    commission: float = Field(default=0.003, ge=0, lt=0.5, description="Chance to call another unit crop")


class ReferenceSection(Section):
    """``[reference]``: reference labels of the sample."""

    labels: Path | None = Field(
        default=None, description="CSV with columns unit_id, period, interpreter, label; or give `simulated`"
    )
    form: Literal["table", "xlsform", "collect-earth"] = Field(
        default="table",
        description="What `labels` is: a table as above, answers of ground_truth.xlsx (Kobo, ODK), or of Collect "
        "Earth Online",
    )
    simulated: SimulatedReference | None = Field(default=None, description="For examples only")
    known: Path | None = Field(
        default=None,
        description="CSV with columns period, read, known: how interpreters read units of known label, apart from "
        "the sample; the figures corrected for misreading are written beside those as read",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.labels is None) == (self.simulated is None):
            raise ValueError("give one of labels and simulated")
        return self
