"""The generation parameters that several client APIs take by the names of Hugging Face."""

from typing import Any

from pydantic import ConfigDict, Field

from model.engine.params import MAX_BEAMS
from service.backend import ParamOverrides
from service.wire.body_schema import BodySchema


class GenerationFields(BodySchema):
    """Parameters of each segment; null is the model's own.

    Strict: a number in quotes is refused, and so is a field that does not exist.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    num_beams: int | None = Field(default=None, ge=1, le=MAX_BEAMS)
    max_new_tokens: int | None = Field(default=None, ge=1)
    length_penalty: float | None = Field(default=None, ge=-10, le=10, allow_inf_nan=False)
    repetition_penalty: float | None = Field(default=None, ge=1, le=2, allow_inf_nan=False)
    no_repeat_ngram_size: int | None = Field(default=None, ge=0, le=10)
    temperature: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    top_k: int | None = Field(default=None, ge=1, le=1_000_000)
    top_p: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    seed: int | None = Field(default=None, ge=0, lt=1 << 63)

    def overrides(self, **others: Any) -> ParamOverrides:
        """Return the parameters that are set; `others` are more, and go before these."""
        given = {name: getattr(self, name) for name in GenerationFields.model_fields}
        return ParamOverrides(**{**given, **others})
