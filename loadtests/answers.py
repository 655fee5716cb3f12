"""Checks of the service's answers: a wrong answer with status 200 is a failure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class WrongAnswerError(Exception):
    """An answer with a good status and a wrong content."""


class Consistency:
    """Check that a text gets the same answer every time, under any load."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def check(self, text: str, kind: str, answer: str) -> None:
        """Compare with the text's first answer of that kind (a language, a style).

        Raises:
            WrongAnswerError: They differ.
        """
        first = self._seen.setdefault((text, kind), answer)
        if first != answer:
            raise WrongAnswerError(f"{text!r} became {first!r} and later {answer!r}")


def targets(body: Any, *, source: str) -> list[str]:
    """Return the target languages that the service lists for a source language.

    Raises:
        WrongAnswerError: There are none.
    """
    found = [
        code for item in body["languages"] if item["code"] == source for code in item["targets"]
    ]
    if not found:
        raise WrongAnswerError(f"the service translates nothing from {source!r}")
    return found


def styles(body: Any) -> list[str]:
    """Return the styles of summary that the service lists; may be empty."""
    return [style for model in body["models"] for style in model["styles"]]


def refusal(status: int, text: str) -> str:
    """Return the status and the `error` of a response, without its other fields."""
    try:
        sentence = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        sentence = text[:200]
    return f"{status}: {sentence}"


def translations(body: Any, *, texts: Sequence[str]) -> list[str]:
    """Return the translations in a response object, one for each text of the request.

    Raises:
        WrongAnswerError: Something is missing, empty, cut, or too much.
    """
    return _answers(body, "translations", texts=texts)


def summary(body: Any, *, text: str) -> str:
    """Return the summary in the response object to a single text.

    Raises:
        WrongAnswerError: It is missing, empty, cut, or longer than the text.
    """
    (found,) = _answers(body, "summaries", texts=[text])
    if len(found) > len(text):
        raise WrongAnswerError(f"the summary of {text!r} is longer: {found!r}")
    return found


def _answers(body: Any, name: str, *, texts: Sequence[str]) -> list[str]:
    items = body.get(name) if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) != len(texts):
        raise WrongAnswerError(f"{len(texts)} {name} were asked for: {json.dumps(body)[:200]}")
    for source, item in zip(texts, items, strict=True):
        if not item["text"].strip():
            raise WrongAnswerError(f"{source!r} became an empty text")
        if item["truncated"]:
            raise WrongAnswerError(f"the answer to {source!r} was cut")
    if body["usage"]["output_tokens"] <= 0 or body["usage"]["input_characters"] <= 0:
        raise WrongAnswerError(f"usage counts nothing: {body['usage']}")
    return [item["text"] for item in items]


def sse_events(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield (name, object) of each server-sent event as it arrives; skip comments."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def streamed_text(events: Iterable[tuple[str, Any]], *, text: str) -> str:
    """Return the final translation of a streamed text, checked against its pieces.

    Raises:
        WrongAnswerError: The stream ended early or with an error, or its pieces, joined, are not
            the text that the last event has.
    """
    pieces: list[str] = []
    for name, body in events:
        if name in {"token", "segment"}:
            pieces.append(body["text"])
        elif name == "error":
            raise WrongAnswerError(f"the stream ended with: {body['error']}")
        elif name == "done":
            (whole,) = translations(body, texts=[text])
            if "".join(pieces) != whole:
                raise WrongAnswerError(f"the pieces {pieces} are not {whole!r}")
            return whole
    raise WrongAnswerError("the stream ended without `done`")
