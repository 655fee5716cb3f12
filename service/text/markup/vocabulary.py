"""Names of HTML elements by what they mean for a translation, and the options for tags."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

_VOID = (
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source track"
    " wbr"
)
VOID = frozenset(_VOID.split())
# Between two blocks a sentence ends. Buttons and labels are blocks as they stand beside sentences
# more often than in them.
_BLOCKS = (
    "address article aside audio blockquote body br button canvas caption center col colgroup"
    " datalist dd details dialog dir div dl dt fieldset figcaption figure footer form frameset h1"
    " h2 h3 h4 h5 h6 head header hgroup hr html label legend li main menu nav noscript object ol"
    " optgroup option p pre search section select summary table tbody td template tfoot th thead"
    " title tr ul video"
)
BLOCKS = frozenset(_BLOCKS.split())
# Content without tags, up to the closing tag; `plaintext` has none.
RAW_TEXT = frozenset(
    ["iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp"]
)
# The others are read as usual where their closing tag is missing.
UNCLOSED_RAW_TEXT = frozenset(["plaintext", "script", "style", "textarea", "xmp"])
# Copied with all that is in them: seen by a reader of the sentence, or not a part of it.
SHOWN_OPAQUE = frozenset(["code", "kbd", "math", "samp", "tt", "var", "pre", "listing", "xmp"])
HIDDEN_OPAQUE = RAW_TEXT - {"title", "xmp"} | {"svg"}
# An opening tag ends an element that is still open, if that is the innermost.
ENDED_BY: dict[str, frozenset[str]] = {
    "p": BLOCKS - {"br", "button", "label", "audio", "video", "canvas", "object", "select"},
    "li": frozenset(["li"]),
    "dt": frozenset(["dt", "dd"]),
    "dd": frozenset(["dt", "dd"]),
    "td": frozenset(["td", "th", "tr", "tbody", "tfoot"]),
    "th": frozenset(["td", "th", "tr", "tbody", "tfoot"]),
    "tr": frozenset(["tr", "tbody", "tfoot"]),
    "option": frozenset(["option", "optgroup"]),
}


@dataclass(frozen=True, slots=True)
class TagOptions:
    """A client's own names of tags, besides what the format says.

    Attributes:
        splitting: A sentence never goes on across these.
        non_splitting: A sentence always goes on across these.
        ignored: Copied with all that is in them.
        outline_detection: In XML, find out which elements are structure; without it, only
            `splitting` are.
    """

    splitting: AbstractSet[str] = frozenset()
    non_splitting: AbstractSet[str] = frozenset()
    ignored: AbstractSet[str] = frozenset()
    outline_detection: bool = True
