import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BartTokenizer

from model.errors import CheckpointError
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.tokenizers import ENGLISH, GERMAN, ODD_TEXTS, make_sentences


@pytest.fixture(scope="module")
def tokenizer(bart_folder: Path) -> Tokenizer:
    return load_tokenizer(bart_folder)


@pytest.fixture(scope="module")
def reference(bart_folder: Path) -> Any:
    return BartTokenizer.from_pretrained(bart_folder)


def test_special_tokens_are_found_by_name(tokenizer: Tokenizer, reference: Any) -> None:
    assert tokenizer.added_tokens == ["<s>", "<pad>", "</s>", "<mask>"]
    assert tokenizer.special_ids == {0, 1, 2, 4}
    assert tokenizer.token_to_id("<unk>") == 3
    assert tokenizer.token_to_id(">>de<<") is None
    assert tokenizer.vocab_size == len(reference)


def test_texts_are_encoded_and_decoded_as_by_transformers(
    tokenizer: Tokenizer, reference: Any
) -> None:
    for text in [*make_sentences(ENGLISH, count=500), *make_sentences(GERMAN), *ODD_TEXTS]:
        ids = reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert tokenizer.encode(text) == tokenizer.encode_target(text) == ids, repr(text)
        assert tokenizer.decode(ids) == reference.decode(ids) == text


@given(text=st.text(max_size=60))
def test_any_text_is_encoded_as_by_transformers_and_comes_back(
    tokenizer: Tokenizer, reference: Any, text: str
) -> None:
    ids = tokenizer.encode(text)
    assert ids == reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids) == text


@given(seed=st.integers(0, 2**32))
def test_any_ids_are_decoded_as_by_transformers(
    tokenizer: Tokenizer, reference: Any, seed: int
) -> None:
    """Many random sequences of ids end within a character."""
    rng = random.Random(seed)
    ids = [rng.choice([rng.randrange(261), rng.randrange(tokenizer.vocab_size)]) for _ in range(20)]
    assert tokenizer.decode(ids) == reference.decode(ids, skip_special_tokens=True)


def test_a_special_token_spelled_in_a_text_is_text(tokenizer: Tokenizer) -> None:
    for text in ("</s>", "a <mask> b", "<s><pad><unk>"):
        ids = tokenizer.encode(text)
        assert not tokenizer.special_ids & set(ids)
        assert tokenizer.decode(ids) == text


def test_a_token_with_characters_that_stand_for_no_byte_is_its_own_text(tmp_path: Path) -> None:
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "日本": 4, "a": 5}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    assert load_tokenizer(tmp_path).decode([5, 4, 5]) == "a日本a"


def test_tokens_may_be_added_and_blanks_too(bart_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bart_folder, tmp_path / "checkpoint"))
    size = load_tokenizer(folder).vocab_size
    added = {
        str(size): {"content": "<headline>", "special": True},
        str(size + 1): {"content": "<br>", "special": False},
    }
    config = {"added_tokens_decoder": added, "add_prefix_space": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = load_tokenizer(folder)
    assert tokenizer.added_tokens[-1] == "<headline>"
    ids = tokenizer.encode("the<br><headline>")
    assert ids[:2] == [tokenizer.token_to_id("Ġthe"), size + 1]
    assert size not in ids
    assert tokenizer.decode([size, *ids]) == " the<br> <headline>"


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_a_missing_file_is_named(bart_folder: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(bart_folder, tmp_path / "checkpoint"))
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read: No such file"):
        load_tokenizer(folder)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("vocab.json", "[1]", "must be a JSON object, is a list"),
        ("vocab.json", '{"a": 1.5}', "the id of 'a' is 1.5"),
        ("vocab.json", '{"<s>": 0, "<pad>": 1, "</s>": 2}', "has no entry '<unk>'"),
        ("merges.txt", "#version: 0.2\nĠ t\nq zz\n", "merge 'q zz' needs the missing token 'zz'"),
        ("merges.txt", "a", "merge 'a' needs the missing token ''"),
        ("merges.txt", "\udcff", "merges.txt: not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    bart_folder: Path, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    folder = Path(shutil.copytree(bart_folder, tmp_path / "checkpoint"))
    (folder / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError, match=reason):
        load_tokenizer(folder)
