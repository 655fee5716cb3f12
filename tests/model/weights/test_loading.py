"""Loading a network: every name is used once, every number is in its place."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.families.registry import family_of
from model.transformer.int8 import Int8Linear
from model.transformer.packed import PackedLinear
from model.transformer.packing import Bfloat16Packing, Int8Packing, Packing, pack
from model.transformer.positions import sinusoids
from model.weights.files import SINGLE_FILE
from tests.support.checkpoints.factories import (
    Json,
    bart_config,
    fresh_network,
    marian_config,
    t5_config,
    tensors_of,
    write_tensors,
)
from tests.support.checkpoints.weights import (
    OUTPUT,
    SHARED,
    TWO_TABLES,
    UNTIED,
    load_tensors,
    marian_tensors,
    problems_of,
)

CONFIGS = [
    pytest.param(marian_config(), id="marian"),
    pytest.param(bart_config(), id="bart"),
    pytest.param(marian_config(**UNTIED), id="untied"),
    pytest.param(marian_config(**TWO_TABLES), id="two tables"),
]


@pytest.mark.parametrize("hf_config", CONFIGS)
def test_every_parameter_is_loaded(tmp_path: Path, hf_config: Json) -> None:
    network = fresh_network(hf_config)
    loaded = load_tensors(tmp_path, hf_config, tensors_of(network, family_of(hf_config)))
    expected = dict(network.named_parameters())
    assert {name for name, _ in loaded.named_parameters()} == set(expected)
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, expected[name]), name


@pytest.mark.parametrize("hf_config", CONFIGS)
def test_the_network_computes_what_it_did_and_is_ready_for_inference(
    tmp_path: Path, hf_config: Json
) -> None:
    network = fresh_network(hf_config)
    loaded = load_tensors(tmp_path, hf_config, tensors_of(network, family_of(hf_config)))
    source, target = torch.tensor([[3, 4, 5]]), torch.tensor([[6, 7]])
    assert torch.equal(loaded(source, target), network(source, target))
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert not any(tensor.is_meta for tensor in [*loaded.parameters(), *loaded.buffers()])


def test_three_projections_become_one_in_order(tmp_path: Path) -> None:
    tensors = marian_tensors()
    loaded = load_tensors(tmp_path, marian_config(), tensors)
    for ours, theirs, letters in (
        ("encoder.layers.1.self_attention.qkv", "model.encoder.layers.1.self_attn", "qkv"),
        ("decoder.layers.0.cross_attention.kv", "model.decoder.layers.0.encoder_attn", "kv"),
    ):
        for kind in ("weight", "bias"):
            parts = [tensors[f"{theirs}.{letter}_proj.{kind}"] for letter in letters]
            assert torch.equal(loaded.get_parameter(f"{ours}.{kind}"), torch.cat(parts))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_weights_and_positions_have_the_dtype_asked_for(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = marian_tensors()
    loaded = load_tensors(tmp_path, marian_config(), tensors, dtype=dtype)
    assert {p.dtype for p in [*loaded.parameters(), *loaded.buffers()]} == {dtype}
    assert torch.equal(loaded.embedding.weight, tensors[SHARED].to(dtype))


def test_sinusoids_are_computed_whatever_the_checkpoint_holds(tmp_path: Path) -> None:
    names = (f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder"))
    stored = {name: torch.zeros(32, 12) for name in names}
    loaded = load_tensors(tmp_path, marian_config(), marian_tensors() | stored)
    table = loaded.get_buffer("encoder.positions.weight")
    assert torch.equal(table, sinusoids(32, 12))


def lies_in_a_file(tensor: Tensor, folder: Path) -> bool:
    ranges = [
        [int(end, base=16) for end in line.split(maxsplit=1)[0].split("-")]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if str(folder) in line
    ]
    return any(low <= tensor.data_ptr() < high for low, high in ranges)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_weights_that_need_no_conversion_stay_in_the_file(tmp_path: Path) -> None:
    loaded = load_tensors(tmp_path, marian_config(), marian_tensors())
    assert lies_in_a_file(loaded.embedding.weight, tmp_path)
    joined = loaded.get_parameter("encoder.layers.0.self_attention.qkv.weight")
    assert not lies_in_a_file(joined, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
@pytest.mark.parametrize("packing", [None, Int8Packing.for_weights_only(torch.bfloat16)])
def test_weights_that_were_converted_or_packed_leave_nothing_of_the_file_in_memory(
    tmp_path: Path, packing: Packing | None
) -> None:
    """Pages of a file count as memory while it is mapped."""
    loaded = load_tensors(
        tmp_path, marian_config(), marian_tensors(), dtype=torch.bfloat16, packing=packing
    )
    assert loaded.dtype is torch.bfloat16
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


@pytest.mark.skipif(
    not (PackedLinear.is_available() and Int8Linear.is_available()),
    reason="this CPU, or this build of torch, has not all kernels",
)
@pytest.mark.parametrize("hf_config", CONFIGS)
@pytest.mark.parametrize(
    ("packing", "dtype"),
    [
        pytest.param(Bfloat16Packing(), torch.bfloat16, id="bfloat16"),
        pytest.param(Int8Packing.for_bytes(), torch.float32, id="int8"),
        pytest.param(Int8Packing.for_weights_only(torch.float16), torch.float16, id="int8 weights"),
    ],
)
def test_packing_each_layer_as_it_is_loaded_is_packing_the_whole_network(
    tmp_path: Path, hf_config: Json, packing: Packing, dtype: torch.dtype
) -> None:
    network = fresh_network(hf_config)
    tensors = tensors_of(network, family_of(hf_config))
    whole = load_tensors(tmp_path, hf_config, tensors, dtype=dtype)
    pack(whole, packing)
    loaded = load_tensors(tmp_path, hf_config, tensors, dtype=dtype, packing=packing)
    source, target = torch.tensor([[3, 4, 5]]), torch.tensor([[6, 7]])
    assert torch.equal(loaded(source, target), whole(source, target))
    assert not any(tensor.is_meta for tensor in [*loaded.parameters(), *loaded.buffers()])


def test_a_tensor_at_an_odd_place_in_its_file_is_copied_from_it(tmp_path: Path) -> None:
    tensors = marian_tensors()
    write_tensors(tmp_path, tensors)
    path = tmp_path / SINGLE_FILE
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length] + b" ", content[8 + length :]
    path.write_bytes((length + 1).to_bytes(8, "little") + header + data)
    loaded = load_tensors(tmp_path, marian_config())
    assert loaded.embedding.weight.data_ptr() % 4 == 0
    assert torch.equal(loaded.embedding.weight, tensors[SHARED])


def test_integers_are_no_weights(tmp_path: Path) -> None:
    """Else a checkpoint that was quantized elsewhere loads as nonsense."""
    name = "model.encoder.layers.0.fc1.weight"
    tensors = marian_tensors()
    tensors[name] = tensors[name].to(torch.int8)
    assert problems_of(tmp_path, marian_config(), tensors) == [
        f"quantized: {name} is I8, not one of F64, F32, F16, BF16"
    ]


@pytest.mark.parametrize("hf_config", [marian_config(), t5_config()], ids=["marian", "t5"])
def test_integers_in_a_table_and_its_copy_are_no_weights_either(
    tmp_path: Path, hf_config: Json
) -> None:
    """Copies of tables are compared before their types are checked."""
    tensors = tensors_of(fresh_network(hf_config), family_of(hf_config))
    (shared,) = (name for name in tensors if "shared" in name)
    tensors[shared] = tensors[shared].to(torch.int8)
    tensors[OUTPUT] = tensors[shared].clone()
    assert problems_of(tmp_path, hf_config, tensors) == [
        f"quantized: {shared} is I8, not one of F64, F32, F16, BF16"
    ]


def test_all_that_is_missing_unused_and_misshapen_is_named_at_once(tmp_path: Path) -> None:
    tensors = marian_tensors()
    del tensors["model.encoder.layers.0.fc1.weight"]
    del tensors["model.decoder.layers.0.encoder_attn.k_proj.bias"]
    tensors["model.encoder.layers.2.fc1.weight"] = torch.zeros(1)
    tensors["surprise"] = torch.zeros(1)
    tensors["model.encoder.layers.0.fc2.bias"] = torch.zeros(13)
    tensors["model.encoder.layers.1.self_attn.k_proj.weight"] = torch.zeros(12, 11)
    qkv = " + ".join(
        f"model.encoder.layers.1.self_attn.{part}_proj.weight {shape}"
        for part, shape in (("q", (12, 12)), ("k", (12, 11)), ("v", (12, 12)))
    )
    assert problems_of(tmp_path, marian_config(), tensors) == [
        "missing: model.decoder.layers.0.encoder_attn.k_proj.bias",
        "missing: model.encoder.layers.0.fc1.weight",
        "unused: model.encoder.layers.2.fc1.weight",
        "unused: surprise",
        "misshapen: model.encoder.layers.0.fc2.bias (13,), where (12,) is needed",
        f"misshapen: {qkv}, where (36, 12) is needed",
    ]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((12, 20), id="transposed"),
        pytest.param((240,), id="flat"),
        pytest.param((), id="a number"),
        pytest.param((20, 12, 1), id="one dimension more"),
    ],
)
def test_as_many_numbers_in_another_shape_do_not_fit(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    tensors = marian_tensors() | {"model.encoder.layers.0.fc1.weight": torch.zeros(shape)}
    assert problems_of(tmp_path, marian_config(), tensors) == [
        f"misshapen: model.encoder.layers.0.fc1.weight {shape}, where (20, 12) is needed"
    ]


def test_projections_of_unequal_size_do_not_fit_though_their_sum_does(tmp_path: Path) -> None:
    name = "model.encoder.layers.0.self_attn.{}_proj.bias"
    tensors = marian_tensors() | {
        name.format("q"): torch.zeros(11),
        name.format("k"): torch.zeros(13),
    }
    (problem,) = problems_of(tmp_path, marian_config(), tensors)
    assert problem.startswith("misshapen: model.encoder.layers.0.self_attn.q_proj.bias (11,) + ")


@pytest.mark.parametrize("width", [1, 2])
def test_widths_of_1_are_no_special_case(tmp_path: Path, width: int) -> None:
    """A (1, 1) matrix is not taken for a vector."""
    narrow = marian_config(
        d_model=width, encoder_attention_heads=1, decoder_attention_heads=1, encoder_ffn_dim=1
    )
    network = fresh_network(narrow)
    loaded = load_tensors(tmp_path, narrow, tensors_of(network, family_of(narrow)))
    assert torch.equal(loaded.embedding.weight, network.embedding.weight)
