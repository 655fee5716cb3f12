"""The fleet of several replicas: in an actor of its own, which all of them find by its name."""

import asyncio
from typing import Any, cast

import ray
from ray.exceptions import RayError

from service.catalogue.catalogue import ModelEntry
from service.catalogue.fleet import Change, Fleet, Outcome, Plan
from service.errors import FleetLostError

NAMESPACE = "dragoman"
UNUSED_S = 600.0  # without a replica, before the actor ends itself
MAX_CALLS = 10_000  # at once: each replica has one that waits for news


class RayFleet:
    """A `service.catalogue.fleet.FleetClient`; it can be sent to other processes.

    Whoever needs the actor first creates it. It outlives whoever that was, and begins anew when its
    process or node is lost: the replicas then tell it what they serve.
    """

    def __init__(
        self, name: str, entries: tuple[ModelEntry, ...], *, unused_s: float = UNUSED_S
    ) -> None:
        """Nothing is started yet.

        Args:
            name: Of the actor; who gives the same name shares it.
            entries: What is served until something is changed.
            unused_s: How long the actor stays when no replica follows it.
        """
        self._name = name
        self._entries = entries
        self._unused_s = unused_s
        self._actor: Any = None

    async def plan(self) -> Plan:
        return cast("Plan", await self._ask("plan"))

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        return cast("Plan", await self._ask("follow", replica, known))

    async def report(self, replica: str, number: int, error: str | None) -> None:
        await self._ask("report", replica, number, error)

    async def change(self, change: Change) -> Outcome:
        return cast("Outcome", await self._ask("change", change))

    async def _ask(self, method: str, *arguments: object) -> Any:
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
    """A fleet that ends itself once nobody follows it: another catalogue has another fleet."""

    def __init__(self, entries: tuple[ModelEntry, ...], unused_s: float) -> None:
        super().__init__(entries)
        self._unused_s = unused_s
        self._retirement: asyncio.Task[None] | None = None

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        if self._retirement is None:
            self._retirement = asyncio.create_task(self._retire())
        return await super().follow(replica, known)

    async def _retire(self) -> None:
        while self.idle_s() < self._unused_s:  # noqa: ASYNC110 - nothing tells of silence
            await asyncio.sleep(self._unused_s / 10)
        ray.kill(ray.get_runtime_context().current_actor)
