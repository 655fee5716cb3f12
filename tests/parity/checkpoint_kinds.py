"""The kinds of published checkpoints: tokenizers, and the settings in their files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import (
    AutoTokenizer,
    BartTokenizer,
    ByT5Tokenizer,
    GemmaTokenizer,
    M2M100Tokenizer,
    MarianTokenizer,
    MBart50Tokenizer,
    MBartTokenizer,
    NllbTokenizer,
    PegasusTokenizer,
    PLBartTokenizer,
    T5Tokenizer,
)
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from tests.parity import references_bart, references_t5, references_t5gemma
from tests.parity.checkpoints import Kind
from tests.parity.references import Changes
from tests.support.checkpoints.tokenizers import (
    GEMMA_PIECES,
    NLLB_PIECES,
    T5_PIECES,
    TAGS,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_m2m100_tokenizer,
    write_marian_tokenizer,
    write_spm_tokenizer,
    write_unigram_json,
)

SENTENCES = make_sentences(count=300)
# As in the config.json of T5 1.0.
TASKS: Changes = {
    "translation_en_to_de": {
        "early_stopping": True,
        "max_length": 300,
        "num_beams": 4,
        "prefix": "translate English to German: ",
    },
}


def _marian(tags: Sequence[str]) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        spm = train_spm(SENTENCES, vocab_size=120)
        config = {"source_lang": "en", "target_lang": "de"}
        write_marian_tokenizer(folder, source=spm, target=spm, tags=tags, config=config)
        return MarianTokenizer.from_pretrained(folder)

    return read


def _bart(folder: Path) -> Any:
    write_bart_tokenizer(folder, sentences=SENTENCES, vocab_size=300)
    return BartTokenizer.from_pretrained(folder)


def _m2m100(folder: Path) -> Any:
    write_m2m100_tokenizer(folder, spm=train_spm(SENTENCES))
    return M2M100Tokenizer.from_pretrained(folder)


def _nllb(folder: Path) -> Any:
    """`transformers` 5.23 makes no language tags of a `.spm` file; published ones have JSON."""
    write_spm_tokenizer(folder, spm=train_spm(SENTENCES, **NLLB_PIECES))
    return NllbTokenizer.from_pretrained(folder, additional_special_tokens=FAIRSEQ_LANGUAGE_CODES)


def _spm(theirs: Any, file: str, pieces: Changes, **config: Any) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        write_spm_tokenizer(folder, spm=train_spm(SENTENCES, **pieces), file=file, **config)
        return theirs.from_pretrained(folder)

    return read


_t5 = _spm(T5Tokenizer, "spiece.model", T5_PIECES)


def _madlad(folder: Path) -> Any:
    """Return the published kind; from a `.spm` file `transformers` 5.23 splits the tags off."""
    spm = train_spm(SENTENCES, user_defined_symbols=["<2de>", "<2fr>", "<2zh_Hant>"], **T5_PIECES)
    write_spm_tokenizer(folder, spm=spm, file="spiece.model", tokenizer_class="T5Tokenizer")
    write_unigram_json(folder, spm=spm)
    return AutoTokenizer.from_pretrained(folder)


_BPE = "sentencepiece.bpe.model"
_LONG: Changes = {"max_position_embeddings": 512, "scale_embedding": True}
_T5_LONG: Changes = {"n_positions": 512}
_V1_1: Changes = {**references_t5.V1_1, **_T5_LONG}
_CNN: Changes = {
    "num_beams": 4,
    "length_penalty": 2.0,
    "early_stopping": True,
    "no_repeat_ngram_size": 3,
    "min_length": 56,
    "max_length": 142,
    "forced_bos_token_id": 0,
    "forced_eos_token_id": 2,
}
_XSUM: Changes = {
    "num_beams": 8,
    "length_penalty": 0.6,
    "max_length": 64,
    "forced_eos_token_id": 1,
}
_FIVE_BEAMS: Changes = {"num_beams": 5, "early_stopping": True, "max_length": 200}

KINDS: Mapping[str, Kind] = {
    "Marian, one pair": Kind(
        family="Marian",
        reference=references_bart.MARIAN,
        tokenizer=_marian(()),
        start="<pad>",
        seed=18,
        eos_bias=3.0,
        changes=_LONG,
        generation={"num_beams": 6, "max_length": 512, "forced_eos_token_id": 0},
    ),
    "Marian, many targets": Kind(
        family="Marian",
        reference=references_bart.MARIAN,
        tokenizer=_marian(TAGS),
        start="<pad>",
        seed=21,
        eos_bias=2.0,
        changes=_LONG,
        generation={"num_beams": 4, "max_length": 512, "forced_eos_token_id": 0},
        before=">>de<< ",
    ),
    "BART": Kind(
        family="BART",
        reference=references_bart.BART,
        tokenizer=_bart,
        start="</s>",
        seed=2,
        eos_bias=4.5,
        changes={**_LONG, "max_position_embeddings": 1024},
        generation=_CNN,
        options=(),
    ),
    "PEGASUS": Kind(
        family="PEGASUS",
        reference=references_bart.PEGASUS,
        tokenizer=_spm(PegasusTokenizer, "spiece.model", T5_PIECES),
        start="<pad>",
        seed=2,
        eos_bias=2.0,
        changes=_LONG,
        generation=_XSUM,
        options=(),
    ),
    "mBART-25": Kind(
        family="mBART",
        reference=references_bart.MBART,
        tokenizer=_spm(MBartTokenizer, _BPE, {}, src_lang="en_XX", tgt_lang="ro_RO"),
        start="ro_RO",
        seed=1,
        eos_bias=2.0,
        changes=_LONG,
        generation={"num_beams": 5, "max_length": 200},
        started="de_DE",
    ),
    "mBART-50": Kind(
        family="mBART",
        reference=references_bart.MBART,
        tokenizer=_spm(MBart50Tokenizer, _BPE, {}),
        start="</s>",
        seed=5,
        eos_bias=2.0,
        changes=_LONG,
        generation={**_FIVE_BEAMS, "forced_eos_token_id": 2},
        asked={"src_lang": "en_XX"},
        forced="de_DE",
    ),
    "M2M100": Kind(
        family="M2M100",
        reference=references_bart.M2M100,
        tokenizer=_m2m100,
        start="</s>",
        seed=1,
        eos_bias=3.0,
        changes=_LONG,
        generation=_FIVE_BEAMS,
        asked={"src_lang": "en"},
        forced="__de__",
    ),
    "NLLB-200": Kind(
        family="M2M100",
        reference=references_bart.M2M100,
        tokenizer=_nllb,
        start="</s>",
        seed=18,
        eos_bias=4.0,
        changes=_LONG,
        generation={"max_length": 200},
        asked={"src_lang": "eng_Latn"},
        forced="deu_Latn",
    ),
    "T5 1.0": Kind(
        family="T5",
        reference=references_t5.T5,
        tokenizer=_t5,
        start="<pad>",
        seed=6,
        eos_bias=0.6,
        changes=_T5_LONG,
        tasks=TASKS,
        before="translate English to German: ",
        params={"num_beams": 4, "early_stopping": True},
    ),
    "T5 1.1": Kind(
        family="T5",
        reference=references_t5.T5,
        tokenizer=_t5,
        start="<pad>",
        seed=4,
        eos_bias=0.6,
        changes=_V1_1,
    ),
    "mT5": Kind(
        family="mT5",
        reference=references_t5.MT5,
        tokenizer=_t5,
        start="<pad>",
        seed=4,
        eos_bias=0.6,
        changes={**references_t5.UNTIED, **_T5_LONG},
    ),
    "umT5": Kind(
        family="umT5",
        reference=references_t5.UMT5,
        tokenizer=_t5,
        start="<pad>",
        seed=4,
        eos_bias=0.6,
        changes={**references_t5.UNTIED, **_T5_LONG},
    ),
    "MADLAD-400": Kind(
        family="T5",
        reference=references_t5.T5,
        tokenizer=_madlad,
        start="<pad>",
        seed=5,
        eos_bias=0.6,
        changes=_V1_1,
        before="<2de> ",
    ),
    "ByT5": Kind(
        family="T5",
        reference=references_t5.T5,
        tokenizer=lambda _: ByT5Tokenizer(),
        start="<pad>",
        seed=24,
        eos_bias=0.8,
        changes={**_V1_1, "tokenizer_class": "ByT5Tokenizer"},
    ),
    "T5Gemma": Kind(
        family="T5Gemma",
        reference=references_t5gemma.T5GEMMA,
        tokenizer=_spm(GemmaTokenizer, "tokenizer.model", GEMMA_PIECES, add_bos_token=True),
        start="<bos>",
        seed=1,
        eos_bias=2.0,
        changes={"max_position_embeddings": 512},
    ),
    "PLBART": Kind(
        family="PLBART",
        reference=references_bart.PLBART,
        tokenizer=_spm(
            PLBartTokenizer, _BPE, {}, language_codes="base", src_lang="python", tgt_lang="en_XX"
        ),
        start="__en_XX__",
        seed=4,
        eos_bias=2.0,
        changes=_LONG,
        generation={"num_beams": 5, "max_length": 200},
        options=("--from", "python", "--to", "en"),
    ),
}
