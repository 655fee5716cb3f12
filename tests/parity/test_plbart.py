"""PLBART from a folder with a tokenizer: its prompt for a text between programming languages."""

from pathlib import Path

import pytest
from transformers import PLBartTokenizer

from model.load import load_model
from model.tokenizer.prompt import Summarization, Translation
from tests.parity.references import save
from tests.parity.references_bart import PLBART
from tests.support.checkpoints.tokenizers import make_sentences, train_spm, write_spm_tokenizer

TEXTS = ("the book", " def f(x):\n\treturn  x", "")


def write_checkpoint(folder: Path, *, language_codes: str) -> PLBartTokenizer:
    """Write a tiny random model, by default for Python to English; return its tokenizer."""
    write_spm_tokenizer(
        folder,
        spm=train_spm(make_sentences(count=300)),
        tokenizer_class="PLBartTokenizer",
        language_codes=language_codes,
        src_lang="python",
        tgt_lang="en_XX",
    )
    theirs: PLBartTokenizer = PLBartTokenizer.from_pretrained(folder)
    save(PLBART.make(vocab_size=theirs.vocab_size), folder)
    return theirs


@pytest.mark.parametrize(
    ("language_codes", "target"), [("base", "java"), ("base", "en_XX"), ("multi", "go")]
)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_in_transformers(
    tmp_path: Path, language_codes: str, target: str, text: str
) -> None:
    theirs = write_checkpoint(tmp_path, language_codes=language_codes)
    prompt = load_model(tmp_path).prompt(text, Translation(target, "java"))
    theirs.src_lang = "java"
    assert list(prompt.encoder_ids) == theirs(text).input_ids
    assert prompt.decoder_prefix_ids == (theirs.lang_code_to_id[f"__{target}__"],)


def test_a_model_of_one_pair_knows_its_languages(tmp_path: Path) -> None:
    theirs = write_checkpoint(tmp_path, language_codes="base")
    ours = load_model(tmp_path)
    assert ours.languages == ("java", "python", "en")
    prompt = ours.prompt("x", Summarization())
    assert list(prompt.encoder_ids) == theirs("x").input_ids
    assert prompt.decoder_prefix_ids == (theirs.lang_code_to_id["__en_XX__"],)
