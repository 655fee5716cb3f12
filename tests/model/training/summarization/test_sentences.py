from model.training.summarization.sentences import principal_sentence, split_sentences


def test_sentences_end_at_a_full_stop_before_a_capital() -> None:
    text = "Is it so? We show it. 3 of 4 agree! (See below.) It is 0.5 higher."
    expected = ["Is it so?", "We show it.", "3 of 4 agree!", "(See below.) It is 0.5 higher."]
    assert split_sentences(text) == expected


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "Work by Kim et al. In short, e.g. Trees, J. Smith vs. Others. Done."
    assert split_sentences(text) == [text.removesuffix(" Done."), "Done."]


def test_sentences_joined_are_the_text_again() -> None:
    text = "One. Two et al. Three!  Four?\tFive. six. Seven. "
    assert " ".join(split_sentences(text)) == text


def test_the_principal_sentence_has_the_most_in_common_with_the_others() -> None:
    assert principal_sentence([[1, 2], [2, 3, 4], [3, 4, 5]]) == 1


def test_a_repeated_token_counts_only_as_often_as_the_others_have_it() -> None:
    assert principal_sentence([[1, 1, 1, 1], [2, 3], [1, 2, 3]]) == 2


def test_of_equals_and_of_one_the_first_is_principal() -> None:
    assert principal_sentence([[1, 2], [1, 2]]) == 0
    assert principal_sentence([[7]]) == 0
