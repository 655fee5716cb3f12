"""The rules by which a tokenizer rewrites a text before it cuts it, look-alikes among them.

SentencePiece compiles them: a double-array trie (Darts-clone) of what is replaced, which gives the
place of the replacement in a block of strings. `tokenizer.json` takes the same bytes.
"""

import io
import struct
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2

from model.tokenizer.lookalikes import BLANKS, LOOKALIKES, is_invisible, plain_forms

_HAS_LEAF, _FAR = 1 << 8, 1 << 9  # bits of a unit of the trie
_VALUE = (1 << 31) - 1
_LABEL = 1 << 31 | 0xFF
_PLANE = [chr(code) for code in range(1, 0x1_0000)]
_INVISIBLE = frozenset(filter(is_invisible, _PLANE))
_WIDTHS = ("<wide>", "<narrow>", "<noBreak>")
_LIGATURES = frozenset("ﬀﬁﬂﬃﬄﬅﬆ")

# Of Unicode's compatible forms, those that say the same: not 2 for a superscript.
COMPATIBLE: Mapping[str, str] = {
    char: " " if unicodedata.category(char) == "Zs" else unicodedata.normalize("NFKC", char)
    for char in _PLANE
    if char in _LIGATURES
    or unicodedata.decomposition(char).startswith(_WIDTHS)
    or (unicodedata.category(char) == "Zs" and char != " ")
}


def rules_of(charsmap: bytes) -> dict[str, str]:
    """Return what compiled rules replace, and by what."""
    (trie_size,) = struct.unpack_from("<I", charsmap)
    units = struct.unpack_from(f"<{trie_size // 4}I", charsmap, 4)
    texts = charsmap[4 + trie_size :]
    return {
        key.decode(): texts[value : texts.index(b"\0", value)].decode()
        for key, value in _entries(units)
    }


def _entries(units: tuple[int, ...]) -> Iterator[tuple[bytes, int]]:
    """Yield each key of a trie with its value.

    A unit's label is the byte that leads to it: unit `offset ^ byte` follows the node of an offset.
    """
    children: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for at, unit in enumerate(units):
        if 0 < unit & _LABEL <= 0xFF:  # noqa: PLR2004 - a byte
            children[at ^ unit & 0xFF].append((at, unit))
    stack = [(_offset(units[0]), b"")]
    while stack:
        node, key = stack.pop()
        for at, unit in children[node]:
            longer, child = key + bytes([unit & 0xFF]), at ^ _offset(unit)
            if unit & _HAS_LEAF:
                yield longer, units[child] & _VALUE
            stack.append((child, longer))


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & _FAR) >> 6)


def with_lookalikes(rules: Mapping[str, str], *, known: frozenset[str]) -> dict[str, str]:
    """Add rules for look-alikes and invisible characters to those of a vocabulary.

    Args:
        rules: What is replaced already.
        known: The characters of the vocabulary's pieces, which stay.
    """

    def is_known(text: str) -> bool:
        return known.issuperset(text.replace(" ", ""))

    def nearest(text: str) -> str:
        return "".join(
            char if is_known(char) else next(filter(is_known, plain_forms(char)), char)
            for char in text
        )

    changed = {key: nearest(value) for key, value in rules.items()}
    singles = {*LOOKALIKES, *BLANKS, *_INVISIBLE, *(key for key in rules if len(key) == 1)}
    for char in sorted(singles - known):
        if char in _INVISIBLE:
            changed[char] = ""
        elif not is_known(rules.get(char, char)) and is_known(nearest(char)):
            changed[char] = nearest(char)
    return changed


def compiled(rules: Mapping[str, str]) -> bytes:
    """Return the rules as a `.spm` file has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.tsv")
        path.write_text("".join(map(_line, rules.items())), encoding="utf-8")
        model = io.BytesIO()
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c d"]),
            model_writer=model,
            vocab_size=8,
            hard_vocab_limit=False,
            normalization_rule_tsv=str(path),
            minloglevel=2,
        )
    charsmap: bytes = _parse(model.getvalue()).normalizer_spec.precompiled_charsmap
    return charsmap


def _line(rule: tuple[str, str]) -> str:
    return "\t".join(" ".join(f"{ord(char):X}" for char in side) for side in rule) + "\n"


def add_lookalikes(model: bytes, *, unlearned: frozenset[str] = frozenset()) -> bytes:
    """Return a SentencePiece model that reads look-alikes as what it knows; its pieces stay.

    Args:
        model: The content of a `.spm` file.
        unlearned: Characters of its pieces that are no better than unknown.
    """
    proto = _parse(model)
    known = frozenset(char for piece in proto.pieces for char in piece.piece) - unlearned
    rules = rules_of(proto.normalizer_spec.precompiled_charsmap)
    proto.normalizer_spec.precompiled_charsmap = compiled(with_lookalikes(rules, known=known))
    proto.normalizer_spec.name = "user_defined"
    data: bytes = proto.SerializeToString()
    return data


def replaced_characters(model: bytes) -> frozenset[str]:
    """Return the characters that a SentencePiece model replaces."""
    return frozenset(rules_of(_parse(model).normalizer_spec.precompiled_charsmap))


def _parse(model: bytes) -> Any:
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at run time
    proto.ParseFromString(model)
    return proto
