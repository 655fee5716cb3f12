"""Descriptions of networks that cannot be."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from model.config import Activation, Norm, Stack
from model.errors import ConfigError
from tests.factories import make_config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"vocab_size": 0}, "vocab_size: 0 is below 1", id="no vocabulary"),
        pytest.param({"d_model": 0}, "d_model: 0 is below 1", id="no width"),
        pytest.param({"max_positions": -1}, "max_positions: -1 is below 1", id="no positions"),
        pytest.param(
            {"shared_embeddings": False, "decoder_vocab_size": 0},
            "target_vocab_size: 0 is below 1",
            id="no target vocabulary",
        ),
        pytest.param(
            {"encoder": Stack(num_layers=0, num_heads=4, d_ff=8)},
            "encoder.num_layers: 0 is below 1",
            id="no layers",
        ),
        pytest.param(
            {"decoder": Stack(num_layers=1, num_heads=0, d_ff=8)},
            "decoder.num_heads: 0 is below 1",
            id="no heads",
        ),
        pytest.param(
            {"decoder": Stack(num_layers=1, num_heads=4, d_ff=0)},
            "decoder.d_ff: 0 is below 1",
            id="no feed-forward",
        ),
        pytest.param(
            {"decoder": Stack(num_layers=1, num_heads=3, d_ff=8)},
            "decoder: d_model 16 is not divisible by 3 heads",
            id="heads that do not fit",
        ),
        pytest.param(
            {"norm": Norm(placement="post"), "final_norm": True},
            "a post-norm stack already ends in a norm",
            id="two norms at the end",
        ),
        pytest.param(
            {"decoder_vocab_size": 25},
            "decoder_vocab_size is 25 and vocab_size 24",
            id="one table for two vocabularies",
        ),
    ],
)
def test_an_impossible_network_is_refused_by_name_and_number(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(**changes)


def test_the_target_vocabulary_is_the_sources_unless_it_has_its_own() -> None:
    assert make_config().target_vocab_size == 24
    separate = make_config(shared_embeddings=False, decoder_vocab_size=31)
    assert separate.target_vocab_size == 31


def test_nothing_edits_a_config_later() -> None:
    with pytest.raises(FrozenInstanceError):
        make_config().d_model = 17  # type: ignore[misc]


def test_an_unknown_activation_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="'tanh' is not one of relu, gelu, gelu_new, swish"):
        Activation.parse("tanh")
