"""A packed network as structs of pointers, which the kernels read."""

from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from model.config import Activation
from model.kernels import structures
from model.kernels.linear import KernelEmbedding, KernelLinear, KernelOutput, pointer
from model.transformer.layers import NormPair, RMSNorm
from model.transformer.masks import MASKED
from model.transformer.seq2seq import Embedding, Seq2SeqTransformer
from model.transformer.stacks import DecoderLayer, EncoderDecoderStack, EncoderLayer

T = TypeVar("T")

_ACTIVATIONS = {
    Activation.RELU: 0,
    Activation.GELU: 1,
    Activation.GELU_TANH: 2,
    Activation.SILU: 3,
}


class KernelNetwork:
    """The structs of one network; keeps alive every tensor that they point to.

    Args:
        network: Laid out by `KernelPacking`.
        max_tokens: The longest sequence, source or target.
    """

    def __init__(self, network: Seq2SeqTransformer, *, max_tokens: int) -> None:
        self._network = network
        self._reach = max_tokens
        self._alive: list[object] = []
        self.encoder = self._stack(network.encoder, network.embedding)
        self.decoder = self._stack(network.decoder, network.target_embedding)
        self.head = self._head()

    def _stack(self, stack: EncoderDecoderStack, embedding: Embedding) -> structures.Stack:
        config = self._network.config
        sizes = config.encoder if stack is self._network.encoder else config.decoder
        heads = config.heads(sizes)
        modules = cast("nn.ModuleList", stack.layers)
        reaches = [self._reach if reach is None else reach for reach in stack.reaches]
        windows = [min(reach, self._reach) for reach in reaches]
        biases = self._biases(stack, windows, num_heads=heads.num)
        made = [
            self._layer(layer, bias=bias, window=window)
            for layer, bias, window in zip(modules, biases, windows, strict=True)
        ]
        layers = self._hold((structures.Layer * len(made))(*made))
        positions = None
        if stack.positions is not None:
            table = stack.positions.weight[stack.positions.offset :]
            positions = self._floats(table)
        return self._hold(
            structures.Stack(
                layers=layers,
                embedding=self._table(embedding),
                positions=positions,
                rotations=self._rotations(stack, d_head=heads.size),
                embedding_norm=self._norm(stack.embedding_norm),
                final_norm=self._norm(stack.final_norm),
                num_layers=len(made),
                d_model=config.width(sizes),
                num_heads=heads.num,
                num_kv_heads=heads.num_kv,
                d_head=heads.size,
                d_ff=sizes.d_ff,
                reach=self._reach,
                activation=_ACTIVATIONS[config.activation],
                is_gated=config.gated_ffn,
                norms_outputs=config.norm.placement == "around",
                scoring=structures.Scoring(heads.scale, heads.softcap or 0.0),
                embedding_scale=stack.embedding_scale,
                output_scale=getattr(stack, "output_scale", 1.0),
            )
        )

    def _layer(self, layer: nn.Module, *, bias: int | None, window: int) -> structures.Layer:
        assert isinstance(layer, EncoderLayer | DecoderLayer)  # noqa: S101 - a stack's layers
        parts: dict[str, structures.Linear | structures.Norms] = {
            "qkv": self._linear(layer.self_attention.qkv),
            "self_out": self._linear(layer.self_attention.out),
            "up": self._linear(layer.ffn.up),
            "down": self._linear(layer.ffn.down),
            "self_norms": self._norms(layer.self_attention_norm),
            "ffn_norms": self._norms(layer.ffn_norm),
        }
        if isinstance(layer, DecoderLayer):
            cross = layer.cross_attention
            parts |= {
                "cross_q": self._linear(cross.q),
                "cross_kv": self._linear(cross.kv),
                "cross_out": self._linear(cross.out),
                "cross_norms": self._norms(layer.cross_attention_norm),
            }
        return structures.Layer(bias=bias, window=window, **parts)

    def _rotations(self, stack: EncoderDecoderStack, *, d_head: int) -> int | None:
        """Return cosines and sines of each position, (reach, d_head), or None."""
        by = stack.rotation(torch.arange(self._reach)[None])
        if by is None:
            return None
        # Of the two halves of a head's dimensions, which have the same angles, the first.
        halves = [part[0, 0, :, : d_head // 2] for part in by]
        return self._floats(torch.cat(halves, dim=1))

    def _biases(
        self, stack: EncoderDecoderStack, windows: Sequence[int], *, num_heads: int
    ) -> list[int | None]:
        """Return each layer's bias of scores, (heads, 2 * reach - 1) by distance, or None.

        It masks keys outside the layer's window, and is one for all layers that are alike.
        """
        tables = list(stack.relative_biases)
        distance = torch.arange(1 - self._reach, self._reach)
        made: dict[tuple[int, int], int | None] = {}

        def bias(table: int, window: int) -> int | None:
            far = distance.abs() > window
            if not tables and not far.any():
                return None
            whole = torch.zeros(num_heads, len(distance))
            if tables:
                whole = tables[table](distance[None, None])[0, :, 0].float()
            return self._floats(whole.masked_fill(far, MASKED))

        keys = [(index if len(tables) > 1 else 0, window) for index, window in enumerate(windows)]
        for key in keys:
            if key not in made:
                made[key] = bias(*key)
        return [made[key] for key in keys]

    def _head(self) -> structures.Head:
        network = self._network
        output = network.packed_output
        assert isinstance(output, KernelOutput)  # noqa: S101 - as `KernelPacking` makes it
        head = structures.Head(
            exact=self._linear(output),
            table=self._packed_table(output),
            softcap=network.config.output_softcap or 0.0,
        )
        if output.rough is not None:
            head.rough = output.rough
        return self._hold(head)

    def _linear(self, module: nn.Module) -> structures.Linear:
        assert isinstance(module, KernelLinear)  # noqa: S101 - as `KernelPacking` makes it
        self._alive.append(module)
        return module.struct

    def _norms(self, module: nn.Module) -> structures.Norms:
        """Return the norms of a sublayer, of which one alone stands where the config places it."""
        if isinstance(module, NormPair):
            return structures.Norms(self._norm(module.before), self._norm(module.after))
        norm = self._norm(module)
        if self._network.config.norm.placement == "post":
            return structures.Norms(after=norm)
        return structures.Norms(before=norm)

    def _norm(self, module: nn.Module) -> structures.Norm:
        match module:
            case RMSNorm():
                gain = self._floats(module.weight.float() + module.gain_offset)
                return structures.Norm(gain=gain, eps=module.eps, is_rms=1)
            case nn.LayerNorm():
                gain, bias = self._floats(module.weight), self._floats(module.bias)
                return structures.Norm(gain=gain, bias=bias, eps=module.eps)
            case _:
                return structures.Norm()

    def _table(self, embedding: Embedding) -> structures.Table:
        assert isinstance(embedding, KernelEmbedding)  # noqa: S101 - as `KernelPacking` makes it
        return self._packed_table(embedding)

    def _packed_table(self, module: KernelEmbedding | nn.Module) -> structures.Table:
        assert isinstance(module, KernelEmbedding | KernelLinear)  # noqa: S101
        weight = module.packed
        self._alive.append(weight)
        return structures.Table(
            rows=weight.weight.data_ptr(),
            scales=pointer(weight.scales),
            kind=weight.kind,
            width=weight.width,
            row_bytes=weight.row_bytes,
        )

    def _floats(self, tensor: Tensor) -> int:
        floats = tensor.detach().float().contiguous()
        self._alive.append(floats)
        return floats.data_ptr()

    def _hold(self, structure: T) -> T:
        self._alive.append(structure)
        return structure


def is_packed(network: Seq2SeqTransformer) -> bool:
    """Return whether `KernelPacking` laid out this network."""
    return isinstance(network.packed_output, KernelLinear)
