"""Measures BLEU and chrF of a translation checkpoint, decoded by the engine that serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from model.engine.params import GenerationParams
from model.load import LoadedModel
from model.tokenizer.prompt import Translation
from model.training.corpus import Split
from model.training.decoding import decode_all
from model.training.translation.corpus import CorpusFile, Direction, read_file

_MAX_NEW_TOKENS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """BLEU and chrF of one direction of one data set."""

    data_set: str
    split: Split
    direction: Direction
    num_beams: int
    num_lines: int
    bleu: float
    chrf: float


def translate_all(
    loaded: LoadedModel, texts: Sequence[str], *, target: str, num_beams: int
) -> list[str]:
    """Return translations of many texts, in order.

    Args:
        loaded: A translation checkpoint.
        texts: In the source language.
        target: The language to translate into.
        num_beams: 1 is greedy.
    """
    limit = min(_MAX_NEW_TOKENS, loaded.config.max_positions - 1)
    params = GenerationParams(num_beams=num_beams, max_new_tokens=limit)
    return decode_all(loaded, texts, task=Translation(target_lang=target), params=params)


def evaluate(
    loaded: LoadedModel,
    folder: Path,
    file: CorpusFile,
    *,
    split: Split,
    direction: Direction,
    num_beams: int,
) -> Score | None:
    """Return the score on one file; None if the split is missing."""
    if not file.path(folder, split=split).is_file():
        return None
    pairs = read_file(folder, file, direction=direction, split=split)
    sources = [pair.source for pair in pairs]
    found = translate_all(loaded, sources, target=direction.target, num_beams=num_beams)
    wanted = [[pair.target for pair in pairs]]
    return Score(
        data_set=file.data_set.name,
        split=split,
        direction=direction,
        num_beams=num_beams,
        num_lines=len(pairs),
        bleu=BLEU().corpus_score(found, wanted).score,
        chrf=CHRF().corpus_score(found, wanted).score,
    )


def bleu_signature() -> str:
    """Return sacrebleu's signature of the BLEU in a `Score`."""
    metric = BLEU()
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())
