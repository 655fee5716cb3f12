"""Engines with our own kernels, and networks that repeat themselves."""

from collections.abc import Sequence
from functools import cache

import torch

from model.config import Norm
from model.engine.config import TokenRules
from model.engine.engine import Engine
from model.engine.request import RequestOutput
from model.engine.runners.kernel_runner import KernelRunner
from model.kernels.packing import KernelPacking
from model.transformer.packing import pack
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    EOS,
    KeepingRunner,
    make_config,
    make_engine_config,
    make_network,
    make_rules,
)


def loose_network(*, end: float) -> Seq2SeqTransformer:
    """Return a network that repeats its last token; end: the bias of the end of sentence."""
    shape = {"norm": Norm(placement="post"), "final_norm": False, "tied_output": True}
    network = make_network(config=make_config(**shape))
    assert network.output_bias is not None
    network.output_bias.data[EOS] = end
    return network


@cache
def looping_network() -> Seq2SeqTransformer:
    """Return a packed network whose outputs end only at their length."""
    network = loose_network(end=-50.0)
    pack(network, KernelPacking(torch.float32))
    return network


def kernel_engine(
    network: Seq2SeqTransformer,
    *,
    run_on_s: float = 0.02,
    kept: KeepingRunner | None = None,
    rules: TokenRules | None = None,
    cache_dtype: torch.dtype = torch.bfloat16,
) -> Engine:
    """Return an engine; `kept` makes its runner, if given."""
    config, make = make_engine_config(max_rows=40, run_on_s=run_on_s), kept or KeepingRunner()
    engine = Engine(network, rules or make_rules(), config, cache_dtype=cache_dtype, make=make)
    assert isinstance(make.runner, KernelRunner)
    return engine


def bits(output: RequestOutput) -> list[tuple[Sequence[int], float | None]]:
    return [(tuple(h.token_ids), h.score) for h in output.hypotheses]
