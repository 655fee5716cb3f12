"""The model card that lies beside a trained checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from model.training.history import Stage
from model.training.translation.evaluation import Score, bleu_signature
from model.training.translation.recipe import MOZILLA, PYTHON_DOCS, Recipe, Sample
from model.training.translation.vocabulary import language_tag
from model.transformer.seq2seq import Seq2SeqTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """The measured content of a card."""

    network: Seq2SeqTransformer
    recipe: Recipe
    stages: Sequence[Stage]
    scores: Sequence[Score]
    examples: Sequence[tuple[Sample, str]]  # each sample with the model's translation


def model_card(content: CardContent) -> str:
    """Return the card, in Markdown."""
    recipe, config = content.recipe, content.network.config
    rates = recipe.variation
    template = (files("model.training.translation") / "card.md").read_text(encoding="utf-8")
    return template.format(
        pairs=recipe.name,
        millions=f"{content.network.num_parameters / 1e6:.1f}",
        tags=", ".join(f"`{language_tag(language)}`" for language in recipe.target_languages),
        encoder_layers=config.encoder.num_layers,
        decoder_layers=config.decoder.num_layers,
        d_model=config.d_model,
        d_ff=config.encoder.d_ff,
        num_heads=config.encoder.num_heads,
        vocab_size=f"{config.vocab_size:,}",
        data="\n".join(f"- {line}" for line in recipe.attributions),
        docs_share=_percent(PYTHON_DOCS.share),
        mozilla_share=f"{MOZILLA.share:.0f}",
        join_percent=_percent(recipe.mixture.join_rate),
        max_joined=recipe.mixture.max_joined,
        skip_percent=_percent(rates.skip_name),
        number_copies=recipe.number_copies,
        address_percent=_percent(rates.address),
        rename_percent=_percent(rates.rename),
        stages="\n".join(f"{number}. {stage}." for number, stage in enumerate(content.stages, 1)),
        scores="\n".join(map(_score_row, content.scores)),
        signature=bleu_signature(),
        examples="\n".join(_example_row(*example) for example in content.examples),
    )


def _percent(part: float) -> str:
    return f"{part:.0%}"


def _score_row(score: Score) -> str:
    search = "greedy" if score.num_beams == 1 else f"beam {score.num_beams}"
    return (
        f"| {score.direction} | {score.data_set} {score.split} | {score.num_lines:,} | {search} "
        f"| {score.bleu:.1f} | {score.chrf:.1f} |"
    )


def _example_row(sample: Sample, output: str) -> str:
    return f"| {sample.text} | {sample.target} | {output} |".replace("\n", " ")
