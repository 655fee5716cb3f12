"""The encoder-decoder transformer: source ids in, logits over target ids out."""

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import TransformerConfig
from model.transformer.attention import Watch
from model.transformer.masks import causal_bias, padding_bias
from model.transformer.memory import KeysValues, KVStore, Memory
from model.transformer.stacks import UNWATCHED, Decoder, DecoderLayer, DecoderWatch, Encoder


class PackedEmbedding(Protocol):
    """A replacement of `nn.Embedding` for inference, with a table in another layout."""

    dtype: torch.dtype  # of the vectors looked up

    @property
    def weight(self) -> Tensor:
        """The table in its own type, such as int8 without the scales."""
        ...

    def __call__(self, ids: Tensor) -> Tensor:
        """ids: int64 of any shape; returns that shape + (width,)."""
        ...


Embedding = nn.Embedding | PackedEmbedding


class Seq2SeqTransformer(nn.Module):
    """The network of every family of checkpoints, as its `TransformerConfig` describes it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        d_target = config.width(config.decoder)
        self.embedding: Embedding = nn.Embedding(config.vocab_size, config.width(config.encoder))
        self.decoder_embedding: Embedding | None = (
            None if config.shared_embeddings else nn.Embedding(config.target_vocab_size, d_target)
        )
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.output = (
            None
            if config.tied_output
            else nn.Linear(d_target, config.target_vocab_size, bias=False)
        )
        self.output_bias = (
            nn.Parameter(torch.zeros(config.target_vocab_size)) if config.output_bias else None
        )
        # Set for inference by a packing; see `packing.py`.
        self.packed_output: nn.Module | None = None
        self.rough_output: nn.Module | None = None  # int8 logits, for a shortlist
        # Counted here: packed layers have no `parameters()`.
        self.num_parameters = sum(parameter.numel() for parameter in self.parameters())

    @property
    def target_embedding(self) -> Embedding:
        """The embedding table of target tokens."""
        return self.embedding if self.decoder_embedding is None else self.decoder_embedding

    @property
    def dtype(self) -> torch.dtype:
        """The type of the hidden states; weights may be narrower."""
        table = self.embedding
        return table.weight.dtype if isinstance(table, nn.Embedding) else table.dtype

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device

    @property
    def output_weight(self) -> Tensor:
        """The output projection, (vocab, d_model): the target embedding when tied."""
        return self.target_embedding.weight if self.output is None else self.output.weight

    def encode(
        self, encoder_ids: Tensor, *, bias: Tensor | None = None, watch: Watch | None = None
    ) -> Tensor:
        """Run the encoder over the source.

        Args:
            encoder_ids: (batch, keys) int64.
            bias: masks padding, (batch, 1, 1, keys); None when there is none.
            watch: receives the attention weights of each layer, in order.

        Returns:
            The memory, (batch, keys, d_model).
        """
        positions = torch.arange(encoder_ids.shape[1], device=encoder_ids.device)[None]
        return self.encoder(self.embedding(encoder_ids), positions, bias=bias, watch=watch)

    def keys_values(self, memory: Tensor) -> list[KeysValues]:
        """Return each decoder layer's keys and values of the encoder's output; see `Memory`."""
        layers = cast("Iterable[DecoderLayer]", self.decoder.layers)
        return [layer.cross_attention.keys_values(memory) for layer in layers]

    def decode(
        self,
        decoder_ids: Tensor,
        positions: Tensor,
        memory: Memory,
        *,
        self_bias: Tensor | None,
        stores: Sequence[KVStore] | None = None,
        watch: DecoderWatch = UNWATCHED,
    ) -> Tensor:
        """Run the decoder over new target positions.

        Args:
            decoder_ids: (batch, queries) int64.
            positions: (batch or 1, queries) int64, counted from 0.
            memory: the encoded source.
            self_bias: masks target positions; see `DecoderLayer.forward`.
            stores: a KV cache for each layer; None when decoder_ids is the whole target.
            watch: receives the attention weights of each layer, in order.

        Returns:
            Hidden states, (batch, queries, d_model); see `logits`.
        """
        embedded = self.target_embedding(decoder_ids)
        return self.decoder(
            embedded, positions, memory, self_bias=self_bias, stores=stores, watch=watch
        )

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits, (..., vocab), of hidden states, (..., d_model)."""
        if self.packed_output is not None:
            logits = self.packed_output(hidden)
        else:
            logits = F.linear(hidden, self.output_weight, self.output_bias)
        softcap = self.config.output_softcap
        if softcap is None:
            return logits
        # In float32: near the cap, bfloat16 would round different logits to one number.
        return softcap * torch.tanh(logits.float() / softcap)

    def decode_hidden(
        self,
        encoder_ids: Tensor,
        decoder_ids: Tensor,
        *,
        encoder_mask: Tensor | None = None,
        encoder_watch: Watch | None = None,
        decoder_watch: DecoderWatch = UNWATCHED,
    ) -> Tensor:
        """Return the hidden states of a whole target under the causal mask (teacher forcing).

        Args:
            encoder_ids: (batch, keys) int64.
            decoder_ids: (batch, queries) int64, padded on the right if at all.
            encoder_mask: (batch, keys) bool, True where there is a token; None when all are.
            encoder_watch: receives the encoder's attention weights of each layer, in order.
            decoder_watch: receives the decoder's.

        Returns:
            (batch, queries, d_model).
        """
        dtype, length = self.dtype, decoder_ids.shape[1]
        bias = None if encoder_mask is None else padding_bias(encoder_mask, dtype)
        memory = self.encode(encoder_ids, bias=bias, watch=encoder_watch)
        return self.decode(
            decoder_ids,
            torch.arange(length, device=decoder_ids.device)[None],
            Memory(self.keys_values(memory), bias),
            self_bias=causal_bias(length, dtype=dtype, device=decoder_ids.device),
            watch=decoder_watch,
        )

    def forward(
        self, encoder_ids: Tensor, decoder_ids: Tensor, *, encoder_mask: Tensor | None = None
    ) -> Tensor:
        """Return the logits of the token after each target position, (batch, queries, vocab)."""
        return self.logits(self.decode_hidden(encoder_ids, decoder_ids, encoder_mask=encoder_mask))
