"""The properties of a family's tokenizer that its files do not state, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerLayout:
    """The files of a family's vocabulary, and the ids of the pieces of a `.spm` file.

    For a checkpoint with a `tokenizer.json` only `tags` matters: that file states the rest.
    Without a `.spm` file the vocabulary is byte-level BPE, in `vocab.json` and `merges.txt`.

    The ids are those of `vocab`, if it names a file; else they follow from the pieces' places:

        first = (<s>, <pad>, </s>, <unk>), skipped = 3, added = (de_DE, <mask>)
        in the file   <unk>  <s>  </s>  ▁the  s
        ids            <s> 0   <pad> 1   </s> 2   <unk> 3   ▁the 4   s 5   de_DE 6   <mask> 7

    Tokens of `first` and `added` are special: no text is encoded to them, and they decode to none.

    Attributes:
        when: Values in `tokenizer_config.json` that a checkpoint of this layout has.
        spm: The `.spm` file, for source and target.
        target_spm: The one for the target, where that has its own.
        vocab: The JSON file that numbers the pieces.
        first: Tokens before the pieces.
        skipped: The number of the file's first pieces that they replace.
        added: Tokens after the pieces, or after what `vocab` has.
        extra_ids: The number of `<extra_id_N>` after the pieces, from the highest N down, unless
            `tokenizer_config.json` says otherwise.
        tags: A regular expression for a language's tag, with one group: its code.
    """

    when: Mapping[str, str] = field(default_factory=dict)
    spm: str | None = None
    target_spm: str | None = None
    vocab: str | None = None
    first: tuple[str, ...] = ()
    skipped: int = 0
    added: tuple[str, ...] = ()
    extra_ids: int = 0
    tags: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that a checkpoint without a `tokenizer.json` must have."""
        named = (self.spm, self.target_spm, self.vocab)
        return tuple(name for name in named if name) or ("vocab.json", "merges.txt")
