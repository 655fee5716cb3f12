"""What all replicas serve: one plan, changed by an operator, followed by every replica.

A change is made in two steps, so that it happens everywhere or nowhere. First every replica loads
the new model beside the old ones; only when all have it do they serve it. A `Fleet` knows the plan
and how far each replica is. By itself it is enough for the replicas of one process; where there are
more, it lives in an actor (`service.cluster.ray_fleet`). It loads nothing itself.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from service.catalogue.entry import ModelEntry, Place

POLL_S = 5.0  # how often a replica is heard of when there is no news
LOST_AFTER_S = 15.0  # of silence; nobody waits for such a replica any longer


@dataclass(frozen=True, slots=True)
class Placement:
    """A model to serve. Another version of a name is another model, even of the same entry."""

    entry: ModelEntry
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replica has to do: serve these, and hold ready the one that arrives, if any.

    Of two plans the one with the higher number counts.
    """

    number: int
    served: tuple[Placement, ...]
    arriving: Placement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an operator wants: a new model, another version of one, or one less."""

    action: Literal["load", "swap", "unload"]
    name: str
    entry: ModelEntry | None  # None to unload


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change; `detail` is a sentence for the operator where it failed.

    It is `incomplete` where the plan was changed, but a replica that came late cannot follow.
    """

    kind: Literal["done", "name_taken", "unknown_name", "busy", "failed", "incomplete"]
    detail: str = ""


class FleetClient(Protocol):
    """A fleet, wherever it is; every method may raise `service.errors.FleetLostError`."""

    async def plan(self) -> Plan:
        """What is to be served now."""
        ...

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        """The plan, as soon as it is not the known one any more; after a while in any case.

        From the first call on, changes wait for the replica.
        """
        ...

    async def report(self, replica: str, number: int, error: str | None) -> None:
        """The replica has done what the plan of that number says, or could not."""
        ...

    async def change(self, change: Change) -> Outcome:
        """Have every replica make the change; answers when all have, or none has."""
        ...


@dataclass(slots=True)
class _Replica:
    heard_s: float
    done: int = -1  # the number of the last plan
    error: str | None = None


class Fleet:
    """The plan, and how far each replica is with it (a `FleetClient`); of one event loop."""

    def __init__(
        self,
        entries: Iterable[ModelEntry],
        *,
        poll_s: float = POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`entries` are what is served until something is changed."""
        self._plan = Plan(number=0, served=tuple(map(Placement, entries)))
        self._poll_s = poll_s
        self._clock = clock
        self._begin_s = clock()
        self._replicas: dict[str, _Replica] = {}
        self._news = asyncio.Condition()
        self._is_changing = False

    async def plan(self) -> Plan:
        return self._plan

    async def follow(self, replica: str, known: Plan | None) -> Plan:
        self._heard(replica)
        if known is None:
            return self._plan
        if known.number > self._plan.number:
            # This fleet was lost and has begun anew: its replicas remember.
            self._plan = replace(known, number=known.number + 1, arriving=None)
        number = known.number
        await self._wait_until(lambda: self._plan.number != number, self._poll_s)
        self._heard(replica)
        return self._plan

    async def report(self, replica: str, number: int, error: str | None) -> None:
        self._heard(replica)
        self._replicas[replica].done = number
        self._replicas[replica].error = error
        await self._tell()

    async def change(self, change: Change) -> Outcome:
        refusal = self._refusal(change)
        if refusal is not None:
            return refusal
        self._is_changing = True
        try:
            return await self._make(change)
        finally:
            self._is_changing = False

    def idle_s(self) -> float:
        """How long no replica has been heard of, in seconds."""
        heard = [replica.heard_s for replica in self._replicas.values()]
        return self._clock() - max(heard, default=self._begin_s)

    def _refusal(self, change: Change) -> Outcome | None:
        is_served = any(p.entry.name == change.name for p in self._plan.served)
        if self._is_changing or not self._live():  # this fleet has begun anew, and knows nobody yet
            return Outcome("busy")
        if change.action == "load" and is_served:
            return Outcome("name_taken")
        if change.action != "load" and not is_served:
            return Outcome("unknown_name")
        return None

    async def _make(self, change: Change) -> Outcome:
        arriving = None
        if change.entry is not None:
            arriving = Placement(self._placed(change.entry), version=self._plan.number + 1)
            failures = await self._carry_out(replace(self._plan, arriving=arriving))
            if failures:
                await self._carry_out(replace(self._plan, arriving=None))
                return Outcome("failed", _summary(failures))
        served = _changed(self._plan.served, change.name, arriving)
        failures = await self._carry_out(replace(self._plan, served=served, arriving=None))
        return Outcome("incomplete", _summary(failures)) if failures else Outcome("done")

    def _placed(self, entry: ModelEntry) -> ModelEntry:
        """The entry; what its namesake is the default for, it will be."""
        namesakes = [p.entry for p in self._plan.served if p.entry.name == entry.name]
        default_for = namesakes[0].default_for if namesakes else ()
        return entry.placed(Place(name="the change", default_for=default_for))

    async def _carry_out(self, plan: Plan) -> list[str]:
        """Have every replica do what the plan says; the errors of those that could not."""
        self._plan = replace(plan, number=self._plan.number + 1)
        await self._tell()
        while not self._is_done():
            await self._wait_until(self._is_done, 1.0)  # or until who is late has been silent long
        return [r.error for r in self._live() if r.error is not None]

    def _is_done(self) -> bool:
        return all(replica.done >= self._plan.number for replica in self._live())

    def _live(self) -> list[_Replica]:
        now = self._clock()
        return [r for r in self._replicas.values() if now - r.heard_s < LOST_AFTER_S]

    def _heard(self, replica: str) -> None:
        now = self._clock()
        self._replicas.setdefault(replica, _Replica(now)).heard_s = now
        lost = [n for n, r in self._replicas.items() if now - r.heard_s >= LOST_AFTER_S]
        for name in lost:
            del self._replicas[name]

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            return


def _changed(
    served: tuple[Placement, ...], name: str, arriving: Placement | None
) -> tuple[Placement, ...]:
    """With the new one in the old one's place, or at the end; without the old one if none comes."""
    kept = {placement.entry.name: placement for placement in served}
    if arriving is None:
        del kept[name]
    else:
        kept[name] = arriving
    return tuple(kept.values())


def _summary(errors: list[str]) -> str:
    """What went wrong: each error once, however many replicas had it."""
    return "; ".join(dict.fromkeys(errors))
