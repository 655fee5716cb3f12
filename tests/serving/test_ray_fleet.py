"""The actor that remembers what all replicas serve: found by name, begun anew, ended unused."""

import asyncio
import os
import signal
from collections.abc import Iterator

import psutil
import pytest
import ray

from service.catalogue.catalogue import load_catalogue
from service.catalogue.fleet import Change, Outcome, Plan
from service.cluster.ray_fleet import NAMESPACE, RayFleet
from service.errors import FleetLostError
from tests.support.service.waiting import wait_until

ENTRIES = load_catalogue().models
FIRST = ENTRIES[0].name


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    ray.init(num_cpus=1, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False)
    yield
    ray.shutdown()


def actor_processes() -> list[psutil.Process]:
    processes = psutil.Process().children(recursive=True)
    return [process for process in processes if "_FleetActor" in _title(process)]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


async def serve_what_is_planned(fleet: RayFleet, plan: Plan) -> None:
    """A replica that carries out every plan at once."""
    while True:
        try:
            await fleet.report("r", plan.number, None)
            plan = await fleet.follow("r", plan)
        except FleetLostError:
            await asyncio.sleep(0.1)


async def test_a_fleet_that_is_killed_begins_anew_with_what_its_replicas_serve() -> None:
    fleet, same = RayFleet("first", ENTRIES), RayFleet("first", ENTRIES)
    plan = await fleet.follow("r", None)
    replica = asyncio.create_task(serve_what_is_planned(fleet, plan))
    unload = Change(action="unload", name=FIRST, entry=None)
    assert await same.change(unload) == Outcome("done")
    (process,) = await asyncio.to_thread(actor_processes)
    os.kill(process.pid, signal.SIGKILL)
    names = None
    async with asyncio.timeout(60):
        while names != [entry.name for entry in ENTRIES if entry.name != FIRST]:
            try:
                names = [placement.entry.name for placement in (await same.plan()).served]
            except FleetLostError:
                await asyncio.sleep(0.1)
    replica.cancel()


async def test_a_fleet_without_replicas_ends_itself_and_is_made_again_when_needed() -> None:
    fleet = RayFleet("short", ENTRIES, unused_s=0.5)
    await fleet.follow("r", None)

    def is_gone() -> bool:
        return "short" not in {a["name"] for a in ray.util.list_named_actors(all_namespaces=True)}

    await asyncio.to_thread(wait_until, is_gone, timeout_s=60)
    with pytest.raises(FleetLostError):
        await fleet.plan()
    assert (await fleet.plan()).number == 0
    ray.kill(ray.get_actor("short", namespace=NAMESPACE))
