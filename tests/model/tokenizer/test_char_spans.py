"""The characters that tokens stand for, in texts as given and in decoded ones, of every kind."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BartTokenizer, GemmaTokenizer, T5Tokenizer

from model.tokenizer import layouts
from model.tokenizer.char_spans import CharSpan, in_characters, shared_with_next
from model.tokenizer.layout import TokenizerLayout
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.tokenizers import (
    ENGLISH,
    GEMMA_PIECES,
    ODD_TEXTS,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_marian_tokenizer,
    write_spm_tokenizer,
)

TEXTS = st.text(max_size=40) | st.sampled_from(ODD_TEXTS)
SENTENCES = make_sentences(ENGLISH, count=300)


def write_bytes(folder: Path) -> Tokenizer:
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    return load_tokenizer(folder, layouts.T5)


def write_bart_json(folder: Path, saved: Path) -> Tokenizer:
    write_bart_tokenizer(folder, sentences=SENTENCES)
    BartTokenizer.from_pretrained(folder).save_pretrained(saved)
    return load_tokenizer(saved, layouts.BART)


def write_t5_json(folder: Path, saved: Path, t5_spm: bytes) -> Tokenizer:
    write_spm_tokenizer(folder, spm=t5_spm, file="spiece.model")
    T5Tokenizer.from_pretrained(folder).save_pretrained(saved)
    return load_tokenizer(saved, layouts.T5)


def write_gemma_json(folder: Path, saved: Path) -> Tokenizer:
    spm = train_spm(SENTENCES, **GEMMA_PIECES)
    write_spm_tokenizer(folder, spm=spm, file="tokenizer.model")
    GemmaTokenizer.from_pretrained(folder).save_pretrained(saved)
    return load_tokenizer(saved, layouts.GEMMA)


@pytest.fixture(scope="module")
def of_spm(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> Tokenizer:
    """Return a tokenizer of one `.spm` file: with and without normalization, bytes, blanks."""
    folder = write_spm_tokenizer(tmp_path_factory.mktemp("spm"), spm=spm)
    return load_tokenizer(folder, [TokenizerLayout(spm="sentencepiece.bpe.model")])


@pytest.fixture(scope="module", params=["bytes", "byte pairs", "Gemma's json", "T5's json"])
def of_others(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, t5_spm: bytes
) -> Tokenizer:
    folder, saved = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("saved")
    makers: dict[str, Callable[[], Tokenizer]] = {
        "bytes": lambda: write_bytes(folder),
        "byte pairs": lambda: write_bart_json(folder, saved),
        "Gemma's json": lambda: write_gemma_json(folder, saved),
        "T5's json": lambda: write_t5_json(folder, saved, t5_spm),
    }
    return makers[request.param]()


def check_spans(spans: list[CharSpan], *, num_ids: int, length: int) -> None:
    assert len(spans) == num_ids
    assert all(0 <= start <= stop <= length for start, stop in spans)
    assert all(start <= next_start for (start, _), (next_start, _) in pairwise(spans))
    stops = [stop for start, stop in spans if start < stop]
    assert stops == sorted(stops)


def covered(spans: list[CharSpan]) -> set[int]:
    return {place for start, stop in spans for place in range(start, stop)}


def check_text(tokenizer: Tokenizer, text: str) -> None:
    ids, spans = tokenizer.encode(text), tokenizer.spans(text)
    check_spans(spans, num_ids=len(ids), length=len(text))
    letters = {place for place, char in enumerate(text) if char.isalnum()}
    assert letters <= covered(spans)


def check_ids(tokenizer: Tokenizer, ids: list[int]) -> None:
    text, spans = tokenizer.decode(ids), tokenizer.decoded_spans(ids)
    check_spans(spans, num_ids=len(ids), length=len(text))
    assert covered(spans) == set(range(len(text)))
    special = tokenizer.special_ids
    assert all(
        start == stop for (start, stop), id_ in zip(spans, ids, strict=True) if id_ in special
    )


@given(text=TEXTS)
def test_spans_of_a_text_are_in_order_and_hold_every_letter(of_spm: Tokenizer, text: str) -> None:
    check_text(of_spm, text)


@given(text=TEXTS)
def test_so_they_are_with_other_tokenizers(of_others: Tokenizer, text: str) -> None:
    check_text(of_others, text)


@given(ids=st.lists(st.integers(0, 299), max_size=20))
def test_spans_of_any_ids_are_in_order_and_hold_all_of_the_decoded_text(
    of_spm: Tokenizer, ids: list[int]
) -> None:
    check_ids(of_spm, ids)


@given(ids=st.lists(st.integers(0, 299), max_size=20))
def test_so_they_do_with_other_tokenizers(of_others: Tokenizer, ids: list[int]) -> None:
    check_ids(of_others, ids)


def test_spans_are_of_the_text_as_given_not_as_normalized(of_spm: Tokenizer) -> None:
    text = "the  ﬁne book"
    starts = {start for start, _ in of_spm.spans(text)}
    assert {0, len("the  ﬁne")} & starts
    check_text(of_spm, text)


def test_an_added_token_that_is_text_shifts_what_follows_by_its_length(
    tmp_path: Path, english_spm: bytes
) -> None:
    added = {"added_tokens_decoder": {"9999": {"content": "<sep>", "special": False}}}
    write_marian_tokenizer(tmp_path, source=english_spm, target=english_spm, config=added)
    tokenizer = load_tokenizer(tmp_path, layouts.MARIAN)
    text = "the book<sep>the book"
    assert text.index("<sep>") in {start for start, _ in tokenizer.spans(text)}
    check_text(tokenizer, text)


def test_a_control_character_in_front_shifts_nothing(
    tmp_path_factory: pytest.TempPathFactory, t5_spm: bytes
) -> None:
    """The library miscounts first characters that its normalizer drops."""
    folder, saved = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("saved")
    tokenizer = write_t5_json(folder, saved, t5_spm)
    assert tokenizer.spans("\x05\ud800the book")[-1][1] == len("\x05\ud800the book")


def test_bytes_become_characters() -> None:
    text = "aé日b"  # bytes 0, 1-2, 3-5, 6
    assert in_characters([(0, 1), (1, 3), (3, 6), (6, 7), (7, 7)], text) == [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 4),
    ]
    assert in_characters([(3, 4), (4, 6)], text) == [(2, 3), (2, 3)]


def test_tokens_of_one_character_all_have_it() -> None:
    assert shared_with_next([(0, 0), (0, 0), (0, 1), (1, 1), (2, 3), (3, 3)]) == [
        (0, 1),
        (0, 1),
        (0, 1),
        (1, 1),
        (2, 3),
        (3, 3),
    ]
