"""Models that change on two replicas under traffic, and are remembered by later ones."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.support.checkpoints.tiny_models import SUMMARIZER, TRANSLATOR, write_tiny_models
from tests.support.service.clients import sse_events
from tests.support.service.running import RunningService, running_service
from tests.support.service.waiting import wait_until

KEY = "an-admin-key-of-some-length"
HEADERS = {"authorization": f"Bearer {KEY}"}
PATIENCE_S = 120  # for one request, on a machine that is busy with others


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


def entry_of(folders: dict[str, Path], files: str, **changes: Any) -> dict[str, Any]:
    """Return a catalogue's entry of a model."""
    entry: dict[str, Any] = {"name": files, "path": str(folders[files])}
    if files == TRANSLATOR:
        return {**entry, "task": "translation", "pairs": ["en-de"], **changes}
    return {**entry, "task": "summarization", **changes}


@pytest.fixture(scope="module")
def service(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    catalogue = tmp_path_factory.mktemp("catalogue") / "models.yaml"
    catalogue.write_text(yaml.safe_dump({"models": [entry_of(folders, TRANSLATOR)]}))
    options = ("--replicas", "2", "--threads", "1", "--catalogue", str(catalogue))
    with running_service(*options, environment={"DRAGOMAN_ADMIN_KEY": KEY}) as running:
        yield running


async def ask(url: str, number: int, outcomes: Counter[str]) -> None:
    """Translate in a loop and count the outcomes; one client in four streams."""
    is_stream = number == 0
    body = {
        "text": "The fox. The dog. " * (number + 1),
        "source_lang": "en",
        "target_lang": "de",
        "stream": is_stream,
    }
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        while True:
            response = await client.post("/v1/translate", json=body)
            last = sse_events(response.text)[-1][0] if is_stream else "done"
            outcomes[f"{response.status_code} {last}"] += 1


async def change(url: str, action: str, **fields: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        body = {"action": action, **fields}
        return await client.post("/admin/models", json=body, headers=HEADERS)


async def served_by_all(url: str) -> set[tuple[str, ...]]:
    """Return each replica's model names; new connections reach either of the two."""
    found = set()
    for _ in range(12):
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
            models = (await client.get("/v1/models")).json()["models"]
            assert {model["state"] for model in models} == {"loaded"}
            found.add(tuple(model["name"] for model in models))
    return found


async def test_no_request_fails_while_the_models_of_two_replicas_change(
    service: RunningService, folders: dict[str, Path]
) -> None:
    outcomes: Counter[str] = Counter()
    traffic = [asyncio.create_task(ask(service.url, number, outcomes)) for number in range(4)]
    summarizer = entry_of(folders, SUMMARIZER)
    steps: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("load", {"model": summarizer}, (TRANSLATOR, SUMMARIZER)),
        ("swap", {"model": entry_of(folders, TRANSLATOR)}, (TRANSLATOR, SUMMARIZER)),
        ("load", {"model": entry_of(folders, TRANSLATOR, name="b")}, (TRANSLATOR, SUMMARIZER, "b")),
        ("unload", {"name": TRANSLATOR}, (SUMMARIZER, "b")),
    ]
    for action, fields, names in steps:
        response = await change(service.url, action, **fields)
        assert response.status_code == 200, response.text
        assert await served_by_all(service.url) == {names}
    assert not any(task.done() for task in traffic)
    for task in traffic:
        task.cancel()
    await asyncio.gather(*traffic, return_exceptions=True)
    assert set(outcomes) == {"200 done"}
    assert outcomes.total() > 20


@pytest.mark.timeout(600)
def test_replicas_that_start_later_serve_what_was_changed(service: RunningService) -> None:
    wanted = asyncio.run(served_by_all(service.url))
    replicas = [p for p in service.processes() if p.name().startswith("ray::ServeReplica")]
    assert len(replicas) == 2
    for replica in replicas:
        replica.kill()
    psutil.wait_procs(replicas, timeout=PATIENCE_S)

    def is_ready() -> bool:
        try:
            return httpx.get(f"{service.url}/ready", timeout=10).status_code == 200
        except httpx.TimeoutException:  # no replica takes it yet
            return False

    wait_until(is_ready, timeout_s=240)
    assert asyncio.run(served_by_all(service.url)) == wanted


@pytest.mark.parametrize("headers", [{}, {"authorization": f"Bearer {KEY[:-1]}"}], ids=str)
def test_without_the_right_key_nothing_changes(
    service: RunningService, headers: dict[str, str]
) -> None:
    before = asyncio.run(served_by_all(service.url))
    (names,) = before
    body = {"action": "unload", "name": names[0]}
    response = httpx.post(
        f"{service.url}/admin/models", json=body, headers=headers, timeout=PATIENCE_S
    )
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert asyncio.run(served_by_all(service.url)) == before
    assert KEY not in service.log
