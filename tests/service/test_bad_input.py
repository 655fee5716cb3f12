"""Hostile input, the same to every client API: an error of one sentence, and never a fault.

A route is a line of `ROUTES`, an input a line of `INPUTS`.
"""

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.testclient import TestClient

from tests.support.service.clients import Json, client_of, server_of
from tests.support.service.fakes import FakeBackend

SECRET = "Geheimnis"  # of a text  # noqa: S105 - no password
KEY = "key-that-nobody-may-see"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Route:
    """A route that takes a text, in the field `text` of an object, or of the object in `inside`."""

    path: str
    text: str
    fields: Json = field(default_factory=dict)
    inside: Callable[[Json], Json] = dict

    def body(self, text: object = "Good morning.", **more: Any) -> Json:
        return self.inside({self.text: text, **self.fields, **more})


def tensor(fields: Json) -> Json:
    data = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [fields.pop("text")]}
    return {"inputs": [data], "parameters": fields}


PAIR = {"source_lang": "en", "target_lang": "de"}

ROUTES = [
    Route("/v1/translate", "text", PAIR),
    Route("/v1/summarize", "text"),
    Route("/v1/detect", "text"),
    Route("/v1/score", "text", {**PAIR, "output": "Guten Morgen."}),
    Route("/translate", "q", {"source": "en", "target": "de"}),
    Route("/detect", "q"),
    Route("/v2/translate", "text", {"source_lang": "EN", "target_lang": "DE"}),
    Route("/models/fake/translate", "inputs", {"parameters": {"src_lang": "en", "tgt_lang": "de"}}),
    Route("/hf/translation", "inputs", {"parameters": {"src_lang": "en", "tgt_lang": "de"}}),
    Route("/hf/summarization", "inputs"),
    Route("/v2/models/fake%2Ftranslate/infer", "text", PAIR, tensor),
    Route("/nllb/translate", "source", {"src_lang": "eng_Latn", "tgt_lang": "deu_Latn"}),
    Route("/nllb/translator", "text", {"source": "eng_Latn", "target": "deu_Latn"}),
]


@dataclass(frozen=True, slots=True)
class Sent:
    """A body and headers that are sent to a route."""

    content: bytes
    kind: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""


def as_json(body: object) -> Sent:
    return Sent(json.dumps(body).encode())  # with NaN, and half a surrogate pair escaped


def nested(depth: int) -> object:
    found: object = SECRET
    for _ in range(depth):
        found = [found]
    return found


def text_of(text: object) -> Callable[[Route], Sent]:
    return lambda route: as_json(route.body(text))


def with_number(digits: str) -> Callable[[Route], Sent]:
    def sent(route: Route) -> Sent:
        return Sent(json.dumps(route.body(x=0)).replace('"x": 0', f'"x": {digits}').encode())

    return sent


def with_unknown_fields(route: Route) -> Sent:
    return as_json({**route.body(), **dict.fromkeys(map(str, range(70_000)), 1)})


def encoded(encoding: str) -> Callable[[Route], Sent]:
    return lambda route: Sent(json.dumps(route.body()).encode(encoding))


def of_kind(kind: str | None) -> Callable[[Route], Sent]:
    return lambda route: Sent(json.dumps(route.body(SECRET)).encode(), kind)


def gzip_bomb(_: Route) -> Sent:
    return Sent(gzip.compress(bytes(64 * MIB), 1), headers={"content-encoding": "gzip"})


def form_of(num_fields: int) -> Callable[[Route], Sent]:
    def sent(route: Route) -> Sent:
        flat = {name: str(value) for name, value in route.fields.items()}
        many = {f"x{i}": SECRET for i in range(num_fields)}
        return Sent(urlencode({route.text: "Hello.", **flat, **many}).encode(), FORM)

    return sent


def content(raw: bytes, kind: str | None = JSON, query: str = "") -> Callable[[Route], Sent]:
    return lambda _: Sent(raw, kind, query=query)


INPUTS: dict[str, Callable[[Route], Sent]] = {
    # texts
    "a megabyte of one letter": text_of("a" * 1_000_000),
    "two million tokens": text_of(f"{SECRET} " * 250_000),
    "a letter beyond the limit": text_of(SECRET + "a" * 50_000),
    "ten thousand line ends": text_of("\n" * 10_000),
    "an empty text": text_of(""),
    "half a surrogate pair": text_of(f"{SECRET} \ud800"),
    "the other half": text_of(f"{SECRET} \udc00"),
    "a NUL": text_of("a\0b"),
    "right to left, with marks": text_of(
        "\u202e\u05e9\u05c1\u05b8\u05dc\u202c a" + "\u0301" * 5_000
    ),
    "emoji only": text_of("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 200),
    "characters that Unicode does not define": text_of("\ufdd0\uffff\U0010ffff"),
    # kinds
    "half a million numbers": text_of([1] * 300_000),
    "many texts": text_of([SECRET] * 10_000),
    "no texts": text_of([]),
    "lists in lists": text_of(nested(100)),
    "NaN": text_of(float("nan")),
    "infinity": text_of(float("-inf")),
    "a number beyond floats": with_number("1e400"),
    "a number of many digits": with_number("9" * 100_000),
    "many unknown fields": with_unknown_fields,
    # JSON
    "no body": content(b""),
    "no object": content(b"[]"),
    "a text": content(json.dumps(SECRET).encode()),
    "null": content(b"null"),
    "brackets": content(b"[" * 500_000),
    "braces": content(b'{"a":' * 150_000),
    "half an object": content(b'{"text": "' + SECRET.encode()),
    "no JSON": content(SECRET.encode()),
    "bytes": content(bytes(range(256)) * 100),
    "UTF-16": encoded("utf-16"),
    "UTF-32": encoded("utf-32"),
    "a byte order mark": encoded("utf-8-sig"),
    "zeros": content(bytes(1_000_000)),
    # content types
    "no content type": of_kind(None),
    "a wrong content type": of_kind("image/png"),
    "a content type that is none": of_kind(";;=;"),
    "a wrong charset": of_kind("application/json; charset=utf-16"),
    "JSON called a form": of_kind(FORM),
    "JSON called multipart": of_kind("multipart/form-data; boundary=x"),
    "multipart without a boundary": of_kind("multipart/form-data"),
    "a gzip bomb": gzip_bomb,
    # forms
    "a form of hundreds of fields": form_of(900),
    "a form of thousands of fields": form_of(50_000),
    "a form that is not UTF-8": content(b"q=%ff&text=%ff&inputs=%ff", FORM),
    "a form of signs": content(b"%" * 1_000_000, FORM),
    "a form of separators": content(b"&" * 1_000_000, FORM),
    "a query that is not UTF-8": content(b"{}", query="q=%ff&text=%ff"),
    "a query of many fields": content(b"{}", query="&".join(f"a{i}" for i in range(5_000))),
}

WRONG_VALUES = [
    7, -1, 0.5, 1e300, 10**400, True, None, "", SECRET * 500, "\ud800", [], [7], [None], {},
    {"a": 1}, [f"{SECRET} again"] * 200,
]  # fmt: skip

OTHER_FIELDS = (
    "api_key", "format", "alternatives", "model", "glossary", "return", "stream", "timeout_ms",
    "style", "priority", "tag_handling", "split_sentences", "glossary_id", "formality", "options",
    "inputs", "parameters", "outputs", "id",
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of()


def send(client: TestClient, route: Route, sent: Sent) -> httpx.Response:
    headers = {**sent.headers, "authorization": f"Bearer {KEY}"}
    if sent.kind is not None:
        headers["content-type"] = sent.kind
    path = f"{route.path}?{sent.query}" if sent.query else route.path
    response: Any = client.post(path, content=sent.content, headers=headers)
    return response  # type: ignore[no-any-return]


def check(response: httpx.Response) -> None:
    """Fail unless the answer is a good one, or an error that tells a client what to mend."""
    assert response.status_code < 500, response.text
    if response.status_code < 400:
        return
    body = response.json()
    assert isinstance(body, dict)
    sentences = [body[name] for name in ("error", "message") if name in body]
    assert sentences
    assert all(isinstance(sentence, str) and sentence for sentence in sentences)
    assert len(response.content) < 2_000
    assert SECRET not in response.text
    assert KEY not in response.text


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_bad_input_is_no_fault_and_is_told_in_a_sentence(
    client: TestClient, route: Route, name: str
) -> None:
    check(send(client, route, INPUTS[name](route)))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_wrong_value_in_any_field_is_no_fault_and_is_told_in_a_sentence(
    client: TestClient, route: Route
) -> None:
    for name in (route.text, *route.fields, *OTHER_FIELDS):
        for value in WRONG_VALUES:
            given = {**route.fields, route.text: "Good morning.", name: value}
            check(send(client, route, as_json(route.inside(given))))


async def test_others_are_answered_while_bad_requests_are() -> None:
    async with server_of(FakeBackend()) as client:

        async def post(route: Route, sent: Sent) -> None:
            headers = {**sent.headers, "content-type": sent.kind or JSON}
            check(await client.post(route.path, content=sent.content, headers=headers))

        bad = [
            post(ROUTES[i % len(ROUTES)], make(ROUTES[i % len(ROUTES)]))
            for i, make in enumerate(INPUTS.values())
        ]
        at_work = asyncio.gather(*bad)
        while not at_work.done():
            assert (await client.get("/health")).status_code == 200
        await at_work
