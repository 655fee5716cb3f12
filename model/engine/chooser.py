"""From a step's scores to what each search is given: the best token, a drawn one, or several."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.engine.config import TokenRules
from model.engine.logits import HIDDEN, apply_token_rules, delay_end, has_token_rules
from model.engine.ranking import top_tokens
from model.engine.request import Request
from model.engine.runner import Scores
from model.engine.sampler import Sampler
from model.engine.search import Candidate

Candidates = list[list[Candidate]]  # for each live hypothesis of a request


class Chooser:
    """Turns a step's scores into candidates, with as few passes over them as possible."""

    def __init__(self, rules: TokenRules) -> None:
        self._suppressed = list(rules.suppressed_ids)
        self._renormalizes = rules.renormalizes

    @torch.inference_mode()
    def choose(
        self, scores: Scores, requests: Sequence[Request], samplers: Mapping[str, Sampler]
    ) -> list[Candidates]:
        """The candidates of each request; a hypothesis that nothing may follow has none.

        Args:
            scores: of every row.
            requests: those whose next token depends on them.
            samplers: by request id, of those that sample.
        """
        if all(_is_plain(request) for request in requests):
            values, token_ids = scores.best()
            return [
                [_at_most_one(token_ids[row], values[row], log_prob=0.0) for row in request.rows]
                for request in requests
            ]
        if all(_is_plain_beams(request) for request in requests):
            return _best_of_beams(scores, requests)
        logits = scores.logits()
        normalizers = logits.logsumexp(dim=-1, keepdim=True)
        self._suppress(logits)
        ranked = self._rank_beams(logits, normalizers, requests)
        if self._renormalizes:
            normalizers = logits.logsumexp(dim=-1, keepdim=True)
        return [
            ranked[request.request_id]
            if request.params.num_beams > 1
            else self._choose_one(logits, normalizers, request, samplers.get(request.request_id))
            for request in requests
        ]

    def _suppress(self, logits: Tensor) -> None:
        if self._suppressed:
            logits[:, self._suppressed] = HIDDEN

    def _rank_beams(
        self, logits: Tensor, normalizers: Tensor, requests: Sequence[Request]
    ) -> dict[str, Candidates]:
        """The best continuations of every beam of every beam search, in one pass.

        The rules of a request edit log-probabilities here, logits elsewhere: as in `generate`.
        """
        searches = [request for request in requests if request.params.num_beams > 1]
        if not searches:
            return {}
        rows = [row for request in searches for row in request.rows]
        scores = logits[rows] - normalizers[rows]
        position = 0
        for request in searches:
            sequences = request.search.sequences
            if has_token_rules(sequences, request.params):
                for row, sequence in enumerate(sequences, start=position):
                    apply_token_rules(scores[row], sequence, request.params)
                    delay_end(scores[row], request.search, request.params)
            position += len(request.rows)
        if self._renormalizes:  # last: a penalty multiplies what was normalised over all tokens
            scores -= scores.logsumexp(dim=-1, keepdim=True)
        most = max(request.search.num_candidates for request in searches)
        values, token_ids = top_tokens(scores, min(most, scores.shape[-1]))
        taken = map(_possible, token_ids.tolist(), values.tolist())
        return {
            request.request_id: [next(taken)[: request.search.num_candidates] for _ in request.rows]
            for request in searches
        }

    def _choose_one(
        self, logits: Tensor, normalizers: Tensor, request: Request, sampler: Sampler | None
    ) -> Candidates:
        """One token for each hypothesis of a greedy or sampling request.

        Its log-probability is the network's own: rules and temperature change what is chosen, not
        how sure the network was.
        """
        candidates: Candidates = []
        for row, sequence in zip(request.rows, request.search.sequences, strict=True):
            scores = logits[row]
            if has_token_rules([sequence], request.params):
                scores = scores.clone()
                apply_token_rules(scores, sequence, request.params)
                delay_end(scores, request.search, request.params)
            values, token_ids = top_tokens(scores[None], 1)
            value, token_id = float(values), int(token_ids)
            if sampler is not None and math.isfinite(value):
                sample = request.search.live_indices[len(candidates)]
                token_id = sampler.choose(scores, sample=sample)
            log_prob = 0.0
            if sampler is not None or request.params.return_scores:
                log_prob = float(logits[row, token_id] - normalizers[row, 0])
            candidates.append(_at_most_one(token_id, value, log_prob=log_prob))
        return candidates


def _best_of_beams(scores: Scores, requests: Sequence[Request]) -> list[Candidates]:
    """What beam searches without rules get."""
    values, token_ids = scores.top(max(request.search.num_candidates for request in requests))
    return [
        [
            _possible(token_ids[row], values[row])[: request.search.num_candidates]
            for row in request.rows
        ]
        for request in requests
    ]


def _possible(token_ids: Sequence[int], log_probs: Sequence[float]) -> list[Candidate]:
    """Those that may follow, best first: neither excluded (-inf) nor not a number."""
    best = zip(token_ids, log_probs, strict=True)
    return [Candidate(token_id, log_prob) for token_id, log_prob in best if log_prob > HIDDEN]


def _at_most_one(token_id: int, logit: float, *, log_prob: float) -> list[Candidate]:
    """The best token, unless all were excluded (-inf) or the logits are not numbers."""
    return [Candidate(token_id, log_prob)] if math.isfinite(logit) else []


def _is_plain(request: Request) -> bool:
    """True for greedy decoding with no rule to apply and no score: an argmax is all it takes."""
    params = request.params
    return (
        params.num_beams == 1
        and not params.do_sample
        and not params.return_scores
        and not has_token_rules(request.search.sequences, params)
    )


def _is_plain_beams(request: Request) -> bool:
    """True for beam search with no rule to apply: all it takes are each row's best few."""
    params = request.params
    return params.num_beams > 1 and not has_token_rules(request.search.sequences, params)
