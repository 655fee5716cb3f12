"""From wire models to checked options."""

from typing import Any

import pytest

from model.engine.params import Priority
from model.errors import InvalidParamsError
from service.errors import InvalidFieldError
from service.settings import Settings
from service.tasks.requests import Options, options_of, params_for
from service.tasks.schemas import SummarizeRequest, TranslateRequest
from tests.support.service.fakes import TRANSLATOR


def options(**fields: Any) -> Options:
    body = TranslateRequest.model_validate({"text": "Hello", "target_lang": "de", **fields})
    return options_of(body, request_id="r", settings=Settings(default_timeout_ms=5_000))


def test_what_the_client_left_out_takes_the_defaults() -> None:
    found = options()
    assert (found.timeout_s, found.priority, found.split) == (
        5.0,
        Priority.INTERACTIVE,
        "sentences",
    )
    assert found.overrides == {}
    assert found.parts == frozenset()


def test_a_summary_is_not_split_by_itself() -> None:
    body = SummarizeRequest(text="Hello")
    assert options_of(body, request_id="r", settings=Settings()).split == "none"


def test_characters_are_counted_together() -> None:
    assert options(text=["ab", "c🙂"]).num_characters == 4


def test_several_outputs_are_shown_without_asking_for_the_part() -> None:
    assert options(num_beams=2, num_return=2).parts == {"alternatives"}
    assert options(num_beams=2, num_return=1).parts == frozenset()


@pytest.mark.parametrize(
    ("on_overflow", "backend"), [("split", "error"), ("error", "error"), ("truncate", "truncate")]
)
def test_only_truncation_lets_the_backend_cut(on_overflow: str, backend: str) -> None:
    assert options(on_overflow=on_overflow).backend_overflow == backend


def test_the_model_s_beams_count_where_the_client_names_none() -> None:
    assert params_for(TRANSLATOR, options()).num_beams == 1
    assert params_for(TRANSLATOR, options(num_beams=4, num_return=4)).num_return == 4
    with pytest.raises(InvalidParamsError, match="num_return"):
        params_for(TRANSLATOR, options(num_return=2))


def test_a_number_of_many_digits_is_not_repeated() -> None:
    digits = 10**4_000
    with pytest.raises(InvalidFieldError, match="`timeout_ms` is a number of many digits; it"):
        options(timeout_ms=digits)
    with pytest.raises(InvalidFieldError, match="`max_new_tokens` is a number of many digits; "):
        params_for(TRANSLATOR, options(max_new_tokens=digits))


def test_samples_need_no_beams() -> None:
    assert params_for(TRANSLATOR, options(temperature=0.7, num_return=8)).num_rows == 8
