"""The declarative description of one encoder-decoder transformer."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from model.errors import ConfigError

_LEAST_BUCKETS = 4  # a near and a far one for either direction


class Activation(StrEnum):
    """The activation of the feed-forward sublayer; values are its names in checkpoints."""

    RELU = "relu"
    GELU = "gelu"
    GELU_TANH = "gelu_new"
    SILU = "swish"

    @classmethod
    def parse(cls, name: str, *, key: str = "activation_function") -> "Activation":
        """Return the activation of that name; `silu` is `swish`.

        Raises:
            ConfigError: There is none; the message begins with `key`.
        """
        name = {"silu": "swish", "gelu_pytorch_tanh": "gelu_new"}.get(name, name)
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(cls)
            raise ConfigError(f"{key}: {name!r} is not one of {known}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinusoidal:
    """Fixed sines (first half of the dimensions) and cosines (second half), computed at load.

    Attributes:
        first: The number of the first position; fairseq begins after its padding id.
        spacing: Whether the exponent of dimension i is i / half (the paper) or i / (half - 1)
            (tensor2tensor and fairseq).
    """

    first: int = 0
    spacing: Literal["half", "half_minus_one"] = "half"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A trained vector per position; row `offset` of the table belongs to position 0."""

    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeBias:
    """A trained number per head and distance, added to the scores of self-attention (T5).

    Attributes:
        num_buckets: The number of buckets; small distances have one each, larger ones share.
        max_distance: The distance from which on all share the last bucket.
        per_layer: Whether each layer has its own table, or all layers of a stack share one.
    """

    num_buckets: int = 32
    max_distance: int = 128
    per_layer: bool = False

    def __post_init__(self) -> None:
        if self.num_buckets < _LEAST_BUCKETS:
            raise ConfigError(f"num_buckets: {self.num_buckets} is below {_LEAST_BUCKETS}")
        num_exact = self.num_buckets // 2
        if self.max_distance <= num_exact:
            raise ConfigError(
                f"max_distance: {self.max_distance} is not above {num_exact}, half of num_buckets"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotary:
    """Queries and keys of self-attention are rotated by angles that grow with the position (RoPE).

    Attributes:
        base: The longest wavelength is 2 pi times this.
    """

    base: float = 10_000.0


Positions = Sinusoidal | Learned | RelativeBias | Rotary


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """The kind of normalisation, and its place relative to the residual sum.

    Attributes:
        placement: Before each sublayer (pre), after each residual sum (post), or before and after
            each sublayer (around).
        kind: Mean and deviation (layer), or the root of the mean square alone (rms).
        gain_offset: Added to the stored gain before the normalised vector is multiplied by it.
    """

    placement: Literal["pre", "post", "around"]
    kind: Literal["layer", "rms"] = "layer"
    eps: float = 1e-5
    gain_offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The depth and width of the encoder, or of the decoder.

    Attributes:
        d_model: The stack's own width; None is that of the `TransformerConfig`.
        d_head: The width of a head; None is d_model / num_heads.
        num_kv_heads: Heads of keys and values, each shared by equally many query heads; None is
            one for each query head.
        reaches: For each layer the largest distance in its sliding window, in tokens to either
            side; None is no window. Empty: no layer has one.
        attention_scale: Factor of the scores; None is that of the `TransformerConfig`.
    """

    num_layers: int
    num_heads: int
    d_ff: int
    d_model: int | None = None
    d_head: int | None = None
    num_kv_heads: int | None = None
    reaches: tuple[int | None, ...] = ()
    attention_scale: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The heads of one stack's attention: their numbers and width, and how scores are computed."""

    num: int
    num_kv: int
    size: int
    scale: float  # factor of the scores, usually 1 / sqrt(size)
    softcap: float | None = None  # scores become softcap * tanh(score / softcap)
    bias: bool = True  # of the four projections

    @property
    def d_query(self) -> int:
        """The width of all heads' queries together."""
        return self.num * self.size

    @property
    def d_kv(self) -> int:
        """The width of all heads' keys together, and of their values."""
        return self.num_kv * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """The architecture of one network; nothing about how it is served."""

    vocab_size: int
    d_model: int
    encoder: Stack
    decoder: Stack
    norm: Norm
    positions: Positions
    max_positions: int  # the longest sequence, source or target, in tokens
    activation: Activation
    gated_ffn: bool = False  # the activation multiplies a second product (GLU)
    biases: bool = True  # of attention and feed-forward
    ffn_biases: bool | None = None  # None: as `biases`
    embedding_norm: bool = False  # a norm after the embeddings, before the first layer
    final_norm: bool = False  # a norm after the last layer, for pre-norm stacks
    scaled_embeddings: bool = False  # embeddings are multiplied by sqrt(d_model)
    shared_embeddings: bool = True  # encoder and decoder read one embedding table
    decoder_vocab_size: int | None = None  # None: the same as vocab_size
    attention_scale: float | None = None  # None: 1 / sqrt(d_head)
    attention_softcap: float | None = None
    tied_output: bool = True  # the output projection is the decoder's embedding table
    output_bias: bool = False
    output_scale: float = 1.0  # of the hidden states, before the output projection
    output_softcap: float | None = None  # logits become cap * tanh(logit / cap)
    overflows_float16: bool = False  # activations exceed 65,504, the largest float16
    dropout: float = 0.0  # in training only

    def __post_init__(self) -> None:
        for name in ("vocab_size", "target_vocab_size", "d_model", "max_positions"):
            _check_positive(name, getattr(self, name))
        self._check_stack("encoder", self.encoder)
        self._check_stack("decoder", self.decoder)
        if self.norm.placement == "post" and self.final_norm:
            raise ConfigError("a post-norm stack already ends in a norm: final_norm must be False")
        if self.shared_embeddings and self.target_vocab_size != self.vocab_size:
            raise ConfigError(
                f"shared embeddings need one vocabulary, but decoder_vocab_size is "
                f"{self.decoder_vocab_size} and vocab_size {self.vocab_size}"
            )
        widths = self.width(self.encoder), self.width(self.decoder)
        if self.shared_embeddings and widths[0] != widths[1]:
            raise ConfigError(f"shared embeddings need one width, not {widths[0]} and {widths[1]}")

    @property
    def target_vocab_size(self) -> int:
        """The number of token ids of the decoder's side."""
        return self.vocab_size if self.decoder_vocab_size is None else self.decoder_vocab_size

    @property
    def can_read_longer(self) -> bool:
        """True if sequences may be longer than `max_positions`: positions have no learned table."""
        return not isinstance(self.positions, Learned)

    def with_max_positions(self, max_positions: int) -> "TransformerConfig":
        """Return a copy for sequences of another length.

        Raises:
            ConfigError: The table of learned positions is shorter.
        """
        if max_positions > self.max_positions and not self.can_read_longer:
            raise ConfigError(
                f"max_positions: {max_positions} is above the {self.max_positions} positions that "
                "the checkpoint has vectors for"
            )
        return replace(self, max_positions=max_positions)

    def width(self, stack: Stack) -> int:
        """Return the width of a stack's residual stream."""
        return stack.d_model or self.d_model

    def heads(self, stack: Stack) -> Heads:
        """Return the heads of a stack's attention."""
        size = stack.d_head or self.width(stack) // stack.num_heads
        scales = (stack.attention_scale, self.attention_scale, size**-0.5)
        return Heads(
            num=stack.num_heads,
            num_kv=stack.num_kv_heads or stack.num_heads,
            size=size,
            scale=next(scale for scale in scales if scale is not None),
            softcap=self.attention_softcap,
            bias=self.biases,
        )

    def _check_stack(self, side: str, stack: Stack) -> None:
        for name in ("num_layers", "num_heads", "d_ff", "d_model", "d_head", "num_kv_heads"):
            value = getattr(stack, name)
            if value is not None:
                _check_positive(f"{side}.{name}", value)
        width = self.width(stack)
        if stack.d_head is None and width % stack.num_heads:
            raise ConfigError(
                f"{side}: d_model {width} is not divisible by {stack.num_heads} heads"
            )
        if isinstance(self.positions, Rotary) and self.heads(stack).size % 2:
            raise ConfigError(
                f"{side}: heads of {self.heads(stack).size} have no pairs of dimensions to rotate"
            )
        if stack.num_heads % (stack.num_kv_heads or 1):
            raise ConfigError(
                f"{side}: {stack.num_heads} heads cannot share {stack.num_kv_heads} evenly"
            )
        if isinstance(self.positions, RelativeBias) and stack.num_kv_heads:
            raise ConfigError(f"{side}: heads that share keys cannot each have biases of their own")
        _check_reaches(side, stack)


def _check_reaches(side: str, stack: Stack) -> None:
    if stack.reaches and len(stack.reaches) != stack.num_layers:
        raise ConfigError(
            f"{side}.reaches: has {len(stack.reaches)} entries for {stack.num_layers} layers"
        )
    for reach in stack.reaches:
        if reach is not None and reach < 0:
            raise ConfigError(f"{side}.reaches: {reach} hides a position from itself")


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name}: {value} is below 1")
