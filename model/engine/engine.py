"""The engine: decodes requests in a continuous batch, one step at a time.

    engine.add_request("a", prompt, params)
    while engine.has_work:
        for output in engine.step():
            ...

An engine is not thread-safe, does no input or output, and handles token ids only.
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
from model.engine.lookahead import Step, continues_from_best
from model.engine.out_of_memory import is_out_of_memory
from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.request import Request, RequestOutput, Timing
from model.engine.run_limit import run_limit_s
from model.engine.runner import OnProgress, RowCopy, RunnerOutput
from model.engine.runners.make_runner import MakeRunner, make_runner
from model.engine.scheduler import Scheduler
from model.engine.search.branching import inherit_rows
from model.engine.search.make_search import make_search
from model.engine.search.repetition import allow_repeats_of
from model.engine.search.search import Extension, Hypothesis
from model.engine.stats import EngineStats
from model.errors import InvalidParamsError
from model.tokenizer.prompt import Prompt
from model.transformer.seq2seq import Seq2SeqTransformer

Decided = tuple[Request, Candidates]

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
        self._scheduler = Scheduler(
            config, num_rows=self._runner.num_rows, num_blocks=self._runner.num_blocks
        )
        self._chooser = Chooser(rules)
        self._requests: dict[str, Request] = {}
        self._samplers: dict[str, Sampler] = {}
        self._ahead: Step | None = None
        self._num_decoded = self._num_steps = 0  # of the last step

    def warm_up(
        self, *, widths: Sequence[int] = (1,), on_progress: OnProgress = lambda *_: None
    ) -> None:
        """Prepare for later steps, as `Runner.warm_up`; call it before the first request."""
        assert not self.has_work
        self._runner.warm_up(widths=widths, on_progress=on_progress)

    @property
    def has_work(self) -> bool:
        """True if a request is unfinished."""
        return bool(self._requests)

    @property
    def is_ahead(self) -> bool:
        """True if a step was started whose scores have not been read yet."""
        return self._ahead is not None

    def add_request(
        self,
        request_id: str,
        prompt: Prompt,
        params: GenerationParams,
        *,
        priority: Priority = Priority.INTERACTIVE,
        group: str = "",
        deadline_s: float | None = None,
    ) -> None:
        """Queue a request; it joins the batch at the next step that has room.

        Args:
            request_id: Unique among unfinished requests.
            prompt: Source and decoder prefix.
            params: Generation parameters.
            priority: Class in the queue.
            group: Requests of one group share its turns; empty: it is the only one of its group.
            deadline_s: Absolute, on the engine's clock (`time.monotonic` unless another was given);
                the first step at or after it ends the request with DEADLINE.

        Raises:
            InputTooLongError: The source exceeds `max_source_tokens`.
            InvalidParamsError: As `check_request`; or the request_id is in use.
            QueueFullError: `max_waiting` requests wait.
        """
        if request_id in self._requests:
            raise InvalidParamsError("request_id", f"{request_id!r} is in use")
        config, limits = self._network_config, self.config
        rows, blocks = self._runner.num_rows, self._runner.num_blocks
        check_request(
            prompt, params, config=config, limits=limits, num_rows=rows, num_blocks=blocks
        )
        request = Request(
            request_id=request_id,
            prompt=prompt,
            params=allow_repeats_of(prompt.encoder_ids, params),
            search=make_search(prompt, params, self._rules),
            priority=priority,
            group=group,
            deadline_s=deadline_s,
            arrival_s=self._clock(),
        )
        self._scheduler.add(request)
        self._requests[request_id] = request
        if request.do_sample:
            self._samplers[request_id] = Sampler(params)

    def abort(self, request_id: str) -> None:
        """Remove a request and free its rows at once; ignore an unknown request_id."""
        request = self._requests.pop(request_id, None)
        if request is not None:
            self._release(request)

    def interrupt(self) -> None:
        """Make a `step` of several tokens return after the current one; callable in any thread."""
        self._runner.interrupt()

    def step(self) -> list[RequestOutput]:
        """Admit and encode waiting requests, then advance all running ones by a token or more.

        They advance by more where the runner can choose tokens itself and no request ends before
        the last of them, within `EngineConfig.run_on_s` and the nearest deadline.

        After an out-of-memory error all running requests are computed anew, fewer at once, which
        changes none of their tokens.
        """
        outputs = self._end_late_requests()
        try:
            self._step(outputs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            return outputs
        # After the handler: the error keeps the tensors of the step alive.
        return outputs + self._start_over(reason)

    def trim(self) -> None:
        """Return cache memory to the system that no request has used since the last call."""
        self._runner.trim(self._scheduler.end_of_use() if self.has_work else 0)

    def stats(self) -> EngineStats:
        """Return counts of waiting and running requests and the use of the cache."""
        return self._scheduler.stats(num_decoded=self._num_decoded, num_steps=self._num_steps)

    def check_invariants(self) -> None:
        """Raise RuntimeError if a row or block is lost, or owned by two requests or by none."""
        self._scheduler.check_invariants()
        known = set(self._requests)
        if {request.request_id for request in self._scheduler.requests()} != known:
            raise RuntimeError("the scheduler and the engine disagree on which requests exist")
        if not set(self._samplers) <= known:
            raise RuntimeError("a finished request still has a sampler")

    def _step(self, outputs: list[RequestOutput]) -> None:
        """Take one step; append to `outputs` at once, as a later part may run out of memory."""
        step = self._next_step()
        self._ahead = self._start_ahead(step)
        self._num_decoded, self._num_steps = step.batch.num_rows, step.output.num_steps
        for request, extension in step.output.extensions:
            outputs.append(self._extend(request, extension))
        for request in step.batch.decode:
            request.num_computed += step.output.num_steps
        deciding = [r for r in step.batch.decode if r.num_computed == len(r.search.sequences[0])]
        if step.scores is not None and deciding:
            chosen = self._chooser.choose(step.scores, deciding, self._samplers)
            self._advance(list(zip(deciding, chosen, strict=True)), outputs)

    def _next_step(self) -> Step:
        """Return the step that was started ahead, or start one."""
        if self._ahead is not None:
            step = self._ahead.without_finished()
            if step is not None:
                return step
        batch = self._scheduler.schedule()
        for request in batch.encode:
            if request.admitted_s is None:
                request.admitted_s = self._clock()
        seconds = run_limit_s(
            batch.decode, self._requests.values(), run_on_s=self.config.run_on_s, clock=self._clock
        )
        return Step(batch, self._runner.run(batch, seconds=seconds))

    def _start_ahead(self, step: Step) -> Step | None:
        """Start the step after this one if this step's scores cannot change its batch."""
        is_certain = (
            self._runner.runs_ahead
            and step.scores is not None
            and step.is_whole
            and not self._scheduler.can_admit
            and continues_from_best(step.batch.decode, self._rules)
        )
        scores = self._runner.run_ahead(step.batch) if is_certain else None
        if scores is None:
            return None
        return Step(Batch(decode=step.batch.decode), RunnerOutput(scores))

    def _advance(self, decided: list[Decided], outputs: list[RequestOutput]) -> None:
        """Give every search its candidates; then copy cache rows, for all requests at once."""
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

    def _extend(self, request: Request, extension: Extension) -> RequestOutput:
        request.search.extend(extension)
        request.note_token(self._clock())
        new_token_ids = tuple(extension.token_ids[0]) if request.width == 1 else ()
        return RequestOutput(request.request_id, new_token_ids)

    def _output(self, request: Request, candidates: Candidates, *, is_over: bool) -> RequestOutput:
        request.note_token(self._clock())
        new_token_ids: tuple[int, ...] = ()
        if request.width == 1:
            new_token_ids = tuple([c[0] for c in candidates[0] if c[0] not in self._rules.eos_ids])
        if not is_over:
            return RequestOutput(request.request_id, new_token_ids)
        hypotheses = request.search.finished()
        reason = hypotheses[0].finish_reason if hypotheses else FinishReason.ERROR
        return self._finish(request, reason, new_token_ids, hypotheses)

    def _finish(
        self,
        request: Request,
        reason: FinishReason,
        new_token_ids: tuple[int, ...] = (),
        hypotheses: tuple[Hypothesis, ...] = (),
    ) -> RequestOutput:
        """Remove a request and return its last output."""
        del self._requests[request.request_id]
        self._release(request)
        timing = Timing.of(request, self._clock())
        return RequestOutput(request.request_id, new_token_ids, reason, hypotheses, timing)

    def _release(self, request: Request) -> None:
        self._scheduler.finish(request)
        self._samplers.pop(request.request_id, None)

    def _end_late_requests(self) -> list[RequestOutput]:
        now = self._clock()
        late = [request for request in self._requests.values() if request.is_late(now)]
        return [self._finish(request, FinishReason.DEADLINE) for request in late]

    def _start_over(self, reason: str) -> list[RequestOutput]:
        """Requeue all running requests with the tokens they have, and run fewer at once.

        Fewer is impossible where one request ran alone: it ends if it got no further than at its
        last failure.
        """
        self._ahead = None
        numbers: dict[str, object] = {"rows": self._scheduler.num_rows_taken, "reason": reason}
        restarted = self._scheduler.start_over()
        self._runner.release()
        numbers |= {"requests": len(restarted), "max_rows": self._scheduler.max_rows}
        _log.warning("out of memory", extra=numbers)
        if len(restarted) > 1:
            return []
        stuck = [request for request in restarted if request.failed_alone_at == request.length]
        for request in restarted:
            request.failed_alone_at = request.length
        return [self._finish(request, FinishReason.OUT_OF_MEMORY) for request in stuck]
