"""The task that a request names, and the prompt that the engine reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Translation:
    """Translation of a text; codes are ISO 639-1 or the vocabulary's own."""

    target_lang: str
    source_lang: str | None = None


@dataclass(frozen=True, slots=True)
class Summarization:
    """Summarization of a text, in one of the styles that the model offers."""

    style: str | None = None


Task = Translation | Summarization


@dataclass(frozen=True, slots=True)
class Prompt:
    """The token ids of one request; the engine knows nothing else of a family.

    Attributes:
        encoder_ids: The input of the encoder.
        decoder_prefix_ids: The prefix of the decoder, from its start token on; generation continues
            after it.
        forced_bos_id: The forced first token, in many multilingual checkpoints the target
            language. None: that of the checkpoint's rules, if any.
    """

    encoder_ids: tuple[int, ...]
    decoder_prefix_ids: tuple[int, ...]
    forced_bos_id: int | None = None
