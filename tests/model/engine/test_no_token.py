"""Requests without a possible next token fail alone; small vocabularies are no failure."""

from typing import Any

import pytest
import torch

from model.engine.params import FinishReason, GenerationParams
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.asking import add, assert_empty, assert_same
from tests.support.engine.factories import (
    EOS,
    START,
    answer,
    drain,
    make_config,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)

NEVER = make_rules(suppressed_ids=(EOS, START))  # outputs end only at their length


def poisoned_network(*, token_id: int) -> Seq2SeqTransformer:
    """Return a network with a NaN embedding of one token, as float16 overflows at 1e5."""
    network = make_network()
    network.embedding.weight[token_id] = torch.nan
    return network


@pytest.mark.parametrize(
    "params",
    [{}, {"num_beams": 3}, {"seed": 1, "num_return": 2}, {"target_prefix_ids": (4, 6)}],
    ids=str,
)
def test_a_source_that_makes_no_numbers_fails_alone(params: dict[str, Any]) -> None:
    """Requests beside it, and a later one in its rows, get the answers they get alone."""
    rules = make_rules(suppressed_ids=(13, EOS, START))
    network = poisoned_network(token_id=13)
    healthy = {
        "before": (make_prompt(length=14, seed=5), 20),
        "beside": (make_prompt(length=7, seed=1), 6),
        "after": (make_prompt(length=7, seed=1), 6),
    }
    engine = make_engine(network=network, rules=rules)

    def start(name: str) -> None:
        prompt, max_new_tokens = healthy[name]
        assert 13 not in prompt.encoder_ids
        engine.add_request(name, prompt, GenerationParams(max_new_tokens=max_new_tokens))

    start("before")
    for _ in range(6):
        engine.step()
    poison = Prompt((13,) * 12, (START,))
    engine.add_request("poison", poison, GenerationParams(max_new_tokens=6, **params))
    start("beside")
    outputs = [output for _ in range(3) for output in engine.step()]
    (ended,) = (output for output in outputs if output.request_id == "poison")
    assert (ended.finish_reason, ended.hypotheses) == (FinishReason.ERROR, ())
    start("after")
    outputs += [output for some in drain(engine).values() for output in some]
    found = {output.request_id: output for output in outputs}
    for name, (prompt, max_new_tokens) in healthy.items():
        alone = make_engine(network=network, rules=rules)
        wanted = GenerationParams(max_new_tokens=max_new_tokens)
        assert_same(found[name], answer(alone, prompt, wanted))
    assert_empty(engine)


@pytest.mark.parametrize("params", [{}, {"num_beams": 2}, {"seed": 1}], ids=str)
def test_when_its_rules_exclude_every_token_a_request_fails_and_says_so(
    params: dict[str, Any],
) -> None:
    rules = make_rules(suppressed_ids=tuple(set(range(24)) - {4, 6}))
    engine = make_engine(rules=rules)
    add(engine, "a", no_repeat_ngram_size=1, max_new_tokens=9, **params)
    output = drain(engine)["a"][-1]
    assert (output.finish_reason, output.hypotheses) == (FinishReason.ERROR, ())
    assert_empty(engine)


@pytest.mark.parametrize("num_beams", [2, 4, 8])
def test_more_beams_than_tokens_are_no_trouble(num_beams: int) -> None:
    rules = make_rules(suppressed_ids=tuple(set(range(24)) - {4, 6}))
    engine = make_engine(rules=rules)
    add(engine, "a", num_beams=num_beams, num_return=2, max_new_tokens=5)
    output = drain(engine)["a"][-1]
    assert len({h.token_ids for h in output.hypotheses}) == 2
    assert all(set(h.token_ids) <= {4, 6} for h in output.hypotheses)
    assert_empty(engine)


def test_a_vocabulary_of_two_is_enough_for_beams() -> None:
    """One token ends and one does not, so at most one beam is live."""
    network = make_network(config=make_config(vocab_size=2))
    engine = make_engine(network=network, rules=make_rules(suppressed_ids=()))
    prompt = Prompt((1, 0), (1,))
    engine.add_request("a", prompt, GenerationParams(max_new_tokens=6, num_beams=4, num_return=4))
    hypotheses = drain(engine)["a"][-1].hypotheses
    assert hypotheses
    assert all(set(h.token_ids) <= {1} for h in hypotheses)
    assert_empty(engine)
