"""A real STAC API on loopback: paging, failing pages, links that run out, and what a request must not tell."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pystac
import pytest
import requests

from geo.errors import InputError
from geo.files import sha256
from imagery.catalog import bounds_in_degrees, search_items
from imagery.fetch import fetch_files, wanted_files
from imagery.remote import Remote, padded_boxes, remote_items
from imagery.store import Store, local_items, stored_items
from imagery.web import RefusedHostError, WebError, WebPolicy, download, open_session, require_public
from tests.imagery.served import Served, lay_out, serving
from tests.imagery.world import BANDS, SENSOR, flat_shot, grid

START, END = date(2023, 1, 1), date(2023, 12, 31)
POLICY = WebPolicy(private_hosts=frozenset({"127.0.0.1"}), attempts=3, first_wait_s=0.01, timeout_s=20)
DAYS = [date(2023, month, 3) for month in (2, 3, 4)]
AREA = bounds_in_degrees(grid(8, 8))


@pytest.fixture(name="server", scope="module")
def fixture_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve three scenes of the year, one of another year, and one far away."""
    folder = tmp_path_factory.mktemp("served")
    others = [
        flat_shot(date(2021, 5, 3)),
        flat_shot(date(2023, 5, 4), name="FAR", bbox=(AREA[0] + 20, 10.0, AREA[2] + 20, 11.0)),
    ]
    lay_out(folder, [*(flat_shot(day) for day in DAYS), *others])
    with serving(folder) as served:
        yield served


@pytest.fixture(name="api")
def fixture_api(server: Served) -> Served:
    """Return the server, behaving well."""
    server.orders()
    (server.folder / "requests.jsonl").unlink(missing_ok=True)
    return server


def asked(api: Served, policy: WebPolicy = POLICY, **changes: Any) -> list[pystac.Item]:
    """Ask for the items of the year."""
    remote = Remote(api=api.address, **changes)
    return list(remote_items(remote, AREA, START, END, session=open_session(policy), policy=policy))


def fetched(api: Served, folder: Path, policy: WebPolicy = POLICY) -> tuple[Store, list[Any], list[pystac.Item]]:
    """Ask for the items of the year and fetch their files."""
    items = asked(api, policy)
    store = Store.open(folder)
    wanted = wanted_files(items, SENSOR, start=START, end=END, area=AREA)
    session = open_session(policy)
    problems = fetch_files(wanted, store, Remote(api=api.address), session=session, policy=policy)
    return store, problems, items


def test_every_page_is_read(api: Served) -> None:
    """Literal: three scenes at two a page are two pages."""
    assert [item.id for item in asked(api)] == [f"SHOT_{day:%Y%m%d}" for day in DAYS]
    assert [search["token"] for search in api.searches()] == [None, "2"]


def test_a_page_that_fails_is_asked_for_again(api: Served) -> None:
    """Literal: the second request answers 500; the third one is its repetition."""
    api.orders(failing_requests=[1])
    assert len(asked(api)) == len(DAYS)
    assert json.loads((api.folder / "counts.json").read_text())["search"] == 3


def test_part_of_a_search_is_never_taken_for_the_whole(api: Served) -> None:
    """Law: a page that keeps failing ends the search in one line, which tells no secret of the answer."""
    api.orders(failing_requests=[1, 2, 3, 4, 5])
    with pytest.raises(InputError, match=r"no whole answer after 2 items \(answer 500\)") as caught:
        asked(api)
    assert "secret" not in str(caught.value)


def test_a_request_tells_no_more_than_coarse_cells(api: Served) -> None:
    """Law: what the server hears are whole degrees around the area, whatever the area within them."""
    asked(api)
    boxes = {tuple(search["bbox"]) for search in api.searches()}
    assert boxes == {tuple(padded_boxes(AREA, 1.0)[0])}
    (box,) = boxes
    assert all(edge == round(edge) for edge in box)
    assert all(abs(edge - mine) > 1e-3 for edge, mine in zip(box, AREA, strict=True))
    moved = (AREA[0] + 0.01, AREA[1] + 0.01, AREA[2] + 0.02, AREA[3] + 0.02)
    assert padded_boxes(moved, 1.0) == padded_boxes(AREA, 1.0)
    assert not {"intersects", "ids"} & {key for search in api.searches() for key, value in search.items() if value}


@pytest.mark.parametrize("grid_deg", [0.1, 0.25, 1.0, 7.0])
def test_the_padded_boxes_hold_the_area(grid_deg: float) -> None:
    """Law: nothing of the area lies outside, also across the anti-meridian and at the poles."""
    for area in ((-72.5, 7.5, -72.0, 8.0), (0.0, 0.0, 0.1, 0.1), (-180.0, -90.0, 180.0, 90.0)):
        (box,) = padded_boxes(area, grid_deg)
        assert box[0] <= area[0] + 1e-9
        assert box[1] <= area[1] + 1e-9
        assert box[2] >= area[2] - 1e-9
        assert box[3] >= area[3] - 1e-9
    east, west = padded_boxes((179.2, 66.0, -179.3, 66.5), grid_deg)
    assert (east[2], west[0]) == (180.0, -180.0)
    assert east[0] <= 179.2 + 1e-9
    assert west[2] >= -179.3 - 1e-9


def test_files_come_whole_and_with_their_hash(api: Served, tmp_path: Path) -> None:
    """Independent: each file has the bytes that lie on the server, and the hash of these bytes."""
    store, problems, _ = fetched(api, tmp_path)
    assert problems == []
    assert len(store.files) == len(DAYS) * (len(BANDS) + 1)
    for key, entry in store.files.items():
        _, scene, asset = key.split("/")
        theirs = api.folder / "files" / scene / f"{asset}.tif"
        assert sha256(tmp_path / entry["file"]) == entry["sha256"] == sha256(theirs)
        assert entry["address"] == f"{api.address}files/{scene}/{asset}.tif"


def test_an_asset_without_end_is_cut_off(api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract: a file of more bytes than an asset may have is told, and no part of it is kept."""
    monkeypatch.setenv("ALTDEV_LIMITS", "asset_bytes=100")
    store, problems, _ = fetched(api, tmp_path)
    assert len(problems) == len(DAYS) * (len(BANDS) + 1)
    assert "more than 100 bytes" in problems[0].found
    assert not store.files
    assert [path for path in tmp_path.rglob("*") if path.suffix != ".json" and path.is_file()] == []


@pytest.mark.parametrize("limit", ["json_bytes=100", "json_depth=3"])
def test_an_answer_beyond_the_limits_is_told(api: Served, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """Contract: an answer too long or too deep is one line with the flag that takes it on."""
    monkeypatch.setenv("ALTDEV_LIMITS", limit)
    with pytest.raises(InputError, match=f"say --limit {limit.split('=')[0]}="):
        asked(api)


def test_what_is_here_is_never_asked_for_again(api: Served, tmp_path: Path) -> None:
    """Law: a second time needs no request, one file taken away needs one, and a run needs none at all."""
    store, _, items = fetched(api, tmp_path)
    store.keep_items("2023", items, {"source": "x"})
    api.orders(gone=["B02.tif", "SCL.tif"])
    _, problems, _ = fetched(api, tmp_path)
    assert problems == []
    victim = next(entry for key, entry in store.files.items() if key.endswith("B02"))
    (tmp_path / victim["file"]).unlink()
    _, problems, _ = fetched(api, tmp_path)
    assert len(problems) == 1
    again = Store.open(tmp_path)
    assert again.has("2023", {"source": "x"})
    assert not again.has("2023", {"source": "y"})
    found = search_items(
        stored_items(again, "2023"), where="store", sensor=SENSOR, start=START, end=END, geobox=grid(8, 8)
    )
    assert [scene.day for scene in found.scenes] == DAYS[1:]
    assert len(found.unfetched) == 1


def test_a_link_that_ran_out_is_renewed_once(api: Served, tmp_path: Path) -> None:
    """Literal: the search signs with 1, which holds no more; the item itself signs with 2, which does."""
    api.orders(sig="1", valid_sig="2")
    store, problems, _ = fetched(api, tmp_path)
    assert problems == []
    assert len(store.files) == len(DAYS) * (len(BANDS) + 1)


def test_a_link_that_cannot_be_renewed_names_scene_and_asset(api: Served, tmp_path: Path) -> None:
    """Law: what cannot be had is named, the rest is fetched, and nothing half-written stays."""
    api.orders(gone=["B11.tif"])
    store, problems, _ = fetched(api, tmp_path)
    assert [problem.where for problem in problems] == [f"scene SHOT_{day:%Y%m%d}" for day in DAYS]
    assert {problem.found for problem in problems} == {
        "asset B11, which could not be fetched (answer 404 Not Found)"
    }
    assert len(store.files) == len(DAYS) * len(BANDS)
    assert len(store.failed) == len(DAYS)
    assert not list(tmp_path.rglob("*B11*"))
    assert not list(tmp_path.rglob(".*.part*"))


def test_a_transfer_cut_short_is_made_again(api: Served, tmp_path: Path) -> None:
    """Literal: the first answer for B08 ends after 50 bytes of those it announced."""
    api.orders(cut=["B08.tif"])
    store, problems, _ = fetched(api, tmp_path)
    assert problems == []
    api.orders(cut=["B08.tif"], cut_times=99)
    for key in [key for key in store.files if key.endswith("B08")]:
        (tmp_path / store.files[key]["file"]).unlink()
    _, problems, _ = fetched(api, tmp_path)
    assert len(problems) == len(DAYS)
    assert "in 3 attempts" in problems[0].found


def test_waits_double_from_one_attempt_to_the_next(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Literal: four attempts at a file that always ends early are three waits, each twice as long."""
    api.orders(cut=["B08.tif"], cut_times=99)
    waits: list[float] = []
    monkeypatch.setattr("imagery.web.time.sleep", waits.append)
    policy = replace(POLICY, attempts=4, first_wait_s=0.5)
    address = f"{api.address}files/SHOT_{DAYS[0]:%Y%m%d}/B08.tif?sig=1"
    with pytest.raises(WebError, match="in 4 attempts"):
        download(open_session(policy), address, tmp_path / "B08.tif", policy)
    assert waits == [0.5, 1.0, 2.0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [b"<html>please log in</html>", b'<VRTDataset rasterXSize="1" rasterYSize="1"/>', b""],
    ids=["login", "list of files", "nothing"],
)
def test_what_is_no_image_is_not_kept(api: Served, tmp_path: Path, content: bytes) -> None:
    """Law: a page, or a text that would make the reader open other files, is refused under whatever name."""
    path = api.folder / "files" / f"SHOT_{DAYS[0]:%Y%m%d}" / "B02.tif"
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        _store, problems, _ = fetched(api, tmp_path)
    finally:
        path.write_bytes(kept)
    assert [problem.where for problem in problems] == [f"scene SHOT_{DAYS[0]:%Y%m%d}"]
    assert "neither TIFF nor JPEG 2000" in problems[0].found
    assert len(list(tmp_path.rglob("B02.tif"))) == len(DAYS) - 1


def test_hosts_of_private_networks_are_refused(api: Served, tmp_path: Path) -> None:
    """Law: a search, a file and a redirect to this machine are refused unless the survey file names the host."""
    public = replace(POLICY, private_hosts=frozenset())
    with pytest.raises(InputError, match="a host of a private network"):
        asked(api, public)
    with pytest.raises(WebError, match="a host of a private network"):
        download(open_session(public), f"{api.address}files/x/y.tif", tmp_path / "y.tif", public)
    api.orders(redirect="http://localhost:9/secret")
    _, problems, _ = fetched(api, tmp_path)
    assert "localhost, a host of a private network" in problems[0].found
    api.orders(redirect="file:///etc/hostname")
    _, problems, _ = fetched(api, tmp_path)
    assert problems
    assert not list(tmp_path.rglob("*.tif"))


def test_a_connection_is_looked_at_again(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a name that resolves to another host when it is asked than when it was looked up is refused."""
    monkeypatch.setattr("imagery.web._addresses", lambda _: ["93.184.216.34"])
    session = open_session(replace(POLICY, private_hosts=frozenset(), attempts=1))
    with pytest.raises(requests.exceptions.RequestException, match="private network"):
        session.get(api.address, timeout=5)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "0.0.0.0",
    ],
)
def test_private_addresses(address: str) -> None:
    """Published: the special-purpose registries of IANA, as Python holds them."""
    with pytest.raises(RefusedHostError):
        require_public("host.example", [address], ())
    require_public("host.example", [address], ("host.example",))
    require_public("host.example", ["8.8.8.8", "2001:4860:4860::8888"], ())


def test_a_token_goes_to_its_host_alone(api: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Law: the token opens the API, and neither files, logs, the index nor another host ever sees it."""
    caplog.set_level(logging.DEBUG)
    secret = "very-secret-token"
    api.orders(token=secret, failing_requests=[1])
    with pytest.raises(InputError, match="answer 401"):
        asked(api)
    policy = replace(POLICY, token=secret, token_host="127.0.0.1")
    store, problems, items = fetched(api, tmp_path, policy)
    assert problems == []
    store.keep_items("2023", items, {})
    session = open_session(policy)
    other = session.prepare_request(requests.Request("GET", "http://other.example/a"))
    assert "Authorization" not in other.headers
    assert secret not in repr(policy)
    written = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert secret not in written
    assert "sig=" not in written
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncio")]
    assert secret not in "\n".join(ours)


def test_items_of_others_open_no_file_of_this_machine(tmp_path: Path) -> None:
    """Law: an item from the web that points at a local file is kept without it."""
    item = pystac.Item.from_dict(
        {
            "type": "Feature",
            "stac_version": "1.1.0",
            "id": "../../EVIL",
            "geometry": None,
            "properties": {"datetime": "2023-05-01T10:00:00Z", "s2:processing_baseline": "05.09"},
            "links": [],
            "assets": {band: {"href": f"file:///etc/{band}.tif"} for band in (*BANDS, "SCL")}
            | {"B02": {"href": "/etc/passwd"}, "B03": {"href": "https://u:p@h.example/../B03.tif?sig=abc"}},
        }
    )
    store = Store.open(tmp_path / "store")
    store.keep_items("2023", [item], {})
    text = store.items_path("2023").read_text()
    assert "/etc" not in text
    assert "u:p" not in text
    assert "sig" not in text
    with pytest.raises(InputError) as caught:
        search_items(
            stored_items(store, "2023"), where="store", sensor=SENSOR, start=START, end=END, geobox=grid(8, 8)
        )
    assert "not on this machine" in str(caught.value)


def test_a_static_catalogue_on_the_web(api: Served, tmp_path: Path) -> None:
    """Literal: the landing page's catalogue with its two items, read over http."""
    folder = api.folder / "files" / "static"
    folder.mkdir(exist_ok=True)
    links = []
    for day in DAYS[:2]:
        name = f"SHOT_{day:%Y%m%d}"
        item = json.loads((api.folder / "items" / f"{name}.json").read_text())
        for asset in item["assets"].values():
            asset["href"] = f"{api.address}files/{name}/{asset['href']}?sig=1"
        (folder / f"{name}.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"{api.address}files/static/{name}.json?sig=1"})
    catalog = {"type": "Catalog", "id": "c", "stac_version": "1.1.0", "description": "x", "links": links}
    (folder / "catalog.json").write_text(json.dumps(catalog))
    remote = Remote(catalog=f"{api.address}files/static/catalog.json?sig=1")
    items = list(remote_items(remote, AREA, START, END, session=open_session(POLICY), policy=POLICY))
    assert [item.id for item in items] == [f"SHOT_{day:%Y%m%d}" for day in DAYS[:2]]
    wanted = wanted_files(items, SENSOR, start=START, end=END, area=AREA)
    store = Store.open(tmp_path)
    assert fetch_files(wanted, store, remote, session=open_session(POLICY), policy=POLICY) == []
    found = search_items(
        local_items(items, store), where="web", sensor=SENSOR, start=START, end=END, geobox=grid(8, 8)
    )
    assert [scene.day for scene in found.scenes] == DAYS[:2]
    links.append({"rel": "item", "href": "file:///etc/hostname"})
    (folder / "catalog.json").write_text(json.dumps(catalog))
    with pytest.raises(InputError, match="neither http nor https"):
        list(remote_items(remote, AREA, START, END, session=open_session(POLICY), policy=POLICY))


def test_a_host_that_is_not_there(tmp_path: Path) -> None:
    """Law: no server is one line, and no traceback of a library."""
    policy = replace(POLICY, attempts=1)
    nowhere = Remote(api="http://no-such-host.invalid/")
    with pytest.raises(InputError, match=r"no host no-such-host\.invalid is known here"):
        list(remote_items(nowhere, AREA, START, END, session=open_session(policy), policy=policy))
    remote = Remote(api="http://127.0.0.1:9/")
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9/: found no whole answer after 0 items"):
        list(remote_items(remote, AREA, START, END, session=open_session(policy), policy=policy))
