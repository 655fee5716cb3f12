from pathlib import Path

import pytest
import torch

from model.alignment.heads import PROBES, Head, check_heads, choose_heads
from model.alignment.word_weights import CrossWeights, TokenizedText
from model.alignment.words import words
from model.errors import ConfigError
from model.load import load_model
from model.tokenizer.prompt import Summarization, Translation
from tests.support.checkpoints.tiny_models import SUMMARIZER, TRANSLATOR, write_tiny_models
from tests.support.engine.factories import make_network
from tests.support.engine.readings import heads_of

CONFIG = make_network().config  # 2 layers of 2 heads
FIRST_HEADS = (Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1))


def probe_read(pair: tuple[str, str], *, sharpness: dict[Head, float]) -> CrossWeights:
    """Return attention of 2 layers of 2 heads over words as tokens.

    A head of some sharpness attends to the same word by that weight; all others, and the rest,
    attend to the word at the same place.
    """
    source, output = pair
    read, written = (TokenizedText(text, words(text)) for text in pair)
    names = [source[slice(*span)] for span in read.tokens]
    same = torch.zeros(len(written.tokens), len(names))
    for place, span in enumerate(written.tokens):
        same[place, names.index(output[slice(*span)])] = 1
    weights = torch.eye(len(same), len(names)).expand(2, 2, -1, -1).clone()
    for (layer, head), part in sharpness.items():
        weights[layer, head] = part * same + (1 - part) * weights[layer, head]
    return CrossWeights(read, written, weights)


def choose(sharpness: dict[Head, float]) -> tuple[Head, ...]:
    return choose_heads((probe_read(pair, sharpness=sharpness) for pair in PROBES), CONFIG)


def test_heads_that_attend_to_the_same_word_are_chosen_best_first() -> None:
    sharpness = {Head(0, 1): 0.9, Head(1, 1): 0.95, Head(1, 0): 0.5}
    assert choose(sharpness) == (Head(1, 1), Head(0, 1))


def test_a_probes_output_has_the_words_of_its_source_none_at_its_place() -> None:
    for source, output in PROBES:
        first, second = (text.rstrip(".").split(", ") for text in (source, output))
        assert sorted(first) == sorted(second)
        assert len(set(first)) == len(first)
        assert all(one != other for one, other in zip(first, second, strict=True))


def test_an_untrained_model_has_heads_and_always_the_same(tmp_path: Path) -> None:
    folders = write_tiny_models(tmp_path)
    for name, task in ((TRANSLATOR, Translation("de", "en")), (SUMMARIZER, Summarization())):
        loaded = load_model(folders[name], dtype="float32", device="cpu")
        heads = heads_of(loaded, task)
        assert heads
        assert heads == heads_of(load_model(folders[name], dtype="float32", device="cpu"), task)
        check_heads(heads, loaded.config)


def test_a_model_that_has_no_room_for_a_probe_or_no_words_of_it_has_its_first_heads() -> None:
    assert choose_heads([], CONFIG) == FIRST_HEADS
    nothing = CrossWeights(
        TokenizedText("a b", [(0, 1), (1, 3)]),
        TokenizedText("", []),
        torch.full((2, 2, 1, 2), 0.5),
    )
    assert choose_heads([nothing], CONFIG) == FIRST_HEADS


@pytest.mark.parametrize(
    ("head", "sentence"), [(Head(9, 0), "has layer 9, but"), (Head(0, 9), "has head 9, but")]
)
def test_a_head_that_a_network_lacks_is_refused(head: Head, sentence: str) -> None:
    check_heads([Head(1, 1)], CONFIG)
    with pytest.raises(ConfigError, match=sentence):
        check_heads([head], CONFIG)
