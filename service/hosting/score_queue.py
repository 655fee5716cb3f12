"""Given outputs that wait for the engine's thread to read them, some between two of its steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import structlog

from model.engine.out_of_memory import is_out_of_memory
from model.engine.params import Priority
from model.engine.waiting import WaitingRequests
from model.errors import NoMemoryError, QueueFullError
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading
from service.deadline import Deadline
from service.hosting.delivery import Stream

# The most tokens of a turn, sources, outputs and padding together; a longer single output is read
# alone. Running requests wait so long: one core reads 512 of the bundled translator in 30 ms.
MAX_TOKENS_PER_TURN = 512

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreJob:
    """One checked given output, as the event loop hands it to the engine's thread."""

    given: Given
    priority: Priority
    group: str  # names the client's request, whose outputs take turns with those of others
    deadline: Deadline


class ScoreStream(Stream[ScoreJob, Reading]):
    """The way back to the one who waits for a reading."""

    @property
    def group(self) -> str:
        return self.request.group


Answer = tuple[ScoreStream, Reading | Exception]


class ScoreQueue:
    """The queue and the pass that empties it; belongs to the engine's thread.

    Interactive jobs go before bulk. In each class client requests take turns, each in order of
    arrival. Jobs that fit into one turn of the engine's thread share a pass.
    """

    def __init__(
        self,
        forced: ForcedPass,
        *,
        max_waiting: int,
        max_tokens: int = MAX_TOKENS_PER_TURN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create an empty queue.

        Args:
            forced: Reads outputs.
            max_waiting: Jobs that may wait.
            max_tokens: Of a turn.
            clock: Deadlines are moments on it.
        """
        self._forced = forced
        self._max_waiting = max_waiting
        self._max_tokens = max_tokens
        self._clock = clock
        self._waiting: dict[Priority, WaitingRequests[ScoreStream]] = {
            priority: WaitingRequests() for priority in (Priority.INTERACTIVE, Priority.BULK)
        }

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, stream: ScoreStream) -> None:
        """Queue a job.

        Raises:
            QueueFullError: `max_waiting` jobs wait.
        """
        if len(self) >= self._max_waiting:
            raise QueueFullError(num_waiting=len(self), limit=self._max_waiting)
        self._waiting[stream.request.priority].append(stream)

    def remove(self, stream: ScoreStream) -> None:
        """Remove a job that nobody waits for any more; ignore one that is not queued."""
        queue = self._waiting[stream.request.priority]
        if stream in queue:
            queue.remove(stream)

    def clear(self) -> list[ScoreStream]:
        """Remove and return all jobs."""
        streams = [stream for queue in self._waiting.values() for stream in queue]
        for stream in streams:
            self.remove(stream)
        return streams

    def turn(self) -> list[Answer]:
        """Read as many outputs as a turn takes, and end those whose deadline has passed.

        Returns:
            Each job that has left the queue, with its reading or its error.
        """
        answers: list[Answer] = []
        batch: list[ScoreStream] = []
        while (stream := self._next()) is not None:
            if stream.request.deadline.at_s <= self._clock():
                answers.append((stream, stream.request.deadline.exceeded()))
            elif batch and self._num_tokens([*batch, stream]) > self._max_tokens:
                break
            else:
                batch.append(stream)
            self._waiting[stream.request.priority].take(stream)
        return answers + self._read(batch) if batch else answers

    def _next(self) -> ScoreStream | None:
        return next(chain.from_iterable(queue.heads() for queue in self._waiting.values()), None)

    def _num_tokens(self, batch: list[ScoreStream]) -> int:
        return self._forced.num_tokens([stream.request.given for stream in batch])

    def _read(self, batch: list[ScoreStream]) -> list[Answer]:
        """Read a batch; each output alone if memory is too short for all of them."""
        try:
            readings = self._forced.read([stream.request.given for stream in batch])
        except Exception as error:  # noqa: BLE001 - it must not end those that are generating
            if not is_out_of_memory(error):
                _log.exception("given outputs could not be read", count=len(batch))
                return [(stream, error) for stream in batch]
        else:
            return list(zip(batch, readings, strict=True))
        # After the handler: the error keeps the tensors of the pass alive.
        if len(batch) == 1:
            return [(batch[0], NoMemoryError())]
        return [answer for stream in batch for answer in self._read([stream])]
