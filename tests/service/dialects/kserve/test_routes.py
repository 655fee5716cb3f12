"""The open inference protocol without a package: JSON, wrong bodies, lying lengths."""

import json
import struct
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.service.clients import client_of, refusal, translate
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend

INFER, SUMMARIZE = "/v2/models/fake/translate/infer", "/v2/models/fake/summarize/infer"
TO_GERMAN = {"source_lang": "en", "target_lang": "de"}


@pytest.fixture
def client() -> TestClient:
    return client_of(FakeBackend(served=(TRANSLATOR, SUMMARIZER)))


def text(*data: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "text", "shape": [len(data)], "datatype": "BYTES", "data": list(data), **fields}


def infer(client: TestClient, *inputs: Any, path: str = INFER, **fields: Any) -> dict[str, Any]:
    response = client.post(path, json={"inputs": inputs, "parameters": TO_GERMAN, **fields})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_the_texts_are_those_of_the_native_api(client: TestClient) -> None:
    texts = ["Good morning. How are you?", "", "A\nB", " \u00e9\u4f60\U0001f600\x00 "]
    native = translate(client, texts, **{"return": ["scores"]})["translations"]
    outputs = [{"name": "text"}, {"name": "score"}]
    found, scores = infer(client, text(*texts), outputs=outputs)["outputs"]
    assert found["data"] == [each["text"] for each in native]
    assert scores["data"] == [each["score"] or 0.0 for each in native]


@pytest.mark.parametrize(
    "path",
    [
        INFER,
        "/v2/models/fake%2Ftranslate/infer",
        "/v2/models/fake/translate/versions/0/infer",
        "/v2/models/fake%2Ftranslate/versions/0/infer",
    ],
)
def test_an_answer_names_model_version_and_id(client: TestClient, path: str) -> None:
    answer = infer(client, text("a"), path=path, id="\u00e9 7")
    assert (answer["model_name"], answer["model_version"]) == ("fake/translate", "0")
    assert answer["id"] == "\u00e9 7"
    assert answer["outputs"] == [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["A"]}]
    assert "id" not in infer(client, text("a"), path=path)


def test_the_elements_of_a_column_may_be_in_lists_of_their_own(client: TestClient) -> None:
    flat, nested = text("a", "b", shape=[2, 1]), text(["a"], ["b"], shape=[2, 1])
    assert infer(client, flat) == infer(client, nested)
    assert infer(client, flat)["outputs"][0]["shape"] == [2, 1]


def test_an_input_goes_before_the_parameter_of_its_name(client: TestClient) -> None:
    french = {"name": "source_lang", "shape": [1], "datatype": "BYTES", "data": ["fr"]}
    parameters = {"source_lang": "en", "target_lang": "en"}
    outputs = [{"name": "source_lang"}]
    answer = infer(client, french, text("a"), parameters=parameters, outputs=outputs)
    assert answer["outputs"][0]["data"] == ["fr"]


def test_scores_are_computed_only_if_asked_for() -> None:
    backend = FakeBackend()
    client = client_of(backend)
    infer(client, text("a"))
    infer(client, text("a"), outputs=[{"name": "score"}])
    assert [request.return_scores for request in backend.requests] == [False, True]


def test_times_are_in_the_headers(client: TestClient) -> None:
    headers = client.post(SUMMARIZE, json={"inputs": [text("a")]}).headers
    assert (headers["x-queue-time"], headers["x-inference-time"]) == ("1.0", "2.0")


def test_the_index_may_leave_out_what_is_not_ready() -> None:
    client = client_of(FakeBackend())
    assert len(client.post("/v2/repository/index", json={"ready": True}).json()) == 1
    status, _, sentence = refusal(client, "/v2/repository/index", {"ready": 1})
    assert (status, sentence) == (400, "`ready` is 1; it must be true or false")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "`inputs` is required"),
        ({"inputs": []}, "`inputs` is of type list; it must have at least 1 entries"),
        ({"inputs": "a"}, "`inputs` is 'a'; it must be a list"),
        ({"inputs": [5]}, "`inputs[0]` is 5; it must be an object"),
        ({"inputs": [text("a", name="x")]}, "`inputs[0].name` is 'x'"),
        ({"inputs": [text("a", shape=[2])]}, "`inputs[0].shape` must be [1] or [1, 1]"),
        ({"inputs": [text("a", shape=[-1])]}, "`inputs[0].shape` must be [1] or [1, 1]"),
        ({"inputs": [text("a", shape=[1, 2])]}, "`inputs[0].shape` must be [1] or [1, 1]"),
        ({"inputs": [text("a", shape=[10**30])]}, "`inputs[0].shape` must be [1] or [1, 1]"),
        ({"inputs": [text("a", shape="1")]}, "`inputs[0].shape` is '1'; it must be a list"),
        ({"inputs": [text("a", shape=["1"])]}, "`inputs[0].shape[0]` is '1'"),
        ({"inputs": [text("a", data="a")]}, "`inputs[0].data` must be a list"),
        ({"inputs": [text("a", data=None)]}, "`inputs[0].data` is required"),
        ({"inputs": [text("a", 5)]}, "`inputs[0].data[1]` must be a string"),
        ({"inputs": [text("a", ["b", "c"])]}, "`inputs[0].data[1]` must be a string"),
        ({"inputs": [text("a", [["b"]])]}, "`inputs[0].data[1]` must be a string"),
        ({"inputs": [text("a"), text("b")]}, "`inputs[1].name` is 'text', which is there twice"),
        ({"inputs": [text("a")], "id": 5}, "`id` is 5; it must be a string"),
        ({"inputs": [text("a")], "outputs": [1]}, "`outputs[0]` is 1; it must be an object"),
        ({"inputs": [text("a")], "parameters": {"num_beams": 9}}, "`parameters.num_beams` is 9"),
        ({"inputs": [text("a")], "parameters": {"x": 9}}, "`x` is not a field of this request"),
        ({"inputs": [text("a")] * 5}, "`inputs` is of type list; it must have at most 4 entries"),
        (
            {"inputs": [text("a", parameters={"shared_memory_region": "r"})]},
            "`shared_memory_region` is not a field of this request",
        ),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, body: dict[str, Any], told: str) -> None:
    status, code, sentence = refusal(client, INFER, {"parameters": TO_GERMAN, **body})
    assert (status, code) == (400, "invalid_field")
    assert sentence.startswith(told)


def test_source_lang_is_no_output_of_a_summary(client: TestClient) -> None:
    body = {"inputs": [text("a")], "outputs": [{"name": "source_lang"}]}
    assert refusal(client, SUMMARIZE, body)[:2] == (400, "invalid_field")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b'{"id": "\\ud800"}', id="half of a surrogate pair"),
        pytest.param(b'{"inputs": [], "parameters": {"top_p": NaN}}', id="NaN"),
        pytest.param(b'{"inputs": ' + b"[" * 100_000, id="brackets"),
        pytest.param(b'{"inputs": [' + b"1," * 500_000 + b"1]}", id="integers as inputs"),
        pytest.param(b'{"outputs": [' + b"1," * 500_000 + b'1], "inputs": []}', id="as outputs"),
        pytest.param(
            json.dumps({"inputs": [text("a", shape=[1.5] * 200_000)]}).encode(), id="as a shape"
        ),
        pytest.param(
            json.dumps({"inputs": [text(*[1] * 300_000)]}).encode(), id="integers as data"
        ),
    ],
)
@pytest.mark.parametrize("path", [INFER, SUMMARIZE])
def test_a_hostile_body_is_told_in_one_sentence(client: TestClient, path: str, body: bytes) -> None:
    response = client.post(path, content=body)
    assert response.status_code == 400
    assert len(response.json()["error"]) < 200


def elements(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def send(
    client: TestClient, binary: bytes, *, size: int | None = None, num: int = 1, header: str = ""
) -> tuple[int, Any]:
    """Send a text as binary data; return the status and the error, or the texts."""
    whole = text(
        shape=[num], parameters={"binary_data_size": len(binary) if size is None else size}
    )
    del whole["data"]
    head = json.dumps({"inputs": [whole], "parameters": TO_GERMAN}).encode()
    response = client.post(
        INFER,
        content=head + binary,
        headers={"inference-header-content-length": header or str(len(head))},
    )
    answer = response.json()
    return response.status_code, answer.get("error") or answer["outputs"][0]["data"]


def test_binary_data_is_length_and_bytes_of_each_element(client: TestClient) -> None:
    assert send(client, elements(b"one", b"", b"two"), num=3) == (200, ["ONE", "", "TWO"])


@pytest.mark.parametrize(
    ("binary", "lies", "told"),
    [
        pytest.param(b"\x05\0\0\0a", {}, "`inputs[0]` ends within element 0", id="a long element"),
        pytest.param(b"\xff\xff\xff\xffa", {}, "ends within element 0", id="a huge element"),
        pytest.param(elements(b"a") + b"\1\0", {}, "ends within element 1", id="half a length"),
        pytest.param(elements(b"a"), {"size": 6}, "is 6; 5 bytes are left", id="a long tensor"),
        pytest.param(elements(b"a"), {"size": 10**30}, "5 bytes are left", id="a huge tensor"),
        pytest.param(elements(b"a"), {"size": -1}, "is -1; it must be at least 0", id="negative"),
        pytest.param(elements(b"a", b"b"), {"size": 5}, "5 bytes follow the data", id="a rest"),
        pytest.param(
            elements(b"a"), {"num": 2}, "`inputs[0].shape` must be [1]", id="few elements"
        ),
        pytest.param(elements(b"a", b"b"), {}, "`inputs[0].shape` must be [2]", id="more elements"),
        pytest.param(b"\0" * 900_000, {}, "has 225000 elements", id="many empty elements"),
        pytest.param(b"a", {"header": "99999"}, "is '99999'; it must be a number", id="header"),
        pytest.param(b"a", {"header": "9" * 4_000}, "a text of 4000 characters", id="huge header"),
        pytest.param(b"a", {"header": "-1"}, "is '-1'; it must be a number", id="negative header"),
        pytest.param(b"a", {"header": "0"}, "the body is not valid JSON", id="no header"),
    ],
)
def test_a_lying_length_is_told_in_one_sentence(
    client: TestClient, binary: bytes, lies: dict[str, Any], told: str
) -> None:
    status, sentence = send(client, binary, **lies)
    assert status == 400
    assert told in sentence


def test_an_input_has_its_data_in_one_place(client: TestClient) -> None:
    body = {"inputs": [text("a", parameters={"binary_data_size": 0})], "parameters": TO_GERMAN}
    assert "excludes `binary_data_size`" in refusal(client, INFER, body)[2]


def test_a_body_that_is_too_large_is_told_in_the_same_shape() -> None:
    client = client_of(max_body_bytes=1_024)
    assert refusal(client, INFER, {"inputs": [text("a" * 2_000)]})[:2] == (413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "methods"),
    [("{model_name}/infer", "POST"), ("{model_name}/versions/{model_version}/infer", "POST")],
)
def test_the_schema_describes_each_route_and_other_methods_are_refused(
    client: TestClient, path: str, methods: str
) -> None:
    routes = client.get("/openapi.json").json()["paths"]
    operation = routes[f"/v2/models/{path}"]["post"]
    assert {each["name"] for each in operation["parameters"]} == {
        name for name in ("model_name", "model_version") if name in path
    }
    assert "text" in json.dumps(operation["requestBody"])
    response = client.get(f"/v2/models/{path.format(model_name='a', model_version='0')}")
    assert (response.status_code, response.headers["allow"]) == (405, methods)
