import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from model.training.batching import Example, collate, cut_into_batches

lengths = st.tuples(st.integers(1, 12), st.integers(1, 12))


def make_examples(sizes: list[tuple[int, int]]) -> list[Example]:
    """Return examples of unique tokens, so that each can be identified."""
    examples, token = [], 10
    for num_source, num_target in sizes:
        source = range(token, token + num_source)
        target = range(token + num_source, token + num_source + num_target)
        examples.append(Example(list(source), list(target)))
        token += num_source + num_target
    return examples


def cut(examples: list[Example], *, max_tokens: int = 40, seed: int = 1) -> list[list[Example]]:
    return cut_into_batches(examples, max_tokens=max_tokens, rng=random.Random(seed))


@given(sizes=st.lists(lengths, max_size=60), seed=st.integers(0, 99))
def test_every_example_is_in_exactly_one_batch(sizes: list[tuple[int, int]], seed: int) -> None:
    examples = make_examples(sizes)
    found = Counter(x.source_ids[0] for batch in cut(examples, seed=seed) for x in batch)
    assert found == Counter(x.source_ids[0] for x in examples)


@given(sizes=st.lists(lengths, max_size=60))
def test_no_batch_is_above_its_budget_of_tokens(sizes: list[tuple[int, int]]) -> None:
    for batch in cut(make_examples(sizes)):
        assert len(batch) * max(x.length for x in batch) <= 40


def test_an_example_above_the_budget_is_a_batch_alone() -> None:
    batches = cut(make_examples([(50, 3), (2, 2), (3, 3)]))
    assert sorted(len(batch) for batch in batches) == [1, 2]


def test_texts_of_a_batch_have_nearly_one_length() -> None:
    for batch in cut(make_examples([(n, n) for n in range(1, 13)] * 4)):
        assert max(x.length for x in batch) - min(x.length for x in batch) <= 3


def test_the_order_depends_on_the_random_numbers_alone() -> None:
    examples = make_examples([(3, 3)] * 50)
    orders = [cut(examples, seed=seed) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_a_batch_starts_the_decoder_and_pads_on_the_right() -> None:
    batch = collate(
        [Example([3, 5, 6, 0], [7, 8, 0]), Example([4, 5, 0], [7, 0])], start_id=9, pad_id=1
    )
    assert batch.encoder_ids.tolist() == [[3, 5, 6, 0], [4, 5, 0, 1]]
    assert batch.encoder_mask.tolist() == [[True] * 4, [True, True, True, False]]
    assert batch.decoder_ids.tolist() == [[9, 7, 8], [9, 7, 0]]
    assert batch.labels.tolist() == [[7, 8, 0], [7, 0, 1]]
    assert batch.label_mask.tolist() == [[True] * 3, [True, True, False]]
    assert batch.num_tokens == 12


def test_a_text_may_contain_the_padding_itself() -> None:
    batch = collate([Example([1, 1], [1])], start_id=1, pad_id=1)
    assert batch.encoder_mask.all()
    assert batch.label_mask.all()
