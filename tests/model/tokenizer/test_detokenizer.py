import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import GemmaTokenizer, T5Tokenizer

from model.tokenizer import layouts
from model.tokenizer.byte_tokenizer import ByteTokenizer
from model.tokenizer.char_spans import CharSpan
from model.tokenizer.detokenizer import IncrementalDetokenizer
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from model.tokenizer.vocabulary import read_tokenizer_config
from tests.support.checkpoints.tokenizers import (
    GEMMA_PIECES,
    ODD_TEXTS,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_marian_tokenizer,
    write_spm_tokenizer,
)


@pytest.fixture(scope="module")
def bpe(bart_folder: Path) -> Tokenizer:
    return load_tokenizer(bart_folder)


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> Tokenizer:
    folder = write_marian_tokenizer(tmp_path_factory.mktemp("marian"), source=spm, target=spm)
    return load_tokenizer(folder, layouts.MARIAN)


@pytest.fixture(scope="module", params=["bytes", "T5", "T5's tokenizer.json", "Gemma's"])
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """Return a tokenizer of each other kind, with tokens for single bytes where it has any."""
    folder = tmp_path_factory.mktemp("other")
    t5 = train_spm(make_sentences(), vocab_size=600, byte_fallback=True, **T5_PIECES)
    gemma = train_spm(make_sentences(), **GEMMA_PIECES)
    if request.param == "bytes":
        return ByteTokenizer(read_tokenizer_config(folder))
    if request.param == "Gemma's":
        write_spm_tokenizer(folder, spm=gemma, file="tokenizer.model")
        GemmaTokenizer.from_pretrained(folder).save_pretrained(folder)
        return load_tokenizer(folder, layouts.GEMMA)
    write_spm_tokenizer(folder, spm=t5, file="spiece.model")
    if request.param != "T5":
        T5Tokenizer.from_pretrained(folder).save_pretrained(folder)
    return load_tokenizer(folder, layouts.T5)


class CountingTokenizer:
    """A tokenizer that counts the ids that it decodes."""

    def __init__(self, inner: Tokenizer) -> None:
        self._inner = inner
        self.num_decoded = 0

    @property
    def vocab_size(self) -> int:
        return self._inner.vocab_size

    @property
    def source_vocab_size(self) -> int:
        return self._inner.source_vocab_size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._inner.special_ids

    @property
    def unk_id(self) -> int | None:
        return self._inner.unk_id

    @property
    def source_unk_id(self) -> int | None:
        return self._inner.source_unk_id

    @property
    def added_tokens(self) -> Sequence[str]:
        return self._inner.added_tokens

    def spans(self, text: str) -> list[CharSpan]:
        return self._inner.spans(text)

    def target_spans(self, text: str) -> list[CharSpan]:
        return self._inner.target_spans(text)

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        return self._inner.decoded_spans(token_ids)

    def encode(self, text: str) -> list[int]:
        return self._inner.encode(text)

    def encode_target(self, text: str) -> list[int]:
        return self._inner.encode_target(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        self.num_decoded += len(token_ids)
        return self._inner.decode(token_ids)

    def token_to_id(self, token: str) -> int | None:
        return self._inner.token_to_id(token)


def id_of(tokenizer: Tokenizer, token: str) -> int:
    token_id = tokenizer.token_to_id(token)
    assert token_id is not None, token
    return token_id


def stream(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    detokenizer = IncrementalDetokenizer(tokenizer)
    return [*(detokenizer.push(id_) for id_ in ids), detokenizer.flush()]


def random_ids(tokenizer: Tokenizer, seed: int, *, favourites: Sequence[int]) -> list[int]:
    rng = random.Random(seed)
    length = rng.choice([3, 10, 40, 200])
    any_id = range(-1, tokenizer.vocab_size + 2)
    share = rng.random()
    return [rng.choice(favourites if rng.random() < share else any_id) for _ in range(length)]


@given(seed=st.integers(0, 2**32))
def test_any_ids_of_byte_pairs_stream_to_the_text_decoded_at_once(
    bpe: Tokenizer, seed: int
) -> None:
    """Most random sequences end within a character, or complete none."""
    favourites = [*range(5 + 94, 5 + 256), id_of(bpe, "</s>"), 3, *bpe.encode("€👍 the")]
    ids = random_ids(bpe, seed, favourites=favourites)
    assert "".join(stream(bpe, ids)) == bpe.decode(ids)


@given(seed=st.integers(0, 2**32))
def test_any_ids_of_pieces_stream_to_the_text_decoded_at_once(marian: Tokenizer, seed: int) -> None:
    blanks = 2 * [id_of(marian, "▁")]
    named = [id_of(marian, token) for token in ("<unk>", "</s>")]
    favourites = [*blanks, *named, *marian.encode("the  ▁ book\ufffd")]
    ids = random_ids(marian, seed, favourites=favourites)
    assert "".join(stream(marian, ids)) == marian.decode(ids)


@given(seed=st.integers(0, 2**32))
def test_any_ids_of_other_kinds_stream_to_the_text_decoded_at_once(
    other: Tokenizer, seed: int
) -> None:
    favourites = [0, 1, 2, *other.encode("€👍 the\ufffd"), *other.encode("  ▁ a")]
    ids = random_ids(other, seed, favourites=favourites)
    assert "".join(stream(other, ids)) == other.decode(ids)


@given(text=st.text(max_size=40) | st.sampled_from(ODD_TEXTS))
def test_any_text_streams_to_itself(bpe: Tokenizer, text: str) -> None:
    assert "".join(stream(bpe, bpe.encode(text))) == text


def test_text_comes_out_with_the_token_that_ends_it(bpe: Tokenizer) -> None:
    for text in ("the book is read", "日本語 👍🏽 €"):
        pieces = stream(bpe, bpe.encode(text))
        assert pieces[-1] == ""
        assert all("\ufffd" not in piece for piece in pieces)
    assert sum(map(bool, stream(bpe, bpe.encode("👍")))) == 1  # four bytes, one piece of text


def test_half_a_character_comes_out_at_the_end(bpe: Tokenizer) -> None:
    ids = [id_of(bpe, token) for token in ("a", "ð", "Ł")]  # bytes 61 f0 9f
    assert stream(bpe, ids) == ["a", "", "", "\ufffd"]


def test_special_tokens_give_no_text(marian: Tokenizer) -> None:
    ids = marian.encode_target("the book")
    pad, eos = id_of(marian, "<pad>"), id_of(marian, "</s>")
    pieces = stream(marian, [pad, *ids[:1], eos, *ids[1:], eos])
    assert "".join(pieces) == marian.decode(ids)
    assert pieces[0] == pieces[2] == ""


def test_nothing_pushed_is_nothing_flushed(marian: Tokenizer) -> None:
    assert IncrementalDetokenizer(marian).flush() == ""


@pytest.mark.parametrize(
    "tokens", [["t", "Ġthe"], ["Ģ"], ["ð"], ["Ģ", "â"], ["â", "Ĥ", "¬"], ["<unk>"], ["</s>"]]
)
def test_the_cost_of_a_token_does_not_grow_with_the_text(bpe: Tokenizer, tokens: list[str]) -> None:
    counting = CountingTokenizer(bpe)
    ids = [id_of(bpe, token) for token in tokens] * 4000
    stream(counting, ids)
    assert counting.num_decoded < 10 * len(ids)


def test_a_run_of_blanks_in_front_costs_no_more(marian: Tokenizer) -> None:
    counting = CountingTokenizer(marian)
    stream(counting, [id_of(marian, "▁")] * 4000)
    assert counting.num_decoded < 10 * 4000
