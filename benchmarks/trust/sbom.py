"""A bill of materials: every package the program is installed with, and every script it carries.

``python -m benchmarks.trust.sbom [FILE]`` writes CycloneDX 1.5 as JSON, to build/sbom.json when no file is named.
It holds no time and no random number: equal installations give equal bytes.

References
----------
CycloneDX Bill of Materials, ECMA-424, version 1.5 of the specification.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.trust.licences import licence
from benchmarks.trust.results import save
from geo.files import sha256, write_text

__all__ = ["bill", "components", "shipped"]

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("maps/vendor/LOCK.json", "maps/fonts/LOCK.json")


def shipped() -> list[str]:
    """Return the packages that the program itself needs, with all that these need, in order of name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pending = [_name(text) for text in project["dependencies"]]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue  # for another system or Python
        found.add(name)
        pending += [_name(text) for text in needed if "extra ==" not in text]
    return sorted(found)


def components() -> Iterator[dict[str, Any]]:
    """Yield packages, then files that are copied unchanged into the repository."""
    for name in shipped():
        package = distribution(name)
        yield {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{package.version}",
            "name": name,
            "version": package.version,
            "purl": f"pkg:pypi/{name}@{package.version}",
            "licenses": [_licence(licence(package))],
        }
    for lock in LOCKS:
        folder = (ROOT / lock).parent
        for package in json.loads((ROOT / lock).read_text(encoding="utf-8"))["packages"]:
            purl = f"pkg:{package['registry']}/{quote(package['package'])}@{package['version']}"
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": package["package"],
                "version": package["version"],
                "purl": purl,
                "licenses": [_licence(package["licence"])],
                "components": [_file(folder / file["file"]) for file in package["files"]],
            }


def _file(path: Path) -> dict[str, Any]:
    name = path.relative_to(ROOT).as_posix()
    hashes = [{"alg": "SHA-256", "content": sha256(path)}]
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes}


def bill() -> dict[str, Any]:
    """Return the whole bill; its serial number follows from its content."""
    entries = list(components())
    own = distribution("altdev").version
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(entries, sort_keys=True))
    root = {"type": "application", "bom-ref": "altdev", "name": "altdev", "version": own}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": root | {"licenses": [_licence("Apache-2.0")]}},
        "components": entries,
        "dependencies": [{"ref": "altdev", "dependsOn": [entry["bom-ref"] for entry in entries]}],
    }


def _licence(told: str) -> dict[str, Any]:
    if re.search(r" (?:AND|OR|WITH) ", told):
        return {"expression": told}
    return {"license": {"id": told} if re.fullmatch(r"[A-Za-z0-9.+-]+", told) else {"name": told or "not told"}}


def _name(text: str) -> str:
    return re.split(r"[<>=!~ \[;(]", text.strip(), maxsplit=1)[0].lower().replace("_", "-")


def main(arguments: list[str]) -> None:
    """Write the bill, and print where and how much it holds."""
    path = Path(arguments[0]) if arguments else ROOT / "build" / "sbom.json"
    content = bill()
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{path}: {len(content['components'])} components\n")
    if not arguments:
        copied = [one for one in content["components"] if "components" in one]
        files = sum(len(one["components"]) for one in copied)
        told = {"components": len(content["components"]), "copied packages, each with its licence": len(copied)}
        save("sbom", told | {"files of these, each with its hash": files})


if __name__ == "__main__":
    main(sys.argv[1:])
