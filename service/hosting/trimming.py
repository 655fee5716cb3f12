"""Give the memory of long or many requests back to the system, at regular times."""

from collections.abc import Callable

from model import heap
from model.engine.engine import Engine

TRIM_EVERY_S = 5.0  # a trim takes a millisecond or two


class Trimming:
    """Trims an engine every `TRIM_EVERY_S` while it takes steps, and once after the last.

    Used by the engine's thread alone, as a thread allocates from an arena of its own.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._next_s: float | None = None  # None: no step was taken since the last trim

    def wait_s(self) -> float | None:
        """Return the seconds for which an idle engine may wait; None: until there is work."""
        return None if self._next_s is None else max(0.0, self._next_s - self._clock())

    def after_step(self) -> None:
        """Trim if it is time."""
        if self._next_s is None or self._trim_if_due():
            self._next_s = self._clock() + TRIM_EVERY_S

    def after_wait(self) -> None:
        """Trim if it is time, for the last time before the next step."""
        if self._trim_if_due():
            self._next_s = None

    def _trim_if_due(self) -> bool:
        if self._next_s is None or self._clock() < self._next_s:
            return False
        self._engine.trim()
        heap.trim()
        return True
