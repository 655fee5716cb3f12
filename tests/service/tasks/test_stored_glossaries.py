"""Glossaries in the store: edits that meet, replicas that share it, indexes that are kept."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping

import pytest
from limits.storage import Storage

from service.errors import GlossaryNotFoundError, InvalidFieldError
from service.storage.sqlite_store import SqliteStore
from service.storage.store import Used
from service.tasks.glossary_documents import MAX_DICTIONARIES
from service.tasks.stored_glossaries import StoredGlossaries

PAIR = ("en", "de")
ENTRIES = {"disk": "Platte", "save": "sichern"}
OTHERS = {"disk": "Scheibe"}
IS_ENTRIES = "glossary-entries"


class WatchedStore:
    """A `StateStore` in memory that counts what is read, and calls `before` each read."""

    def __init__(self) -> None:
        self._store = SqliteStore(None)
        self.reads: Counter[str] = Counter()
        self.before: Callable[[str], None] = lambda _: None

    @property
    def rate_limits(self) -> Storage:
        return self._store.rate_limits

    def add_usage(
        self, client: str, period: str, amount: Used, *, most_characters: int | None
    ) -> bool:
        return self._store.add_usage(client, period, amount, most_characters=most_characters)

    def usage(self, client: str, period: str) -> Used:
        return self._store.usage(client, period)

    def put(self, kind: str, owner: str, name: str, content: str) -> None:
        self._store.put(kind, owner, name, content)

    def get(self, kind: str, owner: str, name: str) -> str | None:
        self.before(kind)
        self.reads[kind] += 1
        return self._store.get(kind, owner, name)

    def names(self, kind: str, owner: str) -> list[str]:
        return self._store.names(kind, owner)

    def delete(self, kind: str, owner: str, name: str) -> bool:
        return self._store.delete(kind, owner, name)

    def close(self) -> None:
        self._store.close()


async def make(stored: StoredGlossaries, entries: Mapping[str, str] = ENTRIES) -> str:
    return (await stored.create("a", "n", {PAIR: entries})).id


async def test_two_replicas_see_each_other_s_edits() -> None:
    store = WatchedStore()
    one, two = StoredGlossaries(store), StoredGlossaries(store)
    id_ = await make(one)
    await two.merge("a", id_, name="new", added={("de", "en"): {"Platte": "disk"}})
    await one.merge("a", id_, added={PAIR: OTHERS})
    found = await two.get("a", id_)
    assert (found.name, [each.pair for each in found.dictionaries]) == ("new", [PAIR, ("de", "en")])
    assert await two.entries("a", id_, PAIR) == {**ENTRIES, **OTHERS}
    await two.delete("a", id_)
    with pytest.raises(GlossaryNotFoundError):
        await one.get("a", id_)


async def test_edits_in_one_process_follow_one_another() -> None:
    stored = StoredGlossaries(WatchedStore())
    id_ = await make(stored)
    pairs = [("en", f"{letter}a") for letter in "bcdefghijk"]
    await asyncio.gather(
        *(stored.merge("a", id_, added={pair: {"a": "b"}}) for pair in pairs),
        *(stored.merge("a", id_, added={PAIR: {f"term {i}": "x"}}) for i in range(10)),
    )
    found = await stored.get("a", id_)
    assert {each.pair for each in found.dictionaries} == {PAIR, *pairs}
    assert found.dictionary(PAIR).num_entries == len(ENTRIES) + 10


@pytest.mark.parametrize("reads", ["entries", "ready", "merge"])
async def test_what_another_replica_replaces_meanwhile_is_read_anew(reads: str) -> None:
    store = WatchedStore()
    stored, replica = StoredGlossaries(store), StoredGlossaries(store)
    id_ = await make(stored)

    def replace_once(kind: str) -> None:
        if kind == IS_ENTRIES:
            store.before = lambda _: None
            asyncio.run(replica.replace("a", id_, PAIR, OTHERS))

    store.before = replace_once
    if reads == "ready":
        (match,) = (await stored.ready("a", (id_,), "en", "de")).find("a disk")
        assert match.target == "Scheibe"
        return
    if reads == "merge":
        await stored.merge("a", id_, added={PAIR: {"open": "öffnen"}})
    found = dict(await stored.entries("a", id_, PAIR))
    assert found.pop("open", None) == ("öffnen" if reads == "merge" else None)
    assert found == OTHERS


async def test_a_glossary_whose_entries_are_lost_is_not_found() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    id_ = await make(stored)
    (key,) = store.names(IS_ENTRIES, "a")
    store.delete(IS_ENTRIES, "a", key)
    with pytest.raises(GlossaryNotFoundError):
        await stored.entries("a", id_, PAIR)
    with pytest.raises(GlossaryNotFoundError):
        await stored.ready("a", (id_,), "en", "de")
    await stored.replace("a", id_, PAIR, OTHERS)
    assert await stored.entries("a", id_, PAIR) == OTHERS


async def test_no_entries_stay_behind() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    one, two = await make(stored), await make(stored)
    await stored.merge("a", one, added={PAIR: OTHERS, ("de", "en"): OTHERS})
    await stored.replace("a", one, PAIR, OTHERS)
    assert len(store.names(IS_ENTRIES, "a")) == 3
    await stored.remove("a", one, PAIR)
    assert len(store.names(IS_ENTRIES, "a")) == 2
    await stored.delete("a", one)
    await stored.delete("a", two)
    assert store.names(IS_ENTRIES, "a") == []


async def test_a_refused_edit_changes_nothing() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    id_ = await make(stored)
    before = await stored.get("a", id_)
    many = {("en", f"x{i}"): {"a": "b"} for i in range(MAX_DICTIONARIES)}
    with pytest.raises(InvalidFieldError, match="`dictionaries` has 101 entries; at most 100"):
        await stored.merge("a", id_, name="new", added=many)
    assert await stored.get("a", id_) == before
    assert len(store.names(IS_ENTRIES, "a")) == 1


async def test_a_list_reads_no_entries() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    ids = [await make(stored) for _ in range(3)]
    assert [each.id for each in await stored.all_of("a")] == ids
    assert await stored.all_of("b") == []
    assert store.reads[IS_ENTRIES] == 0


async def test_an_index_is_built_once_for_all_who_ask_for_it() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    id_ = await make(stored)
    found = await asyncio.gather(*(stored.ready("a", (id_,), "en", "de") for _ in range(10)))
    found.append(await stored.ready("a", (id_,), "EN", "de-AT"))
    assert len({id(each) for each in found}) == 1
    assert store.reads[IS_ENTRIES] == 1


async def test_the_indexes_used_last_are_kept_and_no_more() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    ids = [await make(stored) for _ in range(100)]

    async def num_reads(id_: str) -> int:
        before = store.reads[IS_ENTRIES]
        await stored.ready("a", (id_,), "en", "de")
        return store.reads[IS_ENTRIES] - before

    assert [await num_reads(id_) for id_ in ids] == [1] * len(ids)
    assert await num_reads(ids[-1]) == 0
    assert await num_reads(ids[0]) == 1


async def test_the_event_loop_is_free_while_an_index_is_built() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    slow, quick = await make(stored), await make(stored, OTHERS)
    await stored.ready("a", (quick,), "en", "de")
    reached, go_on = threading.Event(), threading.Event()

    def wait(kind: str) -> None:
        if kind == IS_ENTRIES:
            reached.set()
            assert go_on.wait(60)

    store.before = wait
    building = asyncio.create_task(stored.ready("a", (slow,), "en", "de"))
    assert await asyncio.to_thread(reached.wait, 60)
    # The other one does not wait for the builder, and an edit does not either.
    assert len(await stored.ready("a", (quick,), "en", "de")) == len(OTHERS)
    await stored.replace("a", quick, PAIR, ENTRIES)
    assert not building.done()
    go_on.set()
    assert len(await building) == len(ENTRIES)


async def test_an_edit_whose_client_leaves_is_made_whole_or_not_at_all() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    id_ = await make(stored)
    reached, go_on = threading.Event(), threading.Event()

    def wait(kind: str) -> None:
        if kind == IS_ENTRIES:
            store.before = lambda _: None
            reached.set()
            assert go_on.wait(60)

    store.before = wait
    first = asyncio.create_task(stored.merge("a", id_, added={PAIR: {"one": "eins"}}))
    assert await asyncio.to_thread(reached.wait, 60)
    first.cancel()
    second = asyncio.create_task(stored.merge("a", id_, added={PAIR: {"two": "zwei"}}))
    go_on.set()
    await second
    assert await stored.entries("a", id_, PAIR) == {**ENTRIES, "one": "eins", "two": "zwei"}


async def test_readers_that_wait_for_the_store_keep_no_thread_from_others() -> None:
    store = WatchedStore()
    stored = StoredGlossaries(store)
    id_ = await make(stored)
    go_on = threading.Event()

    def wait(_: str) -> None:
        go_on.wait(60)

    store.before = wait
    # More than the event loop has threads of its own, which are 32 at most.
    reading = [asyncio.create_task(stored.get("a", id_)) for _ in range(40)]
    await asyncio.sleep(0)  # they begin first
    try:
        await asyncio.wait_for(asyncio.to_thread(int), 30)
    finally:
        go_on.set()
    assert {each.id for each in await asyncio.gather(*reading)} == {id_}
