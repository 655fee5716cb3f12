"""Keys of config.json, names of weights and the order of tokens that descendants of T5 share."""

from collections.abc import Mapping
from typing import Any

from model.config import Activation, Norm, RelativeBias, Stack, TransformerConfig
from model.errors import UnsupportedModelError
from model.families.family import HfConfig, required_int
from model.families.layout import Layout, Slot
from model.weights.weight_map import WeightMap

Names = tuple[str, ...]

# Defaults of `transformers` for keys that older checkpoints lack.
_DEFAULTS: Mapping[str, Any] = {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
    "dropout_rate": 0.1,
}
_SELF: Mapping[str, Names] = {
    "self_attention.qkv": ("SelfAttention.q", "SelfAttention.k", "SelfAttention.v"),
    "self_attention.out": ("SelfAttention.o",),
    "self_attention_norm": ("layer_norm",),
}
_CROSS: Mapping[str, Names] = {
    "cross_attention.q": ("EncDecAttention.q",),
    "cross_attention.kv": ("EncDecAttention.k", "EncDecAttention.v"),
    "cross_attention.out": ("EncDecAttention.o",),
    "cross_attention_norm": ("layer_norm",),
}
_FFN: Mapping[str, Names] = {
    "ffn.up": ("DenseReluDense.wi",),
    "ffn.down": ("DenseReluDense.wo",),
    "ffn_norm": ("layer_norm",),
}
_GATED_FFN = {**_FFN, "ffn.up": ("DenseReluDense.wi_0", "DenseReluDense.wi_1")}
# T5's first checkpoints hold an untrained bias of cross-attention, which has none.
_IGNORED = (r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",)


def architecture(
    hf: HfConfig,
    *,
    feed_forward: str,
    max_positions: int,
    is_output_scaled: bool,
    has_bias_per_layer: bool = False,
) -> TransformerConfig:
    """Return the network that config.json describes.

    Args:
        hf: config.json.
        feed_forward: The default of `feed_forward_proj`.
        max_positions: The default of `n_positions`, the sequence length in training.
        is_output_scaled: Whether logits are divided by sqrt(d_model).
        has_bias_per_layer: Whether each layer has its own relative bias.
    """
    d_model, num_layers = required_int(hf, "d_model"), required_int(hf, "num_layers")
    defaults = {
        **_DEFAULTS,
        "feed_forward_proj": feed_forward,
        "num_decoder_layers": num_layers,
        "n_positions": max_positions,
    }
    hf = {**defaults, **{key: value for key, value in hf.items() if value is not None}}
    activation, is_gated = _feed_forward(hf["feed_forward_proj"])
    return TransformerConfig(
        vocab_size=required_int(hf, "vocab_size"),
        d_model=d_model,
        encoder=_stack(hf, num_layers),
        decoder=_stack(hf, required_int(hf, "num_decoder_layers")),
        norm=Norm(placement="pre", kind="rms", eps=hf["layer_norm_epsilon"]),
        positions=RelativeBias(
            num_buckets=required_int(hf, "relative_attention_num_buckets"),
            max_distance=required_int(hf, "relative_attention_max_distance"),
            per_layer=has_bias_per_layer,
        ),
        max_positions=required_int(hf, "n_positions"),
        activation=activation,
        gated_ffn=is_gated,
        biases=False,
        final_norm=True,
        attention_scale=1.0,
        tied_output=True,  # unless the checkpoint holds another table; see `weights`
        output_scale=d_model**-0.5 if is_output_scaled else 1.0,
        overflows_float16=True,
        dropout=hf["dropout_rate"],
    )


def weights(config: TransformerConfig) -> WeightMap:
    """Return the names in `model.safetensors`.

    Only the checkpoint tells whether the output has its own table: the key `tie_word_embeddings`
    came to mean whether logits are scaled.
    """
    tables = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    output = "lm_head.weight"
    ffn = _GATED_FFN if config.gated_ffn else _FFN
    return WeightMap(
        _stack_rules("encoder", _SELF, ffn) | _stack_rules("decoder", _SELF, _CROSS, ffn),
        {"embedding.weight": (*tables, output), "output.weight": (output,)},
        tied=(tables,),
        ignored=_IGNORED,
        own_output=output,
    )


def layout(_hf: HfConfig) -> Layout:
    """Return `text </s>` or, if the vocabulary has language tags, `▁ <2de> text </s>`.

    MADLAD-400 was trained on texts that begin with the tag, and SentencePiece puts a blank before
    the first word.
    """
    return Layout(encoder=(Slot.BLANK, Slot.TARGET_LANG, Slot.TEXT, Slot.EOS))


def _stack(hf: HfConfig, num_layers: int) -> Stack:
    return Stack(
        num_layers=num_layers,
        num_heads=required_int(hf, "num_heads"),
        d_ff=required_int(hf, "d_ff"),
        d_head=required_int(hf, "d_kv"),
    )


def _feed_forward(name: str) -> tuple[Activation, bool]:
    """Return the activation of a name such as `relu` or `gated-gelu`, and whether it is gated."""
    *kind, activation = name.split("-")
    if kind not in ([], ["gated"]):
        raise UnsupportedModelError(
            f"config.json: feed_forward_proj {name!r} is neither an activation nor gated-activation"
        )
    if name == "gated-gelu":  # T5 1.1 was trained with the tanh approximation
        activation = Activation.GELU_TANH
    return Activation.parse(activation, key="feed_forward_proj"), bool(kind)


def _stack_rules(side: str, *sublayers: Mapping[str, Names]) -> dict[str, Names]:
    """Return the names of one stack; T5 numbers the sublayers of a block."""
    block = f"{side}.block.{{}}.layer"
    in_layers = {
        f"{side}.layers.{{}}.{ours}": tuple(f"{block}.{index}.{name}" for name in theirs)
        for index, sublayer in enumerate(sublayers)
        for ours, theirs in sublayer.items()
    }
    return {
        f"{side}.relative_biases.{{}}": (f"{block}.0.SelfAttention.relative_attention_bias",),
        f"{side}.final_norm": (f"{side}.final_layer_norm",),
        **in_layers,
    }
