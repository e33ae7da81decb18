"""A real STAC API on loopback for tests, in a process of its own: stac-fastapi over the items of a folder.

It misbehaves on demand: ``control.json`` in the folder says how, and ``requests.jsonl`` tells what it was asked.

python stac_server.py FOLDER   (prints its port)
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import attr
import uvicorn
from fastapi import Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse
from stac_fastapi.api.app import StacApi
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.search import BaseSearchPostRequest

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")  # collected as a module by the doctests too
COLLECTION = "sentinel-2-l2a"


class Search(BaseSearchPostRequest):
    """A search with the token of a page."""

    token: str | None = None


def control() -> dict[str, Any]:
    """Return how to misbehave now."""
    path = FOLDER / "control.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def count(what: str) -> int:
    """Return how often something was asked before, and remember that it was asked again."""
    path = FOLDER / "counts.json"
    counts = json.loads(path.read_text()) if path.is_file() else {}
    counts[what] = counts.get(what, 0) + 1
    path.write_text(json.dumps(counts))
    return int(counts[what]) - 1


def items() -> list[dict[str, Any]]:
    """Return the items in order of name."""
    return [json.loads(path.read_text()) for path in sorted((FOLDER / "items").glob("*.json"))]


def served(item: dict[str, Any], base: str, signature: str) -> dict[str, Any]:
    """Return an item with signed addresses and links."""
    assets = {
        key: asset | {"href": f"{base}files/{item['id']}/{asset['href']}?sig={signature}"}
        for key, asset in item["assets"].items()
    }
    link = {"rel": "self", "href": f"{base}collections/{COLLECTION}/items/{item['id']}"}
    return item | {"assets": assets, "links": [link], "collection": COLLECTION} | control().get("item", {})


def crosses(item: dict[str, Any], box: list[float]) -> bool:
    """Return whether an item touches a box."""
    west, south, east, north = item["bbox"]
    return west <= box[2] and box[0] <= east and south <= box[3] and box[1] <= north


@attr.s
class Folder(BaseCoreClient):
    """Answers from the items of the folder."""

    def post_search(self, search_request: Search, request: Request, **_: Any) -> Any:
        """Answer a search, a page at a time."""
        with (FOLDER / "requests.jsonl").open("a") as log:
            log.write(search_request.model_dump_json() + "\n")
        start, end = search_request.start_date, search_request.end_date
        box = list(search_request.bbox or [-180, -90, 180, 90])
        days = (str(start)[:10], str(end)[:10])
        found = [
            item
            for item in items()
            if crosses(item, box) and days[0] <= item["properties"]["datetime"][:10] <= days[1]
        ]
        size = control().get("page_size", 2)
        first = int(search_request.token or 0)
        base = str(request.base_url)
        page = [served(item, base, control().get("sig", "1")) for item in found[first : first + size]]
        links = []
        if first + size < len(found):
            body = {"token": str(first + size)}
            links = [
                {"rel": "next", "href": f"{base}search", "method": "POST", "body": body, "merge": True},
            ]
        return {"type": "FeatureCollection", "features": page, "links": links}

    def get_search(self, **_: Any) -> Any:
        """Not used: the client searches with POST."""
        return {"type": "FeatureCollection", "features": [], "links": []}

    def get_item(self, item_id: str, request: Request, **_: Any) -> Any:
        """Answer with an item whose addresses are signed anew."""
        item = next(entry for entry in items() if entry["id"] == item_id)
        return served(item, str(request.base_url), control().get("valid_sig", "1"))

    def all_collections(self, **_: Any) -> Any:
        """Answer with the one collection."""
        return {"collections": [self.get_collection(COLLECTION)], "links": []}

    def get_collection(self, collection_id: str, **_: Any) -> Any:
        """Answer with the one collection."""
        extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
        return {
            "type": "Collection",
            "id": collection_id,
            "stac_version": "1.0.0",
            "description": "A world for tests.",
            "license": "other",
            "extent": extent,
            "links": [],
        }

    def item_collection(self, **_: Any) -> Any:
        """Answer with every item."""
        return {"type": "FeatureCollection", "features": items(), "links": []}


def main() -> None:
    """Serve until killed."""
    settings = ApiSettings(
        stac_fastapi_title="test", stac_fastapi_description="test", stac_fastapi_landing_id="test"
    )
    api = StacApi(settings=settings, client=Folder(), search_post_request_model=Search)
    app = api.app

    @app.get("/files/{name}/{file}")
    def file(name: str, file: str, request: Request) -> Any:
        (FOLDER / "last_headers.json").write_text(json.dumps(dict(request.headers)))
        orders = control()
        if request.query_params.get("sig") != orders.get("valid_sig", "1"):
            return PlainTextResponse("signature has expired", status_code=403)
        if orders.get("redirect"):
            return RedirectResponse(orders["redirect"])
        if file in orders.get("gone", []):
            return PlainTextResponse("no such file", status_code=404)
        path = FOLDER / "files" / name / file
        if file in orders.get("cut", []) and count(f"cut {name} {file}") < orders.get("cut_times", 1):
            length = {"content-length": str(path.stat().st_size)}
            return PlainTextResponse(path.read_bytes()[:50], headers=length)
        return FileResponse(path)

    @app.middleware("http")
    async def fail(request: Request, call_next: Any) -> Any:
        orders = control()
        if orders.get("token") and request.headers.get("authorization") != f"Bearer {orders['token']}":
            return JSONResponse({"code": "Forbidden"}, status_code=401)
        if request.url.path == "/search":
            asked = count("search")
            if asked in orders.get("failing_requests", []):
                return JSONResponse({"code": "Broken", "description": "sig=secret"}, status_code=500)
        return await call_next(request)

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


if __name__ == "__main__":
    main()
