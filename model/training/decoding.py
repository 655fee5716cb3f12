"""Decodes many texts by the engine that serves."""

from collections.abc import Sequence

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import LoadedModel
from model.tokenizer.prompt import Task


def decode_all(
    loaded: LoadedModel, texts: Sequence[str], *, task: Task, params: GenerationParams
) -> list[str]:
    """Return the model's best output for each text, in order.

    Args:
        loaded: A checkpoint.
        texts: None longer than the model's limit.
        task: The task of all texts.
        params: The search.
    """
    limit = loaded.config.max_positions
    config = EngineConfig(
        max_source_tokens=limit, max_target_tokens=limit, max_waiting=max(1, len(texts))
    )
    engine = Engine(loaded.network, loaded.rules, config, cache_dtype=loaded.cache_dtype)
    for number, text in enumerate(texts):
        engine.add_request(str(number), loaded.prompt(text, task), params)
    outputs: dict[str, str] = {}
    while engine.has_work:
        for output in engine.step():
            if output.hypotheses:
                best = output.hypotheses[0].token_ids
                outputs[output.request_id] = loaded.tokenizer.decode(best)
    return [outputs[str(number)] for number in range(len(texts))]
