"""A folium figure as one file that needs nothing else: no request, no inline script that was not meant.

folium links its libraries from servers; here each link becomes the vendored text, or is left out where the page
does not need it, or is refused. A content-security policy by hashes is the proof inside the file.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from typing import Any

from branca.element import CssLink, Element, Figure, JavascriptLink

from maps.locked import locked

__all__ = ["InlineElements", "Shell", "content_policy", "number_ids", "render", "vendored"]

# What folium adds to every map and a page without icon markers, popups from text or fixed layers never uses.
_UNUSED = frozenset(
    {
        "awesome_markers",
        "awesome_markers_css",
        "awesome_markers_font_css",
        "awesome_rotate_css",
        "bootstrap",
        "bootstrap_css",
        "glyphicons_css",
        "jquery",
    }
)
_LOADING_ATTRIBUTES = ("src", "href", "srcset", "data", "action", "formaction", "poster", "background", "ping")
_DATA_TYPES = ("application/json",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Text of our own around a figure, inserted as it is."""

    style: str = ""
    """Style sheet, after those of the figure."""
    before: str = ""
    """HTML before the figure's."""
    after: str = ""
    """HTML after the figure's."""
    script: str = ""
    """Script, after the figure's."""


def render(figure: Figure, *, title: str, language: str, direction: str, shell: Shell) -> str:
    """Return a figure as one self-contained HTML document; equal figures give equal bytes.

    Parameters
    ----------
    figure
        Figure with a folium map (made with ``tiles=None``) and whatever was added to it; its ids are renumbered.
    title
        Document title.
    language, direction
        ISO 639-1 code, and ``ltr`` or ``rtl``.
    shell
        What stands around the figure.

    Raises
    ------
    ValueError
        If the figure links a file that is not vendored, calls jQuery, or would load anything from outside.
    """
    number_ids(figure)
    for child in list(figure._children.values()):
        child.render()
    script = figure.script.render()
    if re.search(r"\$\(|\bjQuery\b", script):
        raise ValueError("a part of the figure calls jQuery, which offline pages do not carry; use another part")
    head = "\n".join([*_head_parts(figure), f"<style>\n{shell.style}\n</style>"])
    document = (
        f'<!DOCTYPE html>\n<html lang="{html.escape(language)}" dir="{html.escape(direction)}">\n<head>\n'
        '<meta charset="utf-8">\n@policy@'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{html.escape(title)}</title>\n{head}\n</head>\n"
        f"<body>\n{shell.before}\n{figure.html.render()}\n{shell.after}\n"
        f"<script>\n{script}\n{shell.script}\n</script>\n</body>\n</html>\n"
    ).replace("\r", "")
    policy = content_policy(document)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
    return document.replace("@policy@", meta, 1)


def content_policy(document: str) -> str:
    """Return the policy that allows the inline scripts and styles of a document, pictures in it, and no more.

    Raises
    ------
    ValueError
        If the document would load anything from outside.
    """
    inline = InlineElements(document)
    if inline.outside:
        raise ValueError(f"the page would load from outside: {', '.join(inline.outside[:5])}")
    scripts = " ".join(dict.fromkeys(_hash(text) for text in inline.scripts)) or "'none'"
    styles = " ".join(dict.fromkeys(_hash(text) for text in inline.styles)) or "'none'"
    fonts = "font-src data:; " if any("@font-face" in style for style in inline.styles) else ""
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; {fonts}"
        "base-uri 'none'; form-action 'none'"
    )


class InlineElements(HTMLParser):
    """The inline scripts and styles of a document, and what it would load from outside.

    Examples
    --------
    >>> found = InlineElements('<script>let a = 1;</script><img src="https://example.org/a.png">')
    >>> found.scripts, found.outside
    (['let a = 1;'], ['img src=https://example.org/a.png'])
    """

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.outside: list[str] = []
        self._text: list[str] | None = None
        self.feed(document)
        self.close()
        for style in self.styles:
            self.outside += [
                f"style {found}" for found in re.findall(r"@import[^;]*|url\((?!data:|#)[^)]*\)", style)
            ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note attributes that load, and open inline text."""
        values = dict(attrs)
        for name in _LOADING_ATTRIBUTES:
            value = values.get(name)
            # A link to a file beside this one loads nothing until somebody follows it
            beside = tag == "a" and name == "href" and re.fullmatch(r"[\w-]+(/[\w-]+)*\.html", value or "")
            if value and not beside and not value.startswith(("#", "data:")):
                self.outside.append(f"{tag} {name}={value}")
        if tag == "style" or (tag == "script" and values.get("type") not in _DATA_TYPES):
            self._text = []

    def handle_data(self, data: str) -> None:
        """Collect the text of an open script or style."""
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Close inline text."""
        if self._text is not None and tag in ("script", "style"):
            (self.scripts if tag == "script" else self.styles).append("".join(self._text))
            self._text = None


@cache
def vendored(name: str) -> str:
    """Return the text of a vendored file after checking it against the lock.

    Raises
    ------
    ValueError
        If the lock does not list it or the bytes differ from it.
    """
    return locked("maps.vendor", name).decode("utf-8")


def _head_parts(figure: Figure) -> Iterator[str]:
    for name, child in figure.header._children.items():
        if isinstance(child, JavascriptLink | CssLink):
            if name not in _UNUSED:
                yield _inlined(child)
        elif name != "meta_http":
            # folium forbids readers to zoom; the document has its own viewport
            yield re.sub(r"<meta name=\"viewport\"[^>]*>", "", child.render()).strip()


def _inlined(link: Any) -> str:
    name = link.url.split("?")[0].rsplit("/", 1)[-1]
    text = vendored(name)
    if isinstance(link, CssLink):
        # the pictures are those of controls and markers that no page here uses
        return "<style>\n" + re.sub(r"url\(images/[^)]*\)", "none", text) + "\n</style>"
    return "<script>\n" + re.sub(r"//# sourceMappingURL=.*", "", text) + "\n</script>"


def number_ids(root: Element) -> None:
    """Replace folium's random ids by the order of the parts."""
    waiting, number = [root], 0
    while waiting:
        element = waiting.pop()
        element._id = str(number)
        number += 1
        waiting.extend(reversed(element._children.values()))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
