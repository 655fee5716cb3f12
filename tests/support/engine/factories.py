"""Tiny models, engines and requests, every part of them with a default."""

import random
import time
from collections.abc import Callable
from typing import Any

import torch

from model.config import Activation, Learned, Norm, Stack, TransformerConfig
from model.engine.config import EngineConfig, MemoryFraction, TokenRules
from model.engine.engine import Engine
from model.engine.params import GenerationParams, Priority
from model.engine.request import Request, RequestOutput
from model.engine.runner import Runner
from model.engine.runners.make_runner import MakeRunner, make_runner
from model.engine.search.search import IndependentSearch, SearchConfig
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer

EOS = 0
VOCAB_SIZE = 24
START = VOCAB_SIZE - 1  # also the padding, which is never generated


def make_config(**changes: Any) -> TransformerConfig:
    """Return a config of two decoder layers, pre-norm and untied.

    With post-norm or a tied output, random networks repeat their last token.
    """
    defaults: dict[str, Any] = {
        "vocab_size": VOCAB_SIZE,
        "d_model": 16,
        "encoder": Stack(num_layers=1, num_heads=4, d_ff=20),
        "decoder": Stack(num_layers=2, num_heads=2, d_ff=12),
        "norm": Norm(placement="pre"),
        "final_norm": True,
        "positions": Learned(offset=2),
        "max_positions": 48,
        "activation": Activation.SILU,
        "tied_output": False,
        "output_bias": True,
    }
    return TransformerConfig(**{**defaults, **changes})


def make_network(
    *, config: TransformerConfig | None = None, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Seq2SeqTransformer:
    """Return a network whose random weights make outputs differ and some of them end."""
    network = Seq2SeqTransformer(config or make_config())
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if "norm" not in name:
            std = 0.3 if "cross_attention.out" in name else 0.1 if name.endswith("bias") else 1.0
            parameter.data.normal_(std=std, generator=generator)
    if network.output_bias is not None:
        network.output_bias.data[EOS] = 2.0
    return network.to(dtype).eval().requires_grad_(requires_grad=False)


def make_rules(**changes: Any) -> TokenRules:
    """Return rules as of a Marian checkpoint: one end of sentence, the start token suppressed."""
    defaults: dict[str, Any] = {"eos_ids": frozenset([EOS]), "suppressed_ids": (START,)}
    return TokenRules(**{**defaults, **changes})


def make_engine_config(**changes: Any) -> EngineConfig:
    """Return limits of eight hypotheses of 48 tokens."""
    defaults: dict[str, Any] = {"max_source_tokens": 48, "max_target_tokens": 48, "max_rows": 8}
    return EngineConfig(**{**defaults, **changes})


class KeepingRunner:
    """A `MakeRunner` whose runner, wrapped if wanted, is open to the test."""

    runner: Any

    def __init__(self, *, wrap: Callable[[Any], Any] = lambda runner: runner) -> None:
        self._wrap = wrap

    def __call__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        cache_dtype: torch.dtype,
    ) -> Runner:
        self.runner = self._wrap(make_runner(network, rules, config, cache_dtype))
        made: Runner = self.runner
        return made


def scarce(num_blocks: int) -> KeepingRunner:
    """Return a `MakeRunner` whose runner says that its cache has so many blocks."""

    def limited(runner: Any) -> Any:
        runner.num_blocks = num_blocks
        return runner

    return KeepingRunner(wrap=limited)


def make_engine(
    *,
    network: Seq2SeqTransformer | None = None,
    rules: TokenRules | None = None,
    clock: Callable[[], float] = time.monotonic,
    make: MakeRunner = make_runner,
    **limits: float | MemoryFraction,
) -> Engine:
    """Return an engine over a tiny network; `limits` are fields of `EngineConfig`."""
    return Engine(
        network or make_network(),
        rules or make_rules(),
        make_engine_config(**limits),
        clock=clock,
        make=make,
    )


def make_prompt(*, length: int = 5, seed: int = 0, prefix: tuple[int, ...] = (START,)) -> Prompt:
    """Return a source of `length` tokens, the last of them the end of sentence."""
    rng = random.Random(f"{seed}/{length}")
    ids = [rng.randrange(1, START) for _ in range(length - 1)]
    return Prompt((*ids, EOS), prefix)


def make_search_config(**changes: Any) -> SearchConfig:
    """Return limits of sequences that begin with token 9 and have four more at most."""
    defaults: dict[str, Any] = {
        "prefix_ids": (9,),
        "num_prompt_ids": 1,
        "max_new_tokens": 4,
        "eos_ids": frozenset([EOS]),
    }
    return SearchConfig(**{**defaults, **changes})


def make_request(
    request_id: str = "a",
    *,
    length: int = 5,
    priority: Priority = Priority.INTERACTIVE,
    group: str = "",
    deadline_s: float | None = None,
    **params: Any,
) -> Request:
    """Return a waiting request; `params` are fields of `GenerationParams`."""
    generation = GenerationParams(**params)
    return Request(
        request_id=request_id,
        prompt=make_prompt(length=length),
        params=generation,
        search=IndependentSearch(make_search_config(), num_hypotheses=generation.num_rows),
        priority=priority,
        group=group,
        deadline_s=deadline_s,
    )


def drain(engine: Engine, *, max_steps: int = 1_000) -> dict[str, list[RequestOutput]]:
    """Step until no request is left, checking invariants after every step.

    Returns:
        All outputs of each request, in order.
    """
    outputs: dict[str, list[RequestOutput]] = {}
    for _ in range(max_steps):
        if not engine.has_work:
            return outputs
        for output in engine.step():
            outputs.setdefault(output.request_id, []).append(output)
        engine.check_invariants()
    raise AssertionError(f"the engine still has work after {max_steps} steps")


def answer(engine: Engine, prompt: Prompt, params: GenerationParams) -> RequestOutput:
    """Return the last output of a request that has the engine to itself."""
    engine.add_request("only", prompt, params)
    return drain(engine)["only"][-1]
