"""`altdev purge`, `altdev seal` and `altdev unseal` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["COMMANDS", "purge", "seal", "unseal"]

_FOLDER = click.argument("out", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_FILE = click.Path(path_type=Path)


@click.command()
@_FOLDER
@click.option("--older-than", type=click.FloatRange(0), metavar="DAYS", help="Only what is older than this.")
@click.option("--dry-run", is_flag=True, help="List what would go, and remove nothing.")
@_JSON
def purge(out: Path, *, older_than: float | None, dry_run: bool, as_json: bool) -> int:
    """Remove a run's field files (tier 0), and what its manifest says of them.

    OUT is a run folder. Products for the programme and the public (products/1, products/2) stay and still verify;
    the inputs and the survey file are not touched, so that the run can be made again.
    """
    from monitor.custody.purge import purge as remove

    found = remove(_run_folder(out), older_than_days=older_than, dry_run=dry_run)
    goes = bool(found.files) and not found.too_young
    if as_json:
        told = {
            "removed" if goes and not dry_run else "would_be_removed": list(found.files) if goes else [],
            "bytes": found.size if goes else 0,
            "kept_until_older": found.too_young or None,
            "left_alone": list(found.left),
        }
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    if found.too_young:
        click.echo(f"{out}: kept, since its last field file was made at {found.too_young}")
    elif not found.files:
        click.echo(f"{out}: no field files")
    elif dry_run:
        for name in found.files:
            click.echo(name)
        click.echo(f"{out}: {len(found.files)} field files ({_size(found.size)}) would be removed")
    else:
        click.echo(f"{out}: {len(found.files)} field files ({_size(found.size)}) removed")
    for name in found.left:
        click.echo(f"left alone, since no run made it: {name}", err=True)
    return 0


@click.command()
@_FOLDER
@click.option("--recipient", "recipients", multiple=True, help="age public key (age1...); may be repeated.")
@click.option("--recipients-file", type=_FILE, help="File with one age public key a line.")
@click.option("--passphrase-file", type=_FILE, help="File whose first line is a pass phrase.")
@_JSON
def seal(
    out: Path,
    *,
    recipients: tuple[str, ...],
    recipients_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> int:
    """Encrypt a run's field files (tier 0) into sealed.age, and take the open ones away.

    Give the public keys of those who may open it, or a pass phrase. Without the key or the phrase nobody can:
    keep it in another place than the folder.
    """
    from monitor.custody.seal import passphrase_of, recipients_of
    from monitor.custody.seal import seal as lock

    keys = recipients_of(recipients, recipients_file)
    phrase = None if passphrase_file is None else passphrase_of(passphrase_file)
    _require_one(bool(keys), phrase is not None, "--recipient, --recipients-file or --passphrase-file")
    done = lock(_run_folder(out), recipients=keys, passphrase=phrase)
    _tell(out, "sealed", done, as_json=as_json)
    return 0


@click.command()
@_FOLDER
@click.option("--identity-file", type=_FILE, help="File with an age private key, as age-keygen writes it.")
@click.option("--passphrase-file", type=_FILE, help="File whose first line is the pass phrase.")
@_JSON
def unseal(out: Path, *, identity_file: Path | None, passphrase_file: Path | None, as_json: bool) -> int:
    """Bring back the field files of a sealed run, each as it was."""
    from monitor.custody.seal import identities_of, passphrase_of
    from monitor.custody.seal import unseal as unlock

    keys = [] if identity_file is None else identities_of(identity_file)
    phrase = None if passphrase_file is None else passphrase_of(passphrase_file)
    _require_one(bool(keys), phrase is not None, "--identity-file or --passphrase-file")
    done = unlock(_run_folder(out), identities=keys, passphrase=phrase)
    _tell(out, "unsealed", done, as_json=as_json)
    return 0


COMMANDS = (purge, seal, unseal)
"""All of them, for the command line."""


def _run_folder(given: Path) -> Path:
    """Return the run folder that a path means: itself, or that of a survey file."""
    return given.resolve().parent / "run" if given.suffix == ".toml" else given


def _require_one(by_key: bool, by_phrase: bool, flags: str) -> None:
    if by_key == by_phrase:
        from geo.errors import Problem, SurveyFileError

        found = "keys and a pass phrase" if by_key else "neither a key nor a pass phrase"
        raise SurveyFileError(Problem(flags, found, "one of the two", "see 'altdev seal --help'"))


def _tell(out: Path, verb: str, done: Any, *, as_json: bool) -> None:
    if as_json:
        told = {"out": str(out), verb: list(done.files), "bytes": done.size}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        click.echo(f"{out}: {len(done.files)} field files ({_size(done.size)}) {verb}")


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
