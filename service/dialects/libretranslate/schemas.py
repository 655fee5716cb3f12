"""The fields of LibreTranslate's requests, however they are encoded, and its answers.

Fields that it does not know are ignored. In JSON schemas null and the empty string stand where a
field may be left out: `requests.py` drops both.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from model.engine.params import MAX_BEAMS

MAX_ALTERNATIVES = MAX_BEAMS - 1  # one beam is the translation itself
_DIGITS = re.compile("-?[0-9]{1,9}")


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _number(value: object) -> object:
    """Refuse a boolean, which Python takes for a number, and a string of other than digits."""
    if isinstance(value, bool) or (isinstance(value, str) and not _DIGITS.fullmatch(value)):
        raise PydanticCustomError("int_type", "a whole number")
    return value


def _not_negative(number: int) -> int:
    return max(0, number)


Texts = Annotated[
    list[str],
    Field(fail_fast=True),
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Alternatives = Annotated[
    int,
    Field(le=MAX_ALTERNATIVES),
    BeforeValidator(_number),
    AfterValidator(_not_negative),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "maximum": MAX_ALTERNATIVES},
                {"type": "string", "pattern": f"^({_DIGITS.pattern})?$"},
                {"type": "null"},
            ]
        }
    ),
]
Format = Annotated[Literal["text", "html"], WithJsonSchema({"enum": ["text", "html", "", None]})]
Code = Annotated[str, Field(min_length=1)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class KeyFields(_Fields):
    """The client's key, which is looked at before the other fields."""

    api_key: str | None = Field(
        default=None, description="`Authorization: Bearer KEY` does the same."
    )


class TranslateFields(KeyFields):
    """`POST /translate`."""

    q: Texts = Field(description="One text, or a list of them.")
    source: Code = Field(description="A code of `/languages`, or `auto`.")
    target: Code = Field(description="A code of `/languages`.")
    format: Format = "text"
    alternatives: Alternatives = Field(
        default=0, description="Most other translations of each text."
    )


class DetectFields(KeyFields):
    """`POST /detect`; a list is taken for one text."""

    q: Texts = Field(description="The text.")


class _Answer(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True
    )


class DetectedLanguage(_Answer):
    """A language that a text may be in."""

    confidence: int = Field(ge=0, le=100, description="In percent.")
    language: str


class TranslateAnswer(_Answer):
    """The answer of `/translate`; where a list was asked, each field is one, in its order."""

    translated_text: str | list[str]
    detected_language: DetectedLanguage | list[DetectedLanguage] | None = Field(
        default=None, description="Left out unless `source` is `auto`."
    )
    alternatives: list[str] | list[list[str]] | None = Field(
        default=None, description="Best first; left out unless some were asked for."
    )


class Language(_Answer):
    """A language, and those that it can be translated to."""

    code: str
    name: str
    targets: list[str]


class NamedLanguage(_Answer):
    """A language by its code and its English name."""

    code: str
    name: str


class FormLanguages(_Answer):
    """The languages that a form begins with."""

    source: NamedLanguage
    target: NamedLanguage


class FrontendSettings(_Answer):
    """The settings of a form for translations."""

    api_keys: bool = Field(description="There are keys.")
    char_limit: int = Field(description="Most characters of a request.")
    files_translation: bool
    frontend_timeout: int = Field(description="Milliseconds from the last letter typed.")
    key_required: bool
    language: FormLanguages
    suggestions: bool
    supported_files_format: list[str]
