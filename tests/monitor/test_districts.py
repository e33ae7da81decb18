"""Small areas and thresholds of a run: they add up, are indicative, and a line inside an interval is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aoi.survey.parameter import Parameter
from geo.errors import SurveyFileError
from monitor.config import load_survey
from monitor.districts import threshold_rows
from monitor.tables import read_csv
from monitor.verify import verify_run


def line(ha: float) -> dict[str, Parameter]:
    """Return a threshold for the crop ``poppy``."""
    return {"poppy": Parameter(name="line", value=ha, unit="ha", source="test")}


def published(value: float, lo: float, hi: float) -> pd.DataFrame:
    """Return a frame row and one unit's row of ``estimates.csv``."""
    row = {
        "crop": "poppy", "period": "2024", "domain": "01", "domain_name": "North", "value_ha": value, "se_ha": 5.0,
        "lo_ha": lo, "hi_ha": hi, "level": 0.95, "n": 30, "method": "stratified", "flags": None,
    }  # fmt: skip
    return pd.DataFrame([{**row, "domain": "frame"}, row])


def test_small_areas_add_up_to_the_frame(finished_run: Path) -> None:
    """Law: for each crop and period the units add up to the frame's published figure."""
    small = read_csv(finished_run / "estimates" / "small_areas.csv")
    whole = read_csv(finished_run / "estimates" / "estimates.csv").query("domain == 'frame'")
    summed = small.groupby(["crop", "period"])["value_ha"].sum()
    told = whole.set_index(["crop", "period"])["value_ha"]
    np.testing.assert_allclose(summed.loc[told.index], told, atol=1e-5)
    assert (small["flags"] == "INDICATIVE").all()
    assert ((small["lo_ha"] <= small["value_ha"]) & (small["value_ha"] <= small["hi_ha"])).all()


def test_verify_recomputes_small_areas(finished_run: Path) -> None:
    """Law: the run folder alone gives the small areas again."""
    assert any("small areas and thresholds recomputed" in each for each in verify_run(finished_run))


@pytest.mark.parametrize(
    ("value", "lo", "hi", "below", "certainty"),
    [
        (60.0, 20.0, 140.0, True, "straddles the threshold"),
        (60.0, 20.0, 99.9, True, "below"),
        (120.0, 100.0, 140.0, False, "at or above"),
        (100.0, 90.0, 110.0, False, "straddles the threshold"),
    ],
)
def test_thresholds_tell_straddling(value: float, lo: float, hi: float, below: bool, certainty: str) -> None:
    """Literal: below by the point figure and by the interval are two columns; the frame has no row."""
    rows = threshold_rows(published(value, lo, hi), line(100.0))
    assert rows["domain"].tolist() == ["01"]
    assert rows["below"].tolist() == [below]
    assert rows["certainty"].tolist() == [certainty]


def test_threshold_of_an_unknown_crop_is_refused(project: Path, tmp_path: Path) -> None:
    """Law: a line for a crop that is not estimated is a mistake in the survey file."""
    text = (project / "survey.toml").read_text(encoding="utf-8")
    path = tmp_path / "survey.toml"
    path.write_text(text.replace("[estimate]", "[estimate]\nthresholds_ha = { kale = 5.0 }"), encoding="utf-8")
    with pytest.raises(SurveyFileError, match="thresholds_ha kale"):
        load_survey(path)
