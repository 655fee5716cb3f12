"""The translator's architecture: Marian's."""

from model.config import Activation, Norm, Sinusoidal, Stack, TransformerConfig
from model.training.network import Shape
from model.training.translation.vocabulary import MAX_INPUT_TOKENS


def marian_config(shape: Shape, *, vocab_size: int) -> TransformerConfig:
    """Return Marian's architecture: post-norm, sinusoids, scaled and tied embeddings."""
    return TransformerConfig(
        vocab_size=vocab_size,
        d_model=shape.d_model,
        encoder=Stack(num_layers=shape.encoder_layers, num_heads=shape.num_heads, d_ff=shape.d_ff),
        decoder=Stack(num_layers=shape.decoder_layers, num_heads=shape.num_heads, d_ff=shape.d_ff),
        norm=Norm(placement="post"),
        positions=Sinusoidal(),
        max_positions=MAX_INPUT_TOKENS,
        activation=Activation.SILU,
        scaled_embeddings=True,
        output_bias=True,
        dropout=shape.dropout,
    )
