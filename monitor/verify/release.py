"""Hold what a record of release says to the tables that were released, and to the step that wrote it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from geo.json_text import read_json
from maps.disclosure.product import SafeProduct
from monitor.context import Context
from monitor.steps.disclosure import approved_digest
from monitor.verify.compare import apart, differs

__all__ = ["hold_release"]


def hold_release(
    path: Path, context: Context, product: SafeProduct, files: Collection[str], offices: Iterable[str]
) -> None:
    """Make what a record says again; its hashes and its signature are checked by `verify_release`.

    Parameters
    ----------
    path
        The record.
    context
        Surroundings of the step that wrote it.
    product
        The tables that were released.
    files
        Names of the files that go with it.
    offices
        Who approved, as the step noted.

    Raises
    ------
    QualityGateError
        Naming the key that says something else.
    """
    told = dict(read_json(path)["release"])
    told["files"] = sorted(told["files"])
    meant = {
        "format": "altdev release 1",
        "what": path.stem.removeprefix("release-"),
        "survey": context.survey.survey.name,
        "title": context.survey.survey.title,
        "tier": int(product.tier),
        "tables": approved_digest(context.out / "disclosure", product.tier),
        "approved_by": list(offices),
        "decision": json.loads(json.dumps(product.decision.as_public_record())),
        "files": sorted(files),
    }
    for key, value in meant.items():
        for way, one, other in apart(told.get(key), value, key):
            raise differs(f"products/{path.parent.name}/{path.name} {way}", one, other)
