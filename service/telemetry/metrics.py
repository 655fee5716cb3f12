"""Every metric of the service, with its unit.

The engine processes of a node share their metrics if each has `DRAGOMAN_METRICS_FOLDER`, the same
folder, in its environment *before* it imports this module; each then reports those of the whole
node. Without that variable a process reports its own. No label holds an address, a key or a text.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER_VARIABLE = "DRAGOMAN_METRICS_FOLDER"

# prometheus_client reads its own variable once, on import. It is set in this process only: Ray's
# processes use the library too, and would write to the same folder.
if folder := os.environ.get(FOLDER_VARIABLE):
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder

# ruff: noqa: E402
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.values import ValueClass

from model.engine.params import FinishReason

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()

# Else each counter has another series, unless processes share their metrics.
disable_created_metrics()  # type: ignore[no-untyped-call]

_REQUEST_BUCKETS_S = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75),
    *(1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0),
)
_STEP_BUCKETS_S = (
    *(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016),
    *(0.032, 0.064, 0.128, 0.256, 0.512, 1.0),
)
_ROWS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_forgotten: set[str] = set()  # models


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"dragoman_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(f"dragoman_{name}", meaning, labels, registry=REGISTRY, buckets=buckets)


def _sum_of_live(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(
        f"dragoman_{name}", meaning, labels, registry=REGISTRY, multiprocess_mode="livesum"
    )


# HTTP
REQUESTS = _counter("requests", "Answered HTTP requests.", "route", "status")
REQUEST_DURATION = _histogram(
    "request_duration_seconds",
    "From the first byte of a request to the last of its answer.",
    "route",
    buckets=_REQUEST_BUCKETS_S,
)
REJECTED = _counter("rejected", "Requests that were too much: full queue, too large.", "reason")
INPUT_CHARACTERS = _counter("input_characters", "Characters of answered texts.", "model")
OUTPUT_CHARACTERS = _counter("output_characters", "Characters of answers.", "model")

# Engine, by segment
TIME_TO_FIRST_TOKEN = _histogram(
    "time_to_first_token_seconds",
    "From a segment's submission to its first token.",
    "model",
    buckets=_REQUEST_BUCKETS_S,
)
QUEUE_DURATION = _histogram(
    "queue_duration_seconds",
    "From a segment's submission to its encoding.",
    "model",
    buckets=_REQUEST_BUCKETS_S,
)
INFERENCE_DURATION = _histogram(
    "inference_duration_seconds",
    "From a segment's encoding to its last token.",
    "model",
    buckets=_REQUEST_BUCKETS_S,
)
INPUT_TOKENS = _counter("input_tokens", "Encoder tokens of finished segments.", "model")
OUTPUT_TOKENS = _counter("output_tokens", "Generated tokens of finished segments.", "model")
FINISHED = _counter("segments_finished", "Segments that ended, by reason.", "model", "reason")
ABORTED = _counter("aborted", "Segments whose client no longer wanted them.", "model")
PREEMPTED = _counter("preempted", "Times a running segment had to wait for memory again.", "model")

# Engine, by step
STEP_DURATION = _histogram(
    "step_duration_seconds", "One engine step.", "model", buckets=_STEP_BUCKETS_S
)
STEP_BATCH_ROWS = _histogram(
    "step_batch_rows", "Decoder rows of one engine step.", "model", buckets=_ROWS_BUCKETS
)
RUNNING = _sum_of_live("requests_running", "Segments being decoded.", "model")
WAITING = _sum_of_live("requests_waiting", "Segments in the queue.", "model")
CACHE_USED = Gauge(
    "dragoman_kv_cache_used_ratio",
    "Used part of the cache's rows, or if more, of its memory, 0 to 1; of the fullest process.",
    ("model",),
    registry=REGISTRY,
    multiprocess_mode="livemax",
)


class EngineMetrics:
    """One model's engine metrics, updated once a step and once a segment, not once a token."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._is_paused = False
        _forgotten.discard(model)
        self._step_duration = STEP_DURATION.labels(model)
        self._step_rows = STEP_BATCH_ROWS.labels(model)
        self._running = RUNNING.labels(model)
        self._waiting = WAITING.labels(model)
        self._cache_used = CACHE_USED.labels(model)
        self._preempted = PREEMPTED.labels(model)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record no steps and finished segments within the context, as during the warm-up."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def step(
        self,
        *,
        duration_s: float,
        num_rows: int,
        num_steps: int = 1,
        num_running: int,
        num_waiting: int,
        cache_used_ratio: float,
    ) -> None:
        """Record `num_steps` engine steps of `num_rows` decoder rows, `duration_s` in all.

        An idle engine calls this with 0 rows, to update the gauges.
        """
        if self._is_paused:
            return
        for _ in range(num_steps if num_rows else 0):
            self._step_duration.observe(duration_s / num_steps)
            self._step_rows.observe(num_rows)
        self._running.set(num_running)
        self._waiting.set(num_waiting)
        self._cache_used.set(cache_used_ratio)

    def preempted(self, count: int) -> None:
        """Record requests that were put back into the queue for lack of memory."""
        if not self._is_paused:
            self._preempted.inc(count)

    def finished(
        self,
        *,
        queue_s: float,
        inference_s: float,
        time_to_first_token_s: float | None,
        input_tokens: int,
        output_tokens: int,
        finish_reason: FinishReason,
    ) -> None:
        """Record a finished segment; `time_to_first_token_s` is None if it has no token."""
        if self._is_paused:
            return
        FINISHED.labels(self._model, finish_reason.value).inc()
        QUEUE_DURATION.labels(self._model).observe(queue_s)
        INFERENCE_DURATION.labels(self._model).observe(inference_s)
        if time_to_first_token_s is not None:
            TIME_TO_FIRST_TOKEN.labels(self._model).observe(time_to_first_token_s)
        INPUT_TOKENS.labels(self._model).inc(input_tokens)
        OUTPUT_TOKENS.labels(self._model).inc(output_tokens)

    def aborted(self) -> None:
        """Record a segment aborted by its client."""
        ABORTED.labels(self._model).inc()
        FINISHED.labels(self._model, "aborted").inc()


def observe_request(route: str, status: int, duration_s: float) -> None:
    """Record an answered HTTP request."""
    REQUESTS.labels(route, str(status)).inc()
    REQUEST_DURATION.labels(route).observe(duration_s)


def observe_characters(model: str, *, num_input: int, num_output: int) -> None:
    """Record the characters of a request's texts and of their answers."""
    INPUT_CHARACTERS.labels(model).inc(num_input)
    OUTPUT_CHARACTERS.labels(model).inc(num_output)


def forget_model(model: str) -> None:
    """Hide the series of a model that is no longer served, until it is served again.

    The library cannot remove series from the files that processes share, so `render` filters them.
    The counters of a model that is served again continue from their last values.
    """
    _forgotten.add(model)


def is_shared() -> bool:
    """Return whether this process shares its metrics with the others of its node."""
    return bool(getattr(ValueClass, "_multiprocess", False)) and FOLDER_VARIABLE in os.environ


def render() -> bytes:
    """Return all metrics of this node in Prometheus' text format."""
    if not is_shared():
        return generate_latest(_Filtered(REGISTRY))
    folder = Path(os.environ[FOLDER_VARIABLE])
    _forget_dead_processes(folder)
    node = CollectorRegistry()
    MultiProcessCollector(node, str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(_Filtered(node))


class _Filtered(CollectorRegistry):
    """A registry without the series of the models in `_forgotten`."""

    def __init__(self, whole: CollectorRegistry) -> None:
        super().__init__()
        self._whole = whole

    def collect(self) -> Iterator[Metric]:
        for metric in self._whole.collect():
            metric.samples = [s for s in metric.samples if s.labels.get("model") not in _forgotten]
            yield metric


def forget_process(pid: int) -> None:
    """Remove the gauges of a process that has ended, or is about to end."""
    mark_process_dead(pid, os.environ[FOLDER_VARIABLE])  # type: ignore[no-untyped-call]


def _forget_dead_processes(folder: Path) -> None:
    """Remove the gauges of processes that were killed; keep their counters and histograms."""
    for pid in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*.db")}:
        if pid.isdecimal() and not _is_running(int(pid)):
            forget_process(int(pid))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
