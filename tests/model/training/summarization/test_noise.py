import random
from array import array

import pytest

from model.training.batching import Ids
from model.training.summarization.noise import Document, Noise, NoiseRates
from tests.support.checkpoints.summarization_training import make_vocabulary

FIRST_WORD = 100
TEXT = list(range(FIRST_WORD, FIRST_WORD + 200))
DOCUMENT = Document(array("H", TEXT), slice(20, 35))
PRINCIPAL = TEXT[20:35]


def make_noise(
    *,
    infill: float = 0.3,
    mean_span: float = 3.0,
    mask_principal: float = 0.0,
    mark_principal: float = 0.0,
) -> Noise:
    rates = NoiseRates(
        infill=infill,
        mean_span=mean_span,
        mask_principal=mask_principal,
        mark_principal=mark_principal,
    )
    return Noise(make_vocabulary(), rates)


def told(target_ids: Ids) -> list[int]:
    """Return the ids before the first </s>."""
    bos_id, *rest = target_ids
    assert bos_id == make_vocabulary().bos_id
    return rest[: rest.index(make_vocabulary().eos_id)]


def filled(source_ids: Ids, target_ids: Ids) -> list[int]:
    """Return the source with each gap replaced by its content in the target."""
    gap_ids = make_vocabulary().gap_ids
    parts: dict[int, list[int]] = {}
    last = 0
    for token in target_ids[len(told(target_ids)) + 2 : -1]:
        if token in gap_ids:
            last = token
            parts[last] = []
        else:
            parts[last].append(token)
    assert list(parts) == [token for token in source_ids if token in gap_ids]
    return [part for token in source_ids for part in parts.get(token, [token])]


def test_source_and_target_together_are_the_text() -> None:
    vocabulary = make_vocabulary()
    noise = make_noise(mask_principal=0.0)
    for seed in range(20):
        example = noise.denoising([DOCUMENT], rng=random.Random(seed))
        assert told(example.target_ids) == PRINCIPAL
        expected = [vocabulary.bos_id, *TEXT, vocabulary.eos_id]
        assert filled(example.source_ids, example.target_ids) == expected


def test_a_masked_principal_sentence_is_only_in_the_target() -> None:
    vocabulary = make_vocabulary()
    example = make_noise(infill=0.0, mask_principal=1.0).denoising([DOCUMENT], rng=random.Random(0))
    bos_id, eos_id = vocabulary.bos_id, vocabulary.eos_id
    assert example.source_ids == [bos_id, *TEXT[:20], vocabulary.mask_id, *TEXT[35:], eos_id]
    assert example.target_ids == [bos_id, *PRINCIPAL, eos_id]


def test_a_marked_principal_sentence_has_the_mask_in_front() -> None:
    vocabulary = make_vocabulary()
    noise = make_noise(infill=0.0, mask_principal=0.0, mark_principal=1.0)
    example = noise.denoising([DOCUMENT], rng=random.Random(0))
    assert example.source_ids[1:-1] == [*TEXT[:20], vocabulary.mask_id, *TEXT[20:]]
    assert told(example.target_ids) == PRINCIPAL


def test_the_asked_parts_of_the_principal_sentences_are_masked_marked_and_left_alone() -> None:
    vocabulary = make_vocabulary()
    noise = make_noise(infill=0.0, mask_principal=0.5, mark_principal=0.3)
    rng = random.Random(1)
    sources = [noise.denoising([DOCUMENT], rng=rng).source_ids for _ in range(1000)]
    masked = sum(len(source) < len(TEXT) for source in sources)
    marked = sum(vocabulary.mask_id in source for source in sources) - masked
    assert masked == pytest.approx(500, abs=50)
    assert marked == pytest.approx(300, abs=50)


def test_two_texts_in_a_row_are_told_by_both_principal_sentences() -> None:
    other = Document(array("H", range(400, 450)), slice(0, 10))
    noise = make_noise(infill=0.0, mask_principal=0.0)
    example = noise.denoising([DOCUMENT, other], rng=random.Random(0))
    assert list(example.source_ids[1:-1]) == [*TEXT, *range(400, 450)]
    assert told(example.target_ids) == [*PRINCIPAL, *range(400, 410)]


def test_a_summary_follows_its_style_and_comes_before_what_is_missing() -> None:
    vocabulary = make_vocabulary()
    rng = random.Random(0)
    noise = make_noise()
    whole = noise.summary(TEXT, [7, 8], style="tldr", infill=0.0, rng=rng)
    frame = [vocabulary.bos_id, vocabulary.tag_id("tldr")]
    assert whole.source_ids == [*frame, *TEXT, vocabulary.eos_id]
    assert whole.target_ids == [vocabulary.bos_id, 7, 8, vocabulary.eos_id]
    holed = noise.summary(TEXT, [7, 8], style="tldr", infill=0.2, rng=rng)
    assert told(holed.target_ids) == [7, 8]
    assert len(holed.source_ids) < len(whole.source_ids)
    assert filled(holed.source_ids, holed.target_ids) == whole.source_ids


@pytest.mark.parametrize(("rate", "mean"), [(0.15, 3.0), (0.3, 3.0), (0.3, 2.0)])
def test_as_much_is_missing_as_was_asked_for(rate: float, mean: float) -> None:
    noise = make_noise(infill=rate, mean_span=mean, mask_principal=0.0)
    rng = random.Random(1)
    gap_ids = make_vocabulary().gap_ids
    num_missing = num_gaps = 0
    for _ in range(300):
        example = noise.denoising([DOCUMENT], rng=rng)
        gaps = sum(token in gap_ids for token in example.source_ids)
        num_gaps += gaps
        num_missing += len(TEXT) - (len(example.source_ids) - 2 - gaps)
    assert num_missing / 300 / len(TEXT) == pytest.approx(rate, abs=0.02)
    assert num_missing / num_gaps == pytest.approx(mean, abs=0.1)


def test_gaps_end_with_the_tokens_that_mark_them() -> None:
    long = Document(array("H", range(100, 1600)), slice(0, 10))
    example = make_noise(infill=0.3, mask_principal=0.0).denoising([long], rng=random.Random(0))
    gap_ids = make_vocabulary().gap_ids
    assert [token for token in example.source_ids if token in gap_ids] == list(gap_ids)
    assert filled(example.source_ids, example.target_ids)[1:-1] == list(long.ids)
