"""Tell texts with words from texts without, such as numbers, emoji and addresses."""

import re

from service.text.codes import is_code, is_currency, is_quantity, is_unit

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


# Letters by category that are no part of a word: a sign of information, and ordinal signs.
_NO_LETTERS = frozenset("\u2139\u00aa\u00ba")
# A text that begins with a word, without a number before it: most do.
_FIRST_WORD = re.compile(
    r"(?![A-Z]{3}\b)[^\w\s@#/\\&%${}]*+([^\W\d_]++)(?:[,.!?;:]*+(?:\s|$)|['\u2019][^\W\d_])"
)
_CHUNK = re.compile(r"\S++")


def has_words(text: str) -> bool:
    """Return whether a text has a word: a letter (Unicode category L*) outside of what has none.

    Addresses, units after a number, currencies beside one and codes have none, see `codes.py`.
    """
    first = _FIRST_WORD.match(text)
    if first is not None and first[1].isalpha() and first[1] not in _NO_LETTERS:
        return True
    is_after_number = False
    currency = False
    for match in _CHUNK.finditer(text):
        chunk = match[0]
        has_digit = any(map(str.isdecimal, chunk))
        if currency and not has_digit:
            return True
        currency = False
        if not any(map(_is_letter, chunk)):
            is_after_number = has_digit
        elif is_after_number and is_unit(chunk):
            continue
        elif is_currency(chunk):
            currency = True
        elif is_address(chunk) or is_code(chunk) or is_quantity(chunk):
            is_after_number = has_digit
        else:
            return True
    return currency


def _is_letter(character: str) -> bool:
    return character.isalpha() and character not in _NO_LETTERS


def is_address(chunk: str) -> bool:
    """Return whether a chunk without blanks is only URLs, e-mail addresses and punctuation."""
    return _ADDRESSES.fullmatch(chunk) is not None
