"""Fonts of pages, cut from the report's to the signs of the catalogue: ``python -m tests.maps.page_fonts``."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

from fontTools import subset

from maps.language import LANGUAGES, language

FOLDER = Path(__file__).resolve().parents[2] / "maps" / "fonts"
CUT_FROM = {"PageArabic.woff2": "NotoSansArabic-Regular.ttf", "PageChinese.woff2": "NotoSansSC-Regular.ttf"}
ARABIC = {*range(0x600, 0x700)}


def signs(file: str) -> set[int]:
    """Return the signs that a font has: the Arabic block, since names may need any; Chinese of the catalogue."""
    if file == "PageArabic.woff2":
        return ARABIC
    texts = [text for code in LANGUAGES for text in (language(code).name, *language(code).words.values())]
    return {ord(sign) for text in texts for sign in text if 0x2E80 <= ord(sign) <= 0x9FFF or ord(sign) >= 0xFF00}


def cut(file: str) -> bytes:
    """Return a font with those signs, compressed for pages."""
    options = subset.Options()
    options.layout_features = ["*"]
    options.hinting = False
    options.recalc_timestamp = False
    font = subset.load_font(FOLDER / CUT_FROM[file], options)
    maker = subset.Subsetter(options)
    maker.populate(unicodes=signs(file))
    maker.subset(font)
    font.flavor = "woff2"
    told = io.BytesIO()
    font.save(told)
    return told.getvalue()


def main() -> None:
    """Write both fonts, and what they are into the lock."""
    lock = json.loads((FOLDER / "LOCK.json").read_text(encoding="utf-8"))
    for file, source in CUT_FROM.items():
        content = cut(file)
        (FOLDER / file).write_bytes(content)
        entry = {
            "file": file,
            "from": f"{source} of this folder, by python -m tests.maps.page_fonts",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for package in lock["packages"]:
            names = [one["file"] for one in package["files"]]
            if source in names:
                package["files"] = [*(one for one in package["files"] if one["file"] != file), entry]
    (FOLDER / "LOCK.json").write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
