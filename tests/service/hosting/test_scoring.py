"""Scores of given outputs from checkpoints on disk: tokens with their places, and refusals."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from model.errors import (
    DeadlineExceededError,
    InputTooLongError,
    InvalidParamsError,
    OutputTooLongError,
    UnsupportedTaskError,
)
from model.load import load_model
from model.tokenizer.prompt import Summarization, Translation
from service.api.create import create_api
from service.backend import FinishedEvent, GenerateRequest
from service.catalogue.catalogue import ModelEntry
from service.deadline import Deadline
from service.errors import ModelNotFoundError
from service.hosting.local_backend import LocalBackend
from service.scores import Scored, ScoreRequest
from service.spans import Span
from tests.support.checkpoints.tiny_models import (
    SETTINGS,
    SUMMARIZER,
    TEXT,
    TRANSLATOR,
    make_request,
    tiny_entry,
    write_tiny_models,
)

BUNDLED_TRANSLATOR = {
    "name": TRANSLATOR,
    "path": "bundled/translate",
    "task": "translation",
    "pairs": ["en-de"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def backend(folders: dict[str, Path]) -> Iterator[LocalBackend]:
    served = LocalBackend([tiny_entry(folders), tiny_entry(folders, SUMMARIZER)], SETTINGS)
    yield served
    served.close()


def make_score_request(
    output: str | tuple[int, ...], text: str = TEXT, *, timeout_ms: float = 30_000, **changes: Any
) -> ScoreRequest:
    """Return a request for the score of a translation; `changes` are its fields."""
    model = changes.setdefault("model", TRANSLATOR)
    changes.setdefault("task", Summarization() if model == SUMMARIZER else Translation("de", "en"))
    deadline = Deadline.after(timeout_ms)
    return ScoreRequest(request_id="r", text=text, output=output, deadline=deadline, **changes)


async def last_of(backend: LocalBackend, request: GenerateRequest) -> FinishedEvent:
    *_, last = [event async for event in backend.generate(request)]
    assert isinstance(last, FinishedEvent)
    return last


@pytest.mark.parametrize("model", [TRANSLATOR, SUMMARIZER])
@pytest.mark.parametrize("num_beams", [1, 4])
async def test_an_answer_given_back_has_the_score_that_it_came_with(
    backend: LocalBackend, model: str, num_beams: int
) -> None:
    num_compared = 0
    for words in range(1, 5):
        text = "The quick brown fox jumps"[: 6 * words]
        for seed in [None] if num_beams > 1 else range(8):
            request = make_request(
                text, model=model, num_beams=num_beams, seed=seed, return_scores=True
            )
            answer = await last_of(backend, request)
            (output,) = answer.outputs
            scored = await backend.score(make_score_request(output.token_ids, text, model=model))
            assert scored.text == output.text
            assert scored.input_tokens == answer.input_tokens
            log_probs = [token.logprob for token in scored.tokens]
            if answer.truncated:  # the translator writes no end then, the summarizer is forced to
                log_probs = log_probs[:-1] + [0.0] * (model == SUMMARIZER)
            if len(log_probs) == answer.output_tokens:  # or it had a special token within
                num_compared += 1
                score = sum(log_probs) / len(log_probs)
                assert score == pytest.approx(output.score, abs=1e-4)
    assert num_compared > 0


async def test_the_tokens_of_a_text_are_its_characters_in_order(backend: LocalBackend) -> None:
    text = "der  Hund läuft"  # two blanks are one to the vocabulary, and it lacks a character
    scored = await backend.score(make_score_request(text))
    assert scored.text == text
    *tokens, end = scored.tokens
    assert len(tokens) > 2
    assert end.span == Span(len(text), len(text))
    places = [place for token in tokens for place in (token.span.start, token.span.stop)]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == len(text)
    assert all(token.logprob < 0 for token in scored.tokens)


async def test_token_ids_are_scored_as_the_text_that_they_decode_to(
    backend: LocalBackend, folders: dict[str, Path]
) -> None:
    text = "der Hund schlafen"
    ids = load_model(folders[TRANSLATOR], dtype="float32").tokenizer.encode_target(text)
    by_ids = await backend.score(make_score_request(tuple(ids)))
    by_text = await backend.score(make_score_request(text))
    assert by_ids == by_text


async def test_a_forced_first_token_is_told_with_no_text(backend: LocalBackend) -> None:
    scored = await backend.score(make_score_request("The fox", "The fox.", model=SUMMARIZER))
    assert scored.tokens[0].span == Span(0, 0)
    assert scored.tokens[0].logprob == 0.0
    assert scored.tokens[1].logprob < 0


async def test_a_text_that_is_cut_has_the_score_and_links_of_what_was_read(
    backend: LocalBackend,
) -> None:
    text = "The quick brown fox jumps. " * 40
    request = make_request(text, on_overflow="truncate", return_scores=True)
    answer = await last_of(backend, request)
    (output,) = answer.outputs
    again = make_score_request(output.token_ids, text, on_overflow="truncate", with_links=True)
    scored = await backend.score(again)
    assert scored.input_tokens == answer.input_tokens
    assert all(link.source.stop < len(text) / 2 for link in scored.links)
    with pytest.raises(InputTooLongError):
        await backend.score(replace(again, on_overflow="error"))


async def test_scores_do_not_depend_on_company(backend: LocalBackend) -> None:
    requests = [make_score_request("der Hund " * n, f"The fox {n}.") for n in range(8)]
    together = await asyncio.gather(*map(backend.score, requests))
    for request, found in zip(requests, together, strict=True):
        alone: Scored = await backend.score(request)
        assert found.score == pytest.approx(alone.score, abs=1e-5)


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (make_score_request("", TEXT * 9), InputTooLongError, "reads at most 32"),
        (make_score_request("der Hund " * 40), OutputTooLongError, "writes at most 31"),
        (make_score_request((9_999,)), InvalidParamsError, "output: 9999 is not between 0 and"),
        (make_score_request("der", model="test/none"), ModelNotFoundError, "test/none"),
        (
            make_score_request("der", model=SUMMARIZER, task=Summarization("tldr")),
            UnsupportedTaskError,
            "style",
        ),
        (
            make_score_request("der", timeout_ms=0.0),
            DeadlineExceededError,
            "within the timeout of 0 ms",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_cannot_be_scored_is_refused(
    backend: LocalBackend, request_: ScoreRequest, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await backend.score(request_)


async def test_a_lazy_model_is_loaded_by_the_first_score(folders: dict[str, Path]) -> None:
    backend = LocalBackend([tiny_entry(folders, load="lazy")], SETTINGS)
    try:
        assert (await backend.score(make_score_request("der Hund"))).score < 0
        assert backend.models()[0].state == "loaded"
    finally:
        backend.close()


# Links and confidence of a model that has learnt something


@pytest.fixture(scope="module")
def translator() -> Iterator[LocalBackend]:
    served = LocalBackend([ModelEntry.model_validate(BUNDLED_TRANSLATOR)], SETTINGS)
    yield served
    served.close()


def linked_words(source: str, scored: Scored) -> set[tuple[str, str]]:
    return {
        (
            source[link.source.start : link.source.stop],
            scored.text[link.target.start : link.target.stop],
        )
        for link in scored.links
    }


async def test_words_are_linked_where_it_is_asked_for(translator: LocalBackend) -> None:
    text = "Yesterday the house was small."
    request = make_score_request("Gestern war das  Haus klein.", text, with_links=True)
    scored = await translator.score(request)
    assert linked_words(text, scored) >= {
        ("Yesterday", "Gestern"),
        ("house", "Haus"),
        ("was", "war"),
        ("small", "klein"),
    }
    assert all(0 < link.weight <= 1 for link in scored.links)
    unlinked = await translator.score(replace(request, with_links=False))
    assert unlinked.links == ()
    assert unlinked.score == pytest.approx(scored.score, abs=1e-4)


async def test_an_answer_is_linked_by_its_token_ids(translator: LocalBackend) -> None:
    text = "The dog sees a cat."
    answer = await last_of(translator, make_request(text, num_beams=4, return_scores=True))
    (output,) = answer.outputs
    by_ids, by_text = [
        await translator.score(make_score_request(given, text, with_links=True))
        for given in (output.token_ids, output.text)
    ]
    assert by_ids == by_text
    assert by_ids.score == pytest.approx(output.score, abs=1e-4)
    assert ("dog", "Hund") in linked_words(text, by_ids)


async def test_a_good_output_has_more_confidence_than_nonsense(translator: LocalBackend) -> None:
    good, bad = [
        await translator.score(make_score_request(output, "The house is small."))
        for output in ("Das Haus ist klein.", "Sieben Katzen tanzen.")
    ]
    assert 0 <= bad.confidence < good.confidence <= 1


async def test_heads_that_the_catalogue_names_are_used(folders: dict[str, Path]) -> None:
    backend = LocalBackend([tiny_entry(folders, alignment_heads=[[0, 1]])], SETTINGS)
    try:
        request = make_score_request("der Hund", "The dog", with_links=True)
        scored = await backend.score(request)
        assert {word for word, _ in linked_words("The dog", scored)} <= {"The", "dog"}
    finally:
        backend.close()


@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_translation_given_back_over_http_has_the_score_that_it_came_with(
    num_beams: int,
) -> None:
    backend = LocalBackend([ModelEntry.model_validate(BUNDLED_TRANSLATOR)], SETTINGS)
    try:
        client = TestClient(create_api(backend, SETTINGS))
        into = {"text": " The dog sees a cat.\n", "target_lang": "de", "source_lang": "en"}
        fields = {**into, "num_beams": num_beams, "return": ["scores"]}
        (translation,) = client.post("/v1/translate", json=fields).json()["translations"]
        output = translation["text"].strip()
        answer = client.post("/v1/score", json={**into, "output": output}).json()
        assert answer["score"] == pytest.approx(translation["score"], abs=1e-4)
        tokens = answer["tokens"]
        assert [token["text"] for token in tokens] == [
            output[token["start"] : token["end"]] for token in tokens
        ]
        assert "".join(token["text"] for token in tokens) == output
    finally:
        backend.close()
