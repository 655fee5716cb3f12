"""A glossary's terms in translations, over backends that know them, copy them, or neither."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from model.tokenizer.prompt import Task
from tests.support.service.clients import client_of, refusal, sse_events, translate
from tests.support.service.fakes import TRANSLATOR, FakeBackend, same

COPYING = replace(TRANSLATOR, stand_ins=tuple(f"X{i}Y" for i in range(1, 9)))
ACCOUNT = [{"source": "account", "target": "Konto"}]


def backend_of(answer: Callable[[str, Task], str], *, copies: bool = True) -> FakeBackend:
    return FakeBackend(served=(COPYING if copies else TRANSLATOR,), answer=answer)


def translated(text: str, backend: FakeBackend, **fields: object) -> str:
    answer = translate(client_of(backend), text, **fields)
    result: str = answer["translations"][0]["text"]
    return result


def asked(backend: FakeBackend) -> list[str]:
    return [request.text for request in backend.requests]


def test_a_model_that_knows_the_term_is_asked_once() -> None:
    backend = backend_of(lambda text, _: text.replace("account", "Konto"))
    assert translated("Open the account now.", backend, glossary=ACCOUNT) == "Open the Konto now."
    assert asked(backend) == ["Open the account now."]


def test_a_term_that_is_missing_is_written_into_the_source() -> None:
    backend = backend_of(lambda text, _: text.replace("account", "Rechnung"))
    assert translated("Open the account now.", backend, glossary=ACCOUNT) == "Open the Konto now."
    assert asked(backend) == ["Open the account now.", "Open the Konto now."]


def ignoring(text: str, task: Task) -> str:  # noqa: ARG001 - the type of an answer
    return text.replace("account", "Rechnung").replace("Konto", "Rechnung")


def test_a_term_that_the_model_does_not_copy_gets_a_stand_in() -> None:
    backend = backend_of(ignoring)
    assert translated("Open the account now.", backend, glossary=ACCOUNT) == "Open the Konto now."
    assert asked(backend)[2:] == ["Open the X1Y now."]


def test_a_term_comes_back_even_from_a_model_that_copies_nothing() -> None:
    backend = backend_of(ignoring, copies=False)
    assert translated("Open the account now.", backend, glossary=ACCOUNT) == "Open the Konto now."


@pytest.mark.parametrize("mode", ["enforce", "prefer"])
@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("R&D", "Our R&D is here.", "Our F&E is here."),
        ("MAX_SIZE", "Set MAX_SIZE to {x} now.", "Set F&E to {x} now."),
        ("北京", "I like 北京 very much.", "I like F&E very much."),
        ("MAX", "Set {MAX} and MAX_SIZE now.", "Set {MAX} and MAX_SIZE now."),
        ("x", "Go to http://x.org/x and {x} now.", "Go to http://x.org/x and {x} now."),
    ],
)
def test_a_term_goes_before_what_would_be_copied_unless_it_is_a_part_of_it(
    source: str, text: str, expected: str, mode: str
) -> None:
    entries = [{"source": source, "target": "F&E", "mode": mode}]
    backend = replace(backend_of(same), unknown="北京")
    assert translated(text, backend, glossary=entries) == expected


def test_a_preferred_term_is_left_out_if_the_model_insists() -> None:
    backend = backend_of(ignoring)
    entries = [{**ACCOUNT[0], "mode": "prefer"}]
    assert translated("Open the account now.", backend, glossary=entries) == (
        "Open the Rechnung now."
    )


def test_a_term_without_a_target_is_left_as_it_is() -> None:
    backend = backend_of(lambda text, _: text.upper())
    entries = [{"source": "Blue House", "target": None}]
    assert translated("See the Blue House.", backend, glossary=entries) == "SEE THE Blue House."


def test_a_placeholder_goes_before_a_term_within_it() -> None:
    backend = backend_of(same)
    assert translated("Open {account} now.", backend, glossary=ACCOUNT) == "Open {account} now."


def test_the_best_of_all_beams_is_one_that_has_the_term() -> None:
    """The fake marks its second output with an apostrophe."""
    backend = backend_of(same)
    entries = [{"source": "now", "target": "now.'"}]
    assert translated("Open it now.", backend, glossary=entries, num_beams=2) == "Open it now.'"
    assert len(backend.requests) == 1


def test_links_lead_from_a_term_to_its_target() -> None:
    text = "Open the account now."
    backend = backend_of(lambda text, _: text.replace("account", "Rechnung"))
    answer = translate(client_of(backend), text, glossary=ACCOUNT, **{"return": ["alignment"]})
    (item,) = answer["translations"]
    pairs = {(text[a:b], item["text"][c:d]) for a, b, c, d, _ in item["alignment"]}
    assert ("account", "Konto") in pairs


@pytest.mark.parametrize("num_beams", [1, 2])
def test_a_stream_with_terms_is_the_whole(num_beams: int) -> None:
    body = {"text": "Open the account. Go on.", "target_lang": "de", "source_lang": "en"}
    fields = {**body, "glossary": ACCOUNT, "num_beams": num_beams, "stream": True}
    response = client_of(backend_of(ignoring)).post("/v1/translate", json=fields)
    pieces = [event["text"] for name, event in sse_events(response.text) if name != "done"]
    assert "".join(pieces) == "Open the Konto. Go on."


def test_a_summary_takes_no_glossary() -> None:
    status, code, sentence = refusal(
        client_of(), "/v1/summarize", {"text": "One.", "glossary": ACCOUNT}
    )
    assert (status, code) == (422, "invalid_field")
    assert "`glossary`" in sentence
