"""BART: post-norm, learned positions, a norm after the embeddings; made for summaries."""

from model.config import Learned, Norm, TransformerConfig
from model.errors import UnsupportedTaskError
from model.families import bart_like
from model.families.family import Family, HfConfig, required_int
from model.tokenizer.bpe import load_bpe_tokenizer
from model.tokenizer.prompt import Prompt, Summarization, Task
from model.tokenizer.tokenizer import Tokenizer

POSITION_OFFSET = 2  # fairseq counted positions from its padding index + 1


def architecture(hf: HfConfig) -> TransformerConfig:
    """Its position table has two rows that no position uses."""
    return bart_like.architecture(
        hf,
        norm=Norm(placement="post"),
        positions=Learned(offset=POSITION_OFFSET),
        embedding_norm=True,
    )


def prompt(tokenizer: Tokenizer, hf: HfConfig, text: str, task: Task) -> Prompt:
    """`<s> text </s>`; a style, where the model has any, is its tag before the text."""
    if not isinstance(task, Summarization):
        raise UnsupportedTaskError("a BART model summarizes; it does not translate")
    tags = []
    if task.style is not None:
        tag = tokenizer.token_to_id(f"<{task.style}>")
        if tag is None or tag in (*tokenizer.special_ids, tokenizer.token_to_id("<unk>")):
            raise UnsupportedTaskError(f"style: {task.style!r} is not one this model was made for")
        tags = [tag]
    return Prompt(
        encoder_ids=(
            required_int(hf, "bos_token_id"),
            *tags,
            *tokenizer.encode(text),
            required_int(hf, "eos_token_id"),
        ),
        decoder_prefix_ids=(required_int(hf, "decoder_start_token_id"),),
    )


BART = Family(
    name="BART",
    model_types=("bart",),
    architecture=architecture,
    weights=bart_like.weights,
    load_tokenizer=load_bpe_tokenizer,
    prompt=prompt,
)
