"""The shared vocabulary: a SentencePiece model, and the ids that Marian gives its pieces.

0        </s>
1        <unk>
2 ...    the pieces, in the order of the SentencePiece model
...      >>de<<, >>en<<: one tag for each target language
last     <pad>, also the decoder's start token
"""

import io
import itertools
import json
import shutil
import string
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import sentencepiece as spm
from torch import Tensor

from model.training.normalizer import add_lookalikes, replaced_characters

EOS, UNK, PAD = "</s>", "<unk>", "<pad>"
_SPM_SPECIAL = 3  # the SentencePiece model's own <unk>, <s> and </s>
_MARIAN_SPECIAL = 3  # </s>, <unk> and <pad>
MAX_INPUT_TOKENS = 512
# Of the median norm: an embedding that was never drawn shrinks to half of it.
_UNLEARNED_NORM = 0.55


def language_tag(language: str) -> str:
    """Return the token of a target language: `>>de<<`."""
    return f">>{language}<<"


class Vocabulary:
    """Encodes text to ids, equal to `MarianTokenizer`'s."""

    def __init__(self, pieces: spm.SentencePieceProcessor, *, languages: Sequence[str]) -> None:
        """Lay out the ids.

        Args:
            pieces: The SentencePiece model.
            languages: Target languages, in the order of their tags.
        """
        self._pieces = pieces
        self.languages = tuple(languages)
        self.tokens = (
            EOS,
            UNK,
            *(pieces.id_to_piece(i) for i in range(_SPM_SPECIAL, len(pieces))),
            *(language_tag(language) for language in languages),
            PAD,
        )
        self._first_tag_id = len(self.tokens) - 1 - len(self.languages)

    @property
    def eos_id(self) -> int:
        return 0

    @property
    def unk_id(self) -> int:
        return 1

    @property
    def pad_id(self) -> int:
        return len(self.tokens) - 1

    def __len__(self) -> int:
        return len(self.tokens)

    def tag_id(self, language: str) -> int:
        return self._first_tag_id + self.languages.index(language)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, without tag and end of sentence."""
        # SentencePiece has <unk> <s> </s> first, Marian </s> <unk>: all others move by one
        return [
            [self.unk_id if piece == 0 else piece - _SPM_SPECIAL + 2 for piece in ids]
            for ids in self._pieces.encode(list(texts))
        ]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; special tokens and tags have none."""
        kept = [i - 2 + _SPM_SPECIAL for i in ids if self.unk_id < i < self._first_tag_id]
        text: str = self._pieces.decode(kept)
        return text

    def unlearned(self, embedding: Tensor) -> frozenset[str]:
        """Return the characters that training hardly ever drew, in no piece.

        Args:
            embedding: (vocab, d_model), trained.
        """
        norms = embedding.float().norm(dim=1)
        first, last = self.unk_id + 1, self._first_tag_id
        is_learned = (norms >= _UNLEARNED_NORM * norms.median())[first:last].tolist()
        pieces = self.tokens[first:last]
        learned = itertools.compress(pieces, is_learned)
        return frozenset("".join(pieces)) - frozenset("".join(learned))

    def save(self, folder: Path, *, unlearned: frozenset[str] = frozenset()) -> None:
        """Write source.spm, target.spm, vocab.json and the tokenizer's configuration.

        Args:
            folder: Made if needed.
            unlearned: Characters that are read as others where there are some that say the same,
                and otherwise are named in the configuration: the service copies them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        model = self._pieces.serialized_model_proto()
        if unlearned:
            model = add_lookalikes(model, unlearned=unlearned)
            unlearned -= replaced_characters(model)
        (folder / "source.spm").write_bytes(model)
        shutil.copyfile(folder / "source.spm", folder / "target.spm")
        ids = {token: i for i, token in enumerate(self.tokens)}
        _write_json(folder / "vocab.json", ids)
        special = {"eos_token": EOS, "unk_token": UNK, "pad_token": PAD}
        _write_json(folder / "special_tokens_map.json", special)
        _write_json(
            folder / "tokenizer_config.json",
            {
                **special,
                "tokenizer_class": "MarianTokenizer",
                "separate_vocabs": False,
                "source_lang": self.languages[-1],
                "target_lang": self.languages[0],
                "model_max_length": MAX_INPUT_TOKENS,
                "sp_model_kwargs": {},
                "unlearned_characters": "".join(sorted(unlearned)),
            },
        )


def train_vocabulary(texts: Iterator[str], *, size: int, languages: Sequence[str]) -> Vocabulary:
    """Fit a unigram SentencePiece model so that all ids together, tags included, number `size`.

    Args:
        texts: Sentences of all languages, in the proportion of their use.
        size: Entries of the whole vocabulary.
        languages: Target languages, in the order of their tags.
    """
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=texts,
        model_writer=model,
        model_type="unigram",
        vocab_size=size - _MARIAN_SPECIAL - len(languages) + _SPM_SPECIAL,
        character_coverage=1.0,
        required_chars=string.printable.strip(),
        split_digits=True,  # an unseen number is still a sequence of digits to copy
        normalization_rule_name="nmt_nfkc",
        num_threads=2,
        minloglevel=2,
    )
    pieces = spm.SentencePieceProcessor(model_proto=add_lookalikes(model.getvalue()))
    return Vocabulary(pieces, languages=languages)


def load_vocabulary(folder: Path, *, adds_lookalikes: bool = False) -> Vocabulary:
    """Return the vocabulary that `Vocabulary.save` wrote.

    Args:
        folder: Where it was saved.
        adds_lookalikes: Add rules for look-alikes, as a vocabulary from before has none.
    """
    model = (folder / "source.spm").read_bytes()
    if adds_lookalikes:
        model = add_lookalikes(model)
    pieces = spm.SentencePieceProcessor(model_proto=model)
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    tags = sorted((t for t in ids if t.startswith(">>") and t.endswith("<<")), key=ids.__getitem__)
    return Vocabulary(pieces, languages=[tag[2:-2] for tag in tags])


def _write_json(path: Path, content: object) -> None:
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n"
    )
