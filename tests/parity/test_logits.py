"""Our networks compute what those of `transformers` compute, in float32, in all shapes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from model.families import registry
from model.weights.checkpoint import Checkpoint
from tests.parity.families import FAMILIES
from tests.parity.references import Changes, Ours, ReferenceFamily, load, save
from tests.parity.references_bart import BART, M2M100, MBART, PEGASUS

SHAPES = [
    pytest.param(family, changes, id=f"{family.name}, {name}")
    for family in FAMILIES
    for name, changes in family.shapes.items()
]
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def test_every_family_is_compared_here() -> None:
    compared = {family.make().config.model_type for family in FAMILIES}
    assert compared == {name for family in registry.FAMILIES for name in family.model_types}


def random_ids(ours: Ours, *size: int, seed: int = 0) -> Tensor:
    """Return random ids without padding, which M2M100 of `transformers` skips in positions."""
    ids = [id_ for id_ in range(ours.network.config.vocab_size) if id_ != pad_id(ours)]
    generator = torch.Generator().manual_seed(seed)
    return torch.tensor(ids)[torch.randint(len(ids), size, generator=generator)]


def pad_id(ours: Ours) -> int:
    value: int = ours.hf_config["pad_token_id"]
    return value


def assert_same_logits(
    theirs: PreTrainedModel, ours: Ours, source: Tensor, target: Tensor, **inputs: Tensor
) -> None:
    mask = inputs.get("mask", torch.ones_like(source, dtype=torch.bool))
    with torch.inference_mode():
        logits = ours.network(source, target, encoder_mask=mask)
        expected = theirs(
            input_ids=source.masked_fill(~mask, pad_id(ours)),
            attention_mask=mask.long(),
            decoder_input_ids=target,
        ).logits
    assert expected.std() > 0.5  # or the tolerance would mean little
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


def compute_sinusoids(theirs: Any) -> None:
    """Compute the sinusoids again: PEGASUS of `transformers` reads rounded ones from the file."""
    for module in theirs.modules():
        if hasattr(module, "create_weight"):
            module.weight = torch.nn.Parameter(module.create_weight(), requires_grad=False)


@pytest.mark.parametrize(("family", "changes"), SHAPES)
def test_logits_are_those_of_transformers(
    tmp_path: Path, family: ReferenceFamily, changes: Changes
) -> None:
    theirs = family.make(**changes)
    ours = load(save(theirs, tmp_path))
    source, target = random_ids(ours, 4, 13), random_ids(ours, 4, 9, seed=1)
    mask = torch.arange(13) < torch.tensor([13, 1, 6, 12])[:, None]
    assert_same_logits(theirs, ours, source, target, mask=mask)


@every_family
def test_the_longest_sequence_of_the_config_is_computed(
    tmp_path: Path, family: ReferenceFamily
) -> None:
    theirs = family.make()
    ours = load(save(theirs, tmp_path))
    length = ours.network.config.max_positions
    source, target = random_ids(ours, 1, length), random_ids(ours, 1, length, seed=1)
    assert_same_logits(theirs, ours, source, target)


def test_sinusoids_go_on_beyond_the_longest_sequence_of_the_config(tmp_path: Path) -> None:
    """In `transformers` only M2M100 computes more of them; Marian and PEGASUS fail."""
    theirs = M2M100.make()
    ours = load(save(theirs, tmp_path), max_positions=100)
    source, target = random_ids(ours, 2, 100), random_ids(ours, 2, 100, seed=1)
    assert_same_logits(theirs, ours, source, target)


@every_family
def test_the_numbers_of_parameters_agree(tmp_path: Path, family: ReferenceFamily) -> None:
    """Theirs are counted without the fixed sinusoids, and with the output's trained bias."""
    theirs = family.make()
    trained = sum(p.numel() for p in theirs.parameters() if p.requires_grad)
    bias = dict(theirs.named_buffers()).get("final_logits_bias")
    trained += 0 if bias is None else bias.numel()
    assert load(save(theirs, tmp_path)).network.num_parameters == trained


@every_family
def test_shards_are_put_together(tmp_path: Path, family: ReferenceFamily) -> None:
    theirs = family.make()
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    ours = load(tmp_path)
    assert_same_logits(theirs, ours, random_ids(ours, 1, 5), random_ids(ours, 1, 4, seed=1))


@every_family
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_weights_are_read_as_they_are(
    tmp_path: Path, family: ReferenceFamily, dtype: torch.dtype
) -> None:
    narrow: Any = family.make().to(dtype)  # type: ignore[arg-type]
    save(narrow, tmp_path)
    assert {Checkpoint(tmp_path)[name].dtype for name in Checkpoint(tmp_path)} == {dtype}
    theirs = type(narrow).from_pretrained(tmp_path, dtype=torch.float32)
    compute_sinusoids(theirs)
    ours = load(tmp_path)
    source, target = random_ids(ours, 2, 7), random_ids(ours, 2, 5, seed=1)
    assert_same_logits(theirs, ours, source, target)


@pytest.mark.parametrize("family", [BART, MBART, PEGASUS], ids=lambda family: family.name)
def test_a_checkpoint_of_the_stacks_alone_is_read_without_an_output_bias(
    tmp_path: Path, family: ReferenceFamily
) -> None:
    """BART's own checkpoints are such: names lack `model.`, and the output is the embedding."""
    theirs: Any = family.make()
    theirs.final_logits_bias.zero_()
    save(theirs, tmp_path)
    theirs.model.save_pretrained(tmp_path)
    names = Checkpoint(tmp_path).keys()
    assert not any(name.startswith(("model.", "lm_head", "final_logits")) for name in names)
    ours = load(tmp_path)
    assert_same_logits(theirs, ours, random_ids(ours, 2, 7), random_ids(ours, 2, 5, seed=1))
