"""The number types and the memory of a loaded model, for each dtype."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from model import devices
from model.devices import DtypeName
from model.errors import ConfigError
from model.kernels import packing as kernel_packing
from model.kernels.linear import KernelEmbedding, KernelOutput
from model.load import BUNDLED, load_model
from model.tokenizer.prompt import Translation
from model.transformer.int8 import Int8Linear, WeightOnlyInt8Linear, WideInt8Linear
from model.transformer.packed import PackedLinear
from tests.support.service.machines import needs_kernels

needs_int8 = pytest.mark.skipif(not Int8Linear.is_available(), reason="has no int8 kernels here")

CPU = torch.device("cpu")
Write = Callable[..., Path]


@pytest.fixture
def pytorch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch run all networks, as on a machine without our own kernels."""
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
    """Lookups and the output projection read the same packed table."""
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
    """Without instructions for products of bytes, the weights alone are int8."""
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
    expected = load_model(write_model(), dtype="float32", device="cpu").network(
        torch.tensor([prompt.encoder_ids]), torch.tensor([prompt.decoder_prefix_ids])
    )
    assert (logits - expected).std() < 0.2 * expected.std()


def test_a_network_that_is_not_packed_is_plain_and_computes_the_same(write_model: Write) -> None:
    folder = write_model()
    plain = load_model(folder, dtype="float32", device="cpu", packs=False)
    names = {name for name, _ in plain.network.named_parameters()}
    assert {"embedding.weight", "decoder.layers.0.cross_attention.kv.weight"} <= names
    prompt = plain.prompt("the book", Translation("de"))
    ids = torch.tensor([prompt.encoder_ids]), torch.tensor([prompt.decoder_prefix_ids])
    packed = load_model(folder, dtype="float32", device="cpu")
    torch.testing.assert_close(plain.network(*ids), packed.network(*ids), atol=1e-4, rtol=1e-4)


def test_a_network_that_is_not_packed_is_float32(write_model: Write) -> None:
    with pytest.raises(ConfigError, match="'int8' is laid out for products"):
        load_model(write_model(), dtype="int8", device="cpu", packs=False)


def test_auto_is_not_kept_as_the_models_dtype(write_model: Write) -> None:
    assert load_model(write_model(), device="cpu").dtype in ("float32", "bfloat16")


@needs_int8
@pytest.mark.parametrize(
    ("dtype", "bytes_per_weight"), [("float32", 4.0), ("bfloat16", 2.0), ("int8", 1.0)]
)
def test_the_memory_of_the_weights_is_told_in_every_type(
    dtype: DtypeName, bytes_per_weight: float
) -> None:
    """A tied table that is also packed counts twice; sinusoids and scales are no weights."""
    model = load_model(BUNDLED / "translate", dtype=dtype, device="cpu")
    table_bytes = model.config.vocab_size * model.config.d_model * bytes_per_weight
    least = model.network.num_parameters * bytes_per_weight
    assert least <= model.weights_bytes <= 1.15 * (least + table_bytes)
