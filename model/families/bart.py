"""BART: post-norm, learned positions, a norm after the embeddings; made for summaries."""

from model.config import Learned, Norm, TransformerConfig
from model.families import bart_like
from model.families.family import Family, HfConfig
from model.families.layout import Layout, Slot
from model.tokenizer.load import load_tokenizer

POSITION_OFFSET = 2  # fairseq counted positions from its padding index + 1


def architecture(hf: HfConfig) -> TransformerConfig:
    """Its position table has two rows that no position uses."""
    return bart_like.architecture(
        hf,
        norm=Norm(placement="post"),
        positions=Learned(offset=POSITION_OFFSET),
        embedding_norm=True,
    )


def layout(_hf: HfConfig) -> Layout:
    """`<s> text </s>`; a style, where the model has any, is its tag before the text."""
    return Layout(encoder=(Slot.BOS, Slot.STYLE, Slot.TEXT, Slot.EOS))


BART = Family(
    name="BART",
    model_types=("bart",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=load_tokenizer,
    layout=layout,
)
