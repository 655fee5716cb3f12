"""The bodies of DeepL's requests and responses.

A body is JSON or a form, so a list may also be one string, and a truth value also `1` or `"1"`.
Fields that are not named here are ignored, as DeepL does; a value that is not named is refused.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MAX_TEXTS = 50
MAX_GLOSSARIES = 5

Code = Annotated[str, Field(min_length=1, max_length=35)]
Split = Literal["0", "1", "nonewlines"]
ModelType = Literal["quality_optimized", "latency_optimized", "prefer_quality_optimized"]
Resource = Literal["translate_text", "translate_document", "glossary", "write"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _separated(values: list[str]) -> list[str]:
    """Return the names in comma-separated lists of them."""
    names = (name.strip() for value in values for name in value.split(","))
    return [name for name in names if name]


def _is_set(value: int | str) -> bool:
    return value in {1, "1", "true"}


def _split(value: int | str) -> str:
    return value if isinstance(value, str) else str(int(value))


Texts = Annotated[
    list[str],
    Field(min_length=1, max_length=MAX_TEXTS, fail_fast=True),
    BeforeValidator(
        _listed,
        json_schema_input_type=str
        | Annotated[list[str], Field(min_length=1, max_length=MAX_TEXTS)],
    ),
]
Names = Annotated[
    list[str],
    Field(fail_fast=True),
    BeforeValidator(_listed, json_schema_input_type=str | list[str]),
    AfterValidator(_separated),
]
Flag = Annotated[Literal[False, True, 0, 1, "0", "1", "false", "true"], AfterValidator(_is_set)]
SplitSentences = Annotated[
    Literal[False, True, 0, 1, "0", "1", "nonewlines"], AfterValidator(_split)
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TranslateRequest(_Body):
    """`POST /v2/translate`. Null is the default of every field that has one."""

    text: Texts = Field(description="One text, or a list of up to 50.")
    target_lang: Code = Field(description="Such as `DE`; of a variant, the language served.")
    source_lang: Code | None = Field(default=None, description="Null: detected, for each text.")
    context: str | None = Field(
        default=None, description="Has no effect: each text is translated by itself."
    )
    split_sentences: SplitSentences | None = Field(
        default=None,
        description="`1` cuts at punctuation and newlines, `nonewlines` at punctuation only, `0` "
        "nowhere. Null: `nonewlines` for HTML, else `1`.",
    )
    preserve_formatting: Flag | None = Field(
        default=None, description="Has no effect: formatting is always kept."
    )
    formality: Literal["default", "prefer_more", "prefer_less"] | None = Field(
        default=None,
        description="Has no effect. No language supports formality, so that `more` and `less` are "
        "refused.",
    )
    glossary_id: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Needs `source_lang`."
    )
    glossary_ids: Names | None = Field(
        default=None,
        description="Up to 5, the first counts most; not together with `glossary_id`.",
    )
    tag_handling: Literal["html", "xml"] | None = Field(
        default=None, description="Null: the text is plain, and tags in it are text."
    )
    tag_handling_version: Literal["v1", "v2"] | None = Field(
        default=None, description="Has no effect."
    )
    outline_detection: Flag | None = Field(
        default=None,
        description="In XML, find the elements that are structure; if not, only `splitting_tags` "
        "are. Null: 1.",
    )
    non_splitting_tags: Names | None = Field(
        default=None, description="A sentence goes on across these."
    )
    splitting_tags: Names | None = Field(default=None, description="A sentence ends at these.")
    ignore_tags: Names | None = Field(
        default=None, description="What is in these is not translated."
    )
    show_billed_characters: Flag | None = Field(default=None)
    model_type: ModelType | None = Field(
        default=None, description="Has no effect but for `model_type_used` in the answer."
    )
    style_id: None = Field(default=None, description="Not offered.")
    custom_instructions: None = Field(default=None, description="Not offered.")
    translation_memory_id: None = Field(default=None, description="Not offered.")
    translation_memory_threshold: None = Field(default=None, description="Not offered.")


class LanguagesRequest(_Body):
    """`/v2/languages`."""

    type: Literal["source", "target"] = "source"


class DeepLTranslation(_Body):
    """One translated text; what was not asked for is absent."""

    detected_source_language: str
    text: str
    billed_characters: int = 0
    model_type_used: str = ""


class DeepLTranslations(_Body):
    """The answer of `/v2/translate`, in the texts' order."""

    translations: list[DeepLTranslation]


class DeepLUsage(_Body):
    """The answer of `/v2/usage`."""

    character_count: int = Field(description="In this month.")
    character_limit: int = Field(description="1000000000000 where there is none.")


class DeepLSourceLanguage(_Body):
    """A language that texts may be in."""

    language: str
    name: str


class DeepLTargetLanguage(DeepLSourceLanguage):
    """A language that texts are translated to."""

    supports_formality: Literal[False] = False


class DeepLFeature(_Body):
    """A feature that a language has; its name is the key."""

    status: Literal["stable"] = "stable"


class DeepLLanguage(_Body):
    """A language of `/v3/languages`."""

    lang: str
    name: str
    status: Literal["stable"] = "stable"
    usable_as_source: bool
    usable_as_target: bool
    features: dict[str, DeepLFeature]
