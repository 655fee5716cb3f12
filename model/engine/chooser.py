"""From hidden states to what each search is given: the best token, a drawn one, or several."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.engine.config import TokenRules
from model.engine.logits import HIDDEN, apply_token_rules, delay_end, has_token_rules
from model.engine.ranking import top_tokens
from model.engine.request import Request
from model.engine.sampler import Sampler
from model.engine.search import Candidate
from model.engine.shortlist import Shortlist
from model.transformer.seq2seq import Seq2SeqTransformer

Candidates = list[list[Candidate]]  # for each live hypothesis of a request


class Chooser:
    """Turns a step's hidden states into candidates, with as few passes over logits as possible."""

    def __init__(self, rules: TokenRules, network: Seq2SeqTransformer) -> None:
        self._suppressed = list(rules.suppressed_ids)
        self._renormalizes = rules.renormalizes
        self._network = network
        self._shortlist = None
        if network.rough_output is not None:
            self._shortlist = Shortlist(
                network.output_weight,
                network.output_bias,
                rough=network.rough_output,
                suppressed=self._suppressed,
            )

    @torch.inference_mode()
    def choose(
        self, hidden: Tensor, requests: Sequence[Request], samplers: Mapping[str, Sampler]
    ) -> list[Candidates]:
        """The candidates of each request; a hypothesis that nothing may follow has none.

        Args:
            hidden: (rows, d_model), what the decoder made of each row's last token.
            requests: those whose next token depends on them.
            samplers: by request id, of those that sample.
        """
        if all(_is_plain(request) for request in requests):
            values, token_ids = (best.tolist() for best in self._best(hidden))
            return [
                [_at_most_one(token_ids[row], values[row], log_prob=0.0) for row in request.rows]
                for request in requests
            ]
        logits = self._network.logits(hidden).float()
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

    def _best(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The largest logit of each row and its token, both (rows,)."""
        if self._shortlist is not None:
            return self._shortlist.best(hidden)
        logits = self._network.logits(hidden).float()
        self._suppress(logits)
        values, token_ids = top_tokens(logits, 1)
        return values[:, 0], token_ids[:, 0]

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
        beams = [
            [
                Candidate(*candidate)
                for candidate in zip(*best, strict=True)
                if candidate[1] > HIDDEN
            ]
            for best in zip(token_ids.tolist(), values.tolist(), strict=True)
        ]
        taken = iter(beams)
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
