"""Texts for property tests of what happens to a text."""

from hypothesis import strategies as st

# fmt: off
_PIECES = [
    "{", "}", "%s", "%(", ")", "$", "`", "[[", "]]", "<b", ">", "@", "#", "/", "\\", "://", ":",
    "a", "Wort", "_", ".", ",", " ", "  ", "\n", "0", "12", "-", "www.", "x.org", "\u4f60", '"',
    "\U0001f600", "\u200d", "&amp;", "--", "()", "plural", "http",
]
# fmt: on

# Any text, and texts of pieces that placeholders, addresses and codes begin and end with.
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join))
