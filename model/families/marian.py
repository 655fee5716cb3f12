"""Marian: the original post-norm transformer, as OPUS-MT trains it for hundreds of languages."""

from functools import partial

from model.config import Norm, Sinusoidal, TransformerConfig
from model.families import bart_like
from model.families.family import Family, HfConfig
from model.families.layout import Layout, Slot
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json: post-norm, sinusoids in halves, an output bias."""
    return bart_like.architecture(hf, norm=Norm(placement="post"), positions=Sinusoidal())


def layout(_hf: HfConfig) -> Layout:
    """Return `>>de<< text </s>`, without a tag in a checkpoint for one pair of languages."""
    return Layout(encoder=(Slot.TARGET_LANG, Slot.TEXT, Slot.EOS))


MARIAN = Family(
    name="Marian",
    model_types=("marian",),
    architecture=architecture,
    weights=partial(bart_like.weights, has_trained_bias=True),
    load_tokenizer=partial(load_tokenizer, layouts=layouts.MARIAN),
    layout=layout,
    language_tag=layouts.MARIAN[0].tags,
)
