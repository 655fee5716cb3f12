"""PEGASUS: a pre-norm transformer for summaries, pre-trained to write sentences cut from a text."""

from functools import partial

from model.config import Norm, Sinusoidal, TransformerConfig
from model.families import bart_like
from model.families.family import Family, HfConfig
from model.families.layout import Layout, Slot
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json: pre-norm, sinusoids in halves."""
    return bart_like.architecture(
        hf, norm=Norm(placement="pre"), positions=Sinusoidal(), final_norm=True
    )


def layout(_hf: HfConfig) -> Layout:
    """Return `text </s>`."""
    return Layout(encoder=(Slot.TEXT, Slot.EOS))


PEGASUS = Family(
    name="PEGASUS",
    model_types=("pegasus",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.PEGASUS),
    layout=layout,
)
