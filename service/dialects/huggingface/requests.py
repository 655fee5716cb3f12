"""Turn bodies of Hugging Face inference into the records of the tasks."""

from collections.abc import Mapping

from service.backend import ParamOverrides
from service.dialects.huggingface.schemas import (
    GENERATION_NAMES,
    GenerateParameters,
    SummarizationBody,
    SummarizationParameters,
    TranslationBody,
    TranslationParameters,
    Truncation,
)
from service.errors import InvalidFieldError
from service.settings import Settings
from service.tasks.limits import deadline_of
from service.tasks.records import Overflow, SummaryRequest, TranslationRequest
from service.tasks.registry import ModelRegistry

_SAMPLING = ("temperature", "top_k", "top_p", "seed")

# The texts are no pairs, so there is no second one to cut. Who wants nothing truncated loses
# nothing when a long text is taken in parts.
_OVERFLOWS: Mapping[Truncation | None, Overflow] = {
    None: "split",
    "do_not_truncate": "split",
    "only_second": "split",
    "longest_first": "truncate",
    "only_first": "truncate",
}


def translation_request(
    body: TranslationBody,
    *,
    request_id: str,
    model: str | None,
    registry: ModelRegistry,
    settings: Settings,
) -> TranslationRequest:
    """Return the record of a translation.

    Raises:
        InvalidFieldError: There is no target language, or two parameters contradict each other.
        ApiError, ModelError: `model` names none that translates.
    """
    parameters = body.parameters or TranslationParameters()
    generation = generation_of(parameters)
    source, target = registry.only_languages(model)
    target = parameters.tgt_lang or target
    if target is None:
        raise InvalidFieldError("tgt_lang", "is required: there are several target languages")
    return TranslationRequest(
        request_id=request_id,
        text=tuple(body.inputs),
        deadline=deadline_of(None, settings),
        model=model,
        source_lang=parameters.src_lang or source,
        target_lang=target,
        overrides=_overrides(generation),
        return_scores=bool(generation.output_scores),
        on_overflow=_OVERFLOWS[parameters.truncation],
    )


def summary_request(
    body: SummarizationBody, *, request_id: str, model: str | None, settings: Settings
) -> SummaryRequest:
    """Return the record of a summary.

    Raises:
        InvalidFieldError: Two parameters contradict each other.
    """
    parameters = body.parameters or SummarizationParameters()
    generation = generation_of(parameters)
    return SummaryRequest(
        request_id=request_id,
        text=tuple(body.inputs),
        deadline=deadline_of(None, settings),
        model=model,
        overrides=_overrides(generation),
        return_scores=bool(generation.output_scores),
        on_overflow=_OVERFLOWS[parameters.truncation],
    )


def generation_of(parameters: SummarizationParameters | None) -> GenerateParameters:
    """Return the parameters of `generate`, wherever in a body they stand."""
    if parameters is None:
        return GenerateParameters()
    outer = parameters.model_dump(include=set(GENERATION_NAMES), exclude_none=True)
    inner = parameters.generate_parameters or GenerateParameters()
    return GenerateParameters(**{**outer, **inner.model_dump(exclude_none=True)})


def _overrides(given: GenerateParameters) -> ParamOverrides:
    max_new_tokens, temperature = given.max_new_tokens, given.temperature
    if max_new_tokens is None and given.max_length is not None:
        max_new_tokens = given.max_length - 1
    asked = [name for name in _SAMPLING if getattr(given, name) is not None]
    if given.do_sample is False and asked:
        raise InvalidFieldError("do_sample", f"is false, but `{asked[0]}` is for sampling")
    if given.do_sample and not asked:
        temperature = 1.0
    return given.overrides(
        num_return=given.num_return_sequences,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
    )
