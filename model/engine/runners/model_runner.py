"""The runner in PyTorch: turns the lists of tokens of a batch into tensors for the network.

A step makes one copy to the device and one back.
"""

from collections.abc import Sequence
from operator import attrgetter

import torch
from torch import Tensor

from model.engine.batch import Batch
from model.engine.block_pool import most_blocks
from model.engine.cache.kv_cache import KVCache
from model.engine.config import EngineConfig, TokenRules
from model.engine.request import Request
from model.engine.runner import OnProgress, RowCopy, RunnerOutput, Scores
from model.engine.runners.output_head import OutputHead, TorchScores
from model.engine.transfer import to_device
from model.transformer.masks import MASKED, padding_bias
from model.transformer.memory import BeamRows, Memory
from model.transformer.seq2seq import Seq2SeqTransformer

# The longest source of an encoder call is at most this much longer than the shortest.
MAX_PADDING_RATIO = 1.3


class ModelRunner:
    """A `Runner` for every device: a network, its KV cache, and tensors that steps reuse."""

    runs_ahead = False
    max_padding_ratio = MAX_PADDING_RATIO

    def __init__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        *,
        cache_dtype: torch.dtype,
    ) -> None:
        bytes_per_token = KVCache.bytes_per_token(network.config, cache_dtype)
        self.num_rows = config.num_rows(bytes_per_token=bytes_per_token)
        # Rows have their maximal length: where one is free, so are all blocks that it may take.
        self.num_blocks = self.num_rows * most_blocks(
            num_source_tokens=config.max_source_tokens,
            num_target_tokens=config.max_target_tokens,
            num_rows=1,
        )
        self._network = network
        self._head = OutputHead(network, rules)
        self._device, self._dtype = network.device, network.dtype
        self.cache = KVCache(
            network.config,
            num_rows=self.num_rows,
            max_source_tokens=config.max_source_tokens,
            max_target_tokens=config.max_target_tokens,
            dtype=cache_dtype,
            device=self._device,
        )
        longest = max(config.max_target_tokens, config.max_source_tokens, self.num_rows)
        self._arange = torch.arange(longest, device=self._device)
        self._memory = Memory([])
        self._memory_of: list[tuple[Request, int | None, tuple[int, ...]]] = []

    @torch.inference_mode()
    def run(self, batch: Batch, *, seconds: float = 0.0) -> RunnerOutput:  # noqa: ARG002
        """Implement `Runner.run`; always one step, whose tokens the engine chooses."""
        if batch.row_moves:
            longest = max(request.num_computed for request in batch.decode)
            self.cache.own.copy(batch.row_moves, num_tokens=longest)
        if batch.slot_moves:
            longest = max(request.num_source_tokens for request in batch.decode)
            self.cache.source.copy(batch.slot_moves, num_tokens=longest)
        if batch.encode:
            self._encode(batch.encode)
        return RunnerOutput(self._score(batch) if batch.decode else None)

    def interrupt(self) -> None:
        """Implement `Runner.interrupt`; does nothing, as no run is longer than a step."""

    def release(self) -> None:
        """Implement `Runner.release`."""
        self._memory, self._memory_of = Memory([]), []
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def trim(self, first_block: int) -> None:
        """Implement `Runner.trim`; on a CPU by new tables, while no request runs."""
        if first_block == 0 and self._device.type == "cpu":
            self._memory, self._memory_of = Memory([]), []
            self.cache.clear()

    def run_ahead(self, batch: Batch) -> Scores | None:  # noqa: ARG002
        """Implement `Runner.run_ahead`; never starts a step."""
        return None

    def warm_up(self, *, widths: Sequence[int], on_progress: OnProgress) -> None:
        """Implement `Runner.warm_up`; does nothing."""

    @torch.inference_mode()
    def copy_rows(self, copies: Sequence[RowCopy]) -> None:
        """Implement `Runner.copy_rows`."""
        longest = max(copy.num_tokens for copy in copies)
        self.cache.own.copy([(c.source, c.target) for c in copies], num_tokens=longest)

    @torch.inference_mode()
    def scrub(self) -> None:
        """Implement `Runner.scrub`."""
        self.cache.own.scrub()
        self.cache.source.scrub()

    def _encode(self, requests: Sequence[Request]) -> None:
        for group in _similar_lengths(requests, max_ratio=self.max_padding_ratio):
            num_rows, longest = self._encoded_shape(len(group), group[-1].num_source_tokens)
            sources = [request.prompt.encoder_ids for request in group]
            sources += [(0,)] * (num_rows - len(group))  # padding, of one token each
            lengths = [len(source) for source in sources]
            bias = None
            if min(lengths) != longest:
                limits = to_device(lengths, self._device)
                bias = padding_bias(self._arange[:longest] < limits[:, None], self._dtype)
            padded = [(*source, *(0,) * (longest - len(source))) for source in sources]
            memory = self._network.encode(to_device(padded, self._device), bias=bias)
            slots = to_device([request.running_slot for request in group], self._device)
            self.cache.write_memories(slots, self._network.keys_values(memory[: len(group)]))

    def _encoded_shape(self, num_sources: int, num_tokens: int) -> tuple[int, int]:
        """Return the numbers of sources and tokens to pad an encoder call to."""
        return num_sources, num_tokens

    def _score(self, batch: Batch) -> TorchScores | None:
        hidden = self._decode(batch)
        return TorchScores(self._head, hidden) if batch.wants_logits else None

    def _decode(self, batch: Batch) -> Tensor:
        """Return the hidden state of each row's new token, (rows, d_model)."""
        num_rows = batch.num_rows
        token_ids, positions = [0] * num_rows, [0] * num_rows
        for request in batch.decode:
            position = request.num_computed
            for row, sequence in zip(request.rows, request.search.sequences, strict=True):
                token_ids[row], positions[row] = sequence[position], position
        inputs = to_device([token_ids, positions], self._device)
        longest = max(positions) + 1
        hidden = self._network.decode(
            inputs[0][:, None],
            inputs[1][:, None],
            self._memories(batch.decode),
            self_bias=None if min(positions) + 1 == longest else self._future(inputs[1], longest),
            stores=self.cache.step_stores(inputs[1], num_keys=longest),
        )
        return hidden[:, 0]

    def _future(self, positions: Tensor, num_keys: int) -> Tensor:
        """Return a bias that masks keys after each row's own position, (rows, 1, 1, num_keys)."""
        is_future = self._arange[:num_keys] > positions[:, None]
        bias = torch.zeros(is_future.shape, dtype=self.cache.dtype, device=self._device)
        return bias.masked_fill_(is_future, MASKED)[:, None, None, :]

    def _memories(self, requests: Sequence[Request]) -> Memory:
        """Return the running requests' sources; the last ones if requests and rows are the same."""
        memory_of = [(request, request.slot, tuple(request.rows)) for request in requests]
        if memory_of != self._memory_of:
            self._memory, self._memory_of = self._make_memory(requests), memory_of
        return self._memory

    def _make_memory(self, requests: Sequence[Request]) -> Memory:
        by_slot = sorted(requests, key=attrgetter("running_slot"))
        lengths = [request.num_source_tokens for request in by_slot]
        longest = max(lengths)
        bias = None
        if min(lengths) != longest:
            limits = to_device(lengths, self._device)
            bias = padding_bias(self._arange[:longest] < limits[:, None], self.cache.dtype)
        return Memory(
            self.cache.memories(num_slots=len(by_slot), num_keys=longest),
            bias,
            self._beam_rows([request.rows for request in by_slot]),
        )

    def _beam_rows(self, rows_of: list[list[int]]) -> BeamRows | None:
        if rows_of == [[slot] for slot in range(len(rows_of))]:
            return None
        width = max(len(rows) for rows in rows_of)
        place_of = [0] * sum(len(rows) for rows in rows_of)
        for slot, rows in enumerate(rows_of):
            for beam, row in enumerate(rows):
                place_of[row] = slot * width + beam
        padded = [rows + [rows[-1]] * (width - len(rows)) for rows in rows_of]
        return BeamRows(to_device(padded, self._device), to_device(place_of, self._device))


def _similar_lengths(
    requests: Sequence[Request], *, max_ratio: float = MAX_PADDING_RATIO
) -> list[list[Request]]:
    """Return the requests in groups of rising length that differ by `max_ratio` at most."""
    groups: list[list[Request]] = []
    for request in sorted(requests, key=lambda request: request.num_source_tokens):
        shortest = groups[-1][0].num_source_tokens if groups else 0
        if groups and request.num_source_tokens <= shortest * max_ratio:
            groups[-1].append(request)
        else:
            groups.append([request])
    return groups
