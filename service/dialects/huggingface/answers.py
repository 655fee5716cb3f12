"""Turn the tasks' answers into bodies of Hugging Face inference."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pydantic_core
from starlette.responses import Response

from service.backend import ModelInfo
from service.dialects.huggingface.schemas import EndpointInfo, GenerateParameters
from service.settings import Settings
from service.tasks.records import Alternative, ItemAnswer, TaskAnswer
from service.wire.middleware import time_headers

TextKey = Literal["translation_text", "summary_text"]


def response_of(
    answer: TaskAnswer, key: TextKey, *, is_list: bool, generation: GenerateParameters
) -> Response:
    """Return the response: a list with an object for each text; `key` is its text's.

    Several outputs of one text are objects of the one list, those of a list of texts a list for
    each, as pipelines of transformers have it.
    """
    found = [list(_outputs(item, key, generation)) for item in answer.items]
    is_nested = is_list and (generation.num_return_sequences or 1) > 1
    body = found if is_nested else [output for outputs in found for output in outputs]
    return Response(
        pydantic_core.to_json(body, inf_nan_mode="null"),
        media_type="application/json",
        headers={**time_headers(answer.usage), **_warning(answer)},
    )


def info_of(model: ModelInfo, settings: Settings, *, version: str) -> EndpointInfo:
    """Return what is known of the model that answers at a URL."""
    return EndpointInfo(
        model_id=model.name,
        model_sha=model.revision,
        model_pipeline_tag=model.tasks[0],
        model_dtype=model.dtype,
        model_device_type=model.device,
        max_input_tokens=model.max_input_tokens,
        max_new_tokens=model.max_new_tokens,
        max_client_batch_size=settings.max_items,
        version=version,
    )


def _outputs(
    item: ItemAnswer, key: TextKey, generation: GenerateParameters
) -> Iterator[dict[str, Any]]:
    """Yield the item's outputs, best first."""
    best = Alternative(item.text, item.score)
    for each in (best, *item.alternatives):
        score = {"score": each.score} if generation.output_scores else {}
        yield {key: each.text, **score}


def _warning(answer: TaskAnswer) -> Mapping[str, str]:
    """Return the header that `huggingface_hub` logs, if anything was cut."""
    num_cut = sum(item.truncated for item in answer.items)
    if not num_cut:
        return {}
    told = f"{num_cut} of {len(answer.items)} inputs, or their outputs, were too long and were cut"
    return {"x-hf-warning": f"truncation; {told}"}
