"""Letters for readers whose machine has no Arabic or Chinese: subsets inside pages, with the catalogue's signs."""

from __future__ import annotations

import base64

from maps.locked import locked

__all__ = ["FACES", "font_faces"]

FACES = {
    "ar": ("Page Arabic", "PageArabic.woff2", "U+0600-06FF"),
    "zh": ("Page Chinese", "PageChinese.woff2", "U+2E80-9FFF, U+FF00-FFEF"),
}
"""Language to the family that style sheets name, its file, and the signs that a browser takes from it."""


def font_faces(*codes: str) -> str:
    """Return the style sheet that brings the letters of languages, as data inside it; empty for other languages."""
    return "\n".join(
        f'@font-face {{ font-family: "{family}"; unicode-range: {signs}; font-display: swap; '
        f'src: url(data:font/woff2;base64,{_encoded(file)}) format("woff2"); }}'
        for family, file, signs in (FACES[code] for code in codes if code in FACES)
    )


def _encoded(file: str) -> str:
    return base64.b64encode(locked("maps.fonts", file)).decode()
