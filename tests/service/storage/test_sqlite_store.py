"""The SQLite file: shared by processes, kept across restarts, and what can be wrong with it."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute
from limits.strategies import SlidingWindowCounterRateLimiter

from service.errors import StoreError
from service.storage.sqlite_store import SqliteStore
from service.storage.store import Used

MONTH = "2026-11"
NOON = 1_800_000_000.0  # a whole number of minutes
TEN = RateLimitItemPerMinute(10)

_OPEN = f"""
import sys
from pathlib import Path
from limits import RateLimitItemPerMinute
from limits.strategies import SlidingWindowCounterRateLimiter
from service.storage.sqlite_store import SqliteStore
from service.storage.store import Used
store = SqliteStore(Path(sys.argv[1]), clock=lambda: {NOON})
"""
_HAMMER = """
limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
limit = RateLimitItemPerMinute(300)
hits = sum(limiter.hit(limit, "c") for _ in range(400))
taken = sum(
    store.add_usage("c", "2026-11", Used(1, 7), most_characters=2_100) for _ in range(400)
)
store.add_usage("d", "2026-11", Used(1, hits), most_characters=None)
store.add_usage("e", "2026-11", Used(1, taken), most_characters=None)
"""
_FILL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from service.errors import StoreError
try:
    for number in range(100):
        store.put("k", "owner", str(number), "x" * 10_000)
except StoreError as error:
    print(error.detail)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
print(store.usage("c", "2026-11"))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@contextmanager
def opened(path: Path | None, clock: Clock | None = None) -> Iterator[SqliteStore]:
    store = SqliteStore(path, clock=clock or Clock(), busy_timeout_s=0.05)
    try:
        yield store
    finally:
        store.close()


def run(*codes: str, path: Path, times: int = 1) -> list[str]:
    """Run a program in several processes at once; return what each printed."""
    program = [sys.executable, "-c", "".join(codes), str(path)]
    processes = [
        subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(times)
    ]
    outputs = [process.communicate(timeout=100) for process in processes]
    assert [error for _, error in outputs] == [""] * times
    return [output for output, _ in outputs]


def test_processes_together_let_no_more_through_than_one(path: Path) -> None:
    run(_OPEN, _HAMMER, path=path, times=2)
    with opened(path) as store:
        assert store.usage("d", MONTH) == Used(2, 300)
        assert store.usage("e", MONTH) == Used(2, 300)
        assert store.usage("c", MONTH) == Used(300, 2_100)


def test_processes_may_make_the_file_at_once(path: Path) -> None:
    run(
        _OPEN,
        "store.add_usage('c', '2026-11', Used(1, 1), most_characters=None)",
        path=path,
        times=4,
    )
    with opened(path) as store:
        assert store.usage("c", MONTH) == Used(4, 4)


def test_all_is_kept_across_a_restart(path: Path) -> None:
    with opened(path) as store:
        store.add_usage("c", MONTH, Used(1, 10), most_characters=None)
        store.put("k", "c", "name", "content")
        assert SlidingWindowCounterRateLimiter(store.rate_limits).hit(TEN, "c", cost=10)
    with opened(path) as store:
        assert store.usage("c", MONTH) == Used(1, 10)
        assert store.get("k", "c", "name") == "content"
        assert not SlidingWindowCounterRateLimiter(store.rate_limits).hit(TEN, "c")


@pytest.mark.parametrize(
    ("after_s", "passes"), [(59, 0), (60, 0), (66, 1), (90, 5), (108, 8), (120, 10), (500, 10)]
)
def test_a_minute_that_was_used_up_is_forgotten_little_by_little(after_s: int, passes: int) -> None:
    clock = Clock()
    with opened(None, clock) as store:
        limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
        assert limiter.hit(TEN, "c", cost=10)
        clock.now += after_s
        assert limiter.get_window_stats(TEN, "c").remaining == passes
        assert [limiter.hit(TEN, "c") for _ in range(11)] == [True] * passes + [False] * (
            11 - passes
        )


def test_a_clock_that_is_set_back_lets_nothing_more_through() -> None:
    clock = Clock()
    with opened(None, clock) as store:
        limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
        assert limiter.hit(TEN, "c", cost=10)
        clock.now -= 3_600
        assert not limiter.hit(TEN, "c")


def test_rows_without_effect_are_removed(path: Path) -> None:
    clock = Clock()
    with opened(path, clock) as store:
        limiter = SlidingWindowCounterRateLimiter(store.rate_limits)
        for number in range(50):
            limiter.hit(TEN, f"client {number}")
        clock.now += 181
        limiter.hit(TEN, "c")
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT count(*) FROM rates").fetchone() == (1,)


def test_usage_is_kept_for_13_months(path: Path) -> None:
    clock = Clock()  # it is January 2027
    with opened(path, clock) as store:
        for period in ("2025-10", "2025-12", "2027-01"):
            store.add_usage("c", period, Used(1, 1), most_characters=None)
    with opened(path, clock) as store:
        used = [store.usage("c", period) for period in ("2025-10", "2025-12", "2027-01")]
    assert used == [Used(), Used(1, 1), Used(1, 1)]


def test_the_file_and_its_folders_are_this_users_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.sqlite"
    with opened(path) as store:
        store.put("k", "c", "name", "content")
        modes = [oct(each.stat().st_mode & 0o777) for each in sorted(tmp_path.rglob("*"))]
    assert modes == ["0o700", "0o700", "0o600", "0o600", "0o600"]


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("usage: none\n" * 1_000)
    with pytest.raises(StoreError) as caught, opened(path):
        pass
    assert caught.value.detail == f"the state store {path} is not a SQLite file"
    assert str(path) not in str(caught.value)  # which clients see


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught, opened(tmp_path):
        pass
    assert caught.value.detail == f"the state store {tmp_path} cannot be opened"


def test_a_file_that_cannot_be_made_is_named(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError) as caught, opened(path / "state.sqlite"):
        pass
    reason = "cannot be made: Not a directory"
    assert caught.value.detail == f"the state store {path}/state.sqlite {reason}"


def test_a_damaged_file_is_named(path: Path) -> None:
    with opened(path) as store:
        for number in range(200):
            store.put("k", "c", str(number), "x" * 1_000)
    whole = path.read_bytes()
    path.write_bytes(whole[:4_096] + b"\xff" * (len(whole) - 4_096))
    with pytest.raises(StoreError) as caught, opened(path) as store:
        store.names("k", "c")
    assert caught.value.detail == f"the state store {path} is damaged"


def test_a_file_that_another_process_keeps_locked_is_named(path: Path) -> None:
    with opened(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        sentence = f"the state store {path} is locked by another process"
        with pytest.raises(StoreError) as of_usage:
            store.add_usage("c", MONTH, Used(1, 1), most_characters=None)
        with pytest.raises(StoreError) as of_rates:
            SlidingWindowCounterRateLimiter(store.rate_limits).hit(TEN, "c")
        assert [of_usage.value.detail, of_rates.value.detail] == [sentence] * 2
        other.execute("COMMIT")
        other.close()
        assert store.add_usage("c", MONTH, Used(1, 1), most_characters=None)
        assert store.usage("c", MONTH) == Used(1, 1)


def test_a_file_that_cannot_grow_is_named_and_can_be_read_on(path: Path) -> None:
    with opened(path) as store:
        store.add_usage("c", MONTH, Used(1, 1), most_characters=None)
    (output,) = run(_OPEN, _FILL, path=path)
    sentence, used = output.splitlines()
    assert sentence.startswith(f"the state store {path} ")
    assert used == str(Used(1, 1))


def test_a_closed_store_raises_the_error_of_a_store() -> None:
    with opened(None) as store:
        store.close()
        with pytest.raises(StoreError):
            store.usage("c", MONTH)
        assert not store.rate_limits.check()
