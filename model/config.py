"""The declarative description of one encoder-decoder transformer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from model.errors import ConfigError


class Activation(StrEnum):
    """The non-linearity of the feed-forward sublayer; values are the names checkpoints use."""

    RELU = "relu"
    GELU = "gelu"
    GELU_TANH = "gelu_new"
    SILU = "swish"

    @classmethod
    def parse(cls, name: str) -> "Activation":
        """The activation of that name, `silu` being another name of `swish`."""
        name = {"silu": "swish", "gelu_pytorch_tanh": "gelu_new"}.get(name, name)
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(cls)
            raise ConfigError(f"activation_function: {name!r} is not one of {known}") from None


@dataclass(frozen=True, slots=True)
class Sinusoidal:
    """Fixed sines (first half of the dimensions) and cosines (second half), computed at load."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained vector per position; row `offset` of the table belongs to position 0."""

    offset: int = 0


Positions = Sinusoidal | Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """Where the layer norm stands relative to the residual sum."""

    placement: Literal["pre", "post"]
    eps: float = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The depth and width of the encoder, or of the decoder."""

    num_layers: int
    num_heads: int
    d_ff: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """Everything needed to build the network, and nothing about how it is served."""

    vocab_size: int
    d_model: int
    encoder: Stack
    decoder: Stack
    norm: Norm
    positions: Positions
    max_positions: int  # the longest sequence, source or target, in tokens
    activation: Activation
    embedding_norm: bool = False  # a norm after the embeddings, before the first layer
    final_norm: bool = False  # a norm after the last layer, for pre-norm stacks
    embedding_scale: float = 1.0
    shared_embeddings: bool = True  # encoder and decoder read one embedding table
    decoder_vocab_size: int | None = None  # None: the same as vocab_size
    tied_output: bool = True  # the output projection is the decoder's embedding table
    output_bias: bool = False
    dropout: float = 0.0  # in training only

    def __post_init__(self) -> None:
        for name in ("vocab_size", "target_vocab_size", "d_model", "max_positions"):
            _check_positive(name, getattr(self, name))
        for side, stack in (("encoder", self.encoder), ("decoder", self.decoder)):
            for name in ("num_layers", "num_heads", "d_ff"):
                _check_positive(f"{side}.{name}", getattr(stack, name))
            if self.d_model % stack.num_heads:
                raise ConfigError(
                    f"{side}: d_model {self.d_model} is not divisible by {stack.num_heads} heads"
                )
        if self.norm.placement == "post" and self.final_norm:
            raise ConfigError("a post-norm stack already ends in a norm: final_norm must be False")
        if self.shared_embeddings and self.target_vocab_size != self.vocab_size:
            raise ConfigError(
                f"shared embeddings need one vocabulary, but decoder_vocab_size is "
                f"{self.decoder_vocab_size} and vocab_size {self.vocab_size}"
            )

    @property
    def target_vocab_size(self) -> int:
        """The number of token ids the decoder reads and writes."""
        return self.vocab_size if self.decoder_vocab_size is None else self.decoder_vocab_size


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name}: {value} is below 1")
