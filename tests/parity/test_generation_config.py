"""Each key of generation_config.json has its effect in `generate`, without other settings."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import MBartForConditionalGeneration

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.tokenizer.prompt import Prompt
from tests.parity.references import Changes, generated, load, save
from tests.parity.references_bart import MBART
from tests.support.engine.factories import drain

EOS = 2
BASE: Changes = {
    "decoder_start_token_id": 45,
    "eos_token_id": EOS,
    "pad_token_id": 1,
    "max_length": 15,  # else theirs have 20 tokens, and ours as many as the service allows
}
SOURCES = (
    (17, 20, 9, 31, EOS),
    (40, 5, EOS),
    (EOS,),
    (11, 12, 13, 14, 15, 16, 17, 18, 19, EOS),
    (6, 6, 30, EOS),
    (25, 26, 33, 41, 3, 8, EOS),
)


@dataclass(frozen=True)
class Key:
    """A value for one key, and the other settings that it needs to have an effect."""

    value: Any
    given: Changes


KEYS: dict[str, Key] = {
    "forced_bos_token_id": Key(44, {}),
    "forced_eos_token_id": Key(EOS, {"max_length": 6}),
    "decoder_start_token_id": Key(33, {}),
    "eos_token_id": Key([EOS, 39], {}),
    "num_beams": Key(4, {}),
    "length_penalty": Key(4.0, {"num_beams": 4}),
    "early_stopping": Key(True, {"num_beams": 3}),  # noqa: FBT003
    "no_repeat_ngram_size": Key(1, {}),
    "repetition_penalty": Key(1.8, {}),
    "max_length": Key(5, {}),
    "max_new_tokens": Key(3, {}),  # `max_length` is there, too
    "min_length": Key(12, {}),
    "min_new_tokens": Key(9, {}),
    "suppress_tokens": Key([10, 24], {}),
    "bad_words_ids": Key([[24], [10]], {}),
    "renormalize_logits": Key(
        True,  # noqa: FBT003
        {"num_beams": 4, "suppress_tokens": [*range(5, 25)], "repetition_penalty": 1.8},
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = MBART.make(seed=4, eos_bias=2.0, scale_embedding=True)
    return save(model, tmp_path_factory.mktemp("model"))


def ours(folder: Path) -> list[list[int]]:
    model = load(folder)
    limits = EngineConfig(max_source_tokens=32, max_target_tokens=32, max_rows=24)
    engine = Engine(model.network, model.rules, limits)
    start = model.hf_config["decoder_start_token_id"]
    for index, source in enumerate(SOURCES):
        params = GenerationParams(**model.generation)
        engine.add_request(str(index), Prompt(source, (start,)), params)
    outputs = drain(engine)
    best = [outputs[str(index)][-1].hypotheses[0] for index in range(len(SOURCES))]
    return [list(hypothesis.token_ids) for hypothesis in best]


def write(folder: Path, generation: Changes) -> None:
    text = json.dumps(dict(generation))
    (folder / "generation_config.json").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", KEYS)
def test_a_key_does_what_it_does_in_generate(folder: Path, name: str) -> None:
    key = KEYS[name]
    without = {**BASE, **key.given}
    write(folder, without)
    before = ours(folder)
    write(folder, {**without, name: key.value})
    model: Any = MBartForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    eos_ids = key.value if name == "eos_token_id" else [EOS]
    expected = [generated(model.generate(torch.tensor([source]))[0], eos_ids) for source in SOURCES]
    assert ours(folder) == expected
    assert ours(folder) != before
