"""The bodies of the native API, of requests and of responses.

Limits that an operator may change are settings, checked in `service.tasks.limits`; those here are
part of the contract.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from model.engine.params import MAX_BEAMS
from service.backend import ModelState, TaskName
from service.pairs import Pair, Pairs

MAX_LISTED_PAIRS = 500  # of one model, or of all, that are named one by one

Format = Literal["text", "html", "xml"]
Split = Literal["sentences", "newlines", "none"]
Overflow = Literal["split", "truncate", "error"]
Part = Literal["scores", "alignment", "segments", "alternatives"]
Code = Annotated[str, Field(min_length=1, max_length=35)]


def _characters(text: str) -> str:
    """Refuse half of a surrogate pair: JSON can escape it, but no encoding can write it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogate", "half of a surrogate pair") from None
    return text


Text = Annotated[str, AfterValidator(_characters)]
Texts = Text | list[Text]


class _Request(BaseModel):
    """Strict: a number in quotes is refused, and so is a field that does not exist."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GlossaryEntry(_Request):
    """A term and its fixed translation; None leaves the term as it is."""

    source: str
    target: str | None


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
    glossary: list[GlossaryEntry] | None = Field(default=None, max_length=1_000)
    return_: list[Part] = Field(default_factory=list, alias="return", max_length=4)
    priority: Literal["interactive", "bulk"] = "interactive"
    timeout_ms: int | None = Field(default=None, ge=1, description="For the request as a whole.")
    stream: bool = False


class TranslateRequest(GenerationRequest):
    """`POST /v1/translate`."""

    target_lang: Code
    source_lang: Code | None = Field(default=None, description="None: detected, for each item.")
    split: Split = "sentences"


class SummarizeRequest(GenerationRequest):
    """`POST /v1/summarize`; with `split`, each sentence or line is summarized for itself."""

    style: str | None = Field(default=None, max_length=64, description="None: the model's first.")
    split: Split = "none"


class DetectRequest(_Request):
    """`POST /v1/detect`."""

    text: Texts


class Alternative(_Response):
    """Another output for the same item."""

    text: str
    score: float | None = None


class SegmentOutput(_Response):
    """The output of one segment of an item."""

    source: str
    text: str
    truncated: bool
    score: float | None = None


class ItemOutput(_Response):
    """One text's answer; `score`, `alternatives` and `segments` only where asked for.

    `score` is the mean log-probability per output token, null where nothing was generated.
    """

    text: str
    truncated: bool
    score: float | None = None
    alternatives: list[Alternative] = []
    segments: list[SegmentOutput] = []


class TranslationOutput(ItemOutput):
    """One translated text."""

    source_lang: str
    detected: bool


class Usage(_Response):
    """Counts over all segments of a request."""

    input_characters: int
    input_tokens: int
    output_tokens: int


class TranslateResponse(_Response):
    """The answer of `/v1/translate`; `model` is the one that the first item was given to."""

    model: str
    translations: list[TranslationOutput]
    usage: Usage


class SummarizeResponse(_Response):
    """The answer of `/v1/summarize`."""

    model: str
    summaries: list[ItemOutput]
    usage: Usage


class DetectedLanguage(_Response):
    """The language of one text; null for a text without words."""

    language: str | None
    confidence: float = Field(ge=0, le=1)


class DetectResponse(_Response):
    """The answer of `/v1/detect`."""

    detections: list[DetectedLanguage]


def _listed(pairs: Pairs) -> list[Pair] | None:
    """Return the pairs one by one, or None for all combinations of very many languages."""
    is_vast = pairs.listed is None and len(pairs) > MAX_LISTED_PAIRS
    return None if is_vast else list(pairs)


class ModelOutput(_Response):
    """One served model: its tasks, its checkpoint and its limits."""

    # Built from a `service.backend.ModelInfo`: attributes have these names, but for the aliases.
    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)

    name: str
    state: ModelState = Field(
        description="`not_loaded` is loaded by the first request that needs it."
    )
    task: TaskName = Field(
        validation_alias=AliasPath("tasks", 0), description="The first of `tasks`."
    )
    tasks: list[TaskName]
    default_for: list[str] = Field(
        description="Tasks and pairs (`en-de`) for which it is taken if a request names no model."
    )
    pairs: Annotated[list[tuple[str, str]] | None, BeforeValidator(_listed)] = Field(
        description="Pairs that it translates, as (source, target). Null for a model of many "
        "languages: then every combination of two different `source_languages` and "
        "`target_languages`."
    )
    source_languages: list[str] = Field(validation_alias=AliasPath("pairs", "sources"))
    target_languages: list[str] = Field(validation_alias=AliasPath("pairs", "targets"))
    styles: list[str] = Field(description="How it summarizes; the first is the default.")
    family: str
    origin: str = Field(description="`bundled/NAME`, the id on a hub, or `folder`.")
    revision: str | None = Field(description="The commit or tag, of a model from a hub.")
    num_parameters: int
    weights_bytes: int | None = Field(description="In memory; null while it is not loaded.")
    dtype: str
    quantize: Literal["int8"] | None = Field(
        description="How weights are stored that compute in `dtype`."
    )
    device: str
    kernels: str = Field(
        description="The code that computes there: `pytorch`, or `own` with the instructions that "
        "it uses, as in `own (AVX2)`."
    )
    max_input_tokens: int = Field(description="Of one segment, special tokens included.")
    max_new_tokens: int = Field(description="The most that `max_new_tokens` may ask for.")
    max_waiting: int | None = Field(description="Segments that may queue for it.")
    default_num_beams: int
    defaults: dict[str, Any] = Field(
        description="Generation parameters of a request that names none."
    )


class ModelsResponse(_Response):
    """The answer of `/v1/models`."""

    models: list[ModelOutput]


class LanguageOutput(_Response):
    """A language that can be read, or written, and what it can be translated to."""

    code: str
    name: str
    targets: list[str] | None = Field(
        description="Null where it can be translated to all the other `targets` of the response."
    )


class LanguagesResponse(_Response):
    """The answer of `/v1/languages`."""

    languages: list[LanguageOutput]
    targets: list[str] = Field(
        description="What many languages, those with null `targets`, have in common; empty "
        "where few languages are served, each with its own."
    )


class ErrorResponse(_Response):
    """The one error object of every route."""

    error: str = Field(description="One sentence: the field, the value, the limit.")
    message: str = Field(description="The same sentence.")
    error_type: str
    code: str = Field(description="A stable name for programs; the same as `error_type`.")
    request_id: str
