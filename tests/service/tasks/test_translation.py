"""`/v1/translate` in one piece, over a fake backend that shouts."""

from dataclasses import replace

import pytest

from model.tokenizer.prompt import Translation
from service.backend import ParamOverrides
from service.pairs import Pairs
from tests.support.service.clients import Json, client_of, translate
from tests.support.service.fakes import TRANSLATOR, FakeBackend, same

GOOD: Json = {"text": "Good morning.", "target_lang": "de", "source_lang": "en"}


def texts(answer: Json) -> list[str]:
    return [item["text"] for item in answer["translations"]]


def test_the_answer_has_exactly_the_fields_of_the_contract() -> None:
    assert translate(client_of(), "Good morning.") == {
        "model": "fake/translate",
        "translations": [
            {
                "text": "GOOD MORNING.",
                "source_lang": "en",
                "detected": False,
                "truncated": False,
            }
        ],
        "usage": {"input_characters": 13, "input_tokens": 13, "output_tokens": 2},
    }


def test_a_list_is_answered_in_order() -> None:
    items = [f"Item number {i} is here." for i in range(128)]
    assert texts(translate(client_of(), items)) == [item.upper() for item in items]


@pytest.mark.parametrize("code", ["de", "DE", "de-AT", "deu_Latn"])
def test_every_spelling_of_the_target_means_german(code: str) -> None:
    backend = FakeBackend()
    translate(client_of(backend), "Good morning.", target_lang=code)
    assert backend.requests[0].task.target_lang == "de"  # type: ignore[union-attr]


def test_each_item_is_detected_on_its_own() -> None:
    items = ["Where is the train station?", "Où est la gare de Lyon ?", "Das ist ja wunderbar."]
    answer = translate(client_of(), items, target_lang="en", source_lang=None)
    found = [(item["source_lang"], item["detected"]) for item in answer["translations"]]
    assert found == [("en", True), ("fr", True), ("de", True)]


def test_a_text_found_to_be_in_the_target_language_is_answered_as_it_is() -> None:
    backend = FakeBackend()
    answer = translate(client_of(backend), "Das ist ja wunderbar.", source_lang=None)
    assert texts(answer) == ["Das ist ja wunderbar."]
    assert backend.requests == []


@pytest.mark.parametrize(("text", "target"), [("Hello", "de"), ("Hello!", "es"), ("Test", "de")])
def test_a_word_of_which_nobody_can_be_sure_is_translated(text: str, target: str) -> None:
    """Guessed to be Spanish or German, it would be refused or come back as it is."""
    answer = translate(client_of(), text, target_lang=target, source_lang=None)
    (item,) = answer["translations"]
    assert (item["text"], item["source_lang"]) == (text.upper(), "en")


@pytest.mark.parametrize("source_lang", ["en", None])
@pytest.mark.parametrize("split", ["sentences", "nonewlines", "newlines", "none"])
def test_a_text_without_words_is_answered_as_it_is_and_no_model_is_asked(
    split: str, source_lang: str | None
) -> None:
    backend = FakeBackend()
    items = ["", " \t\n", " 12:30 \n", "🙂👍🏽", "-----\n", "https://example.fr/A?B=C ", "a@b.de"]
    answer = translate(client_of(backend), items, source_lang=source_lang, split=split)
    assert texts(answer) == items
    assert backend.requests == []
    assert answer["usage"]["output_tokens"] == 0


def test_an_address_alone_is_of_no_language_and_fails_nobody_else() -> None:
    """Guessed to be Spanish, it would be a pair that this service does not have."""
    model = replace(TRANSLATOR, pairs=Pairs.of([("en", "de"), ("es", "en")]))
    address = "https://www.ejemplo.es/la-casa-de-la-montaña"
    answer = translate(
        client_of(FakeBackend(served=[model])),
        [address, "Good morning, friends."],
        source_lang=None,
    )
    assert texts(answer) == [address, "GOOD MORNING, FRIENDS."]


def test_lines_without_words_stay_as_they_are_in_a_longer_text() -> None:
    text = "Call us:\n030 1234567\n=====\n🙂\n\n  https://example.com/x  \nThank you.\n"
    backend = FakeBackend()
    assert texts(translate(client_of(backend), text)) == [
        "CALL US:\n030 1234567\n=====\n🙂\n\n  https://example.com/x  \nTHANK YOU.\n"
    ]
    assert [request.text for request in backend.requests] == ["Call us:", "Thank you."]


def test_white_space_comes_back_exactly() -> None:
    text = "  One is here.  Two is there.\r\n\r\n\tThree comes last. \n"
    assert texts(translate(client_of(FakeBackend(answer=same)), text)) == [text]


def test_all_segments_are_at_the_backend_together() -> None:
    backend = FakeBackend(pause_s=0.01)
    translate(client_of(backend), ["One is here. Two is there.", "Three comes last."])
    assert backend.most_running == 3


def test_a_request_takes_no_more_places_than_allowed() -> None:
    backend = FakeBackend(pause_s=0.001)
    items = [f"Item number {i} is here." for i in range(20)]
    translate(client_of(backend, max_segments_in_flight=4), items)
    assert backend.most_running == 4


def test_a_request_of_many_segments_waits_for_itself_where_a_model_s_queue_is_short() -> None:
    short = replace(TRANSLATOR, max_waiting=2)
    backend = FakeBackend(served=[short], places=2, pause_s=0.001)
    items = [f"Item number {i} is here." for i in range(20)]
    assert len(translate(client_of(backend), items)["translations"]) == 20
    assert backend.most_running == 2


def test_optional_parts_appear_when_asked_for() -> None:
    answer = translate(
        client_of(),
        "One is here.  Two is there.",
        num_beams=3,
        num_return=3,
        **{"return": ["scores", "segments", "alternatives"]},
    )
    (item,) = answer["translations"]
    assert item["score"] == -1.0
    assert [a["text"] for a in item["alternatives"]] == [
        "ONE IS HERE.'  TWO IS THERE.'",
        "ONE IS HERE.''  TWO IS THERE.''",
    ]
    assert [a["score"] for a in item["alternatives"]] == [-2.0, -3.0]
    assert item["segments"] == [
        {"source": "One is here.", "text": "ONE IS HERE.", "truncated": False, "score": -1.0},
        {"source": "Two is there.", "text": "TWO IS THERE.", "truncated": False, "score": -1.0},
    ]


def test_only_the_parameters_the_client_set_reach_the_model() -> None:
    backend = FakeBackend()
    translate(client_of(backend), "Good morning.", num_beams=2, length_penalty=0.5)
    assert backend.requests[0].overrides == ParamOverrides(num_beams=2, length_penalty=0.5)


def test_sampling_means_one_beam() -> None:
    backend = FakeBackend()
    translate(client_of(backend), "Good morning.", seed=7)
    assert backend.requests[0].overrides == ParamOverrides(seed=7)


def test_a_forced_prefix_begins_each_item_once() -> None:
    items = ["One is here. Two is there.", "Three comes last."]
    answer = translate(client_of(), items, target_prefix=">> ")
    assert texts(answer) == [">> ONE IS HERE. TWO IS THERE.", ">> THREE COMES LAST."]


@pytest.mark.parametrize("split", ["sentences", "nonewlines", "newlines", "none"])
def test_a_segment_longer_than_the_model_reads_is_split_and_joined(split: str) -> None:
    text = ("word " * 40).strip() + ", and more: " + "x" * 200 + "\nThe end comes here."
    backend = FakeBackend(answer=same)
    answer = translate(client_of(backend), text, split=split)
    assert texts(answer) == [text]
    assert not answer["translations"][0]["truncated"]
    assert all(len(request.text) <= 64 for request in backend.requests)


def test_truncation_is_done_and_reported_only_when_asked_for() -> None:
    answer = translate(client_of(), "word " * 40, on_overflow="truncate")
    (item,) = answer["translations"]
    assert item["truncated"]
    assert item["text"].rstrip() == ("WORD " * 40)[:64].rstrip()


def test_the_times_of_an_answer_are_those_of_its_slowest_segment() -> None:
    body = {**GOOD, "text": "One is here. Two is there. Three is nowhere."}
    headers = client_of().post("/v1/translate", json=body).headers
    assert (headers["x-queue-time"], headers["x-inference-time"]) == ("1.0", "2.0")


def test_the_model_is_told_both_languages() -> None:
    backend = FakeBackend()
    translate(client_of(backend), "Guten Morgen.", source_lang="de", target_lang="en")
    assert [request.task for request in backend.requests] == [Translation("en", "de")]


def test_a_queue_with_one_free_place_takes_a_request() -> None:
    assert texts(translate(client_of(FakeBackend(places=1)), "Good morning.")) == ["GOOD MORNING."]
