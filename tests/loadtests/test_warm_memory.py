"""The memory of a service under mixed load: what is asked, and what is measured."""

import json
import os
import sys
from pathlib import Path
from random import Random

import pytest

from loadtests.memory import warm
from loadtests.memory.mixed_load import Service, any_request, odd_text
from loadtests.memory.processes import memory_of

SERVICE = Service("http://x", pairs=[("en", "de"), ("de", "en")], styles=["tldr"])

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@needs_proc
def test_the_memory_of_a_process_is_its_anonymous_file_and_shared_pages() -> None:
    memory = memory_of(os.getpid())
    assert memory.total == memory.anonymous + memory.file + memory.shared
    assert 0 < memory.anonymous < memory.total <= memory.peak


def test_odd_texts_are_short_and_long_and_differ() -> None:
    random = Random(0)
    texts = [odd_text(random) for _ in range(300)]
    assert all(60 <= len(text) <= 40_000 for text in texts)
    assert len(set(texts)) > 150


def test_all_kinds_of_requests_are_sent_for_both_models() -> None:
    random = Random(0)
    sent = [any_request(random, SERVICE) for _ in range(600)]
    routes = [route for route, _ in sent]
    assert 50 < routes.count("/v1/summarize") < routes.count("/v1/translate")
    assert {body["num_beams"] for _, body in sent} == {1, 4, 8}
    assert any(isinstance(body["text"], list) and len(body["text"]) > 40 for _, body in sent)


def test_without_a_summarizer_everything_is_translated() -> None:
    random = Random(0)
    service = Service("http://x", pairs=[("en", "de")], styles=[])
    assert {any_request(random, service)[0] for _ in range(100)} == {"/v1/translate"}


@needs_proc
@pytest.mark.ray
def test_the_replica_is_measured_before_during_and_after_the_load(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    options = ["--minutes=0.05", "--every=1", "--users=2", "--rest=0", f"--json={result}"]
    assert warm.main(options) == 0
    found = json.loads(result.read_text())
    phases = [sample["phase"] for sample in found["samples"]]
    assert (phases[0], phases[1], phases[-1]) == ("fresh", "load", "rest")
    assert len({sample["pid"] for sample in found["samples"]}) == 1
    assert all(sample["anonymous"] > 100e6 for sample in found["samples"])
    titles = [process["title"] for process in found["processes"]]
    assert titles[0].startswith("ServeReplica")
    assert any(title.startswith("raylet") for title in titles)
    assert found["statuses"]["200"] > 0
