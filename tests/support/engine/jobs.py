"""Requests of every kind, coming and going at any step: what the engine's properties range over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st

from model.config import Norm, RelativeBias, Rotary, Sinusoidal, Stack
from model.engine.config import TokenRules
from model.engine.engine import Engine
from model.engine.params import GenerationParams, Priority
from model.engine.request import RequestOutput
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import (
    EOS,
    START,
    answer,
    make_config,
    make_engine,
    make_network,
    make_prompt,
    make_rules,
)

# Each kind of positions, one with biases per layer, and one with all features of T5Gemma.
CONFIGS = (
    make_config(),
    make_config(
        norm=Norm(placement="post"), final_norm=False, positions=Sinusoidal(), tied_output=True
    ),
    make_config(positions=RelativeBias(num_buckets=8, max_distance=12)),
    make_config(positions=RelativeBias(num_buckets=6, max_distance=9, per_layer=True)),
    make_config(
        norm=Norm(placement="around", kind="rms"),
        positions=Rotary(),
        decoder=Stack(num_layers=2, num_heads=4, num_kv_heads=2, d_ff=12, reaches=(2, None)),
        attention_softcap=5.0,
        output_softcap=9.0,
    ),
)
RULES = (
    make_rules(),
    make_rules(forced_bos_id=5, forced_eos_id=EOS),
    make_rules(eos_ids=frozenset([EOS, 3]), suppressed_ids=()),
    make_rules(renormalizes=True),
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request, the step before which it arrives, and the one before which it is aborted."""

    prompt: Prompt
    params: GenerationParams
    arrives_at: int = 0
    aborted_at: int | None = None
    priority: Priority = Priority.INTERACTIVE
    deadline_s: float | None = None


@cache
def network_of(number: int) -> Seq2SeqTransformer:
    """Return a network in float64, so that no batch shape changes a token by rounding."""
    return make_network(config=CONFIGS[number], seed=number, dtype=torch.float64)


# An example that runs several engines takes up to a second, and shrinking tries hundreds: such a
# test reports the example as it was found, or its failure would end as a time-out.
unshrunk = settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))

networks = st.integers(0, len(CONFIGS) - 1).map(network_of)
rules = st.sampled_from(RULES)
tokens = st.integers(1, START - 1)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """Draw a source of up to 12 tokens; the decoder prefix may have a language token."""
    prefix = draw(st.sampled_from([(START,), (START, 7)]))
    return make_prompt(
        length=draw(st.integers(1, 12)), seed=draw(st.integers(0, 99)), prefix=prefix
    )


@st.composite
def parameters(draw: st.DrawFn) -> GenerationParams:
    """Draw greedy decoding, sampling with a seed, or beams, with or without token rules."""
    common = GenerationParams(
        max_new_tokens=draw(st.integers(1, 9)),
        repetition_penalty=draw(st.sampled_from([1.0, 1.0, 1.4])),
        no_repeat_ngram_size=draw(st.sampled_from([0, 0, 2])),
        max_repeats=draw(st.sampled_from([0, 1, 2])),
        target_prefix_ids=draw(st.sampled_from([(), (), (4, 8), (6, 6, 6)])),
        return_scores=draw(st.booleans()),
    )
    kind = draw(st.sampled_from(["greedy", "sampling", "beams"]))
    if kind == "sampling":
        return replace(
            common,
            seed=draw(st.integers(-5, 99)),
            temperature=draw(st.sampled_from([None, 0.5, 3.0])),
            top_k=draw(st.sampled_from([None, 1, 5])),
            top_p=draw(st.sampled_from([None, 0.3, 0.95])),
            num_return=draw(st.integers(1, 3)),
        )
    if kind == "beams":
        num_beams = draw(st.integers(2, 4))
        return replace(
            common,
            num_beams=num_beams,
            num_return=draw(st.integers(1, num_beams)),
            length_penalty=draw(st.sampled_from([1.0, 0.0, 2.0, -1.0])),
            early_stopping=draw(st.sampled_from([False, True, "never"])),
        )
    return common


def jobs(*, abortable: bool = False) -> st.SearchStrategy[list[Job]]:
    """Return lists of up to eight requests; some have a forced first token."""
    forced = st.sampled_from([None, None, 9])
    return st.lists(
        st.builds(
            Job,
            prompt=st.builds(replace, prompts(), forced_bos_id=forced),
            params=parameters(),
            arrives_at=st.integers(0, 8),
            aborted_at=st.none() | st.integers(0, 15) if abortable else st.none(),
            priority=st.sampled_from(Priority),
        ),
        min_size=1,
        max_size=8,
    )


def run_together(engine: Engine, todo: Sequence[Job]) -> dict[int, list[RequestOutput]]:
    """Return all outputs of each job, by its number; check invariants after every step."""
    outputs: dict[int, list[RequestOutput]] = {number: [] for number in range(len(todo))}
    last_event = max(max(job.arrives_at, job.aborted_at or 0) for job in todo)
    step = 0
    while engine.has_work or step <= last_event:
        for number, job in enumerate(todo):
            if job.aborted_at == step:
                engine.abort(str(number))
                engine.check_invariants()
            if job.arrives_at == step:
                engine.add_request(
                    str(number),
                    job.prompt,
                    job.params,
                    priority=job.priority,
                    deadline_s=job.deadline_s,
                )
        for output in engine.step():
            outputs[int(output.request_id)].append(output)
        engine.check_invariants()
        step += 1
        assert step < 1_000, "the engine makes no progress"
    return outputs


def alone(network: Seq2SeqTransformer, token_rules: TokenRules, job: Job) -> RequestOutput:
    """Return the last output of a job that has an engine to itself."""
    return answer(make_engine(network=network, rules=token_rules), job.prompt, job.params)
