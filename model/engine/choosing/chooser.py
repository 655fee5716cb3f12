"""The choice of candidate tokens for each search: the best one, a drawn one, or several."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.engine.choosing.logits import (
    MASKED,
    apply_token_rules,
    delay_end,
    forced_token,
    has_token_rules,
    mask,
    needs_logits,
)
from model.engine.choosing.ranking import top_tokens
from model.engine.choosing.sampler import Sampler, draw
from model.engine.config import TokenRules
from model.engine.request import Request
from model.engine.runner import Scores
from model.engine.search.search import Candidate
from model.engine.transfer import to_device, to_host

Candidates = Sequence[Sequence[tuple[int, float]]]  # for each live hypothesis of a request


class Chooser:
    """Turns a step's scores into candidates, with as few passes over them as possible."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._suppressed = list(rules.suppressed_ids)
        self._renormalizes = rules.renormalizes

    def choose(
        self, scores: Scores, requests: Sequence[Request], samplers: Mapping[str, Sampler]
    ) -> list[Candidates]:
        """Return the candidates of each request; none for a hypothesis without a possible token.

        Args:
            scores: Of all rows.
            requests: Requests whose next token is not known yet; it may be a forced one.
            samplers: Of the requests that sample, by request id.
        """
        forced = [forced_token(request.search, self._rules) for request in requests]
        if not any(token_id is not None for token_id in forced):  # in nearly all steps
            return self._choose_freely(scores, requests, samplers) if requests else []
        free = [r for r, token_id in zip(requests, forced, strict=True) if token_id is None]
        chosen = iter(self._choose_freely(scores, free, samplers) if free else [])
        return [
            next(chosen) if token_id is None else [[Candidate(token_id, 0.0)] for _ in request.rows]
            for request, token_id in zip(requests, forced, strict=True)
        ]

    def _choose_freely(
        self, scores: Scores, requests: Sequence[Request], samplers: Mapping[str, Sampler]
    ) -> list[Candidates]:
        easy = [request for request in requests if not needs_logits(request)]
        if len(easy) == len(requests):
            return _best_of(scores, requests)
        # Two passes: a request's tokens must not depend on which others are in the batch.
        hard = [request for request in requests if needs_logits(request)]
        found = dict(zip(easy, _best_of(scores, easy), strict=True)) if easy else {}
        found |= zip(hard, self._choose_by_logits(scores.logits(), hard, samplers), strict=True)
        return [found[request] for request in requests]

    @torch.inference_mode()
    def _choose_by_logits(
        self, logits: Tensor, requests: Sequence[Request], samplers: Mapping[str, Sampler]
    ) -> list[Candidates]:
        """Return the candidates of requests that sample or whose rules change scores.

        logits: (rows, vocab), changed in place.
        """
        normalizers = logits.logsumexp(dim=-1, keepdim=True)
        mask(logits, self._suppressed)
        beams = [request for request in requests if request.params.num_beams > 1]
        others = [request for request in requests if request.params.num_beams == 1]
        found: list[Tensor] = []
        if beams:
            found += self._rank_beams(logits, normalizers, beams)
        if others:
            if self._renormalizes:
                normalizers = logits.logsumexp(dim=-1, keepdim=True)
            found += _choose_one_each(logits, normalizers, others, samplers)
        numbers = to_host(*found)
        for request in others:
            if request.request_id in samplers:
                samplers[request.request_id].advance()
        ranked = map(_possible, *numbers[:2]) if beams else iter(())
        chosen = map(_at_most_one, *numbers[-3:]) if others else iter(())
        return [
            [next(ranked)[: request.search.num_candidates] for _ in request.rows]
            if request.params.num_beams > 1
            else [next(chosen) for _ in request.rows]
            for request in requests
        ]

    def _rank_beams(
        self, logits: Tensor, normalizers: Tensor, requests: Sequence[Request]
    ) -> tuple[Tensor, Tensor]:
        """Return the best continuations of all beams of all requests, in one pass.

        The rules of a request change log-probabilities here and logits elsewhere, as in `generate`.

        Returns:
            Token ids and log-probabilities, both (beams, most candidates of any request).
        """
        rows = to_device([row for request in requests for row in request.rows], logits.device)
        scores = logits[rows] - normalizers[rows]
        _apply_rules(scores, requests)
        if self._renormalizes:  # after the rules: they apply to log-probabilities over all tokens
            scores -= scores.logsumexp(dim=-1, keepdim=True)
        most = max(request.search.num_candidates for request in requests)
        values, token_ids = top_tokens(scores, min(most, scores.shape[-1]))
        return token_ids, values


def _choose_one_each(
    logits: Tensor,
    normalizers: Tensor,
    requests: Sequence[Request],
    samplers: Mapping[str, Sampler],
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose a token for each hypothesis of greedy and sampling requests.

    Its log-probability is the network's own, before rules and temperature.

    Returns:
        Token ids; the largest logits, not finite if no token is possible; and log-probabilities, 0
        unless the request returns scores; all (hypotheses,).
    """
    rows = to_device([row for request in requests for row in request.rows], logits.device)
    unruled = logits[rows]
    scores = unruled.clone()
    _apply_rules(scores, requests)
    values, token_ids = (best[:, 0] for best in top_tokens(scores, 1))
    sampled = [
        (place, request.params, samplers[request.request_id].number(sample=sample))
        for place, (request, sample) in enumerate(
            (request, sample) for request in requests for sample in request.search.live_indices
        )
        if request.request_id in samplers
    ]
    if sampled:
        places, params, numbers = zip(*sampled, strict=True)
        index = to_device(places, logits.device)
        token_ids[index] = draw(scores[index], params, numbers)
    wants_score = [
        float(request.request_id in samplers or request.params.return_scores)
        for request in requests
        for _ in request.rows
    ]
    is_scored = to_device(wants_score, logits.device, dtype=torch.bool)
    log_probs = (unruled.gather(1, token_ids[:, None]) - normalizers[rows])[:, 0]
    return token_ids, values, torch.where(is_scored, log_probs, 0.0)


def _apply_rules(scores: Tensor, requests: Sequence[Request]) -> None:
    """Apply each request's rules to its rows.

    scores: (hypotheses, vocab), ordered as the requests and their rows; changed in place.
    """
    position = 0
    for request in requests:
        sequences = request.search.sequences
        if has_token_rules(sequences, request.params):
            for row, sequence in enumerate(sequences, start=position):
                apply_token_rules(scores[row], sequence, request.params)
                delay_end(scores[row], request.search, request.params)
        position += len(request.rows)


def _best_of(scores: Scores, requests: Sequence[Request]) -> list[Candidates]:
    """Return the candidates of greedy decoding and beam search without rules."""
    if not any(r.params.num_beams > 1 or r.params.return_scores for r in requests):
        logits, token_ids = scores.best()
        return [
            [_at_most_one(token_ids[row], logits[row]) for row in request.rows]
            for request in requests
        ]
    most = max(request.search.num_candidates for request in requests)
    log_probs, tokens = scores.top(most)
    found: list[Candidates] = []
    for request in requests:
        if request.params.num_beams > 1:
            count = request.search.num_candidates
            found.append(
                [_possible(tokens[row][:count], log_probs[row][:count]) for row in request.rows]
            )
            continue
        is_scored = request.params.return_scores  # otherwise 0, as when chosen by `best`
        firsts = ((tokens[row][0], log_probs[row][0]) for row in request.rows)
        found.append([_at_most_one(*first, first[1] if is_scored else 0.0) for first in firsts])
    return found


def _possible(token_ids: Sequence[int], log_probs: Sequence[float]) -> list[tuple[int, float]]:
    """Return the pairs whose log-probability is neither -inf (excluded) nor NaN, best first."""
    candidates = list(zip(token_ids, log_probs, strict=True))
    if log_probs[-1] > MASKED:  # the smallest; false for NaN
        return candidates
    return [candidate for candidate in candidates if candidate[1] > MASKED]


def _at_most_one(token_id: int, logit: float, log_prob: float = 0.0) -> list[Candidate]:
    """Return the best token; nothing if its logit is -inf (all are excluded) or NaN."""
    return [Candidate(token_id, log_prob)] if math.isfinite(logit) else []


def is_plain_greedy(request: Request) -> bool:
    """Return whether an argmax chooses the next token: greedy, without rules and scores."""
    params = request.params
    return params.num_beams == 1 and not params.return_scores and not needs_logits(request)
