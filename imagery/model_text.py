"""The text of boosted trees, looked at before LightGBM reads it.

LightGBM trusts its own text: a number too many, or a child that is not there, ends the process or reads memory that
is not its own. A model may come from elsewhere, so every line of it is held to its form first.

References
----------
LightGBM 4.7, ``src/io/gbdt_model_text.cpp`` and ``tree.cpp``: the form of the text, version v4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from geo.errors import InputError, Problem

__all__ = ["require_sound_trees"]

_MOST_TREES = 20_000
_MOST_LEAVES = 4_096
_ONE = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_NUMBER, _NUMBER_LINE = re.compile(_ONE), re.compile(rf"{_ONE}(?: {_ONE})*+")
_SETTING = re.compile(r"\[\w{1,60}: [^\[\]\n]{0,4000}\]")
_WHOLE, _WHOLE_LINE = re.compile(r"-?\d{1,15}"), re.compile(r"-?\d{1,15}(?: -?\d{1,15})*+")
_HEADER = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective")
_BY_SPLIT = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_BY_SPLIT_TOLD = ("internal_value", "internal_weight", "internal_count")
_BY_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_UNBOUNDED = ("threshold", "split_gain")
"""Lines with infinite numbers: a split of missing from known values, and its gain."""
_INTEGERS = ("split_feature", "decision_type", "left_child", "right_child", "leaf_count", "internal_count")
_NUMERIC = (2, 10)
"""Decision types of numeric splits: default left, with missing values told apart or as NaN."""
_END = "end of trees\n"


def require_sound_trees(text: str, classes: int) -> None:
    """Refuse a text that is not boosted trees as LightGBM writes them.

    Parameters
    ----------
    text
        The model.
    classes
        Classes that it should score.

    Raises
    ------
    InputError
        Saying what is wrong with it.
    """
    try:
        _check(text, classes)
    except (ValueError, LookupError, OverflowError) as error:
        found = f"no LightGBM model ({error})"
        raise InputError(Problem("model", found, "boosted_trees.txt of a run", "train again")) from error


def _check(text: str, classes: int) -> None:
    if not text.isascii() or "\0" in text or "\r" in text:
        raise ValueError("letters that no model has")
    head, _, rest = text.partition("\n\n")
    trees, end, tail = rest.partition(_END)
    lines = head.split("\n")
    if lines[0] != "tree" or not end:
        raise ValueError("no beginning or end of trees")
    header = _pairs(lines[1:])
    if header["version"] != "v4" or [_whole(header[key]) for key in _HEADER[1:3]] != [classes, classes]:
        raise ValueError(f"another version, or not {classes} classes")
    if header["objective"] != f"multiclass num_class:{classes}" or _whole(header["label_index"]) != 0:
        raise ValueError("another objective")
    features = _whole(header["max_feature_idx"]) + 1
    if len(header["feature_names"].split(" ")) != features or len(header["feature_infos"].split(" ")) != features:
        raise ValueError("names of features that do not fit")
    if set(header) != {*_HEADER, "feature_names", "feature_infos", "tree_sizes"}:
        raise ValueError("other lines in its head")
    _check_tail(tail, set(header["feature_names"].split(" ")))
    sizes = [_whole(size) for size in header["tree_sizes"].split(" ")]
    if not 0 < len(sizes) <= _MOST_TREES or len(sizes) % classes or sum(sizes) != len(trees):
        raise ValueError("sizes of trees that do not fit")
    start = 0
    for number, size in enumerate(sizes):
        if size <= 0:
            raise ValueError("a tree without size")
        _check_tree(trees[start : start + size], number, features)
        start += size


def _check_tail(tail: str, features: set[str]) -> None:
    """Hold what follows the trees to words: importances of features, and settings in brackets."""
    if tail.count("pandas_categorical") != 1 or not tail.endswith("\npandas_categorical:null\n"):
        raise ValueError("another end")
    for line in tail.split("\n"):
        known = line in ("", "feature_importances:", "parameters:", "end of parameters", "pandas_categorical:null")
        name, _, number = line.rpartition("=")
        told = name in features and number.isdigit() and len(number) < 13
        if not known and not told and not _SETTING.fullmatch(line):
            raise ValueError("other lines behind its trees")


def _check_tree(block: str, number: int, features: int) -> None:
    lines = block.split("\n")
    if lines[0] != f"Tree={number}" or lines[-3:] != ["", "", ""]:
        raise ValueError(f"tree {number} is not where it should be")
    tree = _pairs(lines[1:-3])
    leaves = _whole(tree["num_leaves"])
    if not 1 <= leaves <= _MOST_LEAVES or tree["num_cat"] != "0" or tree["is_linear"] != "0":
        raise ValueError(f"tree {number} of another kind")
    _number(tree["shrinkage"])
    lengths = dict.fromkeys((*_BY_SPLIT, *_BY_SPLIT_TOLD), leaves - 1) | dict.fromkeys(_BY_LEAF, leaves)
    if set(tree) != {*lengths, "num_leaves", "num_cat", "is_linear", "shrinkage"}:
        raise ValueError(f"tree {number} with other lines")
    numbers = {key: _numbers(tree[key], key) for key in lengths}
    # Of a tree without a split the library tells its value alone
    untold = {key for key in _BY_LEAF if key != "leaf_value" and leaves == 1 and not numbers[key]}
    if any(len(numbers[key]) != length for key, length in lengths.items() if key not in untold):
        raise ValueError(f"tree {number} with more or fewer numbers than leaves")
    if not all(0 <= feature < features for feature in numbers["split_feature"]):
        raise ValueError(f"tree {number} splits a feature that is not there")
    if not all(kind in _NUMERIC or kind in (0, 8) for kind in numbers["decision_type"]):
        raise ValueError(f"tree {number} with splits of another kind")
    _check_children(numbers, leaves, number)


def _check_children(numbers: Mapping[str, list[float]], leaves: int, number: int) -> None:
    """See that every split but the first, and every leaf, is the child of one split that comes before it."""
    found = []
    for split in range(leaves - 1):
        for child in (numbers["left_child"][split], numbers["right_child"][split]):
            if child >= 0 and child <= split:
                raise ValueError(f"tree {number} goes round in circles")
            found.append(child)
    if sorted(found) != [*range(-leaves, 0), *range(1, leaves - 1)][: len(found)] or len(found) != 2 * (leaves - 1):
        raise ValueError(f"tree {number} with children that are not there")


def _pairs(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        key, sign, value = line.partition("=")
        if not sign or key in found:
            raise ValueError(f"a line {line[:40]!r}")
        found[key] = value
    return found


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} in place of a whole number")
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f"{text[:40]!r} in place of a number")
    return float(text)


def _numbers(text: str, key: str) -> list[float]:
    """Return the numbers of a line; a sound line is told as a whole, which is faster than word by word."""
    if key in _INTEGERS and _WHOLE_LINE.fullmatch(text):
        return [int(word) for word in text.split(" ")]
    if key not in _INTEGERS and _NUMBER_LINE.fullmatch(text):
        found = [float(word) for word in text.split(" ")]
        if all(map(math.isfinite, found)):
            return found
    return [_single(word, key) for word in text.split(" ")] if text else []


def _single(word: str, key: str) -> float:
    if word in ("inf", "-inf") and key in _UNBOUNDED:
        return float(word)
    return _whole(word) if key in _INTEGERS else _number(word)
