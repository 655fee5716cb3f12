"""T5: every task is text to text, named by the text's first words.

T5 1.0 and 1.1, Flan-T5, ByT5 (its tokens are bytes) and MADLAD-400 (a tag such as `<2de>` names the
target language) have one architecture and differ in sizes and vocabularies alone.
"""

from functools import partial

from model.config import TransformerConfig
from model.families import t5_like
from model.families.family import Family, HfConfig
from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer

PREFIXES = {
    "translation": "translate {source} to {target}: ",
    "summarization": "summarize: ",
}
_BYTE_POSITIONS = 1024  # ByT5's
_POSITIONS = 512


def architecture(hf: HfConfig) -> TransformerConfig:
    """Return the network of a config.json; T5 1.0, whose output is tied, scales its logits.

    Older files tell 1.0 from later versions by `tie_word_embeddings`. Newer ones write that as true
    for both and have the key `scale_decoder_outputs`.
    """
    is_tied = hf.get("tie_word_embeddings") is not False
    is_bytes = hf.get("tokenizer_class") == "ByT5Tokenizer"
    return t5_like.architecture(
        hf,
        feed_forward="relu",
        max_positions=_BYTE_POSITIONS if is_bytes else _POSITIONS,
        is_output_scaled=hf.get("scale_decoder_outputs", is_tied),
    )


T5 = Family(
    name="T5",
    model_types=("t5",),
    architecture=architecture,
    weights=t5_like.weights,
    load_tokenizer=partial(load_tokenizer, layouts=layouts.T5),
    layout=t5_like.layout,
    language_tag=layouts.T5[0].tags,
    prefixes=PREFIXES,
)
