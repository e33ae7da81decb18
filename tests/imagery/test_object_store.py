"""Object stores: signatures, refusals, and images fetched from a store on loopback that demands one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pystac
import pytest

from geo.errors import InputError
from imagery.catalog import bounds_in_degrees
from imagery.fetch import fetch_files, wanted_files
from imagery.object_store import require_credentials, web_address
from imagery.remote import Remote
from imagery.stac import items_of
from imagery.store import Store
from imagery.web import WebError, WebPolicy, open_session
from tests.imagery.world import SENSOR, flat_shot, grid, write_catalog

WHO = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
NOW = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_signature_of_the_handbook() -> None:
    """Published: the worked example of AWS (Authenticating Requests: Using Query Parameters)."""
    found = web_address("s3://examplebucket/test.txt", WHO, NOW, lasts_s=86_400)
    assert found.startswith("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert found.endswith("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


@pytest.mark.parametrize(
    ("address", "environment", "expected"),
    [
        ("s3://a-b/x y.tif", {}, "https://a-b.s3.amazonaws.com/x%20y.tif"),
        ("s3://a-b/k/x.tif", {"AWS_REGION": "eu-west-1"}, "https://a-b.s3.eu-west-1.amazonaws.com/k/x.tif"),
        ("s3://a.b/x.tif", {"AWS_REGION": "eu-west-1"}, "https://s3.eu-west-1.amazonaws.com/a.b/x.tif"),
        ("s3://a/x.tif", {"AWS_S3_ENDPOINT": "store.example:9000"}, "https://store.example:9000/a/x.tif"),
        ("s3://a/x.tif", {"AWS_S3_ENDPOINT": "http://127.0.0.1:9/p/"}, "http://127.0.0.1:9/p/a/x.tif"),
    ],
)
def test_where_an_object_is(address: str, environment: dict[str, str], expected: str) -> None:
    """Literal: bucket in the name of the host, or in the path of a store of one's own; public ones unsigned."""
    assert web_address(address, environment | {"AWS_NO_SIGN_REQUEST": "YES"}, NOW) == expected


def test_without_credentials_it_is_refused_before_it_is_asked() -> None:
    """Law: one line names the buckets and what to set; a public bucket or other addresses need nothing."""
    addresses = ["s3://images/a.tif", "s3://images/b.tif", "s3://more/c.tif", "https://host.example/d.tif"]
    with pytest.raises(InputError) as caught:
        require_credentials(addresses, {"AWS_ACCESS_KEY_ID": "half"})
    (problem,) = caught.value.problems
    assert problem.found == "images in s3://images, s3://more and no credentials"
    assert "AWS_NO_SIGN_REQUEST=YES" in str(problem)
    require_credentials(addresses, WHO)
    require_credentials(addresses, {"AWS_NO_SIGN_REQUEST": "yes"})
    require_credentials(addresses[-1:], {})


@pytest.mark.parametrize("address", ["s3://bucket", "s3:///key", "s3://user:secret@bucket/key"])
def test_addresses_that_name_no_object(address: str) -> None:
    """Law: refused without showing what stands in them."""
    with pytest.raises(WebError) as caught:
        web_address(address, WHO, NOW)
    assert "secret" not in str(caught.value)


@pytest.fixture(name="store", scope="module")
def fixture_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, list[str]]]:
    """Serve a folder as a bucket that demands a signature; return it, its address and the requests made."""
    folder, asked = tmp_path_factory.mktemp("bucket"), []
    write_catalog(folder, [flat_shot(date(2023, 3, 3))])

    class Bucket(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            path = folder / parts.path.removeprefix("/images/")
            signed = {"X-Amz-Signature", "X-Amz-Credential"} <= set(parse_qs(parts.query))
            self.send_response(200 if signed and path.is_file() else 403)
            content = path.read_bytes() if signed and path.is_file() else b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def _items(folder: Path) -> list[pystac.Item]:
    """Return the items of the bucket with their assets at addresses of an object store."""
    items = list(items_of(folder / "catalog.json"))
    for item in items:
        for asset in item.assets.values():
            asset.href = f"s3://images/{item.id}/{Path(asset.href).name}"
    return items


def test_images_come_from_an_object_store(
    store: tuple[Path, str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: every file comes whole, and nothing that is kept or told holds a credential or a signature."""
    folder, address, asked = store
    for name, value in (WHO | {"AWS_S3_ENDPOINT": address}).items():
        monkeypatch.setenv(name, value)
    area = bounds_in_degrees(grid(8, 8))
    wanted = wanted_files(_items(folder), SENSOR, start=date(2023, 1, 1), end=date(2023, 12, 31), area=area)
    policy = WebPolicy(private_hosts=frozenset({"127.0.0.1"}), attempts=2, first_wait_s=0.01, timeout_s=20)
    kept = Store.open(tmp_path)
    assert not fetch_files(wanted, kept, Remote(), session=open_session(policy), policy=policy)
    assert len(kept.files) == len(wanted) == 11
    first = kept.path_of(wanted[0].key)
    assert first is not None
    assert first.read_bytes() == (folder / wanted[0].item.id / Path(wanted[0].address).name).read_bytes()
    assert all("X-Amz-Signature=" in path for path in asked)
    told = (tmp_path / "fetched.json").read_text()
    assert "s3://images/" in told
    for secret in (*WHO.values(), "X-Amz", "Signature"):
        assert secret not in told
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    problems = fetch_files(
        wanted, Store.open(tmp_path / "b"), Remote(), session=open_session(policy), policy=policy
    )
    assert len(problems) == 11
    assert "403" in str(problems[0])
    assert not any(
        secret in json.dumps(str(problem)) for problem in problems for secret in (*WHO.values(), "X-Amz")
    )
