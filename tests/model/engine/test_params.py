"""Parameters out of range never reach the engine; the error names field, value and limit."""

from typing import Any

import pytest

from model.engine.params import MAX_BEAMS, GenerationParams
from model.errors import InvalidParamsError

NAN = float("nan")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens: 0 is not at least 1"),
        ({"max_new_tokens": 2.5}, "max_new_tokens: 2.5 is not a whole number"),
        ({"max_new_tokens": True}, "max_new_tokens: True is not a whole number"),
        ({"num_beams": 0}, "num_beams: 0 is not between 1 and 8"),
        ({"num_beams": 9}, "num_beams: 9 is not between 1 and 8"),
        ({"num_beams": "4"}, "num_beams: '4' is not a whole number"),
        ({"num_return": 2}, "num_return: 2 is not between 1 and 1"),
        ({"num_return": 4, "num_beams": 3}, "num_return: 4 is not between 1 and 3"),
        ({"num_return": 9, "seed": 1}, "num_return: 9 is not between 1 and 8"),
        ({"num_return": 0}, "num_return: 0 is not between 1 and 1"),
        ({"length_penalty": -10.5}, "length_penalty: -10.5 is not between -10.0 and 10.0"),
        ({"length_penalty": NAN}, "length_penalty: nan is not between -10.0 and 10.0"),
        ({"length_penalty": None}, "length_penalty: None is not a number"),
        ({"early_stopping": "soon"}, "early_stopping: 'soon' is not true, false or 'never'"),
        ({"early_stopping": 1}, "early_stopping: 1 is not true, false or 'never'"),
        ({"repetition_penalty": 0.9}, "repetition_penalty: 0.9 is not between 1.0 and 2.0"),
        ({"repetition_penalty": NAN}, "repetition_penalty: nan is not between 1.0 and 2.0"),
        ({"no_repeat_ngram_size": 11}, "no_repeat_ngram_size: 11 is not between 0 and 10"),
        ({"max_repeats": -1}, "max_repeats: -1 is not at least 0"),
        ({"max_repeats": 1.5}, "max_repeats: 1.5 is not a whole number"),
        ({"temperature": 0.0}, "temperature: 0.0 is not above 0 and at most 10.0"),
        ({"temperature": 10.1}, "temperature: 10.1 is not above 0 and at most 10.0"),
        ({"temperature": NAN}, "temperature: nan is not above 0 and at most 10.0"),
        ({"top_k": 0}, "top_k: 0 is not at least 1"),
        ({"top_p": 0.0}, "top_p: 0.0 is not above 0 and at most 1.0"),
        ({"top_p": 1.01}, "top_p: 1.01 is not above 0 and at most 1.0"),
        ({"seed": 1 << 64}, f"seed: {1 << 64} is not between -{2**64 - 1} and {2**64 - 1}"),
        ({"seed": 0.5}, "seed: 0.5 is not a whole number"),
        (
            {"num_beams": 2, "top_k": 3},
            "num_beams: 2 beams cannot be combined with sampling; use 1",
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_parameter_out_of_range_is_refused(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        GenerationParams(**params)
    assert str(caught.value) == sentence
    assert caught.value.field == sentence.partition(":")[0]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"num_beams": MAX_BEAMS, "num_return": MAX_BEAMS},
        {"length_penalty": 2, "repetition_penalty": 1},  # whole numbers are numbers
        {"temperature": 1e-300, "top_p": 1, "top_k": 10**9},
        {"seed": -(2**64 - 1), "num_return": MAX_BEAMS},
        {"early_stopping": "never", "num_beams": 2},
    ],
    ids=str,
)
def test_the_limits_themselves_are_allowed(params: dict[str, Any]) -> None:
    GenerationParams(**params)


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "seed"])
def test_naming_any_sampling_parameter_means_sampling(name: str) -> None:
    params: dict[str, Any] = {name: 1}
    assert GenerationParams(**params).do_sample
    assert not GenerationParams().do_sample


@pytest.mark.parametrize(
    ("params", "num_rows"),
    [
        ({}, 1),
        ({"num_beams": 4}, 4),
        ({"num_beams": 4, "num_return": 2}, 4),
        ({"num_return": 3, "seed": 0}, 3),
    ],
    ids=["greedy", "beams", "best of beams", "samples"],
)
def test_a_request_takes_a_row_for_each_beam_or_sample(
    params: dict[str, Any], num_rows: int
) -> None:
    assert GenerationParams(**params).num_rows == num_rows
