"""T5 and its descendants: networks from config.json, and defaults for keys that it lacks."""

import pytest

from model.config import Activation, Norm, RelativeBias, Stack
from model.errors import CheckpointError, ConfigError, UnsupportedModelError
from model.families.family import Family
from model.families.layout import Layout, Slot
from model.families.mt5 import MT5
from model.families.t5 import T5
from model.families.umt5 import UMT5
from tests.support.checkpoints.factories import Json, t5_config

FAMILIES = (T5, MT5, UMT5)
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@every_family
def test_the_network_is_that_of_t5(family: Family) -> None:
    config = family.architecture(t5_config())
    assert config.norm == Norm(placement="pre", kind="rms", eps=1e-6)
    assert config.final_norm
    assert not config.biases
    assert config.attention_scale == 1.0
    assert config.shared_embeddings
    assert config.overflows_float16
    assert config.can_read_longer
    assert config.dropout == 0.1


@every_family
def test_sizes_are_those_of_the_file(family: Family) -> None:
    sizes = {"num_decoder_layers": 5, "layer_norm_epsilon": 1e-3, "dropout_rate": 0.0}
    config = family.architecture(t5_config(**sizes))
    assert (config.vocab_size, config.d_model) == (30, 16)
    assert config.encoder == Stack(num_layers=3, num_heads=2, d_ff=20, d_head=5)
    assert config.decoder == Stack(num_layers=5, num_heads=2, d_ff=20, d_head=5)
    assert config.norm.eps == 1e-3
    assert config.dropout == 0.0


@pytest.mark.parametrize("changes", [{}, {"num_decoder_layers": None}], ids=["absent", "null"])
@every_family
def test_a_decoder_without_a_depth_is_as_deep_as_the_encoder(family: Family, changes: Json) -> None:
    assert family.architecture(t5_config(**changes)).decoder.num_layers == 3


@pytest.mark.parametrize(("family", "per_layer"), [(T5, False), (MT5, False), (UMT5, True)])
def test_distances_are_rounded_as_the_file_says(family: Family, *, per_layer: bool) -> None:
    silent = family.architecture(t5_config())
    assert silent.positions == RelativeBias(num_buckets=32, max_distance=128, per_layer=per_layer)
    said = {"relative_attention_num_buckets": 9, "relative_attention_max_distance": 50}
    config = family.architecture(t5_config(**said))
    assert config.positions == RelativeBias(num_buckets=9, max_distance=50, per_layer=per_layer)


@pytest.mark.parametrize(
    ("family", "changes", "is_scaled"),
    [
        (T5, {}, True),
        (T5, {"tie_word_embeddings": True}, True),
        (T5, {"tie_word_embeddings": False}, False),
        (T5, {"tie_word_embeddings": True, "scale_decoder_outputs": False}, False),
        (T5, {"tie_word_embeddings": False, "scale_decoder_outputs": True}, True),
        (MT5, {}, False),
        (MT5, {"tie_word_embeddings": True}, False),
        (MT5, {"tie_word_embeddings": False}, False),
        (UMT5, {}, True),
        (UMT5, {"tie_word_embeddings": True}, True),
        (UMT5, {"tie_word_embeddings": False}, False),
    ],
)
def test_logits_are_scaled_where_the_family_and_the_file_say_so(
    family: Family, changes: Json, *, is_scaled: bool
) -> None:
    scale = family.architecture(t5_config(**changes)).output_scale
    assert scale == pytest.approx(0.25 if is_scaled else 1.0)


@pytest.mark.parametrize(
    ("name", "activation", "is_gated"),
    [
        ("relu", Activation.RELU, False),
        ("gelu", Activation.GELU, False),
        ("gated-relu", Activation.RELU, True),
        ("gated-gelu", Activation.GELU_TANH, True),
        ("gated-silu", Activation.SILU, True),
    ],
)
@every_family
def test_the_feed_forward_sublayer_is_named_in_the_file(
    family: Family, name: str, activation: Activation, *, is_gated: bool
) -> None:
    config = family.architecture(t5_config(feed_forward_proj=name))
    assert (config.activation, config.gated_ffn) == (activation, is_gated)


@pytest.mark.parametrize(
    ("family", "activation"),
    [(T5, Activation.RELU), (MT5, Activation.GELU_TANH), (UMT5, Activation.GELU_TANH)],
)
def test_a_file_that_names_no_feed_forward_sublayer_has_its_familys(
    family: Family, activation: Activation
) -> None:
    config = family.architecture(t5_config())
    assert config.activation is activation
    assert config.gated_ffn is (family is not T5)


@pytest.mark.parametrize("name", ["glu-gelu", "gated-gelu-new", "gated-gated-relu"])
def test_an_unknown_feed_forward_sublayer_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"feed_forward_proj '{name}' is neither"):
        T5.architecture(t5_config(feed_forward_proj=name))


def test_an_unknown_activation_is_refused_under_the_name_of_its_key() -> None:
    with pytest.raises(ConfigError, match="feed_forward_proj: 'tanh' is not one of relu"):
        T5.architecture(t5_config(feed_forward_proj="gated-tanh"))


@pytest.mark.parametrize(
    ("family", "changes", "max_positions"),
    [
        (T5, {}, 512),
        (T5, {"tokenizer_class": "T5Tokenizer"}, 512),
        (T5, {"tokenizer_class": "ByT5Tokenizer"}, 1024),
        (T5, {"n_positions": 256}, 256),
        (MT5, {}, 1024),
        (UMT5, {}, 1024),
        (UMT5, {"n_positions": 77}, 77),
    ],
)
def test_sequences_are_as_long_as_in_training(
    family: Family, changes: Json, max_positions: int
) -> None:
    assert family.architecture(t5_config(**changes)).max_positions == max_positions


@pytest.mark.parametrize("key", ["vocab_size", "d_model", "d_kv", "d_ff", "num_layers"])
@every_family
def test_a_missing_size_is_named(family: Family, key: str) -> None:
    with pytest.raises(CheckpointError, match=f"'{key}' is missing"):
        family.architecture(t5_config(**{key: None}))


@every_family
def test_a_depth_that_is_no_number_is_refused(family: Family) -> None:
    with pytest.raises(CheckpointError, match="'num_decoder_layers' is '3'"):
        family.architecture(t5_config(num_decoder_layers="3"))


@pytest.mark.parametrize(
    ("parameter", "sources"),
    [
        (
            "encoder.relative_biases.0.weight",
            ["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"],
        ),
        (
            "decoder.relative_biases.2.weight",
            ["decoder.block.2.layer.0.SelfAttention.relative_attention_bias.weight"],
        ),
        (
            "encoder.layers.1.self_attention.qkv.weight",
            [f"encoder.block.1.layer.0.SelfAttention.{name}.weight" for name in "qkv"],
        ),
        ("encoder.layers.1.ffn_norm.weight", ["encoder.block.1.layer.1.layer_norm.weight"]),
        ("decoder.layers.1.ffn_norm.weight", ["decoder.block.1.layer.2.layer_norm.weight"]),
        (
            "decoder.layers.12.cross_attention.kv.weight",
            [f"decoder.block.12.layer.1.EncDecAttention.{name}.weight" for name in "kv"],
        ),
        (
            "decoder.layers.0.ffn.up.weight",
            [f"decoder.block.0.layer.2.DenseReluDense.wi_{part}.weight" for part in (0, 1)],
        ),
        ("decoder.final_norm.weight", ["decoder.final_layer_norm.weight"]),
        ("embedding.weight", ["shared.weight"]),
        ("output.weight", ["lm_head.weight"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_parameter_has_its_place(parameter: str, sources: list[str]) -> None:
    weights = UMT5.weights(UMT5.architecture(t5_config()))
    assert list(weights.sources(parameter, {"shared.weight", "lm_head.weight"})) == sources


def test_a_plain_feed_forward_sublayer_has_one_product() -> None:
    weights = T5.weights(T5.architecture(t5_config()))
    expected = ("encoder.block.0.layer.1.DenseReluDense.wi.weight",)
    assert weights.sources("encoder.layers.0.ffn.up.weight", ()) == expected


@every_family
def test_a_text_stands_between_the_language_and_the_end(family: Family) -> None:
    encoder = (Slot.BLANK, Slot.TARGET_LANG, Slot.TEXT, Slot.EOS)
    expected = Layout(encoder=encoder, decoder=(Slot.START,))
    assert family.layout(t5_config()) == expected
