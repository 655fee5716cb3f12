import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from transformers import BartTokenizer as HfBartTokenizer

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer.bpe import ByteLevelBPETokenizer, load_bpe_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.tokenizer_factories import ENGLISH, GERMAN, ODD_TEXTS, make_sentences


@pytest.fixture(scope="module")
def tokenizer(bart_folder: Path) -> ByteLevelBPETokenizer:
    return load_bpe_tokenizer(bart_folder)


@pytest.fixture(scope="module")
def reference(bart_folder: Path) -> Any:
    return HfBartTokenizer.from_pretrained(bart_folder)


@pytest.fixture
def json_folder(reference: Any, tmp_path: Path) -> Path:
    """The same tokenizer, with all in `tokenizer.json`."""
    reference.save_pretrained(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).unlink(missing_ok=True)
    return tmp_path


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    description = json.loads(path.read_bytes())
    change(description)
    path.write_text(json.dumps(description))


def test_it_is_a_tokenizer(tokenizer: ByteLevelBPETokenizer, reference: Any) -> None:
    checked: Tokenizer = tokenizer
    assert checked.vocab_size == len(reference)


def test_special_tokens_are_found_by_name(tokenizer: ByteLevelBPETokenizer) -> None:
    assert (tokenizer.bos_id, tokenizer.pad_id, tokenizer.eos_id, tokenizer.unk_id) == (0, 1, 2, 3)
    assert tokenizer.special_ids == {0, 1, 2, 4}
    assert tokenizer.token_to_id("<mask>") == 4
    assert tokenizer.token_to_id(">>de<<") is None


def test_texts_are_encoded_and_decoded_as_by_transformers(
    tokenizer: ByteLevelBPETokenizer, reference: Any
) -> None:
    for text in [*make_sentences(ENGLISH, count=500), *make_sentences(GERMAN), *ODD_TEXTS]:
        ids = reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert tokenizer.encode(text) == tokenizer.encode_target(text) == ids, repr(text)
        assert tokenizer.decode(ids) == reference.decode(ids) == text


@given(text=st.text(max_size=60))
def test_any_text_is_encoded_as_by_transformers_and_comes_back(
    tokenizer: ByteLevelBPETokenizer, reference: Any, text: str
) -> None:
    ids = tokenizer.encode(text)
    assert ids == reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids) == text


@given(seed=st.integers(0, 2**32))
def test_any_ids_are_decoded_as_by_transformers(
    tokenizer: ByteLevelBPETokenizer, reference: Any, seed: int
) -> None:
    """Many of them cut characters in the middle."""
    rng = random.Random(seed)
    ids = [rng.choice([rng.randrange(261), rng.randrange(tokenizer.vocab_size)]) for _ in range(20)]
    assert tokenizer.decode(ids) == reference.decode(ids, skip_special_tokens=True)


def test_a_special_token_spelled_in_a_text_is_text(tokenizer: ByteLevelBPETokenizer) -> None:
    for text in ("</s>", "a <mask> b", "<s><pad><unk>"):
        ids = tokenizer.encode(text)
        assert not tokenizer.special_ids & set(ids)
        assert tokenizer.decode(ids) == text


def test_a_lone_surrogate_is_replaced(tokenizer: ByteLevelBPETokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


def test_ids_past_the_vocabulary_have_no_text(tokenizer: ByteLevelBPETokenizer) -> None:
    assert tokenizer.decode([tokenizer.vocab_size + 5, tokenizer.unk_id]) == ""


def test_a_token_with_characters_that_stand_for_no_byte_is_its_own_text(tmp_path: Path) -> None:
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "日本": 4, "a": 5}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    assert load_bpe_tokenizer(tmp_path).decode([5, 4, 5]) == "a日本a"


def test_tokenizer_json_describes_the_same_tokenizer(
    tokenizer: ByteLevelBPETokenizer, json_folder: Path
) -> None:
    loaded = load_bpe_tokenizer(json_folder)
    for text in [*make_sentences(ENGLISH, count=100), *ODD_TEXTS]:
        assert loaded.encode(text) == tokenizer.encode(text)
        assert loaded.decode(loaded.encode(text)) == text
    assert loaded.special_ids == tokenizer.special_ids
    assert loaded.vocab_size == tokenizer.vocab_size


def test_merges_may_be_strings_as_in_older_files(
    tokenizer: ByteLevelBPETokenizer, json_folder: Path
) -> None:
    def join(description: dict[str, Any]) -> None:
        model = description["model"]
        model["merges"] = [" ".join(merge) for merge in model["merges"]]

    edit(json_folder / "tokenizer.json", join)
    assert load_bpe_tokenizer(json_folder).encode("the book") == tokenizer.encode("the book")


def test_a_blank_in_front_is_added_when_the_file_says_so(json_folder: Path) -> None:
    edit(
        json_folder / "tokenizer.json",
        lambda description: description["pre_tokenizer"].update(add_prefix_space=True),
    )
    tokenizer = load_bpe_tokenizer(json_folder)
    reference = tokenizers.Tokenizer.from_file(str(json_folder / "tokenizer.json"))
    for text in ("the book", " the book", ""):
        assert tokenizer.encode(text) == reference.encode(text, add_special_tokens=False).ids


def test_the_blank_in_front_is_taken_off_again_when_the_file_says_so(json_folder: Path) -> None:
    def strip_blank(description: dict[str, Any]) -> None:
        description["pre_tokenizer"]["add_prefix_space"] = True
        strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        decoders = [description["decoder"], strip]
        description["decoder"] = {"type": "Sequence", "decoders": decoders}

    edit(json_folder / "tokenizer.json", strip_blank)
    tokenizer = load_bpe_tokenizer(json_folder)
    reference = tokenizers.Tokenizer.from_file(str(json_folder / "tokenizer.json"))
    for text in ("the book", " the book", "  the book ", "The book."):
        ids = reference.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids) == reference.decode(ids)
    assert tokenizer.decode(tokenizer.encode("the book")) == "the book"


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        (lambda d: d["model"].update(type="Unigram"), "model Unigram"),
        (lambda d: d["model"].update(byte_fallback=True), "byte fallback"),
        (lambda d: d["model"].update(end_of_word_suffix="</w>"), "an end of word suffix"),
        (lambda d: d["model"].update(continuing_subword_prefix="##"), "a continuing subword"),
        (lambda d: d["model"].update(ignore_merges=True), "ignored merges"),
        (lambda d: d.update(pre_tokenizer={"type": "Metaspace"}), "pre-tokenizer Metaspace"),
        (lambda d: d.update(pre_tokenizer=None), "pre-tokenizer None"),
        (lambda d: d["pre_tokenizer"].update(use_regex=False), "words cut without the usual"),
        (lambda d: d.update(normalizer={"type": "NFC"}), "a normalizer"),
        (lambda d: d["added_tokens"][0].update(special=False), "added tokens that are text"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(
    json_folder: Path, change: Callable[[dict[str, Any]], object], feature: str
) -> None:
    edit(json_folder / "tokenizer.json", change)
    with pytest.raises(UnsupportedModelError, match=rf"tokenizer\.json: tokenizers with {feature}"):
        load_bpe_tokenizer(json_folder)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_a_missing_file_is_named(bart_folder: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(bart_folder, tmp_path / "checkpoint"))
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read: No such file"):
        load_bpe_tokenizer(folder)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("vocab.json", "[1]", "must be a JSON object, is a list"),
        ("vocab.json", '{"a": 1.5}', "the id of 'a' is 1.5"),
        ("vocab.json", '{"<s>": 0, "<pad>": 1, "</s>": 2}', "has no entry '<unk>'"),
        ("merges.txt", "#version: 0.2\nĠ t\nq zz\n", "merge 'q zz' needs the missing token 'zz'"),
        ("merges.txt", "a", "merge 'a' needs the missing token ''"),
        ("merges.txt", "\udcff", "merges.txt: not UTF-8"),
        ("tokenizer.json", "{}", "tokenizer.json: not a description of a tokenizer: KeyError"),
        ("tokenizer.json", '{"model": 3}', "not a description of a tokenizer: AttributeError"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    bart_folder: Path, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    folder = Path(shutil.copytree(bart_folder, tmp_path / "checkpoint"))
    (folder / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError, match=reason):
        load_bpe_tokenizer(folder)
