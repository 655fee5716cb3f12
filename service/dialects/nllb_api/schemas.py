"""The bodies of the request and the response of nllb-api."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.wire.body_schema import BodySchema

Code = Annotated[str, Field(min_length=1, max_length=35)]


class TranslatorRequest(BodySchema):
    """A text to translate."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text: str
    source: Code | None = Field(default=None, description="Null: detected.")
    target: Code = Field(description="A code of any form: `deu_Latn`, `de`.")


class TranslatorResponse(BaseModel):
    """The translation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    result: str
