"""The block-wise search finds what a search through everything finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.choosing.ranking import BLOCK, top_tokens


@settings(max_examples=200)
@given(
    num_rows=st.integers(1, 4),
    vocab_size=st.integers(1, 40) | st.integers(BLOCK - 2, 12 * BLOCK),
    num_tokens=st.integers(1, 6) | st.integers(7, 20),
    num_levels=st.sampled_from([2, 5, 10_000]),  # few levels: many ties
    hidden=st.sampled_from([0.0, 0.5, 0.999]),
    seed=st.integers(0, 2**31),
)
def test_the_values_are_those_of_torch_and_each_belongs_to_its_token(
    num_rows: int, vocab_size: int, num_tokens: int, num_levels: int, hidden: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (num_rows, vocab_size)
    logits = torch.randint(-num_levels, num_levels, shape, generator=generator).float()
    logits[torch.rand(shape, generator=generator) < hidden] = -torch.inf
    num_tokens = min(num_tokens, vocab_size)
    values, token_ids = top_tokens(logits, num_tokens)
    assert torch.equal(values, logits.topk(num_tokens, dim=-1).values)
    assert torch.equal(logits.gather(1, token_ids), values)
    assert all(len(set(row)) == num_tokens for row in token_ids.tolist())


@given(vocab_size=st.integers(1, 6 * BLOCK), data=st.data())
def test_the_best_token_is_found_wherever_it_is(vocab_size: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, vocab_size - 1))
    logits = torch.zeros(1, vocab_size)
    logits[0, place] = 1.0
    assert top_tokens(logits, 1)[1].tolist() == [[place]]


@pytest.mark.parametrize("num_tokens", [1, 2, 3, 8])
def test_the_best_tokens_may_each_lie_in_a_block_of_their_own(num_tokens: int) -> None:
    logits = torch.zeros(1, 10 * BLOCK)
    places = [BLOCK * block + block for block in range(num_tokens)]
    logits[0, places] = 1.0
    assert sorted(top_tokens(logits, num_tokens)[1][0].tolist()) == places


@pytest.mark.parametrize("vocab_size", [10, 4 * BLOCK + 3])
@pytest.mark.parametrize("place", [0, -1])
def test_what_is_not_a_number_comes_first_so_that_it_cannot_hide(
    vocab_size: int, place: int
) -> None:
    logits = torch.rand(2, vocab_size)
    logits[1, place] = torch.nan
    values, _ = top_tokens(logits, 2)
    assert values.isnan()[:, 0].tolist() == [False, True]
