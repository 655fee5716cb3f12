"""What makes an answer right: a fast wrong one is a failure, whatever its status."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


class WrongAnswerError(Exception):
    """An answer that arrived and is not what was asked for."""


class Consistency:
    """Remembers each text's answer: the same text must get the same one under any load."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def check(self, text: str, kind: str, answer: str) -> None:
        """Compares with what the first answer of that kind (a language, a style) was.

        Raises:
            WrongAnswerError: It was another one.
        """
        first = self._seen.setdefault((text, kind), answer)
        if first != answer:
            raise WrongAnswerError(f"{text!r} became {first!r} and later {answer!r}")


def targets(body: Any, *, source: str) -> list[str]:
    """The languages that a text of that language can be translated to, as the service lists them.

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
    """The styles of summary that the service's models offer, as it lists them; maybe none."""
    return [style for model in body["models"] for style in model["styles"]]


def refusal(status: int, text: str) -> str:
    """What an answer with an error status said, without what differs from request to request."""
    try:
        sentence = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        sentence = text[:200]
    return f"{status}: {sentence}"


def translations(body: Any, *, texts: Sequence[str]) -> list[str]:
    """The translated texts of a response object, one for each text asked for.

    Raises:
        WrongAnswerError: Something is missing, empty, cut, or too much.
    """
    return _answers(body, "translations", texts=texts)


def summary(body: Any, *, text: str) -> str:
    """The summary in a response object to a single text.

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
    """(name, object) of each server-sent event as it arrives; comments are skipped."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def streamed_text(events: Iterable[tuple[str, Any]], *, text: str) -> str:
    """The translation of a streamed single text, checked against the pieces that came before it.

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
