"""From a command's texts to its standard output, over engines in this process."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from io import TextIOWrapper

from service.backend import Backend
from service.bulk.answers import Answer, unlimited
from service.catalogue.catalogue import ModelEntry
from service.cli.choose import on_this_machine
from service.cli.terminal import console
from service.cli.texts import answer_in_order
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from service.telemetry.log import configure_logging

MakeAnswerer = Callable[[Backend, Settings], Callable[[str], Awaitable[Answer]]]


def answer_texts(
    entries: Sequence[ModelEntry],
    settings: Settings,
    make_answerer: MakeAnswerer,
    *,
    texts: Iterable[str],
    as_json: bool,
) -> None:
    """Load the models, print the answer of every text in order, and end the engines.

    Raises:
        HubError: A model cannot be downloaded.
        CatalogueError, CheckpointError: A model cannot be loaded.
        ApiError, ModelError: A text cannot be answered.
        CommandError: The texts cannot be read.
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
        asyncio.run(_answer(answerer, texts, as_json=as_json))
    finally:
        backend.close()


async def _answer(
    answerer: Callable[[str], Awaitable[Answer]], texts: Iterable[str], *, as_json: bool
) -> None:
    with console.status("0 answered") as status:
        num_answered = 0

        def write(answer: Answer) -> None:
            nonlocal num_answered
            num_answered += 1
            status.update(f"{num_answered} answered")
            line = json.dumps(_record(answer), ensure_ascii=False) if as_json else answer.text
            print(line, flush=True)  # noqa: T201 - what the command is for

        await answer_in_order(texts, answerer, write)


def _record(answer: Answer) -> dict[str, object]:
    return {**asdict(answer), "output_ids": list(answer.output_ids)}
