"""The engine: requests in, tokens out, one step at a time.

    engine.add_request("a", prompt, params)
    while engine.has_work:
        for output in engine.step():
            ...

It belongs to one thread, does no input or output, and knows neither text nor families.
"""

import logging
import time
from collections.abc import Callable, Sequence

import torch

from model.engine.batch import Batch
from model.engine.checks import check_request, check_setup
from model.engine.choosing.chooser import Candidates, Chooser
from model.engine.choosing.sampler import Sampler
from model.engine.config import EngineConfig, TokenRules
from model.engine.lookahead import Step, goes_on_from_best
from model.engine.out_of_memory import is_out_of_memory
from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.request import Request, RequestOutput, Timing
from model.engine.runner import OnProgress, Progress, RowCopy
from model.engine.runners.make_runner import MakeRunner, make_runner
from model.engine.scheduler import Scheduler
from model.engine.search.branching import inherit_rows
from model.engine.search.make_search import make_search
from model.engine.search.repetition import allow_repeats_of
from model.engine.search.search import Growth
from model.engine.stats import EngineStats
from model.errors import InvalidParamsError
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer

_UNSHOWN_FACTOR = 5  # as in `EngineConfig.run_on_s`, where nobody has tokens to show

_log = logging.getLogger(__name__)


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
        self._ahead: Step | None = None
        self._num_decoded = 0
        self._num_steps = 0

    def warm_up(
        self, *, widths: Sequence[int] = (1,), on_progress: OnProgress = lambda *_: None
    ) -> None:
        """Prepares whatever makes later steps faster; before the first request.

        Args:
            widths: the numbers of rows that most requests will have; 1 for greedy decoding.
            on_progress: told how many of how many parts are done.
        """
        assert not self.has_work
        self._runner.warm_up(widths=widths, on_progress=on_progress)

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
        if params.num_rows > self._runner.num_rows:
            raise InvalidParamsError(
                "num_return" if params.do_sample else "num_beams",
                f"{params.num_rows} is above the {self._runner.num_rows} rows of the cache",
            )
        request = Request(
            request_id=request_id,
            prompt=prompt,
            params=allow_repeats_of(prompt.encoder_ids, params),
            search=make_search(prompt, params, self._rules),
            priority=priority,
            deadline_s=deadline_s,
            arrival_s=self._clock(),
        )
        self._scheduler.add(request)
        self._requests[request_id] = request
        if request.do_sample:
            self._samplers[request_id] = Sampler(params)

    def abort(self, request_id: str) -> None:
        """Forgets a request and frees its rows at once; an unknown one is no error."""
        request = self._requests.pop(request_id, None)
        if request is not None:
            self._forget(request)

    def interrupt(self) -> None:
        """Lets a `step` that brings several tokens return early; from any thread."""
        self._runner.interrupt()

    def step(self) -> list[RequestOutput]:
        """Encodes who was admitted, advances everybody by one token, or by several.

        By several where until the last of them nobody ends or has to be asked, for as long as
        `EngineConfig` allows and nobody's deadline is over.

        When memory runs out in the middle, everybody begins anew, fewer at once, and gets what it
        would have got.
        """
        outputs = self._expire()
        try:
            self._step(outputs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            return outputs
        # Out here: the error held on to what the step had in its hands.
        return outputs + self._start_over(reason)

    def stats(self) -> EngineStats:
        """Who waits, who runs, and how full the cache is."""
        scheduler = self._scheduler
        return EngineStats(
            num_waiting=scheduler.num_waiting,
            num_running=scheduler.num_running,
            num_rows=scheduler.num_rows_taken,
            num_decoded=self._num_decoded,
            num_steps=self._num_steps,
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

    def _step(self, outputs: list[RequestOutput]) -> None:
        """One step; what it brings is added to `outputs` as it comes."""
        step = (self._ahead and self._ahead.of_living()) or self._start_step()
        self._ahead = self._start_ahead(step)
        self._num_decoded, self._num_steps = step.batch.num_rows, step.progress.num_steps
        for request, growth in step.progress.grown:
            outputs.append(self._grow(request, growth))  # one by one: memory may run out
        for request in step.batch.decode:
            request.num_computed += step.progress.num_steps
        deciding = [
            request
            for request in step.batch.decode
            if request.num_computed == len(request.search.sequences[0])
        ]
        if step.scores is not None and deciding:
            chosen = self._chooser.choose(step.scores, deciding, self._samplers)
            self._advance(list(zip(deciding, chosen, strict=True)), outputs)

    def _start_step(self) -> Step:
        batch = self._scheduler.schedule()
        for request in batch.encode:
            if request.admitted_s is None:
                request.admitted_s = self._clock()
        return Step(batch, self._runner.run(batch, seconds=self._run_on_s(batch.decode)))

    def _run_on_s(self, requests: Sequence[Request]) -> float:
        """For how long steps may follow each other unseen."""
        if any(not request.has_begun for request in requests):
            return 0.0  # a first token is not held back
        shows_tokens = any(request.width == 1 for request in requests)
        seconds = self.config.run_on_s * (1 if shows_tokens else _UNSHOWN_FACTOR)
        deadlines = [r.deadline_s for r in self._requests.values() if r.deadline_s is not None]
        return min(seconds, max(0.0, min(deadlines) - self._clock())) if deadlines else seconds

    def _start_ahead(self, step: Step) -> Step | None:
        """The step after this one, if nothing that may come of this one can make it another."""
        if not self._runner.runs_ahead or step.scores is None:
            return None
        if self._scheduler.can_admit or not step.is_whole:
            return None
        if not goes_on_from_best(step.batch.decode, self._rules):
            return None
        scores = self._runner.run_ahead(step.batch)
        if scores is None:
            return None
        return Step(Batch(decode=step.batch.decode), Progress(scores))

    def _advance(
        self,
        decided: list[tuple[Request, Candidates]],
        outputs: list[RequestOutput],
    ) -> None:
        """Every search takes its candidates; then the caches follow, for all of them at once."""
        copies: list[RowCopy] = []
        for request, candidates in decided:
            parents = request.search.advance(candidates)
            outputs.append(self._output(request, candidates, is_over=not parents))
            if len(request.rows) > 1 and parents and parents != list(range(len(request.rows))):
                rows, new = inherit_rows(request.rows, parents)
                self._scheduler.resize_rows(request, keep=rows)
                copies += [RowCopy(*copy, request.num_computed) for copy in new]
        if not all(all(candidates) for _, candidates in decided):
            self._runner.scrub()
        if copies:
            self._runner.copy_rows(copies)

    def _grow(self, request: Request, growth: Growth) -> RequestOutput:
        request.search.grow(growth)
        if request.first_token_s is None:
            request.first_token_s = self._clock()
        new_token_ids = tuple(growth.token_ids[0]) if request.width == 1 else ()
        return RequestOutput(request.request_id, new_token_ids)

    def _output(self, request: Request, candidates: Candidates, *, is_over: bool) -> RequestOutput:
        if request.first_token_s is None:
            request.first_token_s = self._clock()
        new_token_ids: tuple[int, ...] = ()
        if request.width == 1:
            new_token_ids = tuple([c[0] for c in candidates[0] if c[0] not in self._rules.eos_ids])
        if is_over:
            return self._finish(request, new_token_ids)
        return RequestOutput(request.request_id, new_token_ids)

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
        return [self._end(request, FinishReason.DEADLINE) for request in late]

    def _start_over(self, reason: str) -> list[RequestOutput]:
        """Everybody who runs begins anew, with what was generated so far, and fewer at once.

        A request that runs alone has nobody to make room for it: if it gets no further than the
        last time, it ends.
        """
        self._ahead = None
        num_rows = self._scheduler.num_rows_taken
        restarted = self._scheduler.start_over()
        self._runner.release()
        _log.warning(
            "out of memory",
            extra={
                "requests": len(restarted),
                "rows": num_rows,
                "max_rows": self._scheduler.max_rows,
                "reason": reason,
            },
        )
        if len(restarted) > 1:
            return []
        stuck = [request for request in restarted if request.failed_alone_at == request.length]
        for request in restarted:
            request.failed_alone_at = request.length
        return [self._end(request, FinishReason.OUT_OF_MEMORY) for request in stuck]

    def _end(self, request: Request, reason: FinishReason) -> RequestOutput:
        """What a request gets that ends without an answer."""
        del self._requests[request.request_id]
        self._forget(request)
        return RequestOutput(
            request_id=request.request_id,
            finish_reason=reason,
            timing=Timing.of(request, self._clock()),
        )

    def _forget(self, request: Request) -> None:
        self._scheduler.finish(request)
        self._samplers.pop(request.request_id, None)
