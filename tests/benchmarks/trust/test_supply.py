"""What the program is made of: every dependency told with reason and licence, and a bill that holds them all."""

from __future__ import annotations

import json
import re
import tomllib
import uuid
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from benchmarks.trust.licences import ALLOWED, licence, parts, pinned, refused
from benchmarks.trust.sbom import LOCKS, bill, shipped
from geo.files import sha256

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| ([a-z0-9-]+) \| ([^|]+) \| ([^|]+) \| `([^`]+)` \|$", re.MULTILINE)
CITED = {
    "fonttools": "fontTools",
    "import-linter": "importlinter",
    "odc-geo": "odc.geo",
    "pillow": "PIL",
    "pyarrow": "parquet",
    "pytest-timeout": "timeout",
    "pytest-xdist": "-n $(JOBS)",
    "scikit-learn": "sklearn",
    "scikit-learn-intelex": "scikit-learn-intelex",
    "stac-fastapi-api": "stac_fastapi",
}
"""What a package is called where it is used."""


def rows() -> dict[str, tuple[str, str, str]]:
    """Return licence, reason and place of each package of the page."""
    page = (ROOT / "docs" / "dependencies.md").read_text()
    found = {name: (told.strip(), why.strip(), where) for name, told, why, where in ROW.findall(page)}
    assert len(found) == len(ROW.findall(page))
    return found


def asked_for() -> set[str]:
    """Return every package that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    return {re.split(r"[<>=!~ \[]", text)[0].lower() for text in texts}


def test_page_names_what_is_asked_for_and_no_other() -> None:
    """Law: page and project name the same packages, each with a reason."""
    told = rows()
    assert set(told) == asked_for()
    assert all(len(why) > 5 for _, why, _ in told.values())


@pytest.mark.parametrize("name", sorted(rows()))
def test_licence_is_that_of_the_package_itself(name: str) -> None:
    """Independent source: the licence told is the one in the installed package's own metadata."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        pytest.skip(f"{name}, which comes on request, is not installed")
    assert rows()[name][0] == licence(package)


@pytest.mark.parametrize("name", sorted(rows()))
def test_place_uses_the_package(name: str) -> None:
    """Law: the place named is there, and imports or names the package."""
    place = ROOT / rows()[name][2]
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    word = CITED.get(name, name.replace("-", "_"))
    assert any(word in file.read_text() for file in files), (name, place)


def test_every_pinned_package_has_an_allowed_licence() -> None:
    """Law: of everything installed for program and tests, nothing is under a licence that is not on the list."""
    assert len(pinned()) > 100
    assert list(refused(pinned())) == []
    assert not [name for name in ALLOWED if "GPL" in name]


def test_a_licence_that_is_not_allowed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: with MIT off the list, packages under it are named, and alternatives still pass."""
    monkeypatch.setattr("benchmarks.trust.licences.ALLOWED", ALLOWED - {"MIT"})
    assert "folium: MIT" in list(refused(["folium", "cryptography"]))
    assert parts("BSD-3-Clause AND AGPL-3.0-only") == ["BSD-3-Clause", "AGPL-3.0-only"]


def test_bill_holds_what_is_shipped_and_is_the_same_each_time() -> None:
    """Law: each package installed with the program stands in the bill with its version; so do copied files."""
    content = bill()
    assert json.dumps(content, sort_keys=True) == json.dumps(bill(), sort_keys=True)
    libraries = {entry["name"]: entry for entry in content["components"]}
    assert set(shipped()) <= set(libraries)
    assert libraries["numpy"]["version"] == distribution("numpy").version
    told = {
        file["name"]: file["hashes"][0]["content"]
        for e in content["components"]
        for file in e.get("components", ())
    }
    for lock in LOCKS:
        for package in json.loads((ROOT / lock).read_text())["packages"]:
            for file in package["files"]:
                path = (ROOT / lock).parent / file["file"]
                assert told[path.relative_to(ROOT).as_posix()] == file["sha256"] == sha256(path)


def test_bill_has_the_shape_of_the_specification() -> None:
    """Published: what CycloneDX 1.5 requires, and references that lead somewhere, each once."""
    content = bill()
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.5")
    serial = content["serialNumber"].removeprefix("urn:uuid:")
    assert str(uuid.UUID(serial)) == serial
    entries = [*content["components"], *(file for e in content["components"] for file in e.get("components", ()))]
    refs = [entry["bom-ref"] for entry in entries]
    assert len(refs) == len(set(refs))
    assert all(entry["type"] in ("library", "file") and entry["name"] for entry in entries)
    assert all(set(depend) == {"ref", "dependsOn"} for depend in content["dependencies"])
    for entry in content["components"]:
        for one in entry["licenses"]:
            assert set(one) in ({"license"}, {"expression"})
