"""The bodies of the native API's responses."""

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from service.backend import ModelState, TaskName
from service.pairs import Pair, Pairs

MAX_LISTED_PAIRS = 500  # of one model, or of all, that are named one by one

# source_start, source_end, target_start, target_end, weight
AlignmentLink = tuple[int, int, int, int, float]


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Alternative(_Response):
    """Another output for the same item."""

    text: str
    score: float | None = None


class SegmentOutput(_Response):
    """The output of one segment of an item, without its markup.

    `alignment` links spans of `source` with spans of `text`.
    """

    source: str
    text: str
    truncated: bool
    score: float | None = None
    confidence: float | None = None
    alignment: list[AlignmentLink] = []


class ItemOutput(_Response):
    """One text's answer; what `return` names is there only where asked for.

    `score` is the mean log-probability per output token, `confidence` the probability that the
    output is good; both are null where nothing was generated. `alignment` links spans of the
    request's text with spans of `text`; with markup it is in the segments instead.
    """

    text: str
    truncated: bool
    score: float | None = None
    confidence: float | None = None
    alignment: list[AlignmentLink] = []
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


class TokenScore(_Response):
    """One token of an output; the end, and a first token that the model forces, have no text."""

    text: str
    start: int
    end: int
    logprob: float


class ScoreResponse(_Response):
    """The answer of `/v1/score`; `score` is the mean log-probability of the tokens."""

    model: str
    score: float
    tokens: list[TokenScore]


class DetectedLanguage(_Response):
    """The language of one text; null for a text without words."""

    language: str | None = Field(
        description="A served language; the code of another one if the text is clearly in that."
    )
    confidence: float = Field(ge=0, le=1, description="Among the languages served, if it is one.")


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


class UsageResponse(_Response):
    """The answer of `/v1/usage`: what the client used in this month, and the most that it may.

    Limits are null where there are none. Without API keys the figures are those of everybody.
    """

    period: str = Field(description="The month (UTC), as in `2026-11`.")
    requests: int
    characters: int = Field(description="Of the answered requests; code points.")
    characters_limit: int | None = Field(description="For the month.")
    characters_left: int | None = Field(description="Of the month.")
    requests_per_minute: int | None
    characters_per_minute: int | None
