"""The summarizer's architecture: BART's."""

import torch

from model.config import Activation, Learned, Norm, Stack, TransformerConfig
from model.families.bart import POSITION_OFFSET
from model.training.network import Shape, fresh_network
from model.transformer.positions import PositionEmbedding, sinusoids
from model.transformer.seq2seq import Seq2SeqTransformer

MAX_POSITIONS = 512


def bart_config(shape: Shape, *, vocab_size: int) -> TransformerConfig:
    """Return BART's architecture: post-norm, learned positions, embedding norm, one tied table."""
    return TransformerConfig(
        vocab_size=vocab_size,
        d_model=shape.d_model,
        encoder=Stack(num_layers=shape.encoder_layers, num_heads=shape.num_heads, d_ff=shape.d_ff),
        decoder=Stack(num_layers=shape.decoder_layers, num_heads=shape.num_heads, d_ff=shape.d_ff),
        norm=Norm(placement="post"),
        positions=Learned(offset=POSITION_OFFSET),
        max_positions=MAX_POSITIONS,
        activation=Activation.GELU,
        embedding_norm=True,
        output_bias=True,
        dropout=shape.dropout,
    )


def fresh_bart(config: TransformerConfig) -> Seq2SeqTransformer:
    """Return a network of random weights whose learned positions start as sinusoids.

    Neighbouring positions are then similar from the first step on, also the rare late ones. Their
    size relative to the token embeddings is that of Vaswani et al. (2017).
    """
    network = fresh_network(config)
    for module in network.modules():
        if isinstance(module, PositionEmbedding):
            with torch.no_grad():
                module.weight.copy_(sinusoids(*module.weight.shape) * config.d_model**-0.5)
    return network
