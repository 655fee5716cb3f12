"""One engine in a thread of its own, spoken to in messages; to asyncio, a stream per request.

The thread owns the network, the caches and the engine. Nothing else touches them: others put
messages in its inbox, and it posts what each step brought back to the event loops that asked, once
a step.
"""

import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import structlog
import torch

from model.engine.engine import Engine
from model.engine.request import RequestOutput
from model.engine.stats import EngineStats
from model.errors import EngineStoppedError
from model.scoring.given import Reading
from service.hosting.delivery import Delivery, Stream, deliver
from service.hosting.engine_request import EngineRequest, output_or_error
from service.hosting.score_queue import ScoreJob, ScoreQueue, ScoreStream
from service.hosting.trimming import Trimming
from service.telemetry.metrics import EngineMetrics

HEARTBEAT_TIMEOUT_S = 60.0  # longer than any step: a whole encode and decode of a full batch

_log = structlog.get_logger(__name__)


_Stream = Stream[EngineRequest, RequestOutput]


@dataclass(frozen=True, slots=True)
class _Add:
    stream: _Stream | ScoreStream


@dataclass(frozen=True, slots=True)
class _Abort:
    stream: _Stream | ScoreStream


@dataclass(frozen=True, slots=True)
class _Stop:
    pass


class AsyncEngine:
    """Runs an engine; safe to call from any event loop."""

    def __init__(
        self,
        engine: Engine,
        scores: ScoreQueue,
        *,
        num_threads: int,
        metrics: EngineMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the thread.

        Args:
            engine: Generates.
            scores: Reads given outputs by the same network, between the engine's steps.
            num_threads: Torch's threads.
            metrics: Of the model.
            clock: The engine's own; deadlines are moments on it.
        """
        self._engine = engine
        self._scores = scores
        self._num_threads = num_threads
        self._metrics = metrics
        self._inbox: queue.SimpleQueue[_Add | _Abort | _Stop] = queue.SimpleQueue()
        self._streams: dict[str, _Stream] = {}  # the engine thread's own
        self._stats = engine.stats()
        self._clock = clock
        self._lock = threading.Lock()  # of the next line
        self._ending: str | None = None  # why the inbox is no longer read
        self._is_idle = False
        self._trimming = Trimming(engine, clock=clock)
        self._last_beat_s = clock()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def stats(self) -> EngineStats:
        """Counts as of the last step."""
        return self._stats

    def is_alive(self) -> bool:
        """Return whether the thread runs, and is not stuck in a step."""
        is_fresh = self._clock() - self._last_beat_s < HEARTBEAT_TIMEOUT_S
        return self._thread.is_alive() and (is_fresh or self._is_idle)

    async def generate(self, request: EngineRequest) -> AsyncGenerator[RequestOutput, None]:
        """Yield the outputs of one request; the last has a finish reason.

        Closing the generator early aborts the request: its rows are free by the next step.

        Raises:
            ModelError: As `Engine.add_request`; DeadlineExceededError, EngineStoppedError,
                NoMemoryError or NoTokenError.
        """
        stream = _Stream(request)
        self._open(_Add(stream))
        is_finished = False
        try:
            while not is_finished:
                message = await stream.messages.get()
                is_finished = isinstance(message, Exception) or message.finish_reason is not None
                yield output_or_error(message, request)
        finally:
            if not is_finished:
                self._send(_Abort(stream))

    async def score(self, job: ScoreJob) -> Reading:
        """Return the reading of a given output; cancellation takes it out of the queue.

        Raises:
            QueueFullError, DeadlineExceededError, EngineStoppedError, NoMemoryError, NoTokenError:
                As in `Backend.score`.
        """
        stream = ScoreStream(job)
        self._open(_Add(stream))
        message: Reading | Exception | None = None
        try:
            message = await stream.messages.get()
        finally:
            if message is None:
                self._send(_Abort(stream))
        if isinstance(message, Exception):
            raise message
        return message

    def stop(self) -> None:
        """End the thread; unfinished requests get EngineStoppedError."""
        self._send(_Stop())
        self._thread.join()

    def _open(self, message: _Add) -> None:
        with self._lock:  # so that no message comes after the thread has read its last
            if self._ending is not None:
                raise EngineStoppedError(self._ending)
            self._send(message)

    def _send(self, message: _Add | _Abort | _Stop) -> None:
        self._inbox.put(message)
        self._engine.interrupt()  # or it might see the message some tokens later

    def _run(self) -> None:
        ending = "the engine was shut down"
        try:
            # In this thread: a thread count set in another costs tens of milliseconds a step.
            torch.set_num_threads(self._num_threads)
            while self._read_inbox():
                if self._engine.has_work:
                    self._step()
                if self._scores:
                    self._read_given()
                self._trimming.after_step()
        except Exception as error:  # noqa: BLE001 - whatever it is, all waiting requests get it
            _log.exception("engine failed")
            ending = f"the engine failed: {type(error).__name__}"
        finally:
            with self._lock:
                self._ending = ending
            self._fail_all(ending)

    def _read_inbox(self) -> bool:
        """Take in all messages, waiting for one if there is nothing to do; return False to stop."""
        self._is_idle = not self._engine.has_work and not self._scores
        if self._is_idle:
            self._report_idle()
        while True:
            try:
                message = self._inbox.get(block=self._is_idle, timeout=self._trimming.wait_s())
            except queue.Empty:
                if not self._is_idle:
                    return True
                self._trimming.after_wait()
                continue
            self._last_beat_s = self._clock()
            self._is_idle = False
            match message:
                case _Add(stream):
                    self._add(stream)
                case _Abort(stream):
                    self._abort(stream)
                case _Stop():
                    return False

    def _add(self, stream: _Stream | ScoreStream) -> None:
        try:
            if isinstance(stream, ScoreStream):
                self._scores.add(stream)
            else:
                self._add_request(stream)
        except Exception as error:  # noqa: BLE001 - one bad request must not end the others
            deliver([(stream, error)])

    def _add_request(self, stream: _Stream) -> None:
        request = stream.request
        self._engine.add_request(
            request.request_id,
            request.prompt,
            request.params,
            priority=request.priority,
            group=request.group,
            deadline_s=request.deadline.at_s,
        )
        self._streams[request.request_id] = stream

    def _abort(self, stream: _Stream | ScoreStream) -> None:
        if isinstance(stream, ScoreStream):
            self._scores.remove(stream)
            return
        request_id = stream.request.request_id
        if self._streams.get(request_id) is stream:
            del self._streams[request_id]
            self._engine.abort(request_id)
            self._metrics.aborted()

    def _step(self) -> None:
        self._last_beat_s = started_s = self._clock()
        outputs = self._engine.step()
        self._last_beat_s = self._clock()
        num_preempted = self._stats.num_preempted
        self._stats = stats = self._engine.stats()
        self._metrics.step(
            duration_s=self._last_beat_s - started_s,
            num_rows=stats.num_decoded,
            num_steps=stats.num_steps,
            num_running=stats.num_running,
            num_waiting=stats.num_waiting,
            cache_used_ratio=stats.cache_use,
        )
        self._metrics.preempted(stats.num_preempted - num_preempted)
        deliveries: list[Delivery] = []
        for output in outputs:
            stream = self._streams[output.request_id]
            if output.finish_reason is not None:
                del self._streams[output.request_id]
                self._report_finished(stream.request, output)
            if output.finish_reason is not None or stream.request.stream:
                deliveries.append((stream, output))
        deliver(deliveries)

    def _read_given(self) -> None:
        self._last_beat_s = self._clock()
        deliver(self._scores.turn())
        self._last_beat_s = self._clock()

    def _report_finished(self, request: EngineRequest, output: RequestOutput) -> None:
        if output.timing is None or output.finish_reason is None:
            return
        self._metrics.finished(
            queue_s=output.timing.queue_s,
            inference_s=output.timing.inference_s,
            time_to_first_token_s=output.timing.time_to_first_token_s,
            input_tokens=len(request.prompt.encoder_ids),
            output_tokens=sum(h.num_generated for h in output.hypotheses),
            finish_reason=output.finish_reason,
        )

    def _report_idle(self) -> None:
        self._stats = stats = self._engine.stats()
        self._metrics.step(
            duration_s=0.0,
            num_rows=0,
            num_running=stats.num_running,
            num_waiting=stats.num_waiting,
            cache_used_ratio=stats.cache_use,
        )

    def _fail_all(self, ending: str) -> None:
        """Send EngineStoppedError to all unfinished requests, those still in the inbox too."""
        streams: list[Stream[Any, Any]] = [*self._streams.values(), *self._scores.clear()]
        self._streams.clear()
        while True:
            try:
                message = self._inbox.get(block=False)
            except queue.Empty:
                break
            if isinstance(message, _Add):
                streams.append(message.stream)
        deliver([(stream, EngineStoppedError(ending)) for stream in streams])
