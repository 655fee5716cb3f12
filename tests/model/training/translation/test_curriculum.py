import random
from collections import Counter

from model.training.batching import Example
from model.training.corpus import Pair
from model.training.decks import Deck
from model.training.translation.corpus import Direction
from model.training.translation.curriculum import (
    Mixture,
    Stream,
    Translated,
    TranslationCurriculum,
    joined_in_part,
)
from model.training.translation.variation import Variation
from tests.support.checkpoints.translation_training import (
    NO_VARIATION,
    make_curriculum,
    make_examples,
    make_pairs,
    make_vocabulary,
)


def examples_of(batches: list[list[Example]]) -> Counter[tuple[tuple[int, ...], tuple[int, ...]]]:
    return Counter((tuple(x.source_ids), tuple(x.target_ids)) for batch in batches for x in batch)


def make_texts(count: int, *, length: int = 2) -> list[Translated]:
    return [Translated(3, [i] * length, [i + count] * length) for i in range(count)]


def test_rounds_show_every_pair_once_before_any_twice() -> None:
    curriculum = make_curriculum(Mixture(round_pairs=50, join_rate=0.0))
    rounds = [curriculum.round(0.0, rng=random.Random(i)) for i in range(2)]
    assert examples_of(rounds[0] + rounds[1]) == examples_of([make_examples()])


def test_a_round_follows_from_the_decks_and_the_random_numbers() -> None:
    def draw(seed: int) -> list[list[Example]]:
        return make_curriculum(Mixture(round_pairs=50)).round(0.0, rng=random.Random(seed))

    assert draw(1) == draw(1) != draw(2)


def test_streams_share_a_round_by_their_number_of_pairs_and_only_once_they_have_begun() -> None:
    vocabulary = make_vocabulary()
    streams = {
        "there": Stream(Direction("en", "de"), Deck(make_pairs(), seed="a"), num_pairs=300.0),
        "back": Stream(
            Direction("de", "en"), Deck(make_pairs(), seed="b"), num_pairs=100.0, begins=0.5
        ),
    }
    curriculum = TranslationCurriculum(
        streams,
        Mixture(round_pairs=80, join_rate=0.0),
        vocabulary=vocabulary,
        variation=Variation(NO_VARIATION),
    )

    def tags(progress: float) -> Counter[int]:
        batches = curriculum.round(progress, rng=random.Random(1))
        return Counter(x.source_ids[0] for batch in batches for x in batch)

    assert tags(0.4) == {vocabulary.tag_id("de"): 80}
    assert tags(0.5) == {vocabulary.tag_id("de"): 60, vocabulary.tag_id("en"): 20}


def test_a_pair_above_the_longest_length_is_left_out() -> None:
    long = Pair("milk " * 50, "Milch " * 50)
    stream = Stream(Direction("en", "de"), Deck([long, *make_pairs()[:3]], seed="a"), num_pairs=4)
    curriculum = TranslationCurriculum(
        {"toy": stream},
        Mixture(round_pairs=4, max_length=40, join_rate=0.0),
        vocabulary=make_vocabulary(),
        variation=Variation(NO_VARIATION),
    )
    assert examples_of(curriculum.round(0.0, rng=random.Random(1))).total() == 3


def test_joining_loses_no_text_and_stays_within_the_longest_length() -> None:
    mixture = Mixture(join_rate=0.5, max_length=7)
    texts = list(joined_in_part(make_texts(500), mixture, rng=random.Random(1)))
    assert Counter(token for text in texts for token in text.source_ids) == Counter(
        token for i in range(500) for token in [i] * 2
    )
    assert {text.length for text in texts} == {2, 4, 6}


def test_the_sides_of_joined_texts_stay_in_one_order() -> None:
    mixture = Mixture(join_rate=1.0, max_joined=2)
    for text in joined_in_part(make_texts(20), mixture, rng=random.Random(1)):
        assert [token + 20 for token in text.source_ids] == text.target_ids


def test_about_the_asked_part_of_the_texts_is_joined() -> None:
    mixture = Mixture(join_rate=0.1)
    texts = list(joined_in_part(make_texts(3000), mixture, rng=random.Random(1)))
    assert 0.08 < sum(text.length > 2 for text in texts) / len(texts) < 0.12
