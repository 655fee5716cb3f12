"""mT5: T5 1.1 in a hundred languages."""

from functools import partial

from model.config import TransformerConfig
from model.families import t5_like
from model.families.family import Family, HfConfig
from model.families.t5 import PREFIXES
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer

MAX_POSITIONS = 1024


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json: gated, its logits never scaled."""
    return t5_like.architecture(
        hf, feed_forward="gated-gelu", max_positions=MAX_POSITIONS, is_output_scaled=False
    )


MT5 = Family(
    name="mT5",
    model_types=("mt5",),
    architecture=architecture,
    weights=t5_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.T5),
    layout=t5_like.layout,
    language_tag=layouts.T5[0].tags,
    prefixes=PREFIXES,
)
