"""The runner with our own kernels: one call encodes, one decodes and chooses for several steps.

It computes the same as `ModelRunner`, for networks that `KernelPacking.fits`, faster for four
reasons: no dispatch between layers, so a step of few rows takes the time of reading the weights; no
padding between rows of different lengths, so no row's result depends on another; beams that read
their source together; and no Python between steps whose tokens depend on the scores alone.
"""

import ctypes
from collections.abc import Sequence
from ctypes import c_int32, c_void_p
from dataclasses import dataclass

import torch

from model.engine.batch import Batch
from model.engine.block_pool import TOKENS_PER_BLOCK
from model.engine.cache.kernel_cache import KernelCache, bytes_per_token, int32s, kernel_blocks
from model.engine.choosing.logits import forced_token, needs_logits
from model.engine.config import EngineConfig, TokenRules
from model.engine.params import MAX_BEAMS
from model.engine.request import Request
from model.engine.run_limit import MAX_STEPS
from model.engine.runner import OnProgress, RowCopy, RunnerOutput
from model.engine.runners.kernel_scores import KernelHead, KernelScores
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import Extension
from model.heap import discard
from model.kernels import structures
from model.kernels.library import library
from model.kernels.linear import LANES
from model.kernels.network import KernelNetwork
from model.transformer.seq2seq import Seq2SeqTransformer

# Source tokens of an encoder call: with more, activations fall out of the processor's cache; with
# fewer, the weights are read more often.
ENCODED_TOGETHER = 256

_MOST_REPEATS = 1 << 20  # above the length of any sequence

assert MAX_BEAMS <= structures.MOST_ROWS
assert MAX_STEPS <= structures.MOST_STEPS
assert TOKENS_PER_BLOCK == LANES


@dataclass(slots=True)
class _KernelState:
    """A request's `runner_state`.

    Attributes:
        search: The kernels' copy of its hypotheses, as the last run left it.
        is_current: Whether it equals the request's own search.
        num_blocks: Blocks of each row that `own_cache` knows.
    """

    search: structures.Search
    is_current: bool = False
    num_blocks: int = 0


class KernelRunner:
    """A `Runner` for a CPU and a network that `KernelPacking` laid out.

    Attributes:
        own_cache: Keys and values of hypotheses, a row each.
        source_cache: Keys and values of sources, a row for each slot.
    """

    runs_ahead = False  # host and device are the same processor

    def __init__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        *,
        cache_dtype: torch.dtype,
    ) -> None:
        loaded = library()
        assert loaded is not None  # the network was packed by it
        self._library = loaded
        self.num_rows = config.max_rows
        self.num_blocks = config.num_blocks(
            bytes_per_token=bytes_per_token(network.config, cache_dtype),
            tokens_per_block=TOKENS_PER_BLOCK,
        )
        limits = config.max_source_tokens, config.max_target_tokens
        self._network = KernelNetwork(network, max_tokens=max(limits))
        memory = kernel_blocks(network.config, num_blocks=self.num_blocks, dtype=cache_dtype)
        self.source_cache, self.own_cache = (
            KernelCache(
                network.config, loaded, memory=memory, num_rows=self.num_rows, max_tokens=limit
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
            source_places=self.source_cache.places.buffer_info()[0],
            own_places=self.own_cache.places.buffer_info()[0],
            hidden=self._hidden.data_ptr(),
            is_interrupted=ctypes.addressof(self._is_interrupted),
        )
        self._run_arguments = (
            ctypes.byref(self._network.decoder),
            ctypes.byref(self._network.head),
            ctypes.byref(self.own_cache.struct),
            ctypes.byref(self.source_cache.struct),
            ctypes.byref(self._ranking.projection),
            ctypes.byref(self._run),
            self._workspace.address,
        )

    def run(self, batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:
        """Implement `Runner.run`."""
        self.own_cache.move(batch.row_moves)
        self.source_cache.move(batch.slot_moves)
        for group in _groups(batch.encode):
            self._encode(group)
        for request in batch.encode:
            request.runner_state = None  # left over from before an out-of-memory restart
        if not batch.decode:
            return RunnerOutput(None)
        was_moved = bool(batch.row_moves or batch.slot_moves)
        states = [self._state_of(request, was_moved=was_moved) for request in batch.decode]
        pointers = (c_void_p * len(states))(*[ctypes.addressof(s.search) for s in states])
        run = self._run
        run.searches, run.num_searches = ctypes.addressof(pointers), len(states)
        run.num_rows, run.max_steps, run.max_seconds = batch.num_rows, batch.max_steps, seconds
        self._library.run(*self._run_arguments)
        self._is_interrupted.value = 0
        extensions = self._extensions(batch.decode, states)
        scores = None
        if any(s.search.num_chosen < run.num_steps for s in states):
            is_ranked = any(s.search.num_best for s in states)
            scores = KernelScores(
                self._head,
                self._hidden,
                num_rows=batch.num_rows,
                ranked=self._ranking if is_ranked else None,
            )
        return RunnerOutput(scores, run.num_steps, extensions)

    def interrupt(self) -> None:
        """Implement `Runner.interrupt`."""
        self._is_interrupted.value = 1

    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        """Implement `Runner.copy_rows`."""
        self.own_cache.copy(copies)

    def scrub(self) -> None:
        """Implement `Runner.scrub`; does nothing, as a row reads only what it wrote itself."""

    def release(self) -> None:
        """Implement `Runner.release`; does nothing, as the tables never grow."""

    def trim(self, first_block: int) -> None:
        """Implement `Runner.trim`."""
        for layer in self.own_cache.memory:  # the sources' is the same
            discard(layer[first_block:])

    def run_ahead(self, batch: Batch) -> None:
        """Implement `Runner.run_ahead`; never starts a step."""

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Implement `Runner.warm_up`; does nothing, as the kernels are compiled."""

    def _encode(self, requests: Sequence[Request]) -> None:
        token_ids: list[int] = []
        starts = [0]
        for request in requests:
            token_ids.extend(request.prompt.encoder_ids)
            starts.append(len(token_ids))
            self.source_cache.give(request.running_slot, request.source_blocks)
        ids, begins = int32s(token_ids), int32s(starts)
        slots = int32s([self.source_cache.places[request.running_slot] for request in requests])
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
            ctypes.byref(self.source_cache.struct),
            ctypes.byref(sources),
            self._workspace.address,
        )

    def _state_of(self, request: Request, *, was_moved: bool) -> _KernelState:
        """Return the kernels' copy of a request, updated where it is out of date."""
        state = request.runner_state
        if not isinstance(state, _KernelState):
            request.runner_state = state = _KernelState(structures.Search())
        for index in range(state.num_blocks, len(request.blocks)):
            for row, block in zip(request.rows, request.blocks[index], strict=True):
                self.own_cache.give(row, [block], first=index)
        state.num_blocks = len(request.blocks)
        search = state.search
        if was_moved or not state.is_current:
            search.slot, search.width = request.running_slot, len(request.rows)
            search.rows[: search.width] = request.rows
        if not state.is_current:
            self._update(search, request)
            state.is_current = True
        return state

    def _update(self, search: structures.Search, request: Request) -> None:
        """Copy a request's hypotheses and parameters into the kernels' struct."""
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
        search.num_generated = own.config.num_generated(own.sequences[0])
        search.max_generated = own.config.max_new_tokens
        search.max_repeats = min(params.max_repeats, _MOST_REPEATS)
        search.is_scored = params.num_beams > 1 or params.return_scores
        search.is_beam_search = isinstance(own, BeamSearch)
        if isinstance(own, BeamSearch):
            search.worst_rank, search.length_penalty = own.worst_rank, own.length_penalty
            search.compared_length = own.compared_length or 0

    def _extensions(
        self, requests: Sequence[Request], states: Sequence[_KernelState]
    ) -> list[tuple[Request, Extension]]:
        """Return the requests whose tokens the kernels chose, and these tokens."""
        extensions = []
        for request, state in zip(requests, states, strict=True):
            search = state.search
            num_chosen, width = search.num_chosen, search.width
            state.is_current = num_chosen == self._run.num_steps
            if num_chosen:
                chosen = search.chosen
                extension = Extension(
                    search.ancestors[:width],
                    [chosen[row][:num_chosen] for row in range(width)],
                    search.log_probs[:width],
                )
                extensions.append((request, extension))
        return extensions


def _groups(requests: Sequence[Request]) -> list[list[Request]]:
    """Return the requests in order, in groups of `ENCODED_TOGETHER` tokens or of one request."""
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
