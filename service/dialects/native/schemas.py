"""The bodies of the native API's requests; those of responses are in `answer_schemas.py`.

Limits that an operator may change are settings, checked in `service.tasks.limits`; those here are
part of the contract.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from model.engine.params import MAX_BEAMS
from service.text.glossary import MAX_REQUEST_ENTRIES
from service.wire.body_schema import BodySchema

Format = Literal["text", "html", "xml"]
Split = Literal["sentences", "nonewlines", "newlines", "none"]
Overflow = Literal["split", "truncate", "error"]
Part = Literal["scores", "confidence", "alignment", "segments", "alternatives"]
Attribute = Annotated[str, Field(min_length=1, max_length=64)]
Code = Annotated[str, Field(min_length=1, max_length=35)]


def _characters(text: str) -> str:
    """Refuse half of a surrogate pair: JSON can escape it, but no encoding can write it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogate", "half of a surrogate pair") from None
    return text


Text = Annotated[str, AfterValidator(_characters)]
Texts = Text | Annotated[list[Text], Field(fail_fast=True)]


class _Request(BodySchema):
    """Strict: a number in quotes is refused, and so is a field that does not exist."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GlossaryEntry(_Request):
    """A term and its translation; null leaves the term as it is."""

    source: Text
    target: Text | None
    mode: Literal["enforce", "prefer"] = Field(
        default="enforce", description="`prefer` lets the model inflect the target."
    )


def _kind_of_glossary(value: object) -> str:
    return "name" if isinstance(value, str) else "entries"


GlossaryField = Annotated[
    Annotated[
        list[GlossaryEntry], Field(max_length=MAX_REQUEST_ENTRIES, fail_fast=True), Tag("entries")
    ]
    | Annotated[Text, Tag("name")],
    Discriminator(_kind_of_glossary),
]


class GenerationRequest(_Request):
    """The fields that a translation and a summary have in common."""

    text: Texts = Field(description="One text, or a list of them.")
    model: str | None = Field(
        default=None, max_length=200, description="None: the first that fits."
    )
    format: Format = "text"
    on_overflow: Overflow = Field(
        default="split", description="Treatment of a segment longer than the model reads."
    )
    num_beams: int | None = Field(default=None, ge=1, le=MAX_BEAMS)
    num_return: int = Field(
        default=1, ge=1, le=MAX_BEAMS, description="Outputs of each segment, best first."
    )
    max_new_tokens: int | None = Field(default=None, ge=1, description="For each segment.")
    length_penalty: float | None = Field(default=None, ge=-10, le=10, allow_inf_nan=False)
    repetition_penalty: float | None = Field(default=None, ge=1, le=2, allow_inf_nan=False)
    no_repeat_ngram_size: int | None = Field(default=None, ge=0, le=10)
    temperature: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    top_k: int | None = Field(default=None, ge=1, le=1_000_000)
    top_p: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    seed: int | None = Field(default=None, ge=0, lt=1 << 63)
    target_prefix: Text | None = Field(
        default=None, max_length=2_048, description="Forced beginning of each item's output."
    )
    return_: Annotated[list[Part], Field(fail_fast=True)] = Field(
        default_factory=list, alias="return", max_length=5
    )
    priority: Literal["interactive", "bulk"] = "interactive"
    timeout_ms: int | None = Field(default=None, ge=1, description="For the request as a whole.")
    stream: bool = False


class TranslateRequest(GenerationRequest):
    """`POST /v1/translate`."""

    target_lang: Code
    source_lang: Code | None = Field(default=None, description="None: detected, for each item.")
    split: Split = "sentences"
    attributes: Annotated[list[Attribute], Field(fail_fast=True)] = Field(
        default_factory=list,
        max_length=32,
        description="With `format` html or xml: attributes whose values are translated, too.",
    )
    glossary: GlossaryField | None = Field(
        default=None,
        description="Entries, the name of a glossary in the catalogue, or the id of one made over "
        "the API.",
    )


class SummarizeRequest(GenerationRequest):
    """`POST /v1/summarize`; with `split`, each sentence or line is summarized for itself."""

    style: str | None = Field(default=None, max_length=64, description="None: the model's first.")
    split: Split = "none"


class DetectRequest(_Request):
    """`POST /v1/detect`."""

    text: Texts


class ScoreRequest(_Request):
    """`POST /v1/score`: of a translation with `target_lang`, of a summary with `style`."""

    text: Text = Field(description="One segment, which the model reads whole.")
    output: Text
    target_lang: Code | None = None
    source_lang: Code | None = Field(default=None, description="None: detected.")
    style: str | None = Field(default=None, max_length=64, description="None: the model's first.")
    model: str | None = Field(
        default=None, max_length=200, description="None: the first that fits."
    )
