from dataclasses import replace

from model.training.summarization.decoding import BEAMS, alternatives, describe, greedy


def test_alternatives_are_greedy_search_and_what_differs_from_the_chosen_in_one_thing() -> None:
    chosen = replace(BEAMS, length_penalty=1.5)
    ways = alternatives(chosen)
    assert len(ways) == len(set(ways)) == 8
    assert ways[:3] == [greedy(chosen), replace(greedy(chosen), no_repeat_ngram_size=3), chosen]
    fields = ("num_beams", "no_repeat_ngram_size", "length_penalty", "min_new_tokens")
    for way in ways[3:]:
        assert sum(getattr(way, name) != getattr(chosen, name) for name in fields) == 1


def test_a_way_is_described_by_what_it_does() -> None:
    assert describe(greedy(BEAMS)) == "greedy"
    assert describe(BEAMS) == "beam 4, no 3-gram twice, length penalty 1"
    longer = replace(BEAMS, no_repeat_ngram_size=0, length_penalty=1.5, min_new_tokens=12)
    assert describe(longer) == "beam 4, length penalty 1.5, at least 12 tokens"
