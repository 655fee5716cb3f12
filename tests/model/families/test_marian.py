"""Marian: its network, and the tokens around a text."""

from model.config import Norm, Sinusoidal
from model.families.marian import MARIAN
from model.tokenizer.prompt import Prompt, Translation
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.factories import make_prompter, marian_config

EOS, START = 0, 29


def test_the_network_is_the_original_transformer() -> None:
    config = MARIAN.architecture(marian_config())
    assert config.norm == Norm(placement="post")
    assert config.positions == Sinusoidal()
    assert config.output_bias
    assert not config.embedding_norm
    assert not config.final_norm


def test_the_text_stands_between_the_target_language_and_the_end(
    tagged_tokenizer: Tokenizer,
) -> None:
    prompt = make_prompter(MARIAN, tagged_tokenizer, marian_config()).prompt(
        "the book", Translation("fr", "en")
    )
    tag = tagged_tokenizer.token_to_id(">>fr<<")
    assert prompt == Prompt(
        encoder_ids=(tag, *tagged_tokenizer.encode("the book"), EOS),  # type: ignore[arg-type]
        decoder_prefix_ids=(START,),
    )


def test_a_model_for_one_pair_of_languages_needs_no_tag(untagged_tokenizer: Tokenizer) -> None:
    prompt = make_prompter(MARIAN, untagged_tokenizer, marian_config()).prompt(
        "the book", Translation("de")
    )
    assert prompt.encoder_ids == (*untagged_tokenizer.encode("the book"), EOS)
