"""BART: post-norm, learned positions, a norm after the embeddings; made for summaries."""

from model.config import Learned, Norm, TransformerConfig
from model.families import bart_like
from model.families.family import Family, HfConfig
from model.families.layout import Layout, Slot
from model.tokenizer.load import load_tokenizer

POSITION_OFFSET = 2  # fairseq counts positions from its padding id + 1


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json; the first two rows of its position table are unused."""
    return bart_like.architecture(
        hf,
        norm=Norm(placement="post"),
        positions=Learned(offset=POSITION_OFFSET),
        embedding_norm=True,
    )


def layout(_hf: HfConfig) -> Layout:
    """Return `<s> text </s>`, with the tag of a style, if asked for, before the text."""
    return Layout(encoder=(Slot.BOS, Slot.STYLE, Slot.TEXT, Slot.EOS))


BART = Family(
    name="BART",
    model_types=("bart",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=load_tokenizer,
    layout=layout,
)
