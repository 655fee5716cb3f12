"""The command `dragoman`. Its answers go to standard output, everything else to standard error."""

from functools import partial
from typing import Annotated

import typer

from service.catalogue.catalogue import load_catalogue
from service.cli import keys, models
from service.cli.terminal import (
    CatalogueOption,
    CommandError,
    DtypeOption,
    JsonOption,
    console,
    errors_as_exit_codes,
    settings_with,
)

# A command imports what it alone needs when it runs, so that `dragoman --help` is quick and Ray is
# imported only once its environment is set.

app = typer.Typer(
    name="dragoman",
    help="Translate and summarize, over HTTP or right here.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(models.app)
app.add_typer(keys.app)


ModelOption = Annotated[
    str | None,
    typer.Option(
        help="A model's name in the catalogue, a folder with a checkpoint, or a hub's "
        "OWNER/NAME[@REVISION]."
    ),
]
BeamsOption = Annotated[
    int | None, typer.Option(help="Beams of the search; the model's own if unset.")
]
NoSplitOption = Annotated[
    bool, typer.Option("--no-split", help="Give a text to the model as it is.")
]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port [8000].")] = None,
    replicas: Annotated[int | None, typer.Option(help="Engine processes [1].")] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of each [the cores, shared out].")
    ] = None,
    catalogue: CatalogueOption = None,
    *,
    insecure: Annotated[
        bool | None,
        typer.Option("--insecure", help="Answer anybody, also where --host lets others in."),
    ] = None,
) -> None:
    """Serve the API until Ctrl-C. Options not given come from DRAGOMAN_* variables."""
    from service.cli.serve import run

    with errors_as_exit_codes():
        settings = settings_with(
            host=host,
            port=port,
            num_replicas=replicas,
            num_threads=threads,
            catalogue=catalogue,
            insecure=insecure,
        )
        run(settings, console=console, announce=typer.echo)


@app.command()
def translate(
    text: Annotated[
        str | None, typer.Argument(help="The text; without it, each line of standard input.")
    ] = None,
    *,
    to: Annotated[str, typer.Option(help="Language of the answer, such as de.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Language of the text; detected if unset.")
    ] = None,
    model: ModelOption = None,
    catalogue: CatalogueOption = None,
    num_beams: BeamsOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
    no_split: NoSplitOption = False,
) -> None:
    """Translate a text, or each line of standard input, without a server."""
    from service.backend import ParamOverrides
    from service.bulk.answers import BulkOptions, BulkTranslator
    from service.cli.answer import answer_texts
    from service.cli.choose import models_to_translate
    from service.cli.texts import texts_of_file

    with errors_as_exit_codes():
        settings = settings_with(catalogue=catalogue, dtype=dtype)
        entries = models_to_translate(
            load_catalogue(settings.catalogue), name=model, target=to, source=source
        )
        options = BulkOptions(
            model=entries[0].name if model else None,
            overrides=ParamOverrides(num_beams=num_beams),
            verbatim=no_split,
        )
        answer_texts(
            entries,
            settings,
            partial(BulkTranslator, options=options, target=to, source=source),
            texts=texts_of_file("-", by_line=True) if text is None else [text],
            by_line=text is None,
            as_json=as_json,
        )


@app.command()
def summarize(
    file: Annotated[str, typer.Argument(help="A text file; `-` is standard input.")] = "-",
    *,
    style: Annotated[
        str | None, typer.Option(help="A style of the model; its first if unset.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line is a text of its own.")] = False,
    model: ModelOption = None,
    catalogue: CatalogueOption = None,
    num_beams: BeamsOption = None,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
    no_split: NoSplitOption = False,
) -> None:
    """Summarize a text file, or standard input, without a server."""
    from service.backend import ParamOverrides
    from service.bulk.answers import BulkOptions, BulkSummarizer
    from service.cli.answer import answer_texts
    from service.cli.choose import models_to_summarize
    from service.cli.texts import texts_of_file

    with errors_as_exit_codes():
        settings = settings_with(catalogue=catalogue, dtype=dtype)
        entries = models_to_summarize(load_catalogue(settings.catalogue), name=model, style=style)
        options = BulkOptions(
            model=entries[0].name if model else None,
            overrides=ParamOverrides(num_beams=num_beams),
            verbatim=no_split,
        )
        answer_texts(
            entries,
            settings,
            partial(BulkSummarizer, options=options, style=style),
            texts=texts_of_file(file, by_line=lines),
            by_line=lines,
            as_json=as_json,
        )


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def train(context: typer.Context) -> None:
    """Train a model; `dragoman train --help` lists what it takes."""
    with errors_as_exit_codes():
        try:
            from model.training.__main__ import app as training
        except ModuleNotFoundError as error:
            raise CommandError(f"{error}; `pip install -e '.[train]'` brings it") from None
        training(args=context.args, prog_name="dragoman train")


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
