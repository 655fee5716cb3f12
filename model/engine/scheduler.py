"""Continuous batching, decided on plain integers: which requests are encoded and decoded next.

Each step encodes the newly admitted requests, then decodes one token of all running ones. A request
is admitted as soon as rows for all its hypotheses are free, and blocks of the cache for an output
as long as its source, beside those that running requests are expected to take. It frees them as
soon as it ends. If outputs are longer and blocks run out, the request admitted last is put back
into the queue, to be computed anew: so the one admitted first always goes on, and ends.
"""

from collections.abc import Iterator

from model.engine.batch import Batch
from model.engine.block_pool import BlockPool, most_blocks, room_of
from model.engine.config import EngineConfig
from model.engine.params import Priority
from model.engine.request import Request, RequestStatus
from model.engine.row_pool import RowPool
from model.engine.shares import Shares
from model.engine.stats import EngineStats
from model.engine.waiting import WaitingRequests
from model.errors import QueueFullError


class Scheduler:
    """Admits waiting requests, interactive ones first.

    Within a class groups take turns, and no group may take all of the cache (see `Shares`). Bulk
    requests cannot starve: after `_BULK_TURN` interactive requests in a row, a waiting bulk request
    is admitted.
    """

    _BULK_TURN = 8

    def __init__(
        self, config: EngineConfig, *, num_rows: int, num_blocks: int, finished_per_row: int = 100
    ) -> None:
        """Create a scheduler without requests.

        Args:
            config: Limits of the queue and of a step.
            num_rows: Rows of each cache.
            num_blocks: Blocks of 16 tokens of both caches together.
            finished_per_row: Requests that must finish, after an out-of-memory error, before the
                rows in use may be one more.
        """
        self._config = config
        self._finished_per_row = finished_per_row
        self._max_rows = num_rows
        self._rows = RowPool(num_rows)
        self._slots = RowPool(num_rows)
        self._blocks = BlockPool(num_blocks)
        self._waiting: dict[Priority, WaitingRequests[Request]] = {
            priority: WaitingRequests() for priority in (Priority.INTERACTIVE, Priority.BULK)
        }
        self._running: dict[str, Request] = {}
        self._admitted_since_bulk = 0
        self._num_finished = 0
        self._num_preempted = 0

    @property
    def num_waiting(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def num_running(self) -> int:
        return len(self._running)

    @property
    def num_rows_taken(self) -> int:
        return self._rows.num_taken

    @property
    def max_rows(self) -> int:
        """Rows that several running requests may take; lowered by `start_over`."""
        return self._max_rows

    @property
    def can_admit(self) -> bool:
        """True if the next step would admit a waiting request."""
        if not self.num_waiting:
            return False
        request = self._next(self._shares())
        num_promised = sum(map(self._blocks.expected, self._running.values()))
        return request is not None and self._has_room(request, num_promised=num_promised)

    def stats(self, *, num_decoded: int, num_steps: int) -> EngineStats:
        """Return the state of the queue and the cache; the arguments are of the last step."""
        return EngineStats(
            num_waiting=self.num_waiting,
            num_running=self.num_running,
            num_rows=self._rows.num_taken,
            num_decoded=num_decoded,
            num_steps=num_steps,
            max_rows=self._max_rows,
            num_blocks=self._blocks.num_taken,
            max_blocks=self._blocks.capacity,
            num_preempted=self._num_preempted,
        )

    def requests(self) -> list[Request]:
        """Return all unfinished requests, running ones first."""
        return [*self._running.values(), *(r for queue in self._waiting.values() for r in queue)]

    def add(self, request: Request) -> None:
        """Queue a request, which alone must fit into the cache at its maximal length.

        Raises:
            QueueFullError: `max_waiting` requests wait.
        """
        assert self._blocks.capacity >= most_blocks(
            num_source_tokens=request.num_source_tokens,
            num_target_tokens=request.max_cached,
            num_rows=request.num_live,
        )
        if self.num_waiting >= self._config.max_waiting:
            raise QueueFullError(num_waiting=self.num_waiting, limit=self._config.max_waiting)
        self._waiting[request.priority].append(request)

    def finish(self, request: Request) -> None:
        """Remove a waiting or running request and free its rows."""
        if request.status is RequestStatus.RUNNING:
            self._stop(request)
            self._num_finished += 1
            if self._num_finished % self._finished_per_row == 0:
                self._max_rows = min(self._max_rows + 1, self._rows.capacity)
        elif request.status is RequestStatus.WAITING:
            self._waiting[request.priority].remove(request)
        request.status = RequestStatus.FINISHED

    def resize_rows(self, request: Request, *, keep: list[int]) -> None:
        """Give a running request the rows `keep`, in this order, and free its others."""
        self._blocks.shrink(request, keep=[request.rows.index(row) for row in keep])
        for row in set(request.rows) - set(keep):
            self._rows.free(row)
        request.rows = keep

    def start_over(self) -> list[Request]:
        """Move all running requests to the head of the queue and lower `max_rows` by a quarter.

        `max_rows` rises again, by one, whenever `finished_per_row` requests have finished.

        Returns:
            The requests that ran, in the order in which they will be admitted.
        """
        running = list(self._running.values())
        if running:
            self._max_rows = max(1, self.num_rows_taken * 3 // 4)
        for request in reversed(running):
            self._put_back(request)
        return running

    def schedule(self) -> Batch:
        """Admit waiting requests that fit, make the rows dense, and return the next batch.

        Where running requests lack blocks for a step, the last admitted ones are put back first.
        """
        self._make_room()
        admitted = self._admit()
        max_steps = self._blocks.grow_ahead(list(self._running.values()))
        row_moves, slot_moves = self._rows.compact(), self._slots.compact()
        if row_moves or slot_moves:
            for request in self._running.values():
                request.rows = [row_moves.get(row, row) for row in request.rows]
                if request.slot is not None:
                    request.slot = slot_moves.get(request.slot, request.slot)
        return Batch(
            row_moves=list(row_moves.items()),
            slot_moves=list(slot_moves.items()),
            encode=admitted,
            decode=list(self._running.values()),
            max_steps=max_steps,
        )

    def end_of_use(self) -> int:
        """Return the first block from which on none was held at any time since the last call."""
        return self._blocks.end_of_use()

    def check_invariants(self) -> None:
        """Raise RuntimeError if a row, slot or block is lost, or not owned by one request alone."""
        self._rows.check_invariants()
        self._slots.check_invariants()
        self._blocks.check_holders(self.requests())
        rows = sorted(row for request in self._running.values() for row in request.rows)
        slots = sorted(r.slot for r in self._running.values() if r.slot is not None)
        if len(set(rows)) != len(rows) or len(rows) != self._rows.num_taken:
            raise RuntimeError(
                f"running requests hold rows {rows}, {self._rows.num_taken} are taken"
            )
        if len(set(slots)) != len(slots) or len(slots) != self._slots.num_taken:
            raise RuntimeError(
                f"running requests hold slots {slots}, {self._slots.num_taken} are taken"
            )

    def _admit(self) -> list[Request]:
        admitted: list[Request] = []
        if not self.num_waiting:
            return admitted
        num_tokens = 0
        num_promised = sum(map(self._blocks.expected, self._running.values()))
        shares = self._shares()
        while request := self._next(shares):
            num_tokens += request.num_source_tokens
            if admitted and num_tokens > self._config.max_encode_tokens:
                break
            if not self._has_room(request, num_promised=num_promised):
                break  # a smaller request behind it must not overtake it: it could wait for ever
            shares.add(request, num_blocks=self._blocks.expected(request))
            rows, slots = self._rows.allocate(request.num_live), self._slots.allocate(1)
            assert rows is not None  # `_has_room`
            assert slots is not None  # there are as many slots as rows
            has_blocks = self._blocks.grow(request, request.length)
            assert has_blocks  # `_has_room`
            num_promised += self._blocks.expected(request)
            self._waiting[request.priority].take(request)
            request.rows, request.slot = rows, slots[0]
            request.status = RequestStatus.RUNNING
            self._running[request.request_id] = request
            self._count_turn(request.priority)
            admitted.append(request)
        return admitted

    def _shares(self) -> Shares:
        return Shares(
            self._running.values(), num_rows=self._max_rows, num_blocks=self._blocks.capacity
        )

    def _next(self, shares: Shares) -> Request | None:
        """Return the request whose turn it is, of a group that has not taken its share."""
        for priority in self._order():
            for request in self._waiting[priority].heads():
                num_blocks = self._blocks.expected(request)
                if not shares.allow_class(request, num_blocks=num_blocks):
                    break  # nor may a smaller one overtake it
                others_wait = any(w.has_others(request.group) for w in self._waiting.values())
                if shares.allow_group(request, num_blocks=num_blocks, others_wait=others_wait):
                    return request
        return None

    def _make_room(self) -> None:
        """Give all running requests blocks for a step, the oldest first; put back the youngest."""
        short = [r for r in self._running.values() if room_of(r) <= r.num_computed]
        for request in short:
            while request.status is RequestStatus.RUNNING:
                if self._blocks.grow(request, request.num_computed + 1):
                    break
                self._put_back(next(reversed(self._running.values())))
                self._num_preempted += 1

    def _put_back(self, request: Request) -> None:
        """Move a running request to the head of its queue; its tokens will be computed anew."""
        self._stop(request)
        request.status, request.num_computed = RequestStatus.WAITING, 0
        self._waiting[request.priority].put_back(request)

    def _stop(self, request: Request) -> None:
        del self._running[request.request_id]
        for row in request.rows:
            self._rows.free(row)
        request.rows = []
        self._blocks.take_back(request)
        if request.slot is not None:
            self._slots.free(request.slot)
            request.slot = None

    def _has_room(self, request: Request, *, num_promised: int) -> bool:
        """Return whether its rows and blocks are free; alone, it may exceed `max_rows`.

        Args:
            request: A waiting request.
            num_promised: Blocks that are free and must remain so.
        """
        taken = self._rows.num_taken
        limit = self._max_rows if taken else self._rows.capacity
        num_blocks = num_promised + self._blocks.expected(request)
        return taken + request.num_live <= limit and num_blocks <= self._blocks.num_free

    def _order(self) -> Iterator[Priority]:
        """Yield the classes in the order in which the next request is looked for."""
        is_bulk_turn = self._admitted_since_bulk >= self._BULK_TURN
        return iter(sorted(self._waiting, key=lambda each: (each is Priority.BULK) != is_bulk_turn))

    def _count_turn(self, priority: Priority) -> None:
        is_bulk = priority is Priority.BULK
        self._admitted_since_bulk = 0 if is_bulk else self._admitted_since_bulk + 1
