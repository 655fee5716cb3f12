"""The vocabulary: byte-level BPE as BART has it, with tags for styles and marks for gaps.

0 ... 3   <s> <pad> </s> <unk>
4         <mask>
...       <headline>, <tldr>: one tag for each style
...       <gap1> <gap2> ...: the places of missing spans, in the denoising part of training only
...       the 256 bytes, then what merging them gives
"""

import json
import string
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from model.training.normalizer import COMPATIBLE, compiled, with_lookalikes
from model.training.summarization.form import MAX_POSITIONS

BOS, PAD, EOS, UNK, MASK = _FRAME = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
NUM_GAPS = 50


def style_tag(style: str) -> str:
    """Return the token of a style: `<headline>`."""
    return f"<{style}>"


class Vocabulary:
    """Encodes text to ids, equal to the serving tokenizer's.

    The first word has a blank in front of it, too: a name at the beginning of a headline has the
    same tokens as inside the text that it is copied from.
    """

    def __init__(self, tokenizer: Tokenizer, *, styles: Sequence[str]) -> None:
        """Look up the special tokens.

        Args:
            tokenizer: From `train_vocabulary`.
            styles: The styles of summaries, in the order of their tags.
        """
        self._tokenizer = tokenizer
        self.styles = tuple(styles)
        self.bos_id, self.pad_id, self.eos_id, self.unk_id, self.mask_id = map(self._id, _FRAME)
        self.gap_ids = tuple(self._id(token) for token in _gap_tokens())
        self._tag_ids = {style: self._id(style_tag(style)) for style in styles}

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the vocabulary has no token {token}")
        return found

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    @property
    def unwritten_ids(self) -> list[int]:
        """The special tokens that no summary contains."""
        return [self.unk_id, self.mask_id, *self._tag_ids.values(), *self.gap_ids]

    def tag_id(self, style: str) -> int:
        return self._tag_ids[style]

    def encode(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """Yield the ids of each text, without start, tag and end; none is a special token."""
        for text in texts:
            yield self._tokenizer.encode(text, add_special_tokens=False).ids

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json."""
        folder.mkdir(parents=True, exist_ok=True)
        # only the file has the tags as added tokens: for `transformers`, where users type them
        written = Tokenizer.from_str(self._tokenizer.to_str())
        special = [*_FRAME, *map(style_tag, self.styles), *_gap_tokens()]
        written.add_special_tokens([AddedToken(token, normalized=False) for token in special])
        written.save(str(folder / "tokenizer.json"))
        config = {
            # not BartTokenizer: that one builds its own decoder, which keeps the first blank
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": PAD,
            "unk_token": UNK,
            "mask_token": MASK,
            "cls_token": BOS,
            "sep_token": EOS,
            "additional_special_tokens": special[len(_FRAME) :],
            "clean_up_tokenization_spaces": False,
            "model_max_length": MAX_POSITIONS,
            "styles": list(self.styles),
        }
        text = json.dumps(config, ensure_ascii=False, indent=1) + "\n"
        (folder / "tokenizer_config.json").write_text(text, encoding="utf-8", newline="\n")


def _gap_tokens() -> list[str]:
    return [f"<gap{number}>" for number in range(1, NUM_GAPS + 1)]


def train_vocabulary(texts: Iterable[str], *, size: int, styles: Sequence[str]) -> Vocabulary:
    """Fit merges so that all ids together, special tokens and bytes included, number `size`.

    Digits are never merged: an unseen number is still a sequence of digits.

    Args:
        texts: Sources and summaries, in the proportion of their use.
        size: Entries of the whole vocabulary; fewer if the texts have not enough merges.
        styles: The styles of summaries, in the order of their tags.
    """
    tokenizer = Tokenizer(models.BPE())
    # Merges learnt with this split join no digits, so none does under the usual split later.
    digits = pre_tokenizers.Split(Regex(r" ?\p{N}"), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.train_from_iterator(
        (f" {text}" for text in texts),
        trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=[*_FRAME, *map(style_tag, styles), *_gap_tokens()],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = _without_added_tokens(tokenizer)
    tokenizer.normalizer = _normalizer(tokenizer)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (BOS, EOS)],
    )
    return Vocabulary(tokenizer, styles=styles)


def rewrite_tokenizer(folder: Path) -> None:
    """Add rules for look-alikes to the `tokenizer.json` of a checkpoint made before there were any.

    The rest of the file stays.
    """
    path = str(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    tokenizer.normalizer = _normalizer(tokenizer)
    tokenizer.save(path)


def _normalizer(tokenizer: Tokenizer) -> normalizers.Normalizer:
    """Return the rules that write with letters of the vocabulary what has bytes only."""
    decoder = decoders.ByteLevel()
    texts = {decoder.decode([token]).strip() for token in tokenizer.get_vocab()}
    known = frozenset((*string.printable, *(text for text in texts if len(text) == 1)))
    rules = with_lookalikes(COMPATIBLE, known=known)
    return normalizers.Sequence([normalizers.NFC(), normalizers.Precompiled(compiled(rules))])


def load_vocabulary(folder: Path) -> Vocabulary:
    """Return the vocabulary that `Vocabulary.save` wrote."""
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokenizer = _without_added_tokens(Tokenizer.from_file(str(folder / "tokenizer.json")))
    return Vocabulary(tokenizer, styles=config["styles"])


def _without_added_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that has the special tokens' ids but does not find them in texts."""
    description = json.loads(tokenizer.to_str())
    description["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(description))
