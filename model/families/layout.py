"""The order of special tokens around a text, as data: each family orders the same slots."""

from dataclasses import dataclass
from enum import Enum, auto


class Slot(Enum):
    """One place in the input of the encoder, or in the prefix of the decoder."""

    TEXT = auto()  # the source, any number of tokens
    BOS = auto()  # start of sentence
    EOS = auto()  # end of sentence
    START = auto()  # decoder start token
    SOURCE_LANG = auto()  # the tag of the text's language
    TARGET_LANG = auto()  # the tag of the output's language
    STYLE = auto()  # the tag of a summary's style
    BLANK = auto()  # a blank piece before a target tag that is written as the text's first word


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The slots of a family's inputs, in order.

    A language's slot stays empty if the vocabulary has no language tags, a style's slot if the
    request names no style.

    Attributes:
        encoder: The input of the encoder.
        decoder: The prefix of the decoder.
        forced: The first generated token, if it is forced.
    """

    encoder: tuple[Slot, ...]
    decoder: tuple[Slot, ...] = (Slot.START,)
    forced: Slot | None = None
