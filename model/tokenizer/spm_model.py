"""What a SentencePiece `.spm` file says, read without protobuf."""

import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer.spm_charsmap import Charsmap

SPACE = "\u2581"  # how a blank is written inside pieces

FieldValue = int | bytes

# Field numbers of sentencepiece_model.proto.
_PIECE, _TRAINER, _NORMALIZER, _DENORMALIZER = 1, 2, 3, 5
_TEXT, _SCORE, _TYPE = 1, 2, 3
_ALGORITHM, _BLANK_AS_SUFFIX, _BYTE_FALLBACK, _UNK_SURFACE = 3, 24, 35, 44
_CHARSMAP, _ADD_DUMMY_PREFIX, _REMOVE_EXTRA_WHITESPACES, _ESCAPE_WHITESPACES = 2, 3, 4, 5

# The protobuf encoding.
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5  # wire types
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}  # bytes
_MAX_VARINT_BITS = 70  # ten groups of seven
_CONTINUES = 0x80  # set in each byte of a varint but the last


class PieceType(IntEnum):
    """What a piece of the vocabulary is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class SegmentationAlgorithm(IntEnum):
    """How a model chooses among the ways to cut a text into its pieces."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


_SUPPORTED_ALGORITHMS = (SegmentationAlgorithm.UNIGRAM, SegmentationAlgorithm.BPE)


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the vocabulary; its id is its place in the file."""

    text: str
    score: float  # a log-probability (Unigram) or a negated merge rank (BPE), exact in float32
    type: PieceType


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizerSpec:
    """How a text is rewritten before it is cut."""

    charsmap: Charsmap | None
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpmModel:
    """One `.spm` file."""

    pieces: tuple[Piece, ...]
    algorithm: SegmentationAlgorithm
    normalizer: NormalizerSpec
    unk_surface: str


def read_spm(path: Path) -> SpmModel:
    """The model in a `.spm` file.

    Raises:
        CheckpointError: The file is missing or broken.
        UnsupportedModelError: The model uses a feature that `MarianTokenizer` does not have.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return parse_spm(data)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{path}: {error}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: not a SentencePiece model: {error}") from error


def parse_spm(data: bytes) -> SpmModel:
    """The model that the bytes of a `.spm` file describe.

    Raises:
        ValueError: They describe none.
        UnsupportedModelError: The model uses a feature that is not supported.
    """
    pieces: list[Piece] = []
    specs: dict[int, dict[int, FieldValue]] = {_DENORMALIZER: {}}
    for number, value in _fields(data):
        if number == _PIECE:
            pieces.append(_parse_piece(_as_bytes(value)))
        elif number in (_TRAINER, _NORMALIZER, _DENORMALIZER):
            specs[number] = dict(_fields(_as_bytes(value)))
    if _TRAINER not in specs or _NORMALIZER not in specs:
        raise ValueError("it ends before its settings")
    _check_pieces(pieces)
    _refuse_unknown_features(pieces, specs)
    trainer = specs[_TRAINER]
    return SpmModel(
        pieces=tuple(pieces),
        algorithm=SegmentationAlgorithm(
            _as_int(trainer.get(_ALGORITHM, SegmentationAlgorithm.UNIGRAM))
        ),
        normalizer=_parse_normalizer(specs[_NORMALIZER]),
        unk_surface=_as_bytes(trainer.get(_UNK_SURFACE, " \u2047 ".encode())).decode(),
    )


def _parse_piece(data: bytes) -> Piece:
    text, score, kind = "", 0.0, PieceType.NORMAL
    for number, value in _fields(data):
        if number == _TEXT:
            text = _as_bytes(value).decode()
        elif number == _SCORE:
            score = _as_float(value)
        elif number == _TYPE:
            kind = PieceType(_as_int(value))
    return Piece(text, score, kind)


def _parse_normalizer(fields: Mapping[int, FieldValue]) -> NormalizerSpec:
    blob = _as_bytes(fields.get(_CHARSMAP, b""))
    return NormalizerSpec(
        charsmap=Charsmap(blob) if blob else None,
        add_dummy_prefix=bool(fields.get(_ADD_DUMMY_PREFIX, True)),
        remove_extra_whitespaces=bool(fields.get(_REMOVE_EXTRA_WHITESPACES, True)),
    )


def _check_pieces(pieces: Sequence[Piece]) -> None:
    """Raise ValueError for what sentencepiece itself refuses to load."""
    if not pieces:
        raise ValueError("it has no pieces")
    if sum(piece.type is PieceType.UNKNOWN for piece in pieces) != 1:
        raise ValueError("it must have exactly one piece of type UNKNOWN")
    for piece in pieces:
        if not piece.text or "\0" in piece.text:
            raise ValueError(f"{piece.text!r} cannot be a piece")
        if not math.isfinite(piece.score):
            raise ValueError(f"the score of {piece.text!r} is {piece.score}")
    text, count = Counter(piece.text for piece in pieces).most_common(1)[0]
    if count > 1:
        raise ValueError(f"the piece {text!r} occurs {count} times")


def _refuse_unknown_features(
    pieces: Sequence[Piece], specs: Mapping[int, Mapping[int, FieldValue]]
) -> None:
    types = {piece.type for piece in pieces}
    trainer = specs[_TRAINER]
    refused = {
        "byte fallback": PieceType.BYTE in types or bool(trainer.get(_BYTE_FALLBACK, False)),
        "user-defined symbols": PieceType.USER_DEFINED in types,
        "blanks as suffixes": bool(trainer.get(_BLANK_AS_SUFFIX, False)),
        "plain blanks in pieces": not specs[_NORMALIZER].get(_ESCAPE_WHITESPACES, True),
        "a denormalizer": bool(specs[_DENORMALIZER].get(_CHARSMAP, b"")),
        "the WORD or CHAR algorithm": trainer.get(_ALGORITHM, SegmentationAlgorithm.UNIGRAM)
        not in _SUPPORTED_ALGORITHMS,
    }
    for feature, is_used in refused.items():
        if is_used:
            raise UnsupportedModelError(f"SentencePiece models with {feature} are not supported")


def _fields(data: bytes) -> Iterator[tuple[int, FieldValue]]:
    """The (number, value) pairs of one protobuf message, in file order."""
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _read_varint(data, position)
            yield number, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            size, position = _read_varint(data, position)
        elif wire_type in _FIXED_SIZES:
            size = _FIXED_SIZES[wire_type]
        else:
            raise ValueError(f"wire type {wire_type} at byte {position}")
        if position + size > len(data):
            raise ValueError(f"it ends {position + size - len(data)} bytes early")
        yield number, data[position : position + size]
        position += size


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    value = 0
    for shift in range(0, _MAX_VARINT_BITS, 7):
        if position >= len(data):
            raise ValueError("it ends in the middle of a number")
        byte = data[position]
        position += 1
        value |= (byte & ~_CONTINUES) << shift
        if not byte & _CONTINUES:
            return value, position
    raise ValueError(f"a number at byte {position} is too long")


def _as_bytes(value: FieldValue) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes belong")  # noqa: TRY004 - the file is wrong, not the call
    return value


def _as_int(value: FieldValue) -> int:
    if isinstance(value, bytes):
        raise ValueError("bytes where a number belongs")  # noqa: TRY004 - the file is wrong, not the call
    return value


def _as_float(value: FieldValue) -> float:
    data = _as_bytes(value)
    if len(data) != _FIXED_SIZES[_FIXED32]:
        raise ValueError(f"{len(data)} bytes where a float32 belongs")
    return float(struct.unpack("<f", data)[0])
