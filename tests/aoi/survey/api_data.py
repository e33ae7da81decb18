"""Read the Academic Performance Index samples of the oracle folder, or skip where they are absent."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aoi.survey.cluster import ClusterDesign, Stage
from tests.shared import oracle_path


def frame(name: str) -> pd.DataFrame:
    """Return one sample as a table."""
    return pd.read_csv(oracle_path("survey_api") / f"{name}.csv")


def srs(data: pd.DataFrame, *, fpc: bool = True) -> ClusterDesign:
    """Return the simple random sample's design."""
    population = data["fpc"] if fpc else None
    return ClusterDesign(weight=data["pw"], stages=[Stage(unit=data["snum"], population=population)])


def strat(data: pd.DataFrame, *, fpc: bool = True) -> ClusterDesign:
    """Return the stratified sample's design."""
    population = data["fpc"] if fpc else None
    stage = Stage(unit=data["snum"], stratum=data["stype"], population=population)
    return ClusterDesign(weight=data["pw"], stages=[stage])


def clus1(data: pd.DataFrame) -> ClusterDesign:
    """Return the one-stage cluster sample's design."""
    return ClusterDesign(weight=data["pw"], stages=[Stage(unit=data["dnum"], population=data["fpc"])])


def clus2(data: pd.DataFrame, *, with_replacement: bool = False) -> ClusterDesign:
    """Return the two-stage cluster sample's design, with the weights its drawing gives."""
    schools = data.groupby("dnum")["snum"].transform("size")
    weight = data["fpc1"] / data["dnum"].nunique() * data["fpc2"] / schools
    first = Stage(unit=data["dnum"], population=None if with_replacement else data["fpc1"])
    return ClusterDesign(weight=weight, stages=[first, Stage(unit=data["snum"], population=data["fpc2"])])


def weighted(design: ClusterDesign, values: pd.Series) -> float:
    """Return the weighted total by plain numpy, for comparison."""
    return float(np.asarray(design.weight) @ np.asarray(values, dtype=float))
