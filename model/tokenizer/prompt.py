"""What a request asks of a model, and what is left of it once the text is encoded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Translation:
    """Render a text in another language; codes are ISO 639-1 or as the model has them."""

    target_lang: str
    source_lang: str | None = None


@dataclass(frozen=True, slots=True)
class Summarization:
    """Say a text shorter, in one of the styles that the model offers."""

    style: str | None = None


Task = Translation | Summarization


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that the engine sees of a family.

    Attributes:
        encoder_ids: The source.
        decoder_prefix_ids: Begins with the decoder's start token; generation continues after its
            end.
        forced_bos_id: The first generated token, whatever the logits say: the target language of
            many multilingual checkpoints. None: that of the checkpoint's rules, if any.
    """

    encoder_ids: tuple[int, ...]
    decoder_prefix_ids: tuple[int, ...]
    forced_bos_id: int | None = None
