"""Limits of a run: the steps that a runner may take without returning to the engine."""

from collections.abc import Callable, Iterable, Sequence

from model.engine.request import Request

MAX_STEPS = 16
_FACTOR_WITHOUT_STREAM = 5  # see `EngineConfig.run_on_s`


def run_limit_s(
    decode: Sequence[Request],
    unfinished: Iterable[Request],
    *,
    run_on_s: float,
    clock: Callable[[], float],
) -> float:
    """Return for how many seconds steps may follow the first one of a run.

    Args:
        decode: Requests of the step. 0 if one of them has no chosen token yet, as a first token is
            emitted at once.
        unfinished: All requests, waiting ones too: the run ends by the nearest of their deadlines.
        run_on_s: As in `EngineConfig`.
        clock: The engine's.
    """
    if any(not request.has_chosen_token for request in decode):
        return 0.0
    has_stream = any(request.width == 1 for request in decode)
    seconds = run_on_s if has_stream else run_on_s * _FACTOR_WITHOUT_STREAM
    deadlines = [r.deadline_s for r in unfinished if r.deadline_s is not None]
    return min(seconds, max(0.0, min(deadlines) - clock())) if deadlines else seconds
