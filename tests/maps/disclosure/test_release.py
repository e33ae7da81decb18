"""Embargo, approvals, key and signature."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from geo.errors import DisclosureError, InputError, QualityGateError
from maps.disclosure.policy import tier_rules
from maps.disclosure.release import (
    Approval,
    approval_problems,
    embargo_end,
    read_approvals,
    read_key,
    verify_release,
    write_release,
)
from maps.disclosure.tier import Tier

HASH = "ab" * 32
TODAY = date(2026, 1, 31)
PUBLIC = tier_rules(Tier.PUBLIC)


def key() -> Ed25519PrivateKey:
    """Return a key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def approval(name: str, *, day: date = TODAY, tier: Tier = Tier.PUBLIC, tables: str = HASH) -> Approval:
    """Return an approval."""
    return Approval(name=name, office="Office", day=day, tier=tier, tables=tables)


@pytest.mark.parametrize(
    ("months", "end"),
    [(0, date(2024, 12, 31)), (2, date(2025, 2, 28)), (12, date(2025, 12, 31)), (11, date(2025, 11, 30))],
)
def test_embargo(months: int, end: date) -> None:
    """Literal: months after the latest reference date, at the end of shorter months, or the day given if later."""
    dates = [date(2021, 12, 31), date(2024, 12, 31)]
    assert embargo_end(dates, months, None) == end
    assert embargo_end(dates, months, date(2030, 1, 1)) == date(2030, 1, 1)
    assert embargo_end(dates, months, date(2020, 1, 1)) == end


@pytest.mark.parametrize(
    ("approvals", "good"),
    [
        ([approval("Ada"), approval("Ben")], True),
        ([approval("Ada"), approval(" ada ")], False),
        ([approval("Ada")], False),
        ([approval("Ada"), approval("Ben", tables="cd" * 32)], False),
        ([approval("Ada"), approval("Ben", tier=Tier.PROGRAMME)], False),
        ([approval("Ada"), approval("Ben", day=date(2026, 2, 1))], False),
    ],
)
def test_two_persons_approve_the_very_tables(approvals: list[Approval], good: bool) -> None:
    """Law: two different persons, of these tables, for this tier, not from the future."""
    problems = list(approval_problems(approvals, PUBLIC, tier=Tier.PUBLIC, tables=HASH, today=TODAY))
    assert (not problems) is good
    if problems:
        assert HASH in str(problems[0])


def test_reading_approvals_tells_every_broken_entry(tmp_path: Path) -> None:
    """Law: each entry that is none is named by its number."""
    path = tmp_path / "approvals.toml"
    path.write_text(
        f'[[approval]]\nname="Ada"\noffice="O"\ndate=2026-01-01\ntier=2\ntables="{HASH}"\n'
        f'[[approval]]\nname="Ben"\ndate=2026-01-01\ntier=2\ntables="{HASH}"\n'
        f'[[approval]]\nname="Eve"\noffice="O"\ndate="soon"\ntier=2\ntables="{HASH}"\n'
        f'[[approval]]\nname="Eve"\noffice="O"\ndate=2026-01-01\ntier=7\ntables="{HASH}"\n'
    )
    with pytest.raises(InputError) as caught:
        read_approvals(path)
    assert [problem.where[-1] for problem in caught.value.problems] == ["2", "3", "4"]
    assert [problem.found for problem in caught.value.problems[:2]] == ["no office", "a date that is none"]
    path.write_text("not toml [")
    with pytest.raises(InputError, match="no TOML"):
        read_approvals(path)


def written(folder: Path) -> Path:
    """Return a PEM file with the key."""
    path = folder / "key.pem"
    path.write_bytes(key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_key_inside_the_project_is_refused(tmp_path: Path) -> None:
    """Law: what is copied and shared must not hold the key: exit 4."""
    path = written(tmp_path)
    read_key(path, outside=[tmp_path / "project"])
    with pytest.raises(DisclosureError, match="inside"):
        read_key(path, outside=[tmp_path])


def test_what_is_no_such_key_is_refused(tmp_path: Path) -> None:
    """Law: text, another kind of key and a missing file are each told in one line."""
    path = tmp_path / "key.pem"
    other = generate_private_key(65537, 2048)
    for content in (b"hello", other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match="no key that can sign"):
            read_key(path, outside=[])


def test_signature_covers_files_and_words(tmp_path: Path) -> None:
    """Law: equal content gives equal bytes; a changed file, word, key or signature is found."""
    (tmp_path / "a.csv").write_text("1\n")
    path = write_release(tmp_path, "map", {"tier": 2}, key(), ["a.csv"])
    first = path.read_bytes()
    assert write_release(tmp_path, "map", {"tier": 2}, key(), ["a.csv"]).read_bytes() == first
    assert "signed by the key 03a107bff3ce10be" in verify_release(path)  # RFC 8032 public key of bytes 0 to 31
    told = json.loads(first)
    told["release"]["tier"] = 1
    path.write_text(json.dumps(told))
    with pytest.raises(QualityGateError, match="signature"):
        verify_release(path)
    path.write_bytes(first)
    (tmp_path / "a.csv").write_text("2\n")
    with pytest.raises(QualityGateError, match="changed"):
        verify_release(path)


def test_a_record_that_leads_elsewhere_is_no_record(tmp_path: Path) -> None:
    """Law: names outside the folder are not followed, and nonsense is told in one line."""
    path = tmp_path / "release-map.json"
    for text in ('{"release": {"files": {"../x": "0"}}}', "[]", "{", '{"release": 3}'):
        path.write_text(text)
        with pytest.raises(InputError, match="no record"):
            verify_release(path)


def test_a_file_that_no_system_could_hold_is_missing(tmp_path: Path) -> None:
    """Law: a name longer than file systems take is told as a file that is not there."""
    path = tmp_path / "release-map.json"
    path.write_text(json.dumps({"release": {"files": {"9" * 5000: "0"}}}))
    with pytest.raises(QualityGateError, match="missing or changed"):
        verify_release(path)


def test_approvals_are_read_as_entered(tmp_path: Path) -> None:
    """Law: name, office, day, tier and tables of each entry; a person without a name or an office is none."""
    path = tmp_path / "approvals.toml"
    entry = '[[approval]]\nname="Ada"\noffice="O"\ndate=2026-01-01\ntier=2\ntables="ff"\n'
    path.write_text(entry)
    wanted = Approval(name="Ada", office="O", day=date(2026, 1, 1), tier=Tier.PUBLIC, tables="ff")
    assert read_approvals(path) == (wanted,)
    path.write_text("approval = [3]")
    with pytest.raises(InputError, match="no table"):
        read_approvals(path)
    for blank in ('name="Ada"', 'office="O"'):
        path.write_text(entry.replace(blank, blank.split("=")[0] + '=""'))
        with pytest.raises(InputError, match="an empty name or office"):
            read_approvals(path)
    path.write_text("")
    assert read_approvals(path) == ()


def test_an_approval_of_today_counts() -> None:
    """Law: what is dated today is not from the future; as many as asked for are enough."""
    pair = [approval("Ada", day=TODAY), approval("Ben", day=TODAY)]
    assert not list(approval_problems(pair, PUBLIC, tier=Tier.PUBLIC, tables=HASH, today=TODAY))


def test_without_a_key_files_are_still_held_to_the_record(tmp_path: Path) -> None:
    """Law: an unsigned record says so, names its files, and notices a changed or missing one."""
    (tmp_path / "a.csv").write_text("1\n")
    (tmp_path / "b.csv").write_text("2\n")
    path = write_release(tmp_path, "map", {"tier": 1}, None, ["b.csv", "a.csv"])
    assert verify_release(path) == "release-map.json: 2 files as released, not signed"
    (tmp_path / "b.csv").unlink()
    with pytest.raises(QualityGateError, match=r"b\.csv: found a file that is missing or changed") as caught:
        verify_release(path)
    assert len(caught.value.problems) == 1


def test_the_signed_words_can_be_checked_by_others(tmp_path: Path) -> None:
    """Independent route: the signature holds for the record as UTF-8 JSON with sorted keys and no blanks."""
    (tmp_path / "a.csv").write_text("1\n")
    path = write_release(tmp_path, "map", {"tier": 2, "offices": ["Bogotá", "مكتب"]}, key(), ["a.csv"])
    assert "Bogotá" in path.read_text(encoding="utf-8")
    told = json.loads(path.read_text(encoding="utf-8"))
    words = json.dumps(told["release"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key().public_key().verify(bytes.fromhex(told["signature"]), words.encode("utf-8"))
    turned = write_release(tmp_path, "pdf", {"offices": ["Bogotá", "مكتب"], "tier": 2}, key(), ["a.csv"])
    assert list(json.loads(turned.read_text(encoding="utf-8"))["release"]) == sorted(told["release"])
