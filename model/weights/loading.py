"""Builds the network on the meta device, then loads each module's tensors from the checkpoint.

At most one module is in memory twice at any time. A tensor to be converted, joined or packed is
read in pieces through a small buffer; a tensor that is used as stored stays mapped, and the
processes that serve it share its pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from model.config import TransformerConfig
from model.errors import CheckpointError
from model.heap import large_blocks_apart
from model.transformer.attention import SelfAttention
from model.transformer.packing import Packing
from model.transformer.positions import PositionEmbedding
from model.transformer.seq2seq import Seq2SeqTransformer
from model.transformer.unloaded import unloaded
from model.weights.checkpoint import FLOATS, Checkpoint
from model.weights.weight_map import WeightMap

Shape = tuple[int, ...]
Sources = Mapping[str, tuple[str, ...]]  # from a parameter of ours to its names in the checkpoint


def load_network(
    config: TransformerConfig,
    checkpoint: Checkpoint,
    weights: WeightMap,
    *,
    dtype: torch.dtype,
    device: torch.device,
    packing: Packing | None = None,
) -> Seq2SeqTransformer:
    """Return the network with the checkpoint's weights, ready for inference.

    Args:
        config: The architecture; see also `WeightMap.own_output`.
        checkpoint: The weights.
        weights: Their names.
        dtype: The type of the parameters, except where `packing` has its own.
        device: The device of the parameters.
        packing: Replaces each layer as soon as it is loaded; None keeps the plain layers.

    Raises:
        CheckpointError: Lists every missing, unused, misshapen, quantized and untied name together.
    """
    if _has_own_output(checkpoint, weights):
        config = replace(config, tied_output=False)
    if _lacks_output_bias(checkpoint, weights):
        config = replace(config, output_bias=False)
    network = unloaded(config)
    sources = {
        name: weights.sources(name, checkpoint.keys()) for name, _ in network.named_parameters()
    }
    problems = [
        *_name_problems(sources, checkpoint, weights),
        *_shape_problems(network, sources, checkpoint),
        *_tie_problems(checkpoint, weights),
    ]
    if problems:
        raise CheckpointError("the checkpoint does not fit its config:\n  " + "\n  ".join(problems))
    reader = _Reader(checkpoint, dtype, device)
    with large_blocks_apart():
        for name in _largest_first(network):
            _fill(network, name, sources, reader=reader, packing=packing)
    for module in network.modules():
        if isinstance(module, PositionEmbedding) and module.weight.is_meta:
            module.weight = torch.empty(module.weight.shape, dtype=dtype, device=device)
            module.reset_parameters()
    return network.eval().requires_grad_(requires_grad=False)


def _fill(
    network: Seq2SeqTransformer,
    name: str,
    sources: Sources,
    *,
    reader: "_Reader",
    packing: Packing | None,
) -> None:
    """Load one module's parameters, then replace the module by its packed form."""
    module = network.get_submodule(name)
    stays = packing is None or not packing.takes(network, module)
    for kind, parameter in list(module.named_parameters(recurse=False)):
        names = sources[f"{name}.{kind}".lstrip(".")]
        tensor = reader.read(names, tuple(parameter.shape), stays=stays)
        setattr(module, kind, nn.Parameter(tensor, requires_grad=False))
    if packing is not None and name:
        packing.replace(network, name)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads parameters of one type onto one device."""

    checkpoint: Checkpoint
    dtype: torch.dtype
    device: torch.device

    def read(self, names: tuple[str, ...], shape: Shape, *, stays: bool) -> Tensor:
        """Return tensors of the checkpoint joined into one; mapped if it `stays` as stored."""
        if stays and len(names) == 1 and self._is_as_stored(names[0]):
            mapped = self.checkpoint[names[0]].reshape(shape)
            if mapped.data_ptr() % self.dtype.itemsize == 0:  # kernels expect aligned numbers
                return mapped
        tensor = torch.empty(shape, dtype=self.dtype, device=self.device)
        start = 0
        for name in names:
            num_rows = shape[0] if len(names) == 1 else self.checkpoint.shape(name)[0]
            self.checkpoint.copy(name, tensor[start : start + num_rows])
            start += num_rows
        return tensor

    def _is_as_stored(self, name: str) -> bool:
        return self.device.type == "cpu" and FLOATS[self.checkpoint.kind(name)] is self.dtype


def _largest_first(network: Seq2SeqTransformer) -> list[str]:
    """Return the names of the modules with parameters of their own, the largest module first.

    A layer is in memory twice while it is packed, so the largest goes first, when little else is
    loaded. Before all others comes the network itself (the empty name): its own parameter is the
    output's bias, which packing the output needs.
    """
    sizes = {
        name: sum(parameter.numel() for parameter in module.parameters(recurse=False))
        for name, module in network.named_modules()
    }
    names = (name for name, size in sizes.items() if size > 0)
    return sorted(names, key=lambda name: (name != "", -sizes[name]))


def _has_own_output(checkpoint: Checkpoint, weights: WeightMap) -> bool:
    """Return whether the checkpoint has its own output projection; see `WeightMap.own_output`."""
    output = weights.own_output
    if output is None or output not in checkpoint:
        return False
    (embedding,) = weights.sources("embedding.weight", checkpoint.keys())
    return not checkpoint.are_equal(output, embedding)


def _lacks_output_bias(checkpoint: Checkpoint, weights: WeightMap) -> bool:
    return weights.can_lack_output_bias and checkpoint.keys().isdisjoint(
        weights.sources("output_bias", checkpoint.keys())
    )


def _name_problems(sources: Sources, checkpoint: Checkpoint, weights: WeightMap) -> list[str]:
    wanted = {name for names in sources.values() for name in names}
    missing = sorted(wanted - checkpoint.keys())
    unused = weights.unused(checkpoint.keys(), wanted)
    return [f"missing: {name}" for name in missing] + [f"unused: {name}" for name in unused]


def _shape_problems(
    network: Seq2SeqTransformer, sources: Sources, checkpoint: Checkpoint
) -> list[str]:
    problems = []
    for name, parameter in network.named_parameters():
        present = [source for source in sources[name] if source in checkpoint]
        problems += [
            f"quantized: {source} is {checkpoint.kind(source)}, not one of {', '.join(FLOATS)}"
            for source in present
            if checkpoint.kind(source) not in FLOATS
        ]
        shapes = [checkpoint.shape(source) for source in present]
        expected = tuple(parameter.shape)
        parts = _parts(network, name, num_rows=expected[0], num_parts=len(sources[name]))
        if len(present) == len(sources[name]) and not _fits(shapes, expected, parts):
            found = " + ".join(
                f"{source} {shape}" for source, shape in zip(sources[name], shapes, strict=True)
            )
            problems.append(f"misshapen: {found}, where {expected} is needed")
    return problems


def _parts(
    network: Seq2SeqTransformer, name: str, *, num_rows: int, num_parts: int
) -> tuple[float, ...]:
    """Return the rows of each tensor of a parameter: equally many, unless heads share keys."""
    module_name, _, _ = name.rpartition(".")
    parent_name, _, attribute = module_name.rpartition(".")
    parent = network.get_submodule(parent_name)
    if isinstance(parent, SelfAttention) and attribute == "qkv":
        return parent.heads.d_query, parent.heads.d_kv, parent.heads.d_kv
    return (num_rows / num_parts,) * num_parts


def _fits(shapes: list[Shape], expected: Shape, parts: tuple[float, ...]) -> bool:
    """Return whether tensors of these shapes, joined along dimension 0, have the expected shape."""
    if shapes == [(1, *expected)]:  # the output bias in checkpoints
        return True
    return shapes == [(rows, *expected[1:]) for rows in parts]


def _tie_problems(checkpoint: Checkpoint, weights: WeightMap) -> list[str]:
    problems = []
    for names in weights.tied:
        copies = [name for name in names if name in checkpoint]
        problems += [
            f"untied: {name} differs from {copies[0]}, though config.json ties them"
            for name in copies[1:]
            if not checkpoint.are_equal(name, copies[0])
        ]
    return problems
