"""A replica's part in a fleet: it catches up before it serves, and outlasts the fleet's absence."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.catalogue.catalogue import CatalogueError
from service.catalogue.fleet import Change, Fleet, Outcome, Placement, Plan
from service.errors import FleetLostError
from service.hosting.follower import Follower
from service.hosting.local_backend import LocalBackend
from tests.support.checkpoints.tiny_models import (
    SETTINGS,
    SUMMARIZER,
    TRANSLATOR,
    make_request,
    tiny_entry,
    write_tiny_models,
)
from tests.support.service.backends import text_of
from tests.support.service.waiting import until


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@contextmanager
def backend_with_the_translator(folders: dict[str, Path]) -> Iterator[LocalBackend]:
    backend = LocalBackend([tiny_entry(folders)], SETTINGS)
    try:
        yield backend
    finally:
        backend.close()


def load_summarizer(folders: dict[str, Path]) -> Change:
    return Change(action="load", name=SUMMARIZER, entry=tiny_entry(folders, SUMMARIZER))


def names(backend: LocalBackend) -> list[str]:
    return [model.name for model in backend.models()]


class LosableFleet(Fleet):
    """A fleet that cannot be reached while it is `lost`; counts the calls that failed."""

    lost = False
    num_failed = 0

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        if self.lost:
            self.num_failed += 1
            raise FleetLostError
        return await super().follow(replica, known)


class DeafFleet(Fleet):
    """A fleet that hears no report about its first plan."""

    num_unheard = 0

    async def report(self, replica: str, number: int, error: str | None) -> None:
        if number == 0:
            self.num_unheard += 1
            raise FleetLostError
        await super().report(replica, number, error)


async def test_a_replica_serves_what_is_planned_before_it_serves_anybody(
    folders: dict[str, Path],
) -> None:
    fleet = Fleet([tiny_entry(folders), tiny_entry(folders, SUMMARIZER)])
    with backend_with_the_translator(folders) as backend:
        async with Follower(backend, fleet).following():
            assert names(backend) == [TRANSLATOR, SUMMARIZER]


async def test_a_replica_that_cannot_serve_what_is_planned_does_not_start(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    fleet = Fleet([tiny_entry(folders, path=str(tmp_path))])
    with backend_with_the_translator(folders) as backend:
        with pytest.raises(CatalogueError):
            await Follower(backend, fleet).following().__aenter__()
        assert names(backend) == [TRANSLATOR]


async def test_a_replica_goes_on_serving_while_the_fleet_is_lost_and_then_follows_again(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.hosting.follower.RETRY_S", 0.01)
    fleet = LosableFleet([tiny_entry(folders)], poll_s=0.01)
    with backend_with_the_translator(folders) as backend:
        follower = Follower(backend, fleet)
        async with follower.following():
            fleet.lost = True
            await until(lambda: fleet.num_failed > 2)
            assert (names(backend), follower.error) == ([TRANSLATOR], None)
            assert await text_of(backend, make_request())
            fleet.lost = False
            async with asyncio.timeout(60):
                assert await fleet.change(load_summarizer(folders)) == Outcome("done")
            assert names(backend) == [TRANSLATOR, SUMMARIZER]


async def test_a_newer_plan_ends_the_report_of_the_old_one(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.hosting.follower.RETRY_S", 0.01)
    fleet = DeafFleet([tiny_entry(folders)])
    with backend_with_the_translator(folders) as backend:
        async with Follower(backend, fleet).following():
            await until(lambda: fleet.num_unheard > 2)
            async with asyncio.timeout(60):
                assert await fleet.change(load_summarizer(folders)) == Outcome("done")
        assert names(backend) == [TRANSLATOR, SUMMARIZER]


async def test_a_replica_that_missed_the_preparation_and_cannot_catch_up_says_so(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """Its health tells Ray to replace it."""
    fleet = Fleet([tiny_entry(folders)])
    with backend_with_the_translator(folders) as backend:
        follower = Follower(backend, fleet)
        async with follower.following():
            broken = tiny_entry(folders, SUMMARIZER, path=str(tmp_path))
            served = (Placement(tiny_entry(folders)), Placement(broken))
            await fleet.follow("another", Plan(number=7, served=served))
            await until(lambda: follower.error is not None)
            assert follower.error is not None
            assert SUMMARIZER in follower.error
            assert names(backend) == [TRANSLATOR]
