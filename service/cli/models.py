"""`dragoman models`: list, download, describe and check models."""

import json
from typing import Annotated, Any

import typer

from service.catalogue.catalogue import ModelEntry, load_catalogue
from service.cli.terminal import (
    CatalogueOption,
    DtypeOption,
    JsonOption,
    UsageError,
    console,
    errors_as_exit_codes,
    settings_with,
)
from service.settings import Settings
from service.sources.locate import origin_of
from service.telemetry.log import configure_logging

app = typer.Typer(
    name="models",
    help="List, download, describe and check models; without a command, list them.",
    invoke_without_command=True,
)

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A name in the catalogue, a folder, or a hub's OWNER/NAME[@REVISION].",
    ),
]


@app.callback()
def models(
    context: typer.Context, catalogue: CatalogueOption = None, *, as_json: JsonOption = False
) -> None:
    """List, download, describe and check models; without a command, list them."""
    if context.invoked_subcommand is None:
        list_models(catalogue, as_json=as_json)
    elif catalogue is not None or as_json:
        with errors_as_exit_codes():
            raise UsageError(f"options go behind `{context.invoked_subcommand}`")


@app.command("list")
def list_models(catalogue: CatalogueOption = None, *, as_json: JsonOption = False) -> None:
    """List the models of the catalogue, and where they are."""
    from service.cli.listing import record_of, row_of
    from service.cli.report import table

    with errors_as_exit_codes():
        settings = settings_with(catalogue=catalogue)
        entries = load_catalogue(settings.catalogue).models
        if as_json:
            lines = [_json(record_of(entry, settings)) for entry in entries]
        else:
            lines = table([row_of(entry, settings) for entry in entries])
        typer.echo("\n".join(lines))


@app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Names in the catalogue, or a hub's OWNER/NAME[@REVISION]; without any, every "
            "model of the catalogue that is on a hub.",
        ),
    ] = None,
    *,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download models from a hub; prints commit, folder, bytes."""
    from service.cli.choose import source_of
    from service.cli.listing import line_of, record_of_download

    with errors_as_exit_codes():
        settings = _settings(catalogue=catalogue)
        entries = _entries_to_pull(settings, names or [])
        if not entries:
            console.print("No model of the catalogue is on a hub: there is nothing to download.")
        for entry in entries:
            source = source_of(entry, settings, is_newest=True)
            record = record_of_download(entry.name, source)
            typer.echo(_json(record) if as_json else line_of(record))
            if source.revision != entry.revision:
                hint = f"{entry.name}: `revision: {source.revision}` in the catalogue pins it"
                console.print(hint, markup=False, soft_wrap=True)


@app.command()
def info(
    name: NameArgument, *, catalogue: CatalogueOption = None, as_json: JsonOption = False
) -> None:
    """Describe a model on this machine, without loading it."""
    from service.cli.choose import source_here
    from service.cli.description import describe, rows_of
    from service.cli.report import columns

    with errors_as_exit_codes():
        settings = _settings(catalogue=catalogue)
        entry = _entry(settings, name, task="summarization")
        description = describe(entry.name, source_here(entry, settings))
        typer.echo(_json(description) if as_json else columns(rows_of(description)))


@app.command()
def check(
    name: NameArgument,
    *,
    source: Annotated[str | None, typer.Option("--from", help="Language of the text.")] = None,
    to: Annotated[str | None, typer.Option(help="Language of the answer.")] = None,
    text: Annotated[str | None, typer.Option(help="What to try; a sentence if unset.")] = None,
    seconds: Annotated[
        float, typer.Option(min=0, max=3_600, help="How long to measure the speed.")
    ] = 3.0,
    dtype: DtypeOption = None,
    catalogue: CatalogueOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a model: hashes, shapes, an answer, memory, speed.

    What the catalogue does not describe is tried as a translator with --from and --to, and as a
    summarizer without.
    """
    from service.cli.check import Trial, check_model, rows_of
    from service.cli.report import columns

    with errors_as_exit_codes():
        if (source is None) != (to is None):
            given, needed = ("--to", "--from") if source is None else ("--from", "--to")
            raise UsageError(f"{given} is given, so {needed} is needed")
        settings = _settings(catalogue=catalogue)
        offers = {"task": "summarization"} if to is None else _pair(source, to)
        entry = _entry(settings, name, **offers)
        if dtype is not None:
            entry = entry.model_copy(update={"dtype": dtype.value})
        trial = Trial(source=source, target=to, text=text, seconds=seconds)
        report = check_model(entry, settings, trial)
        typer.echo(_json(report) if as_json else columns(rows_of(report)))


def _settings(**options: Any) -> Settings:
    """Return the settings and configure logging, which reports downloads."""
    settings = settings_with(**options)
    configure_logging(level=settings.log_level, fmt=settings.log_format)
    return settings


def _entry(settings: Settings, name: str, **offers: object) -> ModelEntry:
    """Return the entry of a model; `offers` are the fields of one that is not in the catalogue."""
    from service.cli.choose import entry_of, undescribed

    catalogue = load_catalogue(settings.catalogue)
    return entry_of(catalogue, name) or undescribed(catalogue, name, **offers)


def _entries_to_pull(settings: Settings, names: list[str]) -> list[ModelEntry]:
    if names:
        return [_entry(settings, name, task="summarization") for name in names]
    entries = load_catalogue(settings.catalogue).models
    return [entry for entry in entries if origin_of(entry.path) == "hub"]


def _pair(source: str | None, target: str) -> dict[str, object]:
    return {"task": "translation", "pairs": [(source, target)]}


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)
