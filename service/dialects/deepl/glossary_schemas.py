"""The bodies of the glossary routes: of `/v2`, with one dictionary, and of `/v3`, with several."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.dialects.deepl.schemas import Code
from service.tasks.glossary_documents import MAX_DICTIONARIES

MAX_NAME_CHARACTERS = 1_024

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]


class _Body(BaseModel):
    """Fields without a meaning here are ignored, as DeepL does."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LanguagePair(_Body):
    """A pair of languages, both without region."""

    source_lang: Code
    target_lang: Code


class DictionaryEntries(LanguagePair):
    """The entries for one pair: a line each."""

    entries: Annotated[str, Field(min_length=1)]
    entries_format: Literal["tsv", "csv"] = "tsv"


class NewGlossary(DictionaryEntries):
    """`POST /v2/glossaries`."""

    name: Name


class NewMultilingualGlossary(_Body):
    """`POST /v3/glossaries`."""

    name: Name
    dictionaries: Annotated[
        list[DictionaryEntries], Field(min_length=1, max_length=MAX_DICTIONARIES, fail_fast=True)
    ]


class GlossaryEdit(_Body):
    """`PATCH /v3/glossaries/{glossary_id}`: a new name, more entries, or both."""

    name: Name | None = None
    dictionaries: Annotated[
        list[DictionaryEntries], Field(max_length=MAX_DICTIONARIES, fail_fast=True)
    ] = Field(default_factory=list)


class SupportedPairs(BaseModel):
    """The pairs that a glossary may be for."""

    supported_languages: list[LanguagePair]


class Glossary(BaseModel):
    """A glossary with one dictionary."""

    glossary_id: str
    name: str
    ready: bool = Field(default=True, description="Always true: it can be used at once.")
    source_lang: str
    target_lang: str
    creation_time: str = Field(examples=["2026-11-30T12:00:00.000000Z"])
    entry_count: int


class Glossaries(BaseModel):
    """Those of the key that have one dictionary, the oldest first."""

    glossaries: list[Glossary]


class DictionarySize(BaseModel):
    """A dictionary, without its entries."""

    source_lang: str
    target_lang: str
    entry_count: int


class MultilingualGlossary(BaseModel):
    """A glossary with its dictionaries."""

    glossary_id: str
    name: str
    dictionaries: list[DictionarySize]
    creation_time: str = Field(examples=["2026-11-30T12:00:00.000000Z"])


class MultilingualGlossaries(BaseModel):
    """Those of the key, the oldest first."""

    glossaries: list[MultilingualGlossary]


class Entries(BaseModel):
    """The entries of the dictionary that was asked for."""

    dictionaries: list[DictionaryEntries]
