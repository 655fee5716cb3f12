"""`dragoman keys`: make, list and revoke API keys, and show what they used.

Only a new key and what was asked for go to standard output; a key is shown once and never logged.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from service.access.key_entries import MAX_LIMIT, KeyEntries, KeyEntry, hash_of, new_id, new_key
from service.access.key_file import change_key_file, read_key_file
from service.cli.report import table
from service.cli.terminal import (
    JsonOption,
    UsageError,
    console,
    errors_as_exit_codes,
    settings_with,
)
from service.errors import listing, show
from service.settings import Settings, checked_key

app = typer.Typer(
    name="keys",
    help="Make, list and revoke API keys, and show what they used.",
    no_args_is_help=True,
)


class ScopeName(StrEnum):
    """The scopes, as values of an option."""

    TRANSLATE = "translate"
    SUMMARIZE = "summarize"
    ADMIN = "admin"
    METRICS = "metrics"


FileOption = Annotated[
    Path | None, typer.Option(help="The keys file; DRAGOMAN_KEYS_FILE names it if unset.")
]
LimitOption = Annotated[
    int | None, typer.Option(min=1, max=MAX_LIMIT, help="Without limit if unset.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="As `list` shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Your own name for who gets the key.")],
    *,
    scope: Annotated[
        list[ScopeName] | None,
        typer.Option(help="What it may do; may be repeated [translate and summarize]."),
    ] = None,
    requests_per_minute: LimitOption = None,
    characters_per_minute: LimitOption = None,
    characters_per_month: LimitOption = None,
    keys_file: FileOption = None,
    stdin: Annotated[
        bool,
        typer.Option(
            "--stdin",
            help="Read the key from standard input, for a client that has one already. It must be "
            "random: whoever reads the file could find out a word.",
        ),
    ] = False,
) -> None:
    """Make a key and print it, this once: the file has its hash only."""
    with errors_as_exit_codes():
        path = _path_in(settings_with(keys_file=keys_file))
        key = _key_from_stdin() if stdin else new_key()

        def add(entries: KeyEntries) -> KeyEntries:
            entry = KeyEntry(
                id=new_id(),
                name=name,
                hash=hash_of(key, salt=entries.salt),
                scopes=tuple(each.value for each in dict.fromkeys(scope or _USUAL_SCOPES)),
                requests_per_minute=requests_per_minute,
                characters_per_minute=characters_per_minute,
                characters_per_month=characters_per_month,
                created=datetime.now(UTC).replace(microsecond=0),
            )
            return _with(entries, entry)

        try:
            made = change_key_file(path, add)
        except ValidationError as error:  # the options are checked, so it is about the name
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise UsageError(f"the name: {problem}") from None
        if not stdin:
            typer.echo(key)
        _say(f"{path} has the key of {_shown(made.keys[-1])}")


@app.command("list")
def list_keys(*, keys_file: FileOption = None, as_json: JsonOption = False) -> None:
    """List the keys: name, id, scopes, limits."""
    with errors_as_exit_codes():
        entries = read_key_file(_path_in(settings_with(keys_file=keys_file))).keys
        if as_json:
            records = (each.model_dump(mode="json", exclude={"hash"}) for each in entries)
            lines = [json.dumps(record, ensure_ascii=False) for record in records]
        else:
            lines = table([_row_of(each) for each in entries])
        _print(lines)


@app.command()
def revoke(name: NameArgument, *, keys_file: FileOption = None) -> None:
    """Revoke a key; a running service refuses it within two seconds."""
    with errors_as_exit_codes():
        path = _path_in(settings_with(keys_file=keys_file))
        entry = _found(read_key_file(path), name)
        change_key_file(path, lambda entries: entries.without(_found(entries, entry.id)))
        _say(f"{path} no longer has the key of {_shown(entry)}")


@app.command()
def usage(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME_OR_ID]", help="Every key if unset.")
    ] = None,
    *,
    keys_file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what keys used in this month, and how much they may."""
    from service.cli.key_usage import clients_in, record_of, row_of, usage_of

    with errors_as_exit_codes():
        settings = settings_with(keys_file=keys_file)
        if settings.api_keys is None:
            _path_in(settings)
        clients = clients_in(settings)
        asked = [client for client in clients if name in (None, client.name, client.id)]
        if name is not None and not asked:
            raise _unknown(name, [client.name for client in clients])
        used = usage_of(asked, settings)
        if as_json:
            lines = [json.dumps(record_of(each), ensure_ascii=False) for each in used]
        else:
            lines = table([row_of(each) for each in used])
        _print(lines)


_USUAL_SCOPES = (ScopeName.TRANSLATE, ScopeName.SUMMARIZE)


def _path_in(settings: Settings) -> Path:
    if settings.keys_file is None:
        raise UsageError("which keys file? Name it with --keys-file or in DRAGOMAN_KEYS_FILE")
    return settings.keys_file


def _key_from_stdin() -> str:
    """Return the key on the first line.

    Raises:
        UsageError: No header could carry it, or it is too short.
    """
    try:
        return checked_key(sys.stdin.readline())
    except ValueError as error:
        raise UsageError(f"the key {error}") from None


def _with(entries: KeyEntries, entry: KeyEntry) -> KeyEntries:
    """Return the entries and a new one.

    Raises:
        UsageError: Its name or its key is taken.
    """
    for each in entries.keys:
        if each.name == entry.name:
            raise UsageError(
                f"there is a key called {entry.name!r}; revoke it, or take another name"
            )
        if each.hash == entry.hash:
            raise UsageError(f"this is the key of {each.name!r} already")
    return entries.with_entry(entry)


def _found(entries: KeyEntries, name: str) -> KeyEntry:
    """Return the entry of that name or id.

    Raises:
        UsageError: There is none.
    """
    entry = entries.called(name)
    if entry is None:
        raise _unknown(name, [each.name for each in entries.keys])
    return entry


def _unknown(name: str, names: Sequence[str]) -> UsageError:
    return UsageError(f"no key is called {show(name)}; there are {listing(names)}")


def _row_of(entry: KeyEntry) -> tuple[str, ...]:
    """Return a row: name, id, day, scopes, limits."""
    limits = (
        ("requests a minute", entry.requests_per_minute),
        ("characters a minute", entry.characters_per_minute),
        ("characters a month", entry.characters_per_month),
    )
    shown = ", ".join(f"{limit} {what}" for what, limit in limits if limit is not None)
    return entry.name, entry.id, f"{entry.created:%Y-%m-%d}", " ".join(entry.scopes), shown


def _shown(entry: KeyEntry) -> str:
    return f"{entry.name} ({entry.id}): {', '.join(entry.scopes)}"


def _print(lines: Sequence[str]) -> None:
    if lines:
        typer.echo("\n".join(lines))


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)
