"""`altdev seal` and `altdev unseal`: files of tier 0 locked away in one encrypted file, and brought back.

The format is age, which other programs open too: ``age -d -i KEY sealed.age | tar x``. The files and what the
manifest says of them go in together, so that a sealed folder tells nothing of tier 0.

References
----------
The age file encryption format, version 1 (C2SP age).
"""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from geo.errors import AltdevError, InputError, Problem, QualityGateError, SurveyFileError, reason
from geo.files import atomic, cannot_write
from monitor.custody.strict import (
    SEALED,
    SEALED_KEY,
    moment,
    open_seal,
    require_manifest,
    require_no_links,
    strict_files,
    strict_steps,
    without_strict,
)
from monitor.manifest import FileRecord, Manifest, StepRecord
from monitor.run_card import write_run_card
from monitor.run_folder import RunFolder

__all__ = ["MIN_PASSPHRASE", "Sealed", "identities_of", "passphrase_of", "recipients_of", "seal", "unseal"]

MIN_PASSPHRASE = 12
"""Letters of a pass phrase; age slows guessing down, and a short one is guessed all the same."""

_STEPS = "steps.json"
_LARGEST_STEPS = 64 << 20  # bytes: what the manifest says of a run is far less
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What was sealed or brought back."""

    files: tuple[str, ...]
    """Files of tier 0, by path relative to the run folder."""
    size: int
    """Their bytes."""


def recipients_of(texts: Sequence[str], file: Path | None) -> list[str]:
    """Return the public keys to encrypt to, from the command line and from a file of one a line.

    Raises
    ------
    InputError
        If the file cannot be read.
    SurveyFileError
        Naming each that is no age public key.
    """
    found = [("--recipient", text.strip()) for text in texts]
    if file is not None:
        lines = enumerate(_text(file, "--recipients-file").splitlines(), start=1)
        found += [(f"{file} line {n}", line.strip()) for n, line in lines if line.strip() and line[0] != "#"]
    age = _age()
    problems = []
    for where, text in found:
        try:
            age.x25519.Recipient.from_str(text)
        except age.RecipientError:
            remedy = "make a pair of keys with 'age-keygen', and give the public one"
            problems.append(Problem(where, "no age public key", "one that begins with age1", remedy))
    if problems:
        raise SurveyFileError(problems)
    return [text for _, text in found]


def passphrase_of(file: Path) -> str:
    """Return the pass phrase that the first line of a file holds.

    Raises
    ------
    InputError
        If the file cannot be read.
    SurveyFileError
        If the phrase is short.
    """
    lines = _text(file, "--passphrase-file").splitlines()
    phrase = lines[0].strip() if lines else ""
    if len(phrase) < MIN_PASSPHRASE:
        expected = f"at least {MIN_PASSPHRASE}"
        found = f"a pass phrase of {len(phrase)} letters in its first line"
        raise SurveyFileError(Problem(str(file), found, expected, "take four or more words that nobody links"))
    return phrase


def seal(out: Path, *, recipients: Sequence[str] = (), passphrase: str | None = None) -> Sealed:
    """Encrypt every file of tier 0 of a run into one, and take the open ones away.

    Products of tiers 1 and 2 stay open, and still verify. Killed at any moment, nothing is lost: either the open
    files are all there, or the sealed one is whole and the next call ends what was begun.

    Parameters
    ----------
    out
        Run folder.
    recipients
        age public keys; whoever has the private key of one can open the file.
    passphrase
        Instead of keys: a fresh key is made and kept beside, encrypted by the phrase.

    Raises
    ------
    InputError
        If there is no manifest, or a link stands in a file's place.
    QualityGateError
        If a file has changed since it was published.
    AltdevError
        If a run holds the folder, or nothing is left to seal.
    """
    age = _age()
    require_manifest(out)
    folder = RunFolder(out)
    with folder.held():
        manifest = require_manifest(out)
        begun: Mapping[str, Any] | None = open_seal(manifest)
        if begun is None:
            files = strict_files(manifest)
            _require_sealable(out, manifest, files)
            manifest = _encrypt(age, folder, manifest, files, recipients, passphrase)
            begun = manifest.custody[-1]
        elif begun["act"] != "sealing":
            remedy = "say 'altdev unseal' to open it"
            raise AltdevError(Problem(str(out), "a run that is sealed already", "an open one", remedy))
        return _take_away(folder, manifest, begun)


def unseal(out: Path, *, identities: Sequence[str] = (), passphrase: str | None = None) -> Sealed:
    """Bring back the files of tier 0 that were sealed, each as it was, and take the sealed one away.

    Parameters
    ----------
    out
        Run folder.
    identities
        age private keys.
    passphrase
        The one it was sealed with.

    Raises
    ------
    InputError
        If there is no manifest, or the sealed file is gone.
    QualityGateError
        If it cannot be opened with these, or does not hold what was sealed.
    AltdevError
        If a run holds the folder, or nothing is sealed.
    """
    age = _age()
    require_manifest(out)
    folder = RunFolder(out)
    with folder.held():
        manifest = require_manifest(out)
        begun = open_seal(manifest)
        if begun is None:
            remedy = "name the folder of a sealed one"
            raise AltdevError(Problem(str(out), "a run that is not sealed", "a sealed one", remedy))
        if begun["act"] != "unsealing":
            keys = _identities(age, out, identities, passphrase)
            manifest = _bring_back(age, folder, manifest, keys)
        folder.remove({SEALED, SEALED_KEY})
        restored = replace(manifest, custody=manifest.custody[:-1])
        write_run_card(out, restored)
        folder.write_manifest(restored)
        files = strict_files(restored)
        return Sealed(files=tuple(files), size=sum(record.bytes for record in files.values()))


def _bring_back(age: Any, folder: RunFolder, manifest: Manifest, keys: list[Any]) -> Manifest:
    """Put the sealed files in their places and return the manifest that names them and the sealed file."""
    staging = folder.staging("unseal")
    steps = _decrypt(age, folder.path / SEALED, staging, keys)
    # Told as about to come, so that files in the open are never unknown, whenever this is killed
    coming = {name: replace(step, fingerprint="") for name, step in steps.items()}
    folder.write_manifest(replace(manifest, steps={**manifest.steps, **coming}))
    act = {**manifest.custody[-1], "act": "unsealing"}
    opened = replace(manifest, steps={**manifest.steps, **steps}, custody=(*manifest.custody[:-1], act))
    folder.publish(staging, strict_files(opened))
    folder.write_manifest(opened)
    return opened


def _require_sealable(out: Path, manifest: Manifest, files: Mapping[str, FileRecord]) -> None:
    if not files:
        raise AltdevError(Problem(str(out), "no file of tier 0", "a run with some", "run it first"))
    unfinished = [name for name, step in manifest.steps.items() if not step.is_done]
    if unfinished:
        found = f"step {unfinished[0]}, which was cut short"
        raise QualityGateError(Problem(str(out), found, "a run that is done", "run it again, then seal"))
    require_no_links(out, files)
    changed = [name for name, record in files.items() if not record.matches(out / name)]
    if changed:
        told = "a file that is missing or changed"
        raise QualityGateError(
            [Problem(str(out / name), told, "the one published", "run it again, then seal") for name in changed]
        )


def _encrypt(
    age: Any,
    folder: RunFolder,
    manifest: Manifest,
    files: Mapping[str, FileRecord],
    recipients: Sequence[str],
    passphrase: str | None,
) -> Manifest:
    """Write the sealed file and return the manifest that names it, which stands in the folder from then on."""
    out = folder.path
    keys = [age.x25519.Recipient.from_str(text) for text in recipients]
    if passphrase is not None:
        own = age.x25519.Identity.generate()
        with atomic(out / SEALED_KEY) as part:
            part.write_bytes(age.passphrase.encrypt(str(own).encode(), passphrase))
        keys.append(own.to_public())
    steps = Manifest(survey={}, versions={}, inputs={}, steps=strict_steps(manifest)).to_json().encode()
    with atomic(out / SEALED) as part, part.open("wb") as target, _piped(_packer(out, steps, files)) as packed:
        age.encrypt_io(packed, target, keys)
    record = FileRecord.of(out / SEALED)
    act = {
        "act": "sealing",
        "at": moment(),
        "made": max(step.finished for step in strict_steps(manifest).values()),
        "files": len(files),
        "bytes": sum(entry.bytes for entry in files.values()),
        "sealed_sha256": record.sha256,
        "sealed_bytes": record.bytes,
    }
    begun = replace(manifest, custody=(*manifest.custody, act))
    folder.write_manifest(begun)
    return begun


def _take_away(folder: RunFolder, manifest: Manifest, begun: Mapping[str, Any]) -> Sealed:
    """Remove the open files, when the sealed one is whole, and let the manifest forget them."""
    record = FileRecord(sha256=str(begun["sealed_sha256"]), bytes=int(begun["sealed_bytes"]))
    if not record.matches(folder.path / SEALED):
        found, remedy = "a sealed file that is missing or changed", "run the survey again with --no-resume"
        raise QualityGateError(Problem(str(folder.path / SEALED), found, "the one that was written", remedy))
    files = strict_files(manifest)
    require_no_links(folder.path, files)
    folder.remove(files)
    act = {**begun, "act": "sealed"}
    after = replace(without_strict(manifest), custody=(*manifest.custody[:-1], act))
    write_run_card(folder.path, after)
    folder.write_manifest(after)
    return Sealed(files=tuple(files), size=sum(entry.bytes for entry in files.values()))


def _identities(age: Any, out: Path, texts: Sequence[str], passphrase: str | None) -> list[Any]:
    """Return the private keys to try."""
    try:
        keys = [age.x25519.Identity.from_str(text.strip()) for text in texts]
    except age.IdentityError:
        expected = "one that begins with AGE-SECRET-KEY-1"
        raise SurveyFileError(Problem("--identity-file", "no age private key", expected)) from None
    if passphrase is None:
        return keys
    try:
        text = age.passphrase.decrypt((out / SEALED_KEY).read_bytes(), passphrase)
        return [*keys, age.x25519.Identity.from_str(text.decode())]
    except OSError as error:
        found = "no key that a pass phrase opens"
        remedy = "give --identity-file"
        raise InputError(Problem(str(out / SEALED_KEY), found, "the one sealed with a phrase", remedy)) from error
    except (age.DecryptError, age.IdentityError, UnicodeDecodeError):
        raise QualityGateError(
            Problem(str(out / SEALED_KEY), "another pass phrase", "the one it was sealed with", "try again")
        ) from None


def _decrypt(age: Any, sealed: Path, staging: Path, keys: list[Any]) -> dict[str, StepRecord]:
    """Write the sealed files into a staging folder and return their steps."""
    if not sealed.is_file():
        raise InputError(Problem(str(sealed), "no sealed file", "the one that was written", "bring it back"))

    def write(target: IO[bytes]) -> None:
        with sealed.open("rb") as source:
            age.decrypt_io(source, target, keys)

    try:
        with _piped(write) as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
            return _unpacked(archive, staging)
    except (age.DecryptError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, AltdevError):
            raise
        found = f"a file that these keys do not open, or that is not whole ({reason(error)[:80]})"
        remedy = "give the private key of a recipient, or the pass phrase"
        raise QualityGateError(Problem(str(sealed), found, "what was sealed", remedy)) from error
    except OSError as error:
        if error.errno is not None:
            raise cannot_write(staging, str(error.strerror)) from error
        found = "a file that is not whole"
        raise QualityGateError(Problem(str(sealed), found, "what was sealed", "bring back a whole copy")) from error


def _unpacked(archive: tarfile.TarFile, staging: Path) -> dict[str, StepRecord]:
    first = archive.next()
    content = archive.extractfile(first) if first is not None else None
    if first is None or content is None or first.name != _STEPS or first.size > _LARGEST_STEPS:
        raise ValueError("its steps are not told first")
    # Names that lead out of the run folder are refused on reading, as those of any manifest are
    steps = dict(Manifest.from_json(content.read().decode()).steps)
    expected = {name: record for step in steps.values() for name, record in step.outputs.items()}
    while (member := archive.next()) is not None:
        record = expected.pop(member.name)
        source = archive.extractfile(member)
        if source is None or not member.isreg() or member.size != record.bytes:
            raise ValueError("a file of another size or kind")
        path = staging / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        if not record.matches(path):
            raise ValueError("a file of other bytes")
    if any(not name.startswith("products/1/") and not name.startswith("products/2/") for name in expected):
        raise ValueError("files are missing")
    return steps


def _packer(out: Path, steps: bytes, files: Mapping[str, FileRecord]) -> Callable[[IO[bytes]], None]:
    def pack(target: IO[bytes]) -> None:
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(_member(_STEPS, len(steps)), BytesIO(steps))
            for name, record in files.items():
                with (out / name).open("rb") as source:
                    archive.addfile(_member(name, record.bytes), source)

    return pack


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


@contextmanager
def _piped(write: Callable[[IO[bytes]], None]) -> Iterator[IO[bytes]]:
    """Yield what a function writes, as it is written: nothing open is kept on the disk, nor all of it in memory."""
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def feed() -> None:
        try:
            with os.fdopen(writing, "wb") as target:
                write(target)
        except BrokenPipeError:
            pass  # the reader stopped, and says why
        except BaseException as error:  # noqa: BLE001  (raised again below, in the reader's thread)
            failed.append(error)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        with os.fdopen(reading, "rb") as source:
            yield source
            while source.read(_CHUNK):  # what follows the last member
                pass
    except BaseException:
        feeder.join()
        if failed:
            raise failed[0] from None
        raise
    feeder.join()
    if failed:
        raise failed[0]


def _text(file: Path, where: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        found = f"a file that cannot be read ({reason(error)})"
        raise InputError(Problem(f"{where} {file}", found, "a text file", "correct the path")) from error


def identities_of(file: Path) -> list[str]:
    """Return the private keys that a file holds, as age-keygen writes it.

    Raises
    ------
    InputError
        If the file cannot be read, or holds none.
    """
    lines = [line.strip() for line in _text(file, "--identity-file").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise InputError(Problem(str(file), "no private key", "a line that begins with AGE-SECRET-KEY-1"))
    return keys


def _age() -> Any:
    """Return the library, which is installed on request."""
    try:
        import pyrage
    except ImportError:
        remedy = "install it with: pip install 'altdev[encrypt]'"
        raise AltdevError(Problem("altdev", "no library for age", "pyrage", remedy)) from None
    return pyrage
