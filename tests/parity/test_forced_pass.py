"""Given outputs are read as `transformers` reads them: log-probabilities and attention weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import FinishReason, GenerationParams
from model.engine.search.make_search import forced_first_id
from model.families import registry
from model.kernels.library import library
from model.kernels.packing import KernelPacking
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading, WantedWeights
from model.tokenizer.prompt import Prompt
from model.transformer.packing import pack
from tests.parity.families import FAMILIES
from tests.parity.references import Changes, Ours, ReferenceFamily, load, save
from tests.support.engine.factories import drain

SHAPES = [
    pytest.param(family, changes, id=f"{family.name}, {name}")
    for family in FAMILIES
    for name, changes in family.shapes.items()
]
SIZES = ((13, 9), (1, 4), (6, 1), (12, 7))  # tokens of each source and output


def test_every_family_is_compared_here() -> None:
    compared = {family.make().config.model_type for family in FAMILIES}
    assert compared == {name for family in registry.FAMILIES for name in family.model_types}


def make_batch(ours: Ours) -> list[Given]:
    """Return random sources and outputs, with all weights wanted."""
    config, seeded = ours.network.config, torch.Generator().manual_seed(0)
    special = {ours.hf_config["pad_token_id"], ours.hf_config["decoder_start_token_id"]}

    def ids(count: int, vocab_size: int) -> tuple[int, ...]:
        known = [id_ for id_ in range(vocab_size) if id_ not in special]
        return tuple(known[i] for i in torch.randint(len(known), (count,), generator=seeded))

    layers = {
        "cross": range(config.decoder.num_layers),
        "encoder": range(config.encoder.num_layers),
        "decoder": range(config.decoder.num_layers),
    }
    start = (ours.hf_config["decoder_start_token_id"],)
    return [
        Given(
            prompt=Prompt(ids(num_source, config.vocab_size), start),
            output_ids=ids(num_target, config.target_vocab_size),
            wanted=WantedWeights(**{name: tuple(of) for name, of in layers.items()}),
        )
        for num_source, num_target in SIZES
    ]


@pytest.mark.parametrize(("family", "changes"), SHAPES)
def test_readings_are_those_of_transformers(
    tmp_path: Path, family: ReferenceFamily, changes: Changes
) -> None:
    theirs: Any = family.make(**changes)
    ours = load(save(theirs, tmp_path))
    theirs.set_attn_implementation("eager")  # the others compute no weights
    limits = EngineConfig(max_source_tokens=64, max_target_tokens=64)
    batch = make_batch(ours)
    found = ForcedPass(ours.network, ours.rules, limits).read(batch)
    for given, reading in zip(batch, found, strict=True):
        assert isinstance(reading, Reading)
        source, tokens = given.prompt.encoder_ids, list(reading.token_ids)
        target = (*reading.prefix_ids, *tokens[:-1])
        with torch.inference_mode():
            expected = theirs(
                input_ids=torch.tensor([source]),
                attention_mask=torch.ones(1, len(source), dtype=torch.int64),
                decoder_input_ids=torch.tensor([target]),
                output_attentions=True,
            )
        for weights, of_layers in (
            (reading.cross, expected.cross_attentions),
            (reading.encoder, expected.encoder_attentions),
            (reading.decoder, expected.decoder_attentions),
        ):
            assert weights is not None
            torch.testing.assert_close(weights, torch.cat(of_layers), atol=5e-5, rtol=0)
        log_probs = expected.logits[0].log_softmax(dim=-1)[range(len(tokens)), tokens]
        log_probs[: len(tokens) - len(given.output_ids) - 1] = 0.0  # the forced first token
        torch.testing.assert_close(torch.tensor(reading.log_probs), log_probs, atol=2e-4, rtol=0)


MODELS = {
    f"{family.name}, {name}": (family, generating)
    for family in FAMILIES
    for name, generating in family.generating.items()
}


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("kernels", ["own", "pytorch"])
@pytest.mark.parametrize("name", MODELS)
def test_an_output_has_the_score_that_the_engine_gave_it(
    tmp_path: Path, name: str, kernels: str, num_beams: int
) -> None:
    family, generating = MODELS[name]
    theirs = family.make(seed=generating.seed, eos_bias=generating.eos_bias, **generating.changes)
    ours = load(save(theirs, tmp_path, generation=generating.generation))
    if kernels == "own":
        if library() is None:
            pytest.skip("no kernels of our own here")
        pack(ours.network, KernelPacking(torch.float32))
    limits = EngineConfig(max_source_tokens=32, max_target_tokens=32, max_rows=24)
    engine = Engine(ours.network, ours.rules, limits)
    forced = ForcedPass(ours.network, ours.rules, limits)
    prompts = [given.prompt for given in make_batch(ours)]
    if generating.forced_ids:
        prompts = [replace(p, forced_bos_id=id_) for p in prompts for id_ in generating.forced_ids]
    params = GenerationParams(max_new_tokens=24, return_scores=True, num_beams=num_beams)
    for index, prompt in enumerate(prompts):
        engine.add_request(str(index), prompt, params)
    outputs = drain(engine)
    for index, prompt in enumerate(prompts):
        best = outputs[str(index)][-1].hypotheses[0]
        first = forced_first_id(prompt, ours.rules)
        given = Given(prompt=prompt, output_ids=best.token_ids[0 if first is None else 1 :])
        (reading,) = forced.read([given])
        assert isinstance(reading, Reading)
        log_probs = reading.log_probs
        if best.finish_reason is FinishReason.LENGTH:  # it ends in no end, or in a forced one
            log_probs = log_probs[:-1]
        assert sum(log_probs) == pytest.approx(best.log_prob, abs=2e-3)
