"""The replica's side of a fleet: serve the models of its plan, and report."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.catalogue.fleet import FleetClient, Plan
from service.errors import FleetLostError
from service.hosting.local_backend import LocalBackend
from service.telemetry.log import get_logger

RETRY_S = 1.0  # from a call that did not reach the fleet to the next

logger = get_logger(__name__)


class Follower:
    """Makes a backend serve the models of its fleet's plan.

    One task polls the fleet, which is the replica's heartbeat; another carries out the plans, as a
    load may take longer than the fleet waits for a heartbeat.
    """

    def __init__(self, backend: LocalBackend, fleet: FleetClient) -> None:
        self._backend = backend
        self._fleet = fleet
        self._replica = uuid.uuid4().hex
        self._plan = Plan(number=-1, served=())
        self._has_new_plan = asyncio.Event()
        self.error: str | None = None  # why the replica cannot serve the plan's models

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Serve the fleet's plan, then follow its changes within the context.

        Raises:
            CatalogueError: A model of the plan cannot be loaded.
            FleetLostError: The fleet cannot be reached.
        """
        self._plan = await self._fleet.follow(self._replica, None)
        await self._backend.serve(self._plan.served)
        self._has_new_plan.set()
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._work())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            try:
                plan = await self._fleet.follow(self._replica, self._plan)
            except FleetLostError:
                logger.warning("the fleet cannot be reached")
                await asyncio.sleep(RETRY_S)
                continue
            if plan.number != self._plan.number:
                self._plan = plan
                self._has_new_plan.set()

    async def _work(self) -> None:
        while True:
            await self._has_new_plan.wait()
            self._has_new_plan.clear()
            plan, error = self._plan, None
            try:
                await self._carry_out(plan)
            except Exception as failure:
                logger.exception("a change could not be made", number=plan.number)
                error = str(failure) or type(failure).__name__
            await self._report(plan, error)

    async def _carry_out(self, plan: Plan) -> None:
        try:
            await self._backend.serve(plan.served)
        except Exception as failure:
            self.error = str(failure)
            raise
        self.error = None
        await self._backend.prepare(plan.arriving)

    async def _report(self, plan: Plan, error: str | None) -> None:
        """Report a plan's result; retry until it reaches the fleet or a newer plan comes."""
        while not self._has_new_plan.is_set():
            try:
                await self._fleet.report(self._replica, plan.number, error)
            except FleetLostError:
                await asyncio.sleep(RETRY_S)
            else:
                return
