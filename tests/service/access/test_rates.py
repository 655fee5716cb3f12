"""The time after which a client is told to come back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.access.clients import Allowance, Client
from service.access.rates import RateLimits
from service.errors import RateLimitedError
from service.storage.sqlite_store import SqliteStore

NOON_S = 1_800_000_000  # a whole number of minutes


class Sender:
    """A client that sends characters to rate limits with a clock of its own."""

    def __init__(self, limit: int, *, now_s: float = NOON_S) -> None:
        self.now_s = now_s
        self._rates = RateLimits(SqliteStore(None, clock=lambda: self.now_s).rate_limits)
        allowance = Allowance(characters_per_minute=limit)
        self._client = Client(id="c", name="c", scopes=frozenset(), allowance=allowance)

    def wait_s(self, num_characters: int) -> int | None:
        """Send; return the time to wait, or None if that passed."""
        try:
            self._rates.take(self._client, num_characters)
        except RateLimitedError as error:
            return error.retry_after_s
        return None


@pytest.mark.parametrize(
    ("after_s", "wait_s"),
    [
        (0, 60 + 25),  # 5 of the 10 still count until 36 of 60 s are left; that is for 24 s
        (20, 40 + 25),
        (60, 25),
        (80, 5),
        (84, 1),
        (85, None),
    ],
)
def test_the_wait_is_until_enough_is_forgotten(after_s: int, wait_s: int | None) -> None:
    sender = Sender(10)
    assert sender.wait_s(10) is None
    sender.now_s += after_s
    assert sender.wait_s(5) == wait_s


@settings(deadline=None)
@given(
    limit=st.integers(10, 100),
    start_s=st.integers(0, 59),
    sent=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=8),
    cost=st.integers(1, 10),
)
def test_after_the_wait_a_request_passes_and_not_a_second_before(
    limit: int, start_s: int, sent: list[tuple[int, int]], cost: int
) -> None:
    sender = Sender(limit, now_s=NOON_S + start_s)
    for num_characters, pause_s in sent:
        sender.wait_s(min(num_characters, limit))
        sender.now_s += pause_s
    while sender.wait_s(1) is None:
        pass  # until nothing is left
    told_s = sender.wait_s(cost)
    assert told_s is not None
    sender.now_s += told_s - 1
    assert sender.wait_s(cost) == 1
    sender.now_s += 1
    assert sender.wait_s(cost) is None
