"""nllb-serve's API, with the requests that SubtitleEdit sends to it."""

from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from model.errors import DeadlineExceededError, ModelError
from tests.support.service.clients import client_of, refusal, translate
from tests.support.service.fakes import FakeBackend
from tests.support.service.sync_clients import ask

PATH = "/nllb/translate"
TO_GERMAN = {"src_lang": "eng_Latn", "tgt_lang": "deu_Latn"}
FROM_SUBTITLE_EDIT = (
    b'{"source":["Good morning.", "He said \\"no\\"."], '
    b'"src_lang": "eng_Latn", "tgt_lang": "deu_Latn"}'
)


@pytest.fixture
def client() -> TestClient:
    return client_of()


async def test_a_request_of_subtitle_edit_is_answered_over_a_socket() -> None:
    def call(url: str) -> httpx.Response:
        headers = {"content-type": "application/json", "accept": "application/json"}
        return httpx.post(f"{url}/nllb/translate", content=FROM_SUBTITLE_EDIT, headers=headers)

    answer = (await ask(call)).raise_for_status().json()
    assert answer.pop("time_taken") >= 0
    assert answer == {
        "translation": ["GOOD MORNING.", 'HE SAID "NO".'],
        "source": ["Good morning.", 'He said "no".'],
        "src_lang": "eng_Latn",
        "tgt_lang": "deu_Latn",
        "time_units": "s",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"method": "GET", "params": {"source": ["a", "b"], **TO_GERMAN}}, id="query"),
        pytest.param({"method": "POST", "data": {"source": ["a", "b"], **TO_GERMAN}}, id="form"),
        pytest.param({"method": "POST", "json": {"source": ["a", "b"], **TO_GERMAN}}, id="JSON"),
        pytest.param(
            {"method": "POST", "json": {"source": ["a", "b"]}, "params": TO_GERMAN}, id="both"
        ),
    ],
)
def test_every_encoding_has_the_same_answer(client: TestClient, arguments: dict[str, Any]) -> None:
    answer = client.request(url=PATH, **arguments).json()
    assert (answer["translation"], answer["source"]) == (["A", "B"], ["a", "b"])


def test_one_text_is_a_list_of_one(client: TestClient) -> None:
    answers = [
        client.post(PATH, json={"source": "a", **TO_GERMAN}),
        client.get(PATH, params={"source": "a", **TO_GERMAN}),
    ]
    assert [each.json()["translation"] for each in answers] == [["A"], ["A"]]


@pytest.mark.parametrize("given", [{}, {"src_lang": ""}, {"src_lang": None}])
def test_a_language_that_is_not_given_is_detected_and_told(
    client: TestClient, given: dict[str, Any]
) -> None:
    body = {"source": ["Where is the train station?", "12"], "tgt_lang": "de", **given}
    assert client.post(PATH, json=body).json()["src_lang"] == "en"


def test_the_texts_are_those_of_the_native_api_and_of_each_alone(client: TestClient) -> None:
    texts = ["Good morning. How are you?", "", "A\nB", " \u00e9\u4f60\U0001f600\x00 "]
    found = client.post(PATH, json={"source": texts, **TO_GERMAN}).json()["translation"]
    assert found == [each["text"] for each in translate(client, texts)["translations"]]
    alone = [client.post(PATH, json={"source": text, **TO_GERMAN}).json() for text in texts]
    assert found == [each["translation"][0] for each in alone]


def test_times_are_in_the_headers(client: TestClient) -> None:
    headers = client.post(PATH, json={"source": "a", **TO_GERMAN}).headers
    assert (headers["x-queue-time"], headers["x-inference-time"]) == ("1.0", "2.0")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source": None}, "`source` must be a string or a list of strings"),
        ({"source": {}}, "`source` must be a string or a list of strings"),
        ({"source": ["a", 5]}, "`source[1]` must be a string"),
        ({"source": []}, "`source` has 0 entries; it must have 1 to 128"),
        ({"source": "a" * 50_001}, "`source` has 50001 characters"),
        ({"src_lang": 5}, "`src_lang` is 5; it must be a string"),
        ({"src_lang": "xx"}, "`src_lang` is 'xx'; the languages served are"),
        ({"tgt_lang": "kan_Knda"}, "`tgt_lang` is 'kan_Knda'; the languages served are"),
        ({"tgt_lang": "eng_Latn"}, "no model translates en-en"),
        ({"tgt_lang": ""}, "`tgt_lang` is ''"),
        ({"tgt_lang": ["de"]}, "`tgt_lang` is of type list"),
        ({"target_lang": "de"}, "`target_lang` is not a field of this request; did you mean"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, change: dict[str, Any], told: str) -> None:
    status, _, sentence = refusal(client, PATH, {"source": "a", **TO_GERMAN, **change})
    assert status == (413 if "characters" in told else 400)
    assert sentence.startswith(told)


@pytest.mark.parametrize("field", ["source", "tgt_lang"])
def test_a_missing_field_is_named(client: TestClient, field: str) -> None:
    body = {"source": "a", **TO_GERMAN}
    del body[field]
    assert refusal(client, PATH, body)[2] == f"`{field}` is required"
    assert client.get(PATH, params=body).json()["error"] == f"`{field}` is required"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b'{"source": "\\ud800", "tgt_lang": "de"}', id="half of a surrogate pair"),
        pytest.param(b'{"source": "a", "tgt_lang": NaN}', id="NaN"),
        pytest.param(b'{"source": ' + b"[" * 100_000, id="brackets"),
        pytest.param(b'{"source": [' + b"1," * 500_000 + b"1]}", id="a million bytes of integers"),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/nllb/translator"])
def test_a_hostile_body_is_told_in_one_sentence(client: TestClient, path: str, body: bytes) -> None:
    response = client.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert len(response.json()["error"]) < 200


FAULT, LATE = ModelError("secret"), DeadlineExceededError(timeout_ms=30_000)


@pytest.mark.parametrize(
    ("backend", "status"),
    [
        pytest.param(FakeBackend(places=0), 503, id="overload"),
        pytest.param(FakeBackend(error=LATE), 504, id="deadline"),
        pytest.param(FakeBackend(error=FAULT), 500, id="fault"),
        pytest.param(FakeBackend(served=()), 404, id="no model"),
    ],
)
def test_what_cannot_be_answered_is_told_in_one_sentence(backend: FakeBackend, status: int) -> None:
    found, _, sentence = refusal(client_of(backend), PATH, {"source": "a", **TO_GERMAN})
    assert found == status
    assert "secret" not in sentence


async def test_a_key_is_needed_that_may_translate() -> None:
    def call(url: str) -> list[int]:
        keys = [{}, *({"authorization": f"Bearer {key}"} for key in ("wrong", "sum", "tra"))]
        return [
            httpx.get(
                f"{url}/nllb/{path}", params={name: "a", target: "de", source: "en"}, headers=each
            ).status_code
            for path, name, source, target in (
                ("translate", "source", "src_lang", "tgt_lang"),
                ("translator", "text", "source", "target"),
            )
            for each in keys
        ]

    found = await ask(call, keys={"tra": "translate", "sum": "summarize"})
    assert found == [401, 401, 403, 200] * 2


def test_the_schema_describes_both_methods(client: TestClient) -> None:
    operations = client.get("/openapi.json").json()["paths"][PATH]
    required = {each["name"]: each["required"] for each in operations["get"]["parameters"]}
    assert required == {"source": True, "src_lang": False, "tgt_lang": True}
    assert set(operations["post"]["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }
