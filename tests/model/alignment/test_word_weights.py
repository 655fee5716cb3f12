from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.alignment.word_weights import CrossWeights, TokenizedText, word_weights
from model.tokenizer.char_spans import CharSpan


def test_a_word_attends_by_its_tokens_mean_to_the_sum_of_a_words_tokens() -> None:
    source = TokenizedText("big house", [(0, 0), (0, 3), (3, 6), (6, 9), (9, 9)])
    output = TokenizedText("Haus", [(0, 2), (2, 4)])
    steps = torch.tensor(
        [
            [0.0, 1.0, 0.0, 0.0, 0.0],  # reads the decoder's start, which is no token of the output
            [0.5, 0.1, 0.2, 0.2, 0.0],
            [0.0, 0.1, 0.1, 0.2, 0.6],
        ]
    )
    found = word_weights(CrossWeights(source, output, steps))
    assert found.source_words == [(0, 3), (4, 9)]
    assert found.target_words == [(0, 4)]
    # 0.1 of 0.45 for "big", and 0.35 for "house"; the rest is for special tokens.
    torch.testing.assert_close(found.weights, torch.tensor([[0.1, 0.35]]) / 0.45)


def test_a_token_over_two_words_counts_for_both_by_half() -> None:
    source = TokenizedText("a, b", [(0, 2), (2, 4)])
    output = TokenizedText("x", [(0, 1)])
    found = word_weights(CrossWeights(source, output, torch.tensor([[0.6, 0.4]])))
    torch.testing.assert_close(found.weights, torch.tensor([[0.3, 0.3, 0.4]]))


def spans_of(text: str, cuts: list[int]) -> list[CharSpan]:
    places = sorted({min(cut, len(text)) for cut in (0, *cuts, len(text))})
    return [*pairwise(places), (len(text), len(text))]


@given(
    texts=st.tuples(st.text("ab .'", max_size=20), st.text("ab .'", max_size=20)),
    cuts=st.lists(st.integers(0, 20), max_size=6),
    seed=st.integers(0, 99),
)
def test_weights_of_any_texts_and_tokens_are_shares(
    texts: tuple[str, str], cuts: list[int], seed: int
) -> None:
    source, output = (TokenizedText(text, spans_of(text, cuts)) for text in texts)
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 3, len(output.tokens) + 1, len(source.tokens))
    weights = torch.rand(shape, generator=generator).softmax(dim=-1)
    found = word_weights(CrossWeights(source, output, weights)).weights
    assert bool((found >= 0).all())
    sums = found.sum(dim=-1)
    assert bool(((sums < 1e-6) | ((sums - 1).abs() < 1e-5)).all())
