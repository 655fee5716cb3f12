"""Check that a model loads, has the files it should have, and answers: `dragoman models check`."""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from model.engine.params import Priority
from model.errors import EngineStoppedError, UnsupportedTaskError
from model.tokenizer.prompt import Summarization, Task, Translation
from service.backend import FinishedEvent, GenerateRequest, ModelInfo, ParamOverrides
from service.catalogue.catalogue import ModelEntry
from service.cli.choose import source_of
from service.cli.hashes import FileHash, hashes_of
from service.cli.report import size, wrapped
from service.cli.terminal import CommandError, console
from service.deadline import Deadline
from service.hosting.model_host import ModelHost
from service.settings import Settings
from service.sources.locate import ModelSource
from service.text.languages import base_code

SEGMENTS_AT_ONCE = 8
MAX_NEW_TOKENS = 64  # of each, so that a large model's round ends within the time, or soon after
TIMEOUT_MS = 3_600_000

_SENTENCES = {
    "ar": "متى يغادر القطار التالي؟",
    "de": "Wann fährt der nächste Zug?",
    "en": "When does the next train leave?",
    "es": "¿Cuándo sale el próximo tren?",
    "fr": "Quand part le prochain train ?",
    "hi": "अगली ट्रेन कब जाती है?",
    "it": "Quando parte il prossimo treno?",
    "ja": "次の電車は何時に出ますか。",
    "ko": "다음 기차는 언제 출발하나요?",
    "nl": "Wanneer vertrekt de volgende trein?",
    "pl": "O której odjeżdża następny pociąg?",
    "pt": "Quando parte o próximo trem?",
    "ru": "Когда отправляется следующий поезд?",
    "tr": "Bir sonraki tren saat kaçta?",
    "uk": "Коли відправляється наступний поїзд?",
    "zh": "下一班火车什么时候开?",
}
_PARAGRAPH = (
    "Weather forecasts for small islands are often wrong because weather stations are rare at sea. "
    "We present a neural network that learns local forecasts from the reports of fishing boats. On "
    "twelve islands it predicts wind and rain more accurately than the national weather service, "
    "and it runs on an ordinary laptop. We publish the code and the data of three years."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A trial: languages, text and time to try a model with.

    Attributes:
        source, target: Languages; None leaves them to what the model is offered for.
        text: What to give it; None is a sentence, or a paragraph, made for this.
        seconds: How long to measure its speed.
    """

    source: str | None = None
    target: str | None = None
    text: str | None = None
    seconds: float = 3.0

    def task(self, info: ModelInfo) -> Task:
        """Return the task to try; by default a common pair, or the first style."""
        if self.target is not None:
            return Translation(self.target, self.source)
        usual = (("en", code) for code in ("de", "fr", "es", *_SENTENCES))
        pair = next((p for p in usual if p in info.pairs), next(iter(info.pairs), None))
        if pair is None:
            return Summarization(next(iter(info.styles), None))
        return Translation(pair[1], pair[0])

    def text_for(self, task: Task) -> str:
        """Return the text to translate or summarize."""
        if self.text is not None:
            return self.text
        if isinstance(task, Summarization):
            return _PARAGRAPH
        code = base_code(task.source_lang or "en") or "en"
        return _SENTENCES.get(code, _SENTENCES["en"])


def check_model(entry: ModelEntry, settings: Settings, trial: Trial) -> dict[str, Any]:
    """Check the files' hashes, load the model, have it answer, and return a report of it all.

    Raises:
        HubError, ModelError, CommandError: What is wrong.
    """
    source = source_of(entry, settings)
    hashes = check_hashes(source, entry.sha256)
    found = {
        "model": entry.name,
        "origin": source.origin,
        "revision": source.revision,
        "folder": str(source.folder),
        "hashes": [asdict(one) for one in hashes],
    }
    pinned = entry.model_copy(update={"revision": source.revision})
    return found | try_model(pinned, settings, trial)


def check_hashes(source: ModelSource, catalogue: Mapping[str, str]) -> list[FileHash]:
    """Return the hashes of a model's files, after checking them.

    Raises:
        CommandError: A file is not what it should be; names all that are not.
    """
    with console.status("Reading the files ..."):
        hashes = hashes_of(source.folder, catalogue)
    wrong = [one for one in hashes if one.is_wrong]
    if wrong:
        lines = (
            f"{one.file}: its hash is {one.hash}, but {one.authority} has {one.expected}"
            for one in wrong
        )
        remedy = "; delete the folder and pull it again" if source.origin == "hub" else ""
        raise CommandError(
            f"{source.folder} does not hold what it should{remedy}:\n  " + "\n  ".join(lines)
        )
    return hashes


def try_model(entry: ModelEntry, settings: Settings, trial: Trial) -> dict[str, Any]:
    """Load a model, have it answer, and return the measurements of both.

    Raises:
        ModelError: It cannot be loaded, with all that does not fit, or cannot answer.
    """
    before = peak_bytes()
    begin_s = time.perf_counter()
    with console.status("Loading the model ..."):
        host = ModelHost(entry, settings)
    load_s = time.perf_counter() - begin_s
    try:
        with console.status("Trying the model ..."):
            answer = asyncio.run(_try(host, trial))
    finally:
        host.stop()
    return {
        "family": host.info.family,
        "parameters": host.info.num_parameters,
        "dtype": host.info.dtype,
        "dtype_reason": host.dtype_reason,
        "quantize": host.info.quantize,
        "device": host.info.device,
        "kernels": host.info.kernels,
        "load_s": round(load_s, 3),
        **answer,
        "weights_bytes": host.info.weights_bytes,
        "peak_bytes": peak_bytes(),
        "peak_bytes_before": before,
    }


def peak_bytes() -> int:
    """Return the most memory that this process has had so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1_024


async def _try(host: ModelHost, trial: Trial) -> dict[str, Any]:
    task = trial.task(host.info)
    text = trial.text_for(task)
    try:
        first = await _answer(host, text, task)  # also warms everything up
    except UnsupportedTaskError as error:
        hint = "; --from and --to name languages" if trial.target is None else ""
        raise CommandError(f"{error}{hint}") from error
    num_tokens, begin_s, elapsed_s = 0, time.perf_counter(), 0.0
    while elapsed_s < trial.seconds:
        same = (_answer(host, text, task) for _ in range(SEGMENTS_AT_ONCE))
        num_tokens += sum([answer.output_tokens for answer in await asyncio.gather(*same)])
        elapsed_s = time.perf_counter() - begin_s
    return {
        "task": {type(task).__name__.lower(): asdict(task)},
        "text": text,
        "answer": first.outputs[0].text,
        "output_tokens": first.output_tokens,
        "num_beams": host.info.default_num_beams,
        "tokens_per_s": round(num_tokens / elapsed_s, 1) if elapsed_s else None,
    }


async def _answer(host: ModelHost, text: str, task: Task) -> FinishedEvent:
    request = GenerateRequest(
        request_id="check",
        model=host.info.handle,
        text=text,
        task=task,
        deadline=Deadline.after(TIMEOUT_MS),
        overrides=ParamOverrides(max_new_tokens=min(MAX_NEW_TOKENS, host.info.max_new_tokens)),
        priority=Priority.BULK,
    )
    async with aclosing(host.generate(request)) as events:
        async for event in events:
            if isinstance(event, FinishedEvent):
                return event
    raise EngineStoppedError("the engine ended a request without an answer")


def rows_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield title and text of each line of the report, for people."""
    revision = report["revision"]
    yield "model", report["model"] + (f" at {revision}" if revision else "")
    yield "folder", f"{report['folder']} ({report['origin']})"
    for one in report["hashes"]:
        authority = one["authority"]
        by = f"as {authority} has it" if authority else "nothing to compare it with"
        yield "hashes", f"{one['hash']}  {one['file']} ({by})"
    yield "family", f"{report['family']}, {report['parameters']:,} parameters: all found, all fit"
    where = f"{report['device']}, kernels: {report['kernels']}"
    yield "loaded", f"in {report['load_s']} s, {_precision(report)} on {where}"
    if report["dtype_reason"]:
        yield "dtype", report["dtype_reason"]
    yield "task", _task_name(report["task"])
    for title in ("text", "answer"):
        yield from ((title, line) for line in wrapped(report[title]))
    if report["tokens_per_s"] is not None:
        beams = f", {report['num_beams']} beams each" if report["num_beams"] > 1 else ""
        how = f"{SEGMENTS_AT_ONCE} texts at once{beams}"
        yield "speed", f"{report['tokens_per_s']:,.0f} tokens a second ({how})"
    before = size(report["peak_bytes_before"])
    yield "memory", f"weights {size(report['weights_bytes'])}"
    yield "memory", f"process {size(report['peak_bytes'])} at most, {before} before it was loaded"


def _precision(report: Mapping[str, Any]) -> str:
    """Return the types of the stored weights and of the computation, in words."""
    quantize, dtype = report["quantize"], report["dtype"]
    return f"as {dtype}" if quantize is None else f"as {quantize}, computing in {dtype}"


def _task_name(task: Mapping[str, Mapping[str, str | None]]) -> str:
    """`{"translation": {"target_lang": "de", "source_lang": "en"}}` as `translation, en to de`."""
    ((name, details),) = task.items()
    if name == "translation":
        return f"{name}, {details['source_lang']} to {details['target_lang']}"
    style = details["style"]
    return name if style is None else f"{name}, {style}"
