"""A bad request is refused before a step, in which it would fail the whole batch."""

from typing import Any

import pytest

from model.engine.checks import check_request, check_setup
from model.engine.params import GenerationParams
from model.errors import ConfigError, InputTooLongError, InvalidParamsError
from model.tokenizer.prompt import Prompt
from tests.support.engine.factories import (
    START,
    VOCAB_SIZE,
    make_config,
    make_engine_config,
    make_rules,
)

GOOD = {"encoder_ids": (3, 0), "decoder_prefix_ids": (START,), "target_prefix_ids": ()}


def check(**changes: Any) -> None:
    parts: dict[str, Any] = {"max_new_tokens": 4, **GOOD, **changes}
    check_request(
        Prompt(parts["encoder_ids"], parts["decoder_prefix_ids"]),
        GenerationParams(
            max_new_tokens=parts["max_new_tokens"], target_prefix_ids=parts["target_prefix_ids"]
        ),
        config=make_config(),
        limits=make_engine_config(max_source_tokens=6, max_target_tokens=10),
        num_rows=4,
        num_blocks=100,
    )


@pytest.mark.parametrize("field", list(GOOD))
@pytest.mark.parametrize("token_id", [-1, VOCAB_SIZE, 1 << 70])
def test_a_token_that_the_vocabulary_lacks_is_refused(field: str, token_id: int) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        check(**{field: (3, token_id)})
    assert str(caught.value) == f"{field}: token {token_id} is not between 0 and {VOCAB_SIZE - 1}"


@pytest.mark.parametrize("field", ["encoder_ids", "decoder_prefix_ids"])
def test_an_empty_prompt_is_refused(field: str) -> None:
    with pytest.raises(InvalidParamsError, match=f"{field}: is empty"):
        check(**{field: ()})


def test_each_side_is_held_against_its_own_vocabulary() -> None:
    config = make_config(shared_embeddings=False, decoder_vocab_size=30)
    prompt, limits = Prompt((3, 0), (29,)), make_engine_config()
    params = GenerationParams(max_new_tokens=1)
    check_request(prompt, params, config=config, limits=limits, num_rows=1, num_blocks=9)


def test_a_source_may_fill_the_limit_but_not_exceed_it() -> None:
    check(encoder_ids=(3,) * 6)
    with pytest.raises(InputTooLongError, match="7 tokens; this model reads at most 6"):
        check(encoder_ids=(3,) * 7)


def test_an_output_may_fill_the_limit_but_not_exceed_it() -> None:
    check(max_new_tokens=7, target_prefix_ids=(4, 5))
    with pytest.raises(InvalidParamsError, match="max_new_tokens: 8 is above the 7"):
        check(max_new_tokens=8, target_prefix_ids=(4, 5))


@pytest.mark.parametrize("length", [9, 40])
def test_a_forced_prefix_that_leaves_no_room_is_the_prefix_s_fault(length: int) -> None:
    with pytest.raises(InvalidParamsError, match=f"target_prefix: {length} tokens leave nothing"):
        check(target_prefix_ids=(4,) * length, max_new_tokens=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("eos_ids", frozenset([0, 99])),
        ("suppressed_ids", (3, 99)),
        ("suppressed_ids", (-1,)),
        ("forced_bos_id", 99),
        ("forced_eos_id", VOCAB_SIZE),
    ],
)
def test_a_rule_about_a_token_the_model_lacks_is_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"{field}: token -?\d+ is not among the 24"):
        check_setup(make_config(), make_rules(**{field: value}), make_engine_config())


@pytest.mark.parametrize("field", ["max_source_tokens", "max_target_tokens"])
def test_sequences_longer_than_the_positions_are_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field}: 49 is above the 48 positions of the model"):
        check_setup(make_config(), make_rules(), make_engine_config(**{field: 49}))
