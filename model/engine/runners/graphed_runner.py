"""The runner for a GPU: steps are rounded up to a few shapes, each recorded once and replayed.

A replay goes from token ids to each row's best tokens, so that a step costs the host one small copy
there, one launch, and one small copy back. A shape that was not recorded is computed as
`ModelRunner` does it, which also says what a replay must give.

    5 greedy rows, the longest of 70 tokens, sources of up to 30
    -> a bucket of 8 rows, 128 target and 64 source tokens; 3 rows of it are padding

Padding reads token 0 at position 0 and writes to rows that are free; nobody looks at what comes out
of it. Its only danger would be a number that is none, and there the source's first token, which is
never hidden, sees to that.
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
from model.engine.runners.buckets import Bucket, Buckets
from model.engine.runners.graph import Graph, MakeGraph
from model.engine.runners.model_runner import ModelRunner
from model.engine.runners.output_head import OutputHead, TorchScores
from model.engine.transfer import Transfer, to_device
from model.transformer.attention import BeamRows, Memory
from model.transformer.masks import padding_bias
from model.transformer.seq2seq import Seq2SeqTransformer

_log = logging.getLogger(__name__)


class GraphedRunner(ModelRunner):
    """A `ModelRunner` that replays what it has recorded."""

    runs_ahead = True
    max_padding_ratio = 2.0  # a GPU minds padding less than one more round of launches

    def __init__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        *,
        cache_dtype: torch.dtype,
        make_graph: MakeGraph,
    ) -> None:
        super().__init__(network, rules, config, cache_dtype=cache_dtype)
        self._cache.reserve_all()  # graphs know where the tables lie
        self._config = config
        self._make_graph = make_graph
        self._num_ends = len(rules.eos_ids)
        self._buckets = self._make_buckets([1])
        self._recorded: dict[Bucket, _Recorded] = {}
        # What graphs read; a row of numbers for each purpose, and as many of them as rows.
        shape = (3, self.num_rows)
        self._tokens = torch.zeros(shape, dtype=torch.int64, device=self._device)
        self._sources = torch.zeros(shape, dtype=torch.int64, device=self._device)
        self._sources_of: tuple[int, list[tuple[Request, int | None, tuple[int, ...]]]] | None = (
            None
        )
        self._last: _Recorded | None = None  # what was replayed; None where the last step was plain

    @torch.inference_mode()
    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Records all shapes, those for the widths named included; nobody may run meanwhile.

        One that cannot be recorded is no reason not to serve: it and the smaller ones are computed
        plainly.
        """
        self._buckets = self._make_buckets(widths)
        todo = [bucket for bucket in self._buckets if bucket not in self._recorded]
        self._tokens.zero_()
        self._sources.zero_()[0].fill_(1)  # lengths
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
        """As `Runner.run_ahead`; the best tokens never leave the device on their way."""
        bucket = self._fit(batch.decode, num_own=_longest(batch) + 1)
        last = self._last
        if last is None or bucket is None or (bucket.num_sources, bucket.width) != last.shape:
            return None
        self._tokens[0, : bucket.num_rows].copy_(last.results[:, 1])
        self._tokens[1].add_(self._tokens[2])
        return self._replay(bucket)

    def _make_buckets(self, widths: Sequence[int]) -> Buckets:
        return Buckets(
            num_rows=self.num_rows,
            max_target_tokens=self._config.max_target_tokens,
            max_source_tokens=self._config.max_source_tokens,
            widths=[1, *widths],
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
        """The bucket of a step, if it is recorded."""
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
        """Each row's new token, its position, and how far it moves in a step: padding stays."""
        rows = [[0] * self.num_rows for _ in range(3)]
        for request in requests:
            position = request.num_computed
            for row, sequence in zip(request.rows, request.search.sequences, strict=True):
                rows[0][row], rows[1][row], rows[2][row] = sequence[position], position, 1
        self._tokens.copy_(to_device(rows, self._device))

    def _write_sources(self, requests: Sequence[Request], bucket: Bucket) -> None:
        """Each source's length and rows, and each row's source; only if anything has changed."""
        sources_of = [(request, request.slot, tuple(request.rows)) for request in requests]
        if (bucket.width, sources_of) == self._sources_of:
            return
        lengths, rows_of, place_of = [1] * self.num_rows, *([0] * self.num_rows for _ in range(2))
        for request in requests:
            slot = request.slot or 0
            lengths[slot] = request.num_source_tokens
            for place, row in enumerate(request.rows, start=slot * bucket.width):
                rows_of[place], place_of[row] = row, place
        self._sources.copy_(to_device([lengths, rows_of, place_of], self._device))
        self._sources_of = bucket.width, sources_of

    def _record(self, bucket: Bucket) -> "_Recorded":
        graph = self._make_graph()
        hidden, results = graph.capture(lambda: self._compute(bucket))
        return _Recorded(graph, (bucket.num_sources, bucket.width), hidden, results)

    def _compute(self, bucket: Bucket) -> tuple[Tensor, Tensor]:
        """One step, from `_tokens` and `_sources` to hidden states and results; see `_Recorded`."""
        token_ids, positions, _ = self._tokens[:, : bucket.num_rows]
        lengths = self._sources[0, : bucket.num_sources, None]
        _, rows_of, place_of = self._sources[:, : bucket.num_rows]
        memory = Memory(
            self._cache.memories(num_slots=bucket.num_sources, num_keys=bucket.num_keys),
            padding_bias(self._arange[: bucket.num_keys] < lengths, self._cache.dtype),
            None if bucket.width == 1 else BeamRows(rows_of.view(-1, bucket.width), place_of),
        )
        hidden = self._network.decode(
            token_ids[:, None],
            positions[:, None],
            memory,
            self_bias=self._future(positions, bucket.num_own),
            stores=self._cache.step_stores(positions, num_keys=bucket.num_own),
        )[:, 0]
        logits = self._head.logits(hidden)
        top: list[Tensor] = []
        if bucket.width > 1:
            top += self._head.top(logits, (1 + self._num_ends) * bucket.width)
        best = (column[:, None] for column in self._head.best(logits))
        return hidden, torch.cat([columns.double() for columns in (*best, *top)], dim=1)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A graph, and what its replay leaves.

    shape: sources, and rows of each.
    hidden: (rows, d_model), after the decoder.
    results: (rows, columns) float64: the largest logit and its token; the largest log-probabilities
        and then their tokens.
    """

    graph: Graph
    shape: tuple[int, int]
    hidden: Tensor
    results: Tensor


class GraphedScores(TorchScores):
    """The `Scores` of a replay: on their way to the host from the start."""

    def __init__(self, head: OutputHead, hidden: Tensor, results: Tensor) -> None:
        """hidden and results are those of `_Recorded`; the next replay may write over them."""
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
    """Target tokens of the longest row, the step's own included."""
    return max(request.num_computed for request in batch.decode) + 1
