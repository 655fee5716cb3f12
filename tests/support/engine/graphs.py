"""Graphs without a GPU, and engines that record them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from model.engine.config import EngineConfig, TokenRules
from model.engine.engine import Engine
from model.engine.runner import Runner
from model.engine.runners.buckets import SmallestShape
from model.engine.runners.graph import Compute
from model.engine.runners.graphed_runner import GraphedRunner
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import make_engine

SMALLEST = SmallestShape(num_tokens=4, num_sources=2, num_encoded=2)
GARBAGE = -7.0


class FakeGraphs:
    """Graphs that share their memory: a replay of one leaves garbage in the results of others.

    Args:
        num_possible: Graphs that can be captured before capturing fails.
    """

    def __init__(self, *, num_possible: int = 1_000) -> None:
        self.graphs: list[FakeGraph] = []
        self.num_possible = num_possible
        self.num_replays = 0

    def __call__(self) -> "FakeGraph":
        self.graphs.append(FakeGraph(self))
        return self.graphs[-1]


class FakeGraph:
    def __init__(self, family: FakeGraphs) -> None:
        self._family = family
        self.results: tuple[Tensor, ...] = ()

    def capture(self, compute: Compute) -> tuple[Tensor, ...]:
        if len(self._family.graphs) > self._family.num_possible:
            raise RuntimeError("operation not permitted when stream is capturing")
        self._compute = compute
        self.results = tuple(torch.full_like(result, GARBAGE) for result in compute())
        return self.results

    def replay(self) -> None:
        self._family.num_replays += 1
        for graph in self._family.graphs:
            for result in graph.results:
                result.fill_(GARBAGE)
        for result, new in zip(self.results, self._compute(), strict=True):
            result.copy_(new)


def graphed(
    graphs: FakeGraphs | None = None,
    *,
    network: Seq2SeqTransformer | None = None,
    rules: TokenRules | None = None,
    widths: Sequence[int] = (1, 2, 4),
    **limits: Any,
) -> Engine:
    """Return an engine whose runner has recorded its shapes, which even short sequences cross."""
    chosen = graphs or FakeGraphs()

    def make(
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        cache_dtype: torch.dtype,
    ) -> Runner:
        return GraphedRunner(
            network, rules, config, cache_dtype=cache_dtype, make_graph=chosen, smallest=SMALLEST
        )

    engine = make_engine(network=network, rules=rules, make=make, **limits)
    engine.warm_up(widths=widths)
    return engine
