"""Serves requests that arrive one by one: by our engine, or in static batches.

Both run in one thread, without HTTP. The latency of a request counts from its arrival, waiting
included.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.engine.workload import Load, Workload
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.tokenizer.prompt import Prompt

MAX_BATCH = 32  # static batches; in a larger one all requests wait longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request; times in seconds from the start of the load."""

    arrival_s: float
    first_token_s: float
    done_s: float
    num_tokens: int

    @property
    def latency_s(self) -> float:
        return self.done_s - self.arrival_s

    @property
    def time_to_first_token_s(self) -> float:
        return self.first_token_s - self.arrival_s


class Watch:
    """Clock that starts when it is made."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._start = clock()

    def now_s(self) -> float:
        return self._clock() - self._start

    def wait_until(self, moment_s: float) -> None:
        """Sleep until a moment; return at once if it has passed."""
        remaining = moment_s - self.now_s()
        if remaining > 0:
            self._sleep(remaining)


def serve_continuously(engine: Engine, load: Load, watch: Watch, *, start_id: int) -> list[Served]:
    """Serve by continuous batching: arrived requests join between any two steps."""
    params = GenerationParams(
        max_new_tokens=load.max_new_tokens,
        num_beams=load.num_beams,
        early_stopping=load.num_beams > 1,
    )
    first: dict[int, float] = {}
    served: dict[int, Served] = {}
    num_arrived = 0
    while len(served) < len(load.sources):
        if not engine.has_work:
            watch.wait_until(load.arrivals_s[num_arrived])
        for index in _arrived(load, num_arrived, watch.now_s()):
            prompt = Prompt(encoder_ids=load.sources[index], decoder_prefix_ids=(start_id,))
            engine.add_request(str(index), prompt, params)
            num_arrived += 1
        outputs = engine.step()
        now_s = watch.now_s()
        for output in outputs:
            index = int(output.request_id)
            if output.new_token_ids:
                first.setdefault(index, now_s)
            if output.finish_reason is not None:
                tokens = output.hypotheses[0].token_ids if output.hypotheses else ()
                served[index] = Served(
                    arrival_s=load.arrivals_s[index],
                    first_token_s=first.get(index, now_s),
                    done_s=now_s,
                    num_tokens=len(tokens),
                )
    return [served[index] for index in range(len(load.sources))]


def serve_batches(
    generate: Callable[[Workload], Sequence[Sequence[int]]],
    load: Load,
    watch: Watch,
    *,
    max_batch: int = MAX_BATCH,
) -> list[Served]:
    """Serve by static batching: when a batch has ended, all waiting requests are the next."""
    served: list[Served] = []
    while len(served) < len(load.sources):
        start = len(served)
        watch.wait_until(load.arrivals_s[start])
        taken = _arrived(load, start, watch.now_s())[:max_batch]
        workload = Workload(
            sources=load.sources[start : start + len(taken)],
            num_new_tokens=load.max_new_tokens,
            num_beams=load.num_beams,
            ends=True,
        )
        outputs = generate(workload)
        now_s = watch.now_s()
        served += [
            Served(
                arrival_s=load.arrivals_s[index],
                first_token_s=now_s,  # a static batch has no output before its end
                done_s=now_s,
                num_tokens=len(output),
            )
            for index, output in zip(taken, outputs, strict=True)
        ]
    return served


def _arrived(load: Load, start: int, now_s: float) -> range:
    """Return the indices from `start` on of requests that have arrived.

    Arrivals at 1, 2 and 5: at 3, from the second on, it is range(1, 2).
    """
    end = start
    while end < len(load.arrivals_s) and load.arrivals_s[end] <= now_s:
        end += 1
    return range(start, end)
