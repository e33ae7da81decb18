"""Names from data made safe to print: no control signs, no formulas, short names for old receivers.

Nothing here escapes markup; the page writes text as text nodes and the other formats have writers of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import pandas as pd

__all__ = ["bare", "plain", "short_names", "spreadsheet_safe"]

# Bidirectional embeddings, overrides and isolates, zero-width signs, byte-order mark, and C0/C1 controls:
# a name holding them can reorder or hide the text around it.
_CONTROL = re.compile("[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def plain(text: object) -> str:
    r"""Return one line of text without signs that reorder, hide or break the text around it.

    Parameters
    ----------
    text
        Anything from a table; None and missing numbers become empty.

    Examples
    --------
    >>> plain("San Jos\u00e9\u202egnp.exe\nbis")
    'San José gnp.exe bis'
    """
    if pd.isna(text):
        return ""
    return re.sub(r"[ ]{2,}", " ", _CONTROL.sub(" ", str(text))).strip()


def spreadsheet_safe(text: object) -> str:
    """Return text that no spreadsheet takes for a formula when it opens a CSV.

    A leading apostrophe is added to what starts like one, as OWASP advises ("CSV injection").

    Examples
    --------
    >>> spreadsheet_safe("=cmd|'/c calc'!A1"), spreadsheet_safe("Norte")
    ("'=cmd|'/c calc'!A1", 'Norte')
    """
    cleaned = plain(text)
    return f"'{cleaned}" if cleaned.startswith(_FORMULA_STARTS) else cleaned


def bare(text: str) -> str:
    """Return text as it was before `spreadsheet_safe` put an apostrophe before it.

    Examples
    --------
    >>> bare("'-9"), bare("'tis"), bare("Norte")
    ('-9', "'tis", 'Norte')
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_STARTS) else text


def short_names(texts: Iterable[object], *, length: int = 20) -> tuple[str, ...]:
    """Return unique ASCII names of at most `length` signs, for receivers that know no more.

    Parameters
    ----------
    texts
        Names in any script; what cannot be carried over is dropped.
    length
        Most signs, 6 or more.

    Examples
    --------
    >>> short_names(["Señora de la Candelaria 1", "Señora de la Candelaria 2", "北"], length=12)
    ('SENORA DE LA', 'SENORA DE~2', 'P3')
    """
    used: set[str] = set()
    names = []
    for number, text in enumerate(texts, start=1):
        folded = unicodedata.normalize("NFKD", plain(text)).encode("ascii", "ignore").decode().upper()
        kept = re.sub(r"[^A-Z0-9 _.-]+", "", folded).strip(" .-_")
        name = kept[:length].strip() or f"P{number}"
        tries = 1
        while name in used:
            tries += 1
            mark = f"~{tries}"
            name = kept[: length - len(mark)].strip() + mark
        used.add(name)
        names.append(name)
    return tuple(names)
