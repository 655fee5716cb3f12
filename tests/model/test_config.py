"""Impossible descriptions of networks are refused."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from model.config import (
    Activation,
    Learned,
    Norm,
    Positions,
    RelativeBias,
    Rotary,
    Sinusoidal,
    Stack,
)
from model.errors import ConfigError
from tests.support.engine.factories import make_config


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
            {"positions": Rotary(), "decoder": Stack(num_layers=1, num_heads=4, d_ff=8, d_head=3)},
            "decoder: heads of 3 have no pairs of dimensions to rotate",
            id="rotated heads of an odd size",
        ),
        pytest.param(
            {
                "positions": RelativeBias(),
                "decoder": Stack(num_layers=1, num_heads=4, d_ff=8, num_kv_heads=2),
            },
            "decoder: heads that share keys cannot each have biases of their own",
            id="a bias for each of several heads that share keys",
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
        pytest.param(
            {"decoder": Stack(num_layers=1, num_heads=4, d_ff=8, d_model=24)},
            "shared embeddings need one width, not 16 and 24",
            id="one table for two widths",
        ),
        pytest.param(
            {"decoder": Stack(num_layers=1, num_heads=4, d_ff=8, d_model=0)},
            "decoder.d_model: 0 is below 1",
            id="a stack without width",
        ),
        pytest.param(
            {"encoder": Stack(num_layers=1, num_heads=4, d_ff=8, d_head=0)},
            "encoder.d_head: 0 is below 1",
            id="heads without width",
        ),
        pytest.param(
            {"encoder": Stack(num_layers=1, num_heads=4, d_ff=8, num_kv_heads=0)},
            "encoder.num_kv_heads: 0 is below 1",
            id="no heads of keys",
        ),
        pytest.param(
            {"encoder": Stack(num_layers=1, num_heads=4, d_ff=8, num_kv_heads=3)},
            "encoder: 4 heads cannot share 3 evenly",
            id="heads that share unevenly",
        ),
        pytest.param(
            {"decoder": Stack(num_layers=3, num_heads=4, d_ff=8, reaches=(5, None))},
            "decoder.reaches: has 2 entries for 3 layers",
            id="too few windows",
        ),
        pytest.param(
            {"decoder": Stack(num_layers=2, num_heads=4, d_ff=8, reaches=(5, -1))},
            "decoder.reaches: -1 hides a position from itself",
            id="a window of nothing",
        ),
    ],
)
def test_an_impossible_network_is_refused_by_name_and_number(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"num_buckets": 3}, "num_buckets: 3 is below 4", id="too few buckets"),
        pytest.param(
            {"num_buckets": 9, "max_distance": 4},
            "max_distance: 4 is not above 4, half of num_buckets",
            id="no distance for the far buckets",
        ),
    ],
)
def test_impossible_buckets_are_refused_by_name_and_number(
    changes: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        RelativeBias(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "positions", [Sinusoidal(), RelativeBias(), Rotary()], ids=lambda kind: type(kind).__name__
)
def test_positions_that_are_computed_go_on_beyond_the_longest_text(positions: Positions) -> None:
    config = make_config(positions=positions)
    assert config.can_read_longer
    assert config.with_max_positions(5_000).max_positions == 5_000


def test_positions_that_were_learned_end_with_their_table() -> None:
    config = make_config(positions=Learned(), max_positions=48)
    assert not config.can_read_longer
    assert config.with_max_positions(20).max_positions == 20
    message = "max_positions: 49 is above the 48 positions that the checkpoint has vectors for"
    with pytest.raises(ConfigError, match=message):
        config.with_max_positions(49)


@pytest.mark.parametrize("positions", [Learned(), RelativeBias()], ids=["learned", "computed"])
def test_a_longest_text_of_no_tokens_is_refused(positions: Positions) -> None:
    with pytest.raises(ConfigError, match="max_positions: 0 is below 1"):
        make_config(positions=positions).with_max_positions(0)


def test_heads_split_the_width_of_their_stack_unless_they_have_their_own() -> None:
    config = make_config(
        encoder=Stack(num_layers=1, num_heads=4, d_ff=8),
        decoder=Stack(num_layers=1, num_heads=6, d_ff=8, d_head=5, num_kv_heads=2),
    )
    split, own = config.heads(config.encoder), config.heads(config.decoder)
    assert (split.num, split.num_kv, split.size) == (4, 4, 4)
    assert (own.d_query, own.d_kv) == (30, 10)
    assert (split.scale, own.scale) == (0.5, 5**-0.5)


def test_a_stack_of_another_width_splits_that() -> None:
    decoder = Stack(num_layers=1, num_heads=4, d_ff=8, d_model=64)
    config = make_config(decoder=decoder, shared_embeddings=False)
    assert config.width(config.encoder) == 16
    assert config.heads(decoder).size == 16


def test_a_stacks_own_scale_comes_before_that_of_both() -> None:
    plain = Stack(num_layers=1, num_heads=4, d_ff=8)
    own = Stack(num_layers=1, num_heads=4, d_ff=8, attention_scale=0.0625)
    config = make_config(encoder=plain, decoder=own, attention_scale=1.0)
    assert config.heads(config.encoder).scale == 1.0
    assert config.heads(config.decoder).scale == 0.0625


def test_the_target_vocabulary_is_the_sources_unless_it_has_its_own() -> None:
    assert make_config().target_vocab_size == 24
    separate = make_config(shared_embeddings=False, decoder_vocab_size=31)
    assert separate.target_vocab_size == 31


def test_a_stacks_own_scale_of_scores_goes_before_the_networks_and_that_before_the_usual() -> None:
    own = Stack(num_layers=1, num_heads=4, d_ff=8, attention_scale=0.25)
    config = make_config(encoder=own, attention_scale=0.75)
    assert config.heads(config.encoder).scale == 0.25
    assert config.heads(config.decoder).scale == 0.75
    assert make_config().heads(config.decoder).scale == 8**-0.5


def test_nothing_edits_a_config_later() -> None:
    with pytest.raises(FrozenInstanceError):
        make_config().d_model = 17  # type: ignore[misc]


def test_an_unknown_activation_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="'tanh' is not one of relu, gelu, gelu_new, swish"):
        Activation.parse("tanh")


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", Activation.RELU),
        ("gelu", Activation.GELU),
        ("gelu_new", Activation.GELU_TANH),
        ("gelu_pytorch_tanh", Activation.GELU_TANH),
        ("swish", Activation.SILU),
        ("silu", Activation.SILU),
    ],
)
def test_an_activation_is_known_by_all_its_names(name: str, activation: Activation) -> None:
    assert Activation.parse(name) is activation
