"""Which tokens stand around a text, as data: the same slots in other orders for every family."""

from dataclasses import dataclass
from enum import Enum, auto


class Slot(Enum):
    """One place in an input of the encoder, or at the beginning of the decoder's."""

    TEXT = auto()  # the source, any number of tokens
    BOS = auto()  # start of sentence
    EOS = auto()  # end of sentence
    START = auto()  # what the decoder begins with
    SOURCE_LANG = auto()  # the tag of the text's language
    TARGET_LANG = auto()  # the tag of the answer's language
    STYLE = auto()  # the tag of a summary's style
    BLANK = auto()  # in front of a target's tag that is written as the text's first word


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything goes.

    A language's slot is empty where the vocabulary has no tags for languages at all, a style's
    where none is asked for.

    Attributes:
        encoder: What the encoder reads.
        decoder: What the decoder is given to begin with.
        forced: The first token that the decoder writes, if nobody is to choose it.
    """

    encoder: tuple[Slot, ...]
    decoder: tuple[Slot, ...] = (Slot.START,)
    forced: Slot | None = None
