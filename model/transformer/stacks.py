"""Layers, and the encoder and decoder that stack them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.config import Learned, RelativeBias, Rotary, Sinusoidal, Stack, TransformerConfig
from model.transformer.attention import CrossAttention, SelfAttention, Watch
from model.transformer.layers import (
    RESIDUALS,
    FeedForward,
    GatedFeedForward,
    make_norm,
    make_sublayer_norm,
)
from model.transformer.masks import reach_bias
from model.transformer.memory import KVStore, Memory
from model.transformer.positions import (
    PositionEmbedding,
    RelativeBiasTable,
    Rotation,
    rotation,
)


class Layer(nn.Module):
    """Parts that encoder and decoder layers share: self-attention, feed-forward, their norms."""

    def __init__(self, config: TransformerConfig, stack: Stack) -> None:
        super().__init__()
        width = config.width(stack)
        make_ffn = GatedFeedForward if config.gated_ffn else FeedForward
        self.residual = RESIDUALS[config.norm.placement]
        self.dropout = nn.Dropout(config.dropout)
        self.self_attention = SelfAttention(width, config.heads(stack))
        self.self_attention_norm = make_sublayer_norm(config.norm, width)
        ffn_bias = config.biases if config.ffn_biases is None else config.ffn_biases
        self.ffn = make_ffn(width, stack.d_ff, config.activation, bias=ffn_bias)
        self.ffn_norm = make_sublayer_norm(config.norm, width)


@dataclass(frozen=True, slots=True)
class DecoderWatch:
    """Receivers of a decoder's attention weights, of self-attention and of cross-attention."""

    own: Watch | None = None
    cross: Watch | None = None


UNWATCHED = DecoderWatch()


class EncoderLayer(Layer):
    """Self-attention over all source positions, then feed-forward."""

    def forward(
        self,
        x: Tensor,
        *,
        bias: Tensor | None,
        rotation: Rotation | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """x and the result: (batch, keys, d_model); see `SelfAttention.forward`."""
        x = self.residual(
            x,
            self.self_attention_norm,
            lambda x: self.dropout(
                self.self_attention(x, bias=bias, rotation=rotation, watch=watch)
            ),
        )
        return self.residual(x, self.ffn_norm, lambda x: self.dropout(self.ffn(x)))


class DecoderLayer(Layer):
    """Self-attention over the target so far, cross-attention to the source, then feed-forward."""

    def __init__(self, config: TransformerConfig, stack: Stack, *, index: int) -> None:
        super().__init__(config, stack)
        width = config.width(stack)
        self.index = index  # of its keys and values in `Memory.keys_values`
        self.cross_attention = CrossAttention(
            width, config.heads(stack), d_memory=config.width(config.encoder)
        )
        self.cross_attention_norm = make_sublayer_norm(config.norm, width)

    def forward(
        self,
        x: Tensor,
        memory: Memory,
        *,
        self_bias: Tensor | None,
        rotation: Rotation | None = None,
        store: KVStore | None = None,
        watch: DecoderWatch = UNWATCHED,
    ) -> Tensor:
        """Run the layer over new target positions.

        Args:
            x: (batch, queries, d_model).
            memory: the encoded source.
            self_bias: masks target positions, broadcastable to (batch, heads, queries, keys).
            rotation: angles of the new positions; None without rotary positions.
            store: the cache of earlier target positions; None when x holds them all.
            watch: receives the weights of both attentions.

        Returns:
            (batch, queries, d_model).
        """
        x = self.residual(
            x,
            self.self_attention_norm,
            lambda x: self.dropout(
                self.self_attention(
                    x, bias=self_bias, rotation=rotation, store=store, watch=watch.own
                )
            ),
        )
        x = self.residual(
            x,
            self.cross_attention_norm,
            lambda x: self.dropout(
                self.cross_attention(
                    x,
                    memory.keys_values[self.index],
                    bias=memory.bias,
                    beams=memory.beams,
                    watch=watch.cross,
                )
            ),
        )
        return self.residual(x, self.ffn_norm, lambda x: self.dropout(self.ffn(x)))


class EncoderDecoderStack(nn.Module):
    """Parts that both stacks share: positions, and the norms before and after the layers."""

    def __init__(self, config: TransformerConfig, stack: Stack, *, looks_ahead: bool) -> None:
        super().__init__()
        width, kind = config.width(stack), config.positions
        self.embedding_scale = width**0.5 if config.scaled_embeddings else 1.0
        self.reaches = stack.reaches or (None,) * stack.num_layers
        self.d_head = config.heads(stack).size
        self.rotary: Rotary | None = None
        self.positions: PositionEmbedding | None = None
        self.relative_biases = nn.ModuleList()  # one for all layers, or one for each
        match kind:
            case Sinusoidal() | Learned():
                self.positions = PositionEmbedding(
                    kind, max_positions=config.max_positions, d_model=width
                )
            case RelativeBias():
                self.relative_biases.extend(
                    RelativeBiasTable(kind, num_heads=stack.num_heads, bidirectional=looks_ahead)
                    for _ in range(stack.num_layers if kind.per_layer else 1)
                )
            case Rotary():
                self.rotary = kind
        self.embedding_norm = (
            make_norm(config.norm, width) if config.embedding_norm else nn.Identity()
        )
        self.final_norm = make_norm(config.norm, width) if config.final_norm else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)

    def embed(self, embedded: Tensor, positions: Tensor) -> Tensor:
        """Return the first layer's input, (batch, length, d_model).

        Args:
            embedded: token vectors, (batch, length, d_model).
            positions: (batch or 1, length) int64.
        """
        x = embedded * self.embedding_scale
        if self.positions is not None:
            x = x + self.positions(positions)
        return self.dropout(self.embedding_norm(x))

    def rotation(self, positions: Tensor) -> Rotation | None:
        """Return the angles of positions, (batch or 1, length); None without rotary positions."""
        if self.rotary is None:
            return None
        return rotation(positions, self.rotary, d_head=self.d_head)

    def self_biases(
        self, bias: Tensor | None, positions: Tensor, *, num_keys: int
    ) -> Iterator[Tensor | None]:
        """Yield each layer's bias on the scores of self-attention.

        A layer's own bias is made only when the layer is next: for 1,024 tokens and 64 heads it
        takes 256 MB in each layer of umT5.

        Args:
            bias: for all layers; masks padding, or the future.
            positions: (batch or 1, queries) int64, of the queries.
            num_keys: their positions are 0 to num_keys - 1.

        Yields:
            For each layer None, or broadcastable to (batch, heads, queries, num_keys).
        """
        tables = list(self.relative_biases)
        narrow = {reach for reach in self.reaches if reach is not None and reach < num_keys - 1}
        if not tables and not narrow:
            yield from [bias] * len(self.reaches)
            return
        keys = torch.arange(num_keys, device=positions.device)
        distance = keys - positions[:, :, None]
        if len(tables) == 1:
            bias, tables = _sum(bias, tables[0](distance)), []
        dtype = torch.float32 if bias is None else bias.dtype
        windows = {reach: reach_bias(distance, reach, dtype=dtype) for reach in narrow}
        for index, reach in enumerate(self.reaches):
            own = tables[index](distance) if tables else None
            window = None if reach is None else windows.get(reach)
            yield _sum(_sum(bias, own), window)


class Encoder(EncoderDecoderStack):
    """Encoder: all source positions at once."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config, config.encoder, looks_ahead=True)
        self.layers = nn.ModuleList(
            EncoderLayer(config, config.encoder) for _ in range(config.encoder.num_layers)
        )

    def forward(
        self,
        embedded: Tensor,
        positions: Tensor,
        *,
        bias: Tensor | None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Return the memory, (batch, keys, d_model), of token vectors of the same shape.

        `watch` receives the attention weights of each layer, in order.
        """
        x = self.embed(embedded, positions)
        rotation = self.rotation(positions)
        biases = self.self_biases(bias, positions, num_keys=embedded.shape[1])
        for layer, layer_bias in zip(self.layers, biases, strict=True):
            x = layer(x, bias=layer_bias, rotation=rotation, watch=watch)
        return self.final_norm(x)


class Decoder(EncoderDecoderStack):
    """Decoder: each target position attends to those before it and to the source."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config, config.decoder, looks_ahead=False)
        self.output_scale = config.output_scale
        self.layers = nn.ModuleList(
            DecoderLayer(config, config.decoder, index=i) for i in range(config.decoder.num_layers)
        )

    def forward(
        self,
        embedded: Tensor,
        positions: Tensor,
        memory: Memory,
        *,
        self_bias: Tensor | None,
        stores: Sequence[KVStore] | None = None,
        watch: DecoderWatch = UNWATCHED,
    ) -> Tensor:
        """Run all layers; arguments as in `DecoderLayer.forward`, with one store for each layer.

        `watch` receives the weights of each layer, in order.
        """
        x = self.embed(embedded, positions)
        rotation = self.rotation(positions)
        length = embedded.shape[1]
        num_keys = length if stores is None else stores[0].num_keys(length)
        biases = self.self_biases(self_bias, positions, num_keys=num_keys)
        for i, (layer, bias) in enumerate(zip(self.layers, biases, strict=True)):
            x = layer(
                x,
                memory,
                self_bias=bias,
                rotation=rotation,
                store=None if stores is None else stores[i],
                watch=watch,
            )
        return self.final_norm(x) * self.output_scale


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return a if b is None else b
    return a + b
