"""Tokenizers of Marian checkpoints: SentencePiece models, and a vocabulary of their pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.json_file import read_json_object
from model.tokenizer.spm_model import SPACE, PieceType, SpmModel, read_spm
from model.tokenizer.spm_normalizer import Normalizer
from model.tokenizer.spm_segmenter import make_segmenter
from model.tokenizer.vocabulary import check_vocab, special_token_names


class SentencePieceEncoder:
    """Text to pieces, as sentencepiece's `encode(text, out_type=str)`."""

    def __init__(self, model: SpmModel) -> None:
        self._normalizer = Normalizer(model.normalizer)
        self._segmenter = make_segmenter(model)

    def encode(self, text: str) -> list[str]:
        normalized = self._normalizer.normalize(text)
        return self._segmenter.segment(normalized) if normalized else []


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialTokens:
    """The vocabulary's entries with a meaning of their own."""

    unk: str
    eos: str
    pad: str


class MarianTokenizer:
    """A source and a target SentencePiece model over one vocabulary, or over one each.

    No text is encoded to a special token: one that begins with `>>de<<` is a text like any other.
    """

    def __init__(
        self,
        *,
        source: SpmModel,
        target: SpmModel,
        source_vocab: Mapping[str, int],
        target_vocab: Mapping[str, int],
        special: SpecialTokens,
    ) -> None:
        self._source_vocab = source_vocab
        self._unk_id = source_vocab[special.unk]
        self._eos_id = source_vocab[special.eos]
        self._pad_id = source_vocab[special.pad]
        self._source = _Side(source, source_vocab, special=special)
        self._target = _Side(target, target_vocab, special=special)
        self._decoder = PieceDecoder(target, target_vocab, special_ids=self._target.special_ids)

    @property
    def vocab_size(self) -> int:
        return self._decoder.vocab_size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._target.special_ids

    @property
    def pad_id(self) -> int:
        return self._pad_id

    @property
    def eos_id(self) -> int:
        return self._eos_id

    @property
    def unk_id(self) -> int:
        return self._unk_id

    @property
    def target_languages(self) -> tuple[str, ...]:
        """The codes of the language tags, as in `>>code<<`, in the order of their ids."""
        tags = (token for token in self._source_vocab if _is_language_tag(token))
        return tuple(tag[2:-2] for tag in sorted(tags, key=self._source_vocab.__getitem__))

    def encode(self, text: str) -> list[int]:
        return self._source.encode(text)

    def encode_target(self, text: str) -> list[int]:
        return self._target.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._decoder.decode(token_ids)

    def token_to_id(self, token: str) -> int | None:
        return self._source_vocab.get(token)


class _Side:
    """Source or target: its pieces, and the ids that a vocabulary gives them."""

    def __init__(
        self, model: SpmModel, vocab: Mapping[str, int], *, special: SpecialTokens
    ) -> None:
        self._encoder = SentencePieceEncoder(model)
        self._unk_id = vocab[special.unk]
        controls = {piece.text for piece in model.pieces if piece.type is PieceType.CONTROL}
        meanings = {special.eos, special.pad, *controls} - {special.unk}
        ids = (id_ for token, id_ in vocab.items() if token in meanings or _is_language_tag(token))
        self.special_ids = frozenset(ids)
        self._text_ids = {t: id_ for t, id_ in vocab.items() if id_ not in self.special_ids}

    def encode(self, text: str) -> list[int]:
        return [self._text_ids.get(piece, self._unk_id) for piece in self._encoder.encode(text)]


class PieceDecoder:
    """Ids to text, as sentencepiece's `decode` of the pieces they stand for.

    Where source and target share a vocabulary, a piece that only the source model knows is text
    too. Ids without an entry read as unknown.
    """

    def __init__(
        self, model: SpmModel, vocab: Mapping[str, int], *, special_ids: frozenset[int]
    ) -> None:
        spec = model.normalizer
        unknown = {piece.text for piece in model.pieces if piece.type is PieceType.UNKNOWN}
        known = {id_: t for t, id_ in vocab.items() if t not in unknown and id_ not in special_ids}
        self.vocab_size = max(vocab.values()) + 1
        self._special_ids = special_ids
        self._unk_surface = model.unk_surface
        self._texts = {id_: piece.replace(SPACE, " ") for id_, piece in known.items()}
        self._drops_blank = spec.add_dummy_prefix or spec.remove_extra_whitespaces
        self._drops_more_blanks = spec.remove_extra_whitespaces

    def decode(self, token_ids: Sequence[int]) -> str:
        ids = [id_ for id_ in token_ids if id_ not in self._special_ids]
        texts = [self._texts.get(id_, self._unk_surface) for id_ in ids]
        for place, id_ in enumerate(ids):
            if self._drops_blank and id_ in self._texts:
                texts[place] = texts[place].removeprefix(" ")
            if texts[place] or not self._drops_more_blanks:
                break
        return "".join(texts)


def load_marian_tokenizer(folder: Path) -> MarianTokenizer:
    """The tokenizer of a Marian checkpoint.

    Reads `source.spm`, `target.spm`, `vocab.json`, `tokenizer_config.json` if there is one, and
    `target_vocab.json` if the configuration says that the vocabularies are separate.

    Raises:
        CheckpointError: A file is missing or broken; the message names it.
        UnsupportedModelError: A `.spm` file uses a feature that is not supported.
    """
    config_path = folder / "tokenizer_config.json"
    config = read_json_object(config_path) if config_path.exists() else {}
    special = SpecialTokens(**special_token_names(folder, unk="<unk>", eos="</s>", pad="<pad>"))
    source_vocab = _read_vocab(folder / "vocab.json", special)
    has_two = bool(config.get("separate_vocabs", False))
    target_vocab = _read_vocab(folder / "target_vocab.json", special) if has_two else source_vocab
    return MarianTokenizer(
        source=read_spm(folder / "source.spm"),
        target=read_spm(folder / "target.spm"),
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        special=special,
    )


def _read_vocab(path: Path, special: SpecialTokens) -> dict[str, int]:
    required = (special.unk, special.eos, special.pad)
    return check_vocab(path, read_json_object(path), required=required)


def _is_language_tag(token: str) -> bool:
    return token.startswith(">>") and token.endswith("<<")
