"""T5Gemma: encoder and decoder of Gemma 2's layers, with rotary positions and sliding windows."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from model.config import Activation, Norm, Rotary, Stack, TransformerConfig
from model.errors import CheckpointError, UnsupportedModelError
from model.families.family import Family, HfConfig, required_int
from model.families.layout import Layout, Slot
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer
from model.weights.weight_map import WeightMap

Names = tuple[str, ...]
Side = Literal["encoder", "decoder"]

_SIDES: tuple[Side, Side] = ("encoder", "decoder")

_LAYER: Mapping[str, Names] = {
    "self_attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention.out": ("self_attn.o_proj",),
    "self_attention_norm.before": ("pre_self_attn_layernorm",),
    "self_attention_norm.after": ("post_self_attn_layernorm",),
    "ffn.up": ("mlp.gate_proj", "mlp.up_proj"),
    "ffn.down": ("mlp.down_proj",),
    "ffn_norm.before": ("pre_feedforward_layernorm",),
    "ffn_norm.after": ("post_feedforward_layernorm",),
}
_CROSS: Mapping[str, Names] = {
    "cross_attention.q": ("cross_attn.q_proj",),
    "cross_attention.kv": ("cross_attn.k_proj", "cross_attn.v_proj"),
    "cross_attention.out": ("cross_attn.o_proj",),
    "cross_attention_norm.before": ("pre_cross_attn_layernorm",),
    "cross_attention_norm.after": ("post_cross_attn_layernorm",),
}
# Encoder and decoder may differ in size, but not in these.
_ALIKE = (
    "hidden_activation",
    "rms_norm_eps",
    "attn_logit_softcapping",
    "attention_bias",
    "rope_theta",
)


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json, which describes encoder and decoder separately."""
    flat = _flat(hf)
    for side in _SIDES:
        flat[f"{side}.rope_theta"] = _rotary_base(flat, side)
    for name in _ALIKE:
        if flat.get(f"encoder.{name}") != flat.get(f"decoder.{name}"):
            raise UnsupportedModelError(f"config.json: encoder and decoder differ in {name!r}")
    return TransformerConfig(
        vocab_size=required_int(flat, "encoder.vocab_size"),
        decoder_vocab_size=required_int(flat, "decoder.vocab_size"),
        d_model=required_int(flat, "encoder.hidden_size"),
        encoder=_stack(flat, "encoder"),
        decoder=_stack(flat, "decoder"),
        norm=Norm(
            placement="around",
            kind="rms",
            eps=flat.get("decoder.rms_norm_eps", 1e-6),
            gain_offset=1.0,
        ),
        positions=Rotary(base=flat["decoder.rope_theta"]),
        max_positions=min(required_int(flat, f"{side}.max_position_embeddings") for side in _SIDES),
        activation=Activation.parse(flat.get("decoder.hidden_activation", "gelu_pytorch_tanh")),
        gated_ffn=True,
        biases=bool(flat.get("decoder.attention_bias", False)),
        ffn_biases=False,
        final_norm=True,
        scaled_embeddings=True,
        shared_embeddings=False,
        attention_softcap=flat.get("decoder.attn_logit_softcapping", 50.0),
        tied_output=hf.get("tie_word_embeddings", True),
        output_softcap=flat.get("decoder.final_logit_softcapping", 30.0),
        overflows_float16=True,
        dropout=hf.get("dropout_rate", 0.0),
    )


def weights(config: TransformerConfig) -> WeightMap:
    """Return the names in the checkpoint; each side has its own table, the output may be tied."""
    source, target = "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"
    output = "lm_head.out_proj.weight"
    tied = ((target, output),) if config.tied_output else ()
    tables = {
        "embedding.weight": (source,),
        "decoder_embedding.weight": (target, output) if config.tied_output else (target,),
        "output.weight": (output,),
    }
    rules = _stack_rules("encoder", _LAYER) | _stack_rules("decoder", {**_LAYER, **_CROSS})
    return WeightMap(rules, tables, tied=tied)


def layout(hf: HfConfig) -> Layout:
    """Return `<bos> text`, unless tokenizer_config.json has other flags; START is `<bos>` too."""
    bos = (Slot.BOS,) if hf.get("add_bos_token", True) else ()
    eos = (Slot.EOS,) if hf.get("add_eos_token", False) else ()
    return Layout(encoder=(*bos, Slot.TEXT, *eos))


def _flat(hf: HfConfig) -> dict[str, Any]:
    """Return nested keys as `encoder.hidden_size`, so that errors name them in full."""
    flat: dict[str, Any] = {}
    for side in _SIDES:
        half = hf.get(side)
        if not isinstance(half, dict):
            raise CheckpointError(f"config.json: {side!r} is {half!r}, not an object")
        flat |= {f"{side}.{key}": value for key, value in half.items()}
    return flat


def _stack(flat: HfConfig, side: Side) -> Stack:
    num_layers = required_int(flat, f"{side}.num_hidden_layers")
    return Stack(
        num_layers=num_layers,
        num_heads=required_int(flat, f"{side}.num_attention_heads"),
        num_kv_heads=required_int(flat, f"{side}.num_key_value_heads"),
        d_ff=required_int(flat, f"{side}.intermediate_size"),
        d_model=required_int(flat, f"{side}.hidden_size"),
        d_head=required_int(flat, f"{side}.head_dim"),
        reaches=_reaches(flat, side, num_layers=num_layers),
        attention_scale=required_int(flat, f"{side}.query_pre_attn_scalar") ** -0.5,
    )


def _reaches(flat: HfConfig, side: Side, *, num_layers: int) -> tuple[int | None, ...]:
    """Return the reach of each layer's sliding window; by default every other layer has one.

    The decoder's window counts the position itself, the encoder's does not: its reach is one token
    larger.
    """
    window = flat.get(f"{side}.sliding_window")
    kinds = flat.get(f"{side}.layer_types")
    if kinds is None:
        kinds = [("sliding_attention", "full_attention")[i % 2] for i in range(num_layers)]
    unknown = sorted({*kinds} - {"sliding_attention", "full_attention"})
    if unknown:
        raise UnsupportedModelError(f"config.json: '{side}.layer_types' has {unknown[0]!r}")
    if window is None:
        return ()
    reach = required_int(flat, f"{side}.sliding_window") - (side == "decoder")
    return tuple(reach if kind == "sliding_attention" else None for kind in kinds)


def _rotary_base(flat: HfConfig, side: Side) -> float:
    """Return the base of RoPE; raise UnsupportedModelError if it is scaled for longer texts."""
    rope = flat.get(f"{side}.rope_parameters") or flat.get(f"{side}.rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise UnsupportedModelError(f"config.json: {side!r} has rope_type {kind!r}, not 'default'")
    base: float | None = rope.get("rope_theta", flat.get(f"{side}.rope_theta"))
    return 10_000.0 if base is None else base


def _stack_rules(side: Side, layer: Mapping[str, Names]) -> dict[str, Names]:
    in_layers = {
        f"{side}.layers.{{}}.{ours}": tuple(f"model.{side}.layers.{{}}.{name}" for name in theirs)
        for ours, theirs in layer.items()
    }
    return {f"{side}.final_norm": (f"model.{side}.norm",), **in_layers}


T5GEMMA = Family(
    name="T5Gemma",
    model_types=("t5gemma",),
    architecture=architecture,
    weights=weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.GEMMA),
    layout=layout,
)
