"""T5's inputs and outputs: texts, prefixes and tags as by `transformers`, of small checkpoints."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from sentencepiece import SentencePieceProcessor
from transformers import AutoTokenizer, PreTrainedModel

from model.engine.params import GenerationParams
from model.generation_config import generation_defaults
from model.load import LoadedModel, load_model
from model.tokenizer.prompt import Prompt, Summarization, Task, Translation
from tests.parity.references import generated, save
from tests.parity.references_t5 import T5, V1_1
from tests.support.checkpoints.factories import edit_config
from tests.support.checkpoints.tokenizers import (
    T5_PIECES,
    make_sentences,
    train_spm,
    write_spm_tokenizer,
    write_unigram_json,
)
from tests.support.engine.factories import answer, make_engine

TEXTS = ("the book", " The lazy  dog\njumps over 1999 windows!", "straße", "")
EN_DE = Translation("de", "en")
# As in the config.json of T5 1.0.
TASKS: dict[str, dict[str, Any]] = {
    "summarization": {
        "early_stopping": True,
        "length_penalty": 2.0,
        "max_length": 200,
        "min_length": 30,
        "no_repeat_ngram_size": 3,
        "num_beams": 4,
        "prefix": "summarize: ",
    },
    "translation_en_to_de": {
        "early_stopping": True,
        "max_length": 300,
        "num_beams": 4,
        "prefix": "translate English to German: ",
    },
}


def write_t5(folder: Path, *, tags: Sequence[str] = ()) -> PreTrainedModel:
    """Write a tiny random model, and a tokenizer whose vocabulary has those tags."""
    spm = train_spm(make_sentences(count=300), user_defined_symbols=list(tags), **T5_PIECES)
    write_spm_tokenizer(folder, spm=spm, file="spiece.model", tokenizer_class="T5Tokenizer")
    return write_model(folder, vocab_size=500)


def write_byt5(folder: Path) -> PreTrainedModel:
    """Write a tiny random model that reads bytes."""
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    return write_model(folder, vocab_size=384)


def write_model(folder: Path, *, vocab_size: int) -> PreTrainedModel:
    model = T5.make(seed=2, eos_bias=1.0, vocab_size=vocab_size, n_positions=512, **V1_1)
    save(model, folder)
    return model


def read(folder: Path) -> LoadedModel:
    return load_model(folder, dtype="float32", device="cpu")


def answered(
    model: LoadedModel, theirs: Any, prompt: Prompt, **params: Any
) -> tuple[list[int], list[int]]:
    """Return our tokens and theirs; `params` as for `generate`."""
    ids = torch.tensor([prompt.encoder_ids])
    (expected,) = theirs.generate(ids, attention_mask=torch.ones_like(ids), **params)
    engine = make_engine(
        network=model.network, rules=model.rules, max_source_tokens=384, max_target_tokens=384
    )
    settings = GenerationParams(**generation_defaults(params))
    token_ids = answer(engine, prompt, settings).hypotheses[0].token_ids
    return list(token_ids), generated(expected, sorted(model.rules.eos_ids))


def assert_read_and_answered_as_by_transformers(theirs: Any, folder: Path, *, task: Task) -> None:
    ours, tokenizer = read(folder), AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        prompt = ours.prompt(text, task)
        assert list(prompt.encoder_ids) == tokenizer(text).input_ids
        tokens, expected = answered(ours, theirs, prompt, num_beams=4, max_new_tokens=12)
        assert tokens == expected


def test_t5_reads_a_text_and_its_end(tmp_path: Path) -> None:
    theirs = write_t5(tmp_path)
    assert_read_and_answered_as_by_transformers(theirs, tmp_path, task=EN_DE)


@pytest.mark.parametrize("has_json", [True, False], ids=["tokenizer.json", "spiece.model"])
@pytest.mark.parametrize("code", ["de", "zh_Hant"])
def test_madlad_reads_the_target_language_first(
    tmp_path: Path, code: str, *, has_json: bool
) -> None:
    """The tag is the first word of the text, after a blank, as SentencePiece encoded its training.

    `transformers` agrees where it has the published tokenizer.json; of a `.spm` file alone it makes
    a tokenizer that splits the tag off first.
    """
    write_t5(tmp_path, tags=["<2de>", "<2fr>", "<2zh_Hant>"])
    spm = SentencePieceProcessor(model_file=str(tmp_path / "spiece.model"))
    if has_json:
        write_unigram_json(tmp_path, spm=(tmp_path / "spiece.model").read_bytes())
    model = read(tmp_path)
    for text in TEXTS:
        expected = [*spm.encode(f"<2{code}> {text}"), spm.eos_id()]
        assert list(model.prompt(text, Translation(code)).encoder_ids) == expected
        if has_json:
            theirs = AutoTokenizer.from_pretrained(tmp_path)
            assert theirs(f"<2{code}> {text}").input_ids == expected


def test_byt5_reads_bytes(tmp_path: Path) -> None:
    theirs = write_byt5(tmp_path)
    assert_read_and_answered_as_by_transformers(theirs, tmp_path, task=Summarization())


@pytest.mark.parametrize(
    ("task", "prefix"),
    [
        (EN_DE, "translate English to German: "),
        (Translation("es", "en"), "translate English to Spanish: "),  # which no file lists
        (Summarization(), "summarize: "),
    ],
    ids=["listed", "not listed", "summary"],
)
def test_a_task_is_named_to_checkpoints_that_know_tasks_by_name(
    tmp_path: Path, task: Task, prefix: str
) -> None:
    write_t5(tmp_path)
    edit_config(tmp_path, task_specific_params=TASKS)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    expected = tokenizer(prefix + "the book").input_ids
    assert list(read(tmp_path).prompt("the book", task).encoder_ids) == expected


@pytest.mark.parametrize("task", [EN_DE, Summarization()], ids=["translation", "summary"])
def test_a_checkpoint_may_have_one_prefix_for_all_texts(tmp_path: Path, task: Task) -> None:
    """Before version 5 the pipelines of `transformers` wrote it in front of every text."""
    write_t5(tmp_path)
    edit_config(tmp_path, prefix="simplify: ")
    expected = AutoTokenizer.from_pretrained(tmp_path)("simplify: the book").input_ids
    assert list(read(tmp_path).prompt("the book", task).encoder_ids) == expected


@pytest.mark.parametrize("prefix", ["", "auf Deutsch: "], ids=repr)
def test_another_prefix_may_be_asked_for(tmp_path: Path, prefix: str) -> None:
    write_t5(tmp_path)
    edit_config(tmp_path, task_specific_params=TASKS)
    expected = AutoTokenizer.from_pretrained(tmp_path)(prefix + "the book").input_ids
    prompt = read(tmp_path).prompt("the book", EN_DE, prefix=prefix)
    assert list(prompt.encoder_ids) == expected


@pytest.mark.parametrize(
    ("task", "name"),
    [(EN_DE, "translation_en_to_de"), (Summarization(), "summarization")],
    ids=["translation", "summary"],
)
def test_a_task_is_done_as_the_checkpoint_says(tmp_path: Path, task: Task, name: str) -> None:
    """Before version 5 the pipelines of `transformers` did so; version 5 has none."""
    theirs = write_t5(tmp_path)
    edit_config(tmp_path, task_specific_params=TASKS)
    ours = read(tmp_path)
    params = {key: value for key, value in TASKS[name].items() if key != "prefix"}
    assert ours.generation_for(task) == generation_defaults(params)
    tokens, expected = answered(ours, theirs, ours.prompt("the book", task), **params)
    assert tokens == expected
    assert len(tokens) >= params.get("min_length", 1) - 1


def test_a_task_that_the_checkpoint_does_not_list_is_done_as_any(tmp_path: Path) -> None:
    write_t5(tmp_path)
    edit_config(tmp_path, task_specific_params=TASKS)
    ours = read(tmp_path)
    assert ours.generation_for(Translation("es", "en")) == ours.generation
