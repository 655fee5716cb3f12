"""Segments with what must not change, over a backend that copies, loses or doubles stand-ins."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer.prompt import Task
from tests.support.service.clients import Json, client_of, sse_events, translate
from tests.support.service.fakes import TRANSLATOR, FakeBackend, same, shout

NAMES = tuple(f"X{i}Y" for i in range(1, 9))
COPYING = replace(TRANSLATOR, stand_ins=NAMES, max_input_tokens=400, max_new_tokens=400)


def backend_of(answer: Callable[[str, Task], str] = shout, *, copies: bool = True) -> FakeBackend:
    return FakeBackend(served=(COPYING if copies else TRANSLATOR,), answer=answer)


def translated(text: str, backend: FakeBackend, **fields: object) -> str:
    answer: Json = translate(client_of(backend), text, **fields)
    result: str = answer["translations"][0]["text"]
    return result


def losing(name: str) -> Callable[[str, Task], str]:
    return lambda text, task: shout(text, task).replace(name, "")


def test_a_placeholder_comes_back_where_its_stand_in_is() -> None:
    backend = backend_of(lambda text, _: " ".join(reversed(text.split())))
    assert translated("Hello {name} from {place}!", backend) == "{place}! from {name} Hello"
    assert [request.text for request in backend.requests] == ["Hello X1Y from X2Y!"]


@pytest.mark.parametrize("answer", [losing("X1Y"), lambda text, _: text.upper() + " X1Y"])
def test_a_segment_that_loses_or_doubles_a_stand_in_is_translated_around_it(
    answer: Callable[[str, Task], str],
) -> None:
    backend = backend_of(answer)
    found = translated("Hello {name}, how are you?", backend)
    assert found.count("{name}") == 1
    assert [request.text for request in backend.requests][1:] == ["Hello", "how are you?"]


def test_a_model_that_copies_nothing_translates_around_what_is_protected() -> None:
    backend = backend_of(copies=False)
    assert translated("Hello {name}, how are you?", backend) == "HELLO {name}, HOW ARE YOU?"
    assert [request.text for request in backend.requests] == ["Hello", "how are you?"]


def test_more_placeholders_than_stand_ins_are_translated_around() -> None:
    text = " and ".join(f"{{p{i}}}" for i in range(12))
    assert translated(text, backend_of()) == text.replace("and", "AND")


def test_a_text_of_placeholders_alone_asks_no_model() -> None:
    backend = backend_of()
    assert translated("{first} - {last}", backend) == "{first} - {last}"
    assert backend.requests == []


def test_a_number_that_was_lost_is_protected() -> None:
    backend = backend_of(lambda text, _: text.replace("42", "forty-two"))
    assert translated("The answer is 42 here.", backend) == "The answer is 42 here."
    assert [request.text for request in backend.requests] == [
        "The answer is 42 here.",
        "The answer is X1Y here.",
    ]


def test_what_the_vocabulary_does_not_know_is_protected() -> None:
    backend = replace(backend_of(), unknown="北京")
    assert translated("I like 北京 very much.", backend) == "I LIKE 北京 VERY MUCH."
    assert [request.text for request in backend.requests] == ["I like X1Y very much."]


def test_unknown_characters_beside_a_placeholder_are_protected() -> None:
    backend = replace(backend_of(losing("北")), unknown="北京{x}")
    assert translated("I like 北{x}京 very much.", backend) == "I LIKE 北{x}京 VERY MUCH."


def test_capitals_are_read_as_a_sentence_and_written_as_capitals() -> None:
    backend = backend_of(same)
    assert translated("DO NOT OPEN {door} NOW!", backend) == "DO NOT OPEN {door} NOW!"
    assert [request.text for request in backend.requests] == ["Do not open X1Y now!"]


def test_capitals_whose_small_letters_are_too_long_are_read_as_they_are() -> None:
    text = "İ" * 400
    assert translated(text, backend_of(same)) == text


@pytest.mark.parametrize("parts", [["confidence"], ["alignment"]])
def test_a_text_that_is_cut_is_scored_as_it_was_read(parts: list[str]) -> None:
    fields = {"split": "none", "on_overflow": "truncate", "return": parts}
    (item,) = translate(client_of(backend_of(same)), "word " * 100, **fields)["translations"]
    assert item["truncated"]
    assert item[parts[0]]


def test_links_lead_from_the_placeholder_to_itself() -> None:
    text = "Hello {name} there"
    answer = translate(
        client_of(backend_of(lambda text, _: " ".join(reversed(text.split())))),
        text,
        **{"return": ["alignment"]},
    )
    (item,) = answer["translations"]
    pairs = {(text[a:b], item["text"][c:d]) for a, b, c, d, _ in item["alignment"]}
    assert pairs == {("Hello", "Hello"), ("{name}", "{name}"), ("there", "there")}


def test_links_of_pieces_are_links_of_the_whole_text() -> None:
    text = "  Hello {name}, how are you?\nGood morning. "
    answer = translate(client_of(backend_of(copies=False)), text, **{"return": ["alignment"]})
    (item,) = answer["translations"]
    pairs = [(text[a:b], item["text"][c:d]) for a, b, c, d, _ in item["alignment"]]
    assert ("how", "HOW") in pairs
    assert ("{name}", "{name}") in pairs
    assert ("morning.", "MORNING.") in pairs
    assert all(source.upper() == target.upper() for source, target in pairs)
    assert pairs == sorted(pairs, key=lambda pair: text.index(pair[0]))


@pytest.mark.parametrize("num_beams", [1, 2])
@pytest.mark.parametrize(
    "text",
    [
        "Hello {name}, here are 3 things. And you?\n* One {x}\n",
        "SAVE ALL FILES NOW! {a}{b} is done.",
        "  plain sentence here. ",
        "DO NOT OPEN THE DOOR! Please.",
    ],
)
def test_the_pieces_of_a_stream_are_the_whole(text: str, num_beams: int) -> None:
    fields = {"target_lang": "de", "source_lang": "en", "num_beams": num_beams}
    for copies in (True, False):
        client = client_of(backend_of(copies=copies))
        response = client.post("/v1/translate", json={"text": text, "stream": True, **fields})
        events = sse_events(response.text)
        whole = translate(client, text, num_beams=num_beams)["translations"][0]["text"]
        assert "".join(event["text"] for name, event in events if name != "done") == whole
        assert {name for name, _ in events} == {"token" if num_beams == 1 else "segment", "done"}


WORDS = st.sampled_from(
    [
        *("Hello", "{name}", "%s", "42", "DO NOT", "https://x.org/a?b=1", "you.", "`code`", "\n"),
        *(
            "\t",
            "* ",
            "1. ",
            "  ",
            "a@b.de",
            "OK!",
            "„Ja“",
            "👍",
            "C:\\a",
            "<b>",
            "&amp;",
            "3.5 km",
        ),
    ]
)


@given(st.lists(WORDS, max_size=12).map(" ".join), st.booleans())
def test_a_translation_that_changes_nothing_gives_the_text(text: str, copies: bool) -> None:  # noqa: FBT001
    assert translated(text, backend_of(same, copies=copies)) == text


@given(st.text(max_size=40), st.booleans())
def test_any_text_comes_back_from_a_translation_that_changes_nothing(
    text: str,
    copies: bool,  # noqa: FBT001
) -> None:
    assert translated(text, backend_of(same, copies=copies)) == text


def test_the_confidence_of_a_text_is_that_of_its_segments_and_rounded() -> None:
    answer = translate(client_of(backend_of()), "One is. Two are.", **{"return": ["confidence"]})
    (item,) = answer["translations"]
    assert 0 <= item["confidence"] <= 1
    assert item["confidence"] == round(item["confidence"], 4)


def test_a_placeholder_in_a_forced_beginning_is_the_one_of_the_text() -> None:
    backend = backend_of(lambda _, __: "!")
    assert translated("Hello {name}!", backend, target_prefix="Guten {name}") == "Guten {name}!"
    assert [request.target_prefix for request in backend.requests] == ["Guten X1Y"]
