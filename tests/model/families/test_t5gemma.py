"""T5Gemma: encoder and decoder, each with its own configuration, and the prompt of a text."""

from typing import Any

import pytest

from model.config import Activation, Norm, Rotary, Stack
from model.errors import CheckpointError, UnsupportedModelError
from model.families.layout import Slot
from model.families.t5gemma import T5GEMMA

Json = dict[str, Any]

_HALF: Json = {
    "vocab_size": 30,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "hidden_activation": "gelu_pytorch_tanh",
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10_000.0,
    "query_pre_attn_scalar": 16,
    "sliding_window": 4,
    "attn_logit_softcapping": 50.0,
    "final_logit_softcapping": 30.0,
    "attention_bias": False,
}


def t5gemma_config(*, encoder: Json | None = None, decoder: Json | None = None) -> Json:
    """Return config.json as in the first checkpoints; None for a key leaves it out."""
    halves = {"encoder": {**_HALF, **(encoder or {})}, "decoder": {**_HALF, **(decoder or {})}}
    return {"model_type": "t5gemma", **halves}


def without(side: str, key: str) -> Json:
    config = t5gemma_config()
    del config[side][key]
    return config


def test_the_network_is_made_of_gemmas_layers() -> None:
    config = T5GEMMA.architecture(t5gemma_config())
    assert config.norm == Norm(placement="around", kind="rms", eps=1e-6, gain_offset=1.0)
    assert config.positions == Rotary(base=10_000.0)
    assert config.activation is Activation.GELU_TANH
    assert (config.attention_softcap, config.output_softcap) == (50.0, 30.0)
    assert config.gated_ffn
    assert config.final_norm
    assert config.scaled_embeddings
    assert config.tied_output
    assert not config.shared_embeddings
    assert config.overflows_float16


def test_each_half_has_its_own_sizes() -> None:
    wide = {"hidden_size": 36, "num_hidden_layers": 1, "query_pre_attn_scalar": 25}
    config = T5GEMMA.architecture(t5gemma_config(encoder=wide))
    shape = {"num_heads": 4, "num_kv_heads": 2, "d_ff": 20, "d_head": 6}
    assert config.encoder == Stack(
        num_layers=1, d_model=36, attention_scale=0.2, reaches=(4,), **shape
    )
    assert config.decoder == Stack(
        num_layers=3, d_model=12, attention_scale=0.25, reaches=(3, None, 3), **shape
    )


def test_a_window_counts_the_position_itself_in_the_decoder_alone() -> None:
    config = T5GEMMA.architecture(
        t5gemma_config(encoder={"sliding_window": 7}, decoder={"sliding_window": 7})
    )
    assert config.encoder.reaches == (7, None, 7)
    assert config.decoder.reaches == (6, None, 6)


@pytest.mark.parametrize(
    ("decoder", "reaches"),
    [
        pytest.param({"sliding_window": None}, (), id="no window"),
        pytest.param(
            {"layer_types": ["full_attention", "full_attention", "sliding_attention"]},
            (None, None, 3),
            id="windows where the file says so",
        ),
    ],
)
def test_which_layers_see_a_window(decoder: Json, reaches: tuple[int | None, ...]) -> None:
    assert T5GEMMA.architecture(t5gemma_config(decoder=decoder)).decoder.reaches == reaches


def test_a_cap_that_is_null_is_none() -> None:
    null: Json = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    config = T5GEMMA.architecture(t5gemma_config(encoder=null, decoder=null))
    assert config.attention_softcap is None
    assert config.output_softcap is None


def test_the_base_of_the_angles_is_found_where_newer_files_have_it() -> None:
    rope: Json = {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
    config = T5GEMMA.architecture(t5gemma_config(encoder=rope, decoder=rope))
    assert config.positions == Rotary(base=500.0)


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}},
        {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    ],
    ids=["new", "old"],
)
def test_angles_stretched_for_longer_texts_are_refused(rope: Json) -> None:
    with pytest.raises(UnsupportedModelError, match=r"'decoder' has rope_type '(linear|dynamic)"):
        T5GEMMA.architecture(t5gemma_config(decoder=rope))


@pytest.mark.parametrize(
    "difference",
    [
        {"attn_logit_softcapping": None},
        {"hidden_activation": "silu"},
        {"rms_norm_eps": 1e-5},
        {"attention_bias": True},
        {"rope_theta": 1_000.0},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_halves_of_different_kinds_are_refused(difference: Json) -> None:
    (name,) = difference
    with pytest.raises(UnsupportedModelError, match=f"encoder and decoder differ in '{name}'"):
        T5GEMMA.architecture(t5gemma_config(encoder=difference))


def test_a_layer_of_another_kind_is_refused() -> None:
    kinds = {"layer_types": ["full_attention", "linear_attention", "full_attention"]}
    with pytest.raises(UnsupportedModelError, match=r"'decoder.layer_types' has 'linear_attention"):
        T5GEMMA.architecture(t5gemma_config(decoder=kinds))


@pytest.mark.parametrize("side", ["encoder", "decoder"])
@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "num_key_value_heads", "head_dim"])
def test_a_missing_size_is_named_with_its_half(side: str, key: str) -> None:
    with pytest.raises(CheckpointError, match=rf"'{side}\.{key}' is missing"):
        T5GEMMA.architecture(without(side, key))


def test_a_missing_half_is_named() -> None:
    with pytest.raises(CheckpointError, match="'decoder' is None, not an object"):
        T5GEMMA.architecture({"model_type": "t5gemma", "encoder": _HALF})


@pytest.mark.parametrize(
    ("settings", "slots"),
    [
        ({}, (Slot.BOS, Slot.TEXT)),
        ({"add_bos_token": False}, (Slot.TEXT,)),
        ({"add_eos_token": True}, (Slot.BOS, Slot.TEXT, Slot.EOS)),
    ],
    ids=["as published", "no start", "an end"],
)
def test_the_tokenizers_settings_say_what_stands_around_a_text(
    settings: Json, slots: tuple[Slot, ...]
) -> None:
    assert T5GEMMA.layout({**t5gemma_config(), **settings}).encoder == slots
