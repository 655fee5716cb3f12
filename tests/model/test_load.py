"""Loading a folder: a model ready to serve, or an error with the reason."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.engine.config import TokenRules
from model.errors import CheckpointError, UnsupportedModelError
from model.load import LoadedModel, load_model
from model.tokenizer.prompt import Translation
from model.transformer.int8 import Int8Linear
from tests.support.checkpoints.factories import (
    Json,
    bart_config,
    edit_config,
    marian_config,
    write_checkpoint,
    write_json,
)
from tests.support.checkpoints.tokenizers import (
    make_sentences,
    write_bart_tokenizer,
)

needs_int8 = pytest.mark.skipif(not Int8Linear.is_available(), reason="has no int8 kernels here")

CPU = torch.device("cpu")
Write = Callable[..., Path]


def load(folder: Path) -> LoadedModel:
    return load_model(folder, dtype="float32", device="cpu")


def test_a_marian_checkpoint_is_loaded_whole(write_model: Write) -> None:
    model = load(write_model())
    start = model.config.vocab_size - 1
    assert model.family.name == "Marian"
    assert model.device == CPU
    assert model.dtype == "float32"
    assert model.rules == TokenRules(eos_ids=frozenset([0]), suppressed_ids=(start,))
    assert model.generation == {}
    prompt = model.prompt("the book", Translation("de"))
    assert prompt.decoder_prefix_ids == (start,)
    logits = model.network(torch.tensor([prompt.encoder_ids]), torch.tensor([[start]]))
    assert logits.isfinite().all()


def test_a_bart_checkpoint_is_loaded_whole(tmp_path: Path) -> None:
    write_bart_tokenizer(tmp_path, sentences=make_sentences(count=300), vocab_size=300)
    write_checkpoint(tmp_path, bart_config(vocab_size=300))
    model = load(tmp_path)
    assert model.family.name == "BART"
    assert model.rules == TokenRules(eos_ids=frozenset([2]), forced_bos_id=0, forced_eos_id=2)


def test_a_folder_may_be_given_by_its_name(write_model: Write) -> None:
    assert load_model(str(write_model())).family.name == "Marian"  # type: ignore[arg-type]


def test_generation_defaults_are_read_from_config_json(write_model: Write) -> None:
    """Older checkpoints have no generation_config.json."""
    generation = {"early_stopping": True, "max_length": 20, "min_length": 5}
    model = load(write_model(num_beams=6, length_penalty=0.8, **generation))
    assert model.generation == {
        "num_beams": 6,
        "length_penalty": 0.8,
        "early_stopping": True,
        "max_new_tokens": 19,  # the two lengths count the start token
        "min_new_tokens": 4,
    }


def test_where_there_is_a_generation_config_json_it_alone_decides(write_model: Write) -> None:
    """`generate` of `transformers` does the same."""
    generation = {"num_beams": 2, "max_new_tokens": 7, "no_repeat_ngram_size": 3}
    model = load(write_model(generation, num_beams=6, max_length=20, repetition_penalty=1.2))
    assert model.generation == {
        "num_beams": 2,
        "max_new_tokens": 7,
        "no_repeat_ngram_size": 3,
    }


def test_a_null_in_generation_config_json_is_no_value(write_model: Write) -> None:
    assert load(write_model({"num_beams": None, "max_length": None})).generation == {}


def test_rules_for_tokens_are_read_from_either_file(write_model: Write) -> None:
    generation = {
        "eos_token_id": [0, 5],
        "forced_bos_token_id": 7,
        "forced_eos_token_id": [0, 5],
        "suppress_tokens": [9, 3],
        "bad_words_ids": [[3], [4]],
    }
    assert load(write_model(generation)).rules == TokenRules(
        eos_ids=frozenset([0, 5]), suppressed_ids=(3, 4, 9), forced_bos_id=7, forced_eos_id=0
    )


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        pytest.param("bad_words_ids", [[3], [4, 5]], r"\[4, 5\]", id="a word of two tokens"),
        pytest.param("suppress_tokens", [100_000], "100000", id="beyond the vocabulary"),
        pytest.param("suppress_tokens", [-1], "-1", id="below the vocabulary"),
        pytest.param("forced_bos_token_id", "de", "'de'", id="no number"),
        pytest.param("eos_token_id", 100_000, "100000", id="an end beyond the vocabulary"),
    ],
)
def test_a_rule_for_what_is_no_token_is_refused(
    write_model: Write, key: str, value: object, found: str
) -> None:
    folder = write_model({key: value})
    with pytest.raises(CheckpointError, match=f"'{key}' has {found}, no token id below"):
        load(folder)


def test_the_start_token_may_be_in_generation_config_json_alone(write_model: Write) -> None:
    """Else prompts fail on the first request."""
    folder = write_model({"decoder_start_token_id": 11})
    edit_config(folder, decoder_start_token_id=None)
    assert load(folder).prompt("a", Translation("de")).decoder_prefix_ids == (11,)


def test_where_both_files_have_a_start_token_generation_config_json_decides(
    write_model: Write,
) -> None:
    model = load(write_model({"decoder_start_token_id": 11}))
    assert model.prompt("a", Translation("de")).decoder_prefix_ids == (11,)


@pytest.mark.parametrize("key", ["decoder_start_token_id", "eos_token_id", "d_model"])
def test_a_key_that_is_needed_is_missed_at_loading(write_model: Write, key: str) -> None:
    folder = write_model()
    edit_config(folder, **{key: None})
    with pytest.raises(CheckpointError, match=f"'{key}' is missing"):
        load(folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere: no such folder"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "source.spm", "vocab.json"])
def test_a_missing_file_is_named(write_model: Write, name: str) -> None:
    folder = write_model()
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load(folder)


def test_a_model_of_no_known_family_is_refused(write_model: Write) -> None:
    folder = write_model()
    edit_config(folder, model_type="gpt2")
    with pytest.raises(UnsupportedModelError, match="'gpt2' is not one of marian, bart"):
        load(folder)


def test_a_language_tag_that_the_model_has_no_vector_for_is_refused(write_model: Write) -> None:
    folder = write_model()
    path = folder / "vocab.json"
    vocab = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**vocab, ">>ja<<": len(vocab)})
    with pytest.raises(CheckpointError, match=f"tokenizer has a token {len(vocab)}, but"):
        load(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(write_model: Write) -> None:
    """The first text with such a token would stop the engine for all requests."""
    folder = write_model(vocab_size=100, decoder_start_token_id=9, bad_words_ids=None)
    with pytest.raises(CheckpointError, match="tokenizer has a token 100, but vocab_size is 100"):
        load(folder)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"vocab_size": 100}, "tokenizer has a token 100, but vocab_size is 100"),
        ({"decoder_vocab_size": 100}, "tokenizer has a token 100, but decoder_vocab_size is 100"),
    ],
    ids=["source", "target"],
)
def test_each_of_two_vocabularies_must_fit_its_own_table(
    write_model: Write, sizes: Json, message: str
) -> None:
    """Without a check of the source's table every request would be refused."""
    folder = write_model()
    num_tokens = len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
    (folder / "target_vocab.json").write_bytes((folder / "vocab.json").read_bytes())
    write_json(folder / "tokenizer_config.json", {"separate_vocabs": True})
    tables = {"vocab_size": num_tokens, "decoder_vocab_size": num_tokens, **sizes}
    config = marian_config(**tables, share_encoder_decoder_embeddings=False, bad_words_ids=None)
    write_checkpoint(folder, config)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


def test_special_tokens_may_lie_beyond_the_vocabulary(tmp_path: Path) -> None:
    """`<mask>` does in the checkpoints that BART's authors fine-tuned."""
    write_bart_tokenizer(tmp_path, sentences=make_sentences(count=300), vocab_size=300)
    path = tmp_path / "vocab.json"
    vocab = json.loads(path.read_text(encoding="utf-8"))
    last = next(token for token, id_ in vocab.items() if id_ == 299)
    vocab["<mask>"], vocab[last] = vocab[last], vocab["<mask>"]
    write_json(path, vocab)
    write_checkpoint(tmp_path, bart_config(vocab_size=299))
    assert load(tmp_path).tokenizer.vocab_size == 300
