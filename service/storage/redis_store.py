"""The store in Redis, for replicas on several nodes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
from limits.storage import Storage
from limits.storage.redis import RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.errors import StoreError
from service.storage.store import RETENTION_S, Used

_PREFIX = "dragoman"
# Scheme, user and password, the rest without options. Where it does not fit, all may be a password.
_URL = re.compile(r"(\w+://)(?:[^?]*@)?((?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?(?:/\d*)?)(?:\?.*)?")
_TIMEOUT_S = 1.0  # to connect, and for each answer

# KEYS: the hash of a period. ARGV: requests and characters to add, the most characters or an empty
# string, seconds until the hash is forgotten.
_ADD_USAGE = """
local characters = tonumber(redis.call('HGET', KEYS[1], 'characters')) or 0
if ARGV[3] ~= '' and characters + tonumber(ARGV[2]) > tonumber(ARGV[3]) then
    return 0
end
redis.call('HINCRBY', KEYS[1], 'requests', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'characters', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""


class RedisStore:
    """Implements `StateStore`. Each method is one command or one script; none is tried again."""

    def __init__(self, url: str) -> None:
        """Connect to `redis://[:PASSWORD@]HOST:PORT/DB`; `rediss://` is with TLS.

        Raises:
            StoreError: It is no such URL, or there is no answer; the password is not in the error.
        """
        self._server = _server_in(url)
        try:
            pool = redis.ConnectionPool.from_url(
                url,
                decode_responses=True,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:  # whose message may hold a part of the URL
            raise StoreError(f"{self._server} is not the URL of a Redis database") from None
        self._client: Any = redis.Redis(connection_pool=pool)  # its types hold the async ones, too
        self._add_usage = self._client.register_script(_ADD_USAGE)
        self._rate_limits = _RateLimits(self, url, pool)
        with self.errors():
            self._client.ping()

    @property
    def rate_limits(self) -> Storage:
        return self._rate_limits

    def add_usage(
        self, client: str, period: str, amount: Used, *, most_characters: int | None
    ) -> bool:
        most = "" if most_characters is None else most_characters
        values = [amount.requests, amount.characters, most, RETENTION_S]
        with self.errors():
            return bool(self._add_usage([_key("usage", period, client)], values))

    def usage(self, client: str, period: str) -> Used:
        with self.errors():
            counts = self._client.hmget(_key("usage", period, client), "requests", "characters")
        return Used(*(int(count or 0) for count in counts))

    def put(self, kind: str, owner: str, name: str, content: str) -> None:
        with self.errors():
            self._client.hset(_key("documents", kind, owner), name, content)

    def get(self, kind: str, owner: str, name: str) -> str | None:
        with self.errors():
            content: str | None = self._client.hget(_key("documents", kind, owner), name)
            return content

    def names(self, kind: str, owner: str) -> list[str]:
        with self.errors():
            return sorted(self._client.hkeys(_key("documents", kind, owner)))

    def delete(self, kind: str, owner: str, name: str) -> bool:
        with self.errors():
            return bool(self._client.hdel(_key("documents", kind, owner), name))

    def close(self) -> None:
        with suppress(redis.RedisError):
            self._client.connection_pool.disconnect()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise the errors of Redis as StoreError.

        Their own texts and causes are left out: they may repeat a command, and with it a password.
        """
        try:
            yield
        except redis.RedisError as error:
            raise StoreError(f"the state store {self._server} {_reason(error)}") from None


class _RateLimits(RedisStorage):
    """The storage of the package `limits`, over the store's connections and with its errors."""

    def __init__(self, store: RedisStore, url: str, pool: redis.ConnectionPool) -> None:
        self._store = store
        super().__init__(url, connection_pool=pool, key_prefix=_key("rates"))

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        with self._store.errors():
            return super().acquire_sliding_window_entry(key, limit, expiry, amount)

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        with self._store.errors():
            return super().get_sliding_window(key, expiry)


def _key(*parts: str) -> str:
    return ":".join((_PREFIX, *parts))


def _server_in(url: str) -> str:
    """Return a URL without user, password and options; without its server, too, if it is wrong."""
    found = _URL.fullmatch(url)
    return found[1] + found[2] if found else f"{url.partition('://')[0]}://..."


def _reason(error: redis.RedisError) -> str:
    if isinstance(error, redis.TimeoutError):
        return f"did not answer within {_TIMEOUT_S:.0f} s"
    if isinstance(error, redis.AuthenticationError):
        return "refused the user or the password"
    if isinstance(error, redis.ConnectionError):
        return "cannot be reached"
    return f"refused a command ({type(error).__name__})"
