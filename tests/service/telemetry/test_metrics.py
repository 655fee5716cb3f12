"""Metrics: one process for itself, several of one node together, the dead not counted as living."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.engine.params import FinishReason
from service.telemetry import metrics
from service.telemetry.listener import MetricsListener
from service.telemetry.metrics import EngineMetrics, forget_model, render

REPLICA = """
import sys
from model.engine.params import FinishReason
from service.telemetry.metrics import EngineMetrics
from service.telemetry.listener import MetricsListener

number, port = int(sys.argv[1]), int(sys.argv[2])
engine = EngineMetrics("m")
engine.step(
    duration_s=0.01, num_rows=4, num_running=number, num_waiting=0,
    cache_used_ratio=number / 10,
)
for _ in range(number):
    engine.finished(
        queue_s=0.1, inference_s=0.2, time_to_first_token_s=0.1, input_tokens=5, output_tokens=7,
        finish_reason=FinishReason.STOP,
    )
listener = MetricsListener(host="127.0.0.1", port=port)
listener.start()
print(listener.port, flush=True)
sys.stdin.readline()
"""


def sample(text: str, name: str, *, model: str = "m") -> float:
    """Return the value of one model's series."""
    found = re.search(rf'^{name}{{model="{model}"[^}}]*}} (\S+)$', text, re.MULTILINE)
    assert found is not None, f"{name} is not in the metrics"
    return float(found[1])


def fetch(port: int) -> str:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=60) as response:
        return str(response.read().decode())


def pids_with_gauges(folder: Path) -> set[int]:
    """Return the ids of the processes whose gauges are in a node's folder."""
    return {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_*.db")}


class Replica:
    """A process that records metrics, and serves those of its node."""

    def __init__(self, number: int, *, port: int, folder: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", REPLICA, str(number), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, metrics.FOLDER_VARIABLE: str(folder)},
            cwd=Path(__file__).parents[3],
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def end(self) -> None:
        """Let the process exit normally."""
        self.process.communicate("\n", timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    first = Replica(2, port=0, folder=tmp_path)
    second = Replica(3, port=first.port, folder=tmp_path)
    yield first, second
    first.kill()
    second.kill()


def test_two_processes_share_a_port_and_each_answers_for_both(
    replicas: tuple[Replica, Replica],
) -> None:
    port = replicas[0].port
    assert replicas[1].port == port
    for _ in range(10):  # the kernel chooses who answers
        text = fetch(port)
        assert sample(text, "dragoman_output_tokens_total") == 5 * 7
        assert sample(text, "dragoman_requests_running") == 5
        assert sample(text, "dragoman_kv_cache_used_ratio") == 0.3
        assert sample(text, "dragoman_step_duration_seconds_count") == 2


def test_a_killed_process_runs_nothing_but_what_it_did_still_counts(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    second.kill()
    text = fetch(first.port)
    assert sample(text, "dragoman_requests_running") == 2
    assert sample(text, "dragoman_output_tokens_total") == 5 * 7


def test_a_process_that_ends_removes_its_gauges_before_the_next_scrape(
    replicas: tuple[Replica, Replica], tmp_path: Path
) -> None:
    first, second = replicas
    assert pids_with_gauges(tmp_path) == {first.process.pid, second.process.pid}
    second.end()
    assert pids_with_gauges(tmp_path) == {first.process.pid}
    text = fetch(first.port)
    assert sample(text, "dragoman_requests_running") == 2
    assert sample(text, "dragoman_output_tokens_total") == 5 * 7


def test_a_process_by_itself_answers_for_itself() -> None:
    engine = EngineMetrics("alone")
    engine.finished(
        queue_s=0.5,
        inference_s=1.0,
        time_to_first_token_s=None,
        input_tokens=3,
        output_tokens=0,
        finish_reason=FinishReason.LENGTH,
    )
    engine.aborted()
    engine.step(
        duration_s=0.0,
        num_rows=0,
        num_running=0,
        num_waiting=4,
        cache_used_ratio=0.0,
    )
    text = render().decode()
    assert sample(text, "dragoman_aborted_total", model="alone") == 1
    assert sample(text, "dragoman_requests_waiting", model="alone") == 4
    assert sample(text, "dragoman_queue_duration_seconds_sum", model="alone") == 0.5
    assert sample(text, "dragoman_step_duration_seconds_count", model="alone") == 0
    assert 'dragoman_time_to_first_token_seconds_count{model="alone"}' not in text


def test_steps_that_came_at_once_count_one_by_one() -> None:
    engine = EngineMetrics("quick")
    engine.step(
        duration_s=0.5, num_rows=3, num_steps=5, num_running=3, num_waiting=0, cache_used_ratio=0.1
    )
    text = render().decode()
    for name, total in (("step_duration_seconds", 0.5), ("step_batch_rows", 15)):
        assert sample(text, f"dragoman_{name}_count", model="quick") == 5
        assert sample(text, f"dragoman_{name}_sum", model="quick") == pytest.approx(total)


def test_requests_that_were_put_back_for_lack_of_memory_are_counted() -> None:
    engine = EngineMetrics("tight")
    for count in (2, 0, 1):
        engine.preempted(count)
    with engine.paused():
        engine.preempted(5)
    assert sample(render().decode(), "dragoman_preempted_total", model="tight") == 3


def test_a_forgotten_model_has_no_series_until_it_is_back() -> None:
    EngineMetrics("kept").aborted()
    EngineMetrics("gone").aborted()
    forget_model("gone")
    text = render().decode()
    assert 'model="gone"' not in text
    assert sample(text, "dragoman_aborted_total", model="kept") == 1
    EngineMetrics("gone").aborted()
    assert sample(render().decode(), "dragoman_aborted_total", model="gone") == 2


def test_nothing_counts_while_an_engine_is_warmed_up() -> None:
    engine = EngineMetrics("warm")
    with engine.paused():
        engine.step(duration_s=0.1, num_rows=4, num_running=4, num_waiting=4, cache_used_ratio=0.5)
        engine.finished(
            queue_s=0.5,
            inference_s=1.0,
            time_to_first_token_s=0.1,
            input_tokens=3,
            output_tokens=4,
            finish_reason=FinishReason.STOP,
        )
    text = render().decode()
    assert sample(text, "dragoman_step_duration_seconds_count", model="warm") == 0
    assert sample(text, "dragoman_requests_running", model="warm") == 0
    assert 'dragoman_segments_finished_total{model="warm"' not in text


def test_the_listener_answers_metrics_and_nothing_else() -> None:
    listener = MetricsListener(host="127.0.0.1", port=0)
    listener.start()
    try:
        assert "dragoman_requests_total" in fetch(listener.port)
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{listener.port}/", timeout=60)
        refused.value.close()
    finally:
        listener.stop()


COUNTS = {
    *("requests", "rejected", "input_characters", "output_characters", "aborted"),
    "preempted",
    *("input_tokens", "output_tokens", "segments_finished", "requests_running"),
    *("requests_waiting", "step_batch_rows"),
}
UNITS = ("_seconds", "_ratio")


def test_every_metric_is_named_for_the_project_and_has_a_unit_or_is_a_count() -> None:
    names = {metric.name for metric in metrics.REGISTRY.collect()}
    assert len(names) > len(COUNTS)
    counts = {name for name in names if not name.endswith(UNITS)}
    assert counts == {f"dragoman_{name}" for name in COUNTS}
    assert all(name.startswith("dragoman_") for name in names)
