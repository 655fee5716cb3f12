import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer import layouts
from model.tokenizer.layout import TokenizerLayout
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.tokenizers import (
    ENGLISH,
    GERMAN,
    ODD_TEXTS,
    TAGS,
    make_sentences,
    train_spm,
    write_marian_tokenizer,
    write_spm_tokenizer,
)

SPECIAL_NAMES = ("</s>", "<unk>", "<pad>", "<s>", *TAGS)
PLAIN = TokenizerLayout(spm="sentencepiece.bpe.model")


def load_marian(folder: Path) -> Tokenizer:
    return load_tokenizer(folder, layouts.MARIAN)


def id_of(tokenizer: Tokenizer, token: str) -> int:
    token_id = tokenizer.token_to_id(token)
    assert token_id is not None, token
    return token_id


@pytest.fixture(scope="module")
def tokenizer(marian_folder: Path) -> Tokenizer:
    return load_marian(marian_folder)


@pytest.fixture(scope="module")
def own_coding(
    tmp_path_factory: pytest.TempPathFactory, spm: bytes
) -> tuple[Tokenizer, sentencepiece.SentencePieceProcessor]:
    """Return a tokenizer whose ids are the pieces' places, and sentencepiece on the same file."""
    folder = write_spm_tokenizer(tmp_path_factory.mktemp("one"), spm=spm)
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm)
    return load_tokenizer(folder, [PLAIN]), processor


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / "checkpoint"))


def test_special_tokens_are_those_of_the_files(tokenizer: Tokenizer) -> None:
    assert tokenizer.added_tokens == ["</s>", *TAGS, "<pad>"]
    assert tokenizer.special_ids == {id_of(tokenizer, token) for token in tokenizer.added_tokens}
    assert tokenizer.token_to_id(">>xx<<") is None
    assert tokenizer.vocab_size == id_of(tokenizer, "<pad>") + 1  # the padding comes last


@given(parts=st.lists(st.sampled_from([*SPECIAL_NAMES, " ", "the", "日", "x"]), max_size=8))
def test_no_text_becomes_a_special_token(tokenizer: Tokenizer, parts: list[str]) -> None:
    text = "".join(parts)
    assert not tokenizer.special_ids & {*tokenizer.encode(text), *tokenizer.encode_target(text)}


def test_a_language_tag_that_is_one_unknown_piece_is_still_text(
    tmp_path: Path, english_spm: bytes, german_spm: bytes
) -> None:
    write_marian_tokenizer(tmp_path, source=english_spm, target=german_spm, tags=[">>日<<"])
    tokenizer = load_marian(tmp_path)
    assert ">>日<<" in tokenizer.added_tokens
    assert tokenizer.encode("the >>日<<")[-1] == tokenizer.token_to_id("<unk>")


def test_a_piece_that_only_the_other_model_knows_keeps_its_id(tokenizer: Tokenizer) -> None:
    blank, unk = id_of(tokenizer, "▁"), id_of(tokenizer, "<unk>")
    assert tokenizer.encode("ß") == [blank, id_of(tokenizer, "ß")]
    assert tokenizer.encode("日") == [blank, unk]


def test_texts_are_encoded_and_decoded_as_by_sentencepiece(
    own_coding: tuple[Tokenizer, sentencepiece.SentencePieceProcessor],
) -> None:
    tokenizer, reference = own_coding
    sentences = [*make_sentences(ENGLISH, count=300), *make_sentences(GERMAN, count=300)]
    for text in [*sentences, *ODD_TEXTS]:
        ids = reference.encode(text)
        assert tokenizer.encode(text) == tokenizer.encode_target(text) == ids, repr(text)
        assert tokenizer.decode(ids) == reference.decode(ids), repr(text)


@given(text=st.text(max_size=60))
def test_any_text_is_encoded_as_by_sentencepiece(
    own_coding: tuple[Tokenizer, sentencepiece.SentencePieceProcessor], text: str
) -> None:
    tokenizer, reference = own_coding
    assert tokenizer.encode(text) == reference.encode(text)


@given(seed=st.integers(0, 2**32))
def test_any_ids_are_decoded_as_by_sentencepiece(
    own_coding: tuple[Tokenizer, sentencepiece.SentencePieceProcessor], seed: int
) -> None:
    """They differ in bytes that are no UTF-8: sentencepiece decodes each of them to U+FFFD."""
    tokenizer, reference = own_coding
    rng = random.Random(seed)
    favourites = [id_of(tokenizer, token) for token in ("▁", "<unk>", "</s>")]
    ids = [rng.choice([rng.randrange(tokenizer.vocab_size), *favourites]) for _ in range(12)]
    ids = [id_ for id_ in ids if not reference.is_byte(id_)]
    assert tokenizer.decode(ids) == reference.decode(ids)


def test_characters_outside_the_vocabulary_are_spelled_in_bytes_where_it_has_them(
    tmp_path: Path,
) -> None:
    spm = train_spm(make_sentences(), vocab_size=600, byte_fallback=True)
    tokenizer = load_tokenizer(write_spm_tokenizer(tmp_path, spm=spm), [PLAIN])
    ids = tokenizer.encode("the 👍")
    assert [id_of(tokenizer, f"<0x{byte:02X}>") for byte in "👍".encode()] == ids[-4:]
    assert tokenizer.decode(ids) == "the 👍"
    assert tokenizer.decode(ids[:-1]) == "the \ufffd"
    assert tokenizer.decode(tokenizer.encode("<0xF0>")) == "<0xF0>"  # a text, not a byte


def test_what_was_encoded_is_decoded(tokenizer: Tokenizer) -> None:
    for text in make_sentences(GERMAN, count=200):
        assert tokenizer.decode(tokenizer.encode_target(text)) == text


def test_special_tokens_have_no_text(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_target("das Buch")
    special = sorted(tokenizer.special_ids)
    spread = [token for id_ in ids for token in (*special, id_, *special)]
    assert tokenizer.decode(spread) == "das Buch"
    assert tokenizer.decode(special) == tokenizer.decode([]) == ""


def test_unknown_tokens_are_shown(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([id_of(tokenizer, "<unk>")]) == " \u2047 "
    assert tokenizer.decode([tokenizer.vocab_size + 7, -1]) == " \u2047  \u2047 "


def test_a_piece_that_only_the_source_model_knows_is_decoded(tokenizer: Tokenizer) -> None:
    the = id_of(tokenizer, "▁the")
    assert tokenizer.decode([the, the]) == "the the"


def test_a_lone_surrogate_is_read_as_a_replaced_character(tmp_path: Path) -> None:
    """It has no UTF-8, but a JSON body can contain one."""
    spm = train_spm([*make_sentences(), "\ufffd"], normalization_rule_name="identity")
    tokenizer = load_tokenizer(write_spm_tokenizer(tmp_path, spm=spm), [PLAIN])
    assert tokenizer.encode("a\ud800b") == tokenizer.encode("a\ufffdb") != tokenizer.encode("ab")


def test_threads_may_share_a_tokenizer(tokenizer: Tokenizer) -> None:
    texts = make_sentences(count=200)
    alone = [tokenizer.encode(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        for result in [pool.submit(lambda: [tokenizer.encode(t) for t in texts]) for _ in range(8)]:
            assert result.result() == alone


def test_the_sides_may_have_a_vocabulary_each(marian_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(marian_folder, tmp_path)
    target_vocab = {"</s>": 0, "<unk>": 1, "▁das": 2, "▁und": 3, "<pad>": 4}
    (folder / "target_vocab.json").write_text(json.dumps(target_vocab))
    assert load_marian(folder).encode_target("das und") != [2, 3]  # a file alone is no
    (folder / "tokenizer_config.json").write_text('{"separate_vocabs": true}')
    tokenizer = load_marian(folder)
    assert tokenizer.encode_target("das und") == [2, 3]
    assert tokenizer.decode([2, 3, 4, 0]) == "das und"
    assert tokenizer.special_ids == {0, 4}
    assert tokenizer.vocab_size == 5
    assert tokenizer.encode("the") == load_marian(marian_folder).encode("the")


def test_special_tokens_may_have_other_names(marian_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(marian_folder, tmp_path)
    text = (folder / "vocab.json").read_text().replace('"<pad>"', '"[PAD]"').replace("</s>", "[E]")
    (folder / "vocab.json").write_text(text)
    config: dict[str, Any] = {"pad_token": "[PAD]", "eos_token": {"content": "[E]"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert load_marian(folder).added_tokens == ["[E]", *TAGS, "[PAD]"]


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_a_missing_file_is_named(marian_folder: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(marian_folder, tmp_path)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read: No such file"):
        load_marian(folder)


def test_a_checkpoint_needs_no_tokenizer_config(marian_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(marian_folder, tmp_path)
    (folder / "tokenizer_config.json").unlink()
    assert load_marian(folder).token_to_id("</s>") == 0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("source.spm", "<html>", "not a SentencePiece model"),
        ("vocab.json", "{", "not valid JSON"),
        ("vocab.json", "\xff", "not valid JSON"),
        ("vocab.json", "[]", "must be a JSON object, is a list"),
        ("vocab.json", '{"</s>": 0, "<unk>": 1}', "has no entry '<pad>'"),
        ("vocab.json", '{"</s>": "0"}', "the id of '</s>' is '0', not a number from 0 up"),
        ("vocab.json", '{"</s>": -1}', "the id of '</s>' is -1"),
        ("tokenizer_config.json", "null", "must be a JSON object, is a NoneType"),
        ("tokenizer_config.json", '{"separate_vocabs": true}', "target_vocab.json: cannot be read"),
        ("tokenizer_config.json", '{"unk_token": "[?]"}', r"has no entry '\[\?\]'"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    marian_folder: Path, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    folder = copy_of(marian_folder, tmp_path)
    (folder / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_marian(folder)
    assert str(folder) in str(caught.value)
    assert not isinstance(caught.value, UnsupportedModelError)


def test_an_unknown_token_that_does_not_exist_is_named(tmp_path: Path, t5_spm: bytes) -> None:
    config = {"unk_token": "[UNK]"}
    folder = write_spm_tokenizer(tmp_path, spm=t5_spm, file="spiece.model", **config)
    with pytest.raises(CheckpointError, match=r"the unknown token '\[UNK\]' is not in the vocab"):
        load_tokenizer(folder, layouts.T5)
