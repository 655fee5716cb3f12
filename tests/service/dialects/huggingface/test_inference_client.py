"""`huggingface_hub.InferenceClient` works unmodified, and none of our errors breaks it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import huggingface_hub.constants
import huggingface_hub.utils._http as hub_http
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from model.errors import DeadlineExceededError, ModelError
from service.pairs import Pairs
from service.settings import Settings
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend
from tests.support.service.sync_clients import ask

TRANSLATE, SUMMARIZE = "/models/fake/translate", "/models/fake/summarize"
TO_GERMAN = {"src_lang": "en_XX", "tgt_lang": "deu_Latn"}
KEYS: dict[str, Any] = {"tra": "translate", "sum": "summarize"}


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package reach this machine's own servers: no test may reach the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


def backend(**fields: Any) -> FakeBackend:
    return FakeBackend(served=(TRANSLATOR, SUMMARIZER), **fields)


def client_at(url: str, key: str | None = None) -> InferenceClient:
    return InferenceClient(model=url, token=key, provider="hf-inference")


def translating(
    text: str = "Hello", *, path: str = TRANSLATE, key: str | None = None, **fields: Any
) -> Callable[[str], Any]:
    """Return a call that translates with the client."""
    return lambda url: client_at(url + path, key).translation(text, **fields)


def summarizing(text: str, *, path: str = SUMMARIZE) -> Callable[[str], Any]:
    return lambda url: client_at(url + path).summarization(text)


@pytest.mark.parametrize("path", [TRANSLATE, "/hf/translation"])
async def test_a_translation_is_an_object_with_the_text(path: str) -> None:
    found = await ask(translating("Good morning.", path=path, **TO_GERMAN), backend())
    assert found.translation_text == "GOOD MORNING."


@pytest.mark.parametrize("path", [SUMMARIZE, "/hf/summarization"])
async def test_a_summary_is_an_object_with_the_text(path: str) -> None:
    found = await ask(summarizing("One two three four.", path=path), backend())
    assert found.summary_text == "One two three"


async def test_the_client_needs_no_provider_for_a_url() -> None:
    found = await ask(
        lambda url: InferenceClient(model=url + SUMMARIZE).summarization("A b"),
        backend(),
    )
    assert found.summary_text == "A b"


async def test_parameters_of_generation_reach_the_model() -> None:
    served = backend()
    generate = {"num_beams": 3, "max_length": 20, "length_penalty": 0, "no_repeat_ngram_size": 2}
    call = translating(generate_parameters=generate, clean_up_tokenization_spaces=True, **TO_GERMAN)
    await ask(call, served)
    (request,) = served.requests
    assert request.overrides.given() == {
        "num_beams": 3,
        "max_new_tokens": 19,  # the token that begins an output counts in `max_length`
        "length_penalty": 0.0,
        "no_repeat_ngram_size": 2,
    }


async def test_a_score_that_is_asked_for_is_an_attribute() -> None:
    call = translating(generate_parameters={"output_scores": True}, **TO_GERMAN)
    assert (await ask(call, backend())).score == -1.0


@pytest.mark.parametrize(
    ("truncation", "num_cut"),
    [
        (None, 0),
        ("do_not_truncate", 0),
        ("only_second", 0),
        ("longest_first", 1),
        ("only_first", 1),
    ],
)
async def test_a_text_is_cut_only_if_asked_for_and_the_client_logs_a_warning(
    truncation: Any, num_cut: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_http, "_WARNED_TOPICS", set())  # it warns once
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)
    text = "a sentence without an end " * 9
    found = await ask(translating(text, truncation=truncation, **TO_GERMAN), backend())
    assert (len(found.translation_text) < len(text)) is bool(num_cut)
    warnings = [each.message for each in caplog.records if "were cut" in each.message]
    assert warnings == (["1 of 1 inputs, or their outputs, were too long and were cut"] * num_cut)


async def test_the_endpoint_tells_its_model_and_its_health() -> None:
    def both(url: str) -> tuple[dict[str, Any], bool]:
        client = client_at(url + SUMMARIZE)
        return client.get_endpoint_info(), client.health_check()

    info, is_healthy = await ask(both, backend())
    assert (info["model_id"], info["model_pipeline_tag"]) == ("fake/summarize", "summarization")
    assert (info["max_input_tokens"], info["max_client_batch_size"]) == (64, 128)
    assert is_healthy


@pytest.mark.parametrize("path", [TRANSLATE, "/hf/translation", "/hf/summarization"])
async def test_an_endpoint_that_cannot_answer_is_not_healthy(path: str) -> None:
    assert not await ask(lambda url: client_at(url + path).health_check(), backend(ready=False))


async def test_a_model_of_one_pair_needs_no_languages() -> None:
    one = replace(TRANSLATOR, pairs=Pairs.of([("en", "de")]))
    found = await ask(translating("Où est la gare ?"), FakeBackend(served=(one,)))
    assert found.translation_text == "OÙ EST LA GARE ?"


FAULT, LATE = ModelError("secret"), DeadlineExceededError(timeout_ms=30_000)


@pytest.mark.parametrize(
    ("fields", "call", "status", "told"),
    [
        pytest.param({}, {}, 422, "`tgt_lang` is required", id="no language"),
        pytest.param({}, TO_GERMAN | {"tgt_lang": "xx"}, 404, "`tgt_lang` is 'xx'", id="language"),
        pytest.param({}, TO_GERMAN | {"src_lang": "de"}, 404, "de-de", id="pair"),
        pytest.param(
            {},
            TO_GERMAN | {"generate_parameters": {"early_stopping": True}},
            422,
            "`early_stopping` is not a field",
            id="unsupported parameter",
        ),
        pytest.param(
            {},
            TO_GERMAN | {"generate_parameters": {"num_beams": 99}},
            422,
            "`parameters.generate_parameters.num_beams` is 99; it must be at most 8",
            id="out of range",
        ),
        pytest.param(
            {},
            TO_GERMAN | {"generate_parameters": {"num_return_sequences": 3}},
            422,
            "num_return_sequences",
            id="more outputs than beams",
        ),
        pytest.param(
            {},
            TO_GERMAN | {"generate_parameters": {"do_sample": False, "top_p": 0.5}},
            422,
            "`do_sample` is false, but `top_p` is for sampling",
            id="contradiction",
        ),
        pytest.param({"places": 0}, TO_GERMAN, 429, "wait", id="overload"),
        pytest.param({"error": LATE}, TO_GERMAN, 504, "30000", id="deadline"),
        pytest.param({"error": FAULT}, TO_GERMAN, 500, "something failed", id="fault"),
    ],
)
async def test_an_error_is_told_by_the_client(
    fields: dict[str, Any], call: dict[str, Any], status: int, told: str
) -> None:
    with pytest.raises(HfHubHTTPError, match=told) as failure:
        await ask(translating(**call), backend(**fields))
    assert failure.value.response.status_code == status
    assert ("retry-after" in failure.value.response.headers) is (status == 429)
    assert "secret" not in str(failure.value)


async def test_a_text_that_is_too_long_is_told_by_the_client() -> None:
    with pytest.raises(HfHubHTTPError, match="`inputs` has 11 characters") as failure:
        await ask(summarizing("a" * 11), backend(), settings=Settings(max_text_characters=10))
    assert failure.value.response.status_code == 413


@pytest.mark.parametrize("method", ["summarization", "get_endpoint_info"])
async def test_a_model_that_is_not_served_is_told_by_the_client(method: str) -> None:
    arguments = ["Hello"] if method == "summarization" else []
    with pytest.raises(HfHubHTTPError, match="`model` is 'no/such'") as failure:
        await ask(lambda url: getattr(client_at(f"{url}/models/no/such"), method)(*arguments))
    assert failure.value.response.status_code == 404


@pytest.mark.parametrize(
    ("key", "path", "status"),
    [
        (None, TRANSLATE, 401),
        ("wrong", TRANSLATE, 401),
        ("wrong", "/hf/translation", 401),
        ("sum", TRANSLATE, 403),
        ("sum", "/hf/translation", 403),
        ("tra", SUMMARIZE, 403),
        ("tra", "/hf/summarization", 403),
    ],
)
async def test_a_key_is_needed_that_may_do_the_task(
    key: str | None, path: str, status: int
) -> None:
    with pytest.raises(HfHubHTTPError) as failure:
        await ask(translating(path=path, key=key), backend(), keys=KEYS)
    assert failure.value.response.status_code == status
    assert "wrong" not in failure.value.response.text


async def test_the_right_key_opens() -> None:
    assert await ask(translating("a", key="tra", **TO_GERMAN), backend(), keys=KEYS)
    assert await ask(
        lambda url: client_at(url + SUMMARIZE, "sum").summarization("a"), backend(), keys=KEYS
    )
    assert await ask(
        lambda url: client_at(url + SUMMARIZE, "tra").health_check(), backend(), keys=KEYS
    )
