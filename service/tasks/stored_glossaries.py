"""Glossaries that clients make over the API: kept in the store, edited in turn, ready for use."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from service.errors import GlossaryNotFoundError
from service.pairs import Pair
from service.storage.store import StateStore
from service.tasks.built_glossaries import BuiltGlossaries, Entries
from service.tasks.glossary_documents import (
    GlossaryDocuments,
    ReplacedError,
    StoredGlossary,
)
from service.text.glossary import Glossary

_NUM_TRIES = 3  # to read entries that others replace meanwhile

T = TypeVar("T")


class StoredGlossaries:
    """The glossaries of all clients; an owner is a client's id.

    The edits of one process follow one another, so that none is lost. If two replicas edit one
    glossary in the same moment, the later edit wins.
    """

    def __init__(self, store: StateStore) -> None:
        self._documents = GlossaryDocuments(store)
        self._built = BuiltGlossaries()
        self._editor = ThreadPoolExecutor(1, thread_name_prefix="glossary-editor")
        # Not the event loop's own threads: others need them while a store does not answer.
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="glossary-reader")

    async def create(
        self, owner: str, name: str, dictionaries: Mapping[Pair, Entries]
    ) -> StoredGlossary:
        """Keep a new glossary.

        Raises:
            InvalidFieldError: It is too large, or one too many.
        """
        return await self._in_turn(partial(self._documents.create, owner, name, dictionaries))

    async def get(self, owner: str, glossary_id: str) -> StoredGlossary:
        """Return a glossary.

        Raises:
            GlossaryNotFoundError: The owner has none of that id.
        """
        return await self._read(self._documents.get, owner, glossary_id)

    async def all_of(self, owner: str) -> list[StoredGlossary]:
        """Return an owner's glossaries, the oldest first."""
        return await self._read(self._documents.all_of, owner)

    async def entries(self, owner: str, glossary_id: str, pair: Pair) -> Entries:
        """Return the entries of a dictionary, in the order in which they came.

        Raises:
            GlossaryNotFoundError: There is no such glossary, or it has no dictionary of that pair.
        """

        async def read() -> Entries:
            dictionary = (await self.get(owner, glossary_id)).dictionary(pair)
            (entries,) = await self._read(self._documents.load, owner, (dictionary,))
            return entries

        return await _until_current(read, glossary_id)

    async def merge(
        self,
        owner: str,
        glossary_id: str,
        *,
        name: str | None = None,
        added: Mapping[Pair, Entries],
    ) -> StoredGlossary:
        """Rename a glossary, unless `name` is None, and add entries.

        A source that a dictionary has already gets its new target.

        Raises:
            GlossaryNotFoundError: There is no such glossary.
            InvalidFieldError: It becomes too large.
        """
        edit = partial(self._documents.merge, owner, glossary_id, name, added)
        return await _until_current(partial(self._in_turn, edit), glossary_id)

    async def replace(
        self, owner: str, glossary_id: str, pair: Pair, entries: Entries
    ) -> StoredGlossary:
        """Give a glossary a dictionary, in place of an earlier one of that pair.

        Raises:
            GlossaryNotFoundError: There is no such glossary.
            InvalidFieldError: It becomes too large.
        """
        return await self._in_turn(
            partial(self._documents.replace, owner, glossary_id, pair, entries)
        )

    async def remove(self, owner: str, glossary_id: str, pair: Pair) -> None:
        """Delete a dictionary.

        Raises:
            GlossaryNotFoundError: There is no such glossary, or it has no dictionary of that pair.
        """
        await self._in_turn(partial(self._documents.remove, owner, glossary_id, pair))

    async def delete(self, owner: str, glossary_id: str) -> None:
        """Delete a glossary.

        Raises:
            GlossaryNotFoundError: There is no such glossary.
        """
        await self._in_turn(partial(self._documents.delete, owner, glossary_id))

    async def ready(
        self, owner: str, glossary_ids: Sequence[str], source: str | None, target: str
    ) -> Glossary:
        """Return the entries of one or more glossaries for a pair, as one glossary.

        Args:
            owner: Whose they are.
            glossary_ids: Where entries have the same source, the first of them counts.
            source: If None, each glossary may have only one dictionary to the target.
            target: A code; the region of a language does not matter.

        Raises:
            GlossaryNotFoundError: The owner has none of that id.
            InvalidFieldError: One of them is not for the pair, or they are too large together.
        """

        async def build() -> Glossary:
            found = [(await self.get(owner, each)).fitting(source, target) for each in glossary_ids]
            return await self._built.get(
                tuple(each.key for each in found),
                partial(self._documents.load, owner, found),
                name=glossary_ids[0],
                pair=found[0].pair,
            )

        return await _until_current(build, glossary_ids[0])

    async def _read(self, read: Callable[..., T], *args: object) -> T:
        """Return what a blocking call reads from the store."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, partial(read, *args))

    async def _in_turn(self, edit: Callable[[], T]) -> T:
        """Make an edit after those before it; once begun, it is made whole."""
        return await asyncio.get_running_loop().run_in_executor(self._editor, edit)


async def _until_current(attempt: Callable[[], Awaitable[T]], glossary_id: str) -> T:
    """Try again what another replica's edit came between.

    Raises:
        GlossaryNotFoundError: The entries are gone for good.
    """
    for _ in range(_NUM_TRIES):
        with suppress(ReplacedError):
            return await attempt()
    raise GlossaryNotFoundError(glossary_id)
