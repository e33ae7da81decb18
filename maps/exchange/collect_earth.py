"""Plots and samples for Collect Earth Online, whose uploads are plain CSV: LON, LAT, PLOTID and SAMPLEID.

Numbers are whole numbers there, so that each unit is told by its place in the sample; the units' own ids stand in
a further column, which comes back with the answers.
"""

from __future__ import annotations

import pandas as pd

from maps.table import csv_text

__all__ = ["plot_text", "sample_text"]


def plot_text(sample: pd.DataFrame) -> str:
    r"""Return the file of plots.

    Parameters
    ----------
    sample
        Columns unit_id, longitude and latitude, one row a unit.

    Examples
    --------
    >>> rows = pd.DataFrame({"unit_id": ["U1"], "longitude": [-75.5], "latitude": [1.25]})
    >>> plot_text(rows)
    'LON,LAT,PLOTID,UNIT_ID\n-75.5,1.25,1,U1\n'
    """
    return csv_text(_plots(sample))


def sample_text(sample: pd.DataFrame) -> str:
    """Return the file of samples: one point in the middle of each plot."""
    plots = _plots(sample)
    return csv_text(plots[["LON", "LAT", "PLOTID"]].assign(SAMPLEID=range(1, len(plots) + 1)))


def _plots(sample: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "LON": sample["longitude"].astype(float).round(7).to_numpy(),
            "LAT": sample["latitude"].astype(float).round(7).to_numpy(),
            "PLOTID": range(1, len(sample) + 1),
            "UNIT_ID": sample["unit_id"].to_numpy(),
        }
    )
