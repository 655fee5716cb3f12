"""mBART: BART in pre-norm for 25 or 50 languages, named by tags around the text."""

from functools import partial

from model.config import Learned, Norm, TransformerConfig
from model.families import bart_like
from model.families.bart import POSITION_OFFSET
from model.families.family import Family, HfConfig
from model.families.layout import Layout, Slot
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json: BART's in pre-norm, with a norm after the last layer."""
    return bart_like.architecture(
        hf,
        norm=Norm(placement="pre"),
        positions=Learned(offset=POSITION_OFFSET),
        embedding_norm=True,
        final_norm=True,
    )


def layout(hf: HfConfig) -> Layout:
    """Return mBART-25's `text </s> en_XX`, or mBART-50's `en_XX text </s>`.

    The decoder of mBART-25 starts with the target's tag, that of mBART-50 with `</s>` and the tag
    as forced first token. In config.json the two differ in the decoder's start alone.
    """
    if hf.get("decoder_start_token_id") == hf.get("eos_token_id"):
        return Layout(
            encoder=(Slot.SOURCE_LANG, Slot.TEXT, Slot.EOS),
            decoder=(Slot.START,),
            forced=Slot.TARGET_LANG,
        )
    return Layout(encoder=(Slot.TEXT, Slot.EOS, Slot.SOURCE_LANG), decoder=(Slot.TARGET_LANG,))


MBART = Family(
    name="mBART",
    model_types=("mbart",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.MBART),
    layout=layout,
    language_tag=layouts.MBART[0].tags,
)
