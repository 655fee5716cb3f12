"""Reads `.spm` files, and changes them so that no text is encoded to a control token."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from sentencepiece import (
    SentencePieceProcessor,
    sentencepiece_model_pb2,
    sentencepiece_pb2,
)

from model.errors import CheckpointError, UnsupportedModelError
from model.tokenizer.char_spans import CharSpan, in_characters, shared_with_next
from model.tokenizer.token_texts import LeadingBlanks

SPACE = "\u2581"  # how pieces write a blank

_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6  # of sentencepiece_model.proto


@dataclass(frozen=True, slots=True, kw_only=True)
class SpmFile:
    """A SentencePiece model and its kinds of pieces.

    Attributes:
        pieces: All pieces, in order.
        unknown: The piece for characters outside the vocabulary.
        controls: Pieces that stand for no text.
        bytes: Pieces for single bytes, which spell characters outside the vocabulary.
        leading_blanks: How many leading blanks decoding drops.
        unknown_text: The text of an unknown token.
    """

    processor: SentencePieceProcessor
    pieces: tuple[str, ...]
    unknown: str
    controls: frozenset[str]
    bytes: frozenset[str]
    leading_blanks: LeadingBlanks
    unknown_text: str

    def encode(self, text: str) -> list[str]:
        """Return the pieces of a text; characters outside the vocabulary are their own pieces."""
        pieces: list[str] = self.processor.encode(_without_surrogates(text), out_type=str)
        return pieces

    def spans(self, text: str) -> list[CharSpan]:
        """Return the characters that each of the pieces of `encode` stands for."""
        text = _without_surrogates(text)
        found = sentencepiece_pb2.SentencePieceText()  # type: ignore[attr-defined]  # at run time
        found.ParseFromString(self.processor.encode(text, out_type="serialized_proto"))
        spans = [(piece.begin, piece.end) for piece in found.pieces]  # of bytes
        return shared_with_next(in_characters(spans, text))


def read_spm(path: Path, *, tags: str | None = None) -> SpmFile:
    """Read a `.spm` file.

    Args:
        path: The file.
        tags: A pattern of language tags among the pieces, which no text may be encoded to.

    Raises:
        CheckpointError: The file is missing, or is no SentencePiece model.
        UnsupportedModelError: Its rules for decoding are not supported.
    """
    proto = _parse(path)
    if (
        proto.trainer_spec.treat_whitespace_as_suffix
        or proto.denormalizer_spec.precompiled_charsmap
    ):
        raise UnsupportedModelError(
            f"{path}: models with blanks as suffixes, or with a denormalizer, are not supported"
        )
    if tags:
        _make_controls(proto, tags)
    try:
        processor = SentencePieceProcessor(model_proto=proto.SerializeToString())
    except RuntimeError as error:
        raise CheckpointError(f"{path}: not a SentencePiece model: {error}") from error
    by_type = _pieces_by_type(proto)
    return SpmFile(
        processor=processor,
        pieces=tuple(piece.piece for piece in proto.pieces),
        unknown=next(iter(by_type[_UNKNOWN])),
        controls=by_type[_CONTROL],
        bytes=by_type[_BYTE],
        leading_blanks=_leading_blanks(proto.normalizer_spec),
        unknown_text=proto.trainer_spec.unk_surface,
    )


def _without_surrogates(text: str) -> str:
    """Return a text that sentencepiece takes: it refuses lone surrogates."""
    return text if text.isascii() else _SURROGATES.sub(_REPLACEMENT, text)


def _parse(path: Path) -> Any:
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at run time
    try:
        proto.ParseFromString(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise CheckpointError(f"{path}: not a SentencePiece model: {error}") from error
    if not (proto.pieces and proto.HasField("trainer_spec") and proto.HasField("normalizer_spec")):
        raise CheckpointError(f"{path}: not a SentencePiece model: pieces or settings are missing")
    return proto


def _make_controls(proto: Any, pattern: str) -> None:
    """Make language tags control pieces: user-defined pieces, or normal ones of score 0."""
    for piece in proto.pieces:
        is_made_up = piece.type == _USER_DEFINED or (piece.type == _NORMAL and piece.score == 0)
        if is_made_up and re.fullmatch(pattern, piece.piece):
            piece.type = _CONTROL


def _pieces_by_type(proto: Any) -> dict[int, frozenset[str]]:
    return {
        type_: frozenset(piece.piece for piece in proto.pieces if piece.type == type_)
        for type_ in (_UNKNOWN, _CONTROL, _BYTE)
    }


def _leading_blanks(normalizer: Any) -> LeadingBlanks:
    if normalizer.remove_extra_whitespaces:
        return LeadingBlanks.ALL_DROPPED
    if normalizer.add_dummy_prefix:
        return LeadingBlanks.ONE_DROPPED
    return LeadingBlanks.KEPT
