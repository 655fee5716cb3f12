"""The bundled translator is a standard checkpoint: other libraries decode it to the same tokens."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
from transformers import MarianMTModel, MarianTokenizer

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.search.search import Hypothesis
from model.load import BUNDLED, LoadedModel, load_model
from model.tokenizer.prompt import Translation
from tests.parity.references import generated
from tests.support.engine.factories import drain

SENTENCES = Path(__file__).with_name("sentences.txt")
MAX_NEW_TOKENS = 64
BATCH_SIZE = 50

Sentence = tuple[str, str]  # the language to translate into, and the text


def read_sentences() -> list[Sentence]:
    """Return a hundred English sentences into three languages, and as many of each into English.

    Short ones first: those that `transformers` computes together then need little padding.
    """
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    columns = [line.partition("\t") for line in lines if not line.startswith("#")]
    sentences = [(target_lang, text) for target_lang, _, text in columns]
    return sorted(sentences, key=lambda sentence: len(sentence[1]))


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(BUNDLED / "translate", dtype="float32", device="cpu")


@cache
def their_tokenizer() -> Any:
    return MarianTokenizer.from_pretrained(BUNDLED / "translate")


pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


def ours(model: LoadedModel, sentences: Sequence[Sentence], num_beams: int) -> list[Hypothesis]:
    """Return the tokens of the best translation of each, all in one engine."""
    limits = EngineConfig(max_source_tokens=128, max_target_tokens=MAX_NEW_TOKENS + 1, max_rows=64)
    engine = Engine(model.network, model.rules, limits)
    params = GenerationParams(max_new_tokens=MAX_NEW_TOKENS, num_beams=num_beams)
    for index, (target_lang, text) in enumerate(sentences):
        engine.add_request(str(index), model.prompt(text, Translation(target_lang)), params)
    outputs = drain(engine)
    return [outputs[str(index)][-1].hypotheses[0] for index in range(len(sentences))]


def theirs(sentences: Sequence[Sentence], num_beams: int) -> list[list[int]]:
    """Return the tokens of the best translation of each."""
    network: Any = MarianMTModel.from_pretrained(BUNDLED / "translate", dtype=torch.float32)
    tokens: list[list[int]] = []
    for start in range(0, len(sentences), BATCH_SIZE):
        texts = [f">>{lang}<< {text}" for lang, text in sentences[start : start + BATCH_SIZE]]
        inputs = their_tokenizer()(texts, return_tensors="pt", padding=True)
        sequences = network.generate(**inputs, num_beams=num_beams, max_new_tokens=MAX_NEW_TOKENS)
        tokens += [generated(sequence, [network.config.eos_token_id]) for sequence in sequences]
    return tokens


def test_there_are_sentences_of_every_direction() -> None:
    assert len(set(read_sentences())) == 280
    assert {target_lang for target_lang, _ in read_sentences()} == {"de", "en", "es", "fr"}


def test_every_sentence_is_read_alike(model: LoadedModel) -> None:
    for target_lang, text in read_sentences():
        prompt = model.prompt(text, Translation(target_lang))
        expected = their_tokenizer()(f">>{target_lang}<< {text}").input_ids
        assert list(prompt.encoder_ids) == expected


@pytest.mark.parametrize("num_beams", [1, 4])
def test_every_sentence_is_translated_alike(model: LoadedModel, num_beams: int) -> None:
    sentences = read_sentences()
    answers = ours(model, sentences, num_beams)
    for sentence, answer, tokens in zip(
        sentences, answers, theirs(sentences, num_beams), strict=True
    ):
        assert list(answer.token_ids) == tokens, sentence
        expected = their_tokenizer().decode(tokens, skip_special_tokens=True)
        assert model.tokenizer.decode(answer.token_ids) == expected


@pytest.mark.filterwarnings("ignore:You are using a model of type")
def test_ctranslate2_converts_it_and_translates_alike(model: LoadedModel, tmp_path: Path) -> None:
    converter = ctranslate2.converters.TransformersConverter(str(BUNDLED / "translate"))
    converter.convert(str(tmp_path / "converted"))
    translator = ctranslate2.Translator(
        str(tmp_path / "converted"), compute_type="float32", intra_threads=1
    )
    sentences = read_sentences()
    names = their_tokenizer().convert_ids_to_tokens
    prompts = [model.prompt(text, Translation(target_lang)) for target_lang, text in sentences]
    results = translator.translate_batch(
        [names(list(prompt.encoder_ids)) for prompt in prompts],
        beam_size=1,
        max_decoding_length=MAX_NEW_TOKENS,
    )
    answers = ours(model, sentences, num_beams=1)
    for sentence, answer, result in zip(sentences, answers, results, strict=True):
        assert names(list(answer.token_ids)) == result.hypotheses[0], sentence
