"""Turn the tasks' answers and the served models into bodies of the open inference protocol."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from service.backend import ModelInfo
from service.dialects.kserve.requests import SUMMARY_INPUTS, TRANSLATION_INPUTS
from service.dialects.kserve.schemas import (
    Datatype,
    IndexEntry,
    InferParameters,
    InferRequest,
    InferResponse,
    InputName,
    InputParameters,
    ModelMetadata,
    OutputName,
    OutputTensor,
    RequestedOutput,
    TensorMetadata,
)
from service.dialects.kserve.tensors import binary_of
from service.tasks.records import ItemAnswer, TaskAnswer
from service.wire.middleware import time_headers

HEADER_LENGTH = "inference-header-content-length"
_DATATYPES: Mapping[OutputName, Datatype] = {
    "text": "BYTES",
    "source_lang": "BYTES",
    "score": "FP32",
}
_TEXT_ONLY = (RequestedOutput(name="text"),)


def version_of(model: ModelInfo) -> str:
    """Return the one version of a model that is served."""
    return str(model.version)


def infer_response(
    answer: TaskAnswer, body: InferRequest, *, model: ModelInfo, shape: tuple[int, ...]
) -> Response:
    """Return the response with the outputs that were asked for, each of the shape of the texts."""
    all_binary = (body.parameters or InferParameters()).binary_data_output
    tensors: list[OutputTensor] = []
    binary: list[bytes] = []
    for each in body.outputs or _TEXT_ONLY:
        own = each.parameters.binary_data if each.parameters else None
        values = _values(each.name, answer.items)
        tensor = OutputTensor(
            name=each.name, shape=list(shape), datatype=_DATATYPES[each.name], data=values
        )
        if all_binary if own is None else own:
            binary.append(binary_of(values))
            size = InputParameters(binary_data_size=len(binary[-1]))
            tensor = tensor.model_copy(update={"data": None, "parameters": size})
        tensors.append(tensor)
    found = InferResponse(
        model_name=model.name, model_version=version_of(model), id=body.id, outputs=tensors
    )
    header = found.model_dump_json(exclude_none=True).encode()
    headers = time_headers(answer.usage)
    if not binary:
        return Response(header, media_type="application/json", headers=headers)
    return Response(
        b"".join((header, *binary)),
        media_type="application/octet-stream",
        headers={**headers, HEADER_LENGTH: str(len(header))},
    )


def metadata_of(model: ModelInfo) -> ModelMetadata:
    """Return what a model takes and gives."""
    translates = model.tasks[0] == "translation"
    inputs: tuple[InputName, ...] = TRANSLATION_INPUTS if translates else SUMMARY_INPUTS
    return ModelMetadata(
        name=model.name,
        versions=[version_of(model)],
        platform="dragoman",
        inputs=[TensorMetadata(name=name, datatype="BYTES", shape=[-1]) for name in inputs],
        outputs=[
            TensorMetadata(name=name, datatype=datatype, shape=[-1])
            for name, datatype in _DATATYPES.items()
            if translates or name != "source_lang"
        ],
    )


def index_entry(model: ModelInfo) -> IndexEntry:
    """Return an entry of the list of models; one that is loaded when it is needed is ready."""
    name, version = model.name, version_of(model)
    if model.state == "failed":
        return IndexEntry(
            name=name, version=version, state="UNAVAILABLE", reason="it could not be loaded"
        )
    if not model.is_offered:
        return IndexEntry(name=name, version=version, state="LOADING", reason="")
    return IndexEntry(name=name, version=version, state="READY", reason="")


def _values(name: OutputName, items: Sequence[ItemAnswer]) -> list[str] | list[float]:
    """Return an output's elements; the score of an item for which nothing was generated is 0."""
    if name == "score":
        return [item.score or 0.0 for item in items]
    return [item.text if name == "text" else item.source_lang or "" for item in items]
