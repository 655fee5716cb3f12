"""Tell texts with words from texts without, such as numbers, emoji and addresses."""

import re

# Addresses with any punctuation around them. Their letters are of scripts that put blanks between
# words: in other scripts, the sentence may go on after an address without a blank. Quantifiers are
# possessive (`++`), so matching never backtracks and takes linear time.
_ADDRESSES = re.compile(
    r"""
    \W*+
    (?: (?: (?: [a-z][a-z0-9+.-]*+ :// | www\.) [!-~\u00c0-\u04ff]++  # a URL
          | (?: mailto: )? [\w.+-]++ @ [\w-]++ (?: \.[\w-]++ )++      # an e-mail address
        )
        \W*+
    )++
    """,
    re.IGNORECASE | re.VERBOSE,
)


def has_words(text: str) -> bool:
    """Return whether a text has a letter (Unicode category L*) outside of addresses."""
    return any(any(map(str.isalpha, chunk)) and not is_address(chunk) for chunk in text.split())


def is_address(chunk: str) -> bool:
    """Return whether a chunk without blanks is only URLs, e-mail addresses and punctuation."""
    return _ADDRESSES.fullmatch(chunk) is not None
