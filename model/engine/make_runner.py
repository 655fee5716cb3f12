"""Which runner an engine gets."""

from collections.abc import Callable

import torch

from model.engine.config import EngineConfig, TokenRules
from model.engine.graph import CudaGraphs
from model.engine.graphed_runner import GraphedRunner
from model.engine.model_runner import ModelRunner
from model.engine.runner import Runner
from model.transformer.seq2seq import Seq2SeqTransformer

MakeRunner = Callable[[Seq2SeqTransformer, TokenRules, EngineConfig, torch.dtype], Runner]


def make_runner(
    network: Seq2SeqTransformer,
    rules: TokenRules,
    config: EngineConfig,
    cache_dtype: torch.dtype,
) -> Runner:
    """The fastest that this network has on the device where it lies.

    Args:
        network: Its weights are loaded.
        rules: What its checkpoint says of tokens.
        config: How much the engine may hold.
        cache_dtype: Of keys and values.
    """
    device = network.embedding.weight.device
    if device.type == "cuda":
        graphs = CudaGraphs(device)
        return GraphedRunner(network, rules, config, cache_dtype=cache_dtype, make_graph=graphs)
    return ModelRunner(network, rules, config, cache_dtype=cache_dtype)
