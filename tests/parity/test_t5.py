"""T5's checkpoints: their tables and keys, as versions of `transformers` wrote them.

The output has its own table if the file holds one with other numbers, independent of config.json.
In checkpoints of `transformers` before version 5 `tie_word_embeddings` tells whether logits are
scaled, by the root of the width. Later versions write true for all, and for T5 also the key
`scale_decoder_outputs`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from tests.parity.references import Ours, ReferenceFamily, load, save
from tests.parity.references_t5 import FAMILIES, MT5, T5, UMT5, UNTIED, V1_1
from tests.support.checkpoints.factories import edit_config

SHARED, OUTPUT = "shared.weight", "lm_head.weight"
ENCODER, DECODER = "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"
STRAY = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def edit_tensors(folder: Path, changes: Mapping[str, Tensor | None]) -> None:
    """Change tensors of the checkpoint; None removes one."""
    path = folder / "model.safetensors"
    tensors = {**load_file(path), **changes}
    kept = {name: tensor.clone() for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, path, metadata={"format": "pt"})


def reread(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    read: PreTrainedModel = type(model).from_pretrained(folder, dtype=torch.float32)
    return read


def logits(theirs: PreTrainedModel, ours: Ours, *, length: int = 9) -> tuple[Tensor, Tensor]:
    """Return their logits and ours, of the same random tokens."""
    generator = torch.Generator().manual_seed(0)
    source, target = torch.randint(6, 50, (2, 3, length), generator=generator)
    with torch.inference_mode():
        expected = theirs(input_ids=source, decoder_input_ids=target).logits
        return expected, ours.network(source, target)


def assert_same(theirs: PreTrainedModel, ours: Ours, *, length: int = 9) -> None:
    expected, found = logits(theirs, ours, length=length)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("tie_word_embeddings", [True, False, None], ids=str)
@pytest.mark.parametrize("has_own_output", [True, False])
@pytest.mark.parametrize("family", [T5, MT5], ids=lambda family: family.name)
def test_what_older_files_say_of_ties_is_understood(
    tmp_path: Path,
    family: ReferenceFamily,
    *,
    has_own_output: bool,
    tie_word_embeddings: bool | None,
) -> None:
    model = family.make(has_own_output=has_own_output)
    save(model, tmp_path)
    changes = {"tie_word_embeddings": tie_word_embeddings, "scale_decoder_outputs": None}
    edit_config(tmp_path, **changes)
    ours = load(tmp_path)
    assert_same(reread(model, tmp_path), ours)
    assert ours.network.config.tied_output is not has_own_output


@pytest.mark.parametrize("changes", [{}, V1_1], ids=["1.0", "1.1"])
def test_what_newer_files_say_of_scaling_is_understood(
    tmp_path: Path, changes: Mapping[str, Any]
) -> None:
    model = T5.make(**changes)
    save(model, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["tie_word_embeddings"] is True
    assert_same(reread(model, tmp_path), load(tmp_path))


def test_umt5_as_published_is_not_scaled_though_transformers_does(tmp_path: Path) -> None:
    """The authors trained without scaling, as their files state and version 4 did."""
    model = UMT5.make(**UNTIED)
    save(model, tmp_path)
    edit_config(tmp_path, tie_word_embeddings=False)
    expected, found = logits(reread(model, tmp_path), load(tmp_path))
    torch.testing.assert_close(found, expected * 24**0.5, atol=1e-3, rtol=0)


def test_keys_that_the_oldest_files_do_not_have_are_those_of_t5_1_0(tmp_path: Path) -> None:
    names = (
        *("feed_forward_proj", "is_gated_act", "dense_act_fn", "num_decoder_layers"),
        *("relative_attention_max_distance", "relative_attention_num_buckets"),
        *("layer_norm_epsilon", "tie_word_embeddings", "scale_decoder_outputs"),
    )
    buckets = {"relative_attention_num_buckets": 32, "relative_attention_max_distance": 128}
    model = T5.make(**buckets)
    save(model, tmp_path)
    edit_config(tmp_path, **dict.fromkeys(names))
    assert_same(reread(model, tmp_path), load(tmp_path), length=60)


@every_family
@pytest.mark.parametrize(
    "names",
    [[OUTPUT], [DECODER], [ENCODER], [ENCODER, DECODER], [SHARED, ENCODER, DECODER, OUTPUT]],
    ids=lambda names: ", ".join(name.split(".")[0] for name in names),
)
def test_a_table_is_found_under_any_of_its_names(
    tmp_path: Path, family: ReferenceFamily, names: list[str]
) -> None:
    model = family.make()
    save(model, tmp_path)
    num_parameters = load(tmp_path).network.num_parameters
    table = load_file(tmp_path / "model.safetensors")[SHARED]
    edit_tensors(tmp_path, {SHARED: None, **dict.fromkeys(names, table)})
    ours = load(tmp_path)
    assert_same(model, ours)
    assert ours.network.num_parameters == num_parameters


@every_family
def test_an_output_of_its_own_stands_beside_a_table_of_any_name(
    tmp_path: Path, family: ReferenceFamily
) -> None:
    model = family.make(**UNTIED)
    save(model, tmp_path)
    table = load_file(tmp_path / "model.safetensors")[SHARED]
    edit_tensors(tmp_path, {SHARED: None, DECODER: table})
    assert_same(model, load(tmp_path))


@every_family
def test_a_bias_that_was_never_trained_is_left_where_it_is(
    tmp_path: Path, family: ReferenceFamily
) -> None:
    model = family.make()
    save(model, tmp_path)
    edit_tensors(tmp_path, {STRAY: torch.randn(8, 3)})
    assert_same(model, load(tmp_path))


@every_family
def test_texts_longer_than_those_of_the_training_are_read(
    tmp_path: Path, family: ReferenceFamily
) -> None:
    model = family.make()
    assert_same(model, load(save(model, tmp_path), max_positions=150), length=150)
