"""A request within the operator's settings and the model's limits."""

import time

import pytest

from model.errors import InvalidParamsError
from service.backend import ParamOverrides
from service.errors import InvalidFieldError, TextTooLongError
from service.settings import Settings
from service.tasks.limits import check_texts, deadline_of, params_for
from tests.support.service.fakes import TRANSLATOR

MANY_DIGITS = 10**4_000


def test_a_request_without_a_timeout_has_the_default_one() -> None:
    before_s = time.monotonic()
    deadline = deadline_of(None, Settings(default_timeout_ms=5_000))
    assert deadline.timeout_ms == 5_000
    assert before_s + 5 <= deadline.at_s <= time.monotonic() + 5


def test_the_longest_timeout_is_allowed_and_one_longer_is_not() -> None:
    settings = Settings(default_timeout_ms=1_000, max_timeout_ms=2_000)
    assert deadline_of(2_000, settings).timeout_ms == 2_000
    with pytest.raises(InvalidFieldError, match="`timeout_ms` is 2001; it must be at most 2000"):
        deadline_of(2_001, settings)


def test_characters_of_all_texts_count_together_as_code_points() -> None:
    settings = Settings(max_text_characters=4)
    check_texts(("ab", "c🙂"), settings)
    with pytest.raises(TextTooLongError, match="5 characters together; at most 4"):
        check_texts(("abc", "c🙂"), settings)


@pytest.mark.parametrize("number", [0, 3])
def test_a_request_has_at_least_one_text_and_no_more_than_allowed(number: int) -> None:
    with pytest.raises(InvalidFieldError, match=f"has {number} entries; it must have 1 to 2"):
        check_texts(("a",) * number, Settings(max_items=2))


def test_the_model_s_beams_count_where_the_client_names_none() -> None:
    assert params_for(TRANSLATOR, ParamOverrides()).num_beams == 1
    assert params_for(TRANSLATOR, ParamOverrides(num_beams=4, num_return=4)).num_return == 4
    with pytest.raises(InvalidParamsError, match="num_return"):
        params_for(TRANSLATOR, ParamOverrides(num_return=2))


def test_a_number_of_many_digits_is_not_repeated() -> None:
    with pytest.raises(InvalidFieldError, match="`timeout_ms` is a number of many digits; it"):
        deadline_of(MANY_DIGITS, Settings())
    with pytest.raises(InvalidFieldError, match="`max_new_tokens` is a number of many digits; "):
        params_for(TRANSLATOR, ParamOverrides(max_new_tokens=MANY_DIGITS))


def test_samples_need_no_beams() -> None:
    assert params_for(TRANSLATOR, ParamOverrides(temperature=0.7, num_return=8)).num_rows == 8


def test_the_most_tokens_that_a_model_writes_may_be_asked_for() -> None:
    most = TRANSLATOR.max_new_tokens
    assert params_for(TRANSLATOR, ParamOverrides(max_new_tokens=most)).max_new_tokens == most
    with pytest.raises(InvalidFieldError, match=f"`max_new_tokens` is {most + 1}; .* most {most}"):
        params_for(TRANSLATOR, ParamOverrides(max_new_tokens=most + 1))


def test_half_of_a_surrogate_pair_is_refused_with_its_field() -> None:
    with pytest.raises(InvalidFieldError, match="`text` holds half of a surrogate pair"):
        check_texts(("fine", "bad \udcff argument"), Settings())
