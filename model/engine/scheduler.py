"""Who decodes next: continuous batching decided on plain integers.

Each step encodes the newly admitted requests, then decodes everybody by one token. A request joins
as soon as there are rows for all its hypotheses, and leaves, rows freed, the moment it ends.
"""

from collections import deque

from model.engine.batch import Batch
from model.engine.config import EngineConfig
from model.engine.params import Priority
from model.engine.request import Request, RequestStatus
from model.engine.slot_pool import SlotPool
from model.errors import QueueFullError


class Scheduler:
    """Admits waiting requests, interactive ones first, each class in order of arrival.

    A bulk request at the head of its queue is never overtaken for ever: interactive requests go
    first only while `_BULK_TURN` of them at most have been admitted since the last bulk one.
    """

    _BULK_TURN = 8
    _FINISHED_PER_ROW = 100  # that many requests, and one row more is tried again

    def __init__(self, config: EngineConfig, *, num_rows: int) -> None:
        self._config = config
        self._max_rows = num_rows
        self._rows = SlotPool(num_rows)
        self._slots = SlotPool(num_rows)
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
        """Rows that requests side by side may take."""
        return self._max_rows

    @property
    def can_admit(self) -> bool:
        """Whether the next step would admit a waiting request."""
        queue = self._next_queue()
        return queue is not None and self._has_room(queue[0])

    def requests(self) -> list[Request]:
        """All unfinished requests, running ones first."""
        return [*self._running.values(), *(r for queue in self._waiting.values() for r in queue)]

    def add(self, request: Request) -> None:
        """Queues a request.

        Raises:
            QueueFullError: `max_waiting` requests wait already.
        """
        if self.num_waiting >= self._config.max_waiting:
            raise QueueFullError(num_waiting=self.num_waiting, limit=self._config.max_waiting)
        self._waiting[request.priority].append(request)

    def finish(self, request: Request) -> None:
        """Takes a request out, wherever it is; its rows are free at once."""
        if request.status is RequestStatus.RUNNING:
            self._stop(request)
            self._num_finished += 1
            if self._num_finished % self._FINISHED_PER_ROW == 0:
                self._max_rows = min(self._max_rows + 1, self._rows.capacity)
        elif request.status is RequestStatus.WAITING:
            self._waiting[request.priority].remove(request)
        request.status = RequestStatus.FINISHED

    def resize_rows(self, request: Request, *, keep: list[int]) -> None:
        """Frees a running request's rows but those to keep, which are in their new order."""
        for row in set(request.rows) - set(keep):
            self._rows.free(row)
        request.rows = keep

    def start_over(self) -> list[Request]:
        """Puts everybody who runs back at the head of the queue; fewer will run from now on.

        A quarter fewer; as requests finish, the rows come back one by one.

        Returns:
            Those who ran, in the order in which they will come again.
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
        """Admits what fits, makes rows dense again, and says what to compute."""
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
        """Raises when a row or memory is lost, held twice, or not held by its request."""
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
                f"running requests hold memories {slots}, {self._slots.num_taken} are taken"
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
                break  # it waits at the head: a later, smaller one must not overtake it for ever
            rows, slots = self._rows.allocate(request.num_live), self._slots.allocate(1)
            assert rows is not None  # there is room
            assert slots is not None  # every request has at least one row of its own
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
        """Whether its rows are free; one alone may have more than `max_rows`."""
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
