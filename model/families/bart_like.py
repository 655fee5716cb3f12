"""Keys of config.json and names of weights that descendants of fairseq's transformer share."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from model.config import Activation, Stack, TransformerConfig
from model.families.family import HfConfig, required_int
from model.weights.weight_map import WeightMap

Names = tuple[str, ...]

_LAYER: Mapping[str, Names] = {
    "self_attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention.out": ("self_attn.out_proj",),
    "self_attention_norm": ("self_attn_layer_norm",),
    "ffn.up": ("fc1",),
    "ffn.down": ("fc2",),
    "ffn_norm": ("final_layer_norm",),
}
_CROSS: Mapping[str, Names] = {
    "cross_attention.q": ("encoder_attn.q_proj",),
    "cross_attention.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "cross_attention.out": ("encoder_attn.out_proj",),
    "cross_attention_norm": ("encoder_attn_layer_norm",),
}
_STACK: Mapping[str, Names] = {
    "positions": ("embed_positions",),
    "embedding_norm": ("layernorm_embedding",),
    "final_norm": ("layer_norm",),
}
# Sinusoids, which we compute, and fairseq's version number.
_IGNORED: Names = (r"(model\.)?(encoder|decoder)\.(embed_positions\.weights?|version)",)
_PREFIX = "model."


def architecture(
    hf: HfConfig, *, output_bias: bool = True, **differences: Any
) -> TransformerConfig:
    """Return the network that config.json describes.

    Args:
        hf: config.json.
        output_bias: Whether logits have a bias.
        differences: Fields of the config that depend on the family, not on config.json.
    """
    hf = {key: value for key, value in hf.items() if value is not None}  # null means absent
    d_model = required_int(hf, "d_model")
    tied = hf.get("tie_word_embeddings", True)
    return TransformerConfig(
        vocab_size=required_int(hf, "vocab_size"),
        d_model=d_model,
        encoder=_stack(hf, "encoder"),
        decoder=_stack(hf, "decoder"),
        max_positions=required_int(hf, "max_position_embeddings"),
        activation=Activation.parse(hf.get("activation_function", "gelu")),
        scaled_embeddings=bool(hf.get("scale_embedding", False)),
        shared_embeddings=tied and hf.get("share_encoder_decoder_embeddings", True),
        decoder_vocab_size=hf.get("decoder_vocab_size"),
        tied_output=tied,
        output_bias=output_bias,
        dropout=hf.get("dropout", 0.0),
        **differences,
    )


def weights(config: TransformerConfig, *, has_trained_bias: bool = False) -> WeightMap:
    """Return the names in `model.safetensors`; a tied table may be saved under any of its names.

    BART's first checkpoints hold the two stacks alone, without an output.

    Args:
        config: Tells which tables are shared or tied.
        has_trained_bias: Whether the output's bias was trained; else it is zeros.
    """
    encoder, decoder = "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"
    shared, output = "model.shared.weight", "lm_head.weight"
    tables: dict[str, Names] = {
        "output_bias": ("final_logits_bias",),
        "output.weight": (output,),
    }
    tied: tuple[Names, ...] = ()
    ignored: Names = _IGNORED
    if config.shared_embeddings:
        names = (shared, encoder, decoder, output)
        tied = ((*names, *(name.removeprefix(_PREFIX) for name in names[:-1])),)
        tables["embedding.weight"] = tied[0]
    elif config.tied_output:
        tied = ((decoder, output),)
        tables |= {"embedding.weight": (encoder,), "decoder_embedding.weight": tied[0]}
    else:  # `shared` is an unused third table or, in older checkpoints, both of the two
        ignored = (*ignored, re.escape(shared))
        tables |= {
            "embedding.weight": (encoder, shared),
            "decoder_embedding.weight": (decoder, shared),
        }
    rules = _stack_rules("encoder", _LAYER) | _stack_rules("decoder", {**_LAYER, **_CROSS})
    return WeightMap(
        rules,
        tables,
        tied=tied,
        ignored=ignored,
        prefix=_PREFIX,
        can_lack_output_bias=config.output_bias and not has_trained_bias,
    )


def _stack(hf: HfConfig, side: Literal["encoder", "decoder"]) -> Stack:
    return Stack(
        num_layers=required_int(hf, f"{side}_layers"),
        num_heads=required_int(hf, f"{side}_attention_heads"),
        d_ff=required_int(hf, f"{side}_ffn_dim"),
    )


def _stack_rules(
    side: Literal["encoder", "decoder"], layer: Mapping[str, Names]
) -> dict[str, Names]:
    in_layers = {
        f"layers.{{}}.{ours}": tuple(f"layers.{{}}.{name}" for name in theirs)
        for ours, theirs in layer.items()
    }
    return {
        f"{side}.{ours}": tuple(f"{_PREFIX}{side}.{name}" for name in theirs)
        for ours, theirs in {**_STACK, **in_layers}.items()
    }
