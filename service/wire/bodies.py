"""Read a body's fields, whatever its encoding: JSON, a form, a query string, multipart.

Everything is UTF-8 and bounded: the fields and the characters of a name here, the levels of JSON
and the digits of a number by the parser, the bytes by `BodyLimit`. All of it takes linear time.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pydantic_core
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from service.errors import InvalidBodyError, InvalidFieldError, show

MAX_FIELDS = 1_000
MAX_NAME_CHARACTERS = 200

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([^\s"';]*)""")
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOO_DEEP = "recursion limit"  # the parser's words; it reads 201 levels


async def read_fields(request: Request) -> Mapping[str, Any]:
    """Return the fields of a body, and of the query string where the body has none of that name.

    A body is JSON unless its content type is that of a form. An object that names a field twice
    has its last value. In a form or a query string a field's value is a string, or a list of
    strings if it is there more than once.

    Raises:
        InvalidBodyError: The body cannot be read, or has too many fields.
        InvalidFieldError: A field is a file.
    """
    fields = _gathered(_pairs(request.scope["query_string"], "the query string"))
    kind, charset = _content_type(request.headers.get("content-type", ""))
    if charset not in _CHARSETS:
        raise InvalidBodyError(f"the body's charset is {show(charset)}; it must be utf-8")
    body = await request.body()
    if kind == _FORM:
        # Half a second for 1 MiB of percent signs.
        given: Mapping[str, Any] = _gathered(await asyncio.to_thread(_pairs, body, "the form"))
    elif kind == _MULTIPART:
        given = _gathered(await _parts(request, body))
    else:
        given = read_json(body) if body else {}
    return {**fields, **given}


def read_json(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object's fields; a byte order mark before it is ignored.

    Raises:
        InvalidBodyError: It is no JSON, no object, too deep, or has too many fields.
    """
    try:
        found = pydantic_core.from_json(body.removeprefix(_BYTE_ORDER_MARK), allow_inf_nan=False)
    except ValueError as error:
        if _TOO_DEEP in str(error):
            raise InvalidBodyError("the body is nested more than 200 levels deep") from None
        raise InvalidBodyError(f"the body is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidBodyError("the body must be one JSON object")
    _check_names(found)
    return found


def _content_type(value: str) -> tuple[str, str]:
    """Return the media type of a header, and its charset, which is UTF-8 if it names none."""
    kind, _, parameters = value.lower().partition(";")
    charset = _CHARSET.search(parameters)
    return kind.strip(), charset[1] if charset else "utf-8"


def _pairs(encoded: bytes, whose: str) -> list[tuple[str, str]]:
    """Return the names and values of a form or a query string; `whose` names it in errors."""
    if encoded.count(b"&") >= MAX_FIELDS:
        raise InvalidBodyError(f"{whose} has more than {MAX_FIELDS} fields, the most that are read")
    try:
        return parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise InvalidBodyError(f"{whose} is not UTF-8") from None


async def _parts(request: Request, body: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a multipart form, which is all text."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise InvalidBodyError("the form is not UTF-8; it may hold texts only") from None
    if not body.rstrip().endswith(b"--"):
        raise InvalidBodyError("the form breaks off before its last boundary")
    try:
        async with request.form(
            max_files=1, max_fields=MAX_FIELDS, max_part_size=len(body)
        ) as form:
            items = form.multi_items()
    except HTTPException as error:
        raise InvalidBodyError(f"the form cannot be read: {error.detail}") from None
    return [(name, _text(name, value)) for name, value in items]


def _text(name: str, value: str | UploadFile) -> str:
    if isinstance(value, str):
        return value
    shown = name if name.isidentifier() and len(name) <= MAX_NAME_CHARACTERS else "file"
    raise InvalidFieldError(shown, "is a file; this route takes texts only")


def _gathered(items: list[tuple[str, str]]) -> dict[str, Any]:
    """Return values by name; a list where a name is there more than once."""
    by_name: dict[str, list[str]] = {}
    for name, value in items:
        by_name.setdefault(name, []).append(value)
    _check_names(by_name)
    return {name: values[0] if len(values) == 1 else values for name, values in by_name.items()}


def _check_names(names: Iterable[str]) -> None:
    """Refuse too many fields, and names that are too long."""
    for index, name in enumerate(names):
        if index == MAX_FIELDS:
            raise InvalidBodyError(
                f"the body has more than {MAX_FIELDS} fields, the most that are read"
            )
        if len(name) > MAX_NAME_CHARACTERS:
            raise InvalidBodyError(
                f"a field's name has {len(name)} characters; at most {MAX_NAME_CHARACTERS} are read"
            )
