"""A page is one file: everything inside, nothing asked for, and the policy says so."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import folium
import pytest
from branca.element import Element, Figure, JavascriptLink

from maps import offline
from maps.offline import InlineElements, Shell, content_policy, render, vendored

VENDOR = Path(offline.__file__).parent / "vendor"
TEST_VENDOR = Path(__file__).parents[1] / "vendor"


def figure() -> Figure:
    """Return a figure with a plain folium map."""
    made = Figure()
    made.add_child(folium.Map([1.0, 2.0], tiles=None))
    return made


def page(made: Figure | None = None, **shell: str) -> str:
    """Render a figure as the program does."""
    return render(made or figure(), title="A <map>", language="en", direction="ltr", shell=Shell(**shell))


def allowed(document: str, directive: str) -> set[str]:
    """Return the sources of a directive of the page's policy."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', document)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#x27;", "'").split(";"))
    return set(rules[directive].split())


@pytest.mark.parametrize("folder", [VENDOR, TEST_VENDOR], ids=["maps", "tests"])
def test_lock_matches_the_files(folder: Path) -> None:
    """Law: every vendored file is in the lock with its hash, its licence beside it, and no file is left out."""
    lock = json.loads((folder / "LOCK.json").read_text())
    listed = {}
    for package in lock["packages"]:
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"])
        assert package["licence"]
        names = [entry["file"] for entry in package["files"]]
        assert any(name.startswith("LICENSE") for name in names)
        listed |= {entry["file"]: entry for entry in package["files"]}
    present = {path.name for path in folder.iterdir() if path.is_file()} - {"LOCK.json", "__init__.py"}
    assert present == set(listed)
    for name, entry in listed.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert len(content) == entry["bytes"]


def test_unlisted_file_is_refused() -> None:
    """Literal: a name that the lock does not list is not served."""
    with pytest.raises(ValueError, match=r"jquery\.js is not among the vendored files"):
        vendored("jquery.js")


def test_policy_hashes_are_those_of_the_scripts(example_html: str) -> None:
    """Independent program: scripts found by a plain pattern hash to the policy, one for one."""
    scripts = re.findall(r"<script>(.*?)</script>", example_html, flags=re.S)
    assert len(scripts) >= 3
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts}
    assert allowed(example_html, "script-src") == hashes


def test_policy_lets_nothing_else_in(example_html: str) -> None:
    """Literal: no source but hashes and data pictures, and no word that would undo them."""
    assert allowed(example_html, "default-src") == {"'none'"}
    assert allowed(example_html, "img-src") == {"data:"}
    assert all(source.startswith("'sha256-") for source in allowed(example_html, "style-src"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', example_html)
    assert policy is not None
    assert "unsafe" not in policy[1]
    # the policy comes before the first script that it governs
    assert example_html.index("Content-Security-Policy") < example_html.index("<script")


def test_a_changed_script_breaks_the_policy(example_html: str) -> None:
    """Negative control: one changed sign in a script gives another policy."""
    changed = example_html.replace("'use strict'", "'use  strict'", 1)
    assert content_policy(changed) != content_policy(example_html)


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://example.org/a.png">',
        '<link rel="stylesheet" href="style.css">',
        '<script src="a.js"></script>',
        "<style>p { background: url(a.png) }</style>",
        "<style>@import 'a.css';</style>",
        '<form action="https://example.org"></form>',
    ],
)
def test_loading_from_outside_is_refused(html: str) -> None:
    """Literal: whatever would load is found and refused."""
    assert InlineElements(html).outside
    with pytest.raises(ValueError, match="would load from outside"):
        page(after=html)


def test_unknown_link_is_refused() -> None:
    """Literal: a library that is not vendored stops the page instead of leaving it broken."""
    made = figure()
    made.header.add_child(JavascriptLink("https://example.org/d3.min.js"), name="d3")
    with pytest.raises(ValueError, match=r"d3\.min\.js is not among"):
        page(made)


def test_jquery_is_refused() -> None:
    """Literal: folium parts that call jQuery, as its popups do, are refused with the reason."""
    made = figure()
    made.script.add_child(Element("$('#a').html('b');"))
    with pytest.raises(ValueError, match="calls jQuery"):
        page(made)


def test_head_is_fit_to_read(example_html: str) -> None:
    """Literal: language, direction, title and a viewport that lets readers zoom; no flag, no source map."""
    assert '<html lang="en" dir="ltr">' in example_html
    assert "<title>Coca cultivation" in example_html
    assert example_html.count('name="viewport"') == 1
    assert "user-scalable" not in example_html
    assert "setPrefix(false)" in example_html
    assert "sourceMappingURL" not in example_html


def test_title_is_text() -> None:
    """Literal: markup in a title is shown and not read."""
    assert "<title>A &lt;map&gt;</title>" in page()


def test_equal_figures_equal_bytes() -> None:
    """Law: two figures made alike give one text, although folium draws its ids at random."""
    assert page() == page()
    assert "map_1" in page()
