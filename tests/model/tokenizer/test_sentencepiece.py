import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st
from transformers import MarianTokenizer as HfMarianTokenizer

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer.sentencepiece import MarianTokenizer, load_marian_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.tokenizer_factories import (
    ENGLISH,
    GERMAN,
    ODD_TEXTS,
    TAGS,
    make_sentences,
    write_marian_tokenizer,
)

SPECIAL_NAMES = ("</s>", "<unk>", "<pad>", "<s>", *TAGS)


@pytest.fixture(scope="module")
def tokenizer(marian_folder: Path) -> MarianTokenizer:
    return load_marian_tokenizer(marian_folder)


@pytest.fixture(scope="module")
def vocab(marian_folder: Path) -> dict[str, int]:
    loaded: dict[str, int] = json.loads((marian_folder / "vocab.json").read_bytes())
    return loaded


@pytest.fixture(scope="module")
def own_decoding(
    tmp_path_factory: pytest.TempPathFactory, spm: bytes
) -> tuple[MarianTokenizer, sentencepiece.SentencePieceProcessor]:
    """A tokenizer with one model for both sides, and sentencepiece over that model."""
    folder = write_marian_tokenizer(tmp_path_factory.mktemp("one"), source=spm, target=spm)
    return load_marian_tokenizer(folder), sentencepiece.SentencePieceProcessor(model_proto=spm)


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / "checkpoint"))


def test_it_is_a_tokenizer(tokenizer: MarianTokenizer) -> None:
    checked: Tokenizer = tokenizer
    assert checked.vocab_size == max(checked.special_ids) + 1  # the padding comes last


def test_special_tokens_are_found_by_name(
    tokenizer: MarianTokenizer, vocab: dict[str, int]
) -> None:
    assert (tokenizer.eos_id, tokenizer.unk_id, tokenizer.pad_id) == (0, 1, vocab["<pad>"])
    assert tokenizer.special_ids == {0, vocab["<pad>"], *(vocab[tag] for tag in TAGS)}
    assert tokenizer.token_to_id(">>fr<<") == vocab[">>fr<<"]
    assert tokenizer.token_to_id(">>xx<<") is None
    assert tokenizer.target_languages == ("de", "fr", "cmn_Hans")


@pytest.mark.filterwarnings(
    "ignore:Recommended"
)  # of a punctuation normalizer, which we do not use
def test_source_and_target_ids_are_those_of_transformers(
    tokenizer: MarianTokenizer, marian_folder: Path
) -> None:
    reference = HfMarianTokenizer.from_pretrained(marian_folder)
    texts = [*make_sentences(ENGLISH, count=300), *make_sentences(GERMAN, count=300), *ODD_TEXTS]
    for text in texts:
        if text.startswith(">>") or any(name in text for name in SPECIAL_NAMES):
            continue  # which transformers reads as tokens; ours are text
        ids = reference(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.encode(text) == ids, repr(text)
        ids = reference(text_target=text, add_special_tokens=False)["input_ids"]
        assert tokenizer.encode_target(text) == ids, repr(text)


@given(parts=st.lists(st.sampled_from([*SPECIAL_NAMES, " ", "the", "日", "x"]), max_size=8))
def test_no_text_becomes_a_special_token(tokenizer: MarianTokenizer, parts: list[str]) -> None:
    text = "".join(parts)
    assert not tokenizer.special_ids & {*tokenizer.encode(text), *tokenizer.encode_target(text)}


def test_a_language_tag_that_is_one_unknown_piece_is_still_text(
    tmp_path: Path, english_spm: bytes, german_spm: bytes
) -> None:
    write_marian_tokenizer(tmp_path, source=english_spm, target=german_spm, tags=[">>日<<"])
    tokenizer = load_marian_tokenizer(tmp_path)
    assert tokenizer.target_languages == ("日",)
    assert tokenizer.encode("the >>日<<")[-1] == tokenizer.unk_id


def test_a_piece_that_only_the_other_model_knows_keeps_its_id(
    tokenizer: MarianTokenizer, vocab: dict[str, int]
) -> None:
    assert tokenizer.encode("ß") == [vocab["▁"], vocab["ß"]]
    assert tokenizer.encode("日") == [vocab["▁"], tokenizer.unk_id]


@given(seed=st.integers(0, 2**32))
def test_any_ids_are_decoded_as_by_sentencepiece(
    own_decoding: tuple[MarianTokenizer, sentencepiece.SentencePieceProcessor], seed: int
) -> None:
    tokenizer, reference = own_decoding
    rng = random.Random(seed)
    pieces = [reference.id_to_piece(rng.randrange(reference.get_piece_size())) for _ in range(12)]
    pieces = [rng.choice([piece, "▁", "<unk>", "▁the"]) for piece in pieces]
    pieces = [piece for piece in pieces if piece != "<s>"]  # not in Marian's vocabularies
    ids = [tokenizer.token_to_id(piece) for piece in pieces]
    assert None not in ids
    assert tokenizer.decode([i for i in ids if i is not None]) == reference.decode(pieces)


def test_what_was_encoded_is_decoded(tokenizer: MarianTokenizer) -> None:
    for text in make_sentences(GERMAN, count=200):
        assert tokenizer.decode(tokenizer.encode_target(text)) == text


def test_special_tokens_have_no_text(tokenizer: MarianTokenizer) -> None:
    ids = tokenizer.encode_target("das Buch")
    special = sorted(tokenizer.special_ids)
    spread = [token for id_ in ids for token in (*special, id_, *special)]
    assert tokenizer.decode(spread) == "das Buch"
    assert tokenizer.decode(special) == tokenizer.decode([]) == ""


def test_unknown_tokens_are_shown(tokenizer: MarianTokenizer) -> None:
    assert tokenizer.decode([tokenizer.unk_id]) == " \u2047 "
    assert tokenizer.decode([tokenizer.vocab_size + 7, -1]) == " \u2047  \u2047 "


def test_a_piece_that_only_the_source_model_knows_is_decoded(
    tokenizer: MarianTokenizer, vocab: dict[str, int]
) -> None:
    assert tokenizer.decode([vocab["▁the"], vocab["▁the"]]) == "the the"


def test_a_lone_surrogate_is_unknown_text(tokenizer: MarianTokenizer) -> None:
    assert tokenizer.encode("\ud800")[-1] == tokenizer.unk_id


def test_the_sides_may_have_a_vocabulary_each(marian_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(marian_folder, tmp_path)
    target_vocab = {"</s>": 0, "<unk>": 1, "▁das": 2, "▁und": 3, "<pad>": 4}
    (folder / "target_vocab.json").write_text(json.dumps(target_vocab))
    assert load_marian_tokenizer(folder).encode_target("das und") != [2, 3]  # a file alone is no
    (folder / "tokenizer_config.json").write_text('{"separate_vocabs": true}')
    tokenizer = load_marian_tokenizer(folder)
    assert tokenizer.encode_target("das und") == [2, 3]
    assert tokenizer.decode([2, 3, 4, 0]) == "das und"
    assert tokenizer.special_ids == {0, 4}
    assert tokenizer.vocab_size == 5
    assert tokenizer.encode("the") == load_marian_tokenizer(marian_folder).encode("the")


def test_special_tokens_may_have_other_names(marian_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(marian_folder, tmp_path)
    text = (folder / "vocab.json").read_text().replace('"<pad>"', '"[PAD]"').replace("</s>", "[E]")
    (folder / "vocab.json").write_text(text)
    config: dict[str, Any] = {"pad_token": "[PAD]", "eos_token": {"content": "[E]"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load_marian_tokenizer(folder)
    assert tokenizer.eos_id == 0
    assert tokenizer.pad_id == tokenizer.vocab_size - 1


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_a_missing_file_is_named(marian_folder: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(marian_folder, tmp_path)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read: No such file"):
        load_marian_tokenizer(folder)


def test_a_checkpoint_needs_no_tokenizer_config(marian_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(marian_folder, tmp_path)
    (folder / "tokenizer_config.json").unlink()
    assert load_marian_tokenizer(folder).eos_id == 0


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
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    marian_folder: Path, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    folder = copy_of(marian_folder, tmp_path)
    (folder / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_marian_tokenizer(folder)
    assert str(folder) in str(caught.value)
    assert not isinstance(caught.value, UnsupportedModelError)
