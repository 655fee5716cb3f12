"""The summarizer that ships with the project: its data, its shape, its training."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import torch

from model.engine.params import GenerationParams
from model.training.batching import Example, cut_into_batches
from model.training.network import Shape
from model.training.summarization.corpus import Part, SummaryFile
from model.training.summarization.curriculum import (
    Mixture,
    Stream,
    SummarizationCurriculum,
    Summarized,
    encode_pairs,
)
from model.training.summarization.decoding import BEAMS
from model.training.summarization.form import MAX_POSITIONS, bart_config, fresh_bart
from model.training.summarization.noise import Noise
from model.training.summarization.samples import SAMPLES
from model.training.summarization.vocabulary import Vocabulary, load_vocabulary, train_vocabulary
from model.training.trainer import SpecialIds, Trainer, TrainerSettings

_REPORT_PAIRS = 100  # of each file, for the validation loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Data, sizes and settings of one summarizer; all but the length of its training."""

    files: tuple[SummaryFile, ...] = (
        SummaryFile(
            name="arxiv-title",
            style="headline",
            attribution="Thank you to arXiv for use of its open access interoperability. Abstracts "
            "and titles from arXiv metadata, CC0.",
        ),
        SummaryFile(
            name="arxiv-tldr",
            style="tldr",
            attribution="TL;DRs from github.com/NovRed/daily-arXiv-ai-enhanced, Apache 2.0; "
            "abstracts from arXiv metadata, CC0.",
        ),
        SummaryFile(
            name="scitldr",
            style="tldr",
            repeats=3,
            num_dev=200,
            attribution="SciTLDR (Cachola, Lo, Cohan, Weld 2020), Allen Institute for AI, "
            "Apache 2.0.",
        ),
    )
    mixture: Mixture = field(default_factory=Mixture)
    vocab_size: int = 12_000
    shape: Shape = field(default_factory=lambda: Shape(encoder_layers=4, decoder_layers=3))
    decoding: GenerationParams = BEAMS  # the checkpoint's default
    samples: tuple[str, ...] = SAMPLES

    @property
    def name(self) -> str:
        """The data sets, as text."""
        return ", ".join(file.name for file in self.files)

    @property
    def styles(self) -> list[str]:
        return list(dict.fromkeys(file.style for file in self.files))

    @property
    def attributions(self) -> list[str]:
        return list(dict.fromkeys(file.attribution for file in self.files))


RECIPE = Recipe()


def prepare_vocabulary(recipe: Recipe, data: Path, folder: Path) -> Vocabulary:
    """Return the vocabulary kept in a folder; make it from the training text if missing."""
    if not (folder / "tokenizer.json").is_file():
        texts = (
            text
            for file in recipe.files
            for pair in file.read(data, "train")
            for text in (pair.source, pair.target)
        )
        train_vocabulary(texts, size=recipe.vocab_size, styles=recipe.styles).save(folder)
    return load_vocabulary(folder)


def build_curriculum(recipe: Recipe, data: Path, vocabulary: Vocabulary) -> SummarizationCurriculum:
    """Return the curriculum over the training text."""
    streams = {
        file.name: Stream(_encoded(file, data, vocabulary, part="train"), file.repeats)
        for file in recipe.files
    }
    return SummarizationCurriculum(
        streams, recipe.mixture, vocabulary=vocabulary, max_length=MAX_POSITIONS
    )


def _encoded(
    file: SummaryFile, data: Path, vocabulary: Vocabulary, *, part: Part
) -> list[Summarized]:
    pairs = file.read(data, part)
    return list(encode_pairs(pairs, vocabulary, style=file.style, max_length=MAX_POSITIONS))


def validation_examples(recipe: Recipe, data: Path, vocabulary: Vocabulary) -> list[list[Example]]:
    """Return batches for the validation loss: equally many dev pairs of each file, without gaps."""
    noise = Noise(vocabulary, recipe.mixture.noise)
    rng = random.Random(0)
    examples = [
        noise.summary(text.document.ids, text.summary_ids, style=text.style, infill=0.0, rng=rng)
        for file in recipe.files
        for text in _encoded(file, data, vocabulary, part="dev")[:_REPORT_PAIRS]
    ]
    return cut_into_batches(examples, max_tokens=recipe.mixture.max_batch_tokens, rng=rng)


def build_trainer(
    recipe: Recipe,
    settings: TrainerSettings,
    *,
    curriculum: SummarizationCurriculum,
    vocabulary: Vocabulary,
    folder: Path,
    device: torch.device,
) -> Trainer:
    """Return a trainer over a fresh network of the recipe's shape."""
    torch.manual_seed(settings.seed)
    network = fresh_bart(bart_config(recipe.shape, vocab_size=len(vocabulary)))
    return Trainer(
        network.to(device),
        curriculum,
        settings,
        special=SpecialIds(start=vocabulary.eos_id, pad=vocabulary.pad_id),
        folder=folder,
    )
