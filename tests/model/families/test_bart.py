"""BART: its network, and the tokens around a text."""

import json
from pathlib import Path

import pytest

from model.config import Learned, Norm
from model.errors import UnsupportedTaskError
from model.families.bart import BART
from model.families.prompting import Prompter
from model.tokenizer.load import load_tokenizer
from model.tokenizer.prompt import Prompt, Summarization, Translation
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.factories import bart_config, make_prompter

BOS, EOS = 0, 2


@pytest.fixture(scope="module")
def prompter(bpe_tokenizer: Tokenizer) -> Prompter:
    return make_prompter(BART, bpe_tokenizer, bart_config())


@pytest.fixture(scope="module")
def styled(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Prompter:
    """Return BART's tokenizer with one more entry: `<headline>`."""
    folder = tmp_path_factory.mktemp("styled")
    vocab = json.loads((bpe_folder / "vocab.json").read_text(encoding="utf-8"))
    vocab["<headline>"] = len(vocab)
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (folder / "merges.txt").write_bytes((bpe_folder / "merges.txt").read_bytes())
    return make_prompter(BART, load_tokenizer(folder), bart_config())


def test_the_network_has_learned_positions_and_normalised_embeddings() -> None:
    config = BART.architecture(bart_config())
    assert config.norm == Norm(placement="post")
    assert config.positions == Learned(offset=2)
    assert config.embedding_norm
    assert config.output_bias
    assert not config.final_norm


@pytest.mark.parametrize("task", [Summarization(), Translation("de", "en")], ids=str)
def test_the_text_stands_between_start_and_end_whatever_the_task(
    prompter: Prompter, task: Summarization | Translation
) -> None:
    assert prompter.prompt("the book", task) == Prompt(
        encoder_ids=(BOS, *prompter.tokenizer.encode("the book"), EOS), decoder_prefix_ids=(EOS,)
    )


def test_a_style_is_a_tag_before_the_text(styled: Prompter) -> None:
    tag = styled.tokenizer.token_to_id("<headline>")
    prompt = styled.prompt("the book", Summarization("headline"))
    assert prompt.encoder_ids == (BOS, tag, *styled.tokenizer.encode("the book"), EOS)


@pytest.mark.parametrize("style", ["poem", "", "headline> <s"])
def test_a_style_that_the_model_does_not_have_is_refused(styled: Prompter, style: str) -> None:
    with pytest.raises(UnsupportedTaskError, match=r"style: .* is not one this model was made for"):
        styled.prompt("the book", Summarization(style))


@pytest.mark.parametrize("style", ["s", "/s", "pad", "unk", "mask"])
def test_a_special_token_is_no_style(prompter: Prompter, style: str) -> None:
    with pytest.raises(UnsupportedTaskError, match="style"):
        prompter.prompt("the book", Summarization(style))


@pytest.mark.parametrize("text", ["<s> the book", "</s>", "<mask> it", "<headline> the book"])
def test_a_tag_in_the_text_stays_text(styled: Prompter, text: str) -> None:
    (start, *ids, end) = styled.prompt(text, Summarization()).encoder_ids
    assert (start, end) == (BOS, EOS)
    assert not styled.tokenizer.special_ids.intersection(ids)
    assert styled.tokenizer.token_to_id("<headline>") not in ids
    assert styled.tokenizer.decode(ids) == text
