import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import assume, given
from hypothesis import strategies as st
from transformers import BartTokenizer, GemmaTokenizer, T5Tokenizer

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.tokenizers import (
    ENGLISH,
    GEMMA_PIECES,
    GERMAN,
    ODD_TEXTS,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_spm_tokenizer,
)

Change = Callable[[dict[str, Any]], object]

TEXTS = [*make_sentences(ENGLISH, count=100), *make_sentences(GERMAN, count=100), *ODD_TEXTS]


def save(folder: Path, theirs: Any) -> Path:
    """Write `tokenizer.json` as `transformers` writes it."""
    theirs.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt", "spiece.model", "tokenizer.model"):
        (folder / name).unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="module")
def bart_json(bart_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = save(tmp_path_factory.mktemp("bart"), BartTokenizer.from_pretrained(bart_folder))
    return (folder / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def t5_json(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("t5")
    spm = train_spm(make_sentences(), **T5_PIECES, user_defined_symbols=["<2de>", "<sep>"])
    write_spm_tokenizer(folder, spm=spm, file="spiece.model")
    save(folder, T5Tokenizer.from_pretrained(folder))
    return (folder / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gemma_json(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gemma")
    spm = train_spm(make_sentences(), **GEMMA_PIECES, user_defined_symbols=["<unused0>", "\n\n"])
    write_spm_tokenizer(folder, spm=spm, file="tokenizer.model")
    save(folder, GemmaTokenizer.from_pretrained(folder))
    return (folder / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=["bart_json", "t5_json", "gemma_json"])
def content(request: pytest.FixtureRequest) -> str:
    text: str = request.getfixturevalue(request.param)
    return text


def load(folder: Path, content: str, change: Change = lambda _: None) -> Tokenizer:
    description = json.loads(content)
    change(description)
    (folder / "tokenizer.json").write_text(json.dumps(description), encoding="utf-8")
    return load_tokenizer(folder, layouts.T5)


def reference(content: str) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer.from_str(content)
    tokenizer.encode_special_tokens = True
    return tokenizer


class Both:
    """One description, as our tokenizer and as the library's."""

    def __init__(self, folder: Path, content: str) -> None:
        self.ours = load(folder, content)
        self.theirs = reference(content)


@pytest.fixture(scope="module")
def both(content: str, tmp_path_factory: pytest.TempPathFactory) -> Both:
    return Both(tmp_path_factory.mktemp("both"), content)


def has_special(text: str) -> bool:
    return any(name in text for name in ("<s>", "</s>", "<pad>", "<unk>", "<2de>", "<extra_id"))


def test_texts_are_encoded_and_decoded_as_by_the_library(both: Both) -> None:
    ours, theirs = both.ours, both.theirs
    for text in TEXTS:
        ids = theirs.encode(text, add_special_tokens=False).ids
        assert has_special(text) or ours.encode(text) == ours.encode_target(text) == ids, repr(text)
        assert ours.decode(ids) == theirs.decode(ids), repr(text)


@given(text=st.text(max_size=60))
def test_any_text_is_encoded_and_decoded_as_by_the_library(both: Both, text: str) -> None:
    assume(not has_special(text))
    ids = both.ours.encode(text)
    assert ids == both.theirs.encode(text, add_special_tokens=False).ids
    assert both.ours.decode(ids) == both.theirs.decode(ids)


def test_any_ids_are_decoded_as_by_the_library(both: Both) -> None:
    """They differ in fallback bytes that are no UTF-8: the library replaces a whole run of them."""
    ours, theirs = both.ours, both.theirs
    rng = random.Random(0)
    tokens = [(i, theirs.id_to_token(i) or "") for i in range(ours.vocab_size)]
    words = [i for i, token in tokens if not token.startswith(("<2de", "<0x"))]
    for _ in range(300):
        ids = [rng.choice(words) for _ in range(12)]
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True), ids


@given(parts=st.lists(st.sampled_from(["</s>", "<unk>", "<pad>", "<2de>", "<eos>", " ", "the"])))
def test_no_text_becomes_a_special_token(both: Both, parts: list[str]) -> None:
    """In T5's vocabulary the library finds them, as the pieces with the best scores."""
    assert not both.ours.special_ids & {*both.ours.encode("".join(parts))}


def test_special_tokens_and_language_tags_are_those_of_the_file(
    tmp_path: Path, t5_json: str, gemma_json: str
) -> None:
    t5 = load(tmp_path, t5_json)
    assert t5.added_tokens[:3] == ["<pad>", "</s>", "<2de>"]
    assert t5.added_tokens[3:] == sorted(
        (token for token in t5.added_tokens if "extra_id" in token),
        key=lambda token: t5.token_to_id(token) or 0,
    )
    assert len(t5.added_tokens) == 103
    gemma = load(tmp_path, gemma_json)
    assert gemma.added_tokens == ["<pad>", "<eos>", "<bos>", "<mask>"]


def test_an_added_token_that_is_not_special_is_found_in_a_text(
    tmp_path: Path, t5_json: str, gemma_json: str
) -> None:
    for content, token in ((t5_json, "<sep>"), (gemma_json, "<unused0>"), (gemma_json, "\n\n")):
        tokenizer = load(tmp_path, content)
        ids = tokenizer.encode(f"the{token}book")
        assert tokenizer.token_to_id(token) in ids
        assert token in tokenizer.decode(ids)


def test_a_character_spelled_in_bytes_is_read_as_far_as_it_is_whole(
    tmp_path: Path, gemma_json: str
) -> None:
    tokenizer = load(tmp_path, gemma_json)
    ids = tokenizer.encode("👍👍")
    assert tokenizer.decode(ids) == "👍👍"
    assert tokenizer.decode(ids[:-1]) == "👍\ufffd"  # the library: seven times U+FFFD


def test_special_tokens_have_no_text_and_unknown_ones_none_either(
    tmp_path: Path, t5_json: str
) -> None:
    tokenizer = load(tmp_path, t5_json)
    the, book = tokenizer.encode("the"), tokenizer.encode("book")
    unk = tokenizer.token_to_id("<unk>")
    assert unk is not None
    assert unk not in tokenizer.special_ids
    ids = [0, unk, *the, 1, *book, unk, tokenizer.vocab_size + 5, -1]
    assert tokenizer.decode(ids) == "the book"


def test_a_text_is_neither_cut_nor_padded_nor_put_between_tokens(
    tmp_path: Path, bart_json: str
) -> None:
    def bake_in(description: dict[str, Any]) -> None:
        library = tokenizers.Tokenizer.from_str(bart_json)
        library.enable_truncation(3)
        library.enable_padding(length=50)
        description.update(json.loads(library.to_str()))

    assert load(tmp_path, bart_json, bake_in).encode("the book is read by a fox") == load(
        tmp_path, bart_json
    ).encode("the book is read by a fox")


def test_merges_may_be_strings_and_the_models_type_missing_as_in_older_files(
    tmp_path: Path, bart_json: str
) -> None:
    def make_older(description: dict[str, Any]) -> None:
        model = description["model"]
        model["merges"] = [" ".join(merge) for merge in model["merges"]]
        del model["type"]

    older, newer = load(tmp_path, bart_json, make_older), load(tmp_path, bart_json)
    assert older.encode("the book") == newer.encode("the book")


def test_a_blank_in_front_is_added_and_taken_off_again_where_the_file_says_so(
    tmp_path: Path, bart_json: str
) -> None:
    def add_blank(description: dict[str, Any]) -> None:
        description["pre_tokenizer"]["add_prefix_space"] = True
        strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        decoders = [description["decoder"], strip]
        description["decoder"] = {"type": "Sequence", "decoders": decoders}

    ours = load(tmp_path, bart_json, add_blank)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ("the book", " the book", "  the book ", "The book.", ""):
        ids = theirs.encode(text, add_special_tokens=False).ids
        assert ours.encode(text) == ids
        assert ours.decode(ids) == theirs.decode(ids)
    assert ours.decode(ours.encode("the book")) == "the book"


def test_a_lone_surrogate_is_replaced(tmp_path: Path, bart_json: str) -> None:
    tokenizer = load(tmp_path, bart_json)
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        (lambda d: d["model"].update(type="WordPiece"), "model WordPiece"),
        (lambda d: d.update(decoder={"type": "WordPiece"}), "decoder WordPiece"),
        (lambda d: d.update(decoder={"type": "Strip", "content": "a"}), "decoder Strip"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(
    tmp_path: Path, bart_json: str, change: Change, feature: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=rf"tokenizer\.json: tokenizers with {feature}"):
        load(tmp_path, bart_json, change)


def test_a_tokenizer_without_a_decoder_is_refused(tmp_path: Path, bart_json: str) -> None:
    with pytest.raises(UnsupportedModelError, match="tokenizers without a decoder"):
        load(tmp_path, bart_json, lambda d: d.update(decoder=None))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "not a description of a tokenizer: KeyError"),
        ('{"model": 3}', "not a description of a tokenizer: TypeError"),
        ('{"model": {"vocab": {"a": 1.5}}}', "the id of 'a' is 1.5"),
        ('{"model": {"type": "Unigram", "vocab": [1]}}', "not a description of a tokenizer"),
        ("[", "not valid JSON"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointError, match=rf"tokenizer\.json: {reason}"):
        load_tokenizer(tmp_path)


def test_what_the_library_cannot_read_is_refused_in_its_words(
    tmp_path: Path, bart_json: str
) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: .*out of vocabulary"):
        load(tmp_path, bart_json, lambda d: d["model"]["merges"].append(["q", "zz"]))
