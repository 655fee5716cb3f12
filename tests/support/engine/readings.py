"""Attention of a loaded model that reads a given output."""

from model.alignment.heads import PROBES, Head, choose_heads
from model.alignment.word_weights import CrossWeights, TokenizedText
from model.engine.config import EngineConfig
from model.load import LoadedModel
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading, WantedWeights
from model.tokenizer.prompt import Task


def read_output(
    loaded: LoadedModel, task: Task, source: str, output: str, *, layers: tuple[int, ...] = ()
) -> CrossWeights:
    """Return the attention of some decoder layers, or of all."""
    limit = loaded.config.max_positions
    limits = EngineConfig(max_source_tokens=limit, max_target_tokens=limit)
    given = Given(
        prompt=loaded.prompt(source, task),
        output_ids=tuple(loaded.tokenizer.encode_target(output)),
        wanted=WantedWeights(cross=layers or tuple(range(loaded.config.decoder.num_layers))),
    )
    (reading,) = ForcedPass(loaded.network, loaded.rules, limits).read([given])
    assert isinstance(reading, Reading)
    assert reading.cross is not None
    return CrossWeights(
        TokenizedText(source, loaded.source_spans(source, task)),
        TokenizedText(output, loaded.tokenizer.target_spans(output)),
        reading.cross,
    )


def heads_of(loaded: LoadedModel, task: Task) -> tuple[Head, ...]:
    """Return the heads that are chosen by the probes that a model has room for."""
    config, tokenizer = loaded.config, loaded.tokenizer
    fitting = (
        (source, output)
        for source, output in PROBES
        if len(loaded.prompt(source, task).encoder_ids) <= config.max_positions
        and len(tokenizer.encode_target(output)) + 2 <= config.max_positions
    )
    return choose_heads((read_output(loaded, task, *probe) for probe in fitting), config)
