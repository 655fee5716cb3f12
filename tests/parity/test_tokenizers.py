"""Token ids and texts equal those of `transformers`, on thousands of lines for each kind.

`transformers` rebuilds most of its tokenizers from a `.spm` file on the `tokenizers` library, which
differs from SentencePiece in some cases: the rounding of equally probable segmentations, a mark for
a blank at the end, no bytes for unknown characters. Ours are SentencePiece's own,
so the kinds of the first table are compared on the lines where both can agree, and with
SentencePiece on all of them.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import transformers

from model.tokenizer import layouts
from model.tokenizer.layout import TokenizerLayout
from model.tokenizer.load import load_tokenizer
from model.tokenizer.tokenizer import Tokenizer
from tests.support.checkpoints.tokenizers import (
    ENGLISH,
    GEMMA_PIECES,
    GERMAN,
    NLLB_PIECES,
    ODD_TEXTS,
    T5_PIECES,
    make_sentences,
    train_spm,
    write_bart_tokenizer,
    write_m2m100_tokenizer,
    write_marian_tokenizer,
    write_spm_tokenizer,
)

SENTENCES = (
    *make_sentences(ENGLISH, count=1000, seed=1),
    *make_sentences(GERMAN, count=1000, seed=2),
    *(Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines(),
)
TRAINING = [*make_sentences(ENGLISH), *make_sentences(GERMAN, count=500), "日本語のテキスト。"]
ALPHABETS = (
    "the quick brown ",
    "äöüßéè ",
    "e\u0300\u0301\u0308 ",
    "한국어日本語か\u3099。 ",
    "مرحباשלוםहिन्दीไทย ",
    "👩👍🏽\u200d🇩🇪𝓐½①ﬁ… ",
    "{}<>/_=;\t",
)


def make_mixtures(count: int) -> Iterator[str]:
    """Return runs of characters from a few scripts, and of any characters."""
    rng = random.Random(3)
    for _ in range(count):
        alphabet = "".join(rng.sample(ALPHABETS, 2))
        yield "".join(rng.choices(alphabet, k=rng.randint(1, 40)))
        codes = (rng.choice((0x80, 0x3000, 0x11_0000)) for _ in range(rng.randint(1, 12)))
        chars = (chr(rng.randrange(1, limit)) for limit in codes)
        yield "".join(char for char in chars if not 0xD800 <= ord(char) < 0xE000)


MIXTURES = (*ODD_TEXTS, *make_mixtures(500))


@dataclass(frozen=True)
class Kind:
    """One format of a vocabulary, and the loaders of `transformers` and ours."""

    theirs: Callable[[Path], Any]
    layouts: Sequence[TokenizerLayout]
    write: Callable[[Path], Path]


def spm_kind(
    name: str, own_layouts: Sequence[TokenizerLayout], *, pieces: Any = None, **config: Any
) -> Kind:
    """Return a kind with one `.spm` file."""

    def write(folder: Path) -> Path:
        spm = train_spm(TRAINING, **(pieces or {}))
        config["tokenizer_class"] = name
        return write_spm_tokenizer(folder, spm=spm, file=own_layouts[0].spm or "", **config)

    return Kind(getattr(transformers, name).from_pretrained, own_layouts, write)


def write_marian(folder: Path) -> Path:
    spm = train_spm(TRAINING)
    return write_marian_tokenizer(folder, source=spm, target=spm)


REBUILT = {
    "T5": spm_kind("T5Tokenizer", layouts.T5, pieces=T5_PIECES),
    "PEGASUS": spm_kind("PegasusTokenizer", layouts.PEGASUS, pieces=T5_PIECES),
    "mBART-25": spm_kind("MBartTokenizer", layouts.MBART),
    "mBART-50": spm_kind("MBart50Tokenizer", layouts.MBART),
    "NLLB": spm_kind("NllbTokenizer", layouts.M2M100, pieces=NLLB_PIECES),
}
SAME = {
    "Marian": Kind(transformers.MarianTokenizer.from_pretrained, layouts.MARIAN, write_marian),
    "M2M100": Kind(
        transformers.M2M100Tokenizer.from_pretrained,
        layouts.M2M100,
        lambda folder: write_m2m100_tokenizer(folder, spm=train_spm(TRAINING)),
    ),
    "PLBART": spm_kind("PLBartTokenizer", layouts.PLBART, language_codes="base"),
    "PLBART, multi": spm_kind("PLBartTokenizer", layouts.PLBART, language_codes="multi"),
    "BART": Kind(
        transformers.BartTokenizer.from_pretrained,
        layouts.BART,
        lambda folder: write_bart_tokenizer(folder, sentences=TRAINING),
    ),
    "ByT5": Kind(
        lambda _: transformers.ByT5Tokenizer(),
        layouts.T5,
        lambda folder: write_config(folder, tokenizer_class="ByT5Tokenizer"),
    ),
}


def write_config(folder: Path, **config: Any) -> Path:
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@dataclass(frozen=True)
class Pair:
    theirs: Any
    ours: Tokenizer
    folder: Path

    @property
    def unk_id(self) -> int | None:
        return self.ours.token_to_id("<unk>")

    def check(self, text: str) -> None:
        expected = self.theirs(text, add_special_tokens=False, split_special_tokens=True)
        assert self.ours.encode(text) == expected["input_ids"], repr(text)

    def spells_a_special_token(self, text: str) -> bool:
        """Return whether a text spells a special token, which ours encodes as text."""
        return any(token in text for token in (*self.ours.added_tokens, "<s>", "<unk>", ">>"))


def make_pair(kind: Kind, folder: Path) -> Pair:
    kind.write(folder)
    return Pair(kind.theirs(folder), load_tokenizer(folder, kind.layouts), folder)


@pytest.fixture(scope="module", params=REBUILT)
def rebuilt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(REBUILT[request.param], tmp_path_factory.mktemp("rebuilt"))


@pytest.fixture(scope="module", params=SAME)
def same(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(SAME[request.param], tmp_path_factory.mktemp("same"))


@pytest.fixture(scope="module", params=["T5", "mBART-50", "NLLB", "PEGASUS", "Gemma", "BART"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return the folder with one `tokenizer.json`, written by `transformers`."""
    gemma = spm_kind("GemmaTokenizer", layouts.GEMMA, pieces=GEMMA_PIECES)
    kind = {**REBUILT, **SAME, "Gemma": gemma}[request.param]
    theirs = kind.theirs(kind.write(tmp_path_factory.mktemp("read")))
    folder = tmp_path_factory.mktemp("saved")
    theirs.save_pretrained(folder)
    assert (folder / "tokenizer.json").exists()
    return Pair(theirs, load_tokenizer(folder, kind.layouts), folder)


pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


def test_tokens_have_the_same_ids(same: Pair) -> None:
    has_names = not isinstance(same.theirs, transformers.ByT5Tokenizer)  # its bytes have none
    theirs = same.theirs.get_vocab() if has_names else same.theirs.get_added_vocab()
    assert {token: same.ours.token_to_id(token) for token in theirs} == theirs


def test_tokens_have_the_same_ids_where_the_vocabulary_is_rebuilt(rebuilt: Pair) -> None:
    """`transformers` 5.23 drops NLLB's languages; published checkpoints have a `tokenizer.json`."""
    theirs = rebuilt.theirs.get_vocab()
    if isinstance(rebuilt.theirs, transformers.NllbTokenizer):
        del theirs["<mask>"]
    assert {token: rebuilt.ours.token_to_id(token) for token in theirs} == theirs


def test_any_line_is_read_alike(same: Pair) -> None:
    for text in (*SENTENCES, *MIXTURES):
        if not same.spells_a_special_token(text):
            same.check(text)


def test_any_line_is_read_alike_from_a_tokenizer_json(saved: Pair) -> None:
    for text in (*SENTENCES, *MIXTURES):
        if not saved.spells_a_special_token(text):
            saved.check(text)


def test_sentences_are_read_alike_where_the_vocabulary_is_rebuilt(rebuilt: Pair) -> None:
    """Lines with three dots are left out: `▁.` and `..` are as probable as `▁..` and `.`."""
    texts = [text for text in SENTENCES if ".." not in text]
    assert len(texts) > 1500
    for text in texts:
        rebuilt.check(text.strip())


def test_any_line_is_read_as_by_sentencepiece(rebuilt: Pair) -> None:
    (path,) = (*rebuilt.folder.glob("*.model"),)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
    for text in (*SENTENCES, *MIXTURES):
        encoded = pieces.encode(text, out_type=str)
        expected = [rebuilt.ours.token_to_id(piece) for piece in encoded]
        assert rebuilt.ours.encode(text) == [
            rebuilt.unk_id if i is None else i for i in expected
        ], repr(text)
        assert rebuilt.ours.decode(rebuilt.ours.encode(text)) == pieces.decode(pieces.encode(text))


def test_sentences_are_written_alike(same: Pair) -> None:
    """They differ in unknown characters, which are ` ⁇ ` in ours and `<unk>` in theirs.

    Some of theirs strip the text. PLBART's mends blanks before punctuation, if not told otherwise.
    """
    if isinstance(same.theirs, transformers.PLBartTokenizer):
        same.theirs.clean_up_tokenization_spaces = False
    texts = (*SENTENCES[:500], *SENTENCES[-100:])
    coded = [ids for ids in map(same.ours.encode, texts) if same.unk_id not in ids]
    assert len(coded) > 500
    for ids in coded:
        assert same.ours.decode(ids).strip() == same.theirs.decode(ids).strip()


def test_sentences_are_written_alike_from_a_tokenizer_json(saved: Pair) -> None:
    for text in (*SENTENCES[:500], *SENTENCES[-100:], *MIXTURES):
        ids = saved.ours.encode(text)
        assert saved.ours.decode(ids) == saved.theirs.decode(ids, skip_special_tokens=True)


def test_marians_targets_are_read_alike(tmp_path: Path) -> None:
    source, target = train_spm(make_sentences(ENGLISH)), train_spm(make_sentences(GERMAN))
    write_marian_tokenizer(tmp_path, source=source, target=target)
    theirs: Any = transformers.MarianTokenizer.from_pretrained(tmp_path)
    ours = load_tokenizer(tmp_path, layouts.MARIAN)
    for text in SENTENCES:
        ids = theirs(text_target=text, add_special_tokens=False)["input_ids"]
        assert ours.encode_target(text) == ids, repr(text)


def test_unknown_characters_are_spelled_in_bytes_where_transformers_forgets_them(
    tmp_path: Path,
) -> None:
    """mT5's and UMT5's files have bytes; `transformers` 5.23 rebuilds their tokenizers without."""
    spm = train_spm(TRAINING, vocab_size=700, byte_fallback=True, **T5_PIECES)
    write_spm_tokenizer(tmp_path, spm=spm, file="spiece.model")
    ours = load_tokenizer(tmp_path, layouts.T5)
    theirs: Any = transformers.T5Tokenizer.from_pretrained(tmp_path)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=spm)
    assert ours.encode("a 👍") == pieces.encode("a 👍")
    assert ours.decode(ours.encode("a 👍")) == "a 👍"
    assert theirs("a 👍", add_special_tokens=False)["input_ids"][-1] == ours.token_to_id("<unk>")
