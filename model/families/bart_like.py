"""What the checkpoints that descend from fairseq's transformer have in common: keys and names."""

from typing import Any, Literal

from model.config import Activation, Stack, TransformerConfig
from model.families.family import HfConfig, required
from model.weights.weight_map import WeightMap

_LAYER = {
    "self_attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention.out": ("self_attn.out_proj",),
    "self_attention_norm": ("self_attn_layer_norm",),
    "ffn.up": ("fc1",),
    "ffn.down": ("fc2",),
    "ffn_norm": ("final_layer_norm",),
}
_CROSS = {
    "cross_attention.q": ("encoder_attn.q_proj",),
    "cross_attention.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "cross_attention.out": ("encoder_attn.out_proj",),
    "cross_attention_norm": ("encoder_attn_layer_norm",),
}
_STACK = {
    "positions": ("embed_positions",),
    "embedding_norm": ("layernorm_embedding",),
    "final_norm": ("layer_norm",),
}


def architecture(hf: HfConfig, **differences: Any) -> TransformerConfig:
    """The network that config.json describes, plus what only the family's name says."""
    d_model = required(hf, "d_model")
    tied = hf.get("tie_word_embeddings", True)
    return TransformerConfig(
        vocab_size=required(hf, "vocab_size"),
        d_model=d_model,
        encoder=_stack(hf, "encoder"),
        decoder=_stack(hf, "decoder"),
        max_positions=required(hf, "max_position_embeddings"),
        activation=Activation.parse(hf.get("activation_function", "gelu")),
        embedding_scale=d_model**0.5 if hf.get("scale_embedding", False) else 1.0,
        shared_embeddings=tied and hf.get("share_encoder_decoder_embeddings", True),
        decoder_vocab_size=hf.get("decoder_vocab_size"),
        tied_output=tied,
        output_bias=True,
        dropout=hf.get("dropout", 0.0),
        **differences,
    )


def weights(config: TransformerConfig) -> WeightMap:
    """Names as in `model.safetensors`; a tied table may be saved under any of its names."""
    encoder, decoder = "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"
    shared, output = "model.shared.weight", "lm_head.weight"
    tables = {
        "embedding.weight": (shared, encoder, decoder, output),
        "output_bias": ("final_logits_bias",),
        "output.weight": (output,),
    }
    if not config.shared_embeddings:
        tables["embedding.weight"] = (encoder, shared)
        tables["decoder_embedding.weight"] = (decoder, output, shared)
    rules: dict[str, tuple[str, ...]] = {}
    for side in ("encoder", "decoder"):
        layer = _LAYER | (_CROSS if side == "decoder" else {})
        rules |= {f"{side}.{ours}": _prefix(f"model.{side}", theirs) for ours, theirs in _STACK.items()}
        rules |= {
            f"{side}.layers.{{}}.{ours}": _prefix(f"model.{side}.layers.{{}}", theirs)
            for ours, theirs in layer.items()
        }
    copies = (shared, encoder, decoder, *([output] if config.tied_output else []))
    sinusoids = r"model\.(encoder|decoder)\.embed_positions\.weight"
    return WeightMap(rules, tables, ignored=(*(name.replace(".", r"\.") for name in copies), sinusoids))


def _stack(hf: HfConfig, side: Literal["encoder", "decoder"]) -> Stack:
    return Stack(
        num_layers=required(hf, f"{side}_layers"),
        num_heads=required(hf, f"{side}_attention_heads"),
        d_ff=required(hf, f"{side}_ffn_dim"),
    )


def _prefix(prefix: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)
