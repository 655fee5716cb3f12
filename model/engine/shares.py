"""Shares of the cache: the most that one group of requests, or all bulk requests, may take."""

from collections import Counter
from collections.abc import Iterable

from model.engine.params import Priority
from model.engine.request import Request

# While nobody else waits. The rest is for whoever comes next, who need not wait for an output of
# the group to end.
ALONE = 0.75
BESIDE_OTHERS = 0.5  # while requests of other groups wait


class Shares:
    """Rows and blocks that groups of running requests hold.

    The first request of a group is always within its share, and so is the first bulk request.
    """

    def __init__(self, running: Iterable[Request], *, num_rows: int, num_blocks: int) -> None:
        """Count what `running` hold; `num_rows` and `num_blocks` are there in all."""
        self._num_rows, self._num_blocks = num_rows, num_blocks
        self._rows: Counter[str | Priority] = Counter()
        self._blocks: Counter[str | Priority] = Counter()
        for request in running:
            self.add(request, num_blocks=_held(request))

    def add(self, request: Request, *, num_blocks: int) -> None:
        """Count a request that has just been admitted, with the blocks that it will need."""
        for holder in (request.priority, f"group {request.group}"):
            self._rows[holder] += request.num_live
            self._blocks[holder] += num_blocks

    def allow_group(self, request: Request, *, num_blocks: int, others_wait: bool) -> bool:
        """Return whether a waiting request, which will need `num_blocks`, is in its group's share.

        `others_wait`: a request of another group waits, too.
        """
        part = BESIDE_OTHERS if others_wait else ALONE
        return self._allow(f"group {request.group}", request, part=part, num_blocks=num_blocks)

    def allow_class(self, request: Request, *, num_blocks: int) -> bool:
        """Return whether a waiting request is in the share of its class; only bulk has a limit."""
        if request.priority is not Priority.BULK:
            return True
        return self._allow(request.priority, request, part=ALONE, num_blocks=num_blocks)

    def _allow(
        self, holder: str | Priority, request: Request, *, part: float, num_blocks: int
    ) -> bool:
        if not self._rows[holder]:
            return True
        num_rows = self._rows[holder] + request.num_live
        num_blocks += self._blocks[holder]
        return num_rows <= part * self._num_rows and num_blocks <= part * self._num_blocks


def _held(request: Request) -> int:
    return len(request.source_blocks) + len(request.blocks) * request.num_live
