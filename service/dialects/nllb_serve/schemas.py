"""The bodies of the request and the response of nllb-serve."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from service.wire.body_schema import BodySchema
from service.wire.text_fields import ONE_OR_MANY, listed

Code = Annotated[str, Field(min_length=1, max_length=35)]


class TranslateRequest(BodySchema):
    """Texts to translate; in a form or a query `source` may be there several times."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: Annotated[list[str], FailFast(), listed("source"), ONE_OR_MANY] = Field(
        description="One text, or a list of them."
    )
    src_lang: str | None = Field(
        default=None, max_length=35, description="Null or empty: detected, for each text."
    )
    tgt_lang: Code = Field(description="A code of any form: `deu_Latn`, `de`.")


class TranslateResponse(BaseModel):
    """The translations; `src_lang` is the first text's if it was detected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    translation: list[str]
    source: list[str]
    src_lang: str
    tgt_lang: str
    time_taken: float
    time_units: Literal["s"]
