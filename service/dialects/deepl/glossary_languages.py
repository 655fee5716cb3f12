"""The language pairs that a glossary may be for: those that are translated, without regions."""

from service.errors import UnsupportedPairError
from service.pairs import Pair
from service.tasks.glossary_documents import without_region
from service.tasks.registry import ModelRegistry, sources_of


def glossary_pairs(registry: ModelRegistry) -> list[Pair]:
    """Return the pairs, each once."""
    pairs = (
        (without_region(source), without_region(target))
        for source in registry.languages
        for target in registry.targets(source)
    )
    return list(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


def glossary_pair(registry: ModelRegistry, source: str, target: str, *, inside: str = "") -> Pair:
    """Return the pair of two codes, with or without region.

    `inside`: what stands before the names of their fields in errors.

    Raises:
        UnknownLanguageError: A language is not served.
        UnsupportedPairError: It is not translated to the other.
    """
    served = (
        registry.language(f"{inside}source_lang", source),
        registry.language(f"{inside}target_lang", target),
    )
    pair = without_region(source), without_region(target)
    reached = (
        without_region(each)
        for code in registry.languages
        if without_region(code) == pair[0]
        for each in registry.targets(code)
    )
    if pair[0] == pair[1] or pair[1] not in reached:
        raise UnsupportedPairError(
            *pair,
            sources=sources_of(served[1], among=registry.models),
            targets=registry.targets(served[0]),
        )
    return pair
