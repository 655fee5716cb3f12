"""The model card that lies beside a trained checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from model.engine.params import GenerationParams
from model.training.history import Stage
from model.training.summarization.decoding import describe
from model.training.summarization.evaluation import SCORE_HEADER, Score, score_row
from model.training.summarization.recipe import Recipe
from model.training.summarization.vocabulary import style_tag
from model.transformer.seq2seq import Seq2SeqTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """The measured content of a card."""

    network: Seq2SeqTransformer
    recipe: Recipe
    decoding: GenerationParams  # the checkpoint's default
    stages: Sequence[Stage]
    scores: Sequence[Score]
    examples: Mapping[str, Sequence[str]]  # each sample's summaries, in the order of the styles


def model_card(content: CardContent) -> str:
    """Return the card, in Markdown."""
    template = (files("model.training.summarization") / "card.md").read_text(encoding="utf-8")
    recipe, config = content.recipe, content.network.config
    return template.format(
        **_training(recipe),
        styles=", ".join(recipe.styles),
        tags=", ".join(f"`{style_tag(style)}`" for style in recipe.styles),
        first_tag=style_tag(recipe.styles[0]),
        millions=f"{content.network.num_parameters / 1e6:.1f}",
        encoder_layers=config.encoder.num_layers,
        decoder_layers=config.decoder.num_layers,
        d_model=config.d_model,
        d_ff=config.encoder.d_ff,
        num_heads=config.encoder.num_heads,
        vocab_size=f"{config.vocab_size:,}",
        max_positions=config.max_positions,
        decoding=describe(content.decoding),
        max_new_tokens=content.decoding.max_new_tokens,
        stages="\n".join(f"{number}. {stage}." for number, stage in enumerate(content.stages, 1)),
        scores="\n".join([SCORE_HEADER, *map(score_row, content.scores)]),
        examples="\n\n".join(
            _example(text, found, styles=recipe.styles) for text, found in content.examples.items()
        ),
    )


def _training(recipe: Recipe) -> dict[str, str]:
    """Return the numbers of the recipe for the card."""
    mixture, noise = recipe.mixture, recipe.mixture.noise
    repeated = [file for file in recipe.files if file.repeats > 1]
    return {
        "data": "\n".join(f"- {line}" for line in recipe.attributions),
        "dev": ", ".join(f"{file.num_dev} of {file.name}" for file in recipe.files),
        "repeats": "".join(f", those of {file.name} {file.repeats} times" for file in repeated),
        "pieces_start": f"{mixture.pieces.start:.0%}",
        "pieces_stop": f"{mixture.pieces.stop:.0%}",
        "missing": f"{noise.infill:.0%}",
        "span": f"{noise.mean_span:g}",
        "masked": f"{noise.mask_principal:.0%}",
        "marked": f"{noise.mark_principal:.0%}",
        "summaries": f"{1 - mixture.denoising.before:.0%}",
        "summaries_start": f"{mixture.denoising.start:.0%}",
        "summaries_stop": f"{mixture.denoising.stop:.0%}",
        "infill": f"{mixture.infill.before:.0%}",
        "infill_start": f"{mixture.infill.start:.0%}",
        "infill_stop": f"{mixture.infill.stop:.0%}",
    }


def _example(text: str, summaries: Sequence[str], *, styles: Sequence[str]) -> str:
    lines = (f"- {style}: {found}" for style, found in zip(styles, summaries, strict=True))
    return "\n".join([f"> {text}", "", *lines])
