"""Marian: the original post-norm transformer, as OPUS-MT trains it for hundreds of languages."""

from model.config import Norm, Sinusoidal, TransformerConfig
from model.errors import UnsupportedTaskError
from model.families import bart_like
from model.families.family import Family, HfConfig, required_int
from model.tokenizer.prompt import Prompt, Task, Translation
from model.tokenizer.sentencepiece import load_marian_tokenizer
from model.tokenizer.tokenizer import Tokenizer


def architecture(hf: HfConfig) -> TransformerConfig:
    """Post-norm, sinusoids in halves, an output bias."""
    return bart_like.architecture(hf, norm=Norm(placement="post"), positions=Sinusoidal())


def prompt(tokenizer: Tokenizer, hf: HfConfig, text: str, task: Task) -> Prompt:
    """`>>de<< text </s>`; without the tag where the vocabulary has none."""
    if not isinstance(task, Translation):
        raise UnsupportedTaskError("a Marian model translates; it does not summarize")
    tag = tokenizer.token_to_id(f">>{task.target_lang}<<")
    languages = getattr(tokenizer, "target_languages", ())
    if tag is None and languages:
        raise UnsupportedTaskError(
            f"target_lang: {task.target_lang!r} is not one of {', '.join(languages)}"
        )
    tags = [] if tag is None else [tag]
    return Prompt(
        encoder_ids=(*tags, *tokenizer.encode(text), required_int(hf, "eos_token_id")),
        decoder_prefix_ids=(required_int(hf, "decoder_start_token_id"),),
    )


MARIAN = Family(
    name="Marian",
    model_types=("marian",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=load_marian_tokenizer,
    prompt=prompt,
)
