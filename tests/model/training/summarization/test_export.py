"""A trained network as a checkpoint: ours, `transformers` and CTranslate2 give the same outputs."""

import copy
import json
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
from transformers import AutoTokenizer, BartForConditionalGeneration

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import load_model
from model.tokenizer.prompt import Summarization
from model.training.summarization.export import export_bart
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.parity.references import generated
from tests.support.checkpoints.summarization_training import (
    TINY_RECIPE,
    make_pairs,
    make_trainer,
    make_vocabulary,
)
from tests.support.engine.factories import drain

SOURCE = torch.tensor([[0, 5, 80, 90, 2], [0, 6, 81, 2, 1]])
TARGET = torch.tensor([[2, 0, 60], [2, 0, 61]])
MASK = SOURCE != 1
TEXTS = [pair.source for pair in make_pairs()[::9]]
EOS = 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Seq2SeqTransformer:
    """Return a network that has learnt the toy headlines: its outputs end."""
    trainer = make_trainer(tmp_path_factory.mktemp("run"), max_steps=200)
    list(trainer.steps())
    return trainer.network.eval()


@pytest.fixture(scope="module")
def checkpoint(trained: Seq2SeqTransformer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(trained, tmp_path_factory.mktemp("checkpoint"))


def export(network: Seq2SeqTransformer, folder: Path) -> Path:
    export_bart(
        network, make_vocabulary(), folder, decoding=TINY_RECIPE.decoding, dtype=torch.float32
    )
    return folder


def ours(checkpoint: Path, **params: Any) -> list[list[int]]:
    """Return a headline for each text, in one engine, by the checkpoint's defaults and `params`."""
    loaded = load_model(checkpoint, dtype="float32", device="cpu")
    limits = EngineConfig(max_source_tokens=128, max_target_tokens=64)
    engine = Engine(loaded.network, loaded.rules, limits)
    settings = GenerationParams(**{**loaded.generation, **params})
    for index, text in enumerate(TEXTS):
        engine.add_request(str(index), loaded.prompt(text, Summarization("headline")), settings)
    outputs = drain(engine)
    return [list(outputs[str(i)][-1].hypotheses[0].token_ids) for i in range(len(TEXTS))]


def theirs(checkpoint: Path, **params: Any) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    network: Any = BartForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    inputs = tokenizer([f"<headline>{text}" for text in TEXTS], return_tensors="pt", padding=True)
    sequences = network.generate(**inputs, **params)
    return [generated(sequence, [EOS]) for sequence in sequences]


@torch.no_grad()
def test_our_loader_computes_the_same_logits(trained: Seq2SeqTransformer, checkpoint: Path) -> None:
    loaded = load_model(checkpoint, dtype="float32", device="cpu").network
    expected = trained(SOURCE, TARGET, encoder_mask=MASK)
    torch.testing.assert_close(loaded(SOURCE, TARGET, encoder_mask=MASK), expected)


@torch.no_grad()
def test_transformers_computes_the_same_logits(
    trained: Seq2SeqTransformer, checkpoint: Path
) -> None:
    network: Any = BartForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    logits = network.eval()(input_ids=SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).logits
    expected = trained(SOURCE, TARGET, encoder_mask=MASK)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_defaults_are_the_recipes_decoding(checkpoint: Path) -> None:
    loaded = load_model(checkpoint, dtype="float32", device="cpu")
    assert GenerationParams(**loaded.generation) == TINY_RECIPE.decoding


def test_transformers_writes_the_same_tokens_by_the_defaults(checkpoint: Path) -> None:
    tokens = ours(checkpoint)
    assert tokens == theirs(checkpoint)
    assert len({tuple(row) for row in tokens}) > len(TEXTS) // 2  # worth comparing
    assert max(map(len, tokens)) < TINY_RECIPE.decoding.max_new_tokens - 1  # they end


def test_transformers_writes_the_same_tokens_greedily(checkpoint: Path) -> None:
    plain = {"num_beams": 1, "no_repeat_ngram_size": 0}
    assert ours(checkpoint, **plain) == theirs(checkpoint, **plain)


def test_ctranslate2_converts_it_and_writes_the_same_tokens_greedily(
    checkpoint: Path, tmp_path: Path
) -> None:
    converted = str(tmp_path / "converted")
    ctranslate2.converters.TransformersConverter(str(checkpoint)).convert(converted)
    translator = ctranslate2.Translator(converted, device="cpu", inter_threads=1, intra_threads=1)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    sources = [tokenizer.tokenize(f"<s><headline>{text}</s>") for text in TEXTS]
    results = translator.translate_batch(
        sources, target_prefix=[["<s>"]] * len(TEXTS), beam_size=1, max_decoding_length=32
    )
    tokens = [tokenizer.convert_tokens_to_ids(result.hypotheses[0]) for result in results]
    assert tokens == ours(checkpoint, num_beams=1, no_repeat_ngram_size=0)


@pytest.mark.parametrize("num_beams", [1, 4])
def test_no_mark_of_training_is_ever_written(
    trained: Seq2SeqTransformer, tmp_path: Path, num_beams: int
) -> None:
    """Gaps, masks, tags, padding and unknown words are suppressed at any logits."""
    vocabulary = make_vocabulary()
    unwritten = [vocabulary.pad_id, *vocabulary.unwritten_ids]
    eager = copy.deepcopy(trained)
    with torch.no_grad():
        for parameter in (p for name, p in eager.named_parameters() if name == "output_bias"):
            parameter[unwritten] += 20.0
    tokens = ours(export(eager, tmp_path), num_beams=num_beams)
    assert not {i for row in tokens for i in row} & set(unwritten)
    assert tokens == theirs(tmp_path, num_beams=num_beams)


def test_the_prompt_asks_for_the_style_by_its_tag(checkpoint: Path) -> None:
    prompt = load_model(checkpoint, device="cpu").prompt("We count birds.", Summarization("tldr"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    assert list(prompt.encoder_ids) == tokenizer("<tldr>We count birds.")["input_ids"]
    assert prompt.encoder_ids[:2] == (0, make_vocabulary().tag_id("tldr"))
    assert prompt.decoder_prefix_ids == (EOS,)


def test_the_weights_on_disk_are_bfloat16_unless_told_otherwise(
    trained: Seq2SeqTransformer, tmp_path: Path
) -> None:
    export_bart(trained, make_vocabulary(), tmp_path, decoding=TINY_RECIPE.decoding)
    reread = load_model(tmp_path, dtype="float32", device="cpu").network
    expected = trained.embedding.weight.to(torch.bfloat16).float()
    torch.testing.assert_close(reread.embedding.weight.data, expected, rtol=0, atol=0)
    assert (tmp_path / "model.safetensors").stat().st_size < 2.2 * trained.num_parameters + 20_000
    assert json.loads((tmp_path / "config.json").read_text("utf-8"))["dtype"] == "bfloat16"
