"""Prompts of a text and a task for any layout: the languages that are chosen, and errors."""

from collections.abc import Callable
from typing import Any

import pytest

from model.errors import CheckpointError, UnsupportedTaskError
from model.families.m2m100 import M2M100
from model.families.marian import MARIAN
from model.families.mbart import MBART
from model.families.prompting import Prompter
from model.tokenizer.prompt import Prompt, Summarization, Translation
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.factories import (
    Json,
    m2m100_config,
    make_prompter,
    marian_config,
    mbart_config,
)
from tests.support.checkpoints.tokenizers import write_spm_tokenizer

EOS = 0  # of Marian
FAIRSEQ_EOS = 2

MakePrompter = Callable[[Json], Prompter]


def mbart_25_config(**changes: Any) -> Json:
    return mbart_config(**{"decoder_start_token_id": None, **changes})


@pytest.fixture(scope="module")
def marian(tagged_tokenizer: Tokenizer) -> Prompter:
    return make_prompter(MARIAN, tagged_tokenizer, marian_config())


@pytest.fixture(scope="module")
def fairseq_tokenizer(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> Tokenizer:
    """Return mBART-50's tokenizer."""
    folder = tmp_path_factory.mktemp("mbart")
    write_spm_tokenizer(folder, spm=spm, tokenizer_class="MBart50Tokenizer")
    return MBART.load_tokenizer(folder)


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> Prompter:
    folder = tmp_path_factory.mktemp("nllb")
    write_spm_tokenizer(folder, spm=spm, tokenizer_class="NllbTokenizer")
    return make_prompter(M2M100, M2M100.load_tokenizer(folder), m2m100_config())


@pytest.fixture(scope="module")
def make_mbart(fairseq_tokenizer: Tokenizer) -> MakePrompter:
    def make(hf_config: Json) -> Prompter:
        return make_prompter(MBART, fairseq_tokenizer, hf_config)

    return make


def tag_id(prompter: Prompter, tag: str) -> int:
    token_id = prompter.tokenizer.token_to_id(tag)
    assert token_id is not None
    return token_id


def test_an_empty_text_is_still_a_prompt(marian: Prompter) -> None:
    prompt = marian.prompt("", Translation("de"))
    assert prompt.encoder_ids == (tag_id(marian, ">>de<<"), EOS)


def test_a_prefix_is_text_in_front_of_the_source(marian: Prompter) -> None:
    prompt = marian.prompt("book", Translation("de"), prefix="read the ")
    assert prompt == marian.prompt("read the book", Translation("de"))


@pytest.mark.parametrize("text", [">>fr<< the book", ">>fr<<", "the >>fr<< book", "</s> a <pad>"])
def test_a_tag_in_the_text_stays_text(marian: Prompter, text: str) -> None:
    (tag, *ids, end) = marian.prompt(text, Translation("de")).encoder_ids
    assert tag == tag_id(marian, ">>de<<")
    assert end == EOS
    assert not marian.tokenizer.special_ids.intersection(ids)


@pytest.mark.parametrize("target_lang", ["xx", "", "de<< >>fr"])
def test_an_unknown_language_is_answered_with_those_that_are_known(
    marian: Prompter, target_lang: str
) -> None:
    listed = ", ".join(marian.languages.codes)
    with pytest.raises(UnsupportedTaskError) as error:
        marian.prompt("the book", Translation(target_lang))
    assert str(error.value) == f"target_lang: {target_lang!r} is not one of {listed}"


def test_of_many_known_languages_some_are_listed(nllb: Prompter) -> None:
    with pytest.raises(UnsupportedTaskError, match=r"source_lang: 'tlh' .* and 182 more$"):
        nllb.prompt("the book", Translation("de", "tlh"))


def test_languages_are_found_by_iso_codes_and_by_the_vocabularys_own(nllb: Prompter) -> None:
    expected = Prompt(
        encoder_ids=(
            tag_id(nllb, "eng_Latn"),
            *nllb.tokenizer.encode("the book"),
            FAIRSEQ_EOS,
        ),
        decoder_prefix_ids=(FAIRSEQ_EOS,),
        forced_bos_id=tag_id(nllb, "deu_Latn"),
    )
    assert nllb.prompt("the book", Translation("de", "en")) == expected
    assert nllb.prompt("the book", Translation("deu_Latn", "eng_Latn")) == expected


def test_a_language_that_nobody_names_is_asked_for(nllb: Prompter, marian: Prompter) -> None:
    with pytest.raises(UnsupportedTaskError, match="source_lang: this model must be told one of"):
        nllb.prompt("the book", Translation("de"))
    with pytest.raises(UnsupportedTaskError, match="target_lang: this model must be told one of"):
        marian.prompt("the book", Summarization())


def test_a_checkpoint_for_one_pair_knows_the_languages_itself(make_mbart: MakePrompter) -> None:
    prompter = make_mbart(mbart_25_config(src_lang="en_XX", tgt_lang="ro_RO"))
    prompt = prompter.prompt("the book", Summarization())
    text_ids = prompter.tokenizer.encode("the book")
    assert prompt == Prompt(
        encoder_ids=(*text_ids, FAIRSEQ_EOS, tag_id(prompter, "en_XX")),
        decoder_prefix_ids=(tag_id(prompter, "ro_RO"),),
    )
    assert prompter.prompt("the book", Translation("ro")) == prompt


def test_a_task_that_names_languages_is_heard_first(make_mbart: MakePrompter) -> None:
    prompter = make_mbart(mbart_25_config(src_lang="en_XX", tgt_lang="ro_RO"))
    prompt = prompter.prompt("the book", Translation("de", "fr"))
    assert prompt.encoder_ids[-1] == tag_id(prompter, "fr_XX")
    assert prompt.decoder_prefix_ids == (tag_id(prompter, "de_DE"),)


def test_a_summary_is_in_the_language_that_every_output_begins_with(
    make_mbart: MakePrompter, fairseq_tokenizer: Tokenizer
) -> None:
    """Checkpoints fine-tuned on one language of XL-Sum have either of mBART's forms."""
    ukrainian = fairseq_tokenizer.token_to_id("uk_UA")
    fifty = make_mbart(mbart_config(forced_bos_token_id=ukrainian))
    prompt = fifty.prompt("the book", Summarization())
    assert prompt.encoder_ids[0] == prompt.forced_bos_id == ukrainian
    twenty_five = make_mbart(mbart_25_config(decoder_start_token_id=ukrainian))
    prompt = twenty_five.prompt("the book", Summarization())
    assert (prompt.encoder_ids[-1], prompt.decoder_prefix_ids) == (ukrainian, (ukrainian,))


@pytest.mark.parametrize("key", ["eos_token_id", "decoder_start_token_id"])
def test_a_special_token_that_the_layout_needs_is_missed_at_once(
    marian: Prompter, key: str
) -> None:
    with pytest.raises(CheckpointError, match=f"'{key}' is missing"):
        make_prompter(MARIAN, marian.tokenizer, marian_config(**{key: None}))


def test_of_several_ends_the_first_is_that_of_a_source(marian: Prompter) -> None:
    prompter = make_prompter(MARIAN, marian.tokenizer, marian_config(eos_token_id=[7, 0]))
    assert prompter.prompt("", Translation("de")).encoder_ids[-1] == 7


def test_each_encoder_id_stands_for_characters_of_the_text_or_none(
    marian: Prompter, nllb: Prompter, make_mbart: MakePrompter
) -> None:
    text = "read the book"
    for prompter in (marian, nllb, make_mbart(mbart_config())):
        task = Translation(prompter.languages.codes[0], prompter.languages.codes[0])
        prompt, spans = prompter.prompt(text, task), prompter.source_spans(text, task)
        special = prompter.tokenizer.special_ids
        assert len(spans) == len(prompt.encoder_ids)
        assert spans == sorted(spans)
        for id_, (start, stop) in zip(prompt.encoder_ids, spans, strict=True):
            assert (start == stop) == (id_ in special)
        places = {place for start, stop in spans for place in range(start, stop)}
        assert places >= {place for place, char in enumerate(text) if char != " "}


def test_a_prefix_has_no_characters_of_the_text(marian: Prompter) -> None:
    spans = marian.source_spans("book", Translation("de"), prefix="read the ")
    prompt = marian.prompt("book", Translation("de"), prefix="read the ")
    assert len(spans) == len(prompt.encoder_ids)
    assert {span for span in spans if span[0] < span[1]} <= {
        (start, stop) for start in range(5) for stop in range(5)
    }
    assert (spans[0], spans[-1]) == ((0, 0), (4, 4))
    num_alone = len(marian.tokenizer.encode("book"))
    assert sum(start < stop for start, stop in spans) == num_alone
