"""Allocation of a cache's memory in blocks of 16 tokens; plain integers.

A running request holds blocks for its whole source, and for the target tokens that each of its rows
has or will have soon. So memory follows the lengths that there are, not those that there might be.
"""

from collections.abc import Sequence

from model.engine.index_pool import IndexPool
from model.engine.request import Request
from model.engine.run_limit import MAX_STEPS

TOKENS_PER_BLOCK = 16


def num_blocks(num_tokens: int) -> int:
    """Return the blocks that a sequence takes."""
    return -(-num_tokens // TOKENS_PER_BLOCK)


def most_blocks(*, num_source_tokens: int, num_target_tokens: int, num_rows: int) -> int:
    """Return the blocks of a request whose rows have `num_target_tokens` each."""
    return num_blocks(num_source_tokens) + num_rows * num_blocks(num_target_tokens)


class BlockPool(IndexPool):
    """The blocks of a cache, each free or held by one running request."""

    def missing(self, request: Request, num_tokens: int) -> int:
        """Return the blocks that a request lacks for its source and for rows of `num_tokens`."""
        num_source = 0 if request.source_blocks else num_blocks(request.num_source_tokens)
        num_new = max(0, num_blocks(num_tokens) - len(request.blocks))
        return num_source + request.num_live * num_new

    def expected(self, request: Request) -> int:
        """Return the blocks that a request lacks for its expected length, that of a run at least.

        Outputs are about as long as their sources, or shorter.
        """
        ahead = max(request.num_computed + MAX_STEPS, request.length)
        num_tokens = max(ahead, request.num_source_tokens)
        return self.missing(request, min(num_tokens, request.max_cached))

    def grow(self, request: Request, num_tokens: int) -> bool:
        """Give a request blocks for its source and for rows of `num_tokens`; all or none.

        Returns:
            Whether it has them.
        """
        blocks = self.allocate(self.missing(request, num_tokens))
        if blocks is None:
            return False
        if not request.source_blocks:
            num_source = num_blocks(request.num_source_tokens)
            request.source_blocks, blocks = blocks[:num_source], blocks[num_source:]
        width = request.num_live
        request.blocks += [blocks[first : first + width] for first in range(0, len(blocks), width)]
        return True

    def grow_ahead(self, requests: Sequence[Request]) -> int:
        """Give running requests blocks for the longest run, if there are enough for all of them.

        Returns:
            The steps for which all of them have room.
        """
        short = [r for r in requests if room_of(r) < min(r.num_computed + MAX_STEPS, r.max_cached)]
        if not short:
            return MAX_STEPS
        ahead = [min(r.num_computed + MAX_STEPS, r.max_cached) for r in short]
        if sum(map(self.missing, short, ahead)) > self.num_free:
            return min(room_of(request) - request.num_computed for request in short)
        for request, num_tokens in zip(short, ahead, strict=True):
            self.grow(request, num_tokens)
        return MAX_STEPS

    def shrink(self, request: Request, *, keep: Sequence[int]) -> None:
        """Free the blocks of all rows of a request but those of the indices `keep`.

        Blocks of beams stay until the request ends: a beam that lives on may refer to those of one
        that was dropped. Samples share none.
        """
        if not request.do_sample:
            return
        for index, blocks in enumerate(request.blocks):
            request.blocks[index] = [blocks[row] for row in keep]
            for block in set(blocks) - set(request.blocks[index]):
                self.free(block)

    def take_back(self, request: Request) -> None:
        """Free all blocks of a request."""
        for block in held_by(request):
            self.free(block)
        request.source_blocks, request.blocks = [], []

    def check_holders(self, requests: Sequence[Request]) -> None:
        """Raise RuntimeError if a block is lost, or not held by one of the requests alone."""
        self.check_invariants()
        blocks = sorted(block for request in requests for block in held_by(request))
        if len(set(blocks)) != len(blocks) or len(blocks) != self.num_taken:
            raise RuntimeError(f"requests hold blocks {blocks}, {self.num_taken} are taken")


def room_of(request: Request) -> int:
    """Return the tokens for which each row of a request has blocks."""
    return len(request.blocks) * TOKENS_PER_BLOCK


def held_by(request: Request) -> list[int]:
    """Return all blocks of a request."""
    return [*request.source_blocks, *(block for blocks in request.blocks for block in blocks)]
