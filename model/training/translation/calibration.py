"""Calibrates a translator's confidence on half of the held-out pairs; measures it on the others.

A translation counts as good if its chrF, beside one reference, is at least `GOOD_CHRF`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sacrebleu.metrics.chrf import CHRF

from model.confidence import FILE, Calibration, calibration_file, features
from model.engine.config import EngineConfig
from model.load import LoadedModel
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import Given, Reading
from model.tokenizer.prompt import Translation
from model.training.corpus import Pair, TrainingError
from model.training.logistic import (
    Numbers,
    area_under_curve,
    calibration_error,
    fit,
    probabilities,
)
from model.training.translation.corpus import CorpusFile, DataSet, Direction, read_file
from model.training.translation.evaluation import translate_all
from model.training.translation.export import DEFAULT_BEAMS

GOOD_CHRF = 50.0
_LINES = 100  # of each file and direction
_BATCH_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A calibration, and its quality on pairs that it was not made of.

    Attributes:
        num_lines: Of the half that it was made of, and of the other.
        share_good: Good translations among the others.
        area: The area under the ROC curve.
        area_uncalibrated: That of the mean log-probability alone.
        error: The calibration error, in ten bins.
    """

    calibration: Calibration
    num_lines: tuple[int, int]
    share_good: float
    area: float
    area_uncalibrated: float
    error: float


def calibrate(loaded: LoadedModel, folder: Path) -> Measured:
    """Return a calibration for a checkpoint, by all `*.valid.tsv.gz` of its languages in a folder.

    Raises:
        TrainingError: There are no such files, or all translations are good, or none.
    """
    rows, labels = [], []
    for file in _files(folder):
        for direction in file.directions:
            if {direction.source, direction.target} <= {*loaded.languages}:
                pairs = read_file(folder, file, direction=direction, split="valid")
                chosen = pairs[:: max(1, len(pairs) // _LINES)][:_LINES]
                for row, is_good in _examples(loaded, chosen, direction):
                    rows.append(row)
                    labels.append(float(is_good))
    if len({*labels[::2]}) < 2 or len({*labels[1::2]}) < 2:  # noqa: PLR2004 - good and bad
        raise TrainingError(f"{folder}: has no good and bad translations to tell apart")
    return _measure(np.array(rows), np.array(labels))


def write_calibration(checkpoint: Path, measured: Measured) -> None:
    """Write `confidence.json` into a checkpoint's folder."""
    content = calibration_file(
        measured.calibration,
        measured={
            "good": f"chrF of at least {GOOD_CHRF:g} beside one reference",
            "lines": list(measured.num_lines),
            "share_good": round(measured.share_good, 3),
            "area_under_curve": round(measured.area, 3),
            "calibration_error": round(measured.error, 3),
        },
    )
    text = json.dumps(content, indent=2) + "\n"
    (checkpoint / FILE).write_text(text, encoding="utf-8", newline="\n")


def _files(folder: Path) -> Iterator[CorpusFile]:
    for path in sorted(folder.glob("*.valid.tsv.gz")):
        name, languages = path.name.split(".")[:2]
        first, _, second = languages.partition("-")
        yield CorpusFile(DataSet(name=name), first, second)


def _examples(
    loaded: LoadedModel, pairs: Sequence[Pair], direction: Direction
) -> Iterator[tuple[tuple[float, ...], bool]]:
    """Yield the features of the model's translation of each pair, and whether it is good."""
    sources = [pair.source for pair in pairs]
    outputs = translate_all(loaded, sources, target=direction.target, num_beams=DEFAULT_BEAMS)
    chrf = CHRF()
    scored = zip(pairs, outputs, _log_probs(loaded, sources, outputs, direction), strict=True)
    for pair, output, log_probs in scored:
        score = chrf.sentence_score(output, [pair.target]).score
        yield features(pair.source, output, log_probs), score >= GOOD_CHRF


def _log_probs(
    loaded: LoadedModel, sources: Sequence[str], outputs: Sequence[str], direction: Direction
) -> Iterator[tuple[float, ...]]:
    limit = loaded.config.max_positions
    limits = EngineConfig(max_source_tokens=limit, max_target_tokens=limit)
    forced = ForcedPass(loaded.network, loaded.rules, limits)
    task = Translation(target_lang=direction.target, source_lang=direction.source)
    given = [
        Given(
            prompt=loaded.prompt(source, task),
            output_ids=tuple(loaded.tokenizer.encode_target(output)),
        )
        for source, output in zip(sources, outputs, strict=True)
    ]
    for start in range(0, len(given), _BATCH_SIZE):
        for reading in forced.read(given[start : start + _BATCH_SIZE]):
            if not isinstance(reading, Reading):
                raise reading
            yield reading.log_probs


def _measure(rows: Numbers, labels: Numbers) -> Measured:
    weights = fit(rows[::2], labels[::2])
    mean, size, change, intercept = (round(float(weight), 4) for weight in weights)
    found, wanted = probabilities(rows[1::2], weights), labels[1::2]
    return Measured(
        calibration=Calibration(
            mean_log_prob=mean, log_tokens=size, length_change=change, intercept=intercept
        ),
        num_lines=(len(labels[::2]), len(wanted)),
        share_good=float(wanted.mean()),
        area=area_under_curve(found, wanted),
        area_uncalibrated=area_under_curve(rows[1::2, 0], wanted),
        error=calibration_error(found, wanted),
    )
