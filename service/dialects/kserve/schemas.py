"""The bodies of requests and responses of the open inference protocol."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, WithJsonSchema

from service.tasks.records import Overflow
from service.wire.body_schema import BodySchema
from service.wire.generation_fields import GenerationFields

InputName = Literal["text", "source_lang", "target_lang", "style"]
Datatype = Literal["BYTES", "FP32"]
OutputName = Literal["text", "source_lang", "score"]
Code = Annotated[str, Field(min_length=1, max_length=35)]

# Elements are checked one by one in `tensors`, which stops at the first that is wrong.
Data = Annotated[
    list[Any],
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
            },
        }
    ),
]


class _Request(BodySchema):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class InputParameters(_Request):
    """Parameters of an input."""

    binary_data_size: int | None = Field(
        default=None, ge=0, description="Bytes of its data, which follow the JSON object."
    )


class InputTensor(_Request):
    """`text`, of n elements; for a translation `source_lang` and `target_lang`, else `style`."""

    name: InputName
    shape: Annotated[list[int], FailFast()] = Field(
        min_length=1, max_length=2, description="`[n]` or `[n, 1]`; of all but `text`, n may be 1."
    )
    datatype: Literal["BYTES"]
    parameters: InputParameters | None = None
    data: Data | None = Field(default=None, description="Missing if `binary_data_size` is there.")


class OutputParameters(_Request):
    """Parameters of an output."""

    binary_data: bool | None = Field(default=None, description="Null: as `binary_data_output`.")


class RequestedOutput(_Request):
    """An output that is asked for."""

    name: OutputName
    parameters: OutputParameters | None = None


class InferParameters(GenerationFields):
    """Parameters of a request; an input goes before the parameter of its name."""

    source_lang: Code | None = Field(
        default=None, description="Null: the only one of the model, or detected, for each text."
    )
    target_lang: Code | None = Field(
        default=None, description="Required where the model has several target languages."
    )
    style: str | None = Field(default=None, max_length=64, description="Null: the model's first.")
    on_overflow: Overflow = Field(
        default="split", description="Treatment of a segment longer than the model reads."
    )
    timeout: int | None = Field(
        default=None, ge=1, description="For the request as a whole, in microseconds."
    )
    binary_data_output: bool = Field(
        default=False, description="Send outputs as binary data after the JSON object."
    )


class InferRequest(_Request):
    """The JSON object of a request."""

    id: str | None = None
    inputs: Annotated[list[InputTensor], FailFast()] = Field(min_length=1, max_length=4)
    outputs: Annotated[list[RequestedOutput], FailFast()] = Field(
        default=[], max_length=3, description="Without any: `text`."
    )
    parameters: InferParameters | None = None


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OutputTensor(_Response):
    """An output; its data is here, or after the JSON object."""

    name: OutputName
    shape: list[int]
    datatype: Datatype
    parameters: InputParameters | None = None
    data: list[str] | list[float] | None = None


class InferResponse(_Response):
    """The JSON object of an answer."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(_Response):
    """An input or output of a model; a size of -1 is any."""

    name: InputName | OutputName
    datatype: Datatype
    shape: list[int]


class ModelMetadata(_Response):
    """Tensors that a model takes and gives; all inputs but `text` may be left out."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(_Response):
    """Name and version of this server, and the extensions that it has."""

    name: str
    version: str
    extensions: list[str]


class Live(_Response):
    """The server is alive."""

    live: Literal[True]


class Ready(_Response):
    """The server can answer."""

    ready: Literal[True]


class ModelReady(Ready):
    """The model can answer."""

    name: str


class IndexRequest(_Request):
    """A request for the list of models."""

    ready: bool = Field(default=False, description="Leave out those that cannot answer.")


class IndexEntry(_Response):
    """A model of the catalogue."""

    name: str
    version: str
    state: Literal["READY", "LOADING", "UNAVAILABLE"]
    reason: str
