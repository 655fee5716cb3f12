"""A native body becomes a record."""

from typing import Any

import pytest

from model.engine.params import Priority
from service.backend import NO_OVERRIDES, ParamOverrides
from service.dialects.native.requests import parts_of, summary_request, translation_request
from service.dialects.native.schemas import SummarizeRequest, TranslateRequest
from service.settings import Settings
from service.tasks.records import TranslationRequest


def body(**fields: Any) -> TranslateRequest:
    return TranslateRequest.model_validate({"text": "Hello", "target_lang": "de", **fields})


def record(**fields: Any) -> TranslationRequest:
    return translation_request(body(**fields), request_id="r", settings=Settings())


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
