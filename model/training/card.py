"""The model card that lies beside a trained checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from model.training.corpus import CorpusFile
from model.training.evaluation import Score, bleu_signature
from model.training.state import Position
from model.transformer.seq2seq import Seq2SeqTransformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a card says of one training."""

    network: Seq2SeqTransformer
    position: Position  # at the end of the training
    files: tuple[CorpusFile, ...]
    scores: Sequence[Score]
    hardware: str


def model_card(facts: Facts) -> str:
    """The card, in Markdown."""
    config = facts.network.config
    template = (files("model.training") / "card.md").read_text(encoding="utf-8")
    return template.format(
        millions=f"{facts.network.num_parameters / 1e6:.1f}",
        encoder_layers=config.encoder.num_layers,
        decoder_layers=config.decoder.num_layers,
        d_model=config.d_model,
        d_ff=config.encoder.d_ff,
        num_heads=config.encoder.num_heads,
        vocab_size=f"{config.vocab_size:,}",
        steps=f"{facts.position.step:,}",
        tokens=f"{facts.position.tokens / 1e6:.0f}",
        minutes=f"{facts.position.elapsed_s / 60:.0f}",
        hardware=facts.hardware,
        data="\n".join(f"- {file.attribution}" for file in facts.files),
        scores="\n".join(map(_row, facts.scores)),
        signature=bleu_signature(),
    )


def _row(score: Score) -> str:
    search = "greedy" if score.num_beams == 1 else f"beam {score.num_beams}"
    return (
        f"| {score.direction} | {score.file} {score.split} | {score.num_lines:,} | {search} "
        f"| {score.bleu:.1f} | {score.chrf:.1f} |"
    )
