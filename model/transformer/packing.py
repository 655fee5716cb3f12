"""Which layers take the place of which for inference, one by one, as soon as one has its weights.

So a network is never in memory twice: its plain weights go, layer by layer, as the others come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

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

# A vocabulary's table stays beside its packed copy: the table is looked up, the copy multiplied by.
# On two cores, products of 1 to 8 rows by 58,101 x 512 weights (60 MB) took 2.5 to 3.3 times as
# long plain as packed; by 256,206 x 1024 (525 MB), where memory sets the pace, 1.5 times: 6 ms of a
# step of 40. The greedy search multiplies by the int8 copy anyway. Not worth a fifth of the memory.
_LARGEST_COPY_BYTES = 1 << 27

LEAST_VOCABULARY = 16_384  # from which proposing tokens in int8 is quicker than the whole product


class Packing(Protocol):
    """One way to lay out a network."""

    def takes(self, network: Seq2SeqTransformer, module: nn.Module) -> bool:
        """Whether this module will be replaced, so that its plain weights need not stay."""
        ...

    def replace(self, network: Seq2SeqTransformer, name: str) -> None:
        """Puts another in the place of the module of that name, if it is one to be replaced.

        Its weights are there, and so is the output's bias.
        """
        ...


def pack(network: Seq2SeqTransformer, packing: Packing) -> None:
    """Lays out a whole network that will only infer."""
    for name, module in list(network.named_modules()):
        if not list(module.children()):
            packing.replace(network, name)


class Bfloat16Packing:
    """For CPUs: linear layers as `PackedLinear`, and what follows one within the same product.

    The output projection keeps its table. Beside it, if small, is a packed copy, and for a large
    vocabulary an int8 one that proposes the best tokens.
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
    """Weights in int8, the embedding tables', too; norms and biases stay as they are."""

    make_linear: MakeInt8
    make_output: MakeInt8
    dtype: torch.dtype  # of activations

    @classmethod
    def for_bytes(cls) -> "Int8Packing":
        """Multiplies bytes by bytes: for CPUs where `Int8Linear.is_available()`."""
        return cls(Int8Linear, WideInt8Linear, torch.float32)

    @classmethod
    def for_weights_only(cls, dtype: torch.dtype) -> "Int8Packing":
        """Multiplies in the type of the activations: for every device.

        A tied output projection and the embedding are one table.
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
            network.output = None  # `packed_output` is all that is left of it
        elif isinstance(module, nn.Embedding):
            setattr(parent, attribute, Int8Embedding(quantized, dtype=self.dtype))
        else:
            setattr(parent, attribute, self.make_linear(quantized, module.bias))


def output_table(network: Seq2SeqTransformer) -> nn.Module | None:
    """The module whose weight is the output projection."""
    if network.config.tied_output:
        return cast("nn.Module", network.target_embedding)
    return network.output


def place(network: Seq2SeqTransformer, name: str) -> tuple[nn.Module, str]:
    """The module that holds the one of that name, and what it calls it."""
    parent, _, attribute = name.rpartition(".")
    return network.get_submodule(parent), attribute
