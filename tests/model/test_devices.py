"""Device, number types and layers: by name, or by the machine's instructions."""

import pytest
import torch

from model import devices
from model.devices import (
    DtypeName,
    Precision,
    choose_packing,
    choose_precision,
    kernels_of,
    resolve_device,
    resolve_dtype,
)
from model.errors import ConfigError
from model.kernels import packing as kernel_packing
from model.kernels.library import library
from model.kernels.packing import KernelPacking
from model.transformer.int8 import Int8Linear, WeightOnlyInt8Linear, quantize
from model.transformer.packed import PackedLinear
from model.transformer.packing import Bfloat16Packing, Int8Packing
from tests.support.engine.factories import make_config
from tests.support.service.machines import needs_kernels

CPU, GPU = torch.device("cpu"), torch.device("cuda")
CONFIG = make_config()


def set_cpu(
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_avx512_bf16: bool = False,
    has_amx: bool = False,
    has_vnni: bool = False,
) -> None:
    """Pretend to be a processor of that kind, without our own kernels."""
    for module in (devices, kernel_packing):
        monkeypatch.setattr(module, "library", lambda: None)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    monkeypatch.setattr(Int8Linear, "is_available", lambda: has_vnni)


@pytest.mark.parametrize(
    ("has_avx512_bf16", "has_amx", "dtype"),
    [
        (True, False, "bfloat16"),
        (False, True, "bfloat16"),
        (False, False, "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_cpu_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, *, has_avx512_bf16: bool, has_amx: bool, dtype: str
) -> None:
    set_cpu(monkeypatch, has_avx512_bf16=has_avx512_bf16, has_amx=has_amx)
    assert resolve_dtype("auto", CPU) == dtype


@pytest.mark.parametrize(
    ("has_bfloat16", "overflows", "dtype"),
    [
        (True, False, "bfloat16"),
        (True, True, "bfloat16"),
        (False, False, "float16"),
        (False, True, "float32"),
    ],
)
def test_on_a_gpu_auto_is_float16_only_where_it_must_be_and_can_be(
    monkeypatch: pytest.MonkeyPatch, *, has_bfloat16: bool, overflows: bool, dtype: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bfloat16)
    assert resolve_dtype("auto", GPU, overflows_float16=overflows) == dtype
    config = make_config(overflows_float16=overflows)
    precision = choose_precision("int8", GPU, config)
    assert precision.activations is precision.cache is getattr(torch, dtype)


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def test_float16_is_refused_for_a_network_that_overflows_it(device: torch.device) -> None:
    assert resolve_dtype("float16", device) == "float16"
    with pytest.raises(ConfigError, match=r"'float16' has no .* use bfloat16 or float32"):
        resolve_dtype("float16", device, overflows_float16=True)


def test_an_unknown_dtype_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="dtype: 'fp8' is not one of auto, float32, bfloat16"):
        resolve_dtype("fp8", CPU)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_activations_are_of_the_type_of_floating_weights(
    monkeypatch: pytest.MonkeyPatch, dtype: DtypeName
) -> None:
    set_cpu(monkeypatch)
    assert choose_precision(dtype, CPU, CONFIG).activations is getattr(torch, dtype)


def test_pytorch_attends_on_a_cpu_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cpu(monkeypatch, has_avx512_bf16=True)
    assert choose_precision("auto", CPU, CONFIG) == Precision(
        "bfloat16", torch.bfloat16, torch.float32
    )


def test_where_bytes_are_multiplied_activations_are_float32_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_cpu(monkeypatch, has_avx512_bf16=True, has_vnni=True)
    assert choose_precision("int8", CPU, CONFIG).activations is torch.float32


def test_int8_is_for_every_device(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cpu(monkeypatch)
    for device in (CPU, GPU):
        assert resolve_dtype("int8", device) == "int8"
        precision = Precision("int8", torch.bfloat16, torch.bfloat16)
        packing = choose_packing(precision, device, CONFIG)
        assert isinstance(packing, Int8Packing)
        layer = packing.make_linear(quantize(torch.ones(2, 3)), None)
        assert isinstance(layer, WeightOnlyInt8Linear)
        assert layer.scales.dtype is torch.bfloat16


def test_a_cpu_that_multiplies_bytes_does(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cpu(monkeypatch, has_vnni=True)
    packing = choose_packing(choose_precision("int8", CPU, CONFIG), CPU, CONFIG)
    assert isinstance(packing, Int8Packing)
    assert packing.make_linear is Int8Linear


@pytest.mark.skipif(not PackedLinear.is_available(), reason="packs no bfloat16 here")
def test_bfloat16_is_packed_on_a_cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cpu(monkeypatch)
    precision = Precision("bfloat16", torch.bfloat16, torch.float32)
    assert isinstance(choose_packing(precision, CPU, CONFIG), Bfloat16Packing)
    assert choose_packing(precision, GPU, CONFIG) is None


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pytorch_leaves_other_floats_as_they_are(
    monkeypatch: pytest.MonkeyPatch, dtype: DtypeName
) -> None:
    set_cpu(monkeypatch)
    assert choose_packing(choose_precision(dtype, CPU, CONFIG), CPU, CONFIG) is None


def test_float16_is_for_pytorch_alone() -> None:
    assert choose_packing(choose_precision("float16", CPU, CONFIG), CPU, CONFIG) is None


@needs_kernels
@pytest.mark.parametrize(
    ("dtype", "cache"),
    [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("int8", torch.bfloat16)],
)
def test_our_own_kernels_take_every_type_of_weights_and_keep_activations_wide(
    dtype: DtypeName, cache: torch.dtype
) -> None:
    precision = choose_precision(dtype, CPU, CONFIG)
    assert precision == Precision(dtype, torch.float32, cache)
    assert precision.reason == ""
    assert choose_packing(precision, CPU, CONFIG) == KernelPacking(getattr(torch, dtype))


@needs_kernels
@pytest.mark.parametrize(
    ("seconds", "dtype"),
    [((1.0, 2.0), "bfloat16"), ((1.1, 1.0), "bfloat16"), ((1.5, 1.0), "float32")],
)
def test_auto_is_the_float_type_that_is_faster_here_and_says_why(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], dtype: DtypeName
) -> None:
    """A little faster is not enough: replicas on like machines should choose alike."""
    times = dict(zip((torch.bfloat16, torch.float32), seconds, strict=True))
    monkeypatch.setattr(devices, "product_seconds", lambda kind, **_: times[kind])
    precision = choose_precision("auto", CPU, CONFIG)
    assert precision.weights == dtype
    for one in seconds:
        assert f"{one * 1e3:.2f} ms in" in precision.reason


@needs_kernels
def test_auto_is_measured_on_this_machine() -> None:
    precision = choose_precision("auto", CPU, CONFIG)
    assert precision.weights in ("bfloat16", "float32")
    assert precision.reason.startswith("products took ")


@needs_kernels
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_whose_kernels_compute_can_be_told(dtype: DtypeName) -> None:
    loaded = library()
    assert loaded is not None
    precision = choose_precision(dtype, CPU, CONFIG)
    assert kernels_of(precision, CPU, CONFIG) == f"own ({loaded.level.title})"
    assert kernels_of(precision, GPU, CONFIG) == "pytorch"
    assert kernels_of(choose_precision("float16", CPU, CONFIG), CPU, CONFIG) == "pytorch"


def test_without_our_own_it_is_pytorch_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cpu(monkeypatch)
    assert kernels_of(choose_precision("int8", CPU, CONFIG), CPU, CONFIG) == "pytorch"


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "meta", "mps"])
def test_a_device_that_is_none_of_the_kinds_served(name: str) -> None:
    with pytest.raises(ConfigError, match=f"device: '{name}' is not auto, cpu, cuda or cuda:N"):
        resolve_device(name)


def test_a_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == CPU


def test_auto_is_a_gpu_if_there_is_one() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match=f"'{name}' was asked for, but CUDA devices here: 0"):
        resolve_device(name)
