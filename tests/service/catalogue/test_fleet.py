"""Changes made everywhere or nowhere: what a fleet asks of its replicas, and in which order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from service.catalogue.catalogue import ModelEntry
from service.catalogue.entry import Place
from service.catalogue.fleet import Change, Fleet, Outcome, Plan
from tests.support.engine.clocks import FakeClock


def make_entry(name: str, path: str = "/one") -> ModelEntry:
    return ModelEntry.model_validate({"name": name, "path": path, "task": "summarization"})


A, B = make_entry("a"), make_entry("b")
LOAD_B = Change(action="load", name="b", entry=B)
DONE = Outcome("done")


class Replica:
    """A replica that carries out plans at once, or reports that it cannot; it records them."""

    def __init__(self, name: str = "r", *, fails_at: Callable[[Plan], bool] | None = None) -> None:
        self.name = name
        self.plans: list[Plan] = []
        self._fails_at = fails_at or (lambda _: False)

    @asynccontextmanager
    async def following(self, fleet: Fleet) -> AsyncIterator["Replica"]:
        await self._do(fleet, await fleet.follow(self.name, None))
        task = asyncio.create_task(self._follow(fleet))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, fleet: Fleet) -> None:
        while True:
            plan = await fleet.follow(self.name, self.plans[-1])
            if plan is not self.plans[-1]:
                await self._do(fleet, plan)

    async def _do(self, fleet: Fleet, plan: Plan) -> None:
        self.plans.append(plan)
        error = f"{self.name} has no room" if self._fails_at(plan) else None
        await fleet.report(self.name, plan.number, error)

    @property
    def story(self) -> list[tuple[list[str], str | None]]:
        """Of each plan: the models served, and the one arriving."""
        return [
            (
                [f"{p.entry.name}{p.entry.path}" for p in plan.served],
                None if plan.arriving is None else plan.arriving.entry.name,
            )
            for plan in self.plans
        ]


async def test_a_new_model_is_served_once_every_replica_has_it() -> None:
    fleet = Fleet([A])
    async with Replica("1").following(fleet) as one, Replica("2").following(fleet) as two:
        assert await fleet.change(LOAD_B) == DONE
    assert one.story == [(["a/one"], None), (["a/one"], "b"), (["a/one", "b/one"], None)]
    assert two.story == one.story


async def test_a_swap_keeps_the_place_and_what_the_model_is_the_default_for() -> None:
    first = A.placed(Place(name="dragoman.yaml:3", default_for=("summarization",)))
    fleet = Fleet([first, B])
    async with Replica().following(fleet) as replica:
        swap = Change(action="swap", name="a", entry=make_entry("a", "/two"))
        assert await fleet.change(swap) == DONE
    last = replica.plans[-1].served
    assert replica.story[-1] == (["a/two", "b/one"], None)
    assert last[0].entry.default_for == ("summarization",)
    assert last[0].version > 0


async def test_the_same_entry_swapped_in_is_another_version() -> None:
    fleet = Fleet([A])
    async with Replica().following(fleet) as replica:
        for _ in range(2):
            assert await fleet.change(Change(action="swap", name="a", entry=A)) == DONE
    versions = [plan.served[0].version for plan in replica.plans]
    assert len(set(versions)) == 3


async def test_an_unloaded_model_is_gone_at_once() -> None:
    fleet = Fleet([A, B])
    async with Replica().following(fleet) as replica:
        assert await fleet.change(Change(action="unload", name="a", entry=None)) == DONE
    assert replica.story == [(["a/one", "b/one"], None), (["b/one"], None)]


async def test_what_one_replica_cannot_load_none_serves() -> None:
    fleet = Fleet([A])
    weak = Replica("weak", fails_at=lambda plan: plan.arriving is not None)
    async with Replica("strong").following(fleet) as strong, weak.following(fleet):
        assert await fleet.change(LOAD_B) == Outcome("failed", "weak has no room")
        assert await fleet.change(Change(action="unload", name="a", entry=None)) == DONE
    assert strong.story[:3] == [(["a/one"], None), (["a/one"], "b"), (["a/one"], None)]


async def test_a_replica_that_cannot_serve_what_it_had_ready_leaves_the_change_incomplete() -> None:
    fleet = Fleet([A])
    weak = Replica("weak", fails_at=lambda plan: len(plan.served) > 1)
    async with Replica("strong").following(fleet) as strong, weak.following(fleet):
        assert await fleet.change(LOAD_B) == Outcome("incomplete", "weak has no room")
    assert strong.story[-1] == (["a/one", "b/one"], None)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (Change(action="load", name="a", entry=A), "name_taken"),
        (Change(action="swap", name="b", entry=B), "unknown_name"),
        (Change(action="unload", name="b", entry=None), "unknown_name"),
    ],
    ids=["load", "swap", "unload"],
)
async def test_a_change_that_fits_no_model_is_refused(change: Change, kind: str) -> None:
    fleet = Fleet([A])
    async with Replica().following(fleet) as replica:
        assert (await fleet.change(change)).kind == kind
    assert len(replica.plans) == 1


async def test_there_is_one_change_at_a_time() -> None:
    fleet = Fleet([A])
    plan = await fleet.follow("slow", None)  # it never reports
    first = asyncio.create_task(fleet.change(LOAD_B))
    async with asyncio.timeout(60):
        assert (await fleet.follow("slow", plan)).arriving is not None
    assert await fleet.change(LOAD_B) == Outcome("busy")
    first.cancel()


async def test_a_fleet_that_knows_no_replica_yet_changes_nothing() -> None:
    assert await Fleet([A]).change(LOAD_B) == Outcome("busy")


async def test_a_change_does_not_wait_for_a_replica_without_heartbeats() -> None:
    clock = FakeClock()
    fleet = Fleet([A], clock=clock)
    await fleet.follow("dead", None)
    clock.advance(20.0)
    async with Replica().following(fleet) as replica:
        assert await fleet.change(LOAD_B) == DONE
    assert replica.story[-1] == (["a/one", "b/one"], None)


async def test_a_replica_that_comes_later_is_told_what_was_changed() -> None:
    fleet = Fleet([A])
    async with Replica("1").following(fleet):
        await fleet.change(LOAD_B)
        async with Replica("2").following(fleet) as late:
            assert late.story == [(["a/one", "b/one"], None)]
    assert [p.entry.name for p in (await fleet.plan()).served] == ["a", "b"]


async def test_a_fleet_that_begins_anew_learns_from_its_replicas_what_is_served() -> None:
    first = Fleet([A])
    async with Replica().following(first) as replica:
        await first.change(LOAD_B)
    second = Fleet([A])
    plan = await second.follow("r", replica.plans[-1])
    assert [p.entry.name for p in plan.served] == ["a", "b"]
    assert plan.number > replica.plans[-1].number


async def test_a_replica_is_heard_of_when_it_begins_to_wait_for_news() -> None:
    clock, idle_s = FakeClock(), list[float]()
    fleet = Fleet([A], clock=clock, poll_s=0.05)
    plan = await fleet.follow("r", None)
    clock.advance(10.0)
    assert fleet.idle_s() == 10.0
    asyncio.get_running_loop().call_later(0.01, lambda: idle_s.append(fleet.idle_s()))
    await fleet.follow("r", plan)
    assert idle_s == [0.0]


async def test_a_replica_is_heard_of_when_it_has_waited_in_vain() -> None:
    clock = FakeClock()
    fleet = Fleet([A], clock=clock, poll_s=0.05)
    plan = await fleet.follow("r", None)
    asyncio.get_running_loop().call_later(0.01, clock.advance, 10.0)  # while it waits
    assert await fleet.follow("r", plan) is plan
    assert fleet.idle_s() == 0.0
