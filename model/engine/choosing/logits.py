"""Logits processors: rules that change scores before a token is chosen.

All but `max_repeats` are those of Hugging Face's `generate`. Each reads the tokens of a hypothesis,
decoder prefix included, and changes its row of scores in place. Most requests use none.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.engine.config import TokenRules
from model.engine.params import GenerationParams
from model.engine.request import Request
from model.engine.search.repetition import banned_by_repeats
from model.engine.search.search import Search
from model.engine.transfer import to_device

MASKED = float("-inf")  # the score of a token that cannot be chosen


def mask(scores: Tensor, token_ids: Sequence[int]) -> None:
    """Set the scores of tokens to `MASKED`; scores: (..., vocab), changed in place."""
    if token_ids:
        scores.index_fill_(-1, to_device(token_ids, scores.device), MASKED)


def penalize_repetition(scores: Tensor, sequence: Sequence[int], *, penalty: float) -> None:
    """Divide positive and multiply negative scores of used tokens by a penalty.

    This is the repetition penalty of Keskar et al. (2019).

    Args:
        scores: (vocab,), logits or log-probabilities, changed in place.
        sequence: Tokens so far.
        penalty: Above 1 makes used tokens less probable.
    """
    used = to_device(sorted(set(sequence)), scores.device)
    values = scores[used]
    scores[used] = torch.where(values < 0, values * penalty, values / penalty)


def banned_by_ngrams(sequence: Sequence[int], *, ngram_size: int) -> list[int]:
    """Return tokens that would repeat an n-gram of the sequence.

    sequence = [5, 6, 7, 5, 6], ngram_size = 3: 7 would make (5, 6, 7) a second time -> [7]
    """
    if len(sequence) + 1 < ngram_size:
        return []
    tail = tuple(sequence[len(sequence) - ngram_size + 1 :])
    starts = range(len(sequence) - ngram_size + 1)
    return [
        sequence[start + ngram_size - 1]
        for start in starts
        if tuple(sequence[start : start + ngram_size - 1]) == tail
    ]


def apply_token_rules(scores: Tensor, sequence: Sequence[int], params: GenerationParams) -> None:
    """Apply a request's rules to one hypothesis; scores: (vocab,), changed in place."""
    if params.repetition_penalty != 1.0:
        penalize_repetition(scores, sequence, penalty=params.repetition_penalty)
    banned: list[int] = []
    if params.no_repeat_ngram_size:
        banned += banned_by_ngrams(sequence, ngram_size=params.no_repeat_ngram_size)
    if params.max_repeats:
        banned += banned_by_repeats(sequence, max_repeats=params.max_repeats)
    mask(scores, banned)


def delay_end(scores: Tensor, search: Search, params: GenerationParams) -> None:
    """Mask the end of sentence while fewer than `min_new_tokens` are generated."""
    config = search.config
    if config.num_generated(search.sequences[0]) < params.min_new_tokens:
        mask(scores, sorted(config.eos_ids))


def has_token_rules(sequences: Sequence[Sequence[int]], params: GenerationParams) -> bool:
    """Return whether `apply_token_rules` or `delay_end` may change a score of a hypothesis.

    Most requests have `max_repeats`, but few of their steps ban a token, so this computes the bans.
    """
    return (
        params.repetition_penalty != 1.0
        or params.no_repeat_ngram_size > 0
        or params.min_new_tokens > 0
        or (params.max_repeats > 0 and any(_loops(sequence, params) for sequence in sequences))
    )


def needs_logits(request: Request) -> bool:
    """Return whether the next token depends on more than each row's best few tokens."""
    return request.do_sample or has_token_rules(request.search.sequences, request.params)


def _loops(sequence: Sequence[int], params: GenerationParams) -> bool:
    return bool(banned_by_repeats(sequence, max_repeats=params.max_repeats))


def forced_token(search: Search, rules: TokenRules) -> int | None:
    """Return the forced next token, the same for all hypotheses; None if none is forced."""
    config, sequence = search.config, search.sequences[0]
    is_last = rules.forced_eos_id is not None and (
        config.num_generated(sequence) == config.max_new_tokens - 1
    )
    if is_last:
        return rules.forced_eos_id
    return config.forced_bos_id if len(sequence) == 1 else None
