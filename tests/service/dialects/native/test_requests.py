"""A native body becomes a record."""

from typing import Any

import pytest

from model.engine.params import Priority
from service.backend import NO_OVERRIDES, ParamOverrides
from service.dialects.native.requests import parts_of, summary_request, translation_request
from service.dialects.native.schemas import SummarizeRequest, TranslateRequest
from service.errors import InvalidFieldError
from service.settings import Settings
from service.tasks.records import TranslationRequest
from service.text.glossary import Entry, Glossary

PRODUCT = Glossary([Entry("a", "b")], name="product", pair=("en", "de"))


def body(**fields: Any) -> TranslateRequest:
    return TranslateRequest.model_validate({"text": "Hello", "target_lang": "de", **fields})


def record(**fields: Any) -> TranslationRequest:
    return translation_request(
        body(**fields), request_id="r", settings=Settings(), glossaries={"product": PRODUCT}
    )


def test_fields_that_the_client_left_out_take_the_defaults() -> None:
    found = record()
    assert (found.priority, found.split) == (Priority.INTERACTIVE, "sentences")
    assert (found.overrides, found.target_prefix) == (NO_OVERRIDES, None)
    assert found.deadline.timeout_ms == Settings().default_timeout_ms
    assert parts_of(body()) == frozenset()


def test_a_summary_is_not_split_by_itself() -> None:
    found = summary_request(SummarizeRequest(text="Hello"), request_id="r", settings=Settings())
    assert found.split == "none"


def test_several_outputs_are_shown_without_asking_for_the_part() -> None:
    assert parts_of(body(num_beams=2, num_return=2)) == {"alternatives"}
    assert parts_of(body(num_beams=2, num_return=1)) == frozenset()


def test_only_a_num_return_that_was_sent_overrides_the_model_s_own() -> None:
    assert record().overrides == ParamOverrides()
    assert record(num_return=1).overrides == ParamOverrides(num_return=1)


@pytest.mark.parametrize(
    ("on_overflow", "backend"), [("split", "error"), ("error", "error"), ("truncate", "truncate")]
)
def test_only_truncation_lets_the_backend_cut(on_overflow: str, backend: str) -> None:
    assert record(on_overflow=on_overflow).backend_overflow == backend


def test_scores_are_computed_only_if_asked_for() -> None:
    assert not record(**{"return": ["segments"]}).return_scores
    assert record(**{"return": ["scores"]}).return_scores


@pytest.mark.parametrize("given", [None, []])
def test_without_entries_there_is_no_glossary(given: object) -> None:
    assert record(glossary=given).glossary is None


def test_entries_become_a_glossary() -> None:
    entries = [
        {"source": "save", "target": "sichern", "mode": "prefer"},
        {"source": "Dragoman", "target": None},
    ]

    found = record(glossary=entries).glossary

    assert found is not None
    assert found.entries == (Entry("save", "sichern", "prefer"), Entry("Dragoman", None))
    assert found.pair is None


def test_a_glossary_may_be_named() -> None:
    assert record(glossary="product").glossary is PRODUCT


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("other", "`glossary` is 'other'; the glossaries are product"),
        ([{"source": " ", "target": "x"}], "`glossary[0].source` is empty"),
        (
            [{"source": "a", "target": "x"}, {"source": "b", "target": "y" * 1_025}],
            "`glossary[1].target` has 1025 characters; at most 1024 are allowed",
        ),
        (
            [{"source": "a", "target": "x"}, {"source": "a", "target": None}],
            "`glossary[1].source` has another target or mode in `glossary[0]`",
        ),
    ],
)
def test_a_glossary_that_cannot_be_is_told_why(given: object, sentence: str) -> None:
    with pytest.raises(InvalidFieldError) as raised:
        record(glossary=given)

    assert str(raised.value) == sentence
