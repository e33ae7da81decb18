"""Step ``reference``: the reference labels of the sample, read back from interpreters or simulated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from monitor.context import Context, Progress

__all__ = ["read_reference"]

COLUMNS = ("unit_id", "period", "interpreter", "label")


def read_reference(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``frame/reference.csv``: every label of every interpreter, and the label agreed on.

    Raises
    ------
    InputError
        If the labels are missing, or units, periods or labels are not those of the sample and legend.
    """
    sample = pd.read_csv(context.out / "frame" / "sample.csv", dtype={"unit_id": str, "adm_code": str})
    simulated = context.survey.reference.simulated is not None
    labels = _simulated(context, sample) if simulated else _read_labels(context, sample)
    agreed = _agreed(context, labels)
    folder = staging / "frame"
    folder.mkdir(parents=True, exist_ok=True)
    labels.to_csv(folder / "interpretation.csv", index=False)
    agreed.to_csv(folder / "reference.csv", index=False)
    progress(1, 1)
    return {"units": int(agreed["unit_id"].nunique()), "simulated": simulated, **_agreement(labels)}
