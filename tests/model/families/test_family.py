"""What a config.json must have."""

import pytest

from model.errors import CheckpointError
from model.families.family import required_int


@pytest.mark.parametrize("value", [0, 7, -1])
def test_a_whole_number_is_taken_as_it_is(value: int) -> None:
    assert required_int({"d_model": value}, "d_model") == value


@pytest.mark.parametrize("hf_config", [{}, {"d_model": None}], ids=["absent", "null"])
def test_a_missing_key_is_named(hf_config: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json: 'd_model' is missing"):
        required_int(hf_config, "d_model")


@pytest.mark.parametrize("value", ["512", 51.2, True, [512], {}], ids=repr)
def test_anything_else_is_refused_by_name_and_value(value: object) -> None:
    with pytest.raises(CheckpointError, match=r"'d_model' is .*, not a whole number"):
        required_int({"d_model": value}, "d_model")
