"""Index the entries of glossaries in a thread, and keep the indexes that were used last."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from service.errors import InvalidFieldError
from service.pairs import Pair
from service.text.glossary import MAX_NAMED_ENTRIES, Entry, Glossary, parts_of

MAX_PARTS = 500_000  # words, blanks and signs of the sources: up to 300 MB once they are indexed
_MAX_KEPT = 64
_MAX_KEPT_ENTRIES = 2 * MAX_NAMED_ENTRIES

Entries = Mapping[str, str]  # targets by source
Keys = tuple[str, ...]


class BuiltGlossaries:
    """Glossaries by the keys of the entries that they are made of. Methods may be called anywhere.

    One is built at a time, as a large one takes seconds; those that are there already do not wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Keys, Glossary] = OrderedDict()
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="glossary-builder")

    async def get(
        self, keys: Keys, load: Callable[[], Sequence[Entries]], *, name: str, pair: Pair
    ) -> Glossary:
        """Return the glossary of these keys; the entries of the first go before the others'.

        Args:
            keys: Name the entries that `load` returns; other entries have other keys.
            load: Called in the builder's thread, if the glossary has to be built.
            name: The glossary's.
            pair: The languages that it is for.

        Raises:
            InvalidFieldError: The entries are too many together.
        """

        def build() -> Glossary:
            found = self._find(keys)  # a request before this one may have built it
            if found is not None:
                return found
            return self._keep(keys, Glossary(joined(load()), name=name, pair=pair))

        found = self._find(keys)
        if found is not None:
            return found
        return await asyncio.get_running_loop().run_in_executor(self._builder, build)

    def _find(self, keys: Keys) -> Glossary | None:
        with self._lock:
            found = self._kept.get(keys)
            if found is not None:
                self._kept.move_to_end(keys)
            return found

    def _keep(self, keys: Keys, glossary: Glossary) -> Glossary:
        with self._lock:
            self._kept[keys] = glossary
            num_entries = sum(map(len, self._kept.values()))
            while len(self._kept) > _MAX_KEPT or num_entries > _MAX_KEPT_ENTRIES:
                _, dropped = self._kept.popitem(last=False)
                num_entries -= len(dropped)
        return glossary


def joined(several: Iterable[Entries]) -> list[Entry]:
    """Return all entries; of those with one source, as a glossary sees it, the first.

    Raises:
        InvalidFieldError: They are too many together.
    """
    found: dict[tuple[str, ...], Entry] = {}
    for entries in several:
        for source, target in entries.items():
            found.setdefault(tuple(parts_of(source)), Entry(source, target))
    check_size("glossary", len(found), sum(map(len, found)))
    return list(found.values())


def check_size(field: str, num_entries: int, num_parts: int) -> None:
    """Check that a glossary can be indexed.

    Raises:
        InvalidFieldError: It has too many entries, or they have too many words.
    """
    if num_entries > MAX_NAMED_ENTRIES:
        about = f"has {num_entries} entries together; at most {MAX_NAMED_ENTRIES} are allowed"
        raise InvalidFieldError(field, about)
    if num_parts > MAX_PARTS:
        about = f"has {num_parts} words, blanks and signs in its source terms"
        raise InvalidFieldError(field, f"{about}; at most {MAX_PARTS} are allowed")
