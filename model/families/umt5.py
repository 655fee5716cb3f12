"""umT5: mT5 with a relative bias in every layer."""

from functools import partial

from model.config import TransformerConfig
from model.families import t5_like
from model.families.family import Family, HfConfig
from model.families.mt5 import MAX_POSITIONS
from model.families.t5 import PREFIXES
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json; logits are scaled unless the output is untied there.

    It is untied in the published checkpoints, which were trained without scaling. `transformers`
    from version 5 on scales their logits nevertheless.
    """
    return t5_like.architecture(
        hf,
        feed_forward="gated-gelu",
        max_positions=MAX_POSITIONS,
        is_output_scaled=hf.get("tie_word_embeddings") is not False,
        has_bias_per_layer=True,
    )


UMT5 = Family(
    name="umT5",
    model_types=("umt5",),
    architecture=architecture,
    weights=t5_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.T5),
    layout=t5_like.layout,
    language_tag=layouts.T5[0].tags,
    prefixes=PREFIXES,
)
