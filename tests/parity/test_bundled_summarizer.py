"""The bundled summarizer is a standard checkpoint: other libraries decode it to the same tokens."""

from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
from transformers import AutoTokenizer, BartForConditionalGeneration

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import BUNDLED, LoadedModel, load_model
from model.tokenizer.prompt import Summarization
from tests.parity.references import generated
from tests.support.engine.factories import drain

FOLDER = BUNDLED / "summarize"
ABSTRACTS = Path(__file__).with_name("abstracts.txt")
STYLES = ("headline", "tldr")
MAX_NEW_TOKENS = 48


def read_abstracts() -> list[str]:
    lines = ABSTRACTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(FOLDER, dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def their_tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER)


def ours(model: LoadedModel, style: str, params: GenerationParams) -> list[list[int]]:
    """Return the tokens of the best summary of each abstract, all in one engine."""
    limits = EngineConfig(max_source_tokens=512, max_target_tokens=MAX_NEW_TOKENS + 2, max_rows=64)
    engine = Engine(model.network, model.rules, limits)
    abstracts = read_abstracts()
    for index, text in enumerate(abstracts):
        engine.add_request(str(index), model.prompt(text, Summarization(style)), params)
    outputs = drain(engine)
    return [list(outputs[str(i)][-1].hypotheses[0].token_ids) for i in range(len(abstracts))]


@pytest.mark.parametrize("style", STYLES)
def test_every_abstract_is_read_alike(model: LoadedModel, their_tokenizer: Any, style: str) -> None:
    for text in read_abstracts():
        prompt = model.prompt(text, Summarization(style))
        assert list(prompt.encoder_ids) == their_tokenizer(f"<{style}>{text}").input_ids


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("greedy", [True, False], ids=["greedy", "default"])
def test_every_abstract_is_summarized_alike(
    model: LoadedModel, their_tokenizer: Any, style: str, *, greedy: bool
) -> None:
    plain = {"num_beams": 1, "no_repeat_ngram_size": 0, "min_new_tokens": 0, "length_penalty": 1.0}
    settings = {**model.generation, **(plain if greedy else {}), "max_new_tokens": MAX_NEW_TOKENS}
    network: Any = BartForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
    texts = [f"<{style}>{text}" for text in read_abstracts()]
    inputs = their_tokenizer(texts, return_tensors="pt", padding=True)
    sequences = network.generate(
        input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, **settings
    )
    answers = ours(model, style, GenerationParams(**settings))
    for answer, sequence in zip(answers, sequences, strict=True):
        tokens = generated(sequence, [network.config.eos_token_id])
        assert answer == tokens
        expected = their_tokenizer.decode(tokens, skip_special_tokens=True)
        assert model.tokenizer.decode(answer) == expected


@pytest.mark.parametrize("style", STYLES)
def test_ctranslate2_converts_it_and_summarizes_alike(
    model: LoadedModel, their_tokenizer: Any, style: str, tmp_path: Path
) -> None:
    converter = ctranslate2.converters.TransformersConverter(str(FOLDER))
    converter.convert(str(tmp_path / "converted"))
    translator = ctranslate2.Translator(
        str(tmp_path / "converted"), compute_type="float32", intra_threads=1
    )
    names = their_tokenizer.convert_ids_to_tokens
    prompts = [model.prompt(text, Summarization(style)) for text in read_abstracts()]
    results = translator.translate_batch(
        [names(list(prompt.encoder_ids)) for prompt in prompts],
        beam_size=1,
        max_decoding_length=MAX_NEW_TOKENS,
    )
    answers = ours(model, style, GenerationParams(max_new_tokens=MAX_NEW_TOKENS))
    for answer, result in zip(answers, results, strict=True):
        assert names(answer) == result.hypotheses[0]
