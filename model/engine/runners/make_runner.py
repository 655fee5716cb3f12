"""The choice of an engine's runner."""

from collections.abc import Callable
from dataclasses import replace

import torch

from model.engine.cache.cache_budget import DeviceMemory, cache_bytes, largest_step_bytes
from model.engine.cache.kv_cache import KVCache
from model.engine.config import EngineConfig, MemoryFraction, TokenRules
from model.engine.runner import Runner
from model.engine.runners.graph import CudaGraphs
from model.engine.runners.graphed_runner import GraphedRunner
from model.engine.runners.kernel_runner import KernelRunner
from model.engine.runners.model_runner import ModelRunner
from model.engine.runners.rehearsal import rehearse
from model.kernels.network import is_packed
from model.transformer.seq2seq import Seq2SeqTransformer

MakeRunner = Callable[[Seq2SeqTransformer, TokenRules, EngineConfig, torch.dtype], Runner]


def make_runner(
    network: Seq2SeqTransformer,
    rules: TokenRules,
    config: EngineConfig,
    cache_dtype: torch.dtype,
) -> Runner:
    """Return the fastest runner for a network on its device.

    Args:
        network: With its weights, on its device.
        rules: Token rules of its checkpoint.
        config: Limits of the engine.
        cache_dtype: Of cached keys and values.

    Raises:
        ConfigError: The budget of the cache is below one row.
    """
    if is_packed(network):
        return KernelRunner(network, rules, config, cache_dtype=cache_dtype)
    device = network.device
    if device.type != "cuda":
        return ModelRunner(network, rules, config, cache_dtype=cache_dtype)
    if isinstance(config.kv_cache_bytes, MemoryFraction):
        config = _measured(network, rules, config, cache_dtype, config.kv_cache_bytes)
    return _graphed(network, rules, config, cache_dtype)


def _graphed(
    network: Seq2SeqTransformer,
    rules: TokenRules,
    config: EngineConfig,
    cache_dtype: torch.dtype,
) -> GraphedRunner:
    graphs = CudaGraphs(network.device)
    return GraphedRunner(network, rules, config, cache_dtype=cache_dtype, make_graph=graphs)


def _measured(
    network: Seq2SeqTransformer,
    rules: TokenRules,
    config: EngineConfig,
    cache_dtype: torch.dtype,
    share: MemoryFraction,
) -> EngineConfig:
    """Return the config with `kv_cache_bytes` measured: memory that weights and steps leave."""
    device = network.device
    bytes_per_token = KVCache.bytes_per_token(network.config, cache_dtype)
    bytes_per_row = config.bytes_per_row(bytes_per_token=bytes_per_token)

    def take_step(num_rows: int) -> int:
        torch.cuda.empty_cache()
        trial = replace(config, max_rows=num_rows, kv_cache_bytes=num_rows * bytes_per_row)
        runner = _graphed(network, rules, trial, cache_dtype)
        before_bytes = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        rehearse(runner, rules, trial)
        return torch.cuda.max_memory_allocated(device) - before_bytes

    torch.cuda.empty_cache()
    free_bytes, total_bytes = torch.cuda.mem_get_info(device)
    memory = DeviceMemory(total_bytes=total_bytes, used_bytes=total_bytes - free_bytes)
    step_bytes = largest_step_bytes(take_step, max_rows=config.max_rows)
    torch.cuda.empty_cache()
    budget_bytes = cache_bytes(
        memory, fraction=share.fraction, step_bytes=step_bytes, bytes_per_row=bytes_per_row
    )
    return replace(config, kv_cache_bytes=budget_bytes)
