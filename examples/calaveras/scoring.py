"""What the maps of the parcels are worth: by cell, by object, and in hectares counted. No coordinates."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from examples.calaveras.parcels import IGNORED, OUTSIDE, Parcel, Setting
from imagery.object_score import ObjectScore, object_score, objects_of
from imagery.score import score


def smallest(setting: Setting, parcel: Parcel) -> int:
    """Return the cells of the minimum mapping unit."""
    return int(np.ceil(setting.config["map"]["minimum_mapping_unit_ha"] / parcel.cell_ha - 1e-9))


def cell_scores(setting: Setting, parcels: list[Parcel], maps: list[NDArray[np.uint8]]) -> dict[str, Any]:
    """Return accuracies by cell, abandoned plots left out."""
    drawn = np.concatenate([parcel.code.ravel() for parcel in parcels])
    mapped = np.concatenate([cells.ravel() for cells in maps])
    scored = (drawn != OUTSIDE) & (drawn != IGNORED)
    result = score(drawn[scored].astype(np.int64), mapped[scored].astype(np.int64), setting.classes)
    return result.record() | {"ignored_cells": int((drawn == IGNORED).sum())}


def object_scores(setting: Setting, parcels: list[Parcel], maps: list[NDArray[np.uint8]]) -> dict[str, ObjectScore]:
    """Return the scores by object of each crop; mapped objects mostly on abandoned plots are left out."""
    least = setting.config["validation"]["least_iou"]
    totals = {}
    for name, code in setting.crops.items():
        parts = []
        for parcel, cells in zip(parcels, maps, strict=True):
            found = objects_of(cells == code, smallest(setting, parcel))
            found = without_ignored(found, parcel.code == IGNORED)
            parts.append(object_score(found, drawn_objects(setting, parcel, code), least_iou=least))
        totals[name] = reduce(add, parts)
    return totals


def earlier_scores(setting: Setting, parcels: list[Parcel]) -> dict[str, ObjectScore]:
    """Return the scores by object of the plots that stood before: those drawn as abandoned."""
    least = setting.config["validation"]["least_iou"]
    totals = {}
    for name, code in setting.crops.items():
        parts = []
        for parcel in parcels:
            before = np.where(parcel.code == IGNORED, parcel.plot, 0)
            parts.append(object_score(before, drawn_objects(setting, parcel, code), least_iou=least))
        totals[name] = reduce(add, parts)
    return totals


def drawn_objects(setting: Setting, parcel: Parcel, code: int) -> NDArray[np.int32]:
    """Return the drawn plots of a class that reach the minimum mapping unit."""
    plots = np.where(parcel.code == code, parcel.plot, 0)
    size = np.bincount(plots.ravel())
    return np.where(size[plots] >= smallest(setting, parcel), plots, 0)


def without_ignored(objects: NDArray[np.int32], ignored: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Drop the objects that lie mostly on ground that is not scored."""
    size = np.bincount(objects.ravel())
    on_ignored = np.bincount(objects[ignored].ravel(), minlength=size.size)
    kept = on_ignored <= size / 2
    return np.where(kept[objects], objects, 0)


def areas(setting: Setting, parcels: list[Parcel], maps: list[NDArray[np.uint8]]) -> dict[str, dict[str, float]]:
    """Return hectares drawn and hectares counted on the maps; the second is no estimate."""
    table = by_parcel(setting, parcels, maps)
    return {
        name: {"drawn": float(table[f"{name}_drawn_ha"].sum()), "counted": float(table[f"{name}_counted_ha"].sum())}
        for name in setting.crops
    }


def by_parcel(setting: Setting, parcels: list[Parcel], maps: list[NDArray[np.uint8]]) -> pd.DataFrame:
    """Return the hectares drawn and counted in every parcel, numbered in an order without meaning."""
    rows = []
    for number, (parcel, cells) in enumerate(zip(parcels, maps, strict=True), start=1):
        row: dict[str, Any] = {"parcel": f"P{number:02d}"}
        for name, code in setting.crops.items():
            row[f"{name}_drawn_ha"] = round(float((parcel.code == code).sum()) * parcel.cell_ha, 4)
            counted = (cells == code) & (parcel.code != IGNORED)
            row[f"{name}_counted_ha"] = round(float(counted.sum()) * parcel.cell_ha, 4)
        rows.append(row)
    return pd.DataFrame(rows)
