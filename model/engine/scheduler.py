"""Continuous batching, decided on plain integers: which requests are encoded and decoded next.

Each step encodes the newly admitted requests, then decodes one token of all running ones. A request
is admitted as soon as rows for all its hypotheses are free, and frees them as soon as it ends.
"""

from collections import deque

from model.engine.batch import Batch
from model.engine.config import EngineConfig
from model.engine.params import Priority
from model.engine.request import Request, RequestStatus
from model.engine.row_pool import RowPool
from model.errors import QueueFullError


class Scheduler:
    """Admits waiting requests, interactive ones first, each class in order of arrival.

    Bulk requests cannot starve: after `_BULK_TURN` interactive requests in a row, a waiting bulk
    request is admitted.
    """

    _BULK_TURN = 8

    def __init__(self, config: EngineConfig, *, num_rows: int, finished_per_row: int = 100) -> None:
        """Create a scheduler without requests.

        Args:
            config: Limits of the queue and of a step.
            num_rows: Rows of each cache.
            finished_per_row: Requests that must finish, after an out-of-memory error, before the
                rows in use may be one more.
        """
        self._config = config
        self._finished_per_row = finished_per_row
        self._max_rows = num_rows
        self._rows = RowPool(num_rows)
        self._slots = RowPool(num_rows)
        self._waiting: dict[Priority, deque[Request]] = {
            priority: deque() for priority in (Priority.INTERACTIVE, Priority.BULK)
        }
        self._running: dict[str, Request] = {}
        self._admitted_since_bulk = 0
        self._num_finished = 0

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
        queue = self._next_queue()
        return queue is not None and self._has_room(queue[0])

    def requests(self) -> list[Request]:
        """Return all unfinished requests, running ones first."""
        return [*self._running.values(), *(r for queue in self._waiting.values() for r in queue)]

    def add(self, request: Request) -> None:
        """Queue a request.

        Raises:
            QueueFullError: `max_waiting` requests wait.
        """
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
            self._stop(request)
            request.status, request.num_computed = RequestStatus.WAITING, 0
            self._waiting[request.priority].appendleft(request)
        return running

    def schedule(self) -> Batch:
        """Admit waiting requests that fit, make the rows dense, and return the next batch."""
        admitted = self._admit()
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
        )

    def check_invariants(self) -> None:
        """Raise RuntimeError if a row or slot is lost, owned twice, or not owned by its request."""
        self._rows.check_invariants()
        self._slots.check_invariants()
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
        num_tokens = 0
        while queue := self._next_queue():
            request = queue[0]
            num_tokens += request.num_source_tokens
            if admitted and num_tokens > self._config.max_encode_tokens:
                break
            if not self._has_room(request):
                break  # a smaller request behind it must not overtake it: it could wait for ever
            rows, slots = self._rows.allocate(request.num_live), self._slots.allocate(1)
            assert rows is not None  # `_has_room`
            assert slots is not None  # there are as many slots as rows
            queue.popleft()
            request.rows, request.slot = rows, slots[0]
            request.status = RequestStatus.RUNNING
            self._running[request.request_id] = request
            self._count_turn(request.priority)
            admitted.append(request)
        return admitted

    def _stop(self, request: Request) -> None:
        del self._running[request.request_id]
        self.resize_rows(request, keep=[])
        if request.slot is not None:
            self._slots.free(request.slot)
            request.slot = None

    def _has_room(self, request: Request) -> bool:
        """Return whether its rows are free; the only running request may exceed `max_rows`."""
        taken = self._rows.num_taken
        limit = self._max_rows if taken else self._rows.capacity
        return taken + request.num_live <= limit

    def _next_queue(self) -> deque[Request] | None:
        interactive, bulk = self._waiting[Priority.INTERACTIVE], self._waiting[Priority.BULK]
        if interactive and (not bulk or self._admitted_since_bulk < self._BULK_TURN):
            return interactive
        return bulk or None

    def _count_turn(self, priority: Priority) -> None:
        is_bulk = priority is Priority.BULK
        self._admitted_since_bulk = 0 if is_bulk else self._admitted_since_bulk + 1
