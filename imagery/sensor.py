"""Sensors as data: bands, their scale and offset by processing baseline, and the rules of their masks.

A sensor is a TOML file. What an image file holds are raw integers; the physical value of a cell is
``scale * raw + offset``, and the offset can change with the baseline the scene was processed with.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geo.errors import InputError, Problem, SurveyFileError
from geo.files import read_utf8

__all__ = ["Band", "MaskRule", "OffsetRule", "Sensor", "baseline_number", "load_sensor", "sensor_names"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Band(_Record):
    """One band of a sensor."""

    name: str = Field(description="Name the data provider gives it, such as B04")
    common: Name = Field(description="Name used in this program, such as red")
    keys: tuple[str, ...] = Field(min_length=1, description="Asset keys and file-name parts that mean this band")
    resolution_m: float = Field(gt=0, description="Native cell size, metres")
    index: int = Field(default=1, ge=1, description="Band number inside the file, from 1")
    numbers: dict[str, int] = Field(
        default_factory=dict, description="Band number by instrument, where a sensor file stands for several"
    )
    offset_id: int | None = Field(default=None, ge=0, description="Number of the band in the list of offsets")


class OffsetRule(_Record):
    """The offset of scenes from a processing baseline on."""

    from_baseline: str = Field(description="First baseline it holds for, such as 04.00")
    offset: float = Field(description="Added after scaling, in physical units")


class MaskRule(_Record):
    """How the mask band tells clear cells from others."""

    keys: tuple[str, ...] = Field(min_length=1, description="Asset keys that mean the mask band")
    kind: Literal["classes", "bits"] = Field(description="Class codes, or bits of an integer")
    invalid: tuple[int, ...] = Field(min_length=1, description="Codes or bit numbers of unusable cells")
    grown: tuple[int, ...] = Field(
        default=(), description="Those of them (cloud, shadow) that are grown by the cloud buffer"
    )
    least_width_m: float = Field(
        default=0.0, ge=0, description="Patches narrower than this (specks) are masked but not grown"
    )
    fill: int = Field(description="Mask value of a cell beyond the image; it must be invalid")
    index: int = Field(default=1, ge=1, description="Band of the mask file that holds it, from 1")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        stray = sorted(set(self.grown) - set(self.invalid))
        if stray:
            raise ValueError(f"grown lists {stray}, which invalid does not; add them there")
        invalid_fill = (
            self.fill in self.invalid
            if self.kind == "classes"
            else any(self.fill >> bit & 1 for bit in self.invalid)
        )
        if not invalid_fill:
            raise ValueError(f"fill {self.fill} counts as clear; cells beyond the image must be invalid")
        return self


class Sensor(_Record):
    """A sensor as its file describes it.

    Examples
    --------
    >>> sensor = load_sensor("sentinel-2-l2a")
    >>> sensor.offset("03.01"), sensor.offset("05.09")
    (0.0, -0.1)
    >>> sensor.common[:4]
    ('blue', 'green', 'red', 'rededge1')
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name in the survey file")
    title: str = Field(description="Name for readers")
    source: str = Field(description="Where the numbers come from")
    band: tuple[Band, ...] = Field(min_length=1, description="Bands read, in order")
    quantity: Literal["reflectance", "index", "digital_number", "backscatter_db"] = Field(
        description="What values are once scaled"
    )
    noise_floor: float | None = Field(
        default=None, description="Value below which the sensor shows noise alone, in physical units"
    )
    noise_floor_source: str = Field(default="", description="Where it comes from, with its mark")
    is_power: bool = Field(
        default=False, description="Raw values are linear power, turned to decibels; 0 and less are empty"
    )
    scale: float = Field(gt=0, description="Factor from raw to physical values")
    offset_before: float = Field(default=0.0, description="Offset of scenes that no offset rule covers")
    offset_rule: tuple[OffsetRule, ...] = Field(default=(), description="In order of baseline")
    baseline_pattern: str | None = Field(
        default=None, description="Regular expression that finds the baseline in a product name"
    )
    quantum: float = Field(gt=0, description="Physical value of one unit of the integers held in memory")
    nodata: float | None = Field(default=None, description="Raw value of cells that hold nothing")
    nodata_rule: Literal["any", "all"] = Field(
        default="any", description="A cell is empty when any band, or all bands, hold no-data"
    )
    mask: MaskRule | None = Field(default=None, description="Mask band; None where there is none")
    platforms: tuple[str, ...] = Field(
        default=(), description="Parts of platform names; an item of another platform is another product"
    )
    joint: dict[str, str] = Field(
        default_factory=dict,
        description="Common name to the band that bears it in a series with other sensors, where that is another",
    )
    product: Literal["sentinel-2-safe", "landsat-mtl"] | None = Field(
        default=None, description="How the provider lays out a scene's folder, where the program knows it"
    )
    other_collections: tuple[str, ...] = Field(
        default=(), description="Parts of collection names that look alike but hold another product"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        stray = sorted({*self.joint, *self.joint.values()} - set(self.common))
        if stray:
            raise ValueError(f"joint names {', '.join(stray)}, which no band is called")
        if self.is_power and self.quantity != "backscatter_db":
            raise ValueError(f"is_power makes decibels, and quantity is {self.quantity}; say backscatter_db")
        if (self.noise_floor is None) != (not self.noise_floor_source):
            raise ValueError("a noise floor needs noise_floor_source, and one without the other is none")
        return self

    @property
    def common(self) -> tuple[str, ...]:
        """Common names of the bands, in order."""
        return tuple(band.common for band in self.band)

    def offset(self, baseline: str | None) -> float:
        """Return the offset of a scene processed with `baseline`, in physical units.

        Raises
        ------
        InputError
            If the offset depends on the baseline and none is known: a guess would shift every index.
        """
        if not self.offset_rule:
            return self.offset_before
        if baseline is None:
            raise InputError(
                Problem(
                    f"sensor {self.name}",
                    "a scene without processing baseline",
                    "a baseline, which decides the offset",
                    "keep the product name or the property s2:processing_baseline",
                )
            )
        number = baseline_number(baseline)
        covering = [rule for rule in self.offset_rule if baseline_number(rule.from_baseline) <= number]
        return covering[-1].offset if covering else self.offset_before

    def baseline_in(self, text: str) -> str | None:
        """Return the processing baseline that a product name carries, such as 05.09 in ``_N0509_``."""
        found = re.search(self.baseline_pattern, text) if self.baseline_pattern else None
        return f"{found[1][:2]}.{found[1][2:]}" if found else None


def baseline_number(baseline: str) -> float:
    """Return a processing baseline as a number, so that 10.00 follows 05.11.

    Examples
    --------
    >>> baseline_number("04.00") < baseline_number("05.11") < baseline_number("10.00")
    True
    """
    try:
        return float(baseline.strip().removeprefix("N"))
    except ValueError:
        raise InputError(
            Problem("processing baseline", repr(baseline), "a number such as 05.09", "correct the item")
        ) from None


def sensor_names() -> tuple[str, ...]:
    """Return the names of the sensors that come with the program."""
    entries = files("imagery.sensors").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")))


def load_sensor(name_or_path: str | Path) -> Sensor:
    """Read a sensor.

    Parameters
    ----------
    name_or_path
        A name of `sensor_names`, or the path of a sensor file (.toml).

    Raises
    ------
    InputError
        If there is no such sensor or file, or it is not TOML.
    SurveyFileError
        Naming every wrong entry of the file.
    """
    where, text = _sensor_text(name_or_path)
    try:
        return Sensor.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(Problem(where, f"text that is not TOML ({error})", "a sensor file")) from error
    except ValidationError as error:
        raise SurveyFileError(list(_problems(where, error))) from None


def _sensor_text(name_or_path: str | Path) -> tuple[str, str]:
    if str(name_or_path) in sensor_names():
        entry = files("imagery.sensors").joinpath(f"{name_or_path}.toml")
        return f"sensor {name_or_path}", entry.read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sensor_names())
        raise InputError(
            Problem("[imagery] sensor", f"{str(name_or_path)!r}", f"one of {known}, or a sensor file (.toml)")
        )
    return str(path), read_utf8(path)


def _problems(where: str, error: ValidationError) -> Iterator[Problem]:
    for entry in error.errors(include_url=False):
        key = ".".join(str(part) for part in entry["loc"])
        shown = repr(entry["input"]) if not isinstance(entry["input"], dict) else "this table"
        yield Problem(f"{where} {key}".strip(), shown[:60], entry["msg"].removeprefix("Value error, "))
