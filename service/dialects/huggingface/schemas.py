"""The bodies of requests and responses of Hugging Face inference."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from model.engine.params import MAX_BEAMS
from service.wire.body_schema import BodySchema
from service.wire.generation_fields import GenerationFields
from service.wire.text_fields import ONE_OR_MANY, listed

Code = Annotated[str, Field(min_length=1, max_length=35)]
Truncation = Literal["do_not_truncate", "longest_first", "only_first", "only_second"]


# One text becomes a list of it; a response has the shape of the request's own.
Inputs = Annotated[list[str], FailFast(), listed("inputs"), ONE_OR_MANY]


class _Request(BodySchema):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GenerateParameters(GenerationFields):
    """Parameters of `generate` that are supported."""

    num_return_sequences: int | None = Field(
        default=None, ge=1, le=MAX_BEAMS, description="Outputs of each text, best first."
    )
    max_length: int | None = Field(
        default=None, ge=2, description="`max_new_tokens` and 1 for the token that begins it."
    )
    do_sample: bool | None = Field(
        default=None, description="Null: if `temperature`, `top_k`, `top_p` or `seed` is given."
    )
    output_scores: bool | None = Field(
        default=None, description="Add `score`: the mean log-probability of the output's tokens."
    )


GENERATION_NAMES = frozenset(GenerateParameters.model_fields)


class SummarizationParameters(GenerateParameters):
    """Those of `generate` may stand here or in `generate_parameters`, which goes first."""

    clean_up_tokenization_spaces: bool | None = Field(
        default=None, description="Without effect: outputs have no spaces to clean up."
    )
    truncation: Truncation | None = Field(
        default=None,
        description="`longest_first` and `only_first` cut a text that is longer than the model "
        "reads. With the others, and without any, nothing is lost: it is taken in parts.",
    )
    generate_parameters: GenerateParameters | None = None


class TranslationParameters(SummarizationParameters):
    """Languages are codes of any form: `de`, `de_DE`, `deu_Latn`."""

    src_lang: Code | None = Field(
        default=None, description="Null: the only one of the model, or detected, for each text."
    )
    tgt_lang: Code | None = Field(
        default=None, description="Required where the model has several target languages."
    )


class SummarizationBody(_Request):
    """Texts to summarize."""

    inputs: Inputs = Field(description="One text, or a list of them.")
    parameters: SummarizationParameters | None = None
    options: dict[str, Any] | None = Field(default=None, description="Ignored.")


class TranslationBody(_Request):
    """Texts to translate."""

    inputs: Inputs = Field(description="One text, or a list of them.")
    parameters: TranslationParameters | None = None
    options: dict[str, Any] | None = Field(default=None, description="Ignored.")


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TranslationText(_Response):
    """One translation; `score` is there only with `output_scores`, null for an empty output."""

    translation_text: str
    score: float | None = None


class SummaryText(_Response):
    """One summary; `score` is there only with `output_scores`, null for an empty output."""

    summary_text: str
    score: float | None = None


# Several outputs of each text of a list are a list for each text.
Translations = list[TranslationText] | list[list[TranslationText]]
Summaries = list[SummaryText] | list[list[SummaryText]]

PipelineTask = Literal["translation", "summarization"]


class EndpointInfo(_Response):
    """Description of the model that answers at a URL."""

    model_id: str
    model_sha: str | None = Field(description="The commit or tag, of a model from a hub.")
    model_pipeline_tag: PipelineTask
    model_dtype: str
    model_device_type: str
    max_input_tokens: int = Field(description="Of one segment; longer texts are taken in parts.")
    max_new_tokens: int
    max_client_batch_size: int = Field(description="Texts in one request.")
    version: str = Field(description="Of this service.")


class EndpointHealth(_Response):
    """The model can answer."""

    status: Literal["ok"]
