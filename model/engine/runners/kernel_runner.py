"""Runs a batch by our own kernels: one call encodes, one decodes and chooses, step after step.

It computes what `ModelRunner` does, for the networks that `KernelPacking.fits`. What it gains: a
step of few rows costs what reading the weights costs, as nothing is dispatched between the layers;
rows of any length stand side by side without padding, so each depends on itself alone; beams share
what they read of the source; and where nothing but the scores decides, which is in most steps, no
Python stands between one step and the next.
"""

import ctypes
from collections.abc import Sequence
from ctypes import c_int32, c_void_p
from dataclasses import dataclass

import torch

from model.engine.batch import Batch
from model.engine.cache.kernel_cache import KernelCache, int32s
from model.engine.cache.kv_cache import KVCache
from model.engine.choosing.logits import forced_token, needs_logits
from model.engine.config import EngineConfig, TokenRules
from model.engine.params import MAX_BEAMS
from model.engine.request import Request
from model.engine.runner import OnProgress, Progress, RowCopy
from model.engine.runners.kernel_scores import KernelHead, KernelScores
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import Growth
from model.kernels import structures
from model.kernels.library import library
from model.kernels.network import KernelNetwork
from model.transformer.seq2seq import Seq2SeqTransformer

# Source tokens that go through the encoder together: more leave the cache between two products,
# fewer read the weights too often.
ENCODED_TOGETHER = 256

_MOST_REPEATS = 1 << 20  # more than any sequence has tokens

assert MAX_BEAMS <= structures.MOST_ROWS


@dataclass(slots=True)
class _Kept:
    """A request as the kernels know it; what they change of it, its own search is told.

    Attributes:
        search: Its hypotheses, as the last run left them.
        is_current: Nobody else has changed them since.
    """

    search: structures.Search
    is_current: bool = False


class KernelRunner:
    """A `Runner` for a CPU and a network that `KernelPacking` laid out."""

    runs_ahead = False  # the processor that would run ahead is the one that looks back

    def __init__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        *,
        cache_dtype: torch.dtype,
    ) -> None:
        loaded = library()
        assert loaded is not None  # the network was packed with it
        self._library = loaded
        bytes_per_token = KVCache.bytes_per_token(network.config, cache_dtype)
        self.num_rows = config.num_rows(bytes_per_token=bytes_per_token)
        limits = config.max_source_tokens, config.max_target_tokens
        self._network = KernelNetwork(network, max_tokens=max(limits))
        self._source, self._own = (
            KernelCache(
                network.config,
                loaded,
                num_rows=self.num_rows,
                max_tokens=limit,
                dtype=cache_dtype,
            )
            for limit in limits
        )
        self._workspace = loaded.workspace()
        self._hidden = torch.empty((self.num_rows, network.config.width(network.config.decoder)))
        self._rules = rules
        self._head = KernelHead(
            loaded,
            self._network.head,
            rules,
            workspace=self._workspace,
            num_rows=self.num_rows,
            vocab_size=network.config.target_vocab_size,
        )
        self._ranking = self._head.new_ranking()
        self._ends = int32s(sorted(rules.eos_ids))
        self._is_interrupted = c_int32(0)
        self._run = structures.Run(
            num_ends=len(self._ends),
            ends=ctypes.addressof(self._ends),
            source_places=self._source.places.buffer_info()[0],
            own_places=self._own.places.buffer_info()[0],
            hidden=self._hidden.data_ptr(),
            is_interrupted=ctypes.addressof(self._is_interrupted),
        )
        self._run_arguments = (
            ctypes.byref(self._network.decoder),
            ctypes.byref(self._network.head),
            ctypes.byref(self._own.struct),
            ctypes.byref(self._source.struct),
            ctypes.byref(self._ranking.projection),
            ctypes.byref(self._run),
            self._workspace.address,
        )

    def run(self, batch: Batch, *, seconds: float = 0.0) -> Progress:
        """As `Runner.run`."""
        self._own.move(batch.row_moves)
        self._source.move(batch.slot_moves)
        for group in _groups(batch.encode):
            self._encode(group)
        for request in batch.encode:
            request.kept = None  # of an earlier life
        if not batch.decode:
            return Progress(None)
        was_moved = bool(batch.row_moves or batch.slot_moves)
        kept = [self._keep(request, was_moved=was_moved) for request in batch.decode]
        pointers = (c_void_p * len(kept))(*[ctypes.addressof(k.search) for k in kept])
        run = self._run
        run.searches, run.num_searches = ctypes.addressof(pointers), len(kept)
        run.num_rows, run.max_seconds = batch.num_rows, seconds
        self._library.run(*self._run_arguments)
        self._is_interrupted.value = 0
        grown = self._grown(batch.decode, kept)
        scores = None
        if any(k.search.num_chosen < run.num_steps for k in kept):
            is_ranked = any(k.search.num_best for k in kept)
            scores = KernelScores(
                self._head,
                self._hidden,
                num_rows=batch.num_rows,
                ranked=self._ranking if is_ranked else None,
            )
        return Progress(scores, run.num_steps, grown)

    def interrupt(self) -> None:
        """As `Runner.interrupt`."""
        self._is_interrupted.value = 1

    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        """As `Runner.copy_rows`."""
        self._own.copy(copies)

    def scrub(self) -> None:
        """Nothing to do: no row ever reads what it did not write itself."""

    def release(self) -> None:
        """Nothing to give back: the tables are as large as they will ever be."""

    def run_ahead(self, batch: Batch) -> None:
        """As `Runner.run_ahead`: nothing is started."""

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Nothing to prepare: the kernels were compiled before."""

    def _encode(self, requests: Sequence[Request]) -> None:
        token_ids: list[int] = []
        starts = [0]
        for request in requests:
            token_ids.extend(request.prompt.encoder_ids)
            starts.append(len(token_ids))
        ids, begins = int32s(token_ids), int32s(starts)
        slots = int32s([self._source.places[request.slot or 0] for request in requests])
        sources = structures.Sources(
            count=len(requests),
            num_tokens=len(token_ids),
            token_ids=ctypes.addressof(ids),
            starts=ctypes.addressof(begins),
            slots=ctypes.addressof(slots),
        )
        self._library.encode(
            ctypes.byref(self._network.encoder),
            ctypes.byref(self._network.decoder),
            ctypes.byref(self._source.struct),
            ctypes.byref(sources),
            self._workspace.address,
        )

    def _keep(self, request: Request, *, was_moved: bool) -> _Kept:
        """What the kernels know of a request, made true again where it is not."""
        kept = request.kept
        if not isinstance(kept, _Kept):
            request.kept = kept = _Kept(structures.Search())
        search = kept.search
        if was_moved or not kept.is_current:
            search.slot, search.width = request.slot or 0, len(request.rows)
            search.rows[: search.width] = request.rows
        if not kept.is_current:
            self._tell(search, request)
            kept.is_current = True
        return kept

    def _tell(self, search: structures.Search, request: Request) -> None:
        """Where a request's own search stands."""
        own, params, position = request.search, request.params, request.num_computed
        search.source_length, search.position = request.num_source_tokens, position
        search.token_ids[: search.width] = [sequence[position] for sequence in own.sequences]
        search.log_probs[: search.width] = own.log_probs
        is_free = (
            request.wants_logits
            and forced_token(own, self._rules) is None
            and not needs_logits(request)
        )
        search.chooses = is_free
        search.num_best = own.num_candidates if is_free else 0
        self._ranking.reserve(search.num_best)
        search.num_generated = own.frame.num_generated(own.sequences[0])
        search.max_generated = own.frame.max_new_tokens
        search.max_repeats = min(params.max_repeats, _MOST_REPEATS)
        search.is_scored = params.num_beams > 1 or params.return_scores
        search.is_beam_search = isinstance(own, BeamSearch)
        if isinstance(own, BeamSearch):
            search.worst_rank, search.length_penalty = own.worst_rank, own.length_penalty
            search.compared_length = own.compared_length or 0

    def _grown(
        self, requests: Sequence[Request], kept: Sequence[_Kept]
    ) -> list[tuple[Request, Growth]]:
        """Who was given tokens, and which."""
        grown = []
        for request, known in zip(requests, kept, strict=True):
            search = known.search
            num_chosen, width = search.num_chosen, search.width
            known.is_current = num_chosen == self._run.num_steps
            if num_chosen:
                chosen = search.chosen
                growth = Growth(
                    search.ancestors[:width],
                    [chosen[row][:num_chosen] for row in range(width)],
                    search.log_probs[:width],
                )
                grown.append((request, growth))
        return grown


def _groups(requests: Sequence[Request]) -> list[list[Request]]:
    """The requests in their order, as many at a time as `ENCODED_TOGETHER` allows; at least one."""
    groups: list[list[Request]] = []
    num_tokens = 0
    for request in requests:
        num_tokens += request.num_source_tokens
        if groups and num_tokens <= ENCODED_TOGETHER:
            groups[-1].append(request)
        else:
            groups.append([request])
            num_tokens = request.num_source_tokens
    return groups
