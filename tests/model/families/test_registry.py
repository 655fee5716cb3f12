"""The family of a checkpoint."""

from collections import Counter

import pytest

from model.errors import CheckpointError, UnsupportedModelError
from model.families.registry import FAMILIES, family_of


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("marian", "Marian"),
        ("bart", "BART"),
        ("mbart", "mBART"),
        ("pegasus", "PEGASUS"),
        ("m2m_100", "M2M100"),
        ("t5", "T5"),
        ("mt5", "mT5"),
        ("umt5", "umT5"),
        ("t5gemma", "T5Gemma"),
    ],
)
def test_the_model_type_says_the_family(model_type: str, name: str) -> None:
    assert family_of({"model_type": model_type}).name == name


@pytest.mark.parametrize("model_type", ["gpt2", "Marian", "", None, ["marian"]], ids=str)
def test_an_unknown_model_type_is_answered_with_those_that_are_known(model_type: object) -> None:
    with pytest.raises(UnsupportedModelError) as error:
        family_of({"model_type": model_type})
    known = ", ".join(name for family in FAMILIES for name in family.model_types)
    assert str(error.value) == f"config.json: model_type {model_type!r} is not one of {known}"


def test_a_config_without_a_model_type_is_of_no_family() -> None:
    with pytest.raises(UnsupportedModelError, match="model_type None"):
        family_of({})


def test_an_unsupported_model_is_an_unfit_checkpoint() -> None:
    with pytest.raises(CheckpointError):
        family_of({"model_type": "gpt2"})


def test_no_two_families_claim_one_model_type() -> None:
    claims = Counter(name for family in FAMILIES for name in family.model_types)
    assert max(claims.values()) == 1
