"""PLBART: BART for programming languages, named by tags around the text as in mBART-25."""

from functools import partial

from model.config import TransformerConfig
from model.families import bart, bart_like
from model.families.family import Family, HfConfig
from model.families.layout import Layout, Slot
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json: BART's, embeddings scaled by default."""
    return bart.architecture({"scale_embedding": True, **hf})


def layout(_hf: HfConfig) -> Layout:
    """Return `text </s> __java__`; the decoder starts with the target's tag."""
    return Layout(encoder=(Slot.TEXT, Slot.EOS, Slot.SOURCE_LANG), decoder=(Slot.TARGET_LANG,))


PLBART = Family(
    name="PLBART",
    model_types=("plbart",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.PLBART),
    layout=layout,
    language_tag=layouts.PLBART[0].tags,
)
