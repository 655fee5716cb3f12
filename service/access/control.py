"""Decide whether a request may be answered: its key, its scope, and what its client has left."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from service.access.clients import ANYBODY, Allowance, Client, Scope
from service.access.rates import RateLimits
from service.access.store_thread import StoreThread
from service.access.tally import Tally
from service.errors import ForbiddenError, QuotaExceededError, StoreError, UnauthorizedError
from service.storage.store import StateStore, Used
from service.telemetry.log import get_logger

_NO_LIMITS = Allowance()
_SAVE_INTERVAL_S = 1.0

logger = get_logger(__name__)


class KeyRing(Protocol):
    """The keys that are valid now."""

    @property
    def is_open(self) -> bool:
        """True if anybody may ask; a key is needed for `admin` alone."""
        ...

    @property
    def may_block(self) -> bool:
        """True if the next lookup may read a file, and belongs into a thread."""
        ...

    def client_of(self, key: str) -> Client | None:
        """Return the holder of a key; None if the key is not valid."""
        ...


class NoKeys:
    """A `KeyRing` without keys."""

    is_open = True
    may_block = False

    def client_of(self, key: str) -> Client | None:  # noqa: ARG002 - of the protocol
        return None


NO_KEYS = NoKeys()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Usage of a client in a month, and its most; None is without limit."""

    period: str
    used: Used
    characters_per_month: int | None


@dataclass(slots=True, kw_only=True)
class Charge:
    """The usage that was counted for one request.

    Attributes:
        period: The month in which it was counted.
        is_settled: It cannot be refunded: the request was answered, or it has been refunded.
    """

    client: Client
    period: str
    num_characters: int
    is_settled: bool = False


class AccessControl:
    """Tells clients by their keys, and counts what they use. Belongs to one event loop.

    Only the requests of clients with limits wait for the store, and are refused if it fails. What
    the others use is added up in memory, and written once a second and at the end.
    """

    def __init__(
        self, keys: KeyRing, store: StateStore, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Take the keys and the store; `clock` gives seconds since 1970 and decides the month."""
        self.store = store
        self._keys = keys
        self._clock = clock
        self._rates = RateLimits(store.rate_limits)
        self._tally = Tally(store)
        self._thread = StoreThread()
        self._saving: asyncio.Task[None] | None = None

    def authorize(self, key: str | None, *scopes: Scope) -> Client:
        """Return the holder of a key that may do one of `scopes`; without scopes, any holder.

        Where no keys are set, anybody may do all but `admin`.

        Raises:
            UnauthorizedError: A key is needed, and this is none that is valid.
            ForbiddenError: The key has none of the scopes.
        """
        if self._keys.is_open and ANYBODY.scopes.issuperset(scopes):
            return ANYBODY
        client = self._keys.client_of(key) if key else None
        if client is None:
            raise UnauthorizedError(has_key=bool(key))
        if scopes and not client.scopes.intersection(scopes):
            raise ForbiddenError(scopes)
        return client

    async def admit(self, key: str | None, *scopes: Scope) -> Client:
        """Do as `authorize` without blocking the event loop; a thread is used if it might."""
        if self._keys.may_block:
            return await asyncio.to_thread(self.authorize, key, *scopes)
        return self.authorize(key, *scopes)

    async def charge(self, client: Client, *, num_characters: int) -> Charge:
        """Count a request and its characters; a request that is refused counts nothing.

        Raises:
            TextTooLongError: It is more by itself than the client may send in a minute.
            RateLimitedError: It is more than the client may send in a minute.
            QuotaExceededError: It is more than the client has left of this month.
            StoreError: The client has limits, and the store does not count.
        """
        charge = Charge(client=client, period=self._period(), num_characters=num_characters)
        if client.allowance != _NO_LIMITS:
            await self._take(charge)
        if client.allowance.characters_per_month is None:
            self._tally.add(client.id, charge.period, Used(1, num_characters))
            self._save_for(client)
        return charge

    def refund(self, charge: Charge) -> None:
        """Give the characters of a request that was not answered back to the month's quota.

        Returns at once and cannot fail: it is called while an error or a cancellation is raised.
        The request itself stays counted, and so does what it took of the rate limits.
        """
        if charge.is_settled:
            return
        charge.is_settled = True
        self._tally.add(charge.client.id, charge.period, Used(0, -charge.num_characters))
        self._save_for(charge.client)

    async def report(self, client: Client) -> Report:
        """Return what the client used in this month.

        Of what other replicas counted, the last second may be missing.

        Raises:
            StoreError: The store cannot be read.
        """
        period = self._period()

        def read() -> Used:
            self._tally.save()
            return self.store.usage(client.id, period)

        return Report(
            period=period,
            used=await asyncio.wrap_future(self._thread.submit(read)),
            characters_per_month=client.allowance.characters_per_month,
        )

    async def close(self) -> None:
        """Write what is not in the store yet, and close the store; may be called again."""
        if self._saving is not None:
            self._saving.cancel()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.end()
        try:
            self._tally.save()
        except StoreError as error:
            logger.warning("usage of the last seconds is lost", reason=error.detail)
        with suppress(StoreError):
            self.store.close()

    async def _take(self, charge: Charge) -> None:
        """Count a request of a client with limits."""
        taking = self._thread.submit(partial(self._take_in_thread, charge))
        try:
            await asyncio.wrap_future(taking)
        except asyncio.CancelledError:  # what the thread has begun, it counts all the same
            taking.add_done_callback(partial(self._take_back, charge))
            self._save_for(charge.client)
            raise

    def _take_in_thread(self, charge: Charge) -> None:
        client, most = charge.client, charge.client.allowance.characters_per_month
        self._rates.take(client, charge.num_characters)
        if most is None:
            return
        amount = Used(1, charge.num_characters)
        if not self.store.add_usage(client.id, charge.period, amount, most_characters=most):
            self._rates.give_back(client, charge.num_characters)
            raise QuotaExceededError(limit=most, num_characters=charge.num_characters)

    def _take_back(self, charge: Charge, taking: Future[None]) -> None:
        """Refund a quota that was taken after its client had gone; in any thread."""
        has_quota = charge.client.allowance.characters_per_month is not None
        if has_quota and not taking.cancelled() and taking.exception() is None:
            self._tally.add(charge.client.id, charge.period, Used(0, -charge.num_characters))

    def _save_for(self, client: Client) -> None:
        """Have the tally written: before the next request of a client with a quota, else soon."""
        if client.allowance.characters_per_month is not None:
            self._thread.submit(self._tally.save)
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._save())

    async def _save(self) -> None:
        """Write the tally in a second, and again each second if that fails."""
        while True:
            await asyncio.sleep(_SAVE_INTERVAL_S)
            with suppress(StoreError):  # the thread has logged it
                await asyncio.wrap_future(self._thread.submit(self._tally.save))
            if self._tally.is_empty:
                return

    def _period(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self._clock()))
