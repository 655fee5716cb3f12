"""Turn the bodies of the glossary routes into dictionaries."""

from collections.abc import Sequence

from service.dialects.deepl.glossary_entries import read_entries
from service.dialects.deepl.glossary_languages import glossary_pair
from service.dialects.deepl.glossary_schemas import DictionaryEntries, LanguagePair
from service.errors import InvalidFieldError
from service.pairs import Pair
from service.tasks.built_glossaries import Entries
from service.tasks.glossary_documents import without_region
from service.tasks.registry import ModelRegistry


def pair_of(body: LanguagePair) -> Pair:
    """Return the pair, served or not, without regions."""
    return without_region(body.source_lang), without_region(body.target_lang)


def dictionary_of(
    registry: ModelRegistry, body: DictionaryEntries, *, inside: str = ""
) -> tuple[Pair, Entries]:
    """Return the pair and the entries; takes a second for a megabyte.

    `inside`: what stands before the names of the fields in errors.

    Raises:
        UnknownLanguageError, UnsupportedPairError: The pair is not served.
        InvalidFieldError: The entries are not what they should be.
    """
    pair = glossary_pair(registry, body.source_lang, body.target_lang, inside=inside)
    entries = read_entries(
        body.entries, kind=body.entries_format, field=f"{inside}entries", pair=pair
    )
    return pair, entries


def dictionaries_of(
    registry: ModelRegistry, bodies: Sequence[DictionaryEntries]
) -> dict[Pair, Entries]:
    """Return the entries by pair.

    Raises:
        UnknownLanguageError, UnsupportedPairError: A pair is not served.
        InvalidFieldError: Entries are not what they should be, or a pair is there twice.
    """
    found: dict[Pair, Entries] = {}
    for index, body in enumerate(bodies):
        pair, entries = dictionary_of(registry, body, inside=f"dictionaries[{index}].")
        if pair in found:
            about = f"is for {'-'.join(pair)}, as one before it; a pair has one dictionary"
            raise InvalidFieldError(f"dictionaries[{index}]", about)
        found[pair] = entries
    return found
