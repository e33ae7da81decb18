"""What is here of images on the web: files by asset, with their hashes, and the items of each period.

Reading it takes none of the libraries that fetch, so that a survey whose images are here is looked at without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo.errors import InputError, Problem, reason
from geo.files import write_text
from geo.stored import SUFFIX
from imagery.address import is_remote, shown_address

if TYPE_CHECKING:
    import pystac

__all__ = ["Store", "asset_key", "local_items", "stored_items"]

_INDEX = "fetched.json"


@dataclass(slots=True)
class Store:
    """What is here already."""

    folder: Path
    """Folder of the store."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key of an asset to its file, address, size and hash."""
    failed: dict[str, str] = field(default_factory=dict)
    """Key of an asset to the reason why it could not be fetched."""
    searches: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Period to the request that was answered in full."""
    in_place: bool = False
    """Whether what stands for an object counts as the file."""

    @classmethod
    def open(cls, folder: Path, *, in_place: bool = False) -> Store:
        """Return the store of a folder; an empty one where there is none.

        Raises
        ------
        InputError
            If its index is damaged.
        """
        path = folder / _INDEX
        if not path.is_file():
            return cls(folder, in_place=in_place)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            files, failed, searches = (dict(content[name]) for name in ("files", "failed", "searches"))
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            found = f"an index that cannot be read ({reason(error)})"
            raise InputError(Problem(str(path), found, "the one that was written", "delete the folder")) from error
        return cls(folder, files, failed, searches, in_place)

    def save(self) -> None:
        """Write the index."""
        content = {"files": self.files, "failed": self.failed, "searches": self.searches}
        write_text(self.folder / _INDEX, json.dumps(content, indent=1, sort_keys=True) + "\n")

    def path_of(self, key: str) -> Path | None:
        """Return the file of an asset, when it is here and as long as it was."""
        entry = self.files.get(key)
        if entry is None or (str(entry["file"]).endswith(SUFFIX) and not self.in_place):
            return None
        path = self.folder / str(entry["file"])
        return path if path.is_file() and path.stat().st_size == entry["bytes"] else None

    def items_path(self, period: str) -> Path:
        """Return where the items of a period stand."""
        return self.folder / f"{period}.json"

    def keep_items(self, period: str, items: Iterable[pystac.Item], request: Mapping[str, Any]) -> None:
        """Write the items of a period, and that the request was answered in full."""
        features = sorted((_bare(item) for item in items), key=lambda entry: (entry["id"], json.dumps(entry)))
        content = {"type": "FeatureCollection", "features": features}
        write_text(self.items_path(period), json.dumps(content, indent=1, sort_keys=True) + "\n")
        self.searches[period] = dict(request)
        self.save()

    def has(self, period: str, request: Mapping[str, Any]) -> bool:
        """Say whether a request was answered in full before."""
        return self.searches.get(period) == request and self.items_path(period).is_file()


def local_items(items: Iterable[pystac.Item], store: Store) -> Iterator[pystac.Item]:
    """Yield items with the assets that are here pointed at their files.

    An address that was not fetched stays an address, so that whoever needs it learns so.
    """
    for item in items:
        for key, asset in item.assets.items():
            path = store.path_of(asset_key(item, key))
            if path is not None:
                asset.href = path.absolute().as_uri()
        yield item


def stored_items(store: Store, period: str) -> Iterator[pystac.Item]:
    """Yield the items of a period as the store holds them."""
    from imagery.stac import items_of

    yield from local_items(items_of(store.items_path(period)), store)


def asset_key(item: pystac.Item, asset: str) -> str:
    """Return the key of an asset: collection, item and asset."""
    return f"{item.collection_id or 'items'}/{item.id}/{asset}"


def _bare(item: pystac.Item) -> dict[str, Any]:
    """Return an item without links and signatures, and with no way to a file of this machine."""
    content = item.to_dict(include_self_link=False, transform_hrefs=False)
    content["links"] = []
    for key, asset in item.assets.items():
        address = asset.get_absolute_href() or asset.href
        plain = shown_address(address) if is_remote(address) and not address.startswith("file:") else ""
        kept = {name: value for name, value in content["assets"][key].items() if name != "alternate"}
        content["assets"][key] = {**kept, "href": plain or "refused://not-on-the-web"}
    return content
