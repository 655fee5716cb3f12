"""Locust users that send single sentences, lists and paragraphs, read streams, ask for summaries.

Run by `make loadtest` against a service that is already running; see README.md.
"""

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import requests
from locust import HttpUser, between, events, task
from locust.env import Environment

from loadtests.answers import (
    Consistency,
    WrongAnswerError,
    refusal,
    sse_events,
    streamed_text,
    styles,
    summary,
    targets,
    translations,
)
from loadtests.corpus import one_abstract, one_sentence, paragraph, several_sentences

SOURCE_LANGUAGE = "en"  # of the corpus
_CONSISTENCY = Consistency()


@events.init.add_listener  # type: ignore[untyped-decorator]
def refuse_without_service(environment: Environment, **_: Any) -> None:
    """Stop at once, with one sentence, if no ready service listens at the host."""
    problem = _why_not_ready(environment.host) if environment.host else None
    if problem is not None:
        print(f"No load test: {problem}. Start the service with `make serve`, or set HOST.")
        raise SystemExit(2)


def _why_not_ready(host: str) -> str | None:
    try:
        response = requests.get(f"{host}/ready", timeout=5)
    except requests.RequestException:
        return f"nothing answers at {host}"
    return None if response.ok else f"the service at {host} is not ready ({response.status_code})"


class Reader(HttpUser):
    """User that waits a little between requests of all kinds."""

    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        self._random = Random()
        response = self.client.get("/v1/languages", name="languages")
        response.raise_for_status()
        self._targets = targets(response.json(), source=SOURCE_LANGUAGE)
        response = self.client.get("/v1/models", name="models")
        response.raise_for_status()
        self._styles = styles(response.json())

    @task(5)
    def translate_one(self) -> None:
        """Translate a single sentence, the most frequent request."""
        self._translate([one_sentence(self._random)], name="one sentence")

    @task(2)
    def translate_list(self) -> None:
        """Translate a list of sentences in one request."""
        self._translate(several_sentences(self._random), name="list of 2 to 8")

    @task(1)
    def translate_paragraph(self) -> None:
        """Translate several sentences in one text, which the service splits."""
        self._translate([paragraph(self._random)], name="paragraph of 5")

    @task(1)
    def summarize(self) -> None:
        """Summarize an abstract in any style; translate a sentence if there is no summarizer."""
        if not self._styles:
            self.translate_one()
            return
        text, style = one_abstract(self._random), self._random.choice(self._styles)
        with self.client.post(
            "/v1/summarize",
            json={"text": text, "style": style},
            name="summary",
            catch_response=True,
        ) as response:
            if not response.ok:
                response.failure(refusal(response.status_code, response.text))
                return
            try:
                _CONSISTENCY.check(text, style, summary(response.json(), text=text))
            except WrongAnswerError as wrong:
                response.failure(str(wrong))

    @task(2)
    def translate_streamed(self) -> None:
        """Translate a sentence as a stream."""
        text, target = one_sentence(self._random), self._random.choice(self._targets)
        body = {
            "text": text,
            "target_lang": target,
            "source_lang": SOURCE_LANGUAGE,
            "num_beams": 1,  # beam search has no token to stream before its end
            "stream": True,
        }
        start = time.perf_counter()
        with self.client.post(
            "/v1/translate", json=body, name="stream: headers", stream=True, catch_response=True
        ) as response:
            if not response.ok:
                response.failure(refusal(response.status_code, response.text))
                return
            lines = self._timed(response.iter_lines(decode_unicode=True), since=start)
            error: WrongAnswerError | None = None
            try:
                translation = streamed_text(sse_events(lines), text=text)
                _CONSISTENCY.check(text, f"{target}, streamed", translation)
            except WrongAnswerError as wrong:
                error = wrong
            self._record("stream: whole", since=start, error=error)

    def _translate(self, texts: list[str], *, name: str) -> None:
        target = self._random.choice(self._targets)
        body = {
            "text": texts if len(texts) > 1 else texts[0],
            "target_lang": target,
            "source_lang": SOURCE_LANGUAGE,
        }
        with self.client.post(
            "/v1/translate", json=body, name=name, catch_response=True
        ) as response:
            if not response.ok:
                response.failure(refusal(response.status_code, response.text))
                return
            try:
                for text, translation in zip(
                    texts, translations(response.json(), texts=texts), strict=True
                ):
                    _CONSISTENCY.check(text, target, translation)
            except WrongAnswerError as wrong:
                response.failure(str(wrong))

    def _timed(self, lines: Iterator[str], *, since: float) -> Iterator[str]:
        """Yield the lines; record the first event as an entry of its own."""
        is_first = True
        for line in lines:
            if is_first and line.startswith("data: "):
                self._record("stream: time to first token", since=since)
                is_first = False
            yield line

    def _record(self, name: str, *, since: float, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type="SSE",
            name=name,
            response_time=(time.perf_counter() - since) * 1000,
            response_length=0,
            exception=error,
            context={},
        )
