"""HTML and XML through the translator, over a backend that changes the order or the case."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer.prompt import Task
from service.backend import ModelInfo
from tests.support.service.clients import client_of, sse_events, translate
from tests.support.service.fakes import TRANSLATOR, FakeBackend, same, shout

COPYING = replace(
    TRANSLATOR,
    stand_ins=tuple(f"X{i}Y" for i in range(1, 9)),
    max_input_tokens=400,
    max_new_tokens=400,
)
PAGE = (
    '<h1>The house</h1>\n<p class="a">I <b>see</b> the <a href="/h?a=1&amp;b=2">old house</a>. '
    "Press <code>Ctrl+C</code> <br>now. <!-- no --></p><ul><li>One thing</li></ul>"
)


def backend_of(answer: Callable[[str, Task], str] = shout) -> FakeBackend:
    return FakeBackend(served=(COPYING,), answer=answer)


def html(text: str, backend: FakeBackend, **fields: object) -> str:
    answer = translate(client_of(backend), text, format="html", **fields)
    result: str = answer["translations"][0]["text"]
    return result


def backwards(text: str, task: Task) -> str:  # noqa: ARG001 - the type of an answer
    return " ".join(reversed(text.split()))


def test_a_sentence_is_translated_across_its_tags_and_keeps_them() -> None:
    backend = backend_of()
    assert html("<p>I <b>see</b> you &amp; me.</p>", backend) == "<p>I <b>SEE</b> YOU &amp; ME.</p>"
    assert [request.text for request in backend.requests] == ["I see you & me."]


def test_a_tag_goes_where_its_words_went() -> None:
    assert html("<i>one</i> two three", backend_of(backwards)) == "three two <i>one</i>"


def test_blocks_are_translated_by_themselves_and_what_is_code_is_copied() -> None:
    backend = backend_of()
    found = html(PAGE, backend)
    assert found.startswith('<h1>THE HOUSE</h1>\n<p class="a">I <b>SEE</b> THE ')
    assert '<a href="/h?a=1&amp;b=2">OLD HOUSE</a>' in found
    assert "<code>Ctrl+C</code>" in found
    assert found.endswith("<!-- no --></p><ul><li>ONE THING</li></ul>")


def test_attributes_are_translated_on_request() -> None:
    text = '<p><img alt="A red house" title="no">See this.</p>'
    found = html(text, backend_of(), attributes=["alt"])
    assert found == '<p><img alt="A RED HOUSE" title="no">SEE THIS.</p>'


def test_a_placeholder_in_markup_is_text() -> None:
    found = html("<p>Is <b>{name}</b> &lt; 3 there</p>", backend_of())
    assert found == "<p>IS <b>{name}</b> &lt; 3 THERE</p>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run {name} <code>x_y</code> {z} now.", "RUN {name} <code>x_y</code> {z} NOW."),
        ("At http://a.b/<code>max</code>/c?d here", "AT http://a.b/<code>max</code>/c?d HERE"),
        ("Ask <i translate=no>max</i>@example.com", "ASK <i translate=no>max</i>@example.com"),
    ],
)
def test_a_placeholder_beside_a_copied_element_is_protected(text: str, expected: str) -> None:
    assert html(f"<p>{text}</p>", backend_of()) == f"<p>{expected}</p>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {first} <b>{last}</b>!", "<b>{last}</b>! {first} Hello"),
        ("{a}<b>{b}</b>{c} text", "text{c}<b>{b}</b> {a}"),
        ("I <b>am {x}</b> and <i>{y} you</i>.", "<i>you. {y}</i> and <b>{x} am</b> I"),
    ],
)
def test_no_tag_stands_in_a_placeholder(text: str, expected: str) -> None:
    assert html(f"<p>{text}</p>", backend_of(backwards)) == f"<p>{expected}</p>"


def test_segments_of_markup_have_their_alignment_and_no_tags() -> None:
    answer = translate(
        client_of(backend_of()),
        "<p>I <b>see</b> you.</p>",
        format="html",
        **{"return": ["alignment"]},
    )
    (item,) = answer["translations"]
    assert "alignment" not in item
    (segment,) = item["segments"]
    assert (segment["source"], segment["text"]) == ("I see you.", "I SEE YOU.")
    assert [2, 5, 2, 5, 1.0] in segment["alignment"]


@pytest.mark.parametrize("model", [COPYING, replace(COPYING, stand_ins=())])
def test_segments_show_what_is_copied_without_its_tags(model: ModelInfo) -> None:
    text = "<p>I <code>see&lt;</code> <b>you</b>.</p>"
    answer = translate(
        client_of(FakeBackend(served=(model,), answer=shout)),
        text,
        format="html",
        **{"return": ["alignment", "segments"]},
    )
    (item,) = answer["translations"]
    assert item["text"] == "<p>I <code>see&lt;</code> <b>YOU</b>.</p>"
    (segment,) = item["segments"]
    assert (segment["source"], segment["text"]) == ("I see< you.", "I see< YOU.")
    pairs = {
        (segment["source"][a:b], segment["text"][c:d]) for a, b, c, d, _ in segment["alignment"]
    }
    assert ("see<", "see<") in pairs


@pytest.mark.parametrize("num_beams", [1, 2])
def test_streamed_markup_is_the_whole(num_beams: int) -> None:
    client = client_of(backend_of())
    body = {"text": PAGE, "target_lang": "de", "source_lang": "en", "format": "html"}
    response = client.post("/v1/translate", json={**body, "stream": True, "num_beams": num_beams})
    pieces = [event["text"] for name, event in sse_events(response.text) if name != "done"]
    assert "".join(pieces) == html(PAGE, backend_of())


@pytest.mark.parametrize("num_beams", [1, 2])
@pytest.mark.parametrize("text", ["<p>if a &lt;b &amp; c\n then</p>", "<p>plain words</p>", "<q>"])
def test_a_stream_of_markup_is_escaped(text: str, num_beams: int) -> None:
    client = client_of(backend_of(lambda text, _: f"{text} <i> & ]]> x&lt;"))
    body = {"text": text, "target_lang": "de", "source_lang": "en", "format": "html"}
    response = client.post("/v1/translate", json={**body, "stream": True, "num_beams": num_beams})
    pieces = [event["text"] for name, event in sse_events(response.text) if name != "done"]
    whole = translate(client, text, format="html")["translations"][0]["text"]
    assert "".join(pieces) == whole
    assert "<i>" not in whole


@pytest.mark.parametrize("split", ["sentences", "nonewlines", "newlines", "none"])
def test_markup_comes_back_from_a_translation_that_changes_nothing(split: str) -> None:
    assert html(PAGE, backend_of(same), split=split) == PAGE


TAGS = st.sampled_from(
    [
        *("<p>", "</p>", "<b>", "</b>", "<br>", "<code>", "</code>", "&lt;", "&amp;", "&", "<"),
        *("Hello", "{x}", "you.", " ", "\n", '<a href="x">', "</a>", "<!-- c -->", "👍", "1. "),
    ]
)


@given(st.lists(TAGS, max_size=14).map("".join), st.sampled_from(["html", "xml"]))
def test_any_markup_comes_back_from_a_translation_that_changes_nothing(
    text: str, markup: str
) -> None:
    answer = translate(client_of(backend_of(same)), text, format=markup)
    assert answer["translations"][0]["text"] == text
