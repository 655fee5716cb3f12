"""Checkpoints with published files have the prompts and outputs of `transformers`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from model.engine.params import GenerationParams
from model.families.registry import family_of
from model.generation_config import task_params
from model.load import LoadedModel, load_model
from tests.parity import references_bart, references_t5, references_t5gemma
from tests.parity.published import (
    FROM_FAIRSEQ,
    PUBLISHED,
    T5GEMMA,
    Published,
)
from tests.parity.published_files import published_json
from tests.parity.references import generated
from tests.support.checkpoints.factories import write_json
from tests.support.engine.factories import answer, make_engine

TEXTS = ("the lazy dog jumps over my window", "1999 - ok?")
LENGTH = 12  # of outputs, in tokens, where a checkpoint sets no limit
# Trained without the scale that `transformers` 5 gives its logits; see test_t5.py.
UNSCALED = "google/umt5-small"
# What else was saved, and other names of tied tables than `transformers` would choose today.
SURPLUS = {f"model.{side}.version": torch.tensor([3.0]) for side in ("encoder", "decoder")}
TIED = {
    "model.shared.weight": "model.encoder.embed_tokens.weight",
    "shared.weight": "decoder.embed_tokens.weight",
}


@dataclass(frozen=True)
class Both:
    name: str
    theirs: Any
    ours: LoadedModel

    @property
    def published(self) -> Published:
        return PUBLISHED[self.name]


@pytest.fixture(scope="module", params=PUBLISHED)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("checkpoint")
    write_files(folder, request.param)
    write_weights(folder, request.param)
    theirs: Any = AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    return Both(request.param, theirs, load_model(folder, dtype="float32", device="cpu"))


def write_files(folder: Path, name: str) -> None:
    """Write all files but the weights."""
    published = PUBLISHED[name]
    published.tokenizer(folder)
    config = published_json(name, "config.json") or {}
    write_json(folder / "config.json", config)  # some tokenizers look for their class here
    tokenizer = family_of(config).load_tokenizer(folder)
    ids = {id_: tokenizer.token_to_id(token) for id_, token in published.ids.items()}
    size = tokenizer.vocab_size + published.unused_rows
    write_json(folder / "config.json", with_sizes(renumbered(config, ids), size))
    generation = published_json(name, "generation_config.json")
    if generation is not None:
        write_json(folder / "generation_config.json", renumbered(generation, ids))


def renumbered(value: Any, ids: Mapping[int, int | None]) -> Any:
    """Return the same JSON with other ids, at any depth."""
    if isinstance(value, dict):
        return {key: renumbered(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [renumbered(item, ids) for item in value]
    return ids.get(value, value) if type(value) is int else value


def with_sizes(config: dict[str, Any], vocab_size: int) -> dict[str, Any]:
    """Return the same JSON for tables of so many rows."""
    rows = dict.fromkeys(("vocab_size", "decoder_vocab_size"), vocab_size)
    halves: dict[str, Any] = {
        side: {**config[side], "vocab_size": vocab_size}
        for side in ("encoder", "decoder")
        if side in config
    }
    return {**config, **halves, **{key: rows[key] for key in rows if key in config}}


def write_weights(folder: Path, name: str) -> None:
    """Write a model.safetensors of random numbers, as the hub's bot converts pickles."""
    published = PUBLISHED[name]
    torch.manual_seed(published.seed)
    model: Any = AutoModelForSeq2SeqLM.from_config(
        AutoConfig.from_pretrained(folder), attn_implementation="eager"
    )
    if published.has_own_output:
        model.lm_head.weight = nn.Parameter(torch.empty_like(model.shared.weight))
    if name in T5GEMMA:
        model.config.decoder.eos_token_id = 1
        references_t5gemma.randomize(model, eos_bias=1.0)
    elif name in FROM_FAIRSEQ:
        references_bart.randomize(model, eos_bias=2.0)
    else:
        references_t5.randomize(model, eos_bias=1.0)
    if published.is_bare:
        model.final_logits_bias.zero_()
    tensors = saved_tensors(model, published)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def saved_tensors(model: Any, published: Published) -> dict[str, Tensor]:
    """Return each table once; sinusoids too if the type holds them exactly."""
    dtype = torch.float16 if published.is_narrow else torch.float32
    learned = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        is_sinusoid = "embed_positions" in name and name not in learned
        if tensor.data_ptr() in seen or (is_sinusoid and published.is_narrow):
            continue
        seen.add(tensor.data_ptr())
        tensors[TIED.get(name, name)] = tensor.to(dtype).clone()
    if any(name.startswith("model.encoder.layers.0.fc1") for name in tensors):
        tensors |= SURPLUS
    if published.is_bare:
        del tensors["final_logits_bias"]
        tensors = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    return tensors


def test_every_checkpoint_has_its_files_here() -> None:
    assert all(published_json(name, "config.json") for name in PUBLISHED)


def test_logits_are_those_of_transformers(both: Both) -> None:
    size = both.ours.config.vocab_size
    generator = torch.Generator().manual_seed(0)
    source, target = torch.randint(3, size, (2, 3, 9), generator=generator)
    with torch.inference_mode():
        expected = both.theirs(input_ids=source, decoder_input_ids=target).logits
        logits = both.ours.network(source, target)
    if both.name == UNSCALED:
        expected = expected * both.ours.config.d_model**0.5
    deviation = float(expected.std())
    assert deviation > 0.3
    torch.testing.assert_close(logits, expected, atol=1e-4 * max(1.0, deviation), rtol=0)


def test_a_source_is_read_as_the_checkpoint_was_trained(both: Both) -> None:
    published, token_to_id = both.published, both.ours.tokenizer.token_to_id
    before, after = ([*map(token_to_id, part.split())] for part in published.reads.split("{}"))
    forced = None if published.forced is None else token_to_id(published.forced)
    config = both.ours.hf_config
    prefix = task_params(config, published.task).get("prefix", config.get("prefix") or "")
    for text in TEXTS:
        prompt = both.ours.prompt(text, published.task)
        said = both.ours.tokenizer.encode(prefix + text)
        assert list(prompt.encoder_ids) == [*before, *said, *after]
        assert prompt.decoder_prefix_ids == (token_to_id(published.begins),)
        assert prompt.forced_bos_id == forced


def test_the_languages_are_those_of_the_vocabulary(both: Both) -> None:
    expected = tuple(both.published.languages)
    assert both.ours.languages[: len(expected)] == expected
    assert bool(both.ours.languages) is bool(expected)


def test_generation_is_as_the_checkpoint_says(both: Both) -> None:
    assert both.ours.generation_for(both.published.task) == both.published.says


def test_answers_are_those_of_transformers(both: Both) -> None:
    """Theirs gets the settings of version 4's pipelines: the task, and its own parameters."""
    answers = [(answered(both, text), answered_by_theirs(both, text)) for text in TEXTS]
    assert all(found == expected for found, expected in answers)
    assert answers[0] != answers[1]
    assert len(answers[0][0]) > 1


def answered(both: Both, text: str) -> list[int]:
    ours, task = both.ours, both.published.task
    params = {"max_new_tokens": LENGTH, **ours.generation_for(task)}
    engine = make_engine(
        network=ours.network, rules=ours.rules, max_source_tokens=64, max_target_tokens=64
    )
    output = answer(engine, ours.prompt(text, task), GenerationParams(**params))
    return list(output.hypotheses[0].token_ids)


def answered_by_theirs(both: Both, text: str) -> list[int]:
    prompt = both.ours.prompt(text, both.published.task)
    settings = dict(task_params(both.ours.hf_config, both.published.task))
    settings.pop("prefix", None)
    settings["decoder_start_token_id"] = prompt.decoder_prefix_ids[0]
    if prompt.forced_bos_id is not None:
        settings["forced_bos_token_id"] = prompt.forced_bos_id
    if "max_new_tokens" not in both.published.says:
        settings["max_new_tokens"] = LENGTH
    source = torch.tensor([prompt.encoder_ids])
    (sequence,) = both.theirs.generate(source, attention_mask=torch.ones_like(source), **settings)
    return generated(sequence, sorted(both.ours.rules.eos_ids))
