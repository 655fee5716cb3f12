"""Tokenizers of `.spm` files (SentencePiece), with the ids that a checkpoint gives the pieces."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from model.errors import CheckpointError
from model.json_file import read_json_object
from model.tokenizer.char_spans import CharSpan
from model.tokenizer.layout import TokenizerLayout
from model.tokenizer.spm_file import SPACE, SpmFile, read_spm
from model.tokenizer.token_texts import TokenTexts
from model.tokenizer.vocabulary import TokenizerConfig, check_vocab, in_order

_EXTRA_ID = "<extra_id_"


class SpmVocabulary:
    """One `.spm` file, the ids of its pieces, and the additional tokens."""

    def __init__(
        self,
        spm: SpmFile,
        ids: Mapping[str, int],
        *,
        unk: str,
        special: Iterable[str],
        text_tokens: Iterable[str] = (),
    ) -> None:
        """Prepare encoding and decoding.

        Args:
            spm: The file.
            ids: The ids of pieces and all other tokens.
            unk: The token for pieces without an id.
            special: Tokens that stand for no text, besides the file's own control pieces.
            text_tokens: Additional tokens that are found in texts before the pieces.
        """
        self.ids = ids
        self.unk_id = ids[unk]
        self.special_ids = frozenset(
            ids[token] for token in (*special, *spm.controls) if token in ids and token != unk
        )
        self._spm = spm
        self._text_ids = {t: id_ for t, id_ in ids.items() if id_ not in self.special_ids}
        longest_first = sorted(text_tokens, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first))
        self._text_tokens = re.compile(f"({pattern})") if pattern else None
        self._texts = TokenTexts(
            {id_: self._bytes_of(t) for t, id_ in self._text_ids.items() if id_ != self.unk_id},
            silent_ids=self.special_ids,
            unknown=spm.unknown_text.encode(),
            leading_blanks=spm.leading_blanks,
        )

    def encode(self, text: str) -> list[int]:
        if self._text_tokens is None:
            pieces = self._spm.encode(text)
        else:
            parts = self._text_tokens.split(text)  # odd places are tokens
            cut = ([part] if i % 2 else self._spm.encode(part) for i, part in enumerate(parts))
            pieces = list(chain.from_iterable(cut))
        return [self._text_ids.get(piece, self.unk_id) for piece in pieces]

    def spans(self, text: str) -> list[CharSpan]:
        if self._text_tokens is None:
            return self._spm.spans(text)
        spans, start = [], 0
        for place, part in enumerate(self._text_tokens.split(text)):  # odd places are tokens
            found = [(0, len(part))] if place % 2 else self._spm.spans(part)
            spans += [(start + first, start + last) for first, last in found]
            start += len(part)
        return spans

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._texts.decode(token_ids)

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        return self._texts.spans(token_ids)

    def _bytes_of(self, token: str) -> bytes:
        if token in self._spm.bytes:
            return bytes.fromhex(token[len("<0x") : -len(">")])
        return token.replace(SPACE, " ").encode()


class SentencePieceTokenizer:
    """Tokenizer of one `.spm` file for source and target, or of one for each."""

    def __init__(self, source: SpmVocabulary, target: SpmVocabulary) -> None:
        self._source = source
        self._target = target

    @property
    def vocab_size(self) -> int:
        return max(self._target.ids.values()) + 1

    @property
    def source_vocab_size(self) -> int:
        return max(self._source.ids.values()) + 1

    @property
    def special_ids(self) -> frozenset[int]:
        return self._target.special_ids

    @property
    def unk_id(self) -> int:
        return self._target.unk_id

    @property
    def source_unk_id(self) -> int:
        return self._source.unk_id

    @property
    def added_tokens(self) -> Sequence[str]:
        return in_order(self._source.ids, self._source.special_ids)

    def encode(self, text: str) -> list[int]:
        return self._source.encode(text)

    def encode_target(self, text: str) -> list[int]:
        return self._target.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._target.decode(token_ids)

    def spans(self, text: str) -> list[CharSpan]:
        return self._source.spans(text)

    def target_spans(self, text: str) -> list[CharSpan]:
        return self._target.spans(text)

    def decoded_spans(self, token_ids: Sequence[int]) -> list[CharSpan]:
        return self._target.decoded_spans(token_ids)

    def token_to_id(self, token: str) -> int | None:
        return self._source.ids.get(token)


def load_sentencepiece_tokenizer(
    folder: Path, layout: TokenizerLayout, config: TokenizerConfig
) -> SentencePieceTokenizer:
    """Return the tokenizer of a checkpoint with `.spm` files.

    If `tokenizer_config.json` has `separate_vocabs`, the target's ids are in `target_vocab.json`,
    as Marian's tokenizers write it.

    Raises:
        CheckpointError: A file is missing or broken; the message names it.
        UnsupportedModelError: A `.spm` file has a feature that is not supported.
    """
    source_spm = target_spm = read_spm(folder / (layout.spm or ""), tags=layout.tags)
    if layout.target_spm:
        target_spm = read_spm(folder / layout.target_spm, tags=layout.tags)
    vocab_path = folder / layout.vocab if layout.vocab else None
    source = target = _vocabulary(source_spm, vocab_path, layout, config)
    if vocab_path and config.settings.get("separate_vocabs"):
        target_path = vocab_path.with_name(f"target_{vocab_path.name}")
        target = _vocabulary(target_spm, target_path, layout, config)
    elif layout.target_spm:
        target = _vocabulary(target_spm, vocab_path, layout, config)
    return SentencePieceTokenizer(source, target)


def _vocabulary(
    spm: SpmFile, vocab_path: Path | None, layout: TokenizerLayout, config: TokenizerConfig
) -> SpmVocabulary:
    unk = config.special_token("unk", default=spm.unknown)
    special = [*layout.first, *config.named_special_tokens]
    if vocab_path:
        ends = [config.special_token("eos", default="</s>")]
        ends.append(config.special_token("pad", default="<pad>"))
        ids = check_vocab(vocab_path, read_json_object(vocab_path), required=(unk, *ends))
        special += ends
    else:
        tokens = (*layout.first, *spm.pieces[layout.skipped :])
        ids = {token: id_ for id_, token in enumerate(tokens)}
    size = max(ids.values()) + 1
    more = [token for token in (*layout.added, *_extra_ids(layout, config)) if token not in ids]
    ids |= {token: size + place for place, token in enumerate(more)}
    ids |= {token.text: token.token_id for token in config.added_tokens}
    if unk not in ids:
        raise CheckpointError(f"{config.path}: the unknown token {unk!r} is not in the vocabulary")
    tags = _tags(ids, layout, besides=frozenset(spm.pieces) - spm.controls)
    special += [*more, *tags, *(token.text for token in config.added_tokens if token.is_special)]
    text_tokens = {token.text for token in config.added_tokens} - {*special, unk}
    return SpmVocabulary(spm, ids, unk=unk, special=special, text_tokens=text_tokens)


def _extra_ids(layout: TokenizerLayout, config: TokenizerConfig) -> list[str]:
    named = [name for name in config.named_special_tokens if name.startswith(_EXTRA_ID)]
    count = config.settings.get("extra_ids", len(named) or layout.extra_ids)
    return [f"{_EXTRA_ID}{number}>" for number in reversed(range(count))]


def _tags(
    ids: Mapping[str, int], layout: TokenizerLayout, *, besides: frozenset[str]
) -> Iterable[str]:
    """Return the language tags of a vocabulary; a piece for ordinary text is none."""
    if layout.tags is None:
        return ()
    is_tag = re.compile(layout.tags).fullmatch
    return [token for token in ids if token not in besides and is_tag(token)]
