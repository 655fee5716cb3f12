"""BLEU and chrF of a translation checkpoint, decoded by the engine that serves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import LoadedModel
from model.tokenizer.prompt import Translation
from model.training.corpus import CorpusFile, Direction, Split, read_direction

_MAX_NEW_TOKENS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well one direction of one data set is translated."""

    file: str
    split: Split
    direction: Direction
    num_beams: int
    num_lines: int
    bleu: float
    chrf: float


def translate_all(
    loaded: LoadedModel, texts: Sequence[str], *, target: str, num_beams: int
) -> list[str]:
    """Translations of many texts, in their order.

    Args:
        loaded: A translation checkpoint.
        texts: In the source language.
        target: The language to translate into.
        num_beams: 1 is greedy.
    """
    limit = loaded.config.max_positions
    config = EngineConfig(
        max_source_tokens=limit, max_target_tokens=limit, max_waiting=max(1, len(texts))
    )
    engine = Engine(loaded.network, loaded.rules, config, cache_dtype=loaded.cache_dtype)
    params = GenerationParams(num_beams=num_beams, max_new_tokens=min(_MAX_NEW_TOKENS, limit - 1))
    task = Translation(target_lang=target)
    for number, text in enumerate(texts):
        engine.add_request(str(number), loaded.prompt(text, task), params)
    outputs: dict[str, str] = {}
    while engine.has_work:
        for output in engine.step():
            if output.hypotheses:
                best = output.hypotheses[0].token_ids
                outputs[output.request_id] = loaded.tokenizer.decode(best)
    return [outputs[str(number)] for number in range(len(texts))]


def evaluate(
    loaded: LoadedModel,
    folder: Path,
    file: CorpusFile,
    *,
    split: Split,
    direction: Direction,
    num_beams: int,
) -> Score | None:
    """The score on one file; None if the data have no such split."""
    if not file.path(folder, split=split).is_file():
        return None
    pairs = read_direction(folder, [file], direction=direction, split=split)
    sources = [pair.source for pair in pairs]
    found = translate_all(loaded, sources, target=direction.target, num_beams=num_beams)
    wanted = [[pair.target for pair in pairs]]
    return Score(
        file=file.name,
        split=split,
        direction=direction,
        num_beams=num_beams,
        num_lines=len(pairs),
        bleu=BLEU().corpus_score(found, wanted).score,
        chrf=CHRF().corpus_score(found, wanted).score,
    )


def bleu_signature() -> str:
    """How sacrebleu computed the BLEU of a `Score`, in its own notation."""
    metric = BLEU()
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())
