"""A body's fields are the same in every encoding; one that cannot be read is told why."""

from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from service.errors import ApiError
from service.wire.bodies import MAX_FIELDS, MAX_NAME_CHARACTERS, read_fields

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=line"
END = b"--line--\r\n"

# JSON can escape half of a surrogate pair, which no encoding can write.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(lambda name: name.isidentifier())


async def echo(request: Request) -> Response:
    try:
        return JSONResponse(dict(await read_fields(request)))
    except ApiError as error:
        return JSONResponse({"error": str(error)}, status_code=422)


app = FastAPI()
app.add_api_route("/", echo, methods=["POST"])
client = TestClient(app)


def fields_of(body: bytes, kind: str | None = None, query: str = "") -> Any:
    headers = {} if kind is None else {"content-type": kind}
    return client.post(f"/?{query}", content=body, headers=headers).json()


def part(name: str, value: str, more: str = "") -> bytes:
    head = f'content-disposition: form-data; name="{name}"{more}'
    return f"--line\r\n{head}\r\n\r\n{value}\r\n".encode()


@given(st.dictionaries(names, texts, min_size=1, max_size=5))
def test_the_encoding_of_a_body_does_not_matter(fields: dict[str, str]) -> None:
    parts = b"".join(part(name, value) for name, value in fields.items()) + END
    assert client.post("/", json=fields).json() == fields
    assert fields_of(urlencode(fields).encode(), FORM) == fields
    assert fields_of(parts, MULTIPART) == fields
    assert fields_of(b"", query=urlencode(fields)) == fields


@pytest.mark.parametrize("kind", [None, "text/plain", ";;", "application/json; charset=UTF-8"])
def test_a_body_is_json_unless_it_says_that_it_is_a_form(kind: str | None) -> None:
    assert fields_of(b'{"q": "hello"}', kind) == {"q": "hello"}


def test_a_field_that_is_there_twice_has_two_values_in_a_form_and_the_last_in_json() -> None:
    assert fields_of(b"q=a&q=b", FORM) == {"q": ["a", "b"]}
    assert fields_of(part("q", "a") + part("q", "b") + END, MULTIPART) == {"q": ["a", "b"]}
    assert fields_of(b'{"q": "a", "q": "b"}') == {"q": "b"}


def test_a_body_s_field_comes_before_the_query_string_s() -> None:
    assert fields_of(b'{"q": "a"}', query="q=b&to=de") == {"q": "a", "to": "de"}


def test_a_byte_order_mark_does_not_matter() -> None:
    assert fields_of(b'\xef\xbb\xbf{"q": "a"}') == {"q": "a"}


def test_an_empty_body_has_no_fields() -> None:
    assert [fields_of(b"", kind) for kind in (None, "application/json", FORM)] == [{}, {}, {}]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        pytest.param(b"[" * 100_000, None, "nested more than 200 levels deep", id="deep"),
        pytest.param(b'{"a":' + b"9" * 5_000 + b"}", None, "number out of range", id="digits"),
        pytest.param(b'{"a":NaN}', None, "not valid JSON", id="nan"),
        pytest.param(b'{"a":-Infinity}', None, "not valid JSON", id="infinity"),
        pytest.param(b'{"a":"\\ud800\\ud800"}', None, "lone leading surrogate", id="surrogate"),
        pytest.param(b'{"a":"\x00"}', None, "control character", id="nul"),
        pytest.param('{"a":1}'.encode("utf-16"), None, "not valid JSON", id="utf-16"),
        pytest.param(b'{"a":"\xff"}', None, "invalid unicode", id="latin-1"),
        pytest.param(b"7", None, "must be one JSON object", id="number"),
        pytest.param(b"{}", "application/json; charset=utf-16", "must be utf-8", id="charset"),
        pytest.param(b"q=%ff", FORM, "the form is not UTF-8", id="form of latin-1"),
        pytest.param(b"&" * MAX_FIELDS, FORM, "more than 1000 fields", id="fields of a form"),
        pytest.param(END, "multipart/form-data", "Missing boundary", id="no boundary"),
        pytest.param(b"secret--", MULTIPART, "cannot be read", id="no part"),
        pytest.param(part("q", "secret"), MULTIPART, "breaks off", id="no end"),
        pytest.param(part("q", "a") * 1_001 + END, MULTIPART, "Too many fields", id="parts"),
        pytest.param(
            part("f", "secret", '; filename="secret"') + END,
            MULTIPART,
            "`f` is a file",
            id="file",
        ),
        pytest.param(
            part("f", "", '; filename="x"').replace(b"\r\n\r\n", b"\r\n\r\n\xff"),
            MULTIPART,
            "the form is not UTF-8",
            id="file of bytes",
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(
    body: bytes, kind: str | None, expected: str
) -> None:
    answer = fields_of(body, kind)
    assert expected in answer["error"]
    assert "secret" not in answer["error"]


def test_a_query_string_is_checked_like_a_form() -> None:
    assert "the query string is not UTF-8" in fields_of(b"", query="q=%ff")["error"]
    assert "more than 1000 fields" in fields_of(b"", query="&" * MAX_FIELDS)["error"]


@pytest.mark.parametrize("extra", [0, 1])
def test_the_number_of_fields_and_the_length_of_names_have_a_limit(extra: int) -> None:
    many = {f"k{i}": "" for i in range(MAX_FIELDS + extra)}
    long = {"k" * (MAX_NAME_CHARACTERS + extra): ""}
    for fields in (many, long):
        for answer in (
            client.post("/", json=fields).json(),
            fields_of(urlencode(fields).encode(), FORM),
        ):
            assert (answer == fields) is (extra == 0)
            assert ("error" in answer) is (extra == 1)
