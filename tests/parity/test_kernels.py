"""The bundled translator by our own kernels, compared with PyTorch in float32."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from model.devices import DtypeName
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.engine.runner import Runner
from model.engine.runners.kernel_runner import KernelRunner
from model.engine.runners.make_runner import make_runner
from model.kernels.library import VARIABLE, library
from model.load import BUNDLED, load_model
from model.tokenizer.prompt import Translation
from tests.support.engine.factories import drain
from tests.support.service.machines import needs_kernels

pytestmark = [needs_kernels, pytest.mark.usefixtures("every_level")]

SENTENCES = Path(__file__).with_name("sentences.txt")
NUM_SENTENCES = 40
# The share with exactly the same tokens. Rounding decides near-ties differently, with equally good
# translations.
LEAST_SAME: dict[DtypeName, float] = {"float32": 0.97, "bfloat16": 0.9, "int8": 0.7}


@cache
def tokens_of_pytorch() -> list[list[int]]:
    """Return the greedy tokens of each sentence by PyTorch in float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        library.cache_clear()
        found = tokens("float32", by_kernels=False)
    library.cache_clear()
    return found


def tokens(dtype: DtypeName, *, by_kernels: bool = True) -> list[list[int]]:
    """Return the greedy tokens of each sentence, all in one batch."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if line and not line.startswith("#")]
    model = load_model(BUNDLED / "translate", dtype=dtype, device="cpu")
    config = EngineConfig(max_source_tokens=128, max_target_tokens=128, max_rows=NUM_SENTENCES)
    made = []

    def make(*arguments: Any) -> Runner:
        made.append(make_runner(*arguments))
        return made[-1]

    engine = Engine(model.network, model.rules, config, cache_dtype=model.cache_dtype, make=make)
    assert [isinstance(runner, KernelRunner) for runner in made] == [by_kernels]
    for number, (target, text) in enumerate(pairs[:NUM_SENTENCES]):
        prompt = model.prompt(text, Translation(target))
        engine.add_request(str(number), prompt, GenerationParams(max_new_tokens=100))
    outputs = drain(engine)
    assert len(outputs) == NUM_SENTENCES
    found = [outputs[str(number)][-1].hypotheses[0] for number in range(NUM_SENTENCES)]
    return [list(hypothesis.token_ids) for hypothesis in found]


@pytest.mark.parametrize("dtype", LEAST_SAME)
def test_most_sentences_get_the_tokens_of_pytorch_in_float32(dtype: DtypeName) -> None:
    pairs = list(zip(tokens(dtype), tokens_of_pytorch(), strict=True))
    share = sum(ours == theirs for ours, theirs in pairs) / NUM_SENTENCES
    assert share >= LEAST_SAME[dtype], f"{share:.0%} of {NUM_SENTENCES} are the same"
