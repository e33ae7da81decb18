"""The interactive map: a folium map with our own controls, in one file that opens offline in six languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import folium
import jinja2
from branca.element import Figure

from maps import offline
from maps.columns import script_json
from maps.language import LANGUAGES, language
from maps.page import Page
from maps.page_fonts import font_faces
from maps.payload import catalogue, payload
from maps.text import plain

__all__ = ["DRAWN", "render"]

DRAWN = ("overlays", "lines", "relief")
"""Parts of a page's data that are drawn from layers of the survey file, and hold no figure."""

# In order of use: each file defines one name that the later ones call.
_SCRIPTS = (
    "words.js",
    "data.js",
    "figure.js",
    "harms.js",
    "painter.js",
    "layers.js",
    "legend.js",
    "table.js",
    "parts.js",
    "page.js",
)


def render(page: Page, drawn: Mapping[str, Any] | None = None) -> str:
    """Return the page as one HTML document without any link to the outside.

    Parameters
    ----------
    page
        What it shows.
    drawn
        Shapes and pictures that stand in the page as they are given here (see `DRAWN`), in the place of its own.

    Returns
    -------
    str
        HTML; equal pages give equal text.

    Raises
    ------
    InputError
        If a raster cannot be read.
    SurveyFileError
        If the language is none of the six.
    """
    chosen = language(page.language)
    content = payload(page) | dict(drawn or {})
    (south, west), (north, east) = content["bounds"]
    map_ = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_control=False,
        maxZoom=18,
        zoomSnap=0.25,
        fadeAnimation=False,
    )
    figure = Figure()
    figure.add_child(map_)
    code = [_asset(name) for name in _SCRIPTS]
    # the name of the map is known only once its id is the number of its place
    offline.number_ids(figure)
    shell = offline.Shell(
        style=font_faces(*LANGUAGES) + "\n" + _asset("page.css"),
        before=_frame("before", page),
        after=_frame("after", page, data=script_json(content), catalogue=script_json(catalogue(page.language))),
        script="\n".join([*code, f"page.start({map_.get_name()});"]),
    )
    return offline.render(
        figure,
        title=plain(page.about.title),
        language=chosen.code,
        direction=chosen.direction,
        shell=shell,
    )


def _frame(part: str, page: Page, **blocks: str) -> str:
    """Return a part of the page's frame in its first language; `blocks` are JSON made for scripts."""
    chosen = language(page.language)
    about = page.about
    return _template().render(
        part=part,
        text=chosen.text,
        language=chosen.code,
        languages=[(code, language(code).name) for code in LANGUAGES],
        title=plain(about.title),
        subtitle=plain(about.subtitle),
        sources=plain(about.sources),
        disclaimer=plain(about.disclaimer),
        notes=[(plain(note), note in chosen.words) for note in about.notes],
        run=plain(about.run_id),
        tier=about.tier.value,
        **blocks,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_asset("page.html"))


def _asset(name: str) -> str:
    return (files("maps.assets") / name).read_text(encoding="utf-8")
