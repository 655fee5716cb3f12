import json
import string
from pathlib import Path

import torch

from model.tokenizer import layouts
from model.tokenizer.load import load_tokenizer
from model.training.translation.vocabulary import load_vocabulary
from tests.support.checkpoints.translation_training import make_pairs, make_vocabulary

TEXTS = [*(pair.target for pair in make_pairs()), "  Two  blanks ", "1250", "Übergröße", "½ ﬁ", ""]


def test_ids_are_laid_out_as_marian_has_them() -> None:
    vocabulary = make_vocabulary()
    assert vocabulary.tokens[:2] == ("</s>", "<unk>")
    assert vocabulary.tokens[-3:] == (">>de<<", ">>en<<", "<pad>")
    assert vocabulary.tokens[vocabulary.tag_id("en")] == ">>en<<"
    assert len(vocabulary) == len(set(vocabulary.tokens)) == 120


def test_ids_are_those_of_the_serving_tokenizer(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    tokenizer = load_tokenizer(tmp_path, layouts.MARIAN)
    assert make_vocabulary().encode(TEXTS) == [tokenizer.encode(text) for text in TEXTS]


def test_a_saved_vocabulary_is_the_same_when_loaded(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    loaded = load_vocabulary(tmp_path)
    assert loaded.tokens == make_vocabulary().tokens
    assert loaded.languages == ("de", "en")
    assert loaded.encode(TEXTS) == make_vocabulary().encode(TEXTS)


def test_the_vocabulary_file_maps_every_token_to_its_place(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    ids = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    assert list(ids.values()) == list(range(120))


def test_every_printable_character_is_known() -> None:
    (ids,) = make_vocabulary().encode([string.printable])
    assert make_vocabulary().unk_id not in ids


def test_a_number_is_spelt_digit_by_digit() -> None:
    vocabulary = make_vocabulary()
    (ids,) = vocabulary.encode(["2026"])
    assert [vocabulary.tokens[i] for i in ids if vocabulary.tokens[i] != "▁"] == list("2026")


def test_a_character_that_no_learned_piece_has_is_not_learned() -> None:
    vocabulary = make_vocabulary()
    embedding = torch.ones(len(vocabulary), 8)
    pieces = [token for token in vocabulary.tokens[2:-3] if "~" in token or "`" in token]
    for piece in (*pieces, "</s>", ">>de<<"):
        embedding[vocabulary.tokens.index(piece)] = 0.4
    assert vocabulary.unlearned(embedding) == {"~", "`"}


def test_what_was_not_learned_is_read_as_a_look_alike_or_named(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path, unlearned=frozenset("~`"))
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["unlearned_characters"] == "~"
    tokenizer = load_tokenizer(tmp_path, layouts.MARIAN)
    assert tokenizer.encode("a`b") == tokenizer.encode("a'b")


def test_a_look_alike_is_read_as_what_it_looks_like() -> None:
    curly, straight = make_vocabulary().encode(["\u201cI\u2019m\u00ad\u201d", '"I\'m"'])
    assert curly == straight
