"""The ids of pieces and other tokens in checkpoints with `.spm` files, by family."""

from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer
from tests.support.checkpoints.tokenizers import (
    T5_PIECES,
    make_sentences,
    train_spm,
    write_spm_tokenizer,
)


def test_fairseqs_tokens_come_before_the_pieces_and_languages_after(
    tmp_path: Path, english_spm: bytes
) -> None:
    tokenizer = load_tokenizer(write_spm_tokenizer(tmp_path, spm=english_spm), layouts.MBART)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=english_spm)
    first = [tokenizer.token_to_id(token) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    assert first == [0, 1, 2, 3]
    assert tokenizer.encode("the book") == [id_ + 1 for id_ in pieces.encode("the book")]
    assert tokenizer.token_to_id("ar_AR") == pieces.get_piece_size() + 1
    assert tokenizer.token_to_id("<mask>") == tokenizer.vocab_size - 1
    assert tokenizer.vocab_size == pieces.get_piece_size() + 1 + 25 + 1


def test_pegasus_counts_its_pieces_from_105(tmp_path: Path, t5_spm: bytes) -> None:
    folder = write_spm_tokenizer(tmp_path, spm=t5_spm, file="spiece.model")
    tokenizer = load_tokenizer(folder, layouts.PEGASUS)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=t5_spm)
    assert tokenizer.encode("the 日") == [id_ + 103 for id_ in pieces.encode("the 日")]
    names = {"<pad>": 0, "</s>": 1, "<mask_1>": 2, "<mask_2>": 3, "<unk_2>": 4, "<unk_102>": 104}
    assert {name: tokenizer.token_to_id(name) for name in names} == names
    assert tokenizer.token_to_id("<unk>") == 105
    assert tokenizer.special_ids == {*range(105)}


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({}, 100),
        ({"extra_ids": 0}, 0),
        ({"extra_ids": 7}, 7),
        ({"additional_special_tokens": [f"<extra_id_{n}>" for n in range(3)]}, 3),
    ],
)
def test_t5s_sentinels_follow_the_pieces_from_the_highest_down(
    tmp_path: Path, t5_spm: bytes, config: dict[str, Any], count: int
) -> None:
    folder = write_spm_tokenizer(tmp_path, spm=t5_spm, file="spiece.model", **config)
    tokenizer = load_tokenizer(folder, layouts.T5)
    size = sentencepiece.SentencePieceProcessor(model_proto=t5_spm).get_piece_size()
    assert tokenizer.vocab_size == size + count
    assert tokenizer.added_tokens[2:] == [f"<extra_id_{n}>" for n in reversed(range(count))]
    assert not tokenizer.special_ids & {*tokenizer.encode("a <extra_id_0> b")}


def test_no_text_is_encoded_to_a_language_tag_among_the_pieces(tmp_path: Path) -> None:
    """MADLAD-400's tags are user-defined symbols, which SentencePiece finds in texts."""
    options = {**T5_PIECES, "user_defined_symbols": ["<2de>", "<2zh_Hant>", "<sep>"]}
    spm = train_spm(make_sentences(), **options)
    folder = write_spm_tokenizer(tmp_path, spm=spm, file="spiece.model", extra_ids=0)
    tokenizer = load_tokenizer(folder, layouts.T5)
    assert tokenizer.added_tokens == ["<pad>", "</s>", "<2de>", "<2zh_Hant>"]
    assert not tokenizer.special_ids & {*tokenizer.encode("<2de> the <2zh_Hant>")}
    assert tokenizer.token_to_id("<sep>") in tokenizer.encode("the<sep>book")  # no tag: a symbol
    assert tokenizer.decode(tokenizer.encode("the<sep>book")) == "the<sep>book"


def test_added_tokens_have_the_ids_that_a_file_gives_them(tmp_path: Path, t5_spm: bytes) -> None:
    added = {
        "500": {"content": "<tldr>", "special": True},
        "501": {"content": "{", "special": False},
        "502": {"content": "{{", "special": False},
    }
    config = {"added_tokens_decoder": added, "extra_ids": 0}
    folder = write_spm_tokenizer(tmp_path, spm=t5_spm, file="spiece.model", **config)
    (folder / "added_tokens.json").write_text('{"}": 503}')
    tokenizer = load_tokenizer(folder, layouts.T5)
    the, a = tokenizer.encode("the"), tokenizer.encode("a")
    assert tokenizer.encode("the{{{a} <tldr>")[: len(the + a) + 3] == [*the, 502, 501, *a, 503]
    assert 500 not in tokenizer.encode("<tldr>")
    assert tokenizer.decode([500, *the, 502, *a, 503]) == "the{{ a}"
    assert tokenizer.special_ids == {0, 1, 500}
