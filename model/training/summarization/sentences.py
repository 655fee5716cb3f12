"""Splits an abstract into sentences, and finds the principal one."""

import re
from collections import Counter
from collections.abc import Sequence

_BORDER = re.compile(r"(?<=[.!?]) (?=[A-Z0-9\"'(`])")
_ABBREVIATION = re.compile(r"(?:\b[A-Za-z]|\b(?:al|etc|vs|cf|resp|approx|Fig|Eq|Sec|No|Dr|St))\.$")


def split_sentences(text: str) -> list[str]:
    """Return the sentences of an English text; joined by blanks they are the text again.

    A full stop that may belong to an abbreviation, such as `e.g.` or `et al.`, ends no sentence.
    """
    sentences: list[str] = []
    is_open = False
    for part in _BORDER.split(text):
        if is_open:
            sentences[-1] += f" {part}"
        else:
            sentences.append(part)
        is_open = _ABBREVIATION.search(part) is not None
    return sentences


def principal_sentence(sentences: Sequence[Sequence[int]]) -> int:
    """Return the index of the sentence most similar to the rest (PEGASUS; Zhang et al., 2020).

    Similarity is ROUGE-1 F: twice the common tokens over the tokens of both sides. Of equally
    similar sentences it is the first.

    Args:
        sentences: Each as its token ids; at least one.
    """
    counts = [Counter(sentence) for sentence in sentences]
    everything: Counter[int] = sum(counts, Counter())
    total = everything.total()  # tokens of a sentence and its rest, for all sentences

    def likeness(index: int) -> float:
        own = counts[index]
        return 2 * sum(min(n, everything[token] - n) for token, n in own.items()) / max(1, total)

    return max(range(len(sentences)), key=likeness)
