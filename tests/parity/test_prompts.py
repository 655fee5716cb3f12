"""From text to text: every family has the prompts and outputs of `transformers`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    BartTokenizer,
    M2M100Tokenizer,
    MarianTokenizer,
    MBart50Tokenizer,
    MBartTokenizer,
    NllbTokenizer,
    PegasusTokenizer,
)
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.families.bart import BART
from model.families.family import Family
from model.families.m2m100 import M2M100
from model.families.marian import MARIAN
from model.families.mbart import MBART
from model.families.pegasus import PEGASUS
from model.families.prompting import Prompter
from model.generation_config import tokenizer_settings
from model.load import load_model
from model.tokenizer.prompt import Summarization, Task, Translation
from tests.parity import references_bart
from tests.parity.references import ReferenceFamily, save
from tests.support.checkpoints.factories import make_prompter
from tests.support.checkpoints.tokenizers import (
    NLLB_PIECES,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_m2m100_tokenizer,
    write_marian_tokenizer,
    write_spm_tokenizer,
)
from tests.support.engine.factories import drain

TEXTS = ("the book", "The lazy dog jumps over my window!", "", "1999 - ok?", "straße")
SENTENCES = make_sentences(count=300)
PARAMS: Mapping[str, Any] = {"num_beams": 2, "max_new_tokens": 12}
FAIRSEQ_IDS = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of checkpoint.

    Attributes:
        family: Our family.
        theirs: The class of their tokenizer.
        write: Writes the tokenizer's files.
        task: The task to test.
        settings: The equivalent settings of their tokenizer.
        ids: The special ids in config.json.
        target: The tag of the target, if the decoder has one.
        reference: The family's networks.
    """

    family: Family
    theirs: Any
    write: Callable[[Path], Path]
    task: Task
    settings: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, int]
    target: str | None = None
    reference: ReferenceFamily

    @property
    def source_tag(self) -> str:
        """Return the tag that callers of their tokenizer write in front of a text."""
        return ">>de<< " if self.family is MARIAN else ""


def write_marian(folder: Path) -> Path:
    spm = train_spm(SENTENCES, vocab_size=120)
    return write_marian_tokenizer(folder, source=spm, target=spm)


def write_spm(
    name: str, pieces: Mapping[str, Any], *, file: str = "sentencepiece.bpe.model", **config: Any
) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        spm = train_spm(SENTENCES, **pieces)
        return write_spm_tokenizer(folder, spm=spm, file=file, tokenizer_class=name, **config)

    return write


MBART_25 = Case(
    family=MBART,
    reference=references_bart.MBART,
    theirs=MBartTokenizer,
    write=write_spm("MBartTokenizer", {}),
    task=Translation("ro", "en"),
    settings={"src_lang": "en_XX"},
    ids={**FAIRSEQ_IDS, "decoder_start_token_id": 250},
    target="ro_RO",
)
MBART_50 = Case(
    family=MBART,
    reference=references_bart.MBART,
    theirs=MBart50Tokenizer,
    write=write_spm("MBart50Tokenizer", {}),
    task=Translation("uk", "zh"),
    settings={"src_lang": "zh_CN"},
    ids={**FAIRSEQ_IDS, "decoder_start_token_id": 2},
    target="uk_UA",
)
M2M = Case(
    family=M2M100,
    reference=references_bart.M2M100,
    theirs=M2M100Tokenizer,
    write=lambda folder: write_m2m100_tokenizer(folder, spm=train_spm(SENTENCES)),
    task=Translation("de", "en"),
    settings={"src_lang": "en"},
    ids={**FAIRSEQ_IDS, "decoder_start_token_id": 2},
    target="__de__",
)


def nllb(*, legacy_behaviour: bool) -> Case:
    def write(folder: Path) -> Path:
        """Write the published files; from `.spm` alone `transformers` 5.23 makes no tags."""
        spm = train_spm(SENTENCES, **NLLB_PIECES)
        write_spm_tokenizer(folder / "spm", spm=spm, tokenizer_class="NllbTokenizer")
        made = NllbTokenizer.from_pretrained(
            folder / "spm",
            additional_special_tokens=FAIRSEQ_LANGUAGE_CODES,
            legacy_behaviour=legacy_behaviour,
        )
        made.save_pretrained(folder)
        return folder

    return Case(
        family=M2M100,
        reference=references_bart.M2M100,
        theirs=NllbTokenizer,
        write=write,
        task=Translation("de", "en"),
        settings={"src_lang": "eng_Latn"},
        ids={**FAIRSEQ_IDS, "decoder_start_token_id": 2},
        target="deu_Latn",
    )


CASES = {
    "marian": Case(
        family=MARIAN,
        reference=references_bart.MARIAN,
        theirs=MarianTokenizer,
        write=write_marian,
        task=Translation("de"),
        ids={"eos_token_id": 0, "pad_token_id": 122, "decoder_start_token_id": 122},
    ),
    "bart": Case(
        family=BART,
        reference=references_bart.BART,
        theirs=BartTokenizer,
        write=lambda folder: write_bart_tokenizer(folder, sentences=SENTENCES, vocab_size=300),
        task=Summarization(),
        ids={**FAIRSEQ_IDS, "decoder_start_token_id": 2},
    ),
    "mbart-25": MBART_25,
    "mbart-50": MBART_50,
    "pegasus": Case(
        family=PEGASUS,
        reference=references_bart.PEGASUS,
        theirs=PegasusTokenizer,
        write=write_spm("PegasusTokenizer", T5_PIECES, file="spiece.model"),
        task=Summarization(),
        ids={"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
    ),
    "m2m100": M2M,
    "nllb": nllb(legacy_behaviour=False),
    "nllb, as it once was": nllb(legacy_behaviour=True),
}


@dataclass(frozen=True)
class Both:
    case: Case
    folder: Path
    prompter: Prompter
    theirs: Any


@pytest.fixture(scope="module", params=CASES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    case = CASES[request.param]
    folder = case.write(tmp_path_factory.mktemp("tokenizer"))
    prompter = make_prompter(
        case.family,
        case.family.load_tokenizer(folder),
        {**case.ids, **tokenizer_settings(folder)},
    )
    return Both(case, folder, prompter, case.theirs.from_pretrained(folder, **case.settings))


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
@pytest.mark.parametrize("text", TEXTS)
def test_the_encoder_reads_what_it_reads_in_transformers(both: Both, text: str) -> None:
    prompt = both.prompter.prompt(text, both.case.task)
    assert list(prompt.encoder_ids) == both.theirs(both.case.source_tag + text).input_ids


def test_the_decoder_begins_with_the_language_or_is_forced_to_say_it(both: Both) -> None:
    """`transformers` takes `decoder_start_token_id`, or `forced_bos_token_id`."""
    case, prompt = both.case, both.prompter.prompt("the book", both.case.task)
    start = case.ids["decoder_start_token_id"]
    tag = None if case.target is None else both.theirs.convert_tokens_to_ids(case.target)
    assert tag != both.theirs.unk_token_id
    expected = ((tag,), None) if case is MBART_25 else ((start,), tag)
    assert (prompt.decoder_prefix_ids, prompt.forced_bos_id) == expected


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_the_answer_is_the_text_of_transformers(both: Both) -> None:
    case, size = both.case, both.prompter.tokenizer.vocab_size
    network: Any = case.reference.make(seed=1, eos_bias=2.0, vocab_size=size, **case.ids)
    loaded = load_model(save(network, both.folder), dtype="float32", device="cpu")
    limits = EngineConfig(max_source_tokens=48, max_target_tokens=32, max_rows=8)
    engine = Engine(loaded.network, loaded.rules, limits)
    for text in TEXTS:
        engine.add_request(text, loaded.prompt(text, case.task), GenerationParams(**PARAMS))
    outputs = drain(engine)
    prompt = loaded.prompt("", case.task)
    settings = {"decoder_start_token_id": prompt.decoder_prefix_ids[0], **PARAMS}
    if prompt.forced_bos_id is not None:
        settings["forced_bos_token_id"] = prompt.forced_bos_id
    for text in TEXTS:
        inputs = both.theirs(case.source_tag + text, return_tensors="pt")
        sequence = network.generate(
            inputs.input_ids, attention_mask=inputs.attention_mask, **settings
        )[0]
        # Theirs would decode tags to text that no file lists as special, as M2M100's here.
        said = [id_ for id_ in sequence.tolist() if id_ not in loaded.tokenizer.special_ids]
        expected = both.theirs.decode(said, skip_special_tokens=True)
        answer = loaded.tokenizer.decode(outputs[text][-1].hypotheses[0].token_ids)
        assert answer.lstrip() == expected.lstrip()  # sentencepiece begins with no blank
