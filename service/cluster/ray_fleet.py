"""A fleet shared by the replicas of a cluster: a named Ray actor holds its plan."""

import asyncio
from typing import Any, cast

import ray
from ray.exceptions import RayError

from service.catalogue.catalogue import ModelEntry
from service.catalogue.fleet import Change, Fleet, Outcome, Plan
from service.errors import FleetLostError

NAMESPACE = "dragoman"
UNUSED_S = 600.0  # time without a replica after which the actor ends itself
MAX_CALLS = 10_000  # concurrent; each replica always has one `follow` pending


class RayFleet:
    """A `service.catalogue.fleet.FleetClient` over a Ray actor; it can be pickled.

    The first call of any process creates the actor, which outlives that process. Ray restarts it
    when its process or node is lost; it then takes over the newest plan that a replica knows.
    """

    def __init__(
        self, name: str, entries: tuple[ModelEntry, ...], *, unused_s: float = UNUSED_S
    ) -> None:
        """Start nothing yet.

        Args:
            name: The actor's; clients with the same name share the actor.
            entries: The models served until an operator changes them.
            unused_s: Seconds without a replica after which the actor ends itself.
        """
        self._name = name
        self._entries = entries
        self._unused_s = unused_s
        self._actor: Any = None

    async def plan(self) -> Plan:
        return cast("Plan", await self._call("plan"))

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        return cast("Plan", await self._call("follow", replica, known))

    async def report(self, replica: str, number: int, error: str | None) -> None:
        await self._call("report", replica, number, error)

    async def change(self, change: Change) -> Outcome:
        return cast("Outcome", await self._call("change", change))

    async def _call(self, method: str, *arguments: object) -> Any:
        try:
            if self._actor is None:
                self._actor = self._find_or_create()
            return await getattr(self._actor, method).remote(*arguments)
        except RayError as error:
            self._actor = None
            raise FleetLostError from error

    def _find_or_create(self) -> Any:
        options = ray.remote(_FleetActor).options(
            name=self._name,
            namespace=NAMESPACE,
            get_if_exists=True,
            lifetime="detached",
            num_cpus=0,
            max_restarts=-1,
            max_concurrency=MAX_CALLS,
        )
        return options.remote(self._entries, self._unused_s)


class _FleetActor(Fleet):
    """A fleet that ends its actor when no replica follows it, as after a change of catalogue."""

    def __init__(self, entries: tuple[ModelEntry, ...], unused_s: float) -> None:
        super().__init__(entries)
        self._unused_s = unused_s
        self._retirement: asyncio.Task[None] | None = None

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        if self._retirement is None:
            self._retirement = asyncio.create_task(self._retire())
        return await super().follow(replica, known)

    async def _retire(self) -> None:
        while self.idle_s() < self._unused_s:  # noqa: ASYNC110 - silence sets no event
            await asyncio.sleep(self._unused_s / 10)
        ray.kill(ray.get_runtime_context().current_actor)
