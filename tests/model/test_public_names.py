"""The public names of `model`, and what importing them does not import."""

import subprocess
import sys
from dataclasses import fields

import pytest

import model
from model import GenerationOptions
from model.engine.params import GenerationParams


def test_an_error_needs_no_torch() -> None:
    code = "import model.errors, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


@pytest.mark.parametrize("name", model.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(model, name).__name__ == name


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'model' has no attribute 'Translator'"):
        model.Translator  # noqa: B018


def test_every_parameter_of_generation_is_an_option() -> None:
    named = {field.name for field in fields(GenerationParams)} - {"target_prefix_ids"}
    assert GenerationOptions.__optional_keys__ == named | {"prefix", "target_prefix"}
