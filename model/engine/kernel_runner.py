"""Runs a batch by our own kernels: one call encodes, one decodes a step, one ranks the tokens.

It computes what `ModelRunner` does, for the networks that `KernelPacking.fits`. What it gains: a
step of few rows costs what reading the weights costs, as nothing is dispatched between the layers;
rows of any length stand side by side without padding, so each depends on itself alone; and beams
share what they read of the source.
"""

import ctypes
from collections.abc import Sequence
from ctypes import c_void_p

import numpy as np
import torch

from model.engine.batch import Batch
from model.engine.config import EngineConfig, TokenRules
from model.engine.kernel_cache import KernelCache, int32s
from model.engine.kernel_scores import KernelHead, KernelScores
from model.engine.kv_cache import KVCache
from model.engine.request import Request
from model.engine.runner import OnProgress, RowCopy
from model.kernels import structures
from model.kernels.library import library
from model.kernels.network import KernelNetwork
from model.transformer.seq2seq import Seq2SeqTransformer

# Source tokens that go through the encoder together: more leave the cache between two products,
# fewer read the weights too often.
ENCODED_TOGETHER = 256

_NOBODY = (0, 0, 0, 0)


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
        # One row for each pointer of a `Step`; it and the arguments are made once, not every step.
        self._inputs = np.zeros((5, self.num_rows), dtype=np.int32)
        self._step = structures.Step(0, *(row.ctypes.data for row in self._inputs))
        self._decode_arguments = (
            ctypes.byref(self._network.decoder),
            ctypes.byref(self._own.struct),
            ctypes.byref(self._source.struct),
            ctypes.byref(self._step),
            c_void_p(self._hidden.data_ptr()),
            self._workspace.address,
        )
        self._head = KernelHead(
            loaded,
            self._network.head,
            rules,
            workspace=self._workspace,
            num_rows=self.num_rows,
            vocab_size=network.config.target_vocab_size,
        )

    def run(self, batch: Batch) -> KernelScores | None:
        """As `Runner.run`."""
        self._own.move(batch.row_moves)
        self._source.move(batch.slot_moves)
        for group in _groups(batch.encode):
            self._encode(group)
        if not batch.decode:
            return None
        self._decode(batch)
        if not any(request.wants_logits for request in batch.decode):
            return None
        return KernelScores(self._head, self._hidden, num_rows=batch.num_rows)

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

    def _decode(self, batch: Batch) -> None:
        source_places = self._source.places
        of_rows = [_NOBODY] * batch.num_rows
        for request in batch.decode:
            position = request.num_computed
            rest = position, source_places[request.slot or 0], len(request.prompt.encoder_ids)
            for row, sequence in zip(request.rows, request.search.sequences, strict=True):
                of_rows[row] = sequence[position], *rest
        self._inputs[:4, : batch.num_rows] = tuple(zip(*of_rows, strict=True))
        self._inputs[4, : batch.num_rows] = self._own.places[: batch.num_rows]
        self._step.num_rows = batch.num_rows
        self._library.decode(*self._decode_arguments)


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
