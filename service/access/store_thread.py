"""The one thread of a replica that waits for the store."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from service.errors import StoreError
from service.telemetry.log import get_logger

T = TypeVar("T")

_PAUSE_S = 1.0
_LOG_INTERVAL_S = 60.0

logger = get_logger(__name__)


class StoreThread:
    """Runs calls of the store in the order in which they come.

    After a call that failed, the others fail at once for a second: they do not queue, each for its
    own timeout, behind a store that does not answer. A failure is logged at most once a minute.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._failure = ""
        self._failed_until_s = -_PAUSE_S
        self._silent_until_s = -_LOG_INTERVAL_S

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Return the future result of a call; after the end of the thread, StoreError."""
        try:
            return self._threads.submit(partial(self._run, call))
        except RuntimeError:
            refused: Future[T] = Future()
            refused.set_exception(StoreError("the state store is closed"))
            return refused

    def end(self) -> None:
        """Wait for the calls that were submitted, and end the thread; may be called again."""
        self._threads.shutdown()

    def _run(self, call: Callable[[], T]) -> T:
        if self._clock() < self._failed_until_s:
            raise StoreError(self._failure)
        try:
            return call()
        except StoreError as error:
            now_s, self._failure = self._clock(), error.detail
            self._failed_until_s = now_s + _PAUSE_S
            if now_s >= self._silent_until_s:
                self._silent_until_s = now_s + _LOG_INTERVAL_S
                logger.warning("state store failed", reason=error.detail)
            raise
