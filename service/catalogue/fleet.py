"""The plan of the models that all replicas serve, and its changes in two phases.

An operator's change succeeds on every replica or on none. In the first phase every replica loads
the new model beside the old ones; when all have reported it loaded, the second tells them to serve
it. A `Fleet` holds the plan and each replica's progress, and loads no model itself. In one process
it is a plain object; for several it lives in a Ray actor (`service.cluster.ray_fleet`).
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from service.catalogue.entry import ModelEntry, Place

POLL_S = 5.0  # longest that `follow` waits for another plan; its calls are the heartbeats
LOST_AFTER_S = 15.0  # without a heartbeat; changes then no longer wait for the replica


@dataclass(frozen=True, slots=True)
class Placement:
    """A version of a model to serve; a new version is loaded anew, even of an equal entry."""

    entry: ModelEntry
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The models that every replica is to serve; the plan with the higher number is the newer.

    Attributes:
        number: Counts the changes of the plan.
        served: The models to serve, in order.
        arriving: A model to load without serving it yet.
    """

    number: int
    served: tuple[Placement, ...]
    arriving: Placement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An operator's change of the served models."""

    action: Literal["load", "swap", "unload"]
    name: str
    entry: ModelEntry | None  # None to unload


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a change.

    Attributes:
        kind: `failed`: undone, as a replica could not load the model. `incomplete`: the plan has
            changed, but a replica cannot serve it. `busy`: another change is being made, or no
            replica is known. The others speak for themselves.
        detail: A sentence for the operator, if a replica failed.
    """

    kind: Literal["done", "name_taken", "unknown_name", "busy", "failed", "incomplete"]
    detail: str = ""


class FleetClient(Protocol):
    """A fleet in this process or another; each method may raise `service.errors.FleetLostError`."""

    async def plan(self) -> Plan:
        """Return the current plan."""
        ...

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        """Wait until the plan differs from the known one, or `POLL_S`; return the plan.

        The call registers the replica and is its heartbeat: changes wait for it from then on.

        Args:
            replica: The replica's id.
            known: The replica's plan; None if it has none, for an answer at once.
        """
        ...

    async def report(self, replica: str, number: int, error: str | None) -> None:
        """Tell that the replica has carried out the plan of that number, or why it could not."""
        ...

    async def change(self, change: Change) -> Outcome:
        """Make the change on every replica; return when all have made it, or none has."""
        ...


@dataclass(slots=True)
class _Replica:
    heard_s: float  # its last heartbeat, on the fleet's clock
    done: int = -1  # the number of the last plan that it reported
    error: str | None = None  # of that plan


class Fleet:
    """The plan and each replica's progress (a `FleetClient`); must stay in one event loop."""

    def __init__(
        self,
        entries: Iterable[ModelEntry],
        *,
        poll_s: float = POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with a plan of `entries`, which no replica follows yet."""
        self._plan = Plan(number=0, served=tuple(map(Placement, entries)))
        self._poll_s = poll_s
        self._clock = clock
        self._begin_s = clock()
        self._replicas: dict[str, _Replica] = {}
        self._changed = asyncio.Condition()
        self._is_changing = False

    async def plan(self) -> Plan:
        return self._plan

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        self._record_heartbeat(replica)
        if known is None:
            return self._plan
        if known.number > self._plan.number:
            # The actor has been restarted; the replica's plan is newer than the initial one.
            self._plan = replace(known, number=known.number + 1, arriving=None)
        number = known.number
        await self._wait_until(lambda: self._plan.number != number, self._poll_s)
        self._record_heartbeat(replica)
        return self._plan

    async def report(self, replica: str, number: int, error: str | None) -> None:
        self._record_heartbeat(replica)
        self._replicas[replica].done = number
        self._replicas[replica].error = error
        await self._notify()

    async def change(self, change: Change) -> Outcome:
        refusal = self._refusal(change)
        if refusal is not None:
            return refusal
        self._is_changing = True
        try:
            return await self._apply(change)
        finally:
            self._is_changing = False

    def idle_s(self) -> float:
        """Return the seconds since the last heartbeat of any replica."""
        heard = [replica.heard_s for replica in self._replicas.values()]
        return self._clock() - max(heard, default=self._begin_s)

    def _refusal(self, change: Change) -> Outcome | None:
        is_served = any(p.entry.name == change.name for p in self._plan.served)
        if self._is_changing or not self._live():  # no replica: the actor was just restarted
            return Outcome("busy")
        if change.action == "load" and is_served:
            return Outcome("name_taken")
        if change.action != "load" and not is_served:
            return Outcome("unknown_name")
        return None

    async def _apply(self, change: Change) -> Outcome:
        arriving = None
        if change.entry is not None:
            arriving = Placement(self._placed(change.entry), version=self._plan.number + 1)
            failures = await self._carry_out(replace(self._plan, arriving=arriving))
            if failures:
                await self._carry_out(replace(self._plan, arriving=None))
                return Outcome("failed", _summary(failures))
        served = _with_change(self._plan.served, change.name, arriving)
        failures = await self._carry_out(replace(self._plan, served=served, arriving=None))
        return Outcome("incomplete", _summary(failures)) if failures else Outcome("done")

    def _placed(self, entry: ModelEntry) -> ModelEntry:
        """Return the entry with the defaults of the model that it replaces, if any."""
        replaced = (p.entry.default_for for p in self._plan.served if p.entry.name == entry.name)
        default_for = next(replaced, ())
        return entry.placed(Place(name="the change", default_for=default_for))

    async def _carry_out(self, plan: Plan) -> list[str]:
        """Publish a plan and wait for every live replica's report; return their errors."""
        self._plan = replace(plan, number=self._plan.number + 1)
        await self._notify()
        while not self._is_done():
            await self._wait_until(self._is_done, 1.0)  # then look again which replicas are lost
        return [r.error for r in self._live() if r.error is not None]

    def _is_done(self) -> bool:
        return all(replica.done >= self._plan.number for replica in self._live())

    def _live(self) -> list[_Replica]:
        now = self._clock()
        return [r for r in self._replicas.values() if now - r.heard_s < LOST_AFTER_S]

    def _record_heartbeat(self, replica: str) -> None:
        now = self._clock()
        self._replicas.setdefault(replica, _Replica(now)).heard_s = now
        lost = [n for n, r in self._replicas.items() if now - r.heard_s >= LOST_AFTER_S]
        for name in lost:
            del self._replicas[name]

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return


def _with_change(
    served: tuple[Placement, ...], name: str, arriving: Placement | None
) -> tuple[Placement, ...]:
    """Return the placements with the named one replaced, removed (None), or a new one appended."""
    by_name = {placement.entry.name: placement for placement in served}
    if arriving is None:
        del by_name[name]
    else:
        by_name[name] = arriving
    return tuple(by_name.values())


def _summary(errors: list[str]) -> str:
    """Join the errors, each once, however many replicas reported it."""
    return "; ".join(dict.fromkeys(errors))
