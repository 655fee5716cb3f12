"""A replica's part in a fleet: it serves what the plan says, and says how far it is."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.catalogue.fleet import FleetClient, Plan
from service.errors import FleetLostError
from service.hosting.local_backend import LocalBackend
from service.telemetry.log import get_logger

RETRY_S = 1.0

logger = get_logger(__name__)


class Follower:
    """Keeps one replica's models as its fleet wants them.

    It listens and works at the same time: a replica that loads a model is heard of all the while.
    """

    def __init__(self, backend: LocalBackend, fleet: FleetClient) -> None:
        self._backend = backend
        self._fleet = fleet
        self._replica = uuid.uuid4().hex
        self._plan = Plan(number=-1, served=())
        self._news = asyncio.Event()
        self.error: str | None = None  # why the replica does not serve what it should

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Within it the replica follows; it serves what the plan says before that begins.

        Raises:
            CatalogueError: A model of the plan cannot be loaded.
            FleetLostError: There is no plan to be had.
        """
        self._plan = await self._fleet.follow(self._replica, None)
        await self._backend.serve(self._plan.served)
        self._news.set()
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
                self._news.set()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
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
        """Say how it went; again until it is heard, or until there is something else to do."""
        while not self._news.is_set():
            try:
                await self._fleet.report(self._replica, plan.number, error)
            except FleetLostError:
                await asyncio.sleep(RETRY_S)
            else:
                return
