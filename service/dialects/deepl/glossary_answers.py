"""Turn stored glossaries into the bodies of the glossary routes."""

from collections.abc import Iterable
from datetime import UTC

from service.dialects.deepl.glossary_schemas import (
    DictionarySize,
    Glossary,
    LanguagePair,
    MultilingualGlossary,
    SupportedPairs,
)
from service.pairs import Pair
from service.tasks.glossary_documents import Dictionary, StoredGlossary

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # clients need the fraction


def supported_pairs(pairs: Iterable[Pair]) -> SupportedPairs:
    """Return the pairs that a glossary may be for."""
    return SupportedPairs(
        supported_languages=[LanguagePair(source_lang=a, target_lang=b) for a, b in pairs]
    )


def glossary_body(stored: StoredGlossary, dictionary: Dictionary) -> Glossary:
    """Return a glossary of `/v2`, whose only dictionary is given."""
    source, target = dictionary.pair
    return Glossary(
        glossary_id=stored.id,
        name=stored.name,
        ready=True,
        source_lang=source,
        target_lang=target,
        creation_time=_creation_time(stored),
        entry_count=dictionary.num_entries,
    )


def multilingual_body(stored: StoredGlossary) -> MultilingualGlossary:
    """Return a glossary of `/v3`."""
    return MultilingualGlossary(
        glossary_id=stored.id,
        name=stored.name,
        dictionaries=list(map(dictionary_body, stored.dictionaries)),
        creation_time=_creation_time(stored),
    )


def dictionary_body(dictionary: Dictionary) -> DictionarySize:
    """Return a dictionary's pair and the number of its entries."""
    source, target = dictionary.pair
    return DictionarySize(
        source_lang=source, target_lang=target, entry_count=dictionary.num_entries
    )


def _creation_time(stored: StoredGlossary) -> str:
    return stored.created.astimezone(UTC).strftime(_TIME)
