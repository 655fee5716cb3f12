"""The integers that recorded steps read, at addresses that never change."""

from collections.abc import Sequence

import torch

from model.engine.transfer import to_device


class GraphInputs:
    """Token ids and sources of a step, in two tables that are written in one copy each.

    Attributes:
        token_ids: (num_rows,), the new token of each row.
        positions: (num_rows,), where it stands.
        increments: (num_rows,), how far the position moves in a step: 1, or 0 for padding.
        lengths: (num_rows,), the tokens of each source.
        rows_of: (num_rows,), the rows of each source, `width` places per source.
        place_of: (num_rows,), the place of each row in `rows_of`.
    """

    def __init__(self, num_rows: int, device: torch.device) -> None:
        self._device = device
        self._tokens, self._sources = (
            torch.zeros((3, num_rows), dtype=torch.int64, device=device) for _ in range(2)
        )
        self.token_ids, self.positions, self.increments = self._tokens
        self.lengths, self.rows_of, self.place_of = self._sources

    def clear(self) -> None:
        """Make all rows padding: token 0 at position 0, of a source of one token."""
        self._tokens.zero_()
        self._sources.zero_()
        self.lengths.fill_(1)

    def write_tokens(self, columns: Sequence[Sequence[int]]) -> None:
        """Write `token_ids`, `positions` and `increments`."""
        self._tokens.copy_(to_device(columns, self._device))

    def write_sources(self, columns: Sequence[Sequence[int]]) -> None:
        """Write `lengths`, `rows_of` and `place_of`."""
        self._sources.copy_(to_device(columns, self._device))
