"""Sizes of an encoder-decoder transformer, and the weights that encoding and steps read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["marian", "bart", "t5"]
_RELATIVE_BUCKETS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network; its weights include biases and norms, but no embeddings, which are looked up."""

    kind: Kind
    vocab_size: int
    d_model: int
    d_ff: int
    num_heads: int
    encoder_layers: int
    decoder_layers: int
    d_head: int = 64
    gated_ffn: bool = False
    tied_output: bool = True

    @classmethod
    def of(cls, hf: Mapping[str, Any]) -> "Network":
        """Return the network of a Marian's or BART's config.json."""
        return cls(
            kind="marian" if hf["model_type"] == "marian" else "bart",
            vocab_size=hf["vocab_size"],
            d_model=hf["d_model"],
            d_ff=hf["decoder_ffn_dim"],
            num_heads=hf["decoder_attention_heads"],
            d_head=hf["d_model"] // hf["decoder_attention_heads"],
            encoder_layers=hf["encoder_layers"],
            decoder_layers=hf["decoder_layers"],
        )

    @property
    def d_attention(self) -> int:
        """The width of all heads together."""
        return self.num_heads * self.d_head

    @property
    def encoding_weights(self) -> int:
        """Weights that encoding reads once: the encoder, and cross-attention's keys and values.

        The latter belong to the decoder, but no decoding step computes them again.
        """
        layer = 4 * self._projection + self._out_bias + self._ffn + 2 * self._norm
        cross = 2 * self._projection
        stacks = self.encoder_layers * layer + self.decoder_layers * cross
        return stacks + self._once_per_stack

    @property
    def step_weights(self) -> int:
        """Weights that a decoding step reads, at any number of rows, with the output projection."""
        attention = 6 * self._projection + 2 * self._out_bias
        layer = attention + self._ffn + 3 * self._norm
        output = self.vocab_size * (self.d_model + self._has_biases)
        return self.decoder_layers * layer + self._once_per_stack + output

    @property
    def cached_numbers(self) -> int:
        """Numbers in the cache for one token: keys and values of one attention in all layers."""
        return 2 * self.d_attention * self.decoder_layers

    @property
    def _has_biases(self) -> bool:
        return self.kind != "t5"

    @property
    def _projection(self) -> int:
        """Weights from the residual stream to the heads, with their bias."""
        return self.d_attention * (self.d_model + self._has_biases)

    @property
    def _out_bias(self) -> int:
        """The output projection's bias minus the bias that `_projection` counts."""
        return (self.d_model - self.d_attention) * self._has_biases

    @property
    def _ffn(self) -> int:
        weights = (3 if self.gated_ffn else 2) * self.d_model * self.d_ff
        return weights + (self.d_ff + self.d_model) * self._has_biases

    @property
    def _norm(self) -> int:
        return self.d_model * (1 + self._has_biases)

    @property
    def _once_per_stack(self) -> int:
        """Weights of BART's norm after the embeddings, or of T5's last norm and relative bias."""
        if self.kind == "t5":
            return self._norm + _RELATIVE_BUCKETS * self.num_heads
        return self._norm if self.kind == "bart" else 0


MARIAN_BASE = Network(
    kind="marian",
    vocab_size=58_101,
    d_model=512,
    d_ff=2048,
    num_heads=8,
    encoder_layers=6,
    decoder_layers=6,
)
BART_LARGE = Network(
    kind="bart",
    vocab_size=50_264,
    d_model=1024,
    d_ff=4096,
    num_heads=16,
    encoder_layers=12,
    decoder_layers=12,
)
T5_BASE = Network(
    kind="t5",
    vocab_size=32_128,
    d_model=768,
    d_ff=3072,
    num_heads=12,
    encoder_layers=12,
    decoder_layers=12,
)
FLAN_T5_XL = Network(
    kind="t5",
    vocab_size=32_128,
    d_model=2048,
    d_ff=5120,
    num_heads=32,
    encoder_layers=24,
    decoder_layers=24,
    gated_ffn=True,
    tied_output=False,
)
