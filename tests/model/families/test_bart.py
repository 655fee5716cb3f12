"""BART: its network, and what it reads of a text."""

import json
from pathlib import Path

import pytest

from model.config import Learned, Norm
from model.errors import UnsupportedTaskError
from model.families.bart import BART
from model.tokenizer.bpe import load_bpe_tokenizer
from model.tokenizer.prompt import Prompt, Summarization, Translation
from model.tokenizer.tokenizer import Tokenizer
from tests.checkpoint_factories import bart_config

BOS, EOS = 0, 2


def prompt(tokenizer: Tokenizer, text: str, style: str | None = None) -> Prompt:
    return BART.prompt(tokenizer, bart_config(), text, Summarization(style))


@pytest.fixture(scope="session")
def styled_tokenizer(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """Its vocabulary has one entry more: `<headline>`."""
    folder = tmp_path_factory.mktemp("styled")
    vocab = json.loads((bpe_folder / "vocab.json").read_text(encoding="utf-8"))
    vocab["<headline>"] = len(vocab)
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (folder / "merges.txt").write_bytes((bpe_folder / "merges.txt").read_bytes())
    return load_bpe_tokenizer(folder)


def test_the_network_has_learned_positions_and_normalised_embeddings() -> None:
    config = BART.architecture(bart_config())
    assert config.norm == Norm(placement="post")
    assert config.positions == Learned(offset=2)
    assert config.embedding_norm
    assert not config.final_norm


def test_the_text_stands_between_start_and_end(bpe_tokenizer: Tokenizer) -> None:
    assert prompt(bpe_tokenizer, "the book") == Prompt(
        encoder_ids=(BOS, *bpe_tokenizer.encode("the book"), EOS), decoder_prefix_ids=(EOS,)
    )


def test_an_empty_text_is_still_a_prompt(bpe_tokenizer: Tokenizer) -> None:
    assert prompt(bpe_tokenizer, "").encoder_ids == (BOS, EOS)


def test_a_style_is_a_tag_before_the_text(styled_tokenizer: Tokenizer) -> None:
    tag = styled_tokenizer.token_to_id("<headline>")
    text_ids = styled_tokenizer.encode("the book")
    assert prompt(styled_tokenizer, "the book", "headline").encoder_ids == (
        BOS,
        tag,
        *text_ids,
        EOS,
    )


@pytest.mark.parametrize("style", ["poem", "", "headline> <s"])
def test_a_style_that_the_model_does_not_have_is_refused(
    styled_tokenizer: Tokenizer, style: str
) -> None:
    with pytest.raises(UnsupportedTaskError, match=r"style: .* is not one this model was made for"):
        prompt(styled_tokenizer, "the book", style)


@pytest.mark.parametrize("text", ["<s> the book", "</s>", "<mask> it", "<headline> the book"])
def test_a_tag_in_the_text_stays_text(styled_tokenizer: Tokenizer, text: str) -> None:
    (start, *ids, end) = prompt(styled_tokenizer, text).encoder_ids
    assert (start, end) == (BOS, EOS)
    assert not styled_tokenizer.special_ids.intersection(ids)
    assert styled_tokenizer.token_to_id("<headline>") not in ids
    assert styled_tokenizer.decode(ids) == text


@pytest.mark.parametrize("style", ["s", "/s", "pad", "unk", "mask"])
def test_a_special_token_is_no_style(bpe_tokenizer: Tokenizer, style: str) -> None:
    with pytest.raises(UnsupportedTaskError, match="style"):
        prompt(bpe_tokenizer, "the book", style)


def test_it_does_not_translate(bpe_tokenizer: Tokenizer) -> None:
    with pytest.raises(UnsupportedTaskError, match="a BART model summarizes"):
        BART.prompt(bpe_tokenizer, bart_config(), "the book", Translation("de"))
