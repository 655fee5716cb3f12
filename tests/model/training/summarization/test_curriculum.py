import random
from itertools import chain

import pytest

from model.training.batching import Example
from model.training.corpus import Pair
from model.training.summarization.curriculum import Ramp, encode_pairs
from tests.support.checkpoints.summarization_training import (
    TINY_RECIPE,
    make_curriculum,
    make_vocabulary,
)


def examples_at(progress: float) -> list[Example]:
    return list(chain.from_iterable(make_curriculum().round(progress, rng=random.Random(0))))


def tag_of(example: Example) -> str | None:
    tags = {make_vocabulary().tag_id(style): style for style in TINY_RECIPE.styles}
    return tags.get(example.source_ids[1])


def has_gaps(example: Example) -> bool:
    return any(token in make_vocabulary().gap_ids for token in example.source_ids)


def test_a_ramp_is_level_before_and_after_and_straight_between() -> None:
    ramp = Ramp(before=0.8, after=0.2, start=0.5, stop=0.7)
    values = [ramp.at(progress) for progress in (0.0, 0.5, 0.6, 0.7, 1.0)]
    assert values == pytest.approx([0.8, 0.8, 0.5, 0.2, 0.2])


def test_the_beginning_is_half_denoising_and_the_end_summaries_of_whole_texts() -> None:
    beginning = examples_at(0.0)
    assert sum(tag_of(example) is not None for example in beginning) == 50
    assert sum(map(has_gaps, beginning)) > 90  # a short text may have none by chance
    end = examples_at(1.0)
    assert all(tag_of(example) is not None for example in end)
    assert not any(map(has_gaps, end))


def test_styles_occur_as_often_as_their_files_repeats_say() -> None:
    tags = [tag_of(example) for example in examples_at(1.0)]
    assert tags.count("tldr") == pytest.approx(2 * tags.count("headline"), abs=1)


def test_rounds_differ_and_a_curriculum_set_back_repeats_itself() -> None:
    curriculum = make_curriculum()
    first = curriculum.round(0.3, rng=random.Random("a"))
    dealt = {name: deck.dealt for name, deck in curriculum.decks.items()}
    second = curriculum.round(0.3, rng=random.Random("b"))
    assert second != first
    other = make_curriculum()
    for name, count in dealt.items():
        other.decks[name].dealt = count
    assert other.round(0.3, rng=random.Random("b")) == second


def test_a_text_too_long_ends_after_the_last_sentence_that_fits() -> None:
    vocabulary = make_vocabulary()
    pair = Pair("We count trees. We count birds. We count maps.", "Counting")
    (ids,) = vocabulary.encode(["We count trees. We count birds."])
    (text,) = encode_pairs([pair], vocabulary, style="headline", max_length=len(ids) + 3)
    assert list(text.document.ids) == ids
    assert not list(encode_pairs([pair], vocabulary, style="headline", max_length=4))


def test_a_text_of_sentences_has_the_ids_of_the_whole() -> None:
    vocabulary = make_vocabulary()
    pair = Pair("We count trees. It works (e.g. Birds). Done.", "Counting")
    (text,) = encode_pairs([pair], vocabulary, style="headline", max_length=512)
    (ids,) = vocabulary.encode([pair.source])
    assert list(text.document.ids) == ids
