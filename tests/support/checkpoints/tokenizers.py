"""Small tokenizers of all kinds in checkpoints, trained on random sentences."""

import base64
import io
import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2

_ENGLISH_WORDS = (
    "the a my your of in to and is was were will be not translate translation translator read "
    "reading reader write writes written book books open opens opened close window door small "
    "smaller quick quickly brown fox jumps over lazy dog seventeen machine machines learn learning "
    "learned model models word words sentence internationalisation unbelievable well-known don't"
)
_GERMAN_WORDS = (
    "der die das ein eine mein dein von in zu und ist war wird sein nicht übersetzen Übersetzung "
    "lesen Leser schreiben geschrieben Buch Bücher öffnen geöffnet schließen Fenster Tür klein "
    "kleiner schnell schneller braun Fuchs springt über faulen Hund siebzehn Maschine Maschinen "
    "lernen gelernt Modell Modelle Wort Wörter Satz Straße Straßenbahnhaltestelle größer weiß"
)
ENGLISH = _ENGLISH_WORDS.split()
GERMAN = _GERMAN_WORDS.split()
TAGS = (">>de<<", ">>fr<<", ">>cmn_Hans<<")

ODD_TEXTS = (
    *("", " ", "   ", "\t", "\n", "a\tb", "  lead", "trail  ", "a  b", "a \t\r\n b"),
    *("▁", " ▁ ", "a▁", "▁a", "▁▁ a▁▁b ▁ ", "the▁book", "\u00a0x\u3000", "\u2028x\u2029"),
    *("x\u0085y", "a\u200bb", "\x00", "a\x00b", "\x01 ", "\x01\x02", " \x01 a", "\x7f"),
    *("e\u0301", "A\u030a", "Å", "q\u0323\u0307", "\u1e9b\u0323", "ﬁ", "①②½…", "\u017f", "¨"),
    *("a ¨ b", "\u0301", "a\u0301\u0301\u0323", "\uff21\uff22", "ﷺ", "ｶﾞ", "か\u3099"),
    *("\u1112\u1161\u11ab", "한국어", "日本語テキスト。", "مرحبا بالعالم", "שלום", "हिन्दी", "ไทย"),
    *("\U0001d4d0", "🇩🇪", "❤\ufe0f", "👩\u200d👩\u200d👧\u200d👦 👍🏽", "\U0010ffff", "\ue000"),
    *("\ufeffx", "x\ufffdy", "soft\u00adhyphen", "\u2018x\u2019", "“”«»", "don't"),
    *(">>de<<", ">>de<< the book", "</s>", "<s> a", "<unk>", "<pad>", "1234567890"),
    *("!!!!!!", "......", "-" * 50, "a" * 100, "aaaa aaaa " * 50, "the" * 40),
)


def make_sentences(
    words: Iterable[str] = ENGLISH, *, count: int = 2000, seed: int = 0
) -> list[str]:
    """Return lines of words in random order, with capitals, numbers and punctuation."""
    rng = random.Random(seed)
    pool = list(words)
    lines = []
    for _ in range(count):
        line = " ".join(rng.choices(pool, k=rng.randint(1, 15)))
        if rng.random() < 0.3:
            line += f" {rng.randint(0, 2100)}"
        lines.append(line.capitalize() + rng.choice([".", "!", "?", "...", ",", " - ok", ""]))
    return lines


def train_spm(sentences: Iterable[str], **options: Any) -> bytes:
    """Train a `.spm` file; `options` as for `spm_train`."""
    model = io.BytesIO()
    settings = {"vocab_size": 300, "character_coverage": 1.0, "num_threads": 1, "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        hard_vocab_limit=False,
        **{**settings, **options},
    )
    return model.getvalue()


def spm_pieces(spm: bytes) -> list[str]:
    """Return the pieces of a `.spm` file, ordered by id."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm)
    return [processor.id_to_piece(id_) for id_ in range(processor.get_piece_size())]


def write_marian_tokenizer(
    folder: Path,
    *,
    source: bytes,
    target: bytes,
    tags: Iterable[str] = TAGS,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Write the files of a Marian tokenizer, with one vocabulary for both sides."""
    pieces = [*spm_pieces(source), *spm_pieces(target)]
    tokens = [
        "</s>",
        "<unk>",
        *(p for p in pieces if p not in ("<s>", "</s>", "<unk>")),
        *tags,
        "<pad>",
    ]
    vocab = {token: id_ for id_, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(target)
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    return folder


def write_bart_tokenizer(folder: Path, *, sentences: Iterable[str], vocab_size: int = 500) -> Path:
    """Write `vocab.json` and `merges.txt` of a BART checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    bpe = tokenizers.ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        sentences,
        vocab_size=vocab_size,
        show_progress=False,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    )
    bpe.save_model(str(folder))
    return folder


# How the families train their `.spm` files.
T5_PIECES: Mapping[str, Any] = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
NLLB_PIECES: Mapping[str, Any] = {"model_type": "bpe"}
GEMMA_PIECES: Mapping[str, Any] = {
    "model_type": "bpe",
    "byte_fallback": True,
    "vocab_size": 600,
    "pad_id": 0,
    "eos_id": 1,
    "bos_id": 2,
    "unk_id": 3,
    "eos_piece": "<eos>",
    "bos_piece": "<bos>",
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
}


def write_spm_tokenizer(
    folder: Path, *, spm: bytes, file: str = "sentencepiece.bpe.model", **config: Any
) -> Path:
    """Write one `.spm` file and a `tokenizer_config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(spm)
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_unigram_json(folder: Path, *, spm: bytes, special: Iterable[str] = ()) -> Path:
    """Write the `tokenizer.json` that early versions of `transformers` 4 made of a `.spm` file.

    Metaspace has the keys that the `tokenizers` library had then. Added tokens are the file's own
    control pieces, and `special` after all pieces; user-defined pieces are ordinary ones.
    """
    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # made at run time
    model.ParseFromString(spm)
    unk, control = 2, 3  # of sentencepiece_model.proto
    blank = {"replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}
    metaspace = {"type": "Metaspace", **blank}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    charsmap = base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    kinds = [piece.type for piece in model.pieces]
    added = [(id_, pieces[id_][0]) for id_, kind in enumerate(kinds) if kind in (unk, control)]
    added += enumerate(special, start=len(pieces))
    description = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id_, "special": True, "content": token, **flags} for id_, token in added
        ],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace],
        },
        "post_processor": None,
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": kinds.index(unk), "vocab": pieces},
    }
    (folder / "tokenizer.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


def write_m2m100_tokenizer(folder: Path, *, spm: bytes) -> Path:
    """Write a `.spm` file and the vocabulary of its pieces, both without language tags."""
    write_spm_tokenizer(folder, spm=spm, tokenizer_class="M2M100Tokenizer")
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *spm_pieces(spm)[3:]]
    vocab = {token: id_ for id_, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    return folder
