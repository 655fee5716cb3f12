"""From a folder to a model that is ready to serve, or one sentence that says why not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model import devices
from model.devices import DtypeName
from model.engine.config import TokenRules
from model.errors import CheckpointError, UnsupportedModelError
from model.kernels import packing as kernel_packing
from model.kernels.linear import KernelEmbedding, KernelOutput
from model.load import BUNDLED, LoadedModel, load_model
from model.tokenizer.prompt import Translation
from model.transformer.int8 import Int8Linear, WeightOnlyInt8Linear, WideInt8Linear
from model.transformer.packed import PackedLinear
from tests.support.checkpoints.factories import (
    Json,
    bart_config,
    marian_config,
    write_checkpoint,
    write_json,
)
from tests.support.checkpoints.tokenizers import (
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_marian_tokenizer,
)
from tests.support.service.machines import needs_kernels

needs_int8 = pytest.mark.skipif(not Int8Linear.is_available(), reason="has no int8 kernels here")

CPU = torch.device("cpu")
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def spm() -> bytes:
    return train_spm(make_sentences(count=300), vocab_size=120)


@pytest.fixture
def write_model(tmp_path: Path, spm: bytes) -> Write:
    """Writes a Marian checkpoint; takes generation_config.json, and keys of config.json."""

    def write(generation: Json | None = None, **changes: Any) -> Path:
        folder = write_marian_tokenizer(tmp_path / "model", source=spm, target=spm)
        num_tokens = len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
        defaults = {
            "vocab_size": num_tokens,
            "decoder_start_token_id": num_tokens - 1,
            "bad_words_ids": [[num_tokens - 1]],
        }
        write_checkpoint(folder, marian_config(**{**defaults, **changes}))
        if generation is not None:
            write_json(folder / "generation_config.json", generation)
        return folder

    return write


def load(folder: Path) -> LoadedModel:
    return load_model(folder, dtype="float32", device="cpu")


def edit_config(folder: Path, **changes: object) -> None:
    """Changes keys of config.json; None removes one."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    write_json(path, {key: value for key, value in config.items() if value is not None})


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
    """Where checkpoints had them before there was a generation_config.json."""
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
    """As in `generate`."""
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
    """Prompts once looked for it in config.json only, and failed on the first request."""
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
    """Its first text with such a token would have stopped the engine for everybody."""
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
    """A source's was once not looked at, and every request was refused."""
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
    """As `<mask>` does in checkpoints that BART's authors fine-tuned."""
    write_bart_tokenizer(tmp_path, sentences=make_sentences(count=300), vocab_size=300)
    path = tmp_path / "vocab.json"
    vocab = json.loads(path.read_text(encoding="utf-8"))
    last = next(token for token, id_ in vocab.items() if id_ == 299)
    vocab["<mask>"], vocab[last] = vocab[last], vocab["<mask>"]
    write_json(path, vocab)
    write_checkpoint(tmp_path, bart_config(vocab_size=299))
    assert load(tmp_path).tokenizer.vocab_size == 300


@pytest.fixture
def pytorch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which our own kernels do not run."""
    for module in (devices, kernel_packing):
        monkeypatch.setattr(module, "library", lambda: None)


@pytest.mark.usefixtures("pytorch_alone")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_weights_have_the_dtype_asked_for(write_model: Write, dtype: Any) -> None:
    model = load_model(write_model(), dtype=dtype, device="cpu")
    assert model.dtype == dtype
    assert model.network.embedding.weight.dtype is getattr(torch, dtype)


@pytest.mark.usefixtures("pytorch_alone")
def test_pytorch_on_a_cpu_caches_in_float32(write_model: Write) -> None:
    assert load_model(write_model(), dtype="bfloat16", device="cpu").cache_dtype is torch.float32


@needs_kernels
@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_our_own_kernels_get_narrow_weights_and_a_cache_in_bfloat16(
    write_model: Write, dtype: DtypeName
) -> None:
    model = load_model(write_model(), dtype=dtype, device="cpu")
    assert model.dtype == dtype
    assert model.cache_dtype is torch.bfloat16
    assert isinstance(model.network.embedding, KernelEmbedding)
    assert model.network.embedding.packed.weight.dtype is getattr(torch, dtype)
    assert isinstance(model.network.packed_output, KernelOutput)
    assert model.network.packed_output.packed.weight.dtype is getattr(torch, dtype)


@needs_kernels
@pytest.mark.parametrize(("dtype", "bytes_per_weight"), [("bfloat16", 2), ("int8", 1)])
def test_a_tied_table_is_there_once_to_our_own_kernels(
    dtype: DtypeName, bytes_per_weight: int
) -> None:
    """It is multiplied by as it lies, and looked up as it lies."""
    model = load_model(BUNDLED / "translate", dtype=dtype, device="cpu")
    least = model.network.num_parameters * bytes_per_weight
    assert least <= model.weights_bytes <= 1.15 * least


@pytest.mark.usefixtures("pytorch_alone")
@pytest.mark.skipif(not PackedLinear.is_available(), reason="packs no bfloat16 here")
def test_bfloat16_is_packed_on_a_cpu(write_model: Write) -> None:
    network = load_model(write_model(), dtype="bfloat16", device="cpu").network
    assert isinstance(network.packed_output, PackedLinear)


@pytest.mark.usefixtures("pytorch_alone")
@pytest.mark.parametrize("has_vnni", [pytest.param(True, marks=needs_int8), False])
def test_int8_weights_go_with_float32_activations(
    write_model: Write, monkeypatch: pytest.MonkeyPatch, *, has_vnni: bool
) -> None:
    """Where bytes cannot be multiplied by bytes, the weights alone are bytes."""
    monkeypatch.setattr(Int8Linear, "is_available", lambda: has_vnni)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    model = load_model(write_model(), dtype="int8", device="cpu")
    assert model.dtype == "int8"
    assert model.network.embedding.weight.dtype is torch.int8
    assert model.network.dtype is torch.float32
    kind = WideInt8Linear if has_vnni else WeightOnlyInt8Linear
    assert isinstance(model.network.packed_output, kind)
    prompt = model.prompt("the book", Translation("de"))
    logits = model.network(
        torch.tensor([prompt.encoder_ids]), torch.tensor([prompt.decoder_prefix_ids])
    )
    expected = load(write_model()).network(
        torch.tensor([prompt.encoder_ids]), torch.tensor([prompt.decoder_prefix_ids])
    )
    assert (logits - expected).std() < 0.2 * expected.std()


def test_auto_is_not_kept_as_the_models_dtype(write_model: Write) -> None:
    assert load_model(write_model(), device="cpu").dtype in ("float32", "bfloat16")


@needs_int8
@pytest.mark.parametrize(
    ("dtype", "bytes_per_weight"), [("float32", 4.0), ("bfloat16", 2.0), ("int8", 1.0)]
)
def test_the_memory_of_the_weights_is_told_in_every_type(
    dtype: DtypeName, bytes_per_weight: float
) -> None:
    """A tied table that is also packed is there twice; sinusoids and scales are no weights."""
    model = load_model(BUNDLED / "translate", dtype=dtype, device="cpu")
    table_bytes = model.config.vocab_size * model.config.d_model * bytes_per_weight
    least = model.network.num_parameters * bytes_per_weight
    assert least <= model.weights_bytes <= 1.15 * (least + table_bytes)
