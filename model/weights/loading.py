"""Builds the network without memory, then gives each parameter its tensor from the checkpoint."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from model.config import TransformerConfig
from model.errors import CheckpointError
from model.transformer.positions import PositionEmbedding
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.weight_map import WeightMap

Shape = tuple[int, ...]
Sources = Mapping[str, tuple[str, ...]]  # a parameter of ours to its names in the checkpoint


def load_network(
    config: TransformerConfig,
    checkpoint: Checkpoint,
    weights: WeightMap,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> Seq2SeqTransformer:
    """The network with the checkpoint's weights, ready for inference.

    Raises:
        CheckpointError: Lists every missing, unused, misshapen and untied name together.
    """
    with torch.device("meta"):
        network = Seq2SeqTransformer(config)
    parameters = dict(network.named_parameters())
    sources = {name: weights.sources(name, checkpoint.keys()) for name in parameters}
    problems = [
        *_name_problems(sources, checkpoint, weights),
        *_shape_problems(parameters, sources, checkpoint),
        *_tie_problems(checkpoint, weights),
    ]
    if problems:
        raise CheckpointError("the checkpoint does not fit its config:\n  " + "\n  ".join(problems))
    for name, parameter in parameters.items():
        parts = [checkpoint[source].to(device=device, dtype=dtype) for source in sources[name]]
        tensor = parts[0] if len(parts) == 1 else torch.cat(parts)
        _assign(network, name, tensor.reshape(parameter.shape).contiguous())
    for module in network.modules():
        if isinstance(module, PositionEmbedding) and module.weight.is_meta:
            module.weight = torch.empty(module.weight.shape, dtype=dtype, device=device)
            module.reset_parameters()
    return network.eval().requires_grad_(requires_grad=False)


def _name_problems(sources: Sources, checkpoint: Checkpoint, weights: WeightMap) -> list[str]:
    wanted = {name for names in sources.values() for name in names}
    missing = sorted(wanted - checkpoint.keys())
    unused = weights.unused(checkpoint.keys(), wanted)
    return [f"missing: {name}" for name in missing] + [f"unused: {name}" for name in unused]


def _shape_problems(
    parameters: dict[str, nn.Parameter], sources: Sources, checkpoint: Checkpoint
) -> list[str]:
    problems = []
    for name, parameter in parameters.items():
        shapes = [checkpoint.shape(source) for source in sources[name] if source in checkpoint]
        expected = tuple(parameter.shape)
        if len(shapes) == len(sources[name]) and not _fits(shapes, expected):
            found = " + ".join(
                f"{source} {shape}" for source, shape in zip(sources[name], shapes, strict=True)
            )
            problems.append(f"misshapen: {found}, where {expected} is needed")
    return problems


def _fits(shapes: list[Shape], expected: Shape) -> bool:
    """Whether equal parts of these shapes, joined along the first dimension, are what is needed."""
    if shapes == [(1, *expected)]:  # how checkpoints hold the output bias
        return True
    rows, *rest = expected
    return all(shape == (rows // len(shapes), *rest) for shape in shapes)


def _tie_problems(checkpoint: Checkpoint, weights: WeightMap) -> list[str]:
    problems = []
    for names in weights.tied:
        copies = [name for name in names if name in checkpoint]
        problems += [
            f"untied: {name} differs from {copies[0]}, though config.json ties them"
            for name in copies[1:]
            if not _are_equal(checkpoint[name], checkpoint[copies[0]])
        ]
    return problems


def _are_equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype is b.dtype and torch.equal(a, b)


def _assign(network: nn.Module, name: str, tensor: Tensor) -> None:
    module_name, _, parameter_name = name.rpartition(".")
    setattr(network.get_submodule(module_name), parameter_name, nn.Parameter(tensor))
