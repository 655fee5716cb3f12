"""Builds the network without memory, then gives each parameter its tensor from the checkpoint."""

import torch
from torch import Tensor, nn

from model.config import TransformerConfig
from model.errors import CheckpointError
from model.transformer.positions import PositionEmbedding
from model.transformer.seq2seq import Seq2SeqTransformer
from model.weights.checkpoint import Checkpoint
from model.weights.weight_map import WeightMap


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
        CheckpointError: Lists every missing, unused and misshapen name together.
    """
    with torch.device("meta"):
        network = Seq2SeqTransformer(config)
    parameters = dict(network.named_parameters())
    sources = {name: weights.sources(name, checkpoint.keys()) for name in parameters}
    _check_names(sources, checkpoint, weights)
    _check_shapes(parameters, sources, checkpoint)
    for name, parameter in parameters.items():
        parts = [checkpoint[source].to(device=device, dtype=dtype) for source in sources[name]]
        tensor = parts[0] if len(parts) == 1 else torch.cat(parts)
        _assign(network, name, tensor.reshape(parameter.shape).contiguous())
    for module in network.modules():
        if isinstance(module, PositionEmbedding) and module.weight.is_meta:
            module.weight = torch.empty(module.weight.shape, dtype=dtype, device=device)
            module.reset_parameters()
    return network.eval().requires_grad_(False)


def _check_names(
    sources: dict[str, tuple[str, ...]], checkpoint: Checkpoint, weights: WeightMap
) -> None:
    wanted = {name for names in sources.values() for name in names}
    missing = sorted(wanted - checkpoint.keys())
    unused = weights.unused(checkpoint.keys(), wanted)
    if missing or unused:
        problems = [f"missing: {name}" for name in missing] + [f"unused: {name}" for name in unused]
        raise CheckpointError("the checkpoint does not fit its config:\n  " + "\n  ".join(problems))


def _check_shapes(
    parameters: dict[str, nn.Parameter], sources: dict[str, tuple[str, ...]], checkpoint: Checkpoint
) -> None:
    problems = []
    for name, parameter in parameters.items():
        shapes = [_without_leading_ones(checkpoint.shape(source)) for source in sources[name]]
        joined = (sum(shape[0] for shape in shapes), *shapes[0][1:]) if all(shapes) else ()
        expected = _without_leading_ones(tuple(parameter.shape))
        if joined != expected or len({shape[1:] for shape in shapes}) != 1:
            problems.append(f"{' + '.join(sources[name])}: {joined}, where {expected} is needed")
    if problems:
        raise CheckpointError("the checkpoint has wrong shapes:\n  " + "\n  ".join(problems))


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(1, vocab) is how checkpoints hold the output bias."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _assign(network: nn.Module, name: str, tensor: Tensor) -> None:
    module_name, _, parameter_name = name.rpartition(".")
    setattr(network.get_submodule(module_name), parameter_name, nn.Parameter(tensor))
