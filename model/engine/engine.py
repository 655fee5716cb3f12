"""The engine: requests in, tokens out, one step at a time.

    engine.add_request("a", prompt, params)
    while engine.has_work:
        for output in engine.step():
            ...

It belongs to one thread, does no input or output, and knows neither text nor families.
"""

import time
from collections.abc import Callable

import torch

from model.engine.beam_search import BeamSearch
from model.engine.checks import check_request, check_setup
from model.engine.chooser import Chooser
from model.engine.config import EngineConfig, TokenRules
from model.engine.logits import forced_token
from model.engine.make_runner import MakeRunner, make_runner
from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.repetition import allow_repeats_of
from model.engine.request import Request, RequestOutput, Timing
from model.engine.runner import Scores
from model.engine.sampler import Sampler
from model.engine.scheduler import Scheduler
from model.engine.search import Candidate, Frame, IndependentSearch, Search
from model.engine.stats import EngineStats
from model.errors import InvalidParamsError
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer


class Engine:
    """Continuous batching over one network."""

    def __init__(
        self,
        network: Seq2SeqTransformer,
        rules: TokenRules,
        config: EngineConfig,
        *,
        cache_dtype: torch.dtype | None = None,
        clock: Callable[[], float] = time.monotonic,
        make: MakeRunner = make_runner,
    ) -> None:
        check_setup(network.config, rules, config)
        self.config = config
        self._network_config = network.config
        self._rules = rules
        self._clock = clock
        self._runner = make(network, rules, config, cache_dtype or network.dtype)
        self._scheduler = Scheduler(config, num_rows=self._runner.num_rows)
        self._chooser = Chooser(rules)
        self._requests: dict[str, Request] = {}
        self._samplers: dict[str, Sampler] = {}
        self._num_decoded = 0

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._requests)

    def add_request(
        self,
        request_id: str,
        prompt: Prompt,
        params: GenerationParams,
        *,
        priority: Priority = Priority.INTERACTIVE,
        deadline_s: float | None = None,
    ) -> None:
        """Queues a request; it joins the batch at the next step that has room.

        Args:
            request_id: Unique among unfinished requests.
            prompt: Source and decoder prefix.
            params: How to generate.
            priority: Who goes first.
            deadline_s: On the engine's clock; the request ends with DEADLINE when it passes.

        Raises:
            InputTooLongError: The source exceeds `max_source_tokens`.
            InvalidParamsError: As `check_request`; or more rows are needed than there are, or the
                request_id is in use.
            QueueFullError: Too many requests wait.
        """
        if request_id in self._requests:
            raise InvalidParamsError("request_id", f"{request_id!r} is in use")
        check_request(prompt, params, config=self._network_config, limits=self.config)
        if params.num_rows > self._scheduler.max_rows:
            raise InvalidParamsError(
                "num_return" if params.do_sample else "num_beams",
                f"{params.num_rows} is above the {self._scheduler.max_rows} rows of the cache",
            )
        request = Request(
            request_id=request_id,
            prompt=prompt,
            params=allow_repeats_of(prompt.encoder_ids, params),
            search=self._make_search(prompt, params),
            priority=priority,
            deadline_s=deadline_s,
            arrival_s=self._clock(),
        )
        self._scheduler.add(request)
        self._requests[request_id] = request
        if params.do_sample:
            self._samplers[request_id] = Sampler(params)

    def abort(self, request_id: str) -> None:
        """Forgets a request and frees its rows at once; an unknown one is no error."""
        request = self._requests.pop(request_id, None)
        if request is not None:
            self._forget(request)

    def step(self) -> list[RequestOutput]:
        """Encodes who was admitted, advances everybody by one token."""
        outputs = self._expire()
        batch = self._scheduler.schedule()
        for request in batch.encode:
            request.admitted_s = self._clock()
        self._num_decoded = batch.num_rows
        scores = self._runner.run(batch)
        for request in batch.decode:
            request.num_computed += 1
        deciding = [
            request
            for request in batch.decode
            if request.num_computed == len(request.search.sequences[0])
        ]
        if scores is not None:
            decided = self._decide(deciding, scores)
            outputs.extend(self._advance(request, found) for request, found in decided)
        return outputs

    def stats(self) -> EngineStats:
        """Who waits, who runs, and how full the cache is."""
        scheduler = self._scheduler
        return EngineStats(
            num_waiting=scheduler.num_waiting,
            num_running=scheduler.num_running,
            num_rows=scheduler.num_rows_taken,
            num_decoded=self._num_decoded,
            max_rows=scheduler.max_rows,
        )

    def check_invariants(self) -> None:
        """Raises when a row or a memory is lost, or held by nobody or by two."""
        self._scheduler.check_invariants()
        known = set(self._requests)
        if {request.request_id for request in self._scheduler.requests()} != known:
            raise RuntimeError("the scheduler and the engine disagree on which requests exist")
        if not set(self._samplers) <= known:
            raise RuntimeError("a finished request still has random numbers")

    def _make_search(self, prompt: Prompt, params: GenerationParams) -> Search:
        hidden, forced = prompt.decoder_prefix_ids, prompt.forced_bos_id
        if forced is None:
            forced = self._rules.forced_bos_id
        if params.target_prefix_ids and len(hidden) == 1 and forced is not None:
            hidden = (*hidden, forced)
        frame = Frame(
            prefix_ids=(*hidden, *params.target_prefix_ids),
            num_hidden=len(hidden),
            max_new_tokens=params.max_new_tokens,
            eos_ids=self._rules.eos_ids,
            forces_end=self._rules.forced_eos_id is not None,
            forced_bos_id=forced,
        )
        if params.num_beams == 1:
            return IndependentSearch(frame, num_hypotheses=params.num_rows)
        return BeamSearch(
            frame,
            num_beams=params.num_beams,
            num_return=params.num_return,
            length_penalty=params.length_penalty,
            early_stopping=params.early_stopping,
        )

    def _decide(
        self, requests: list[Request], scores: Scores
    ) -> list[tuple[Request, list[list[Candidate]]]]:
        """Each request with its hypotheses' candidates: forced ones, or the network's choice."""
        forced: dict[str, int] = {}
        for request in requests:
            token_id = forced_token(request.search, self._rules)
            if token_id is not None:
                forced[request.request_id] = token_id
        free = [request for request in requests if request.request_id not in forced]
        chosen = iter(self._chooser.choose(scores, free, self._samplers) if free else [])
        return [
            (request, [[Candidate(forced[request.request_id], 0.0)] for _ in request.rows])
            if request.request_id in forced
            else (request, next(chosen))
            for request in requests
        ]

    def _advance(self, request: Request, candidates: list[list[Candidate]]) -> RequestOutput:
        if request.first_token_s is None:
            request.first_token_s = self._clock()
        parents = request.search.advance(candidates)
        if not all(candidates):
            self._runner.scrub()
        new_token_ids: tuple[int, ...] = ()
        if request.params.num_rows == 1:
            chosen = (candidate.token_id for candidate in candidates[0])
            new_token_ids = tuple(token for token in chosen if token not in self._rules.eos_ids)
        if not parents:
            return self._finish(request, new_token_ids)
        self._reassign_rows(request, parents)
        return RequestOutput(request_id=request.request_id, new_token_ids=new_token_ids)

    def _reassign_rows(self, request: Request, parents: list[int]) -> None:
        """Each one inherits its parent's row; of several with one parent, all but one copy."""
        if parents == list(range(len(request.rows))):
            return
        rows: list[int] = []
        copies: list[tuple[int, int]] = []
        claimed = {parent: request.rows[parent] for parent in parents}
        spare = [row for row in request.rows if row not in claimed.values()]
        for parent in parents:
            row = claimed.pop(parent, None)
            if row is None:
                row = spare.pop()
                copies.append((request.rows[parent], row))
            rows.append(row)
        self._runner.copy_rows(copies, num_keys=request.num_computed)
        self._scheduler.resize_rows(request, keep=rows)

    def _finish(self, request: Request, new_token_ids: tuple[int, ...]) -> RequestOutput:
        hypotheses = request.search.finished()
        del self._requests[request.request_id]
        self._forget(request)
        return RequestOutput(
            request_id=request.request_id,
            new_token_ids=new_token_ids,
            finish_reason=hypotheses[0].finish_reason if hypotheses else FinishReason.ERROR,
            hypotheses=hypotheses,
            timing=Timing.of(request, self._clock()),
        )

    def _expire(self) -> list[RequestOutput]:
        now = self._clock()
        late = [
            r for r in self._requests.values() if r.deadline_s is not None and r.deadline_s <= now
        ]
        for request in late:
            del self._requests[request.request_id]
            self._forget(request)
        return [
            RequestOutput(
                request_id=request.request_id,
                finish_reason=FinishReason.DEADLINE,
                timing=Timing.of(request, now),
            )
            for request in late
        ]

    def _forget(self, request: Request) -> None:
        self._scheduler.finish(request)
        self._samplers.pop(request.request_id, None)
