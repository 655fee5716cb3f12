"""Rules that change scores before a token is chosen; as in Hugging Face's `generate`, and a guard.

Each rule looks at the tokens of one hypothesis so far (decoder prefix included) and edits its row
of scores in place. Most requests use none, so most steps skip all of this.
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

HIDDEN = float("-inf")


def hide(scores: Tensor, token_ids: Sequence[int]) -> None:
    """Makes tokens impossible; scores: (..., vocab), changed in place."""
    if token_ids:
        scores.index_fill_(-1, to_device(token_ids, scores.device), HIDDEN)


def penalize_repetition(scores: Tensor, sequence: Sequence[int], *, penalty: float) -> None:
    """Divides positive and multiplies negative scores of tokens already used (Keskar et al., 2019).

    Args:
        scores: (vocab,), logits or log-probabilities.
        sequence: the tokens so far.
        penalty: above 1 discourages.
    """
    used = to_device(sorted(set(sequence)), scores.device)
    values = scores[used]
    scores[used] = torch.where(values < 0, values * penalty, values / penalty)


def banned_by_ngrams(sequence: Sequence[int], *, ngram_size: int) -> list[int]:
    """Tokens that would repeat an n-gram of the sequence.

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
    """The rules of one request on one hypothesis; scores: (vocab,), changed in place."""
    if params.repetition_penalty != 1.0:
        penalize_repetition(scores, sequence, penalty=params.repetition_penalty)
    banned: list[int] = []
    if params.no_repeat_ngram_size:
        banned += banned_by_ngrams(sequence, ngram_size=params.no_repeat_ngram_size)
    if params.max_repeats:
        banned += banned_by_repeats(sequence, max_repeats=params.max_repeats)
    hide(scores, banned)


def delay_end(scores: Tensor, search: Search, params: GenerationParams) -> None:
    """Hides the end of sentence while fewer than `min_new_tokens` are generated."""
    frame = search.frame
    if frame.num_generated(search.sequences[0]) < params.min_new_tokens:
        hide(scores, sorted(frame.eos_ids))


def has_token_rules(sequences: Sequence[Sequence[int]], params: GenerationParams) -> bool:
    """Whether `apply_token_rules` or `delay_end` may change a score of one of these hypotheses.

    The guard against loops is on for most requests and speaks up for next to none, so it is asked.
    """
    return (
        params.repetition_penalty != 1.0
        or params.no_repeat_ngram_size > 0
        or params.min_new_tokens > 0
        or (params.max_repeats > 0 and any(_loops(sequence, params) for sequence in sequences))
    )


def needs_logits(request: Request) -> bool:
    """True where more than each row's best few tokens has to be looked at."""
    return request.do_sample or has_token_rules(request.search.sequences, request.params)


def _loops(sequence: Sequence[int], params: GenerationParams) -> bool:
    return bool(banned_by_repeats(sequence, max_repeats=params.max_repeats))


def forced_token(search: Search, rules: TokenRules) -> int | None:
    """The token that must come next whatever the scores say, if any; the same for all beams."""
    frame, sequence = search.frame, search.sequences[0]
    is_last = rules.forced_eos_id is not None and (
        frame.num_generated(sequence) == frame.max_new_tokens - 1
    )
    if is_last:
        return rules.forced_eos_id
    return frame.forced_bos_id if len(sequence) == 1 else None
