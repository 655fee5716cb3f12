"""Times a web page beside its plain text: `python -m loadtests.markup`.

The bundled translator runs in this process behind the whole HTTP application, without a socket.
Each round asks for the page as HTML, for its plain text, and for the page with its segments and
their word alignment. Every tag and comment of the page must be in its translation, once.

The event loop's thread does the service's own work, tokenizing and word alignment included; what
other threads compute is the model's. At the end reading and writing of the markup are timed alone:
the page is parsed and cut again, and put together from the segments and alignments of the last
answer, which must give the same translation.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from loadtests.pages import page, tags_of
from service.api.create import create_api
from service.catalogue.catalogue import load_catalogue
from service.hosting.local_backend import LocalBackend
from service.settings import Settings
from service.spans import Link, Span
from service.tasks.layout import lay_out
from service.telemetry.log import configure_logging
from service.text.edits import Edit, Edited
from service.text.markup.document import parse
from service.text.masking import outside
from service.text.protection.find import find_protected
from service.text.source_text import SourceText

Body = Mapping[str, Any]

_TIMEOUT_MS = 120_000
_PLAIN, _HTML, _ALIGNED = "text", "html", "html, aligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Medians over the rounds of one request.

    Attributes:
        request: The form of the page.
        num_characters: Of the request's text.
        seconds: From the request to the whole answer.
        over_text: Median of the seconds over those of the plain text in the same round.
        service_s: Processor time of the event loop's thread, the client included.
        model_s: Processor time of all other threads.
        output_tokens: Tokens that were generated.
    """

    request: str
    num_characters: int
    seconds: float
    over_text: float
    service_s: float
    model_s: float
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """The time that reading and writing the page's markup takes alone, in processor seconds."""

    parse_s: float
    cut_s: float
    place_s: float
    num_blocks: int
    num_segments: int
    num_with_tags: int  # segments with tags that are placed by alignment
    num_tags: int  # and comments


@dataclass(frozen=True, slots=True)
class _Answer:
    body: Mapping[str, Any]
    seconds: float
    service_s: float
    model_s: float

    @property
    def item(self) -> Mapping[str, Any]:
        return self.body["translations"][0]  # type: ignore[no-any-return]


def main(arguments: Sequence[str] | None = None) -> int:
    """Time all requests in turns, print both tables, and return the exit code."""
    options = _parser().parse_args(arguments)
    configure_logging(level="warning", fmt="console")
    settings = Settings(num_threads=options.threads)
    backend = LocalBackend(load_catalogue().models[:1], settings)  # the bundled translator
    try:
        timings, markup = asyncio.run(_measure(backend, settings, options))
    finally:
        backend.close()
    console = Console()
    console.print(_table(timings), _markup_table(markup))
    if options.json is not None:
        result = {"requests": [asdict(timing) for timing in timings], "markup": asdict(markup)}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


async def _measure(
    backend: LocalBackend, settings: Settings, options: argparse.Namespace
) -> tuple[list[Timing], Markup]:
    source = page(options.sections)
    bodies = _bodies(source, options)
    app = create_api(backend, settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://in-process",
            timeout=_TIMEOUT_MS / 1_000,
        ) as client,
    ):
        await _ask(client, _bodies(page(), options)[_HTML])
        rounds = [
            {form: await _ask(client, body) for form, body in bodies.items()}
            for _ in range(options.repeats)
        ]
    translation = rounds[-1][_HTML].item["text"]
    if tags_of(translation) != tags_of(source):
        raise AssertionError("the translation has other tags than the page")
    markup = await _markup(source, rounds[-1][_ALIGNED].item)
    if options.pages is not None:
        options.pages.mkdir(parents=True, exist_ok=True)
        (options.pages / "before.html").write_text(source, encoding="utf-8")
        (options.pages / "after.html").write_text(translation, encoding="utf-8")
    timings = [_timing(form, len(body["text"]), rounds) for form, body in bodies.items()]
    return timings, markup


def _bodies(source: str, options: argparse.Namespace) -> dict[str, Body]:
    languages = {"source_lang": "en", "target_lang": options.target, "timeout_ms": _TIMEOUT_MS}
    html = {"text": source, "format": "html", **languages}
    return {
        _PLAIN: {"text": parse(source, format="html").visible, **languages},
        _HTML: html,
        _ALIGNED: {**html, "return": ["segments", "alignment"]},
    }


async def _ask(client: httpx.AsyncClient, body: Body) -> _Answer:
    start, service_s, all_s = time.perf_counter(), time.thread_time(), time.process_time()
    answer = (await client.post("/v1/translate", json=body)).raise_for_status().json()
    seconds, service_s = time.perf_counter() - start, time.thread_time() - service_s
    return _Answer(answer, seconds, service_s, time.process_time() - all_s - service_s)


async def _markup(source: str, item: Mapping[str, Any]) -> Markup:
    """Read the page and write its translation again from an answer's segments and alignments."""
    start_s = time.thread_time()
    document = parse(source, format="html")
    parsed_s = time.thread_time()
    layout = await lay_out(source, markup=document, mode="sentences", language="en", fits=None)
    cut_s = time.thread_time()
    rendered = []
    for part, segment in zip(layout.sources, item["segments"], strict=True):
        edits, stop = [], 0
        for each in part.opaque:
            shown = part.text[each.start : each.stop]
            begin = segment["text"].index(shown, stop)
            stop = begin + len(shown)
            edits.append(Edit(begin, stop, each.replacement))
        marked = Edited.of(segment["text"], edits)
        links = [
            Link(Span(a, b), marked.to_result(Span(c, d)), weight)
            for a, b, c, d, weight in segment["alignment"]
        ]
        opaque = [marked.to_result(Span(edit.start, edit.stop)) for edit in edits]
        rendered.append(part.place(marked.text, links, opaque, _kept(part, marked.text)))
    translation = layout.document.reassemble(rendered)
    placed_s = time.thread_time()
    if translation != item["text"]:
        raise AssertionError("the segments and their alignments do not give the translation")
    return Markup(
        parse_s=parsed_s - start_s,
        cut_s=cut_s - parsed_s,
        place_s=placed_s - cut_s,
        num_blocks=len(document.blocks),
        num_segments=len(layout.sources),
        num_with_tags=sum(part.needs_links for part in layout.sources),
        num_tags=tags_of(source).total(),
    )


def _kept(part: SourceText, text: str) -> list[tuple[Span, Span]]:
    """Return the placeholders of a segment that are in its translation, in the same order."""
    kept, stop = [], 0
    for each in outside(find_protected(part.text, apart=part.tag_positions), part.opaque):
        begin = text.find(each.replacement, stop)
        if begin >= 0:
            stop = begin + len(each.replacement)
            kept.append((Span(each.start, each.stop), Span(begin, stop)))
    return kept


def _timing(form: str, num_characters: int, rounds: Sequence[Mapping[str, _Answer]]) -> Timing:
    answers = [each[form] for each in rounds]
    return Timing(
        request=form,
        num_characters=num_characters,
        seconds=statistics.median(each.seconds for each in answers),
        over_text=statistics.median(each[form].seconds / each[_PLAIN].seconds for each in rounds),
        service_s=statistics.median(each.service_s for each in answers),
        model_s=statistics.median(each.model_s for each in answers),
        output_tokens=answers[-1].body["usage"]["output_tokens"],
    )


def _table(timings: Sequence[Timing]) -> Table:
    table = Table(title="A page and its plain text")
    columns = ("size", "s", "over text", "size/s", "service, s", "model, s", "tokens")
    table.add_column("request")
    for column in columns:
        table.add_column(column, justify="right")
    for each in timings:
        table.add_row(
            each.request,
            f"{each.num_characters:,}",
            f"{each.seconds:.2f}",
            f"{each.over_text:.2f}",
            f"{each.num_characters / each.seconds:,.0f}",
            f"{each.service_s:.2f}",
            f"{each.model_s:.2f}",
            f"{each.output_tokens:,}",
        )
    return table


def _markup_table(markup: Markup) -> Table:
    table = Table(title="The page's markup alone")
    seconds = (markup.parse_s, markup.cut_s, markup.place_s)
    for column in ("parse, ms", "cut, ms", "place, ms", "blocks", "segments", "with tags", "tags"):
        table.add_column(column, justify="right")
    numbers = (markup.num_blocks, markup.num_segments, markup.num_with_tags, markup.num_tags)
    table.add_row(*(f"{each * 1_000:.0f}" for each in seconds), *(f"{each:,}" for each in numbers))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.markup",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--sections", type=int, default=20, help="of the page; 20 make 49 kB")
    parser.add_argument("--target", default="de")
    parser.add_argument("--repeats", type=int, default=5, help="rounds, of which the medians")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the tables to this file")
    parser.add_argument(
        "--pages", type=Path, help="write before.html and after.html to this folder"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
