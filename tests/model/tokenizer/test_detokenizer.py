import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer.bpe import ByteLevelBPETokenizer, load_bpe_tokenizer
from model.tokenizer.detokenizer import IncrementalDetokenizer
from model.tokenizer.sentencepiece import MarianTokenizer, load_marian_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.tokenizer_factories import ODD_TEXTS, write_marian_tokenizer


@pytest.fixture(scope="module")
def bpe(bart_folder: Path) -> ByteLevelBPETokenizer:
    return load_bpe_tokenizer(bart_folder)


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory, spm: bytes) -> MarianTokenizer:
    folder = write_marian_tokenizer(tmp_path_factory.mktemp("marian"), source=spm, target=spm)
    return load_marian_tokenizer(folder)


class CountingTokenizer:
    """Passes everything on and counts the ids it is given to decode."""

    def __init__(self, inner: Tokenizer) -> None:
        self._inner = inner
        self.num_decoded = 0

    @property
    def vocab_size(self) -> int:
        return self._inner.vocab_size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._inner.special_ids

    def encode(self, text: str) -> list[int]:
        return self._inner.encode(text)

    def encode_target(self, text: str) -> list[int]:
        return self._inner.encode_target(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        self.num_decoded += len(token_ids)
        return self._inner.decode(token_ids)

    def token_to_id(self, token: str) -> int | None:
        return self._inner.token_to_id(token)


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
    bpe: ByteLevelBPETokenizer, seed: int
) -> None:
    """Most sequences cut characters in the middle, or make none at all."""
    favourites = [*range(5 + 94, 5 + 256), bpe.eos_id, bpe.unk_id, *bpe.encode("€👍 the")]
    ids = random_ids(bpe, seed, favourites=favourites)
    assert "".join(stream(bpe, ids)) == bpe.decode(ids)


@given(seed=st.integers(0, 2**32))
def test_any_ids_of_pieces_stream_to_the_text_decoded_at_once(
    marian: MarianTokenizer, seed: int
) -> None:
    blank = marian.token_to_id("▁")
    assert blank is not None
    favourites = [blank, blank, marian.unk_id, marian.eos_id, *marian.encode("the  ▁ book\ufffd")]
    ids = random_ids(marian, seed, favourites=favourites)
    assert "".join(stream(marian, ids)) == marian.decode(ids)


@given(text=st.text(max_size=40) | st.sampled_from(ODD_TEXTS))
def test_any_text_streams_to_itself(bpe: ByteLevelBPETokenizer, text: str) -> None:
    assert "".join(stream(bpe, bpe.encode(text))) == text


def test_text_comes_out_with_the_token_that_ends_it(bpe: ByteLevelBPETokenizer) -> None:
    for text in ("the book is read", "日本語 👍🏽 €"):
        pieces = stream(bpe, bpe.encode(text))
        assert pieces[-1] == ""
        assert all("\ufffd" not in piece for piece in pieces)
    assert sum(map(bool, stream(bpe, bpe.encode("👍")))) == 1  # four bytes, one piece of text


def test_half_a_character_comes_out_at_the_end(bpe: ByteLevelBPETokenizer) -> None:
    ids = [bpe.token_to_id("a"), bpe.token_to_id("ð"), bpe.token_to_id("Ł")]  # bytes 61 f0 9f
    assert None not in ids
    assert stream(bpe, [i for i in ids if i is not None]) == ["a", "", "", "\ufffd"]


def test_special_tokens_give_no_text(marian: MarianTokenizer) -> None:
    ids = marian.encode_target("the book")
    pieces = stream(marian, [marian.pad_id, *ids[:1], marian.eos_id, *ids[1:], marian.eos_id])
    assert "".join(pieces) == marian.decode(ids)
    assert pieces[0] == pieces[2] == ""


def test_nothing_pushed_is_nothing_flushed(marian: MarianTokenizer) -> None:
    assert IncrementalDetokenizer(marian).flush() == ""


@pytest.mark.parametrize(
    "tokens", [["t", "Ġthe"], ["Ģ"], ["ð"], ["Ģ", "â"], ["â", "Ĥ", "¬"], ["<unk>"], ["</s>"]]
)
def test_the_cost_of_a_token_does_not_grow_with_the_text(
    bpe: ByteLevelBPETokenizer, tokens: list[str]
) -> None:
    counting = CountingTokenizer(bpe)
    ids = [bpe.token_to_id(token) for token in tokens] * 4000
    stream(counting, [i for i in ids if i is not None])
    assert len(ids) <= 4000 * len(tokens)
    assert counting.num_decoded < 10 * len(ids)


def test_a_run_of_blanks_in_front_costs_no_more(marian: MarianTokenizer) -> None:
    counting = CountingTokenizer(marian)
    blank = marian.token_to_id("▁")
    assert blank is not None
    stream(counting, [blank] * 4000)
    assert counting.num_decoded < 10 * 4000
