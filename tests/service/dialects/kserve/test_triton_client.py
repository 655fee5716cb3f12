"""`tritonclient.http` works unmodified, and none of our errors breaks it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
from tritonclient.http import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
)
from tritonclient.utils import InferenceServerException

from model.errors import DeadlineExceededError, ModelError
from service.settings import Settings
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend
from tests.support.service.sync_clients import ask

T = TypeVar("T")

TRANSLATE, SUMMARIZE = "fake/translate", "fake/summarize"
TO_GERMAN = {"source_lang": "en", "target_lang": "deu_Latn"}
KEYS: dict[str, Any] = {"tra": "translate", "sum": "summarize"}


def backend(**fields: Any) -> FakeBackend:
    return FakeBackend(served=(TRANSLATOR, SUMMARIZER), **fields)


def using(call: Callable[[InferenceServerClient], T]) -> Callable[[str], T]:
    """Return a call with a client of the server at a URL."""

    def at(url: str) -> T:
        with InferenceServerClient(url.removeprefix("http://")) as client:
            return call(client)

    return at


def tensor(
    name: str, *values: str | bytes, column: bool = False, binary: bool = True
) -> InferInput:
    array = np.array(values, dtype=np.object_)
    if column:
        array = array.reshape(-1, 1)
    return InferInput(name, list(array.shape), "BYTES").set_data_from_numpy(array, binary)


def inferring(
    *inputs: InferInput, model: str = TRANSLATE, key: str = "", **options: Any
) -> Callable[[str], InferResult]:
    """Return a call that infers, from English to German unless `parameters` say otherwise."""
    headers = {"authorization": f"Bearer {key}"} if key else None
    given = {"parameters": TO_GERMAN, **options}
    return using(lambda client: client.infer(model, list(inputs), headers=headers, **given))


def texts(found: InferResult, name: str = "text") -> list[Any]:
    array = found.as_numpy(name)
    assert array is not None
    return [each.decode() if isinstance(each, bytes) else each for each in array.ravel()]


async def test_texts_are_translated_as_binary_data() -> None:
    found = await ask(inferring(tensor("text", "Good morning.", "You")), backend())
    assert found.as_numpy("text").tolist() == [b"GOOD MORNING.", b"YOU"]
    assert found.get_response()["outputs"][0]["parameters"] == {"binary_data_size": 24}


async def test_texts_are_summarized_in_the_style_that_is_asked_for() -> None:
    served = backend()
    style = tensor("style", "tldr")
    call = inferring(tensor("text", "a b c d"), style, model=SUMMARIZE, parameters=None)
    assert texts(await ask(call, served)) == ["a b c"]
    assert "tldr" in str(served.requests[0].task)


@pytest.mark.parametrize("into_binary", [True, False])
@pytest.mark.parametrize("from_binary", [True, False])
@pytest.mark.parametrize("column", [True, False])
async def test_binary_data_and_json_are_the_same(
    *, into_binary: bool, from_binary: bool, column: bool
) -> None:
    values = ["Good morning.", "", "\u00e9\u4f60\U0001f600 \x00"]
    outputs = [
        InferRequestedOutput(name, binary_data=from_binary)
        for name in ("score", "text", "source_lang")
    ]
    found = await ask(
        inferring(tensor("text", *values, column=column, binary=into_binary), outputs=outputs),
        backend(),
    )
    assert texts(found) == [value.upper() for value in values]
    assert texts(found, "source_lang") == ["en"] * 3
    assert texts(found, "score") == [-1.0, 0.0, -1.0]
    assert found.as_numpy("score").dtype == np.float32
    for name in ("text", "score", "source_lang"):
        assert found.as_numpy(name).shape == ((3, 1) if column else (3,))


@pytest.mark.parametrize("languages", [["de"], ["de", "de"]])
async def test_a_language_is_an_input_of_one_element_or_one_for_each_text(
    languages: list[str],
) -> None:
    source, target = tensor("source_lang", "en"), tensor("target_lang", *languages)
    call = inferring(tensor("text", "a", "b"), source, target, parameters=None)
    assert texts(await ask(call, backend())) == ["A", "B"]


async def test_a_list_is_answered_as_its_texts_are_alone() -> None:
    together = texts(await ask(inferring(tensor("text", "One. Two.", "", "b\nc")), backend()))
    alone = [
        texts(await ask(inferring(tensor("text", value)), backend()))[0]
        for value in ("One. Two.", "", "b\nc")
    ]
    assert together == alone


async def test_id_and_parameters_are_kept() -> None:
    served = backend()
    parameters = TO_GERMAN | {"num_beams": 2, "max_new_tokens": 9, "on_overflow": "truncate"}
    call = inferring(
        tensor("text", "a"), request_id="r 7", parameters=parameters, timeout=9_000_000
    )
    found = await ask(call, served)
    assert found.get_response()["id"] == "r 7"
    (request,) = served.requests
    assert request.overrides.given() == {"num_beams": 2, "max_new_tokens": 9}
    assert (request.deadline.timeout_ms, request.on_overflow) == (9_000, "truncate")


async def test_the_server_tells_its_state() -> None:
    def call(client: InferenceServerClient) -> tuple[bool, ...]:
        return (
            client.is_server_live(),
            client.is_server_ready(),
            client.is_model_ready(TRANSLATE),
            client.is_model_ready(TRANSLATE, "0"),
            client.is_model_ready(TRANSLATE, "1"),
            client.is_model_ready("gone"),
        )

    assert await ask(using(call), backend()) == (True, True, True, True, False, False)
    assert await ask(using(call), backend(ready=False)) == (True, *[False] * 5)
    assert await ask(using(call), backend(alive=False)) == (False,) * 6


async def test_the_server_tells_what_it_serves() -> None:
    lazy = replace(SUMMARIZER, state="not_loaded")
    failed = replace(TRANSLATOR, name="failed", state="failed")
    coming = replace(TRANSLATOR, name="coming", is_offered=False)

    def call(client: InferenceServerClient) -> tuple[Any, ...]:
        return (
            client.get_server_metadata(),
            client.get_model_metadata(TRANSLATE, "0"),
            client.get_model_metadata(SUMMARIZE),
            client.get_model_repository_index(),
        )

    served = FakeBackend(served=(TRANSLATOR, lazy, failed, coming))
    server, translator, summarizer, index = await ask(using(call), served)
    assert (server["name"], server["extensions"]) == ("dragoman", ["binary_tensor_data"])
    assert (translator["name"], translator["versions"]) == (TRANSLATE, ["0"])
    names = {key: [each["name"] for each in translator[key]] for key in ("inputs", "outputs")}
    assert names["inputs"] == ["text", "source_lang", "target_lang"]
    assert names["outputs"] == ["text", "source_lang", "score"]
    assert [each["name"] for each in summarizer["inputs"]] == ["text", "style"]
    assert [each["name"] for each in summarizer["outputs"]] == ["text", "score"]
    states = {each["name"]: each["state"] for each in index}
    assert states == {
        TRANSLATE: "READY",
        SUMMARIZE: "READY",
        "failed": "UNAVAILABLE",
        "coming": "LOADING",
    }


FAULT, LATE = ModelError("secret"), DeadlineExceededError(timeout_ms=30_000)
HELLO = tensor("text", "Hello")


@pytest.mark.parametrize(
    ("fields", "call", "status", "told"),
    [
        pytest.param({}, inferring(HELLO, model="gone"), 404, "`model` is 'gone'", id="model"),
        pytest.param({}, inferring(HELLO, model_version="9"), 404, "versions/9", id="version"),
        pytest.param(
            {},
            inferring(HELLO, parameters=None),
            400,
            "`target_lang` is required",
            id="no language",
        ),
        pytest.param(
            {}, inferring(HELLO, tensor("target_lang", "xx")), 404, "is 'xx'", id="language"
        ),
        pytest.param({}, inferring(HELLO, tensor("source_lang", "de")), 404, "de-de", id="pair"),
        pytest.param(
            {},
            inferring(tensor("text", "a", "b"), tensor("target_lang", "de", "fr")),
            400,
            "`target_lang` has 2 different values",
            id="two languages",
        ),
        pytest.param(
            {},
            inferring(HELLO, tensor("target_lang", "de", "de")),
            400,
            "`target_lang` has 2 elements; it must have 1, or 1",
            id="mismatched shapes",
        ),
        pytest.param({}, inferring(tensor("text")), 400, "`text` has 0 entries", id="empty list"),
        pytest.param({}, inferring(tensor("style", "a")), 400, "no 'text'", id="no text"),
        pytest.param(
            {}, inferring(HELLO, tensor("style", "a")), 400, "`style` is not for this", id="style"
        ),
        pytest.param(
            {}, inferring(HELLO, model=SUMMARIZE), 400, "`source_lang` is not for this", id="task"
        ),
        pytest.param({}, inferring(tensor("text", b"\xff")), 400, "not in UTF-8", id="no UTF-8"),
        pytest.param(
            {},
            inferring(InferInput("text", [1], "FP32").set_data_from_numpy(np.ones(1, np.float32))),
            400,
            "`inputs[0].datatype` is 'FP32'; it must be 'BYTES'",
            id="datatype",
        ),
        pytest.param(
            {}, inferring(HELLO, sequence_id=5), 400, "`sequence_id` is not a field", id="sequence"
        ),
        pytest.param(
            {},
            inferring(HELLO, outputs=[InferRequestedOutput("text", class_count=2)]),
            400,
            "`classification` is not a field",
            id="classification",
        ),
        pytest.param(
            {},
            inferring(HELLO, outputs=[InferRequestedOutput("logits")]),
            400,
            "`outputs[0].name` is 'logits'",
            id="output",
        ),
        pytest.param(
            {}, inferring(HELLO, timeout=10**12), 400, "`timeout` is 1000000000000", id="timeout"
        ),
        pytest.param(
            {},
            inferring(HELLO, request_compression_algorithm="gzip"),
            415,
            "gzip",
            id="compressed",
        ),
        pytest.param({"places": 0}, inferring(HELLO), 503, "wait", id="overload"),
        pytest.param({"error": LATE}, inferring(HELLO), 504, "30000", id="deadline"),
        pytest.param({"error": FAULT}, inferring(HELLO), 500, "something failed", id="fault"),
    ],
)
async def test_an_error_is_told_by_the_client(
    fields: dict[str, Any], call: Callable[[str], InferResult], status: int, told: str
) -> None:
    with pytest.raises(InferenceServerException) as failure:
        await ask(call, backend(**fields))
    assert told in str(failure.value.message())
    assert failure.value.status() == str(status)


async def test_a_text_that_is_too_long_is_told_by_the_client() -> None:
    with pytest.raises(InferenceServerException, match="`text` has 11 characters") as failure:
        await ask(
            inferring(tensor("text", "a" * 11)),
            backend(),
            settings=Settings(max_text_characters=10),
        )
    assert failure.value.status() == "413"


@pytest.mark.parametrize(
    ("key", "model", "status"),
    [("", TRANSLATE, "401"), ("wrong", TRANSLATE, "401"), ("sum", TRANSLATE, "403")],
)
async def test_a_key_is_needed_that_may_do_the_task(key: str, model: str, status: str) -> None:
    with pytest.raises(InferenceServerException) as failure:
        await ask(inferring(HELLO, model=model, key=key), backend(), keys=KEYS)
    assert failure.value.status() == status
    assert "wrong" not in str(failure.value)
    assert texts(await ask(inferring(HELLO, key="tra"), backend(), keys=KEYS)) == ["HELLO"]
