"""Marian: its network, and what it reads of a text."""

import pytest

from model.config import Norm, Sinusoidal
from model.errors import UnsupportedTaskError
from model.families.marian import MARIAN
from model.tokenizer.prompt import Prompt, Summarization, Translation
from model.tokenizer.tokenizer import Tokenizer
from tests.checkpoint_factories import marian_config

EOS, START = 0, 29


def prompt(tokenizer: Tokenizer, text: str, target_lang: str = "de") -> Prompt:
    return MARIAN.prompt(tokenizer, marian_config(), text, Translation(target_lang))


def test_the_network_is_the_original_transformer() -> None:
    config = MARIAN.architecture(marian_config())
    assert config.norm == Norm(placement="post")
    assert config.positions == Sinusoidal()
    assert not config.embedding_norm
    assert not config.final_norm


@pytest.mark.parametrize("target_lang", ["de", "fr", "cmn_Hans"])
def test_the_text_stands_between_the_target_language_and_the_end(
    tagged_tokenizer: Tokenizer, target_lang: str
) -> None:
    tag = tagged_tokenizer.token_to_id(f">>{target_lang}<<")
    text_ids = tagged_tokenizer.encode("the book")
    assert prompt(tagged_tokenizer, "the book", target_lang) == Prompt(
        encoder_ids=(tag, *text_ids, EOS),  # type: ignore[arg-type]
        decoder_prefix_ids=(START,),
    )


def test_a_model_for_one_pair_of_languages_needs_no_tag(untagged_tokenizer: Tokenizer) -> None:
    expected = (*untagged_tokenizer.encode("the book"), EOS)
    assert prompt(untagged_tokenizer, "the book").encoder_ids == expected


def test_an_empty_text_is_still_a_prompt(tagged_tokenizer: Tokenizer) -> None:
    tag = tagged_tokenizer.token_to_id(">>de<<")
    assert prompt(tagged_tokenizer, "").encoder_ids == (tag, EOS)


@pytest.mark.parametrize("target_lang", ["xx", "DE", "", "de<< >>fr"])
def test_an_unknown_language_is_answered_with_those_that_are_known(
    tagged_tokenizer: Tokenizer, target_lang: str
) -> None:
    with pytest.raises(UnsupportedTaskError) as error:
        prompt(tagged_tokenizer, "the book", target_lang)
    assert str(error.value) == f"target_lang: {target_lang!r} is not one of de, fr, cmn_Hans"


@pytest.mark.parametrize("text", [">>fr<< the book", ">>fr<<", "the >>fr<< book", "</s> a <pad>"])
def test_a_tag_in_the_text_stays_text(tagged_tokenizer: Tokenizer, text: str) -> None:
    special = tagged_tokenizer.special_ids
    (tag, *ids, end) = prompt(tagged_tokenizer, text).encoder_ids
    assert tag == tagged_tokenizer.token_to_id(">>de<<")
    assert end == EOS
    assert not special.intersection(ids)


def test_it_does_not_summarize(tagged_tokenizer: Tokenizer) -> None:
    with pytest.raises(UnsupportedTaskError, match="a Marian model translates"):
        MARIAN.prompt(tagged_tokenizer, marian_config(), "the book", Summarization())
