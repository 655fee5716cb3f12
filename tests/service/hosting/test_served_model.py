"""A lazy model: its one load, and the requests that wait for it."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from model.errors import DeadlineExceededError, QueueFullError
from model.tokenizer.prompt import Translation
from service.catalogue.catalogue import ModelEntry
from service.catalogue.fleet import Placement
from service.errors import ModelNotLoadedError
from service.hosting.local_backend import LocalBackend
from service.hosting.model_host import ModelHost
from service.hosting.served_model import ServedModel
from service.hosting.start import start_host
from service.settings import Settings
from tests.support.checkpoints.tiny_models import (
    SETTINGS,
    SUMMARIZER,
    TEXT,
    TRANSLATOR,
    make_request,
    tiny_entry,
    write_tiny_marian,
    write_tiny_models,
)
from tests.support.hub.server import running_hub, use_hub
from tests.support.service.backends import copy_of, num_engines, serving, states, text_of
from tests.support.service.waiting import until

GERMAN_PLEASE = Translation("de", "en")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@contextmanager
def loads_held(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[list[str]]:
    """Hold the load of the model of that name; yield the names of the loads that have begun."""
    gate, begun = threading.Event(), list[str]()

    def start(entry: ModelEntry, settings: Settings) -> ModelHost:
        if entry.name == name:
            begun.append(entry.name)
            gate.wait(60)
        return start_host(entry, settings)

    monkeypatch.setattr("service.hosting.served_model.start_host", start)
    try:
        yield begun
    finally:
        gate.set()


def lazy(folders: dict[str, Path], files: str = TRANSLATOR, **changes: object) -> ModelEntry:
    return tiny_entry(folders, files, load="lazy", **changes)


async def test_a_lazy_model_says_the_same_before_it_is_loaded(folders: dict[str, Path]) -> None:
    before_threads = num_engines()
    with serving(lazy(folders)) as backend:
        (before,) = backend.models()
        assert (before.state, before.weights_bytes) == ("not_loaded", None)
        assert num_engines() == before_threads
        assert backend.is_ready()
        assert await text_of(backend, make_request())
        (after,) = backend.models()
    assert (after.state, num_engines()) == ("loaded", before_threads)
    differing = {f for f in before.__slots__ if getattr(before, f) != getattr(after, f)}
    assert differing == {"state", "weights_bytes"}


async def test_many_first_requests_cause_one_load_and_others_are_answered_meanwhile(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        capture_logs() as logs,
        serving(lazy(folders), tiny_entry(folders, SUMMARIZER)) as backend,
    ):
        with loads_held(monkeypatch, TRANSLATOR):
            requests = [make_request(num_beams=1) for _ in range(8)]
            first = [asyncio.create_task(text_of(backend, request)) for request in requests]
            count = asyncio.create_task(backend.count_tokens(TRANSLATOR, "a", GERMAN_PLEASE))
            assert await text_of(backend, make_request("The fox.", model=SUMMARIZER))
            assert states(backend) == {TRANSLATOR: "loading", SUMMARIZER: "loaded"}
            assert not any(task.done() for task in [*first, count])
        assert len(set(await asyncio.gather(*first))) == 1
        assert await count > 0
    assert [log["model"] for log in logs if log["event"] == "model loaded"] == [
        SUMMARIZER,
        TRANSLATOR,
    ]


async def test_a_lazy_model_does_not_wait_for_an_operator_s_change(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lazy(folders)) as backend:
        with loads_held(monkeypatch, SUMMARIZER) as begun:
            arriving = Placement(tiny_entry(folders, SUMMARIZER), version=1)
            change = asyncio.create_task(backend.prepare(arriving))
            await until(lambda: begun == [SUMMARIZER])
            assert await text_of(backend, make_request(num_beams=1))
            assert not change.done()
        await change


async def test_a_model_that_is_closed_while_it_loads_leaves_no_thread_behind(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = num_engines()
    with ThreadPoolExecutor(1) as loader:
        served = ServedModel(Placement(lazy(folders)), SETTINGS, loader=loader)
        served.open()
        with loads_held(monkeypatch, TRANSLATOR) as begun:
            first = asyncio.create_task(served.count_tokens("a", GERMAN_PLEASE))
            await until(lambda: begun == [TRANSLATOR])
            served.close()
        with pytest.raises(ModelNotLoadedError):
            await first
    assert num_engines() == before


async def test_no_more_wait_for_a_load_than_may_wait_for_a_model(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    summarizer = tiny_entry(folders, SUMMARIZER)
    with serving(lazy(folders, max_waiting=2), summarizer) as backend:
        with loads_held(monkeypatch, TRANSLATOR):
            tasks = [asyncio.create_task(text_of(backend, make_request())) for _ in range(2)]
            await until(lambda: backend.num_free_places(TRANSLATOR) == 0)
            assert backend.num_free_places(SUMMARIZER) == 9
            with pytest.raises(QueueFullError):
                await text_of(backend, make_request())
        await asyncio.gather(*tasks)


async def test_counts_of_tokens_take_places_too_while_a_model_loads(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long texts are measured before they are sent, so those requests wait there."""
    task = Translation("de", "en")
    with serving(lazy(folders, max_waiting=2)) as backend:
        with loads_held(monkeypatch, TRANSLATOR):
            counts = [
                asyncio.create_task(backend.count_tokens(TRANSLATOR, TEXT, task)) for _ in range(2)
            ]
            await until(lambda: backend.num_free_places(TRANSLATOR) == 0)
            with pytest.raises(QueueFullError):
                await backend.count_tokens(TRANSLATOR, TEXT, task)
        found = await asyncio.gather(*counts)
        assert found == [await backend.count_tokens(TRANSLATOR, TEXT, task)] * 2
        assert backend.num_free_places(TRANSLATOR) == 2


@pytest.mark.parametrize("how", ["is too late", "leaves"])
async def test_a_client_that_gives_up_a_load_frees_its_place_and_keeps_the_load_for_others(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with capture_logs() as logs, serving(lazy(folders, max_waiting=2)) as backend:
        with loads_held(monkeypatch, TRANSLATOR) as begun:
            timeout_ms = 20 if how == "is too late" else 60_000
            impatient = asyncio.create_task(text_of(backend, make_request(timeout_ms=timeout_ms)))
            patient = asyncio.create_task(text_of(backend, make_request(timeout_ms=60_000)))
            await until(lambda: begun == [TRANSLATOR])
            if how == "leaves":
                await until(lambda: backend.num_free_places(TRANSLATOR) == 0)
                impatient.cancel()
            with pytest.raises((DeadlineExceededError, asyncio.CancelledError)):
                await impatient
            assert backend.num_free_places(TRANSLATOR) == 1
            assert not patient.done()
        assert await patient
    assert [log["model"] for log in logs if log["event"] == "model loaded"] == [TRANSLATOR]


async def test_a_lazy_model_of_a_hub_is_loaded_at_the_commit_that_was_described(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = copy_of(folders[TRANSLATOR], tmp_path / "newer")
    write_tiny_marian(newer, seed=1)
    with running_hub() as hub:
        use_hub(monkeypatch, hub.url)
        hub.add("owner/model", folders[TRANSLATOR], commit="a" * 40)
        entry = tiny_entry(folders, path="owner/model", load="lazy")
        settings = SETTINGS.model_copy(update={"cache_folder": tmp_path / "cache"})
        backend = LocalBackend([entry], settings)
        try:
            hub.add("owner/model", newer, commit="b" * 40)
            await text_of(backend, make_request())
            (info,) = backend.models()
        finally:
            backend.close()
    assert (info.state, info.revision) == ("loaded", "a" * 40)


async def test_a_lazy_model_that_fails_to_load_is_tried_again_after_a_pause(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = {TRANSLATOR: copy_of(folders[TRANSLATOR], tmp_path / "marian")}
    weights = copy[TRANSLATOR] / "model.safetensors"
    away = weights.rename(tmp_path / "away")
    with serving(lazy(copy), tiny_entry(folders, SUMMARIZER)) as backend:
        for _ in range(2):  # the second finds that it is too early
            with pytest.raises(ModelNotLoadedError, match=r"a request in \d+ s or later"):
                await text_of(backend, make_request())
        assert states(backend)[TRANSLATOR] == "failed"
        assert backend.is_ready()
        assert backend.is_alive()
        assert await text_of(backend, make_request("The fox.", model=SUMMARIZER))
        away.rename(weights)
        monkeypatch.setattr("service.hosting.served_model.RETRY_AFTER_S", 0.0)
        assert await text_of(backend, make_request())
        assert states(backend)[TRANSLATOR] == "loaded"
