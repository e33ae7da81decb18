"""Numbers of the checks and indicators: sourced, marked, and the survey's to override."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from aoi.survey.parameter import Parameter, parse_parameters

__all__ = ["project_parameters"]


@cache
def project_parameters() -> Mapping[str, Parameter]:
    """Return the shipped parameters, read-only.

    Examples
    --------
    >>> project_parameters()["border.strip_km"].value
    25.0
    """
    text = resources.files("aoi.project.data").joinpath("rules.toml").read_text(encoding="utf-8")
    return MappingProxyType(parse_parameters(tomllib.loads(text)))
