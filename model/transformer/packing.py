"""Replaces layers by their packed forms for inference, each as soon as its weights are loaded.

A network is therefore never in memory twice: each plain layer is freed before the next is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from model.transformer.int8 import (
    Int8Embedding,
    Int8Linear,
    Quantized,
    WeightOnlyInt8Linear,
    WideInt8Linear,
    quantize,
)
from model.transformer.layers import FeedForward
from model.transformer.packed import PackedLinear
from model.transformer.seq2seq import Seq2SeqTransformer

MakeInt8 = Callable[[Quantized, Tensor | None], nn.Module]

# The embedding table stays beside its packed copy: lookups read the table, output projections the
# copy. On two cores, products of 1 to 8 rows by 58,101 x 512 weights (60 MB) took 2.5 to 3.3 times
# as long plain as packed; by 256,206 x 1024 (525 MB), limited by memory bandwidth, 1.5 times: 6 ms
# of a step of 40. Greedy search multiplies by the int8 copy anyway. A larger copy is not worth a
# fifth of the memory.
_LARGEST_COPY_BYTES = 1 << 27

LEAST_VOCABULARY = 16_384  # from here on an int8 shortlist is faster than the full product


@runtime_checkable
class PackedLayer(Protocol):
    """A layer whose weights lie in a kernel's own layout, outside of PyTorch's tensors.

    packed: the weights; layers may share them, such as an embedding and the output projection.
    packed_bytes: their size.
    """

    packed: object
    packed_bytes: int


class Packing(Protocol):
    """One way to lay out a network."""

    def takes(self, network: Seq2SeqTransformer, module: nn.Module) -> bool:
        """Return whether `replace` will replace this module, so that its plain weights may go."""
        ...

    def replace(self, network: Seq2SeqTransformer, name: str) -> None:
        """Replace the module of that name by its packed form, if it has one.

        The module's weights and the output's bias must be loaded.
        """
        ...


def pack(network: Seq2SeqTransformer, packing: Packing) -> None:
    """Replace all layers of a network, for inference only."""
    for name, module in list(network.named_modules()):
        if not list(module.children()):
            packing.replace(network, name)


class Bfloat16Packing:
    """For CPUs: linear layers become `PackedLinear`, with a feed-forward's activation fused.

    The output projection keeps its table. Beside it lie a packed copy, unless the table is too
    large, and for a large vocabulary an int8 copy that proposes the best tokens (a shortlist).
    """

    def takes(self, network: Seq2SeqTransformer, module: nn.Module) -> bool:
        return isinstance(module, nn.Linear) and module is not output_table(network)

    def replace(self, network: Seq2SeqTransformer, name: str) -> None:
        parent, attribute = place(network, name)
        module = getattr(parent, attribute)
        if module is output_table(network):
            self._add_output(network)
        elif isinstance(module, nn.Linear):
            activation = None
            if isinstance(parent, FeedForward) and attribute == "up":
                activation = network.config.activation
                parent.activation = nn.Identity()
            packed = PackedLinear(module.weight, module.bias, activation=activation)
            setattr(parent, attribute, packed)

    def _add_output(self, network: Seq2SeqTransformer) -> None:
        weight, bias = network.output_weight, network.output_bias
        if weight.nbytes <= _LARGEST_COPY_BYTES:
            network.packed_output = PackedLinear(weight, bias)
        if len(weight) >= LEAST_VOCABULARY and Int8Linear.is_available():
            network.rough_output = WideInt8Linear(quantize(weight), bias)


@dataclass(frozen=True, slots=True)
class Int8Packing:
    """Linear layers and embeddings in int8; norms and biases stay as they are."""

    make_linear: MakeInt8
    make_output: MakeInt8
    dtype: torch.dtype  # of activations

    @classmethod
    def for_bytes(cls) -> "Int8Packing":
        """Return the packing that multiplies int8 by int8; needs `Int8Linear.is_available()`."""
        return cls(Int8Linear, WideInt8Linear, torch.float32)

    @classmethod
    def for_weights_only(cls, dtype: torch.dtype) -> "Int8Packing":
        """Return the packing that multiplies in the activations' type, for any device.

        A tied output projection and the embedding share one table.
        """

        def make(quantized: Quantized, bias: Tensor | None) -> nn.Module:
            return WeightOnlyInt8Linear(quantized, bias, dtype=dtype)

        return cls(make, make, dtype)

    def takes(self, network: Seq2SeqTransformer, module: nn.Module) -> bool:  # noqa: ARG002
        return isinstance(module, nn.Linear | nn.Embedding)

    def replace(self, network: Seq2SeqTransformer, name: str) -> None:
        parent, attribute = place(network, name)
        module = getattr(parent, attribute)
        if not self.takes(network, module):
            return
        quantized = quantize(module.weight)
        if module is output_table(network):
            network.packed_output = self.make_output(quantized, network.output_bias)
        if module is network.output:
            network.output = None  # `packed_output` takes its place
        elif isinstance(module, nn.Embedding):
            setattr(parent, attribute, Int8Embedding(quantized, dtype=self.dtype))
        else:
            setattr(parent, attribute, self.make_linear(quantized, module.bias))


def output_table(network: Seq2SeqTransformer) -> nn.Module | None:
    """Return the module whose weight is the output projection."""
    if network.config.tied_output:
        return cast("nn.Module", network.target_embedding)
    return network.output


def place(network: Seq2SeqTransformer, name: str) -> tuple[nn.Module, str]:
    """Return the parent of the module of that name, and the parent's attribute for it."""
    parent, _, attribute = name.rpartition(".")
    return network.get_submodule(parent), attribute
