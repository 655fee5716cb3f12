import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.batching import Example, Mixture, collate, epoch_batches

lengths = st.tuples(st.integers(1, 12), st.integers(1, 12))


def make_pool(sizes: list[tuple[int, int]]) -> list[Example]:
    """Examples whose tokens occur nowhere else, so that each can be found again."""
    pool, token = [], 10
    for num_source, num_target in sizes:
        source = range(token, token + num_source)
        target = range(token + num_source, token + num_source + num_target)
        pool.append(Example(3, list(source), list(target)))
        token += num_source + num_target
    return pool


def all_tokens(examples: list[Example]) -> Counter[int]:
    return Counter(token for x in examples for token in (*x.source_ids, *x.target_ids))


@given(sizes=st.lists(lengths, min_size=1, max_size=60), seed=st.integers(0, 99))
def test_an_epoch_shows_every_example_exactly_once(sizes: list[tuple[int, int]], seed: int) -> None:
    pool = make_pool(sizes)
    mixture = Mixture(shares=(1.0,), join_rate=0.3, max_length=20, max_batch_tokens=40)
    batches = epoch_batches([pool], mixture, rng=random.Random(seed))
    assert all_tokens([x for batch in batches for x in batch]) == all_tokens(pool)


@given(sizes=st.lists(lengths, min_size=1, max_size=60), seed=st.integers(0, 99))
def test_no_batch_is_above_its_budget_of_tokens(sizes: list[tuple[int, int]], seed: int) -> None:
    mixture = Mixture(shares=(1.0,), join_rate=0.3, max_length=20, max_batch_tokens=40)
    for batch in epoch_batches([make_pool(sizes)], mixture, rng=random.Random(seed)):
        assert len(batch) * (max(x.length for x in batch) + 1) <= 40


def test_the_tokens_of_joined_pairs_stay_side_by_side() -> None:
    pool = make_pool([(2, 3), (4, 1)])
    joined = pool[0].joined(pool[1])
    assert joined.source_ids == [*pool[0].source_ids, *pool[1].source_ids]
    assert joined.target_ids == [*pool[0].target_ids, *pool[1].target_ids]


def test_about_the_asked_part_of_the_texts_is_joined() -> None:
    pool = make_pool([(2, 2)] * 3000)
    mixture = Mixture(shares=(1.0,), join_rate=0.1)
    batches = epoch_batches([pool], mixture, rng=random.Random(1))
    texts = [x for batch in batches for x in batch]
    assert 0.08 < sum(x.length > 2 for x in texts) / len(texts) < 0.12


def test_an_epoch_draws_the_share_of_each_pool() -> None:
    first, second = make_pool([(1, 1)] * 30), make_pool([(5, 5)] * 30)
    mixture = Mixture(shares=(1.0, 0.5))
    batches = epoch_batches([first, second], mixture, rng=random.Random(1))
    assert Counter(x.length for batch in batches for x in batch) == {1: 30, 5: 15}


def test_the_order_depends_on_the_random_numbers_alone() -> None:
    pool, mixture = make_pool([(3, 3)] * 50), Mixture(shares=(1.0,), max_batch_tokens=16)
    orders = [epoch_batches([pool], mixture, rng=random.Random(seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_an_example_longer_than_the_limit_is_left_out() -> None:
    pool = make_pool([(1, 1), (9, 1)])
    mixture = Mixture(shares=(1.0,), max_length=8)
    assert epoch_batches([pool], mixture, rng=random.Random(1)) == [[pool[0]]]


def test_a_batch_frames_and_pads_its_texts() -> None:
    batch = collate([Example(3, [5, 6], [7, 8]), Example(4, [5], [7])], eos_id=0, pad_id=9)
    assert batch.encoder_ids.tolist() == [[3, 5, 6, 0], [4, 5, 0, 9]]
    assert batch.encoder_mask.tolist() == [[True] * 4, [True, True, True, False]]
    assert batch.decoder_ids.tolist() == [[9, 7, 8], [9, 7, 0]]
    assert batch.labels.tolist() == [[7, 8, 0], [7, 0, 9]]
    assert batch.label_mask.tolist() == [[True] * 3, [True, True, False]]
    assert batch.num_tokens == 12


@pytest.mark.parametrize("shares", [(), (1.0, 1.0)])
def test_each_pool_needs_a_share(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        epoch_batches([make_pool([(1, 1)])], Mixture(shares=shares), rng=random.Random(1))
