"""The served languages as DeepL lists them.

DeepL's clients want a variant as the target where a language has several: `EN-US`, not `EN`.
"""

from collections.abc import Iterable

from service.dialects.deepl.schemas import (
    DeepLFeature,
    DeepLLanguage,
    DeepLSourceLanguage,
    DeepLTargetLanguage,
    Resource,
)
from service.errors import ResourceNotFoundError
from service.tasks.registry import ModelRegistry
from service.text.languages import name_of, standard_code

_VARIANTS = {"en": ("en-US", "en-GB"), "pt": ("pt-BR", "pt-PT")}


def deepl_code(code: str) -> str:
    """Return a served code as `/v2` writes it: `zh-Hans` is `ZH-HANS`."""
    return _code(code).upper()


def source_languages(registry: ModelRegistry) -> list[DeepLSourceLanguage]:
    """Return the languages that texts may be in."""
    return [
        DeepLSourceLanguage(language=deepl_code(code), name=name_of(code))
        for code in _sources(registry)
    ]


def target_languages(registry: ModelRegistry) -> list[DeepLTargetLanguage]:
    """Return the languages that texts are translated to, each followed by its variants."""
    return [
        DeepLTargetLanguage(language=deepl_code(code), name=name_of(code))
        for code in _with_variants(_targets(registry))
    ]


def resource_languages(registry: ModelRegistry, resource: Resource) -> list[DeepLLanguage]:
    """Return the languages of `/v3/languages`: none for documents, which are not offered.

    Raises:
        ResourceNotFoundError: The resource is `write`, as for a key without access to it.
    """
    if resource == "write":
        raise ResourceNotFoundError("`resource` is 'write', which is not offered by this service")
    if resource == "translate_document":
        return []
    is_text = resource == "translate_text"
    sources, targets = _sources(registry), _targets(registry)
    codes = dict.fromkeys((*sources, *targets))
    reached = frozenset(_with_variants(targets))
    return [
        DeepLLanguage(
            lang=_code(code),
            name=name_of(code),
            usable_as_source=code in sources,
            usable_as_target=code in reached,
            features=_features(is_source=code in sources) if is_text else {},
        )
        for code in (_with_variants(codes) if is_text else codes)
    ]


def _features(*, is_source: bool) -> dict[str, DeepLFeature]:
    names = ["tag_handling", "glossary", *(["auto_detection"] if is_source else [])]
    return dict.fromkeys(names, DeepLFeature())


def _code(code: str) -> str:
    return standard_code(code) or code


def _sources(registry: ModelRegistry) -> list[str]:
    return [code for code in registry.languages if registry.targets(code)]


def _targets(registry: ModelRegistry) -> list[str]:
    reached = frozenset[str]().union(*map(registry.targets, registry.languages))
    return [code for code in registry.languages if code in reached]


def _with_variants(codes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(each for code in codes for each in (code, *_VARIANTS.get(code, ()))))
