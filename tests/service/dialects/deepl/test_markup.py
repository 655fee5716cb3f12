"""Tags in a text: which are read, what is asked of the model, and that they all come back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.service.clients import client_of, translate
from tests.support.service.deepl_clients import asking, translating
from tests.support.service.fakes import TRANSLATOR, FakeBackend

COPYING = replace(TRANSLATOR, stand_ins=("XAX", "XBX", "XCX"))
PAGE = "<doc><h>One two</h><par>Three <b>four</b> five.\nSix <k>seven</k>.</par></doc>"


async def translated(
    text: str, *, backend: FakeBackend | None = None, **options: Any
) -> tuple[list[str], str]:
    """Return what the model is asked, and the translation, by the package `deepl`."""
    backend = backend or FakeBackend()
    async with asking(backend) as ask:
        result = await ask(translating(text, source_lang="EN", **options))
    return [request.text for request in backend.requests], str(result)


WORDS = "One <k>two</k> three."
CLAUSES = "<a>One two </a><a>three four.</a>"
CAPITALS = "<a>ONE TWO </a><a>THREE FOUR.</a>"


@pytest.mark.parametrize(
    ("text", "options", "asked", "expected"),
    [
        (WORDS, {}, ["One two three."], "ONE <k>TWO</k> THREE."),
        (WORDS, {"ignore_tags": "k"}, ["One", "three."], "ONE <k>two</k> THREE."),
        (WORDS, {"splitting_tags": ["k"]}, ["One", "two", "three."], "ONE <k>TWO</k> THREE."),
        (CLAUSES, {}, ["One two", "three four."], CAPITALS),
        (CLAUSES, {"non_splitting_tags": ["a"]}, ["One two three four."], CAPITALS),
        (CLAUSES, {"outline_detection": False}, ["One two three four."], CAPITALS),
        (
            CLAUSES,
            {"outline_detection": False, "splitting_tags": ["a"]},
            ["One two", "three four."],
            CAPITALS,
        ),
    ],
)
async def test_options_say_which_tags_end_a_sentence(
    text: str, options: dict[str, Any], asked: Sequence[str], expected: str
) -> None:
    assert await translated(text, tag_handling="xml", **options) == (list(asked), expected)


async def test_placeholders_in_empty_elements_come_back_once_each() -> None:
    text = 'Press <x id="6"></x> to save <x id="19"></x> files &amp; folders.'
    asked, found = await translated(
        text,
        backend=FakeBackend(served=(COPYING,)),
        tag_handling="xml",
        ignore_tags=["x"],
        formality="default",
    )
    assert found == 'PRESS <x id="6"></x> TO SAVE <x id="19"></x> FILES &amp; FOLDERS.'
    assert len(asked) == 1  # the model reads the sentence as a whole


@pytest.mark.parametrize("text", [PAGE, "1 < 2 & 3 > 2", "<b>One", "One &lt; two</b>"])
def test_each_kind_of_text_is_translated_as_the_native_route_does(text: str) -> None:
    client = client_of()
    for kind, native in (
        ({}, {}),
        ({"tag_handling": "xml"}, {"format": "xml"}),
        ({"tag_handling": "html"}, {"format": "html", "split": "nonewlines"}),
        ({"tag_handling": "html", "split_sentences": "1"}, {"format": "html"}),
    ):
        body = {"text": [text], "source_lang": "EN", "target_lang": "DE", **kind}
        (found,) = client.post("/v2/translate", json=body).json()["translations"]
        assert found["text"] == translate(client, text, **native)["translations"][0]["text"]


async def test_without_tag_handling_options_for_tags_have_no_effect() -> None:
    options: dict[str, Any] = {
        "ignore_tags": ["b"],
        "splitting_tags": ["k"],
        "outline_detection": False,
    }
    assert await translated(PAGE, **options) == await translated(PAGE)
