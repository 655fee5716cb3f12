"""The network before training: its shape and its random weights."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.config import TransformerConfig
from model.training.dropout import use_byte_dropout
from model.transformer.seq2seq import Embedding, Seq2SeqTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a network, by default with a deep encoder and a shallow decoder."""

    d_model: int = 256
    d_ff: int = 1024
    num_heads: int = 4
    encoder_layers: int = 6
    decoder_layers: int = 2
    dropout: float = 0.1


def fresh_network(config: TransformerConfig) -> Seq2SeqTransformer:
    """Return a network of random weights: unit-length embeddings, Glorot matrices, zero biases."""
    network = Seq2SeqTransformer(config)
    nn.init.normal_(network.embedding.weight, std=config.d_model**-0.5)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    use_byte_dropout(network)
    return network


def hold_at_zero(embedding: Embedding, row: int) -> None:
    """Set one row of an embedding to zero and its gradients, too."""

    def without_row(gradient: Tensor) -> Tensor:
        return gradient.index_fill(0, torch.tensor([row], device=gradient.device), 0.0)

    with torch.no_grad():
        embedding.weight[row] = 0.0
    embedding.weight.register_hook(without_row)
