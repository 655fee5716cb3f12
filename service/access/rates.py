"""Rate limits: how many requests and characters a client may send in a minute."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from limits import RateLimitItemPerMinute
from limits.storage import SlidingWindowCounterSupport, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from service.access.clients import Client
from service.errors import RateLimitedError, TextTooLongError


@dataclass(frozen=True, slots=True)
class _Hit:
    """A part of what a request uses, and the limit of it."""

    what: str
    cost: int
    item: RateLimitItemPerMinute


class RateLimits:
    """Counts what clients send, by sliding windows of a minute; blocks on the storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = cast(SlidingWindowCounterSupport, storage)
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    def take(self, client: Client, num_characters: int) -> None:
        """Count a request; one that is refused counts nothing.

        Raises:
            TextTooLongError: It alone has more characters than may be sent in a minute.
            RateLimitedError: It is too much now.
            StoreError: The storage does not count.
        """
        hits = list(_hits(client, num_characters))
        for hit in hits:
            if hit.cost > hit.item.amount:
                raise TextTooLongError(
                    num_characters=hit.cost,
                    limit=hit.item.amount,
                    whose=" a minute with this API key",
                )
        for index, hit in enumerate(hits):
            if not self._limiter.hit(hit.item, hit.what, client.id, cost=hit.cost):
                self._give_back(client, hits[:index])
                wait_s = self._wait_s(client, hit)
                raise RateLimitedError(hit.what, hit.item.amount, retry_s=wait_s)

    def give_back(self, client: Client, num_characters: int) -> None:
        """Take back what `take` counted for a request.

        Raises:
            StoreError: The storage does not count.
        """
        self._give_back(client, list(_hits(client, num_characters)))

    def _give_back(self, client: Client, hits: list[_Hit]) -> None:
        for hit in hits:
            self._limiter.hit(hit.item, hit.what, client.id, cost=-hit.cost)

    def _wait_s(self, client: Client, hit: _Hit) -> int:
        """Return the seconds after which the hit would pass if the client sent nothing else.

        The minute before counts by the part of it that is less than a minute ago, rounded down: of
        10 characters, 5 count for as long as 36 to 30 seconds of it are left.
        """
        minute_s, limit = hit.item.get_expiry(), hit.item.amount
        before, before_left_s, count, count_left_s = self._storage.get_sliding_window(
            hit.item.key_for(hit.what, client.id), minute_s
        )
        room = limit - hit.cost - count
        if room < 0:  # not in this window; in the next one, `count` is that of the window before
            before, before_left_s, room = count, count_left_s, limit - hit.cost
        return math.floor(before_left_s - (room + 1) * minute_s / max(1, before)) + 1


def _hits(client: Client, num_characters: int) -> Iterator[_Hit]:
    allowance = client.allowance
    if allowance.requests_per_minute is not None:
        yield _Hit("requests", 1, RateLimitItemPerMinute(allowance.requests_per_minute))
    if allowance.characters_per_minute is not None and num_characters > 0:
        limit = RateLimitItemPerMinute(allowance.characters_per_minute)
        yield _Hit("characters", num_characters, limit)
