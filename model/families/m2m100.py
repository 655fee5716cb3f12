"""M2M100 and NLLB-200: pre-norm transformers for a hundred languages, and for two hundred."""

from functools import partial

from model.config import Norm, Sinusoidal, TransformerConfig
from model.families import bart_like
from model.families.family import Family, HfConfig, required_int
from model.families.layout import Layout, Slot
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer

# M2M100's `__de__` or NLLB's `deu_Latn`.
LANGUAGE_TAG = r"(?:__)?((?<=__)[a-z]{2,3}(?=__)|[a-z]{3}_[A-Z][a-z]{3})(?:__)?"


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json: pre-norm, fairseq's sinusoids, no output bias."""
    first = required_int(hf, "pad_token_id") + 1
    return bart_like.architecture(
        hf,
        norm=Norm(placement="pre"),
        positions=Sinusoidal(first=first, spacing="half_minus_one"),
        final_norm=True,
        output_bias=False,
    )


def layout(hf: HfConfig) -> Layout:
    """Return `__en__ text </s>`, with the target's tag as forced first token.

    By mistake NLLB's first release read `text </s> eng_Latn`; checkpoints that were fine-tuned with
    that order have `legacy_behaviour` in config.json.
    """
    tagged = (Slot.SOURCE_LANG, Slot.TEXT, Slot.EOS)
    legacy = (Slot.TEXT, Slot.EOS, Slot.SOURCE_LANG)
    return Layout(
        encoder=legacy if hf.get("legacy_behaviour") else tagged,
        decoder=(Slot.START,),
        forced=Slot.TARGET_LANG,
    )


M2M100 = Family(
    name="M2M100",
    model_types=("m2m_100",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.M2M100),
    layout=layout,
    language_tag=LANGUAGE_TAG,
)
