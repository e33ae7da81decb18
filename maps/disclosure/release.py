"""What must be true before a product of tier 1 or 2 leaves, and the signed record that goes with it.

Approvals name the very tables by their hash. The signature is Ed25519 (RFC 8032) by the `cryptography` library: a
public key lets any reader check a product, where a shared secret (HMAC) would let any reader forge one; equal
content gives equal signatures. The private key lies outside the project and is only read.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from geo.errors import DisclosureError, InputError, Problem, QualityGateError, reason
from geo.files import sha256, write_text
from geo.json_text import read_json
from maps.disclosure.policy import TierRules
from maps.disclosure.tier import Tier
from maps.text import plain

__all__ = [
    "RECORD_NAME",
    "Approval",
    "approval_problems",
    "digest_of",
    "embargo_end",
    "read_approvals",
    "read_key",
    "verify_release",
    "write_release",
]

RECORD_NAME = "release-{}.json"
"""Name of the record of one command's files in the product's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's word that tables may leave."""

    name: str
    """Who; stays in the project, never in a product."""
    office: str
    """In which office; this goes out."""
    day: date
    """When."""
    tier: Tier
    """For which tier."""
    tables: str
    """Hash of the tables approved, as `digest_of` gives it."""


def digest_of(files: Mapping[str, str]) -> str:
    """Return one hash for named files with their hashes.

    Examples
    --------
    >>> digest_of({"b.csv": "2", "a.csv": "1"}) == digest_of({"a.csv": "1", "b.csv": "2"})
    True
    """
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


def embargo_end(reference_dates: Iterable[date], months: int, until: date | None) -> date:
    """Return the first day a product may go out.

    Examples
    --------
    >>> embargo_end([date(2023, 8, 31), date(2024, 12, 31)], 2, None)
    datetime.date(2025, 2, 28)
    """
    latest = max(reference_dates)
    year, month = divmod(latest.year * 12 + latest.month - 1 + months, 12)
    end = date(year, month + 1, min(latest.day, monthrange(year, month + 1)[1]))
    return end if until is None else max(end, until)


def read_approvals(path: Path) -> tuple[Approval, ...]:
    """Read the file of approvals: ``[[approval]]`` with name, office, date, tier and tables.

    Raises
    ------
    InputError
        Naming every entry that is not one.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("approval", [])
    except (OSError, ValueError, RecursionError) as error:
        found = f"a file that is no TOML ({reason(error)})"
        raise InputError(Problem(str(path), found, "[[approval]] entries", "see docs/disclosure.md")) from error
    approvals, problems = [], []
    for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
        try:
            approvals.append(_approval(entry))
        except (KeyError, TypeError, ValueError) as error:
            found = f"no {error.args[0]}" if isinstance(error, KeyError) else reason(error)
            expected = "name, office, date, tier (1 or 2) and tables"
            problems.append(Problem(f"{path.name} [[approval]] {number}", found, expected, "complete it"))
    if problems:
        raise InputError(problems)
    return tuple(approvals)


def _approval(entry: Any) -> Approval:
    if not isinstance(entry, dict):
        raise TypeError("no table")
    name, office, tables = (plain(str(entry[key])) for key in ("name", "office", "tables"))
    if not (name and office):
        raise ValueError("an empty name or office")
    if type(entry["date"]) is not date:
        raise ValueError("a date that is none")
    return Approval(name=name, office=office, day=entry["date"], tier=Tier(entry["tier"]), tables=tables)


def approval_problems(
    approvals: Sequence[Approval], rules: TierRules, *, tier: Tier, tables: str, today: date
) -> Iterator[Problem]:
    """Yield what is missing of the approvals that a tier asks for."""
    good = {
        " ".join(one.name.casefold().split())
        for one in approvals
        if one.tier is tier and one.tables == tables and one.day <= today
    }
    if len(good) < rules.approvals:
        yield Problem(
            f"tier {int(tier)} ({tier.name.lower()}), approvals",
            f"{len(good)} of these tables (hash {tables})",
            f"{rules.approvals} by different persons, none dated in the future",
            f"look at disclosure/{int(tier)} of the run folder, and enter them in the file [disclosure] approvals "
            "with that hash",
        )


def read_key(path: Path, *, outside: Iterable[Path]) -> Ed25519PrivateKey:
    """Read the private key that products are signed with.

    Raises
    ------
    DisclosureError
        If the key lies in a folder that is shared, such as the project's.
    InputError
        If it is no Ed25519 key in PEM without a pass phrase.
    """
    for folder in outside:
        if path.resolve().is_relative_to(folder.resolve()):
            raise DisclosureError(
                Problem(
                    "[disclosure] signing_key",
                    f"a key inside {folder.name}/, which is copied and shared",
                    "a key outside the project and the run folder",
                    "move it to a place that only its holder reads",
                )
            )
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        key = None
        why = reason(error)
    else:
        why = type(key).__name__
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(
            Problem(
                "[disclosure] signing_key",
                f"no key that can sign ({why})",
                "an Ed25519 private key in PEM, without pass phrase",
                "make one with: openssl genpkey -algorithm ed25519 -out KEY.pem",
            )
        )
    return key


def write_release(
    folder: Path, what: str, record: Mapping[str, Any], key: Ed25519PrivateKey | None, names: Iterable[str]
) -> Path:
    """Write the record of the files that one command wrote, signed where there is a key.

    Parameters
    ----------
    folder
        The product's folder, with its files in place.
    what
        Command that wrote them, such as ``map``.
    record
        Tier, rules, approvals' offices, and whatever else goes out.
    key
        Private key, or None.
    names
        Files by path relative to the folder.
    """
    files = {name: sha256(folder / name) for name in sorted(names)}
    content = {"format": "altdev release 1", "what": what, **record, "files": files}
    signed: dict[str, Any] = {"release": content, "signature": None, "public_key": None}
    if key is not None:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        signed |= {"signature": key.sign(_canonical(content)).hex(), "public_key": public.hex()}
    path = folder / RECORD_NAME.format(what)
    write_text(path, json.dumps(signed, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return path


def verify_release(path: Path) -> str:
    """Check the files and the signature of a record, and say what was found.

    Raises
    ------
    QualityGateError
        Naming every file that changed, or a signature that is not that of the record.
    InputError
        If the file is no record.
    """
    try:
        told = read_json(path)
        content, files = told["release"], dict(told["release"]["files"])
        unsafe = [n for n in files if Path(n).is_absolute() or ".." in Path(n).parts or "\0" in n]
        if unsafe:
            raise ValueError(f"a file outside the folder: {unsafe[0]}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(Problem(str(path), f"no record of a release ({reason(error)})", "one")) from error
    changed = [name for name, hash_ in files.items() if _hash(path.parent / name) != hash_]
    if changed:
        raise QualityGateError(
            [
                Problem(str(path.parent / name), "a file that is missing or changed", "the one released")
                for name in changed
            ]
        )
    if told.get("signature") is None:
        return f"{path.name}: {len(files)} files as released, not signed"
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["public_key"]))
        key.verify(bytes.fromhex(told["signature"]), _canonical(content))
    except (InvalidSignature, ValueError, TypeError) as error:
        found = "a signature that is not that of this record"
        raise QualityGateError(Problem(str(path), found, "the one released", "ask its publisher")) from error
    return f"{path.name}: {len(files)} files as released, signed by the key {told['public_key']}"


def _hash(path: Path) -> str:
    """Return the hash of a file; empty where there is none, or no system could hold one of that name."""
    try:
        return sha256(path) if path.is_file() else ""
    except OSError:
        return ""


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
