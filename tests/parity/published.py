"""Published checkpoints, in folders beside this file, and the facts that tests expect of each.

Versions 2 to 4 of `transformers`, or their authors by hand, wrote config.json and
generation_config.json: with obsolete keys, without later ones, and with generation defaults in
config.json. (Some are compiled from quotations.) Tests shrink them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from model.tokenizer.prompt import Summarization, Task, Translation
from tests.parity.published_files import (
    FAIRSEQ_SPM,
    FAIRSEQ_TOKENS,
    GEMMA_FILES,
    MADLAD_FILES,
    MBART_FILES,
    MT5_FILES,
    PEGASUS_FILES,
    T5_AND_JSON,
    T5_FILES,
    T5_SPM,
    Json,
    Write,
    bart_files,
    byt5_files,
    marian_files,
    spm,
    spm_files,
    with_json,
)
from tests.support.checkpoints.tokenizers import write_m2m100_tokenizer

EN_DE, EN_RO = Translation("de", "en"), Translation("ro", "en")
SUMMARY = Summarization()


@dataclass(frozen=True, kw_only=True)
class Published:
    """One checkpoint: facts that its files lack, and the expected reading of its files.

    Attributes:
        tokenizer: Writes the tokenizer's files, with a small vocabulary.
        unused_rows: The rows of the tables beyond the tokenizer's last token.
        ids: The published ids of tokens, which have other ids in the small vocabulary.
        is_bare: Whether the weights are of the two stacks alone.
        has_own_output: Whether the output has its own table.
        is_narrow: Whether the weights are in float16.
        task: The task to test.
        reads: The tokens around a source, which is `{}`.
        begins: The start token of the decoder.
        forced: The forced first token.
        languages: The first codes of its languages.
        says: The generation defaults for the task in the shrunk files.
        seed: The seed of the weights; such that outputs differ.
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
        tokenizer=spm_files("fairseq", FAIRSEQ_SPM),
        ids={250020: "ro_RO"},
        task=EN_RO,
        reads="{} </s> en_XX",
        begins="ro_RO",
        languages=_MBART_LANGUAGES,
        says=_BEAMS_OF_5,
    ),
    "facebook/mbart-large-en-ro": Published(
        tokenizer=spm_files("fairseq", FAIRSEQ_SPM, model_max_length=1024),
        ids={250020: "ro_RO"},
        task=EN_RO,
        reads="{} </s> en_XX",
        begins="ro_RO",
        languages=_MBART_LANGUAGES,
        says=_M2M_SAYS,
    ),
    "facebook/mbart-large-50-many-to-many-mmt": Published(
        seed=4,
        tokenizer=MBART_FILES,
        is_narrow=True,
        task=Translation("uk", "en"),
        reads="en_XX {} </s>",
        begins="</s>",
        forced="uk_UA",
        languages=_MBART_LANGUAGES,
        says=_M2M_SAYS,
    ),
    "facebook/mbart-large-50-many-to-one-mmt": Published(
        tokenizer=MBART_FILES,
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
        tokenizer=with_json(PEGASUS_FILES, "t5"),
        says={"length_penalty": 0.6, "max_new_tokens": 29, "num_beams": 8},
    ),
    "google/pegasus-large": Published(
        seed=3,
        tokenizer=spm_files("t5", T5_SPM),
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
        tokenizer=spm_files("nllb", FAIRSEQ_SPM, special=FAIRSEQ_TOKENS),
        unused_rows=2,
        task=EN_DE,
        reads="eng_Latn {} </s>",
        begins="</s>",
        forced="deu_Latn",
        languages=("ace-Arab", "ace", "acm"),
        says={"max_new_tokens": 29},
    ),
    "uclanlp/plbart-base": Published(
        tokenizer=MBART_FILES,
        task=Translation("python", "java"),
        reads="{} </s> __java__",
        begins="__python__",
        languages=("java", "python", "en"),
    ),
}
FROM_T5: Mapping[str, Published] = {
    "google-t5/t5-small": Published(
        seed=2,
        tokenizer=T5_AND_JSON,
        unused_rows=28,
        task=EN_DE,
        says={"early_stopping": True, "max_new_tokens": 29, "num_beams": 4},
    ),
    "google/t5-v1_1-base": Published(tokenizer=T5_FILES, unused_rows=28, has_own_output=True),
    "google/flan-t5-small": Published(
        tokenizer=T5_AND_JSON, unused_rows=28, has_own_output=True, says=_CNN_SAYS
    ),
    "google/mt5-small": Published(tokenizer=MT5_FILES, unused_rows=12, has_own_output=True),
    "csebuetnlp/mT5_multilingual_XLSum": Published(
        seed=2,
        tokenizer=MT5_FILES,
        unused_rows=12,
        has_own_output=True,
        says={
            "length_penalty": 0.6,
            "max_new_tokens": 29,
            "no_repeat_ngram_size": 2,
            "num_beams": 4,
        },
    ),
    "google/umt5-small": Published(tokenizer=MT5_FILES, unused_rows=84, has_own_output=True),
    "google/madlad400-3b-mt": Published(
        seed=2,
        tokenizer=with_json(MADLAD_FILES, "madlad"),
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
        seed=9, tokenizer=GEMMA_FILES, reads="<bos> {}", begins="<bos>"
    ),
    "google/t5gemma-9b-2b-prefixlm-it": Published(
        seed=2, tokenizer=GEMMA_FILES, reads="<bos> {}", begins="<bos>"
    ),
}
PUBLISHED: Mapping[str, Published] = {**FROM_FAIRSEQ, **FROM_T5, **T5GEMMA}
