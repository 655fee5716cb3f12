"""The command line: `python -m model.training translator train --data DIR --output DIR`."""

import logging

import typer

from model.errors import ModelError
from model.training.summarization import commands as summarization
from model.training.translation import commands as translation

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(translation.app, name="translator", help="From parallel text to a Marian checkpoint.")
app.add_typer(summarization.app, name="summarizer", help="From abstracts to a BART checkpoint.")


@app.callback()
def main() -> None:
    """Train the models that ship with the project, or your own."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


if __name__ == "__main__":
    try:
        app()
    except ModelError as error:
        raise SystemExit(f"error: {error}") from None
