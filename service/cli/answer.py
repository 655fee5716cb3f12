"""From a command's texts to its standard output, over engines in this process."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from io import TextIOWrapper

from model.errors import InputTooLongError
from service.backend import Backend
from service.bulk.answers import Answer, unlimited
from service.catalogue.catalogue import ModelEntry
from service.cli.choose import on_this_machine
from service.cli.terminal import CommandError, console
from service.cli.texts import NotUtf8Error, answer_in_order
from service.errors import DetectedPairError, LanguageNotServedError
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from service.telemetry.log import configure_logging

# Errors of one text, which leave the others as they are.
_TEXT_ERRORS = (NotUtf8Error, LanguageNotServedError, DetectedPairError, InputTooLongError)

MakeAnswerer = Callable[[Backend, Settings], Callable[[str], Awaitable[Answer]]]


def answer_texts(
    entries: Sequence[ModelEntry],
    settings: Settings,
    make_answerer: MakeAnswerer,
    *,
    texts: Iterable[str | NotUtf8Error],
    by_line: bool,
    as_json: bool,
) -> None:
    """Load the models, print the answer of every text in order, and end the engines.

    With `by_line`, a text that cannot be answered has an empty line (with `as_json`, an object with
    its `error`), so that answers stay beside their lines, and the command fails at the end.

    Raises:
        HubError: A model cannot be downloaded.
        CatalogueError, CheckpointError: A model cannot be loaded.
        ApiError, ModelError: A text cannot be answered.
        CommandError: The texts cannot be read, or some lines had no answer.
    """
    configure_logging(level="warning", fmt="console")
    logging.getLogger("service.sources.hub").setLevel(logging.INFO)  # a download may take long
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    entries = on_this_machine(entries, settings)
    with console.status("Loading the model ..."):
        settings = unlimited(settings)
        cold = [entry.model_copy(update={"warm_up": False}) for entry in entries]
        backend = LocalBackend(cold, settings)
    try:
        answerer = make_answerer(backend, settings)
        asyncio.run(_answer(answerer, texts, by_line=by_line, as_json=as_json))
    finally:
        backend.close()


async def _answer(
    answerer: Callable[[str], Awaitable[Answer]],
    texts: Iterable[str | NotUtf8Error],
    *,
    by_line: bool,
    as_json: bool,
) -> None:
    with console.status("0 answered") as status:
        num_answered = num_refused = 0

        async def answer(text: str | NotUtf8Error) -> Answer | Exception:
            try:
                if isinstance(text, NotUtf8Error):
                    raise text
                return await answerer(text)
            except _TEXT_ERRORS as error:
                if not by_line:
                    raise
                return error

        def write(found: Answer | Exception) -> None:
            nonlocal num_answered, num_refused
            num_answered += 1
            status.update(f"{num_answered} answered")
            if isinstance(found, Exception):
                num_refused += 1
                message = f"dragoman: line {num_answered}: {found}"
                console.print(message, style="red", markup=False, soft_wrap=True)
            print(_line_of(found, as_json=as_json), flush=True)  # noqa: T201 - what it is for

        await answer_in_order(texts, answer, write)
    if num_refused:
        raise CommandError(f"{num_refused} of {num_answered} lines have no answer")


def _line_of(found: Answer | Exception, *, as_json: bool) -> str:
    if not as_json:
        return "" if isinstance(found, Exception) else found.text
    return json.dumps(_record(found), ensure_ascii=False)


def _record(found: Answer | Exception) -> dict[str, object]:
    if isinstance(found, Exception):
        return {"text": None, "error": str(found)}
    return {**asdict(found), "output_ids": list(found.output_ids)}
