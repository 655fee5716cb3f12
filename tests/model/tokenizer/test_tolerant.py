from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokenizer import layouts
from model.tokenizer.byte_tokenizer import ByteTokenizer
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from model.tokenizer.tolerant import TolerantTokenizer
from model.tokenizer.vocabulary import read_tokenizer_config
from tests.support.checkpoints.tokenizers import (
    ODD_TEXTS,
    make_sentences,
    train_spm,
    write_marian_tokenizer,
)

# A vocabulary that knows a curly quote, and, of one letter, the composed form only.
LINES = [*make_sentences(), "« oui » … café", 'she said "no" - won\'t / 5 > 3']


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    spm = train_spm(LINES, normalization_rule_name="identity")
    folder = write_marian_tokenizer(tmp_path_factory.mktemp("marian"), source=spm, target=spm)
    return load_tokenizer(folder, layouts.MARIAN)


@pytest.fixture(scope="module")
def tolerant(raw: Tokenizer) -> TolerantTokenizer:
    return TolerantTokenizer(raw)


def unknown(tokenizer: TolerantTokenizer, text: str) -> list[str]:
    return [text[start:stop] for start, stop in tokenizer.unknown_spans(text)]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("won\u2019t", "won't"),
        ("\u201cno\u201d", '"no"'),
        ("well\u2011known", "well-known"),
        ("un\u00adbe\u00adliev\u00adable", "unbelievable"),
        ("the\u200b book\ufeff", "the book"),
        ("the\u2009book", "the book"),
        ("cafe\u0301", "café"),
        ("\ufb01ve", "five"),
        ("\uff42ook", "book"),
    ],
)
def test_a_look_alike_has_the_ids_of_what_it_looks_like(
    tolerant: TolerantTokenizer, text: str, plain: str
) -> None:
    assert tolerant.encode(text) == tolerant.encode(plain)
    assert tolerant.encode_target(text) == tolerant.encode_target(plain)
    assert tolerant.unknown_spans(text) == ()


@pytest.mark.parametrize("text", ["« oui »", "…", "the book", 'she said "no"', ""])
def test_a_known_text_has_the_vocabularys_own_ids(
    raw: Tokenizer, tolerant: TolerantTokenizer, text: str
) -> None:
    assert tolerant.encode(text) == raw.encode(text)
    assert tolerant.readable(text).starts is None


def test_no_unknown_token_is_written(tolerant: TolerantTokenizer, raw: Tokenizer) -> None:
    ids = tolerant.encode("the 北 book")
    assert tolerant.unk_id in ids
    assert "⁇" in raw.decode(ids)
    assert tolerant.decode(ids).split() == ["the", "book"]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("the 北京 book", ["北京"]),
        ("the 北京 🎉 book", ["北京", "🎉"]),
        ("{the} Dvořák 北京", ["{", "}", "Dvořák 北京"]),
        ("Лев Толстой read", ["Лев Толстой"]),
        ("Dvořák read", ["Dvořák"]),
        ("a book☃", ["☃"]),
        ("👩\u200d👩\u200d👧\ufe0f!", ["👩\u200d👩\u200d👧\ufe0f"]),
        ("\u00adthe\u2019 book", []),
        ("the book", []),
        ("", []),
    ],
)
def test_unknown_words_are_found_whole(
    tolerant: TolerantTokenizer, text: str, spans: list[str]
) -> None:
    assert unknown(tolerant, text) == spans
    assert unknown(tolerant, text) == spans  # once more, from what was found


def test_what_was_never_learned_is_unknown_too(raw: Tokenizer) -> None:
    tokenizer = TolerantTokenizer(raw, unlearned=">")
    assert unknown(tokenizer, "5 > 3") == [">"]
    assert tokenizer.encode("5 > 3") == raw.encode("5 > 3")


def test_a_letter_without_its_mark_is_read_where_nothing_is_nearer(
    tolerant: TolerantTokenizer,
) -> None:
    assert tolerant.encode("bo\u0159k") == tolerant.encode("bork")


def test_a_byte_is_never_unknown(tmp_path: Path) -> None:
    tokenizer = TolerantTokenizer(ByteTokenizer(read_tokenizer_config(tmp_path)))
    for text in ODD_TEXTS:
        assert tokenizer.unknown_spans(text) == ()
        assert tokenizer.readable(text).starts is None


def check_readable(tolerant: TolerantTokenizer, raw: Tokenizer, text: str) -> None:
    readable = tolerant.readable(text)
    assert raw.encode(readable.text) == tolerant.encode(text)
    if readable.starts is None:
        assert readable.text == text
    else:
        starts: Sequence[int] = readable.starts
        assert len(starts) == len(readable.text) + 1
        assert list(starts) == sorted(starts)
        assert starts[-1] == len(text)


@given(
    st.lists(st.sampled_from("the bo\u2019\u2011\u00ad\u200b\u2026e\u0301北ř🎉«½\u0437 ")).map(
        "".join
    )
)
def test_the_readable_text_is_what_is_encoded(
    tolerant: TolerantTokenizer, raw: Tokenizer, text: str
) -> None:
    check_readable(tolerant, raw, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("un\u00adbe\u00adliev\u00adable book", ["un\u00adbe\u00adliev\u00adable", "book"]),
        ("won\u2019t the\u2009book\u200b", ["won\u2019t", "the", "book"]),
        ("the 北 book", ["the", "北", "book"]),
    ],
)
def test_tokens_have_their_spans_in_the_text_as_given(
    tolerant: TolerantTokenizer, text: str, words: list[str]
) -> None:
    spans = tolerant.spans(text)
    assert len(spans) == len(tolerant.encode(text))
    covered = ["".join(part.split()) for part in _joined_spans(text, spans)]
    assert covered == words


def _joined_spans(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """Return the texts of runs of spans that touch; a blank parts them."""
    return "".join(
        char if any(start <= at < stop for start, stop in spans) and not char.isspace() else "\n"
        for at, char in enumerate(text.rstrip("\u200b"))
    ).split("\n")


def test_an_unknown_token_has_an_empty_span_of_what_is_written(tolerant: TolerantTokenizer) -> None:
    ids = tolerant.encode("the 北 book")
    spans = tolerant.decoded_spans(ids)
    assert len(spans) == len(ids)
    start, stop = spans[ids.index(tolerant.unk_id or 0)]
    assert start == stop


@given(st.text("the bo\u2019\u2011\u00ad\u200b\u2026e\u0301北ř🎉«½\u0437 "))
def test_spans_of_tokens_never_decrease(tolerant: TolerantTokenizer, text: str) -> None:
    spans = tolerant.spans(text)
    assert len(spans) == len(tolerant.encode(text))
    for one, other in pairwise([(0, 0), *spans, (len(text), len(text))]):
        assert one[0] <= other[0] <= len(text)
        assert one[1] <= other[1]


@given(st.text())
def test_unknown_spans_are_in_order_and_not_empty(tolerant: TolerantTokenizer, text: str) -> None:
    reached = 0
    for start, stop in tolerant.unknown_spans(text):
        assert reached <= start < stop <= len(text)
        reached = stop


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("won\u2019t read the book", "book"),
        ("un\u00adbe\u00adliev\u00adable book", "book"),
        ("\u2026 \ufb01ve cafe\u0301 book", "book"),
        ("\u201cthe\u200b\u201d book\ufeff", "book"),
    ],
)
def test_spans_are_of_the_text_as_given_not_of_its_look_alikes(
    tolerant: TolerantTokenizer, text: str, word: str
) -> None:
    place = text.index(word)
    for spans in (tolerant.spans(text), tolerant.target_spans(text)):
        inside = [(start, stop) for start, stop in spans if start < place + len(word)]
        assert place <= inside[-1][0] + 1 <= place + len(word)  # a piece may begin with the blank
        assert inside[-1][1] >= place + len(word)


@given(text=st.text(max_size=40) | st.sampled_from(ODD_TEXTS))
def test_spans_are_in_order_one_for_each_id(tolerant: TolerantTokenizer, text: str) -> None:
    for ids, spans in (
        (tolerant.encode(text), tolerant.spans(text)),
        (tolerant.encode_target(text), tolerant.target_spans(text)),
    ):
        assert len(spans) == len(ids)
        assert all(0 <= start <= stop <= len(text) for start, stop in spans)
        assert [start for start, _ in spans] == sorted(start for start, _ in spans)
        assert [stop for _, stop in spans] == sorted(stop for _, stop in spans)


def test_an_unknown_token_has_no_characters_of_the_decoded_text(
    tolerant: TolerantTokenizer,
) -> None:
    unk_id = tolerant.unk_id
    assert unk_id is not None
    ids = [unk_id, *tolerant.encode_target("the book"), unk_id]
    spans = tolerant.decoded_spans(ids)
    assert (spans[0], spans[-1]) == ((0, 0), (8, 8))
    assert spans[1:-1] == tolerant.decoded_spans(ids[1:-1])
