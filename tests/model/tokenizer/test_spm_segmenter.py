"""Pieces are sentencepiece's own, for any text and each kind of model."""

import random

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2

from model.tokenizer.sentencepiece import SentencePieceEncoder
from model.tokenizer.spm_model import Piece, PieceType, parse_spm
from model.tokenizer.spm_segmenter import UnigramSegmenter
from tests.tokenizer_factories import ENGLISH, GERMAN, ODD_TEXTS, make_sentences, train_spm

ALPHABETS = (
    "the quick brown ",
    "aab.!-e ▁",
    "äöüßéè \t\u00a0\u3000\u200b\u00ad\x01\ufeff\ufffd",
    "aeiouAO\u0300\u0301\u0308\u030a\u0323\u0327",
    "한ㄱㅏ\u1100\u1161\u11a8ｶﾞ\u3099か日本語、。",
    "مرحباשלוםहिन्दीไทย",
    "👩👍🏽\u200d\ufe0f🇩🇪❤𝓐½①²ﬁﷺ…",
)


class Pair:
    """sentencepiece and ours, over one model."""

    def __init__(self, spm: bytes) -> None:
        self._reference = sentencepiece.SentencePieceProcessor(model_proto=spm)
        self._ours = SentencePieceEncoder(parse_spm(spm))

    def check(self, text: str) -> None:
        assert self._ours.encode(text) == self._reference.encode(text, out_type=str), repr(text)


@pytest.fixture(scope="session")
def pair(spm: bytes) -> Pair:
    return Pair(spm)


def test_ordinary_sentences_are_cut_as_by_sentencepiece(pair: Pair) -> None:
    for text in [*make_sentences(ENGLISH, seed=1), *make_sentences(GERMAN, seed=1)]:
        pair.check(text)


def test_odd_texts_are_cut_as_by_sentencepiece(pair: Pair) -> None:
    for text in ODD_TEXTS:
        pair.check(text)


def test_each_character_is_cut_as_by_sentencepiece(pair: Pair) -> None:
    for code in [*range(0x600), *range(0x600, 0x3400, 3), *range(0x3400, 0x110000, 97)]:
        if not 0xD800 <= code < 0xE000:
            pair.check(f"a{chr(code)}b {chr(code)}")


@given(data=st.data())
def test_mixtures_of_scripts_are_cut_as_by_sentencepiece(pair: Pair, data: st.DataObject) -> None:
    alphabets = data.draw(st.lists(st.sampled_from(ALPHABETS), min_size=1, max_size=3))
    pair.check(data.draw(st.text("".join(alphabets), max_size=60)))


@given(text=st.text(max_size=60))
def test_any_text_is_cut_as_by_sentencepiece(pair: Pair, text: str) -> None:
    pair.check(text)


@pytest.mark.parametrize("alphabet", ["ab", "aab. ", "the ", "-!"])
def test_near_ties_fall_as_in_sentencepiece(pair: Pair, alphabet: str) -> None:
    """It adds up scores in float32, where which way is better depends on the text before."""
    rng = random.Random(0)
    for length in [*range(1, 60), 300, 1000, 3000]:
        pair.check("".join(rng.choices(alphabet, k=length)))


def test_very_long_lines_are_cut_as_by_sentencepiece(pair: Pair) -> None:
    """Past a score of -100,000 sentencepiece restarts its sum."""
    line = " ".join(make_sentences(ENGLISH, count=1500))
    pair.check(line)
    pair.check(line.replace(" ", ""))
    pair.check("語" * 12_000)


def test_a_word_seen_before_is_cut_the_same_again(english_spm: bytes) -> None:
    encoder = SentencePieceEncoder(parse_spm(english_spm))
    assert encoder.encode("unbelievable") == encoder.encode("unbelievable")
    assert encoder.encode("unbelievable unbelievable") == 2 * encoder.encode("unbelievable")


def test_neighbouring_unknown_characters_are_one_piece(english_spm: bytes) -> None:
    encoder = SentencePieceEncoder(parse_spm(english_spm))
    assert encoder.encode("日本 the 語") == ["▁", "日本", "▁the", "▁", "語"]


def test_a_vocabulary_without_the_blank_joins_unknowns_across_words() -> None:
    pieces = [Piece("<unk>", 0.0, PieceType.UNKNOWN), Piece("a", -1.0, PieceType.NORMAL)]
    assert UnigramSegmenter(pieces).segment("▁a▁b▁a") == ["▁", "a", "▁b▁", "a"]


def test_the_first_of_two_equal_ways_wins() -> None:
    texts = {"a": -1.0, "aa": -2.0, "▁": -1.0}
    pieces = [Piece(text, score, PieceType.NORMAL) for text, score in texts.items()]
    assert UnigramSegmenter(pieces).segment("▁aa") == ["▁", "aa"]


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_pieces_set_aside_are_left_out_as_by_sentencepiece(model_type: str) -> None:
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at run time
    proto.ParseFromString(train_spm(make_sentences(), model_type=model_type))
    for piece in random.Random(0).sample(list(proto.pieces)[3:], k=100):
        piece.type = PieceType.UNUSED
    pair = Pair(proto.SerializeToString())
    for text in [*make_sentences(seed=1, count=300), *ODD_TEXTS]:
        pair.check(text)
