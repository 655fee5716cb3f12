"""Turn bodies of the open inference protocol into the records of the tasks."""

from collections.abc import Mapping

from service.backend import ModelInfo
from service.deadline import Deadline
from service.dialects.kserve.schemas import InferParameters, InferRequest, InputName
from service.dialects.kserve.tensors import Tensor
from service.errors import InvalidFieldError, listing, show
from service.settings import Settings
from service.tasks.limits import deadline_of
from service.tasks.records import SummaryRequest, TranslationRequest
from service.tasks.registry import ModelRegistry

TRANSLATION_INPUTS: tuple[InputName, ...] = ("text", "source_lang", "target_lang")
SUMMARY_INPUTS: tuple[InputName, ...] = ("text", "style")


def wants_score(body: InferRequest) -> bool:
    """Return whether the scores are asked for, which cost time."""
    return any(each.name == "score" for each in body.outputs)


def translation_request(
    body: InferRequest,
    tensors: Mapping[str, Tensor],
    *,
    request_id: str,
    model: ModelInfo,
    registry: ModelRegistry,
    settings: Settings,
) -> TranslationRequest:
    """Return the record of a translation.

    Raises:
        InvalidFieldError: An input is missing, or not one of a translation's.
    """
    parameters = body.parameters or InferParameters()
    _check_inputs(tensors, parameters, TRANSLATION_INPUTS)
    source, target = registry.only_languages(model.name)
    target = _one("target_lang", tensors) or parameters.target_lang or target
    if target is None:
        raise InvalidFieldError("target_lang", "is required: there are several target languages")
    return TranslationRequest(
        request_id=request_id,
        text=tensors["text"].values,
        deadline=_deadline(parameters, settings),
        model=model.name,
        source_lang=_one("source_lang", tensors) or parameters.source_lang or source,
        target_lang=target,
        overrides=parameters.overrides(),
        return_scores=wants_score(body),
        on_overflow=parameters.on_overflow,
    )


def summary_request(
    body: InferRequest,
    tensors: Mapping[str, Tensor],
    *,
    request_id: str,
    model: ModelInfo,
    settings: Settings,
) -> SummaryRequest:
    """Return the record of a summary.

    Raises:
        InvalidFieldError: An input is missing, or not one of a summary's.
    """
    parameters = body.parameters or InferParameters()
    _check_inputs(tensors, parameters, SUMMARY_INPUTS)
    if any(each.name == "source_lang" for each in body.outputs):
        raise InvalidFieldError("outputs", "holds 'source_lang', which only translations have")
    return SummaryRequest(
        request_id=request_id,
        text=tensors["text"].values,
        deadline=_deadline(parameters, settings),
        model=model.name,
        style=_one("style", tensors) or parameters.style,
        overrides=parameters.overrides(),
        return_scores=wants_score(body),
        on_overflow=parameters.on_overflow,
    )


def _check_inputs(
    tensors: Mapping[str, Tensor], parameters: InferParameters, names: tuple[InputName, ...]
) -> None:
    """Check that `text` is there, and no input or parameter of the other task."""
    if "text" not in tensors:
        raise InvalidFieldError("inputs", "has no 'text', which is required")
    others: set[InputName] = {*TRANSLATION_INPUTS, *SUMMARY_INPUTS} - {*names}
    for name in sorted(others):
        if name in tensors or getattr(parameters, name) is not None:
            raise InvalidFieldError(name, f"is not for this model; it takes {listing(names)}")


def _one(name: InputName, tensors: Mapping[str, Tensor]) -> str | None:
    """Return the value of an input that has one for all texts, or the same for each."""
    tensor = tensors.get(name)
    if tensor is None:
        return None
    num_texts, num_values = len(tensors["text"].values), len(tensor.values)
    if num_values not in {1, num_texts}:
        raise InvalidFieldError(
            name, f"has {num_values} elements; it must have 1, or {num_texts} as `text` has"
        )
    different = set(tensor.values)
    if len(different) != 1:
        raise InvalidFieldError(
            name, f"has {len(different)} different values; all texts of a request have one"
        )
    return tensor.values[0]


def _deadline(parameters: InferParameters, settings: Settings) -> Deadline:
    limit = settings.max_timeout_ms * 1_000
    if parameters.timeout is None:
        return deadline_of(None, settings)
    if parameters.timeout > limit:
        raise InvalidFieldError(
            "timeout", f"is {show(parameters.timeout)}; it must be at most {limit} microseconds"
        )
    return Deadline.after(parameters.timeout / 1_000)
