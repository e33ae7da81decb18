"""The six harms in plain sentences, as the page tells them: what may be said of each, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from maps.language import Language
from maps.page import HarmFigure
from maps.payload import UNIT_KEYS

__all__ = ["readings", "sentence_key"]

_TINY = 0.01
_WHOLE, _ONE_DECIMAL = 99.95, 9.995
"""Scales from which a number has no digits after the sign, and one."""


def readings(figures: Sequence[HarmFigure], words: Language, *, rounded: bool = False) -> Iterator[tuple[str, str]]:
    """Yield a title and a paragraph for each crop in the last period that it has figures of.

    Parameters
    ----------
    figures
        The harms of all crops and periods.
    words
        The language.
    rounded
        Whether the figures were rounded for their tier.
    """
    for crop in dict.fromkeys(one.crop for one in figures):
        own = [one for one in figures if one.crop == crop]
        last = own[-1].period
        told = [_sentence(one, words, rounded=rounded) for one in own if one.period == last]
        title = words.text("pattern.list").join([words.class_name(crop), last])
        yield title, " ".join([*told, words.text("harms.read_close")])


def sentence_key(one: HarmFigure) -> str:
    """Return the sentence of a figure; erosion says where it may be less, or on slopes beyond experience."""
    key = f"harms.read_{one.harm}"
    if one.harm != "erosion":
        return key
    return f"{key}_either" if one.lo < 0 < one.hi else f"{key}_steep" if one.grade == "D" else key


def _sentence(one: HarmFigure, words: Language, *, rounded: bool) -> str:
    if one.state != "computed":
        harm, state = (words.text(f"harms.{name}") for name in (one.harm, one.state))
        return words.text("harms.read_absent", harm=harm, state=state)
    value, lo, hi = (_number(number, one, words, rounded=rounded) for number in (one.value, one.lo, one.hi))
    unit = words.text(UNIT_KEYS[one.unit]) if one.unit in UNIT_KEYS else one.unit
    limits = words.text("pattern.range", lo=lo, hi=hi)
    figure = words.text("pattern.with_interval", value=f"{value}\u00a0{unit}", range=limits)
    return words.text(sentence_key(one), figure=figure, crop=words.class_name(one.crop).lower())


def _number(value: float, one: HarmFigure, words: Language, *, rounded: bool) -> str:
    """Return a number in the digits of the larger limit; of rounded ones without what is zero in all three."""
    scale = max(abs(one.lo), abs(one.hi))
    if 0 < scale < _TINY:
        return format(Decimal(f"{value:.2g}"), "f")
    held = (one.value, one.lo, one.hi)
    while rounded and scale < _WHOLE and all(f"{number:.{_decimals(scale)}f}".endswith("0") for number in held):
        scale *= 10.0  # one digit less
    return words.number(value, scale=scale)


def _decimals(scale: float) -> int:
    return 1 if scale >= _ONE_DECIMAL else 2
