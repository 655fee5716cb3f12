"""Packing of a network's weights for our own kernels, layer by layer while it is loaded."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.config import TransformerConfig
from model.kernels.library import library
from model.kernels.linear import KernelEmbedding, KernelLinear, KernelOutput, Packed, packed
from model.transformer.packing import LEAST_VOCABULARY, output_table, place
from model.transformer.seq2seq import Seq2SeqTransformer


@dataclass(frozen=True, slots=True)
class KernelPacking:
    """A `Packing` of weights as float32, bfloat16 or int8; all other parameters are float32.

    Embedding and tied output projection share one table. In bfloat16, an int8 copy of a large
    output projection proposes tokens for greedy decoding.
    """

    dtype: torch.dtype

    @staticmethod
    def fits(config: TransformerConfig) -> bool:  # noqa: ARG004 - they support every one
        """Return whether the kernels are loaded and support this architecture."""
        return library() is not None

    def takes(self, network: Seq2SeqTransformer, module: nn.Module) -> bool:  # noqa: ARG002
        """Implement `Packing.takes`."""
        return isinstance(module, nn.Linear | nn.Embedding)

    def replace(self, network: Seq2SeqTransformer, name: str) -> None:
        """Implement `Packing.replace`."""
        parent, attribute = place(network, name)
        module = getattr(parent, attribute)
        if not isinstance(module, nn.Linear | nn.Embedding):
            return
        weight = packed(module.weight, self.dtype)
        if module is output_table(network):
            rough = self._rough(module.weight)
            network.packed_output = KernelOutput(weight, network.output_bias, rough=rough)
        if module is network.output:
            network.output = None  # `packed_output` replaces it
        elif isinstance(module, nn.Linear):
            setattr(parent, attribute, KernelLinear(weight, module.bias))
        else:
            setattr(parent, attribute, KernelEmbedding(weight))

    def _rough(self, table: Tensor) -> Packed | None:
        if self.dtype == torch.bfloat16 and len(table) >= LEAST_VOCABULARY:
            return packed(table, torch.int8)
        return None
