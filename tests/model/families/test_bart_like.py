"""The description of a network from config.json."""

import pytest

from model.config import Activation, Stack
from model.errors import CheckpointError, ConfigError
from model.families.bart import BART
from model.families.marian import MARIAN
from model.families.mbart import MBART
from tests.support.checkpoints.factories import Json, bart_config, marian_config, mbart_config


def test_every_size_is_taken_over() -> None:
    config = MARIAN.architecture(marian_config(dropout=0.2))
    assert config.vocab_size == config.target_vocab_size == 30
    assert config.d_model == 12
    assert config.encoder == Stack(num_layers=2, num_heads=3, d_ff=20)
    assert config.decoder == Stack(num_layers=1, num_heads=2, d_ff=16)
    assert config.max_positions == 32
    assert config.dropout == 0.2
    assert config.output_bias


@pytest.mark.parametrize("is_scaled", [True, False])
def test_embeddings_are_scaled_if_the_config_says_so(*, is_scaled: bool) -> None:
    config = MARIAN.architecture(marian_config(scale_embedding=is_scaled))
    assert config.scaled_embeddings == is_scaled


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", Activation.RELU),
        ("gelu", Activation.GELU),
        ("gelu_new", Activation.GELU_TANH),
        ("swish", Activation.SILU),
        ("silu", Activation.SILU),
    ],
)
def test_the_activation_is_found_by_name(name: str, activation: Activation) -> None:
    config = MARIAN.architecture(marian_config(activation_function=name))
    assert config.activation is activation


@pytest.mark.parametrize(
    ("changes", "shared", "tied"),
    [
        pytest.param({}, True, True, id="by default one table for all"),
        pytest.param({"tie_word_embeddings": False}, False, False, id="untied"),
        pytest.param(
            {"share_encoder_decoder_embeddings": False}, False, True, id="one for each side"
        ),
    ],
)
def test_which_tables_are_one(changes: Json, *, shared: bool, tied: bool) -> None:
    config = MARIAN.architecture(marian_config(**changes))
    assert (config.shared_embeddings, config.tied_output) == (shared, tied)


@pytest.mark.parametrize(
    "key",
    [
        "activation_function",
        "decoder_vocab_size",
        "dropout",
        "scale_embedding",
        "share_encoder_decoder_embeddings",
        "tie_word_embeddings",
    ],
)
def test_null_is_as_if_the_key_were_not_there(key: str) -> None:
    hf_config = bart_config()
    hf_config.pop(key, None)
    assert BART.architecture({**hf_config, key: None}) == BART.architecture(hf_config)


@pytest.mark.parametrize(
    "key",
    [
        "vocab_size",
        "d_model",
        "max_position_embeddings",
        *(
            f"{side}_{part}"
            for side in ("encoder", "decoder")
            for part in ("layers", "attention_heads", "ffn_dim")
        ),
    ],
)
def test_no_size_has_a_default(key: str) -> None:
    hf_config = marian_config()
    del hf_config[key]
    with pytest.raises(CheckpointError, match=f"'{key}' is missing"):
        MARIAN.architecture(hf_config)


def test_a_network_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="d_model 12 is not divisible by 5 heads"):
        MARIAN.architecture(marian_config(encoder_attention_heads=5))


def test_only_a_bias_that_nobody_trained_may_be_missing() -> None:
    for family, config in ((BART, bart_config()), (MBART, mbart_config())):
        assert family.weights(family.architecture(config)).can_lack_output_bias
    assert not MARIAN.weights(MARIAN.architecture(marian_config())).can_lack_output_bias
