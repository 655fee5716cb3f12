import json
from pathlib import Path

import transformers

from model.tokenizer.load import load_tokenizer
from model.training.summarization.vocabulary import load_vocabulary, rewrite_tokenizer
from tests.support.checkpoints.summarization_training import make_pairs, make_vocabulary

TEXTS = [
    *(pair.target for pair in make_pairs()[:20]),
    *("  Two  blanks ", "GPT-4o: 5.73% in 2026", "½ 日本", "", "a\nb", "<headline> </s>"),
]


def encoded(text: str) -> list[int]:
    (ids,) = make_vocabulary().encode([text])
    return ids


def test_special_tokens_come_first_as_bart_has_them() -> None:
    vocabulary = make_vocabulary()
    assert [vocabulary.bos_id, vocabulary.pad_id, vocabulary.eos_id] == [0, 1, 2]
    assert [vocabulary.unk_id, vocabulary.mask_id] == [3, 4]
    assert [vocabulary.tag_id("headline"), vocabulary.tag_id("tldr")] == [5, 6]
    assert vocabulary.unwritten_ids == list(range(3, 57))


def test_ids_and_texts_are_those_of_the_serving_tokenizer(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    for text in TEXTS:
        assert tokenizer.encode(text) == encoded(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text.removeprefix(" ")


def test_ids_and_texts_are_those_of_transformers(tmp_path: Path) -> None:
    vocabulary = make_vocabulary()
    vocabulary.save(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = load_tokenizer(tmp_path)
    for text in TEXTS[:-1]:  # there, a tag in a text is that tag
        ids = encoded(text)
        assert tokenizer(text)["input_ids"] == [0, *ids, 2]
        assert tokenizer.decode(ids) == ours.decode(ids)
    tagged = tokenizer("<headline>We count birds.")["input_ids"]
    assert tagged == [0, vocabulary.tag_id("headline"), *encoded("We count birds."), 2]


def test_a_saved_vocabulary_is_the_same_when_loaded(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    loaded = load_vocabulary(tmp_path)
    assert loaded.styles == ("headline", "tldr")
    assert len(loaded) == len(make_vocabulary())
    assert list(loaded.encode(TEXTS)) == list(make_vocabulary().encode(TEXTS))


def test_a_word_is_the_same_token_at_the_beginning_and_inside() -> None:
    assert encoded("birds")[0] == encoded("many birds")[-1]


def test_a_number_is_spelt_digit_by_digit(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    pieces = [tokenizer.decode([i]) for i in encoded("tried on 57 trees, 1357")]
    assert [piece for piece in pieces if piece.strip().isdigit()] == list("571357")


def test_no_text_is_a_special_token() -> None:
    assert min(encoded("<s> <headline> <gap1> <mask> </s>")) >= 57


def test_a_look_alike_is_read_as_what_it_looks_like() -> None:
    assert encoded("\u201cI\u2019m\u00ad\u201d \ufb01ne\u2026") == encoded('"I\'m" fine...')


def test_rules_for_look_alikes_are_added_to_a_checkpoint_once(tmp_path: Path) -> None:
    make_vocabulary().save(tmp_path)
    path = tmp_path / "tokenizer.json"
    expected = path.read_text(encoding="utf-8")
    description = json.loads(expected)
    path.write_text(json.dumps({**description, "normalizer": None}))
    rewrite_tokenizer(tmp_path)
    assert path.read_text(encoding="utf-8") == expected
