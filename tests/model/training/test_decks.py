from collections import Counter

import pytest

from model.training.decks import Deck


def test_every_item_is_dealt_once_before_any_is_dealt_twice() -> None:
    deck = Deck(range(10), seed="a")
    passes = [deck.deal(10) for _ in range(3)]
    assert [sorted(dealt) for dealt in passes] == [list(range(10))] * 3
    assert passes[0] != passes[1] != passes[2]


def test_more_can_be_dealt_at_once_than_there_is() -> None:
    assert Counter(Deck("abc", seed="a").deal(7)).most_common(1)[0][1] == 3


def test_a_deck_goes_on_from_any_number_of_items_dealt() -> None:
    whole = Deck(range(10), seed="a").deal(27)
    later = Deck(range(10), seed="a")
    later.dealt = 14
    assert later.deal(13) == whole[14:]


def test_the_order_hangs_on_the_seed() -> None:
    orders = [Deck(range(50), seed=seed).deal(50) for seed in ("a", "a", "b")]
    assert orders[0] == orders[1] != orders[2]


def test_a_deck_without_items_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'empty' has no items"):
        Deck([], seed="empty")
