import pytest

from model.load import LoadedModel, load_model
from model.tokenizer.prompt import Summarization
from model.training.corpus import Pair
from model.training.summarization.decoding import greedy
from model.training.summarization.evaluation import (
    cut_to_fit,
    evaluate,
    faithfulness,
    score,
    score_row,
    summarize_all,
)
from model.training.summarization.export import export_bart
from model.training.summarization.form import bart_config, fresh_bart
from tests.support.checkpoints.summarization_training import (
    TINY_RECIPE,
    make_pairs,
    make_vocabulary,
)

FILE = TINY_RECIPE.files[0]
PAIRS = [
    Pair("A cat sat on the red mat. It slept.", "Cats on mats"),
    Pair("Two dogs ran. They barked at 57 birds.", "Dogs bark"),
]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("checkpoint")
    vocabulary = make_vocabulary()
    network = fresh_bart(bart_config(TINY_RECIPE.shape, vocab_size=len(vocabulary)))
    export_bart(network, vocabulary, folder, decoding=TINY_RECIPE.decoding)
    return load_model(folder, dtype="float32", device="cpu")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("A cat sleeps on mats", 2 / 3),  # cat and mat are there, but it slept
        ("The red dog", 1 / 2),
        ("It is what we have", 0.0),  # stop words alone
        ("", 0.0),
        ("red, red; RED!", 1.0),
    ],
)
def test_faithful_is_the_share_of_content_words_that_the_text_has(
    output: str, expected: float
) -> None:
    assert faithfulness(PAIRS[0].source, output) == pytest.approx(expected)


def test_a_number_is_a_word_of_its_own() -> None:
    assert faithfulness(PAIRS[1].source, "57 birds") == 1.0
    assert faithfulness(PAIRS[1].source, "75 birds") == 0.5


def test_rouge_is_the_mean_f_of_stemmed_words() -> None:
    found = score(FILE, PAIRS, ["cat on a mat", "a house"], output="greedy")
    # 3 of 4 words are among the reference's 3: F is 2 * 3 / 7; one of 3 pairs, "cat on", of its 2
    assert found.rouge_1 == pytest.approx(100 * (6 / 7) / 2)
    assert found.rouge_2 == pytest.approx(100 * (2 / 5) / 2)
    assert found.rouge_l == pytest.approx(100 * (6 / 7) / 2)
    assert found.num_words == 3.0
    assert found.faithfulness == pytest.approx((1.0 + 0.0) / 2)


def test_decodings_stand_between_the_yardsticks(untrained: LoadedModel) -> None:
    pairs = make_pairs()[:3]
    decodings = [greedy(TINY_RECIPE.decoding), TINY_RECIPE.decoding]
    scores = list(evaluate(untrained, FILE, pairs, decodings=decodings))
    outputs = ["first sentence", "greedy", "beam 4, no 3-gram twice, length penalty 1", "reference"]
    assert [found.output for found in scores] == outputs
    assert scores[0].faithfulness == 1.0
    assert scores[-1].rouge_1 == 100.0
    assert scores[0].num_words == 3.0  # Everybody needs trees.


def test_a_score_is_a_row_of_a_table() -> None:
    row = score_row(score(FILE, PAIRS, [pair.target for pair in PAIRS], output="reference"))
    assert row == (
        "| toy-title | headline | 2 | reference | 100.0 | 100.0 | 100.0 | 100.0% | 2.5 |"
    )


def test_a_text_too_long_ends_after_the_last_sentence_that_fits(untrained: LoadedModel) -> None:
    sentences = [f"We counted {number} birds in a tree." for number in range(100)]
    task = Summarization("headline")
    cut = cut_to_fit(" ".join(sentences), untrained, task=task)
    kept = cut.count("tree.")
    assert cut == " ".join(sentences[:kept])
    assert len(untrained.prompt(cut, task).encoder_ids) <= 512
    longer = " ".join(sentences[: kept + 1])
    assert len(untrained.prompt(longer, task).encoder_ids) > 512
    params = TINY_RECIPE.decoding
    whole, short = summarize_all(
        untrained, [" ".join(sentences), cut], style="headline", params=params
    )
    assert whole == short


def test_a_sentence_above_what_the_model_reads_is_cut_at_a_word(untrained: LoadedModel) -> None:
    task = Summarization("headline")
    words = ["tree"] * 2000
    cut = cut_to_fit(" ".join(words), untrained, task=task).split()
    assert 0 < len(cut) < 600
    assert len(untrained.prompt(" ".join(cut), task).encoder_ids) <= 512
    assert len(untrained.prompt(" ".join([*cut, "tree"]), task).encoder_ids) > 512


def test_a_text_that_fits_stays_as_it_is(untrained: LoadedModel) -> None:
    text = "One sentence.  Two blanks before; e.g. this."
    assert cut_to_fit(text, untrained, task=Summarization("tldr")) == text
