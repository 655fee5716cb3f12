import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import ByT5Tokenizer

from model.tokenizer.byte_tokenizer import ByteTokenizer
from model.tokenizer.tokenizer import Tokenizer
from model.tokenizer.vocabulary import read_tokenizer_config
from tests.support.checkpoints.tokenizers import ODD_TEXTS


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return ByteTokenizer(read_tokenizer_config(tmp_path_factory.mktemp("empty")))


@given(text=st.text(max_size=60) | st.sampled_from(ODD_TEXTS))
def test_a_texts_tokens_are_its_bytes(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids == tokenizer.encode_target(text) == [3 + byte for byte in text.encode()]
    assert tokenizer.decode(ids) == text


def test_a_lone_surrogate_is_replaced(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


def test_all_other_tokens_are_special_but_the_unknown_one(tokenizer: Tokenizer) -> None:
    assert tokenizer.added_tokens[:3] == ["<pad>", "</s>", "<extra_id_0>"]
    assert tokenizer.special_ids == {0, 1, *range(259, 384)}
    assert tokenizer.vocab_size == 384
    assert tokenizer.token_to_id("<unk>") == 2
    assert tokenizer.token_to_id("a") is None
    assert tokenizer.decode([0, 2, 100, 1, 383, 384, -1]) == "a"


@given(seed=st.integers(0, 2**32))
def test_any_ids_are_decoded_as_by_transformers_but_that_broken_characters_show(
    tokenizer: Tokenizer, seed: int
) -> None:
    """`transformers` drops bytes that are no UTF-8; here they decode to U+FFFD."""
    rng = random.Random(seed)
    ids = [rng.choice([rng.randrange(3, 259), rng.randrange(68, 125)]) for _ in range(20)]
    assert tokenizer.decode(ids).replace("\ufffd", "") == ByT5Tokenizer().decode(ids)


def test_a_file_may_say_otherwise(tmp_path: Path) -> None:
    added = '{"300": {"content": "<tldr>", "special": true}}'
    (tmp_path / "tokenizer_config.json").write_text(
        f'{{"extra_ids": 5, "pad_token": "[PAD]", "added_tokens_decoder": {added}}}'
    )
    tokenizer = ByteTokenizer(read_tokenizer_config(tmp_path))
    assert tokenizer.added_tokens == [
        *("[PAD]", "</s>"),
        *(f"<extra_id_{n}>" for n in range(5)),
        "<tldr>",
    ]
    assert tokenizer.vocab_size == 301
