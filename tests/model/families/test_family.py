"""Required keys of config.json."""

import pytest

from model.errors import CheckpointError
from model.families.family import network_config, required_int
from model.families.t5 import T5
from tests.support.checkpoints.factories import t5_config


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


@pytest.mark.parametrize(
    "change",
    [{"feed_forward_proj": 5}, {"d_model": 0}],
    ids=str,
)
def test_a_value_that_nothing_can_be_made_of_is_an_error_of_the_checkpoint(
    change: dict[str, object],
) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json: describes no T5 network"):
        network_config(T5, t5_config(**change))
