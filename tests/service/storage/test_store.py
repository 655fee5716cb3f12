"""A store over SQLite and one over Redis behave alike."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from service.storage.store import StateStore, Used

MONTH = "2026-11"
few_examples = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each has a client of its own
)
TEN = RateLimitItemPerMinute(10)


def test_a_client_that_sent_nothing_has_used_nothing(store: StateStore) -> None:
    assert store.usage("c", MONTH) == Used()


def test_months_and_clients_are_counted_apart(store: StateStore) -> None:
    store.add_usage("a", MONTH, Used(1, 10), most_characters=None)
    store.add_usage("a", "2026-12", Used(2, 20), most_characters=None)
    store.add_usage("b", MONTH, Used(3, 30), most_characters=None)
    assert store.usage("a", MONTH) == Used(1, 10)
    assert store.usage("a", "2026-12") == Used(2, 20)
    assert store.usage("b", MONTH) == Used(3, 30)


def test_the_last_character_of_a_quota_can_be_used_and_none_more(store: StateStore) -> None:
    assert store.add_usage("c", MONTH, Used(1, 60), most_characters=100)
    assert not store.add_usage("c", MONTH, Used(1, 41), most_characters=100)
    assert store.add_usage("c", MONTH, Used(1, 40), most_characters=100)
    assert not store.add_usage("c", MONTH, Used(1, 1), most_characters=100)
    assert store.usage("c", MONTH) == Used(2, 100)


@few_examples
@given(amounts=st.lists(st.integers(0, 60), max_size=12), most=st.integers(0, 200))
def test_the_amounts_that_were_taken_are_the_usage_and_never_beyond_the_quota(
    store: StateStore, amounts: list[int], most: int
) -> None:
    client = uuid.uuid4().hex
    taken = [
        amount
        for amount in amounts
        if store.add_usage(client, MONTH, Used(1, amount), most_characters=most)
    ]
    assert store.usage(client, MONTH) == Used(len(taken), sum(taken))
    assert sum(taken) <= most


@few_examples
@given(amounts=st.lists(st.integers(0, 1_000), max_size=12))
def test_what_is_taken_and_given_back_leaves_nothing(store: StateStore, amounts: list[int]) -> None:
    client = uuid.uuid4().hex
    for sign in (1, -1):
        for amount in amounts:
            store.add_usage(client, MONTH, Used(sign, sign * amount), most_characters=None)
    assert store.usage(client, MONTH) == Used()


def test_threads_together_use_a_quota_to_the_last_character(store: StateStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        taken = threads.map(
            lambda _: store.add_usage("c", MONTH, Used(1, 3), most_characters=100), range(100)
        )
    assert sum(taken) == 33
    assert store.usage("c", MONTH) == Used(33, 99)


def test_threads_together_pass_a_rate_limit_as_often_as_one(store: StateStore) -> None:
    limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
    with ThreadPoolExecutor(8) as threads:
        passed = list(threads.map(lambda _: limiter.hit(TEN, "c"), range(50)))
    assert sum(passed) == 10


def test_a_hit_that_is_refused_costs_nothing(store: StateStore) -> None:
    limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
    assert limiter.hit(TEN, "c", cost=6)
    assert not limiter.hit(TEN, "c", cost=5)
    assert limiter.hit(TEN, "c", cost=4)
    assert limiter.get_window_stats(TEN, "c").remaining == 0


def test_a_hit_can_be_given_back(store: StateStore) -> None:
    limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
    assert limiter.hit(TEN, "c", cost=8)
    limiter.hit(TEN, "c", cost=-8)
    assert limiter.hit(TEN, "c", cost=10)


def test_a_limit_that_is_cleared_begins_anew(store: StateStore) -> None:
    limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
    assert limiter.hit(TEN, "c", cost=10)
    assert limiter.hit(TEN, "d", cost=10)
    limiter.clear(TEN, "c")
    assert limiter.hit(TEN, "c", cost=10)
    assert not limiter.hit(TEN, "d")


def test_fixed_windows_are_counted_too(store: StateStore) -> None:
    storage = store.rate_limits
    limiter = FixedWindowRateLimiter(storage)
    assert storage.check()
    assert [limiter.hit(TEN, "c", cost=5) for _ in range(3)] == [True, True, False]
    assert limiter.get_window_stats(TEN, "d").remaining == 10
    reset_s = limiter.get_window_stats(TEN, "c").reset_time
    assert storage.get_expiry(TEN.key_for("c")) == pytest.approx(reset_s, abs=2)
    storage.reset()
    assert limiter.hit(TEN, "c", cost=10)


def test_the_last_document_of_a_name_is_kept(store: StateStore) -> None:
    store.put("glossary", "c", "Begriffe: 1", "first")
    store.put("glossary", "c", "Begriffe: 1", "Übersetzung\n\t😀")
    assert store.get("glossary", "c", "Begriffe: 1") == "Übersetzung\n\t😀"
    assert store.names("glossary", "c") == ["Begriffe: 1"]


def test_documents_are_found_by_their_kind_and_owner_only(store: StateStore) -> None:
    for kind, owner, name in (("k", "a", "2"), ("k", "a", "1"), ("k", "b", "3"), ("l", "a", "4")):
        store.put(kind, owner, name, name)
    assert store.names("k", "a") == ["1", "2"]
    assert store.names("k", "c") == []
    assert store.get("k", "b", "1") is None
    assert store.get("k", "b", "3") == "3"


def test_a_document_is_deleted_once(store: StateStore) -> None:
    store.put("k", "a", "1", "")
    assert store.get("k", "a", "1") == ""
    assert store.delete("k", "a", "1")
    assert not store.delete("k", "a", "1")
    assert store.get("k", "a", "1") is None


def test_a_store_may_be_closed_again(store: StateStore) -> None:
    store.close()
    store.close()
