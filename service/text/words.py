"""Whether a text says anything: words to translate, or only what every language writes alike."""

import re

# Addresses, in any punctuation. Their letters are of scripts that put blanks between words: in the
# others, what follows an address without a blank is the sentence around it. No quantifier gives
# back what it took (`++`), so that no text, however made, takes more than one pass.
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
    """True if there is a letter (Unicode's categories L*) outside of URLs and e-mail addresses."""
    return any(any(map(str.isalpha, chunk)) and not is_address(chunk) for chunk in text.split())


def is_address(chunk: str) -> bool:
    """What stands between two blanks is a URL or an e-mail address, or several, and punctuation."""
    return _ADDRESSES.fullmatch(chunk) is not None
