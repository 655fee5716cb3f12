"""Searches for a summary: the alternatives to compare, and their descriptions."""

from dataclasses import replace

from model.engine.params import GenerationParams

BEAMS = GenerationParams(
    num_beams=4,
    no_repeat_ngram_size=3,
    max_new_tokens=128,  # three times a long reference
)


def greedy(chosen: GenerationParams) -> GenerationParams:
    """Return greedy search with the limit of the chosen search."""
    return GenerationParams(max_new_tokens=chosen.max_new_tokens)


def alternatives(chosen: GenerationParams) -> list[GenerationParams]:
    """Return greedy search, the chosen search, and variants that differ in one parameter."""
    ways = [
        greedy(chosen),
        replace(greedy(chosen), no_repeat_ngram_size=3),
        chosen,
        *(replace(chosen, no_repeat_ngram_size=size) for size in (0, 3)),
        *(replace(chosen, length_penalty=power) for power in (0.6, 1.0, 1.5, 2.0)),
        replace(chosen, min_new_tokens=12),
    ]
    return list(dict.fromkeys(ways))


def describe(params: GenerationParams) -> str:
    """Return a description of a search: `beam 4, no 3-gram twice, length penalty 1.5`."""
    words = ["greedy" if params.num_beams == 1 else f"beam {params.num_beams}"]
    if params.no_repeat_ngram_size:
        words.append(f"no {params.no_repeat_ngram_size}-gram twice")
    if params.num_beams > 1:
        words.append(f"length penalty {params.length_penalty:g}")
    if params.min_new_tokens:
        words.append(f"at least {params.min_new_tokens} tokens")
    return ", ".join(words)
