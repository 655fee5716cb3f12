"""The runner for a GPU: steps are rounded up to a few shapes, each recorded once and replayed.

A replay computes everything from token ids to each row's best tokens, so a step costs the host one
small copy to the device, one launch, and one small copy back. A shape that was not recorded is
computed by `ModelRunner`, whose results a replay must equal.

    5 greedy rows, the longest of 70 tokens, sources of up to 30
    -> a bucket of 8 rows, 128 target and 64 source tokens; 3 rows of it are padding

Padding reads token 0 at position 0 and writes to free rows; its results are dropped. They are never
NaN, as the first token of a source is never masked.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.engine.batch import Batch
from model.engine.config import EngineConfig, TokenRules
from model.engine.request import Request
from model.engine.runner import Best, OnProgress, Top
from model.engine.runners.buckets import SMALLEST_SHAPE, Bucket, Buckets, SmallestShape
from model.engine.runners.graph import Graph, MakeGraph
from model.engine.runners.graph_inputs import GraphInputs
from model.engine.runners.model_runner import ModelRunner
from model.engine.runners.output_head import OutputHead, TorchScores
from model.engine.transfer import Transfer
from model.transformer.masks import padding_bias
from model.transformer.memory import BeamRows, Memory
from model.transformer.seq2seq import Seq2SeqTransformer

_log = logging.getLogger(__name__)


class GraphedRunner(ModelRunner):
    """A `ModelRunner` that replays recorded steps."""

    runs_ahead = True
    max_padding_ratio = 2.0  # on a GPU, padding costs less than the launches of another group

    def __init__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        *,
        cache_dtype: torch.dtype,
        make_graph: MakeGraph,
        smallest: SmallestShape = SMALLEST_SHAPE,
    ) -> None:
        super().__init__(network, rules, config, cache_dtype=cache_dtype)
        self.cache.reserve_all()  # graphs hold the addresses of the tables
        self._config = config
        self._make_graph = make_graph
        self._smallest = smallest
        self._num_ends = len(rules.eos_ids)
        self._buckets = self._make_buckets([1])
        self._recorded: dict[Bucket, _Recorded] = {}
        self._inputs = GraphInputs(self.num_rows, self._device)
        # The bucket's width and each request with its slot and rows, as `_inputs` has them.
        self._sources_of: tuple[int, list[tuple[Request, int | None, tuple[int, ...]]]] | None = (
            None
        )
        self._last: _Recorded | None = None  # the last step; None if it was not a replay

    @torch.inference_mode()
    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Record the shapes of these widths; no step may run meanwhile.

        If recording a shape fails, it and the smaller ones are computed without graphs.
        """
        self._buckets = self._make_buckets(widths)
        todo = [bucket for bucket in self._buckets if bucket not in self._recorded]
        self._inputs.clear()
        self._sources_of = None
        for number, bucket in enumerate(todo, start=1):
            try:
                self._recorded[bucket] = self._record(bucket)
            except RuntimeError as error:
                done = {"done": number - 1, "of": len(todo)}
                _log.warning("steps not recorded", extra=done, exc_info=error)
                break
            on_progress(number, len(todo))

    @torch.inference_mode()
    def run_ahead(self, batch: Batch) -> "GraphedScores | None":
        """Implement `Runner.run_ahead`; the best tokens stay on the device."""
        bucket = self._fit(batch.decode, num_own=_longest(batch) + 1)
        last = self._last
        if last is None or bucket is None or (bucket.num_sources, bucket.width) != last.shape:
            return None
        self._inputs.token_ids[: bucket.num_rows].copy_(last.results[:, 1])
        self._inputs.positions.add_(self._inputs.increments)
        return self._replay(bucket)

    def _make_buckets(self, widths: Sequence[int]) -> Buckets:
        return Buckets(
            num_rows=self.num_rows,
            max_target_tokens=self._config.max_target_tokens,
            max_source_tokens=self._config.max_source_tokens,
            widths=[1, *widths],
            smallest=self._smallest,
        )

    def _encoded_shape(self, num_sources: int, num_tokens: int) -> tuple[int, int]:
        return self._buckets.encoded(num_sources=num_sources, num_tokens=num_tokens)

    def _score(self, batch: Batch) -> TorchScores | None:
        bucket = self._fit(batch.decode, num_own=_longest(batch))
        if bucket is None:
            self._last = None
            return super()._score(batch)
        self._write_tokens(batch.decode)
        self._write_sources(batch.decode, bucket)
        scores = self._replay(bucket)
        return scores if batch.wants_logits else None

    def _fit(self, requests: Sequence[Request], *, num_own: int) -> Bucket | None:
        """Return the bucket of a step; None if it was not recorded."""
        width = max(len(request.rows) for request in requests)
        if width == 1 and any(request.rows != [request.slot] for request in requests):
            width = 2  # rows and sources are in different orders
        bucket = self._buckets.fit(
            num_sources=len(requests),
            width=width,
            num_own=num_own,
            num_keys=max(request.num_source_tokens for request in requests),
        )
        return bucket if bucket in self._recorded else None

    def _replay(self, bucket: Bucket) -> "GraphedScores":
        self._last = recorded = self._recorded[bucket]
        recorded.graph.replay()
        return GraphedScores(self._head, recorded.hidden, recorded.results)

    def _write_tokens(self, requests: Sequence[Request]) -> None:
        """Write the new token of each row and its position; padding stays at position 0."""
        token_ids, positions, increments = ([0] * self.num_rows for _ in range(3))
        for request in requests:
            position = request.num_computed
            for row, sequence in zip(request.rows, request.search.sequences, strict=True):
                token_ids[row], positions[row], increments[row] = sequence[position], position, 1
        self._inputs.write_tokens([token_ids, positions, increments])

    def _write_sources(self, requests: Sequence[Request], bucket: Bucket) -> None:
        """Write each source's length and rows, and each row's source, if any of these changed."""
        sources_of = [(request, request.slot, tuple(request.rows)) for request in requests]
        if (bucket.width, sources_of) == self._sources_of:
            return
        lengths, rows_of, place_of = [1] * self.num_rows, *([0] * self.num_rows for _ in range(2))
        for request in requests:
            slot = request.running_slot
            lengths[slot] = request.num_source_tokens
            for place, row in enumerate(request.rows, start=slot * bucket.width):
                rows_of[place], place_of[row] = row, place
        self._inputs.write_sources([lengths, rows_of, place_of])
        self._sources_of = bucket.width, sources_of

    def _record(self, bucket: Bucket) -> "_Recorded":
        graph = self._make_graph()
        hidden, results = graph.capture(lambda: self.compute(bucket))
        return _Recorded(graph, (bucket.num_sources, bucket.width), hidden, results)

    def compute(self, bucket: Bucket) -> tuple[Tensor, Tensor]:
        """Compute one step from `_inputs`; return hidden states and results, see `_Recorded`."""
        token_ids = self._inputs.token_ids[: bucket.num_rows]
        positions = self._inputs.positions[: bucket.num_rows]
        lengths = self._inputs.lengths[: bucket.num_sources, None]
        rows_of = self._inputs.rows_of[: bucket.num_rows]
        place_of = self._inputs.place_of[: bucket.num_rows]
        memory = Memory(
            self.cache.memories(num_slots=bucket.num_sources, num_keys=bucket.num_keys),
            padding_bias(self._arange[: bucket.num_keys] < lengths, self.cache.dtype),
            None if bucket.width == 1 else BeamRows(rows_of.view(-1, bucket.width), place_of),
        )
        hidden = self._network.decode(
            token_ids[:, None],
            positions[:, None],
            memory,
            self_bias=self._future(positions, bucket.num_own),
            stores=self.cache.step_stores(positions, num_keys=bucket.num_own),
        )[:, 0]
        logits = self._head.logits(hidden)
        top: list[Tensor] = []
        if bucket.width > 1:
            top += self._head.top(logits, (1 + self._num_ends) * bucket.width)
        best = (column[:, None] for column in self._head.best(logits))
        return hidden, torch.cat([columns.double() for columns in (*best, *top)], dim=1)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A graph and the tensors that its replay writes.

    Attributes:
        shape: Sources, and rows of each.
        hidden: (rows, d_model), hidden states after the decoder.
        results: (rows, columns) float64: the largest logit and its token; for several rows of a
            source also the largest log-probabilities, then their tokens.
    """

    graph: Graph
    shape: tuple[int, int]
    hidden: Tensor
    results: Tensor


class GraphedScores(TorchScores):
    """The `Scores` of a replay; their copy to the host starts at construction."""

    def __init__(self, head: OutputHead, hidden: Tensor, results: Tensor) -> None:
        """Start the copy; hidden, results: as in `_Recorded`, overwritten by the next replay."""
        super().__init__(head, hidden)
        self._num_top = (results.shape[1] - 2) // 2
        self._results = Transfer(results)

    def best(self) -> Best:
        values, token_ids = self._host[:, :2].T.tolist()
        return values, [int(token_id) for token_id in token_ids]

    def top(self, num_tokens: int) -> Top:
        if num_tokens > self._num_top:
            return super().top(num_tokens)
        top = self._host[:, 2:]
        token_ids = top[:, self._num_top :][:, :num_tokens].long()
        return top[:, :num_tokens].tolist(), token_ids.tolist()

    @property
    def _host(self) -> Tensor:
        (results,) = self._results.wait()
        return results


def _longest(batch: Batch) -> int:
    """Return the target tokens of the longest row, the step's own included."""
    return max(request.num_computed for request in batch.decode) + 1
