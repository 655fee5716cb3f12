"""Greedy decoding, beam search and sampling as by `generate`, through the batching engine.

Ours run all prompts of a test in one engine, short and long together; theirs run one after another.
So every comparison also tests that an output does not depend on the other requests of its batch.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel
from transformers.generation.logits_process import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model.engine.choosing.sampler import candidates
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.search.search import Hypothesis
from model.tokenizer.prompt import Prompt
from tests.parity.families import FAMILIES
from tests.parity.references import Generating, Ours, ReferenceFamily, generated, load, save
from tests.support.engine.factories import drain

NUM_PROMPTS = 14
IMPOSSIBLE = -1e6  # a score that no possible output has

Setting = dict[str, Any]  # `GenerationParams`, by field


@dataclass(frozen=True)
class Job:
    prompt: Prompt
    max_new_tokens: int


@dataclass(frozen=True)
class Pair:
    """One checkpoint, read by both, and the jobs to compare."""

    theirs: PreTrainedModel
    ours: Ours
    jobs: Sequence[Job]

    @property
    def eos_ids(self) -> list[int]:
        return sorted(self.ours.rules.eos_ids)


def make_jobs(ours: Ours, forced_ids: Sequence[int]) -> list[Job]:
    """Return jobs with sources of 1 to 20 tokens and outputs of 1 to 20."""
    rng = random.Random(0)
    words = range(3, ours.network.config.vocab_size - 1)
    start, eos = (ours.hf_config[f"{key}_token_id"] for key in ("decoder_start", "eos"))
    lengths = [1, 2, *(rng.randint(2, 20) for _ in range(NUM_PROMPTS - 2))]
    sources = [rng.choices(words, k=rng.randint(0, 19)) for _ in lengths]
    forced = cycle(forced_ids or [None])
    return [
        Job(Prompt((*source, eos), (start,), forced_bos_id), max_new_tokens)
        for source, max_new_tokens, forced_bos_id in zip(sources, lengths, forced, strict=False)
    ]


MODELS: dict[str, tuple[ReferenceFamily, Generating]] = {
    f"{family.name}, {name}": (family, generating)
    for family in FAMILIES
    for name, generating in family.generating.items()
}


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    family, generating = MODELS[request.param]
    theirs = family.make(seed=generating.seed, eos_bias=generating.eos_bias, **generating.changes)
    folder = save(theirs, tmp_path_factory.mktemp("model"), generation=generating.generation)
    ours = load(folder)
    return Pair(theirs, ours, make_jobs(ours, generating.forced_ids))


every_model = pytest.mark.parametrize("pair", MODELS, indirect=True)


def ours(pair: Pair, jobs: Sequence[Job], **params: Any) -> list[tuple[Hypothesis, ...]]:
    """Run all prompts in one engine, in batches as large as the cache allows."""
    limits = EngineConfig(max_source_tokens=32, max_target_tokens=32, max_rows=24)
    engine = Engine(pair.ours.network, pair.ours.rules, limits)
    for index, job in enumerate(jobs):
        settings = GenerationParams(max_new_tokens=job.max_new_tokens, return_scores=True, **params)
        engine.add_request(str(index), job.prompt, settings)
    outputs = drain(engine)
    return [outputs[str(index)][-1].hypotheses for index in range(len(jobs))]


def theirs(pair: Pair, jobs: Sequence[Job], **params: Any) -> Iterator[Any]:
    """Run one prompt after another: padding could change results."""
    settings = {"num_return_sequences": params.pop("num_return", 1), **params}
    model: Any = pair.theirs
    for job in jobs:
        ids = torch.tensor([job.prompt.encoder_ids])
        forced = job.prompt.forced_bos_id
        yield model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=job.max_new_tokens,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            output_logits=True,
            **({} if forced is None else {"forced_bos_token_id": forced}),
            **settings,
        )


def log_prob(output: Any, job: Job, pair: Pair) -> float:
    """Return the sum of log probabilities of a greedy output; a forced token adds 0."""
    rules, total = pair.ours.rules, 0.0
    forces_start = rules.forced_bos_id is not None or job.prompt.forced_bos_id is not None
    for step, (token, logits) in enumerate(
        zip(output.sequences[0, 1:].tolist(), output.logits, strict=True)
    ):
        starts = forces_start and step == 0
        ends = rules.forced_eos_id is not None and step == job.max_new_tokens - 1
        if not (starts or ends):
            total += logits[0].log_softmax(dim=-1)[token].item()
    return total


GREEDY: dict[str, Setting] = {
    "plain": {},
    "repetition penalised": {"repetition_penalty": 1.3},
    "no pair of tokens twice": {"no_repeat_ngram_size": 2},
    "no token twice": {"no_repeat_ngram_size": 1},
    "both": {"repetition_penalty": 1.7, "no_repeat_ngram_size": 3},
}
BEAMS: dict[str, Setting] = {
    "4 beams": {"num_beams": 4},
    "4 beams, all returned": {"num_beams": 4, "num_return": 4},
    "2 beams": {"num_beams": 2, "num_return": 2},
    "long preferred": {"num_beams": 4, "num_return": 3, "length_penalty": 2.0},
    "short preferred": {"num_beams": 4, "num_return": 3, "length_penalty": 0.6},
    "length of no matter": {"num_beams": 3, "num_return": 2, "length_penalty": 0.0},
    "length rewarded below zero": {"num_beams": 3, "num_return": 3, "length_penalty": -1.0},
    "stopped early": {"num_beams": 4, "num_return": 4, "early_stopping": True},
    "never stopped early": {"num_beams": 4, "num_return": 4, "early_stopping": "never"},
    "never stopped early, short preferred": {
        "num_beams": 4,
        "early_stopping": "never",
        "length_penalty": -1.0,
    },
    "stopped early, long preferred": {
        "num_beams": 3,
        "num_return": 2,
        "early_stopping": True,
        "length_penalty": 1.6,
    },
    "no pair of tokens twice": {"num_beams": 4, "num_return": 2, "no_repeat_ngram_size": 2},
    "repetition penalised": {"num_beams": 4, "num_return": 4, "repetition_penalty": 1.3},
    "all at once": {
        "num_beams": 4,
        "num_return": 4,
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 3,
        "length_penalty": 1.4,
        "early_stopping": True,
    },
}


FEW_GREEDY = ("plain", "both")
FEW_BEAMS = ("4 beams, all returned", "short preferred", "no pair of tokens twice", "all at once")


def cases(settings: Mapping[str, Setting], few: Sequence[str]) -> list[Any]:
    """Return every setting for the exemplary models, and a few for the others."""
    return [
        pytest.param(model, setting, id=f"{model}, {name}")
        for model, (_, generating) in MODELS.items()
        for name, setting in settings.items()
        if generating.is_exemplary or name in few
    ]


@every_model
@pytest.mark.parametrize("num_beams", [1, 4])
def test_no_output_ends_before_its_least_length_as_in_generate(pair: Pair, num_beams: int) -> None:
    params = {"num_beams": num_beams, "min_new_tokens": 6}
    jobs = [job for job in pair.jobs if job.max_new_tokens > 6]
    answers = ours(pair, jobs, **params)
    for (answer,), expected in zip(answers, theirs(pair, jobs, **params), strict=True):
        assert list(answer.token_ids) == generated(expected.sequences[0], pair.eos_ids)
        assert answer.num_generated > 6


@pytest.mark.parametrize(("pair", "params"), cases(GREEDY, FEW_GREEDY), indirect=["pair"])
def test_greedy_tokens_and_scores_are_those_of_generate(pair: Pair, params: Setting) -> None:
    answers = ours(pair, pair.jobs, **params)
    expectations = theirs(pair, pair.jobs, **params)
    for job, (answer,), expected in zip(pair.jobs, answers, expectations, strict=True):
        assert list(answer.token_ids) == generated(expected.sequences[0], pair.eos_ids)
        assert answer.log_prob == pytest.approx(log_prob(expected, job, pair), abs=1e-4)
        assert answer.num_generated == len(expected.logits)


@pytest.mark.parametrize(("pair", "params"), cases(BEAMS, FEW_BEAMS), indirect=["pair"])
def test_beams_and_their_scores_are_those_of_generate(pair: Pair, params: Setting) -> None:
    answers = ours(pair, pair.jobs, **params)
    for answer, expected in zip(answers, theirs(pair, pair.jobs, **params), strict=True):
        scores = expected.sequences_scores.tolist()
        # Where fewer outputs are possible than asked for, theirs are filled with impossible ones.
        tokens = [
            generated(sequence, pair.eos_ids)
            for sequence, score in zip(expected.sequences, scores, strict=True)
            if score > IMPOSSIBLE
        ]
        assert [list(hypothesis.token_ids) for hypothesis in answer] == tokens
        ranks = [hypothesis.rank for hypothesis in answer]
        assert ranks == pytest.approx(scores[: len(ranks)], abs=1e-4, rel=2e-6)


@every_model
def test_the_outputs_compared_are_worth_comparing(pair: Pair) -> None:
    """They differ from each other, do not repeat one token, and some end before the limit."""
    answers = [answer[0].token_ids for answer in ours(pair, pair.jobs, num_beams=4)]
    assert len(set(answers)) > NUM_PROMPTS // 2
    assert sum(len(set(tokens)) > 2 for tokens in answers) >= 3
    limits = [job.max_new_tokens - 1 for job in pair.jobs]
    assert sum(len(tokens) < limit for tokens, limit in zip(answers, limits, strict=True)) >= 2


@pytest.mark.parametrize("temperature", [None, 0.3, 1.0, 2.5], ids=str)
@pytest.mark.parametrize("top_k", [None, 1, 7, 1_000], ids=str)
@pytest.mark.parametrize("top_p", [None, 0.05, 0.5, 0.95, 1.0], ids=str)
def test_tokens_are_drawn_from_the_distribution_of_generate(
    temperature: float | None, top_k: int | None, top_p: float | None
) -> None:
    warpers = LogitsProcessorList()
    if temperature is not None:
        warpers.append(TemperatureLogitsWarper(temperature))
    if top_k is not None:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p is not None:
        warpers.append(TopPLogitsWarper(top_p))
    params = GenerationParams(temperature=temperature, top_k=top_k, top_p=top_p)
    no_tokens_yet: Any = torch.zeros(1, 0, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    for logits in 3 * torch.randn(5, 100, generator=generator):
        warped = warpers(no_tokens_yet, logits[None].clone())
        (probabilities,), (token_ids,) = candidates(logits[None], [params])
        ours = torch.zeros(100).index_put_((token_ids,), probabilities / probabilities.sum())
        torch.testing.assert_close(ours, warped[0].softmax(dim=-1), atol=1e-6, rtol=1e-5)
