"""Layers, and the encoder and decoder that stack them."""

from collections.abc import Sequence

from torch import Tensor, nn

from model.config import Stack, TransformerConfig
from model.transformer.attention import (
    CrossAttention,
    Fan,
    KeysValues,
    KVStore,
    Memory,
    SelfAttention,
)
from model.transformer.layers import RESIDUALS, FeedForward
from model.transformer.positions import PositionEmbedding


class Layer(nn.Module):
    """What encoder and decoder layers share: self-attention, feed-forward, their norms."""

    def __init__(self, config: TransformerConfig, stack: Stack) -> None:
        super().__init__()
        self.residual = RESIDUALS[config.norm.placement]
        self.dropout = nn.Dropout(config.dropout)
        self.self_attention = SelfAttention(config.d_model, stack.num_heads)
        self.self_attention_norm = nn.LayerNorm(config.d_model, eps=config.norm.eps)
        self.ffn = FeedForward(config.d_model, stack.d_ff, config.activation)
        self.ffn_norm = nn.LayerNorm(config.d_model, eps=config.norm.eps)


class EncoderLayer(Layer):
    """Every source position looks at every other."""

    def forward(self, x: Tensor, *, bias: Tensor | None) -> Tensor:
        """x and the result: (batch, keys, d_model); bias hides padding, (batch, 1, 1, keys)."""
        attended = self.residual(
            x, self.self_attention_norm, lambda x: self.dropout(self.self_attention(x, bias=bias))
        )
        return self.residual(attended, self.ffn_norm, lambda x: self.dropout(self.ffn(x)))


class DecoderLayer(Layer):
    """Every target position looks at the target so far, then at the source."""

    def __init__(self, config: TransformerConfig, stack: Stack) -> None:
        super().__init__(config, stack)
        self.cross_attention = CrossAttention(config.d_model, stack.num_heads)
        self.cross_attention_norm = nn.LayerNorm(config.d_model, eps=config.norm.eps)

    def forward(
        self,
        x: Tensor,
        memory_kv: KeysValues,
        *,
        self_bias: Tensor | None,
        cross_bias: Tensor | None,
        fan: Fan | None = None,
        store: KVStore | None = None,
    ) -> Tensor:
        """One layer for the new target positions.

        Args:
            x: (batch, queries, d_model).
            memory_kv: this layer's `cross_attention.keys_values(memory)`.
            self_bias: hides target positions, broadcastable to (batch, heads, queries, so far).
            cross_bias: hides source padding, (batch, 1, 1, keys).
            fan: which hypotheses share a source; see `Memory`.
            store: where earlier target positions are kept; None when x holds them all.

        Returns:
            (batch, queries, d_model).
        """
        x = self.residual(
            x,
            self.self_attention_norm,
            lambda x: self.dropout(self.self_attention(x, bias=self_bias, store=store)),
        )
        x = self.residual(
            x,
            self.cross_attention_norm,
            lambda x: self.dropout(self.cross_attention(x, memory_kv, bias=cross_bias, fan=fan)),
        )
        return self.residual(x, self.ffn_norm, lambda x: self.dropout(self.ffn(x)))


class EncoderDecoderStack(nn.Module):
    """What both stacks share: positions, the norms at either end, the scaled embedding."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embedding_scale = config.embedding_scale
        self.positions = PositionEmbedding(
            config.positions, max_positions=config.max_positions, d_model=config.d_model
        )
        eps = config.norm.eps
        self.embedding_norm = (
            nn.LayerNorm(config.d_model, eps=eps) if config.embedding_norm else nn.Identity()
        )
        self.final_norm = (
            nn.LayerNorm(config.d_model, eps=eps) if config.final_norm else nn.Identity()
        )
        self.dropout = nn.Dropout(config.dropout)

    def embed(self, embedded: Tensor, positions: Tensor) -> Tensor:
        """embedded: (batch, length, d_model) token vectors; positions: (batch or 1, length)."""
        x = embedded * self.embedding_scale + self.positions(positions)
        return self.dropout(self.embedding_norm(x))


class Encoder(EncoderDecoderStack):
    """Reads the whole source at once."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList(
            EncoderLayer(config, config.encoder) for _ in range(config.encoder.num_layers)
        )

    def forward(self, embedded: Tensor, positions: Tensor, *, bias: Tensor | None) -> Tensor:
        """embedded: (batch, keys, d_model); returns the memory, (batch, keys, d_model)."""
        x = self.embed(embedded, positions)
        for layer in self.layers:
            x = layer(x, bias=bias)
        return self.final_norm(x)


class Decoder(EncoderDecoderStack):
    """Writes the target, each position seeing those before it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList(
            DecoderLayer(config, config.decoder) for _ in range(config.decoder.num_layers)
        )

    def forward(
        self,
        embedded: Tensor,
        positions: Tensor,
        memory: Memory,
        *,
        self_bias: Tensor | None,
        stores: Sequence[KVStore] | None = None,
    ) -> Tensor:
        """As `DecoderLayer.forward`, with one store per layer."""
        x = self.embed(embedded, positions)
        for i, layer in enumerate(self.layers):
            x = layer(
                x,
                memory.keys_values[i],
                self_bias=self_bias,
                cross_bias=memory.bias,
                fan=memory.fan,
                store=None if stores is None else stores[i],
            )
        return self.final_norm(x)
