"""The rewriting rules inside a SentencePiece model, kept in the trie that they come in."""

import re
import sys
from array import array

_PLAIN = "".join(map(chr, range(0x20, 0x7F)))
_IS_VALUE = 0x8000_0000
_LABEL = _IS_VALUE | 0xFF  # a value has no label


class Charsmap:
    """What is replaced, and by what; at each place of a text the longest left side wins.

    The trie is an array of 32-bit units as darts-clone writes it. A unit says at which place its
    children lie: the child for byte b is at (place XOR b) and bears the label b. Where a left side
    ends, the unit at the place itself holds the offset of the right side.
    """

    def __init__(self, blob: bytes) -> None:
        """Read a precompiled map: size of the trie (4 bytes), trie, zero-terminated right sides.

        Raises:
            ValueError: The map is broken.
        """
        trie_bytes = int.from_bytes(blob[:4], "little")
        if trie_bytes % 1024 or not 0 < trie_bytes < len(blob) - 4:
            raise ValueError(f"a charsmap of {len(blob)} bytes cannot hold a trie of {trie_bytes}")
        self._units = array("I", blob[4 : 4 + trie_bytes])
        if sys.byteorder == "big":
            self._units.byteswap()
        self._right_sides = blob[4 + trie_bytes :]
        if not self._right_sides.endswith(b"\0"):
            raise ValueError("the last rule of the charsmap has no end")
        if b"  " in self._right_sides:  # a text's own runs of blanks are joined; see Normalizer
            raise ValueError("a rule of the charsmap writes two blanks in a row")
        self._root = self._place_below(0)
        untouched = "".join(filter(self._leaves_alone, _PLAIN))
        self._touched = re.compile(f"[^{re.escape(untouched)}]+" if untouched else ".+", re.DOTALL)

    def rewrite(self, text: str) -> str:
        parts: list[str] = []
        done = 0  # all before is in `parts`
        for run in self._touched.finditer(text):
            position = max(done, run.start() - 1)  # `e` is left alone, but not before an accent
            while position < run.end():
                rule = self._longest_rule(text, position)
                if rule is None:
                    position += 1
                    continue
                length, right_side = rule
                parts += text[done:position], right_side
                done = position = position + length
        return "".join([*parts, text[done:]]) if parts else text

    def _leaves_alone(self, char: str) -> bool:
        """Whether each rule that begins with this character goes on with one outside `_PLAIN`."""
        below = self._step(self._root, char)
        if below is None:
            return True
        return self._right_side(below) is None and all(self._step(below, c) is None for c in _PLAIN)

    def _longest_rule(self, text: str, start: int) -> tuple[int, str] | None:
        """How many characters the longest rule at a place takes, and what it puts there."""
        longest = None
        place = self._root
        for end in range(start + 1, len(text) + 1):
            below = self._step(place, text[end - 1])
            if below is None:
                break
            place = below
            right_side = self._right_side(below)
            if right_side is not None:
                longest = end - start, right_side
        return longest

    def _step(self, place: int, char: str) -> int | None:
        """From the place of the children of one prefix to that of the prefix and a character."""
        for byte in char.encode(errors="surrogatepass"):
            index = place ^ byte
            if index >= len(self._units) or self._units[index] & _LABEL != byte:
                return None
            place = self._place_below(index)
        return place

    def _place_below(self, index: int) -> int:
        unit = self._units[index]
        return index ^ ((unit >> 10) << ((unit & 0x200) >> 6))

    def _right_side(self, place: int) -> str | None:
        unit = self._units[place] if place < len(self._units) else 0
        if not unit & _IS_VALUE:
            return None
        start = unit & ~_IS_VALUE
        return self._right_sides[start : self._right_sides.find(b"\0", start)].decode()
