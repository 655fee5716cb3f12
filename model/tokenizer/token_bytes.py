"""Maps the names of tokens to bytes, by the decoder of a `tokenizer.json`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import UnsupportedModelError
from model.tokenizer.token_texts import LeadingBlanks

Json = Mapping[str, Any]
Step = Callable[[str], str | bytes]  # bytes are final, text goes on to the next step

_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")
_ONE_BLANK = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


@dataclass(frozen=True, slots=True)
class TokenBytes:
    """The decoding of one token, and of the blanks in front of a text."""

    steps: Sequence[Step]
    leading_blanks: LeadingBlanks

    def bytes_of(self, token: str) -> bytes:
        value: str | bytes = token
        for step in self.steps:
            if isinstance(value, str):
                value = step(value)
        return value.encode() if isinstance(value, str) else value


def read_decoder(decoder: Json | None) -> TokenBytes:
    """Read the `decoder` of a `tokenizer.json`.

    Raises:
        UnsupportedModelError: It has a step that does not work token by token.
        KeyError, TypeError, AttributeError: It is malformed.
    """
    if decoder is None:
        raise UnsupportedModelError("tokenizers without a decoder are not supported")
    steps = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    drops_blank = any(step == _ONE_BLANK or _prepends_blank(step) for step in steps)
    ignored = ({"type": "Fuse"}, _ONE_BLANK)  # these act on the joined text, see `leading_blanks`
    return TokenBytes(
        steps=[_step(step) for step in steps if step not in ignored],
        leading_blanks=LeadingBlanks.ONE_DROPPED if drops_blank else LeadingBlanks.KEPT,
    )


def _step(description: Json) -> Step:
    match description:
        case {"type": "ByteLevel"}:
            return _spelled_in_bytes
        case {"type": "ByteFallback"}:
            return _byte_or_text
        case {"type": "Replace", "pattern": {"String": old}, "content": new}:
            return _Replace(old, new)
        case {"type": "Metaspace", "replacement": mark}:
            return _Replace(mark, " ")
        case _:
            kind = description["type"]
            raise UnsupportedModelError(f"tokenizers with decoder {kind} are not supported")


def _prepends_blank(description: Json) -> bool:
    scheme: object = description.get("prepend_scheme", "always")
    return description["type"] == "Metaspace" and scheme != "never"


@dataclass(frozen=True, slots=True)
class _Replace:
    old: str
    new: str

    def __call__(self, token: str) -> str:
        return token.replace(self.old, self.new)


def _byte_or_text(token: str) -> str | bytes:
    match = _BYTE.fullmatch(token)
    return bytes.fromhex(match[1]) if match else token


def _byte_alphabet() -> list[str]:
    """Return the character of each byte in token names: itself, or one from U+0100 on.

    byte       A  blank  line feed
    character  A  Ġ      Ċ
    """
    printing = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printing else next(others)) for byte in range(256)]


_BYTE_OF = {char: byte for byte, char in enumerate(_byte_alphabet())}


def _spelled_in_bytes(token: str) -> bytes:
    """Return the bytes that a token's name spells; a name outside the alphabet is plain text."""
    if all(char in _BYTE_OF for char in token):
        return bytes(_BYTE_OF[char] for char in token)
    return token.encode()
