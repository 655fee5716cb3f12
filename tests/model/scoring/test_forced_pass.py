"""A given output read in one pass: its log-probabilities, and the attention weights asked for."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model.engine.config import TokenRules
from model.engine.params import FinishReason, GenerationParams
from model.errors import InputTooLongError, InvalidParamsError, NoTokenError, OutputTooLongError
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading, WantedWeights
from model.tokenizer.prompt import Prompt
from tests.support.engine.factories import (
    EOS,
    START,
    answer,
    make_engine,
    make_engine_config,
    make_network,
    make_prompt,
    make_rules,
)

EVERY_LAYER = WantedWeights(cross=(0, 1), encoder=(0,), decoder=(0, 1))
RULES = {
    "an end and a start that is suppressed": make_rules(),
    "probabilities of what is allowed": make_rules(renormalizes=True, suppressed_ids=(START, 3, 4)),
    "a forced first token": make_rules(forced_bos_id=5),
    "two ends": make_rules(eos_ids=frozenset([EOS, 7])),
}
every_rule = pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())


def make_pass(rules: TokenRules | None = None, **limits: Any) -> ForcedPass:
    return ForcedPass(make_network(), rules or make_rules(), make_engine_config(**limits))


def make_given(
    *output_ids: int, source: int = 5, seed: int = 0, wanted: WantedWeights = EVERY_LAYER
) -> Given:
    prompt = make_prompt(length=source, seed=seed)
    return Given(prompt=prompt, output_ids=output_ids, wanted=wanted)


def read(forced: ForcedPass, *batch: Given) -> list[Reading]:
    readings = forced.read(batch)
    assert all(isinstance(reading, Reading) for reading in readings)
    return [reading for reading in readings if isinstance(reading, Reading)]


@every_rule
@pytest.mark.parametrize("num_beams", [1, 4])
def test_an_output_of_the_engine_has_the_log_probability_that_the_engine_gave_it(
    rules: TokenRules, num_beams: int
) -> None:
    params = GenerationParams(max_new_tokens=20, return_scores=True, num_beams=num_beams)
    ended = 0
    for seed in range(12):
        prompt = make_prompt(seed=seed, length=4 + seed % 5)
        best = answer(make_engine(rules=rules), prompt, params).hypotheses[0]
        num_forced = 0 if rules.forced_bos_id is None else 1
        given = Given(prompt=prompt, output_ids=best.token_ids[num_forced:])
        (reading,) = read(make_pass(rules), given)
        assert reading.token_ids[:-1] == best.token_ids
        # An output that was cut has no end.
        log_probs = reading.log_probs[: best.num_generated]
        assert sum(log_probs) == pytest.approx(best.log_prob, abs=1e-4)
        ended += best.finish_reason is FinishReason.STOP
    assert ended > 1


def test_log_probabilities_are_those_of_the_logits_at_each_position() -> None:
    given = make_given(3, 9, 9, 2)
    (reading,) = read(make_pass(), given)
    target = torch.tensor([[START, 3, 9, 9, 2]])
    logits = make_network()(torch.tensor([given.prompt.encoder_ids]), target)[0]
    expected = logits.log_softmax(dim=-1)[range(5), [3, 9, 9, 2, EOS]]
    assert reading.prefix_ids == (START,)
    assert reading.token_ids == (3, 9, 9, 2, EOS)
    assert reading.log_probs == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_suppressed_token_that_is_given_has_its_probability_among_all() -> None:
    rules = RULES["probabilities of what is allowed"]
    (plain,) = read(make_pass(), make_given(4, 9))
    (reading,) = read(make_pass(rules), make_given(4, 9))
    assert reading.log_probs[0] == plain.log_probs[0] < 0
    assert reading.log_probs[1] > plain.log_probs[1]


def test_a_forced_first_token_is_certain_and_a_longer_prefix_forces_none() -> None:
    forced = make_pass(RULES["a forced first token"])
    (reading,) = read(forced, make_given(3, 9))
    assert reading.token_ids == (5, 3, 9, EOS)
    assert reading.log_probs[0] == 0.0
    given = make_given(3, 9)
    longer = replace(given, prompt=make_prompt(prefix=(START, 5)))
    (other,) = read(forced, longer)
    assert other.token_ids == (3, 9, EOS)
    assert other.log_probs == pytest.approx(reading.log_probs[1:], abs=1e-5)


def test_the_prompt_s_forced_token_goes_before_the_checkpoint_s() -> None:
    given = make_given(3)
    given = replace(given, prompt=replace(given.prompt, forced_bos_id=8))
    (reading,) = read(make_pass(RULES["a forced first token"]), given)
    assert reading.token_ids == (8, 3, EOS)


def test_an_empty_output_is_scored_by_its_end() -> None:
    (reading,) = read(make_pass(), make_given())
    assert reading.token_ids == (EOS,)
    assert len(reading.log_probs) == 1


def test_company_changes_nothing_but_rounding() -> None:
    batch = [
        make_given(*range(1, 2 + 3 * number), source=3 + 5 * (number % 3), seed=number)
        for number in range(5)
    ]
    forced = make_pass()
    for given, together in zip(batch, read(forced, *batch), strict=True):
        (alone,) = read(forced, given)
        assert together.token_ids == alone.token_ids
        assert together.log_probs == pytest.approx(alone.log_probs, abs=1e-5)
        for name in ("cross", "encoder", "decoder"):
            torch.testing.assert_close(getattr(together, name), getattr(alone, name))


def test_a_large_vocabulary_is_scored_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [make_given(*[1, 2, 3] * 15), make_given(*[4, 5, 6] * 15)]
    whole = read(make_pass(), *batch)
    monkeypatch.setattr("model.scoring.forced_pass.LOGITS_AT_ONCE", 1)
    for part, one in zip(read(make_pass(), *batch), whole, strict=True):
        assert part.token_ids == one.token_ids
        assert part.log_probs == pytest.approx(one.log_probs, abs=1e-6)


# Attention


def test_weights_are_of_what_is_read_and_their_rows_sum_to_one() -> None:
    (reading, other) = read(make_pass(), make_given(3, 9, 2), make_given(1, source=9))
    assert reading.cross is not None
    assert reading.encoder is not None
    assert reading.decoder is not None
    assert reading.cross.shape == (2, 2, 4, 5)
    assert reading.encoder.shape == (1, 4, 5, 5)
    assert reading.decoder.shape == (2, 2, 4, 4)
    assert other.cross is not None
    assert other.cross.shape == (2, 2, 2, 9)
    for weights in (reading.cross, reading.encoder, reading.decoder, other.cross):
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
    assert not reading.decoder.triu(diagonal=1).any()


def test_only_the_wanted_layers_are_kept_in_the_order_asked_for() -> None:
    every, first, last, none = (
        make_given(3, 9, wanted=wanted)
        for wanted in (
            EVERY_LAYER,
            WantedWeights(cross=(0,)),
            WantedWeights(cross=(1, 0)),
            WantedWeights(),
        )
    )
    a, b, c, d = read(make_pass(), every, first, last, none)
    assert a.cross is not None
    assert b.cross is not None
    assert c.cross is not None
    assert torch.equal(b.cross, a.cross[:1])
    assert torch.equal(c.cross, a.cross.flip(0))
    assert (b.encoder, b.decoder, d.cross) == (None, None, None)


def test_looking_at_weights_changes_nothing_but_rounding() -> None:
    output = tuple(range(1, 20))
    (seen,) = read(make_pass(), make_given(*output))
    (unseen,) = read(make_pass(), make_given(*output, wanted=WantedWeights()))
    assert seen.log_probs == pytest.approx(unseen.log_probs, abs=1e-5)


# Refusals


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (make_given(source=11), InputTooLongError, "has 11 tokens; this model reads at most 10"),
        (make_given(*[1] * 12), OutputTooLongError, "12 tokens; this model writes at most 11"),
        (make_given(99), InvalidParamsError, "output: 99 is not between 0 and 23"),
        (
            make_given(1, wanted=WantedWeights(encoder=(1,))),
            InvalidParamsError,
            "layers: 1 is not between 0 and 0",
        ),
        (
            make_given(1, wanted=WantedWeights(cross=(-1,))),
            InvalidParamsError,
            "layers: -1 is not between 0 and 1",
        ),
    ],
    ids=str,
)
def test_what_the_network_cannot_read_is_refused(
    given: Given, error: type[Exception], message: str
) -> None:
    forced = make_pass(max_source_tokens=10, max_target_tokens=12)
    with pytest.raises(error, match=message):
        forced.check(given)


def test_the_longest_output_is_read() -> None:
    forced = make_pass()
    given = make_given(*[1] * 47, source=48)
    forced.check(given)
    (reading,) = read(forced, given)
    assert len(reading.token_ids) == 48
    with pytest.raises(OutputTooLongError):
        forced.check(make_given(*[1] * 48))


def test_scores_that_are_no_numbers_are_an_error_of_that_output_alone() -> None:
    network = make_network()
    network.embedding.weight.data[7] = torch.nan
    forced = ForcedPass(network, make_rules(), make_engine_config())
    sick = replace(make_given(2), prompt=Prompt((7, EOS), (START,)))
    well = replace(make_given(2), prompt=Prompt((6, 2, 3, EOS), (START,)))
    found = forced.read([sick, well])
    assert isinstance(found[0], NoTokenError)
    assert isinstance(found[1], Reading)


def test_the_size_of_a_batch_counts_its_padding() -> None:
    forced = make_pass(RULES["a forced first token"])
    assert forced.num_tokens([make_given(1, 2, source=5)]) == 5 + 4
    assert forced.num_tokens([make_given(1, 2, source=5), make_given(1, source=9)]) == 2 * (9 + 4)
