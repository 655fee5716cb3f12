"""Checkpoints as they were published, in folders beside this file, and what is known of each.

Their config.json and generation_config.json were written by versions 2 to 4 of `transformers`, or
by people: with keys that nobody reads any more, without keys that came later, and with generation
defaults in config.json. (Some are put together from what was quoted of them.) Tests shrink them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from model.json_file import read_json_object
from model.tokenizer.prompt import Summarization, Task, Translation
from tests.support.checkpoints.factories import write_json
from tests.support.checkpoints.tokenizers import (
    GEMMA_PIECES,
    NLLB_PIECES,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_m2m100_tokenizer,
    write_marian_tokenizer,
    write_spm_tokenizer,
    write_unigram_json,
)

Json = Mapping[str, Any]
Write = Callable[[Path], Path]

FOLDER = Path(__file__).parent / "published"
SENTENCES = make_sentences(count=300)
EN_DE, EN_RO = Translation("de", "en"), Translation("ro", "en")
SUMMARY = Summarization()
EXTRA_IDS = [f"<extra_id_{number}>" for number in range(100)]


@dataclass(frozen=True, kw_only=True)
class Published:
    """One checkpoint: what its files do not say, and what they are to be understood as.

    Attributes:
        tokenizer: Writes the tokenizer's files; the vocabulary is a small one.
        unused_rows: Of the tables, beyond the tokenizer's last token.
        ids: The published ids of tokens, which the small vocabulary has under other numbers.
        is_bare: Whether the weights are of the two stacks alone.
        has_own_output: Whether the output is a table of its own.
        is_narrow: Whether the weights are in float16.
        task: What is asked for.
        reads: The tokens around a source, which is `{}`.
        begins: The token that the decoder is given.
        forced: The token that it must say first.
        languages: The first ones that are offered.
        says: What the shrunk files say of generation for the task.
        seed: Of the weights; such that outputs differ.
    """

    tokenizer: Write
    unused_rows: int = 0
    ids: Mapping[int, str] = field(default_factory=dict)
    is_bare: bool = False
    has_own_output: bool = False
    is_narrow: bool = False
    task: Task = SUMMARY
    reads: str = "{} </s>"
    begins: str = "<pad>"
    forced: str | None = None
    languages: Sequence[str] = ()
    says: Json = field(default_factory=dict)
    seed: int = 1


# What is so large that tests need it smaller: others, fractions, and limits.
_SMALL: Json = {
    "d_model": 24,
    "d_ff": 32,
    "d_kv": 5,
    "num_heads": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
    "head_dim": 6,
    "query_pre_attn_scalar": 6,
    "layer_types": ["sliding_attention", "full_attention"],
}
_DIVISORS: Mapping[str, int] = {
    "encoder_layers": 6,
    "decoder_layers": 6,
    "num_layers": 6,
    "num_decoder_layers": 6,
    "num_hidden_layers": 6,
    "hidden_size": 64,
    "cross_attention_hidden_size": 64,
    "intermediate_size": 256,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
_LIMITS: Mapping[str, int] = {
    "max_length": 30,
    "min_length": 10,
    "num_hidden_layers": 2,
    "num_layers": 2,
    "num_decoder_layers": 2,
}


def published_json(name: str, file: str) -> dict[str, Any] | None:
    """One of its two files, shrunk; None where it has no such file."""
    path = FOLDER / name.replace("/", "--") / file
    return _shrunk(read_json_object(path)) if path.exists() else None


def _shrunk(published: Json) -> dict[str, Any]:
    shrunk: dict[str, Any] = {}
    for key, value in published.items():
        shrunk[key] = _shrunk(value) if isinstance(value, dict) else _SMALL.get(key, value)
        if key in _DIVISORS:
            shrunk[key] = max(1, value // _DIVISORS[key])
        if key in _LIMITS:
            shrunk[key] = min(shrunk[key], _LIMITS[key])
    return shrunk


@cache
def spm(kind: str) -> bytes:
    """A `.spm` file as a family's, trained once."""
    pieces: Mapping[str, Mapping[str, Any]] = {
        "marian": {"vocab_size": 120},
        "fairseq": {},
        "nllb": NLLB_PIECES,
        "t5": T5_PIECES,
        "mt5": {**T5_PIECES, "byte_fallback": True, "vocab_size": 500},
        "gemma": GEMMA_PIECES,
        "madlad": {
            "unk_id": 0,
            "bos_id": 1,
            "eos_id": 2,
            "pad_id": -1,
            "byte_fallback": True,
            "user_defined_symbols": ["\n", "<2ace>", "<2de>", "<2fr>", "<2zh_Latn>"],
            "remove_extra_whitespaces": False,
            "vocab_size": 500,
        },
    }
    return train_spm(SENTENCES, **pieces[kind])


def marian_files(*tags: str) -> Write:
    """Two `.spm` files and a vocabulary; tokenizer_config.json has languages and no class."""

    def write(folder: Path) -> Path:
        names = {"target_lang": "xx", "source_lang": "eng"}
        one = spm("marian")
        return write_marian_tokenizer(folder, source=one, target=one, tags=tags, config=names)

    return write


def bart_files(folder: Path) -> Path:
    """vocab.json, where `<mask>` comes after all other tokens, and merges.txt."""
    write_bart_tokenizer(folder, sentences=SENTENCES, vocab_size=300)
    vocab = read_json_object(folder / "vocab.json")
    tokens = sorted(vocab.keys() - {"<mask>"}, key=vocab.__getitem__)
    write_json(folder / "vocab.json", {t: id_ for id_, t in enumerate([*tokens, "<mask>"])})
    write_json(folder / "tokenizer_config.json", {"model_max_length": 1024})
    return folder


def spm_files(kind: str, file: str, *, special: Json | None = None, **settings: Any) -> Write:
    """One `.spm` file, tokenizer_config.json, and special_tokens_map.json if there is any."""

    def write(folder: Path) -> Path:
        write_spm_tokenizer(folder, spm=spm(kind), file=file, **settings)
        if special is not None:
            write_json(folder / "special_tokens_map.json", special)
        return folder

    return write


def with_json(write: Write, kind: str, *, special: Sequence[str] = ()) -> Write:
    """The same and a tokenizer.json beside them."""
    return lambda folder: write_unigram_json(write(folder), spm=spm(kind), special=special)


def byt5_files(folder: Path) -> Path:
    """tokenizer_config.json alone, of which config.json knows the class."""
    tokens = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    extra = [f"<extra_id_{number}>" for number in range(125)]
    more = {"extra_ids": 125, "additional_special_tokens": extra}
    write_json(folder / "tokenizer_config.json", {**tokens, **more})
    return folder


_FAIRSEQ, _T5 = "sentencepiece.bpe.model", "spiece.model"
_FAIRSEQ_TOKENS: Json = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": {"content": "<mask>", "lstrip": True, "normalized": True},
}
_T5_TOKENS: Json = {
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "additional_special_tokens": EXTRA_IDS,
}
_MT5_SETTINGS: Json = {
    "extra_ids": 0,
    "additional_special_tokens": None,
    "special_tokens_map_file": "/home/somebody/.cache/torch/transformers/685ac0ca8568",
    "tokenizer_file": None,
    "name_or_path": "google/mt5-small",
}
_MBART_FILES = spm_files("fairseq", _FAIRSEQ, special=_FAIRSEQ_TOKENS)
_T5_FILES = spm_files("t5", _T5, special=_T5_TOKENS, model_max_length=512)
_T5_AND_JSON = with_json(_T5_FILES, "t5", special=[*reversed(EXTRA_IDS)])
_MT5_FILES = spm_files("mt5", _T5, special=_T5_TOKENS, **_MT5_SETTINGS)
_PEGASUS_FILES = spm_files("t5", _T5, tokenizer_class="PegasusTokenizer")
_MADLAD_FILES = spm_files("madlad", _T5, tokenizer_class="T5Tokenizer", extra_ids=0)
_GEMMA_FILES = spm_files("gemma", "tokenizer.model", add_bos_token=True, add_eos_token=False)

_OPUS_SAYS: Json = {"num_beams": 4, "max_new_tokens": 29}
_CNN_SAYS: Json = {
    "early_stopping": True,
    "length_penalty": 2.0,
    "max_new_tokens": 29,
    "min_new_tokens": 9,
    "no_repeat_ngram_size": 3,
    "num_beams": 4,
}
_XSUM_SAYS: Json = {k: v for k, v in _CNN_SAYS.items() if k != "length_penalty"} | {"num_beams": 6}
_BASE_SAYS: Json = {**_CNN_SAYS, "length_penalty": 1.0}
_BEAMS_OF_5: Json = {"num_beams": 5, "max_new_tokens": 29}
_M2M_SAYS: Json = {**_BEAMS_OF_5, "early_stopping": True}
_MBART_LANGUAGES = ("ar", "cs", "de", "en")
_BOS = "<s> {} </s>"

FROM_FAIRSEQ: Mapping[str, Published] = {
    "Helsinki-NLP/opus-mt-en-de": Published(
        seed=3, tokenizer=marian_files(), ids={58100: "<pad>"}, task=EN_DE, says=_OPUS_SAYS
    ),
    "Helsinki-NLP/opus-mt-en-ROMANCE": Published(
        tokenizer=marian_files(">>fr<<", ">>pt<<", ">>pt_BR<<", ">>ro<<", ">>es_MX<<"),
        ids={65000: "<pad>"},
        task=EN_RO,
        reads=">>ro<< {} </s>",
        languages=("fr", "pt", "pt-BR", "ro", "es"),
        says=_OPUS_SAYS,
    ),
    "Helsinki-NLP/opus-mt-tc-big-en-pt": Published(
        seed=3,
        tokenizer=marian_files(">>por<<", ">>pob<<"),
        ids={54743: "<pad>"},
        is_narrow=True,
        task=Translation("pt-BR"),
        reads=">>pob<< {} </s>",
        languages=("pt", "pt-BR"),
        says=_OPUS_SAYS,
    ),
    "facebook/bart-large-cnn": Published(
        tokenizer=bart_files, unused_rows=-1, reads=_BOS, begins="</s>", says=_CNN_SAYS
    ),
    "sshleifer/distilbart-cnn-12-6": Published(
        tokenizer=bart_files, unused_rows=-1, reads=_BOS, begins="</s>", says=_CNN_SAYS
    ),
    "facebook/bart-large-xsum": Published(
        tokenizer=bart_files, unused_rows=-1, reads=_BOS, begins="</s>", says=_XSUM_SAYS
    ),
    "facebook/bart-base": Published(
        tokenizer=bart_files, is_bare=True, reads=_BOS, begins="</s>", says=_BASE_SAYS
    ),
    "facebook/mbart-large-cc25": Published(
        tokenizer=spm_files("fairseq", _FAIRSEQ),
        ids={250020: "ro_RO"},
        task=EN_RO,
        reads="{} </s> en_XX",
        begins="ro_RO",
        languages=_MBART_LANGUAGES,
        says=_BEAMS_OF_5,
    ),
    "facebook/mbart-large-en-ro": Published(
        tokenizer=spm_files("fairseq", _FAIRSEQ, model_max_length=1024),
        ids={250020: "ro_RO"},
        task=EN_RO,
        reads="{} </s> en_XX",
        begins="ro_RO",
        languages=_MBART_LANGUAGES,
        says=_M2M_SAYS,
    ),
    "facebook/mbart-large-50-many-to-many-mmt": Published(
        seed=4,
        tokenizer=_MBART_FILES,
        is_narrow=True,
        task=Translation("uk", "en"),
        reads="en_XX {} </s>",
        begins="</s>",
        forced="uk_UA",
        languages=_MBART_LANGUAGES,
        says=_M2M_SAYS,
    ),
    "facebook/mbart-large-50-many-to-one-mmt": Published(
        tokenizer=_MBART_FILES,
        ids={250004: "en_XX"},
        task=Translation("en", "ro"),
        reads="ro_RO {} </s>",
        begins="</s>",
        forced="en_XX",
        languages=_MBART_LANGUAGES,
        says=_M2M_SAYS,
    ),
    "google/pegasus-xsum": Published(
        seed=2,
        tokenizer=with_json(_PEGASUS_FILES, "t5"),
        says={"length_penalty": 0.6, "max_new_tokens": 29, "num_beams": 8},
    ),
    "google/pegasus-large": Published(
        seed=3,
        tokenizer=spm_files("t5", _T5),
        says={"length_penalty": 0.8, "max_new_tokens": 29, "num_beams": 8},
    ),
    "facebook/m2m100_418M": Published(
        tokenizer=lambda folder: write_m2m100_tokenizer(folder, spm=spm("fairseq")),
        unused_rows=8,
        task=EN_DE,
        reads="__en__ {} </s>",
        begins="</s>",
        forced="__de__",
        languages=("af", "am", "ar"),
        says=_M2M_SAYS,
    ),
    "facebook/nllb-200-distilled-600M": Published(
        seed=3,
        tokenizer=spm_files("nllb", _FAIRSEQ, special=_FAIRSEQ_TOKENS),
        unused_rows=2,
        task=EN_DE,
        reads="eng_Latn {} </s>",
        begins="</s>",
        forced="deu_Latn",
        languages=("ace-Arab", "ace", "acm"),
        says={"max_new_tokens": 29},
    ),
    "uclanlp/plbart-base": Published(
        tokenizer=_MBART_FILES,
        task=Translation("python", "java"),
        reads="{} </s> __java__",
        begins="__python__",
        languages=("java", "python", "en"),
    ),
}
FROM_T5: Mapping[str, Published] = {
    "google-t5/t5-small": Published(
        seed=2,
        tokenizer=_T5_AND_JSON,
        unused_rows=28,
        task=EN_DE,
        says={"early_stopping": True, "max_new_tokens": 29, "num_beams": 4},
    ),
    "google/t5-v1_1-base": Published(tokenizer=_T5_FILES, unused_rows=28, has_own_output=True),
    "google/flan-t5-small": Published(
        tokenizer=_T5_AND_JSON, unused_rows=28, has_own_output=True, says=_CNN_SAYS
    ),
    "google/mt5-small": Published(tokenizer=_MT5_FILES, unused_rows=12, has_own_output=True),
    "csebuetnlp/mT5_multilingual_XLSum": Published(
        seed=2,
        tokenizer=_MT5_FILES,
        unused_rows=12,
        has_own_output=True,
        says={
            "length_penalty": 0.6,
            "max_new_tokens": 29,
            "no_repeat_ngram_size": 2,
            "num_beams": 4,
        },
    ),
    "google/umt5-small": Published(tokenizer=_MT5_FILES, unused_rows=84, has_own_output=True),
    "google/madlad400-3b-mt": Published(
        seed=2,
        tokenizer=with_json(_MADLAD_FILES, "madlad"),
        has_own_output=True,
        task=EN_DE,
        reads="▁ <2de> {} </s>",
        begins="<unk>",
        languages=("ace", "de", "fr", "zh-Latn"),
    ),
    "google/byt5-small": Published(tokenizer=byt5_files, has_own_output=True),
}
T5GEMMA: Mapping[str, Published] = {
    "google/t5gemma-2b-2b-prefixlm-it": Published(
        seed=9, tokenizer=_GEMMA_FILES, reads="<bos> {}", begins="<bos>"
    ),
    "google/t5gemma-9b-2b-prefixlm-it": Published(
        seed=2, tokenizer=_GEMMA_FILES, reads="<bos> {}", begins="<bos>"
    ),
}
PUBLISHED: Mapping[str, Published] = {**FROM_FAIRSEQ, **FROM_T5, **T5GEMMA}
