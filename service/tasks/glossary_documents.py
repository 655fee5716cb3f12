"""The documents in which the glossaries of clients are kept, read and written by blocking calls.

One document holds a glossary's name and the sizes of its dictionaries. The entries of each
dictionary are a document of their own, which never changes: an edit writes another, then the
glossary, and deletes the earlier one last, so that a reader finds either. A process that ends in
between leaves entries behind that no glossary has.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from service.errors import GlossaryNotFoundError, InvalidFieldError, listing, show
from service.pairs import Pair
from service.storage.store import StateStore
from service.tasks.built_glossaries import Entries, check_size
from service.text.boundaries import cut_at_boundaries
from service.text.languages import base_code

MAX_GLOSSARIES = 1_000  # of one client
MAX_DICTIONARIES = 100  # of one glossary
MAX_GLOSSARY_BYTES = 10 << 20

_GLOSSARY, _ENTRIES = "glossary", "glossary-entries"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ReplacedError(Exception):
    """The entries of a dictionary were replaced, or deleted, since the glossary was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """The entries for one pair of languages.

    Attributes:
        pair: Codes without region and script.
        num_bytes: Size of the document that holds the entries.
        key: Name of that document; other entries have another.
    """

    pair: Pair
    num_entries: int
    num_bytes: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGlossary:
    """A glossary of one client, without the entries; its dictionaries have different pairs."""

    id: str
    name: str
    created: datetime
    dictionaries: tuple[Dictionary, ...] = ()

    def dictionary(self, pair: Pair) -> Dictionary:
        """Return the dictionary of a pair.

        Raises:
            GlossaryNotFoundError: There is none.
        """
        for each in self.dictionaries:
            if each.pair == pair:
                return each
        raise GlossaryNotFoundError(self.id, pair)

    def fitting(self, source: str | None, target: str) -> Dictionary:
        """Return the dictionary for a translation; without `source`, the only one to `target`.

        Raises:
            InvalidFieldError: There is none, or more than one.
        """
        wanted = None if source is None else without_region(source)
        found = [
            each
            for each in self.dictionaries
            if each.pair[1] == without_region(target) and wanted in {None, each.pair[0]}
        ]
        if len(found) == 1:
            return found[0]
        pairs = listing(["-".join(each.pair) for each in found or self.dictionaries])
        if found:
            more = "`source_lang` chooses one of them"
        else:
            more = (
                f"not to {show(target)}"
                if source is None
                else f"not for {show(f'{source}-{target}')}"
            )
        raise InvalidFieldError("glossary", f"is {show(self.id)}, which is for {pairs}; {more}")


def without_region(code: str) -> str:
    """Return a language's code without region and script, in small letters."""
    return base_code(code) or code.lower()


class GlossaryDocuments:
    """The glossaries of all clients. Reads and edits may be called from any thread.

    Edits of one glossary are to follow one another: of two at once, one would be lost.
    """

    def __init__(
        self, store: StateStore, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._clock = clock

    def get(self, owner: str, glossary_id: str) -> StoredGlossary:
        """Return a glossary.

        Raises:
            GlossaryNotFoundError: There is none of that id.
        """
        is_id = _ID.fullmatch(glossary_id) is not None
        content = self._store.get(_GLOSSARY, owner, glossary_id) if is_id else None
        if content is None:
            raise GlossaryNotFoundError(glossary_id)
        return _from_json(content)

    def all_of(self, owner: str) -> list[StoredGlossary]:
        """Return an owner's glossaries, the oldest first."""
        contents = [
            self._store.get(_GLOSSARY, owner, name) for name in self._store.names(_GLOSSARY, owner)
        ]
        found = [_from_json(content) for content in contents if content is not None]
        return sorted(found, key=lambda glossary: (glossary.created, glossary.id))

    def load(self, owner: str, dictionaries: Iterable[Dictionary]) -> Sequence[Entries]:
        """Return the entries of dictionaries.

        Raises:
            ReplacedError: They are there no longer.
        """
        contents = [self._store.get(_ENTRIES, owner, each.key) for each in dictionaries]
        if None in contents:
            raise ReplacedError
        return [json.loads(content) for content in contents if content is not None]

    def create(self, owner: str, name: str, dictionaries: Mapping[Pair, Entries]) -> StoredGlossary:
        """Keep a new glossary.

        Raises:
            InvalidFieldError: It is too large, or one too many.
        """
        num_kept = len(self._store.names(_GLOSSARY, owner))
        if num_kept >= MAX_GLOSSARIES:
            about = f"are {num_kept} already; at most {MAX_GLOSSARIES} are kept for a client"
            raise InvalidFieldError("glossaries", about)
        glossary = StoredGlossary(id=str(uuid.uuid4()), name=name, created=self._clock())
        return self._put(owner, glossary, dictionaries)

    def merge(
        self, owner: str, glossary_id: str, name: str | None, added: Mapping[Pair, Entries]
    ) -> StoredGlossary:
        """Rename a glossary, unless `name` is None, and add entries.

        A source that a dictionary has already gets its new target.

        Raises:
            GlossaryNotFoundError: There is no such glossary.
            InvalidFieldError: It becomes too large.
            ReplacedError: The entries to add to are there no longer.
        """
        glossary = self.get(owner, glossary_id)
        earlier = [each for each in glossary.dictionaries if each.pair in added]
        entries = dict(zip((e.pair for e in earlier), self.load(owner, earlier), strict=True))
        merged = {pair: {**entries.get(pair, {}), **new} for pair, new in added.items()}
        return self._put(owner, replace(glossary, name=name or glossary.name), merged)

    def replace(self, owner: str, glossary_id: str, pair: Pair, entries: Entries) -> StoredGlossary:
        """Give a glossary a dictionary, in place of an earlier one of that pair.

        Raises:
            GlossaryNotFoundError: There is no such glossary.
            InvalidFieldError: It becomes too large.
        """
        return self._put(owner, self.get(owner, glossary_id), {pair: entries})

    def remove(self, owner: str, glossary_id: str, pair: Pair) -> None:
        """Delete a dictionary.

        Raises:
            GlossaryNotFoundError: There is no such glossary, or it has no dictionary of that pair.
        """
        glossary = self.get(owner, glossary_id)
        removed = glossary.dictionary(pair)
        others = tuple(each for each in glossary.dictionaries if each != removed)
        self._store.put(
            _GLOSSARY, owner, glossary_id, _to_json(replace(glossary, dictionaries=others))
        )
        self._store.delete(_ENTRIES, owner, removed.key)

    def delete(self, owner: str, glossary_id: str) -> None:
        """Delete a glossary.

        Raises:
            GlossaryNotFoundError: There is no such glossary.
        """
        glossary = self.get(owner, glossary_id)
        self._store.delete(_GLOSSARY, owner, glossary_id)
        for each in glossary.dictionaries:
            self._store.delete(_ENTRIES, owner, each.key)

    def _put(
        self, owner: str, glossary: StoredGlossary, changed: Mapping[Pair, Entries]
    ) -> StoredGlossary:
        """Write a glossary with some of its dictionaries changed."""
        contents = {pair: json.dumps(each, ensure_ascii=False) for pair, each in changed.items()}
        dictionaries = {each.pair: each for each in glossary.dictionaries}
        earlier = [dictionaries[pair] for pair in changed if pair in dictionaries]
        for pair, entries in changed.items():
            check_size("entries", len(entries), sum(map(len, map(cut_at_boundaries, entries))))
            dictionaries[pair] = Dictionary(
                pair=pair,
                num_entries=len(entries),
                num_bytes=len(contents[pair].encode()),
                key=str(uuid.uuid4()),
            )
        _check_sizes(dictionaries.values())
        for pair, content in contents.items():
            self._store.put(_ENTRIES, owner, dictionaries[pair].key, content)
        changed_glossary = replace(glossary, dictionaries=tuple(dictionaries.values()))
        self._store.put(_GLOSSARY, owner, glossary.id, _to_json(changed_glossary))
        for each in earlier:
            self._store.delete(_ENTRIES, owner, each.key)
        return changed_glossary


def _check_sizes(dictionaries: Iterable[Dictionary]) -> None:
    sizes = [each.num_bytes for each in dictionaries]
    if len(sizes) > MAX_DICTIONARIES:
        about = f"has {len(sizes)} entries; at most {MAX_DICTIONARIES} are allowed"
        raise InvalidFieldError("dictionaries", about)
    if sum(sizes) > MAX_GLOSSARY_BYTES:
        about = f"has {sum(sizes)} bytes together; at most {MAX_GLOSSARY_BYTES} are allowed"
        raise InvalidFieldError("entries", about)


def _to_json(glossary: StoredGlossary) -> str:
    return json.dumps({**asdict(glossary), "created": glossary.created.isoformat()})


def _from_json(content: str) -> StoredGlossary:
    fields = json.loads(content)
    dictionaries = [
        Dictionary(**{**each, "pair": tuple(each["pair"])}) for each in fields["dictionaries"]
    ]
    return StoredGlossary(
        id=fields["id"],
        name=fields["name"],
        created=datetime.fromisoformat(fields["created"]),
        dictionaries=tuple(dictionaries),
    )
